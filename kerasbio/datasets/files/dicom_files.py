"""A DICOM series in a folder, one slice per file, as one volume."""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasbio.datasets.files.volumes import (
    Grid,
    VolumeFile,
    check_size,
    import_reader,
    open_on_grid,
    reason,
)
from kerasbio.errors import KerasbioError

#: What must be in the header of each slice.
TAGS = ("SeriesInstanceUID", "Rows", "Columns", "PixelSpacing")
PLACES = ("ImagePositionPatient", "ImageOrientationPatient")
#: How far a slice may lie from where an even spacing would have it, in parts of that spacing.
UNEVEN = 0.1


class Slice(NamedTuple):
    """What the header of one file says.

    Attributes:
        file: The file.
        series: Identifier of its series.
        shape: Rows and columns.
        steps: Millimetres between rows, and between columns.
        axes: `(2, 3)` directions in which the column index, and the row index, grow.
        position: Centre of the first pixel, in millimetres to the left, back and top.
        thickness: Millimetres to the next slice, used where there is only one; 0 is not known.
    """

    file: Path
    series: str
    shape: tuple[int, int]
    steps: tuple[float, float]
    axes: np.ndarray
    position: np.ndarray
    thickness: float


def open_series(folder: Path) -> VolumeFile:
    """Return a DICOM series of which only the headers are read.

    Slices are put in order by their position along the normal of the slices, never by their
    names or numbers. Files that are no DICOM are passed over unless they are called `.dcm`.

    Args:
        folder: Holds the files of one series.

    Raises:
        KerasbioError: If there is no series or more than one, or a slice is missing, there twice,
            or not like the others in size, spacing or direction; names the file.
    """
    pydicom = import_reader("pydicom", folder, "a folder of DICOM files")
    slices = [_read_header(pydicom, file) for file in _list_files(pydicom, folder)]
    _check_alike(folder, slices)
    across, down = slices[0].axes
    normal = np.cross(across, down)
    slices.sort(key=lambda one: float(one.position @ normal))
    step = _step(folder, slices, normal)
    rows, columns = slices[0].shape
    shape = (columns, rows, len(slices))
    check_size(folder, shape)
    affine = np.eye(4)
    affine[:3, 0] = across * slices[0].steps[1]
    affine[:3, 1] = down * slices[0].steps[0]
    affine[:3, 2] = step
    affine[:3, 3] = slices[0].position
    # DICOM counts to the left and to the back.
    affine[:2] *= -1

    def load(as_mask: bool) -> np.ndarray:
        if as_mask:
            raise KerasbioError(
                f"{folder} is a DICOM series and a mask is expected: save the mask as NIfTI"
            )
        values = np.empty((len(slices), rows, columns), np.float32)
        for position, one in enumerate(slices):
            values[position] = _read_pixels(pydicom, one)
        return values.transpose(2, 1, 0)

    return open_on_grid(folder, Grid(shape, affine, None), load)


def _list_files(pydicom: Any, folder: Path) -> list[Path]:
    files = []
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.name.startswith(".") or file.name == "DICOMDIR":
            continue
        if pydicom.misc.is_dicom(file):
            files.append(file)
        elif file.suffix.lower() == ".dcm":
            raise KerasbioError(f"{file} is no DICOM file: replace or remove it")
    if not files:
        raise KerasbioError(
            f"{folder} holds no DICOM file: give the folder of one series, or a file"
        )
    return files


def _read_header(pydicom: Any, file: Path) -> Slice:
    with warnings.catch_warnings():
        # Of values that break the standard pydicom warns; those that are used are checked here.
        warnings.simplefilter("ignore")
        try:
            found = pydicom.dcmread(file, stop_before_pixels=True)
            if int(found.get("NumberOfFrames") or 1) > 1:
                raise KerasbioError(
                    f"{file} holds {found.NumberOfFrames} frames and one slice per file is "
                    "expected: convert it to NIfTI"
                )
            if lacking := [tag for tag in (*TAGS, *PLACES) if not found.get(tag)]:
                raise KerasbioError(
                    f"{file} lacks {', '.join(lacking)}: it is no slice of a volume"
                )
            if int(found.get("SamplesPerPixel") or 1) != 1:
                raise KerasbioError(f"{file} is in colour: a volume of one intensity is expected")
            return Slice(
                file,
                str(found.SeriesInstanceUID),
                (int(found.Rows), int(found.Columns)),
                (float(found.PixelSpacing[0]), float(found.PixelSpacing[1])),
                np.array(found.ImageOrientationPatient, np.float64).reshape(2, 3),
                np.array(found.ImagePositionPatient, np.float64).reshape(3),
                float(found.get("SpacingBetweenSlices") or found.get("SliceThickness") or 0),
            )
        except KerasbioError:
            raise
        except Exception as error:
            # Whatever a broken header makes pydicom raise.
            raise KerasbioError(f"{file} cannot be read ({reason(error)}): copy it again") from None


