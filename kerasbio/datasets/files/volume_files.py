"""Volumes and images of any kind of file, in one orientation, and masks written like them."""

import io
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.datasets.files import image_files, nifti_files
from kerasbio.datasets.files.array_files import map_array, map_file, read_headers
from kerasbio.datasets.files.dicom_files import open_series
from kerasbio.datasets.files.image_files import read_image
from kerasbio.datasets.files.nifti_files import mask_to_nifti, open_nifti
from kerasbio.datasets.files.volumes import Volume, VolumeFile, check_size
from kerasbio.errors import KerasbioError
from kerasbio.training.files import replace_file

ARRAYS = (".npy", ".npz")
ENDINGS = (*nifti_files.ENDINGS, *image_files.ENDINGS, *ARRAYS)
#: Endings of what may lie beside images: notes, tables, and what a file manager leaves.
IGNORED = (".txt", ".md", ".json", ".csv", ".tsv", ".db", ".ini")
#: Pictures that keep a class number as it is; JPEG does not.
LOSSLESS = (".png", ".tif", ".tiff")
#: Most channels that the last axis of an array is taken for.
MOST_CHANNELS = 4


def split_name(path: Path) -> tuple[str, str]:
    """Return the name of a file without its ending, and the ending that is known, or `""`."""
    lower = path.name.lower()
    # The longest comes first: .nii.gz before .gz.
    ending = max((e for e in ENDINGS if lower.endswith(e)), key=len, default="")
    return path.name[: len(path.name) - len(ending)], ending


def open_volume(path: Path | str) -> VolumeFile:
    """Open a file of which, unless it is a picture, only the header is read.

    Args:
        path: NIfTI (`.nii`, `.nii.gz`); the folder of a DICOM series; PNG, JPEG or TIFF of one
            page; `.npy` or `.npz` of one array, `(rows, columns)`, `(slices, rows, columns)` or
            either with up to four channels last, beside which an `.npz` may hold `spacing` in
            millimetres. NIfTI and DICOM are turned, the others taken as they are.

    Returns:
        The file, to be read as intensities or as a mask.

    Raises:
        KerasbioError: If it is not as expected, or is larger than `MAX_VOXELS`.
    """
    path = Path(path)
    if path.is_dir():
        return open_series(path)
    if not path.exists():
        raise KerasbioError(f"{path} does not exist: give a file or the folder of a DICOM series")
    ending = split_name(path)[1]
    if ending in nifti_files.ENDINGS:
        return open_nifti(path)
    if ending in image_files.ENDINGS:
        return _open_picture(path, ending)
    if ending in ARRAYS:
        return _open_array(path, ending)
    if path.suffix.lower() == ".dcm":
        raise KerasbioError(f"{path} is one slice of DICOM: give the folder of its series")
    raise KerasbioError(
        f"{path} is of no kind that can be read ({', '.join(ENDINGS)} or the folder of a DICOM "
        "series): convert it"
    )


def read_volume(path: Path | str) -> Volume:
    """Read the intensities of a file; see `open_volume`.

    Raises:
        KerasbioError: As `open_volume`, and if intensities cannot be read, are NaN or infinite.
    """
    return open_volume(path).read()


def read_mask(path: Path | str) -> Volume:
    """Read a mask; see `open_volume`.

    Of a picture with a palette the indices are read, and one that holds 0 and 255 alone means 0
    and 1.

    Raises:
        KerasbioError: As `open_volume`, and if it holds anything but class numbers.
    """
    return open_volume(path).read_mask()


def mask_ending(volume: Volume | VolumeFile) -> str:
    """Return what the name of a file's mask should end in: `.nii.gz`, `.png` or `.npy`."""
    if volume.grid is not None:
        return ".nii.gz"
    return ".npy" if split_name(volume.path)[1] in ARRAYS else ".png"


def check_mask_path(path: Path, rank: int) -> None:
    """Raise unless a mask of two or three axes can be written to a new file of this name.

    Raises:
        KerasbioError: If the ending does not fit, the file exists, or its folder does not.
    """
    ending = split_name(path)[1]
    fitting = (*LOSSLESS, ".npy") if rank == 2 else (*nifti_files.ENDINGS, ".npy")
    if ending not in fitting:
        raise KerasbioError(
            f"{path} cannot hold a mask of {rank} axes: let its name end in {', '.join(fitting)}"
        )
    if path.exists():
        raise KerasbioError(f"{path} exists: choose another name")
    if not path.parent.is_dir():
        raise KerasbioError(f"{path.parent} is no folder: make it, or choose another")


