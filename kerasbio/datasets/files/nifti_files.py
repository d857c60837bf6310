"""NIfTI files, read in one orientation, and masks written on the grid of a volume."""

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.datasets.files.volumes import (
    Grid,
    Volume,
    VolumeFile,
    check_size,
    import_reader,
    open_on_grid,
    reason,
    to_stored,
)
from kerasbio.errors import KerasbioError

ENDINGS = (".nii", ".nii.gz")
#: Bytes of a header: NIfTI-1 and NIfTI-2.
SIZES = {348: "Nifti1Image", 540: "Nifti2Image"}
#: Most that deflate makes of a byte (zlib's technical notes).
LARGEST_RATIO = 1032
#: Millimetres of the unit of length that a header names by code; 0 names none.
MILLIMETRES = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
#: Millimetres of a side of a voxel, and of all places, beyond which a header is broken.
SMALLEST, LARGEST = 1e-7, 1e7
#: What a header says of intensities, which a mask has not.
TEXTS = ("intent_name", "descrip", "aux_file")
NUMBERS = ("intent_code", "cal_min", "cal_max", "scl_slope", "scl_inter")
ERRORS = (OSError, EOFError, ValueError, KeyError, OverflowError, zlib.error)


def open_nifti(path: Path) -> VolumeFile:
    """Return a NIfTI-1 or NIfTI-2 file of which only the header is read.

    Args:
        path: A file `.nii` or `.nii.gz` of three axes; a fourth of length 1 is left out.

    Raises:
        KerasbioError: If it is no such file, is too large or cut off, or its header says nothing
            that can be used of size, type or place.
    """
    nib = import_reader("nibabel", path, "NIfTI")
    header, shape = _read_header(nib, path)
    kind = header.get_data_dtype()
    if kind.kind not in "iuf":
        raise KerasbioError(f"{path} holds {kind}: save it as whole numbers or floats")
    offset = int(header["vox_offset"])
    needed = offset + kind.itemsize * int(np.prod(shape, dtype=np.int64))
    size = path.stat().st_size
    if size * (LARGEST_RATIO if path.suffix.lower() == ".gz" else 1) < needed:
        raise KerasbioError(
            f"{path} is cut off: its header promises {needed:,} bytes and the file has {size:,}: "
            "copy it again"
        )
    grid = Grid(shape, _affine(nib, path, header), header)

    def load(as_mask: bool) -> np.ndarray:
        try:
            proxy = nib.arrayproxy.ArrayProxy(str(path), header)
            # Scaled in single precision; a mask stays of the type that is stored.
            with np.errstate(all="ignore"):
                values = np.asarray(proxy, None if as_mask else np.float32)
        except (*ERRORS, nib.spatialimages.HeaderDataError) as error:
            raise KerasbioError(f"{path} cannot be read ({reason(error)}): copy it again") from None
        return values.reshape(shape)

    return open_on_grid(path, grid, load)


def _read_header(nib: Any, path: Path) -> tuple[Any, tuple[int, ...]]:
    try:
        with nib.openers.ImageOpener(str(path)) as file:
            block = file.read(max(SIZES))
    except ERRORS as error:
        raise KerasbioError(f"{path} cannot be read ({reason(error)}): copy it again") from None
    size = 348 if block[344:347] == b"n+1" else 540 if block[4:7] == b"n+2" else 0
    if not 0 < size <= len(block):
        raise KerasbioError(f"{path} is no NIfTI file: replace or remove it")
    try:
        # Without nibabel's repairs, which would pass a size of 0 mm for 1 mm.
        header = getattr(nib, SIZES[size]).header_class(block[:size], check=False)
        shape = tuple(int(side) for side in header.get_data_shape())
        header.get_data_dtype()
    except (*ERRORS, nib.spatialimages.HeaderDataError) as error:
        raise KerasbioError(f"{path} has a broken header ({reason(error)}): save it anew") from None
    check_size(path, shape)
    if len(shape) > 3 and max(shape[3:]) == 1:
        shape = shape[:3]
    if len(shape) != 3:
        raise KerasbioError(
            f"{path} has {len(shape)} axes ({' x '.join(map(str, shape))}) and 3 are expected: "
            "save each time or channel as a file of its own"
        )
    return header, shape


def _affine(nib: Any, path: Path, header: Any) -> np.ndarray:
    """Return `(4, 4)` from stored indices to millimetres."""
    code = int(header["xyzt_units"]) & 7
    try:
        with np.errstate(all="ignore"):
            affine = np.array(header.get_best_affine(), np.float64)
            affine[:3] *= MILLIMETRES.get(code, np.nan)
            sides = np.linalg.norm(affine[:3, :3], axis=0)
            turned = abs(np.linalg.det(affine[:3, :3] / sides))
    except (*ERRORS, nib.spatialimages.HeaderDataError) as error:
        raise KerasbioError(f"{path} has a broken header ({reason(error)}): save it anew") from None
    # Written so that NaN fails too.
    if not (turned > 1e-3 and np.min(sides) > SMALLEST and np.abs(affine).max() < LARGEST):
        raise KerasbioError(
            f"{path} does not say where its voxels lie (its axes are {affine[:3].tolist()} mm, in "
            f"the unit of code {code}): correct its header"
        )
    return affine


def mask_to_nifti(mask: np.ndarray, volume: Volume, compressed: bool) -> bytes:
    """Return a mask as a NIfTI file on the stored grid of a volume.

    Axes, affine, qform and sform with their codes, sizes and units are those of the file that the
    volume was read from; a volume of another kind gets both forms in millimetres.

    Args:
        mask: `(slices, rows, columns)` integers.
        volume: What the mask belongs to.
        compressed: Whether to make a `.nii.gz`.
    """
    nib = import_reader("nibabel", volume.path, "to be written as NIfTI")
    grid = volume.grid
    if grid is not None and grid.header is not None:
        header = grid.header.copy()
        for name in TEXTS:
            header[name] = b""
        for name in NUMBERS:
            header[name] = 0
        kind = nib.Nifti2Image if header.sizeof_hdr == 540 else nib.Nifti1Image
        # None keeps both forms of the header as they are.
        image = kind(to_stored(mask, grid), None, header)
    else:
        if grid is None:
            # So placed, it is read as it was written.
            back = [-1.0, -1.0, 1.0] * np.array((volume.spacing or (1.0,) * 3)[::-1])
            grid = Grid(mask.shape[::-1], np.diag([*back, 1.0]), None)
        image = nib.Nifti1Image(to_stored(mask, grid), None)
        if volume.spacing is not None:
            image.header.set_xyzt_units("mm")
        _set_forms(image.header, grid.affine, 2 if volume.affine is None else 1)
    image.set_data_dtype(mask.dtype)
    content = image.to_bytes()
    # Without the time, so that equal masks are equal files.
    return gzip.compress(content, 6, mtime=0) if compressed else content


def _set_forms(header: Any, affine: np.ndarray, code: int) -> None:
    """Set the sizes, the sform and, unless the slices are tilted, the qform."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    header.set_zooms(sizes)
    header.set_sform(affine, code)
    cosines = affine[:3, :3] / sizes
    if np.allclose(cosines.T @ cosines, np.eye(3), atol=1e-4):
        header.set_qform(affine, code)
