"""A DICOM series is one volume, in order and in Hounsfield units, or is refused in one line."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless, generate_uid

from kerasbio.datasets.files.volume_files import (
    mask_ending,
    open_volume,
    read_volume,
    write_mask_like,
)
from kerasbio.errors import KerasbioError

SERIES = generate_uid()
AXIAL = (1, 0, 0, 0, 1, 0)


def write_slice(path, pixels, position, axes=AXIAL, spacing=(0.7, 0.9), leave=(), **tags):
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(path, {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.Modality = SERIES, "CT"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelSpacing, data.SliceThickness = list(spacing), 5
    data.ImageOrientationPatient, data.ImagePositionPatient = list(axes), list(position)
    data.RescaleSlope, data.RescaleIntercept = 1, -1024
    data.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    for name in leave:
        delattr(data, name)
    data.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 3000, (6, 4, 5), np.uint16)


def write_series(folder, pixels, step=2.5, places=None, **settings):
    """Write slices under names that are not in the order of their places."""
    for k in range(len(pixels)):
        z = -100 + step * k if places is None else places[k]
        name = f"{(7 * k) % 11:03}.dcm"
        write_slice(folder / name, pixels[k], (-20, -30, z), **settings)
    return folder


def refused(folder, *words, read=False):
    with pytest.raises(KerasbioError) as error:
        (read_volume if read else open_volume)(folder)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_slices_are_put_in_order_in_hounsfield_units(tmp_path, pixels):
    folder = write_series(tmp_path / "series", pixels)
    (folder / "DICOMDIR").write_text("x")
    (folder / "notes.txt").write_text("x")
    opened = open_volume(folder)
    assert opened.shape == (6, 4, 5) and opened.spacing == pytest.approx((2.5, 0.7, 0.9))
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.values[..., 0], pixels.astype(np.float32) - 1024)
    # An axial series is stored as it is seen; DICOM counts to the left and back, NIfTI not.
    first, last = volume.affine @ [0, 0, 0, 1], volume.affine @ [5, 3, 4, 1]
    np.testing.assert_allclose(first[:3], (20, 30, -100))
    np.testing.assert_allclose(last[:3], (20 - 4 * 0.9, 30 - 3 * 0.7, -100 + 5 * 2.5))
    assert volume.voxel_volume == pytest.approx(2.5 * 0.7 * 0.9 / 1000)


def test_a_mask_of_a_series_is_a_nifti_file_in_its_place(tmp_path, pixels):
    volume = read_volume(write_series(tmp_path / "series", pixels))
    mask = (volume.values[..., 0] > 500).astype(np.uint8)
    assert mask_ending(volume) == ".nii.gz"
    write_mask_like(mask, volume, tmp_path / "m.nii.gz")
    image = nib.load(tmp_path / "m.nii.gz")
    expected = np.diag([-0.9, -0.7, 2.5, 1])
    expected[:3, 3] = 20, 30, -100
    for form in (image.get_sform(), image.get_qform()):
        np.testing.assert_allclose(form, expected, atol=1e-5)
    assert image.header["qform_code"] == image.header["sform_code"] == 1
    assert image.header.get_xyzt_units()[0] == "mm"
    np.testing.assert_array_equal(np.asarray(image.dataobj), mask.transpose(2, 1, 0))
    again = read_volume(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(again.values[..., 0], mask)
    np.testing.assert_allclose(again.affine, volume.affine, atol=1e-5)


def test_a_sagittal_series_is_turned(tmp_path, pixels):
    # Columns to the back, rows downwards, slices to the left.
    for k in range(6):
        place = (10 + 3 * k, 0, 50)
        write_slice(tmp_path / f"{k}", pixels[k], place, axes=(0, 1, 0, 0, 0, -1))
    volume = read_volume(tmp_path)
    assert volume.spacing == pytest.approx((0.7, 0.9, 3))
    expected = pixels.astype(np.float32).transpose(1, 2, 0)[::-1] - 1024
    np.testing.assert_array_equal(volume.values[..., 0], expected)
    np.testing.assert_allclose(volume.affine @ [3, 0, 0, 1], (-10, 0, 50, 1), atol=1e-9)


def test_a_tilted_gantry_keeps_its_shear(tmp_path, pixels):
    for k in range(6):
        write_slice(tmp_path / f"{k}.dcm", pixels[k], (0, 0.5 * k, 2 * k))
    volume = read_volume(tmp_path)
    assert volume.voxel_volume == pytest.approx(2 * 0.7 * 0.9 / 1000)
    np.testing.assert_allclose((volume.affine @ [4, 0, 0, 1])[:3], (0, -2, 8), atol=1e-9)
    write_mask_like(volume.values[..., 0] > 0, volume, tmp_path / "m.nii")
    header = nib.load(tmp_path / "m.nii").header
    assert header["qform_code"] == 0 and header["sform_code"] == 1


def test_every_slice_has_its_own_scale(tmp_path, pixels):
    for k in range(6):
        write_slice(tmp_path / f"{k}.dcm", pixels[k], (0, 0, k), RescaleSlope=k + 0.5)
    scale = np.arange(6)[:, None, None] + np.float32(0.5)
    np.testing.assert_allclose(
        read_volume(tmp_path).values[..., 0], pixels * scale - 1024, rtol=1e-6
    )


def test_signed_values_one_slice_and_compression(tmp_path, pixels):
    signed = pixels.astype(np.int16) - 1500
    path = write_slice(tmp_path / "a" / "x.dcm", signed[0], (0, 0, 0), leave=["RescaleSlope"])
    data = pydicom.dcmread(path)
    data.compress(RLELossless)
    data.save_as(path)
    volume = read_volume(tmp_path / "a")
    np.testing.assert_array_equal(volume.values[0, ..., 0], signed[0] - 1024.0)
    assert volume.spacing == pytest.approx((5, 0.7, 0.9))
    write_slice(tmp_path / "b" / "x.dcm", signed[0], (0, 0, 0), leave=["SliceThickness"])
    refused(tmp_path / "b", "x.dcm is one slice without a thickness")


def test_a_missing_slice_and_uneven_spacing(tmp_path, pixels):
    lacking = [0, 2.5, 5, 10, 12.5, 15]
    folder = write_series(tmp_path / "lacking", pixels, places=lacking)
    refused(folder, "lacks 1 slice(s)", "003.dcm and 010.dcm are 5 mm apart and others 2.5")
    folder = write_series(tmp_path / "mixed", pixels, places=[0, 1, 2, 3, 4.2, 5.4])
    refused(folder, "of mixed spacings: gaps from 1 to 1.2 mm", "resample")
    folder = write_series(tmp_path / "twice", pixels, places=[0, 1, 2, 2, 3, 4])
    refused(folder, "lie at the same place", "one acquisition")
    # Rounding of positions is no fault.
    rounded = write_series(tmp_path / "ok", pixels, places=[0, 0.6, 1.3, 1.9, 2.5, 3.1])
    assert open_volume(rounded).spacing[0] == pytest.approx(0.62)


def test_slices_that_do_not_go_together(tmp_path, pixels):
    cases = {
        "series": (dict(SeriesInstanceUID=generate_uid()), "holds 2 series (000.dcm and z.dcm"),
        "spacing": (
            dict(PixelSpacing=[0.8, 0.9]),
            "are of two spacings: (0.7, 0.9) and (0.8, 0.9)",
        ),
        "tilt": (dict(ImageOrientationPatient=[1, 0, 0, 0, 0, -1]), "are of two directions"),
        "frames": (dict(NumberOfFrames=3), "z.dcm holds 3 frames"),
        "colour": (dict(SamplesPerPixel=3), "z.dcm is in colour"),
        "bad": (dict(PixelSpacing=[0, 0]), "two spacings"),
    }
    for name, (tags, word) in cases.items():
        folder = write_series(tmp_path / name, pixels)
        write_slice(folder / "z.dcm", pixels[0], (-20, -30, -85), **tags)
        refused(folder, word)
    folder = write_series(tmp_path / "size", pixels)
    write_slice(folder / "z.dcm", pixels[0, :3], (-20, -30, -85))
    refused(folder, "are of two sizes: (4, 5) and (3, 5)")
    folder = write_series(tmp_path / "place", pixels)
    write_slice(folder / "z.dcm", pixels[0], (0, 0, 0), leave=["ImagePositionPatient"])
    refused(folder, "z.dcm lacks ImagePositionPatient: it is no slice of a volume")


def test_folders_and_files_that_are_none(tmp_path, pixels):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "empty holds no DICOM file")
    folder = write_series(tmp_path / "text", pixels)
    (folder / "z.dcm").write_text("x" * 500)
    refused(folder, "z.dcm is no DICOM file")
    folder = write_series(tmp_path / "cut", pixels)
    whole = (folder / "003.dcm").read_bytes()
    (folder / "003.dcm").write_bytes(whole[:-10])
    refused(folder, "003.dcm has pixels that cannot be read", read=True)
    (folder / "003.dcm").write_bytes(whole[:200])
    refused(folder, "003.dcm")
    folder = write_series(tmp_path / "huge", pixels, Rows=40_000, Columns=40_000)
    refused(folder, "40,000 x 40,000 x 6", "at most 1,073,741,824")
    with pytest.raises(KerasbioError, match="is a DICOM series and a mask is expected"):
        open_volume(write_series(tmp_path / "mask", pixels)).read_mask()