def _check_alike(folder: Path, slices: list[Slice]) -> None:
    first = slices[0]
    if count := len({one.series for one in slices}) - 1:
        other = next(one for one in slices if one.series != first.series)
        raise KerasbioError(
            f"{folder} holds {count + 1} series ({first.file.name} and {other.file.name} are of "
            "two): put each in a folder of its own"
        )
    for one in slices:
        if one.shape != first.shape:
            what = f"sizes: {first.shape} and {one.shape} pixels"
        elif not np.allclose(one.steps, first.steps, rtol=1e-3) or min(one.steps) <= 0:
            what = f"spacings: {first.steps} and {one.steps} mm"
        elif not np.allclose(one.axes, first.axes, atol=1e-3):
            what = f"directions: {first.axes.tolist()} and {one.axes.tolist()}"
        else:
            continue
        raise KerasbioError(
            f"{first.file} and {one.file.name} are of two {what}: keep slices of one kind in the "
            "folder"
        )
    if not np.allclose(first.axes @ first.axes.T, np.eye(2), atol=1e-3):
        raise KerasbioError(
            f"{first.file} has axes {first.axes.tolist()} that are not at right angles"
        )


def _step(folder: Path, slices: list[Slice], normal: np.ndarray) -> np.ndarray:
    """Return the way from a slice to the next, once all are found to be evenly spaced."""
    if len(slices) == 1:
        if slices[0].thickness <= 0:
            raise KerasbioError(f"{slices[0].file} is one slice without a thickness: give a series")
        return normal * slices[0].thickness
    positions = np.array([one.position for one in slices])
    gaps = np.diff(positions @ normal)
    usual = float(np.median(gaps))
    for gap, before, after in zip(gaps, slices, slices[1:], strict=False):
        if gap < UNEVEN * usual or gap <= 0:
            raise KerasbioError(
                f"{before.file} and {after.file.name} lie at the same place: keep one acquisition "
                "in the folder"
            )
        if gap > 1.5 * usual:
            raise KerasbioError(
                f"{folder} lacks {max(1, round(gap / usual) - 1)} slice(s): {before.file.name} and "
                f"{after.file.name} are {gap:.4g} mm apart and others {usual:.4g}: add what is "
                "missing"
            )
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    even = positions[0] + np.arange(len(slices))[:, None] * step
    off = np.linalg.norm(positions - even, axis=1)
    if off.max() > UNEVEN * np.linalg.norm(step):
        raise KerasbioError(
            f"{folder} is of mixed spacings: gaps from {gaps.min():.4g} to {gaps.max():.4g} mm, "
            f"and {slices[int(off.argmax())].file.name} is {off.max():.3g} mm off: resample it"
        )
    return step


def _read_pixels(pydicom: Any, one: Slice) -> np.ndarray:
    """Return the intensities of a slice, each with the scale of its own file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = pydicom.dcmread(one.file)
            pixels = np.asarray(found.pixel_array, np.float32)
            slope, intercept = found.get("RescaleSlope"), found.get("RescaleIntercept")
            scale = float(1 if slope is None else slope)
            pixels = pixels * np.float32(scale) + np.float32(intercept or 0)
        except Exception as error:
            # Compressed in a way that needs a library, or cut off.
            raise KerasbioError(
                f"{one.file} has pixels that cannot be read ({reason(error)}): copy it again, or "
                "save it without compression"
            ) from None
    if pixels.shape != one.shape:
        raise KerasbioError(
            f"{one.file} holds {pixels.shape} pixels, not {one.shape}: copy it again"
        )
    return pixels
