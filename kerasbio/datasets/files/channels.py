"""Channels of one scan in files of their own, as nnU-Net stores them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from kerasbio.datasets.files.image_files import ENDINGS as PICTURES
from kerasbio.datasets.files.volume_files import open_volume, split_name
from kerasbio.datasets.files.volumes import VolumeFile
from kerasbio.errors import KerasbioError

#: How far, in voxels, a channel or a mask may lie beside its image.
APART = 0.5
_NUMBERED = re.compile(r"(.+)_(\d{4})")


def split_channel(name: str) -> tuple[str, int] | None:
    """Return scan and number of a channel from `NAME_0000`, a file's name without its ending."""
    match = _NUMBERED.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def group_channels(files: Iterable[tuple[str, int, Path]]) -> dict[str, tuple[Path, ...]]:
    """Return the files of each scan by its name, in the order of their channels.

    Args:
        files: Scan and number of each channel, as from `split_channel`, and its file.

    Raises:
        KerasbioError: If the channels of a scan do not count from 0 on, each once.
    """
    scans: dict[str, list[tuple[int, Path]]] = {}
    for scan, number, file in files:
        scans.setdefault(scan, []).append((number, file))
    for scan, found in scans.items():
        found.sort()
        if [number for number, _ in found] != list(range(len(found))):
            raise KerasbioError(f"{found[0][1]}: the channels of {scan!r} must count from _0000 on")
    return {scan: tuple(file for _, file in found) for scan, found in scans.items()}


def find_scans(files: Sequence[Path | str], channels: int) -> list[tuple[str, list[Path]]]:
    """Return the scans that files are: each file one, or all channels of a scan together.

    Of several channels, files of one channel in one folder that are called, as those of nnU-Net,
    `NAME_0000`, `NAME_0001` and so on, are one scan; three pictures are no colours of one. A folder
    stands for the scans in it, unless it is that of a DICOM series.

    Args:
        files: Files, or folders of such; see `open_volume`.
        channels: Those of a scan.

    Returns:
        Name and files of each scan, in the order of their first files.

    Raises:
        KerasbioError: If a scan has another number of channels, or a numbered file cannot be read.
    """
    scans: dict[int, tuple[str, list[Path]]] = {}
    parts: dict[tuple[Path, str], list[tuple[int, int, Path]]] = {}
    for place, path in enumerate(each for file in files for each in _unfolded(Path(file))):
        name = path.name if path.is_dir() else split_name(path)[0]
        channel = split_channel(name) if channels > 1 else None
        if channel is None or not _is_part(path, channels):
            scans[place] = (name, [path])
        else:
            scan, number = channel
            parts.setdefault((path.parent.resolve(), scan), []).append((place, number, path))
    for (_, scan), found in parts.items():
        first, _, path = found[0]
        if len(found) != channels:
            raise KerasbioError(
                f"{path}: {len(found)} channel(s) of {scan!r} given and the network takes "
                f"{channels}: give {scan}_0000 to {scan}_{channels - 1:04d}"
            )
        ordered = group_channels((scan, number, path) for _, number, path in found)
        scans[first] = (scan, list(ordered[scan]))
    return [scans[place] for place in sorted(scans)]


def _unfolded(path: Path) -> list[Path]:
    """Return the scans in a folder that is no DICOM series, or the path itself."""
    if not path.is_dir():
        return [path]
    files = [file for file in sorted(path.iterdir()) if not file.name.startswith(".")]
    known = [file for file in files if split_name(file)[1]]
    return known if known and not any(map(_is_dicom, files)) else [path]


def _is_dicom(path: Path) -> bool:
    if path.is_dir():
        return False
    # Without pydicom, which who has other files need not have.
    with path.open("rb") as file:
        return path.suffix.lower() == ".dcm" or file.read(132)[128:] == b"DICM"


def _is_part(path: Path, channels: int) -> bool:
    """Return whether a file may be one of several channels."""
    is_picture = split_name(path)[1] in PICTURES
    return open_volume(path).channels == 1 and not (is_picture and channels == 3)


def open_channels(paths: Sequence[Path | str]) -> VolumeFile:
    """Open the files of the channels of one scan as one file, of the first's name.

    Args:
        paths: One file or several; see `open_volume`.

    Returns:
        The file, whose channels are those of all in their order.

    Raises:
        KerasbioError: As `open_volume`, and if a file does not lie where the first does.
    """
    files = [open_volume(path) for path in paths]
    first = files[0]
    for file in files[1:]:
        check_place(first, file, "channel")
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