def write_mask_like(mask: np.ndarray, volume: Volume, path: Path | str) -> None:
    """Write a mask so that it lies on the volume it was made from, in the volume's own file.

    A NIfTI file gets the stored axes of the volume's, the same affine, qform and sform with their
    codes, sizes and units, and integer values.

    Args:
        mask: `(*spatial)` integers or booleans, of the spatial shape of `volume.values`.
        volume: From `read_volume`.
        path: A new file: `.nii` or `.nii.gz` of a volume, `.png` or `.tif` of an image, `.npy`.

    Raises:
        ValueError: If the mask is not of that shape, or not of class numbers up to 65535.
        KerasbioError: If the ending does not fit, the file exists, or cannot be written.
    """
    path, mask = Path(path), np.asarray(mask)
    shape = volume.values.shape[:-1]
    if mask.shape != shape or mask.dtype.kind not in "biu":
        raise ValueError(
            f"mask must be integers of shape {shape}. Received: mask of shape {mask.shape}, "
            f"{mask.dtype}"
        )
    if mask.min() < 0 or mask.max() > 65535:
        raise ValueError(f"mask must be from 0 to 65535. Received: {mask.min()} to {mask.max()}")
    mask = mask.astype(np.uint8 if mask.max() < 256 else np.uint16)
    check_mask_path(path, mask.ndim)
    try:
        replace_file(path, _encode(mask, volume, split_name(path)[1]))
    except OSError as error:
        raise KerasbioError(
            f"{path} cannot be written ({error.strerror or error}): choose another place"
        ) from None


def _encode(mask: np.ndarray, volume: Volume, ending: str) -> bytes:
    if ending in nifti_files.ENDINGS:
        return mask_to_nifti(mask, volume, ending == ".nii.gz")
    buffer = io.BytesIO()
    if ending == ".npy":
        np.save(buffer, mask)
    else:
        from PIL import Image

        Image.fromarray(mask).save(buffer, "PNG" if ending == ".png" else "TIFF")
    return buffer.getvalue()


def _open_picture(path: Path, ending: str) -> VolumeFile:
    # Its header does not tell whether it is in colour; a picture is small.
    pixels = read_image(path)

    def load(as_mask: bool) -> np.ndarray:
        if not as_mask:
            return pixels
        if ending not in LOSSLESS:
            raise KerasbioError(f"{path} is a JPEG, which changes values: save the mask as PNG")
        labels = _palette_indices(path)
        if labels is None:
            labels = pixels
        # The way in which a mask of one class is drawn, so that the eye sees it.
        if labels.shape[-1] == 1 and np.isin(labels, (0, 255)).all():
            labels = (labels > 0).astype(np.uint8)
        return labels

    return VolumeFile(path, pixels.shape[:2], pixels.shape[-1], None, None, None, load)


def _palette_indices(path: Path) -> np.ndarray | None:
    """Return `(rows, columns, 1)` indices into the palette of a picture that has one."""
    from PIL import Image

    # It has been read once, and Pillow has warned.
    with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
        return np.array(image)[..., None] if image.mode == "P" else None


def _open_array(path: Path, ending: str) -> VolumeFile:
    spacing: Any = None
    if ending == ".npz":
        headers = read_headers(path)
        spaced = headers.pop("spacing", None)
        spacing = None if spaced is None else np.array(map_array(path, spaced), np.float64)
        if len(headers) != 1:
            raise KerasbioError(
                f"{path} holds {len(headers)} arrays beside 'spacing' and one is expected: save "
                "each to a file of its own"
            )
        (header,) = headers.values()
        stored = header.shape
    else:
        stored = map_file(path).shape
    check_size(path, stored)
    channels = len(stored) == 4 or (len(stored) == 3 and stored[-1] <= MOST_CHANNELS)
    spatial = stored[:-1] if channels else stored
    if len(spatial) not in (2, 3) or (channels and stored[-1] > MOST_CHANNELS):
        raise KerasbioError(
            f"{path} holds an array {stored}: (rows, columns) or (slices, rows, columns) is "
            f"expected, with up to {MOST_CHANNELS} channels last"
        )
    if spacing is not None:
        if spacing.shape != (len(spatial),) or not all(math.isfinite(s) and s > 0 for s in spacing):
            raise KerasbioError(
                f"{path}, array 'spacing' holds {spacing.tolist()}: {len(spatial)} lengths in "
                "millimetres are expected"
            )
        spacing = tuple(float(step) for step in spacing)

    def load(as_mask: bool) -> np.ndarray:
        array = map_array(path, header) if ending == ".npz" else map_file(path)
        array = array.reshape(*spatial, stored[-1] if channels else 1)
        return array if as_mask else array.astype(np.float32)

    return VolumeFile(path, spatial, stored[-1] if channels else 1, spacing, None, None, load)
