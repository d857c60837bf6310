"""A volume or image of a file, in one orientation, and the way back to the file's own."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasbio.errors import KerasbioError

#: Voxels times channels of the largest file that is read: 4 GiB as float32.
MAX_VOXELS = 2**30
#: Slices run upwards, rows to the back and columns to the left of the patient, as a radiologist
#: sees them and as an axial DICOM series stores them.
ORIENTATION = ("L", "P", "S")


class Grid(NamedTuple):
    """How a file stores its voxels.

    Attributes:
        shape: Voxels along each stored axis.
        affine: `(4, 4)` from stored indices to millimetres to the right, front and top.
        header: Header of the NIfTI file; None where there is none.
    """

    shape: tuple[int, ...]
    affine: np.ndarray
    header: Any


class Volume(NamedTuple):
    """What a file holds, in the orientation that all volumes share.

    Axes of a volume are (slices, rows, columns): upwards, to the back and to the left of the
    patient. Those of an image are (rows, columns).

    Attributes:
        values: `(*spatial, channels)` float32 intensities as they are stored, of CT in Hounsfield
            units; or `(*spatial)` integers of a mask.
        spacing: Millimetres per voxel of each spatial axis; None where the file does not say.
        affine: `(4, 4)` from indices of `values` to millimetres to the right, front and top; None
            where the file does not say.
        path: The file, or the folder of a DICOM series.
        grid: How the file stores it; None where it has no place in the patient.
    """

    values: np.ndarray
    spacing: tuple[float, ...] | None
    affine: np.ndarray | None
    path: Path
    grid: Grid | None

    @property
    def voxel_volume(self) -> float | None:
        """Volume of a voxel in ml; None for images and where the spacing is not known."""
        if self.affine is not None:
            # Slices of a tilted gantry make voxels that are no boxes.
            return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000
        if self.spacing is None or len(self.spacing) < 3:
            return None
        return float(np.prod(self.spacing)) / 1000


class VolumeFile(NamedTuple):
    """A file of which only the header is read.

    Attributes:
        path: The file, or the folder of a DICOM series.
        shape: Voxels along each spatial axis of the `Volume`.
        channels: Channels of each voxel.
        spacing: As in `Volume`.
        affine: As in `Volume`.
        grid: As in `Volume`.
        load: Function that reads `(*spatial, channels)` as float32, or, for a mask, in any type
            that keeps what is stored.
    """

    path: Path
    shape: tuple[int, ...]
    channels: int
    spacing: tuple[float, ...] | None
    affine: np.ndarray | None
    grid: Grid | None
    load: Callable[[bool], np.ndarray]

    def read(self) -> Volume:
        """Read the intensities.

        Raises:
            KerasbioError: If they cannot be read, or some are NaN or infinite.
        """
        values = np.ascontiguousarray(self.load(False))
        if bad := values.size - int(np.count_nonzero(np.isfinite(values))):
            raise KerasbioError(
                f"{self.path} holds {bad:,} voxels of NaN or infinity: set them to the value of air"
            )
        return Volume(values, self.spacing, self.affine, self.path, self.grid)

    def read_mask(self) -> Volume:
        """Read the class of each voxel, as uint8, or int32 where there are more than 256.

        Raises:
            KerasbioError: If it cannot be read, or holds anything but whole numbers from 0 on.
        """
        stored = self.load(True)
        if stored.shape[-1] != 1:
            raise KerasbioError(
                f"{self.path} has {stored.shape[-1]} channels or is in colour: a mask holds one "
                "class number per voxel"
            )
        stored = stored[..., 0]
        wrong = stored < 0
        if stored.dtype.kind not in "biu":
            # NaN is not equal to anything, infinity to its rounding.
            wrong |= ~np.isfinite(stored) | (stored != np.rint(stored))
        if wrong.any():
            found = stored[tuple(np.argwhere(wrong)[0])]
            raise KerasbioError(
                f"{self.path} holds {found:.6g} in {int(wrong.sum()):,} voxels: a mask holds "
                "class numbers, 0 for the background"
            )
        highest = int(stored.max())
        if highest > 65535:
            raise KerasbioError(
                f"{self.path} holds {highest}: a mask holds class numbers up to 65535"
            )
        values = np.ascontiguousarray(stored, np.uint8 if highest < 256 else np.int32)
        return Volume(values, self.spacing, self.affine, self.path, self.grid)


def check_size(path: Path, shape: tuple[int, ...]) -> None:
    """Raise unless a file's shape is one that can be read, before memory is taken for it."""
    sides = " x ".join(f"{side:,}" for side in shape)
    if not shape or min(shape) < 1:
        raise KerasbioError(f"{path} holds no voxel ({sides or 'no axis'}): replace or remove it")
    # Python integers, which cannot overflow.
    count = 1
    for side in shape:
        count *= int(side)
    if count > MAX_VOXELS:
        raise KerasbioError(
            f"{path} says that it holds {sides} = {count:,} voxels, and at most {MAX_VOXELS:,} "
            "(4 GiB) are read: crop or resample it"
        )


def open_on_grid(path: Path, grid: Grid, load: Callable[[bool], np.ndarray]) -> VolumeFile:
    """Return a file of one channel whose place in the patient is known.

    Args:
        path: The file.
        grid: How it stores its voxels.
        load: Function that reads an array of `grid.shape`; True where it is a mask.
    """
    from nibabel.orientations import apply_orientation, inv_ornt_aff

    turn = _turn(grid, back=False)
    shape = [0, 0, 0]
    for axis, side in enumerate(grid.shape):
        shape[int(turn[axis, 0])] = side
    affine = (grid.affine @ inv_ornt_aff(turn, grid.shape))[:, [2, 1, 0, 3]]
    spacing = tuple(float(step) for step in np.linalg.norm(affine[:3, :3], axis=0))

    def load_turned(as_mask: bool) -> np.ndarray:
        return apply_orientation(load(as_mask), turn).transpose(2, 1, 0)[..., None]

    return VolumeFile(path, tuple(reversed(shape)), 1, spacing, affine, grid, load_turned)


def to_stored(values: np.ndarray, grid: Grid) -> np.ndarray:
    """Return `(slices, rows, columns)` as the file of a grid stores it."""
    from nibabel.orientations import apply_orientation

    return apply_orientation(values.transpose(2, 1, 0), _turn(grid, back=True))


def _turn(grid: Grid, back: bool) -> np.ndarray:
    """Return nibabel's orientation from the stored axes to (left, back, top), or back."""
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    stored, standard = io_orientation(grid.affine), axcodes2ornt(ORIENTATION)
    return ornt_transform(standard, stored) if back else ornt_transform(stored, standard)


def import_reader(module: str, path: Path, kind: str) -> Any:
    """Return the module that reads a kind of file.

    Raises:
        KerasbioError: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise KerasbioError(
            f'{path} is {kind}: to read it, install it with: pip install "kerasbio[data]"'
        ) from None


def reason(error: BaseException) -> str:
    """Return what an error of a library says, on one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
