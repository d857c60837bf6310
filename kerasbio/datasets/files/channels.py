"""Channels of one scan in files of their own, as nnU-Net stores them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kerasbio.datasets.files.volume_files import open_volume
from kerasbio.datasets.files.volumes import VolumeFile
from kerasbio.errors import KerasbioError

#: How far, in voxels, a channel or a mask may lie beside its image.
APART = 0.5
_NUMBERED = re.compile(r"(.+)_(\d{4})")


def is_channel(name: str) -> bool:
    """Return whether the name of a file, without its ending, is that of a channel: `NAME_0000`."""
    return _NUMBERED.fullmatch(name) is not None


def group_channels(files: Iterable[tuple[str, Path]]) -> dict[str, tuple[Path, ...]]:
    """Return the files of each scan by its name, in the order of their channels.

    Args:
        files: Names for which `is_channel` holds, which may begin with a folder, and files.

    Raises:
        KerasbioError: If the channels of a scan do not count from 0 on, each once.
    """
    scans: dict[str, list[tuple[int, Path]]] = {}
    for name, file in files:
        scan, number = name[:-5], int(name[-4:])
        scans.setdefault(scan, []).append((number, file))
    for scan, found in scans.items():
        found.sort()
        if [number for number, _ in found] != list(range(len(found))):
            raise KerasbioError(
                f"{found[0][1]}: the channels of {Path(scan).name!r} must count from _0000 on"
            )
    return {scan: tuple(file for _, file in found) for scan, found in scans.items()}


def open_channels(paths: Sequence[Path | str]) -> VolumeFile:
    """Open the files of the channels of one scan as one file, of the first's name.

    Args:
        paths: One file or several; see `open_volume`.

    Raises:
        KerasbioError: As `open_volume`, and if a file does not lie where the first does.
    """
    files = [open_volume(path) for path in paths]
    first = files[0]
    for file in files[1:]:
        check_place(file, first, "channel")
    if len(files) == 1:
        return first

    def load(as_mask: bool) -> np.ndarray:
        # Each is read by itself, so that a broken one is named.
        return np.concatenate([file.read().values for file in files], axis=-1)

    return first._replace(channels=sum(file.channels for file in files), load=load)


def check_place(file: VolumeFile, other: VolumeFile, what: str) -> None:
    """Raise unless two files of a case have the same voxels.

    Args:
        file: The file of an image.
        other: Another that belongs to it.
        what: What the other is: `"channel"` or `"mask"`.
    """
    if file.shape != other.shape:
        sizes = [" x ".join(map(str, one.shape)) for one in (other, file)]
        raise KerasbioError(
            f"{other.path} has {sizes[0]} voxels and its image {file.path.name} {sizes[1]}: give "
            f"the {what} of this image"
        )
    if file.affine is None and other.affine is None:
        return
    if file.affine is None or other.affine is None:
        raise KerasbioError(
            f"{other.path} and {file.path.name} are of two kinds, of which one does not say where "
            "its voxels lie: save both as NIfTI"
        )
    # The corners lie furthest apart.
    corners = np.stack(np.meshgrid(*[(0, side - 1) for side in file.shape]), axis=-1).reshape(-1, 3)
    moved = (file.affine - other.affine) @ np.c_[corners, np.ones(len(corners))].T
    apart = float(np.linalg.norm(moved[:3], axis=0).max())
    if apart > APART * min(file.spacing or (1.0,)):
        raise KerasbioError(
            f"{other.path} lies up to {apart:.3g} mm beside its image {file.path.name}: give the "
            f"{what} the affine of its image"
        )
