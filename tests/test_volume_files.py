"""Volumes come in one orientation, and masks go back to exactly where the file has its voxels."""

import gzip
import itertools
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from kerasbio.datasets.files import volumes
from kerasbio.datasets.files.volume_files import (
    mask_ending,
    open_volume,
    read_mask,
    read_volume,
    write_mask_like,
)
from kerasbio.datasets.resampling import resample_image, resample_mask, resampled_shape
from kerasbio.errors import KerasbioError

#: Every way in which the three axes of a file may lie: 6 orders, 8 signs.
ORIENTATIONS = [
    "".join(pair[sign] for pair, sign in zip(order, signs, strict=True))
    for order in itertools.permutations(("RL", "AP", "SI"))
    for signs in itertools.product((0, 1), repeat=3)
]


def coordinates(affine, shape):
    """Return the millimetres (right, front, top) of each voxel, by a loop."""
    found = np.empty((*shape, 3))
    for index in np.ndindex(*shape):
        found[index] = (affine @ [*index, 1])[:3]
    return found


def write_nifti(path, values, affine=None):
    nib.save(nib.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


def refused(call, *words):
    with pytest.raises(KerasbioError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_every_orientation_is_brought_to_one_and_back(tmp_path, codes):
    shape, sizes = (3, 4, 5), (0.7, 1.1, 2.5)
    turn = nib.orientations.axcodes2ornt(codes)
    affine = nib.orientations.inv_ornt_aff(turn, shape)
    affine = np.diag([*sizes, 1]) @ affine
    affine[:3, 3] += (-31, 17, 205)
    # A voxel holds where it lies, coded in one number.
    places = np.rint(coordinates(affine, shape) @ [1000, 100, 10])
    path = write_nifti(tmp_path / "x.nii", places.astype(np.float32), affine)
    volume = read_volume(path)
    found = coordinates(volume.affine, volume.values.shape[:3])
    np.testing.assert_allclose(np.rint(found @ [1000, 100, 10]), volume.values[..., 0], atol=1)
    # Upwards, to the back, to the left.
    assert np.all(np.diff(found[:, 0, 0, 2]) > 0)
    assert np.all(np.diff(found[0, :, 0, 1]) < 0) and np.all(np.diff(found[0, 0, :, 0]) < 0)
    assert volume.spacing == pytest.approx(tuple(reversed(sizes)))
    assert volume.voxel_volume == pytest.approx(0.7 * 1.1 * 2.5 / 1000)
    mask = (volume.values[..., 0] > np.median(places)).astype(np.uint8)
    write_mask_like(mask, volume, tmp_path / "mask.nii.gz")
    written = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(written.affine, nib.load(path).affine)
    np.testing.assert_array_equal(np.asarray(written.dataobj), places > np.median(places))
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.nii.gz").values, mask)


def test_an_oblique_volume_keeps_its_affine_to_the_last_bit(tmp_path):
    random = np.random.default_rng(0)
    turned, _ = np.linalg.qr(random.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turned * (0.8, 0.9, 3.3)
    affine[:3, 3] = random.normal(size=3) * 100
    values = random.integers(-1000, 1000, (5, 6, 7), dtype=np.int16)
    path = tmp_path / "x.nii.gz"
    image = nib.Nifti1Image(values, None)
    image.header.set_qform(affine, 1)
    image.header.set_sform(affine * 1.0001, 4)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"], image.header["cal_max"] = b"Jane Doe", 400
    image.header["pixdim"][4] = 2
    nib.save(image, path)
    volume = read_volume(path)
    mask = (volume.values[..., 0] > 0).astype(np.int64) * 300
    write_mask_like(mask, volume, tmp_path / "mask.nii.gz")
    old, new = nib.load(path).header, nib.load(tmp_path / "mask.nii.gz").header
    for name in ("srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d", "qoffset_x",
                 "qoffset_y", "qoffset_z", "sform_code", "qform_code", "xyzt_units", "dim",
                 "sizeof_hdr"):  # fmt: skip
        np.testing.assert_array_equal(old[name], new[name], name)
    np.testing.assert_array_equal(old["pixdim"][:4], new["pixdim"][:4])
    assert new.get_data_dtype() == np.uint16 and new["descrip"] == b"" and new["cal_max"] == 0
    np.testing.assert_array_equal(
        np.asarray(nib.load(tmp_path / "mask.nii.gz").dataobj), (values > 0) * 300
    )
    written = (tmp_path / "mask.nii.gz").read_bytes()
    write_mask_like(mask, volume, tmp_path / "again.nii.gz")
    assert (tmp_path / "again.nii.gz").read_bytes() == written


def test_nifti_2_scaled_values_and_units(tmp_path):
    values = np.linspace(-3, 5, 60).reshape(3, 4, 5)
    image = nib.Nifti2Image(values, np.diag([1e-3, 2e-3, 3e-3, 1]))
    image.set_data_dtype(np.int16)
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "x.nii")
    volume = read_volume(tmp_path / "x.nii")
    assert volume.spacing == pytest.approx((3, 2, 1)) and volume.values.dtype == np.float32
    expected = values.transpose(2, 1, 0)[:, ::-1, ::-1, None]
    np.testing.assert_allclose(volume.values, expected, atol=1e-4)
    write_mask_like(volume.values[..., 0] > 0, volume, tmp_path / "m.nii")
    written = nib.load(tmp_path / "m.nii")
    assert isinstance(written, nib.Nifti2Image) and written.header.get_xyzt_units()[0] == "meter"
    np.testing.assert_array_equal(written.affine, image.affine)


def test_a_fourth_axis_of_one_is_left_out(tmp_path):
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4, 1)
    volume = read_volume(write_nifti(tmp_path / "x.nii.gz", values))
    assert volume.values.shape == (4, 3, 2, 1)
    write_mask_like(np.zeros((4, 3, 2), int), volume, tmp_path / "m.nii.gz")
    assert nib.load(tmp_path / "m.nii.gz").shape == (2, 3, 4)


def test_bad_nifti_files(tmp_path):
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    good = write_nifti(tmp_path / "good.nii", values)
    refused(lambda: read_volume(tmp_path / "none.nii"), "none.nii does not exist")
    (tmp_path / "x.nii").write_bytes(b"x" * 600)
    refused(lambda: read_volume(tmp_path / "x.nii"), "is no NIfTI file")
    (tmp_path / "y.nii.gz").write_bytes(b"x" * 600)
    refused(lambda: read_volume(tmp_path / "y.nii.gz"), "cannot be read", "copy it again")
    (tmp_path / "empty.nii").write_bytes(b"")
    refused(lambda: read_volume(tmp_path / "empty.nii"), "is no NIfTI file")
    four = write_nifti(tmp_path / "four.nii", np.zeros((2, 3, 4, 5), np.int16))
    refused(lambda: open_volume(four), "4 axes (2 x 3 x 4 x 5)", "of its own")
    two = write_nifti(tmp_path / "two.nii", np.zeros((2, 3), np.int16))
    refused(lambda: open_volume(two), "2 axes")
    colour = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    refused(lambda: open_volume(write_nifti(tmp_path / "rgb.nii", colour)), "whole numbers")
    values[1, 2, 3] = np.nan
    values[0, 0, 0] = np.inf
    nan = write_nifti(tmp_path / "nan.nii.gz", values)
    refused(lambda: read_volume(nan), "nan.nii.gz holds 2 voxels of NaN or infinity")
    whole = good.read_bytes()
    (tmp_path / "cut.nii").write_bytes(whole[:-40])
    refused(lambda: open_volume(tmp_path / "cut.nii"), "is cut off", "592 bytes", "has 552")
    random = np.random.default_rng(0).integers(0, 9999, (30, 30, 30), np.uint16)
    packed = write_nifti(tmp_path / "packed.nii.gz", random).read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(packed[: len(packed) // 2])
    refused(lambda: read_volume(tmp_path / "cut.nii.gz"), "cut.nii.gz cannot be read")
    # Bytes of the header, as the standard places them.
    for name, place, content, word in (
        ("flat.nii", 312, bytes(16), "does not say where its voxels lie"),
        ("nan.nii", 312, b"\xff" * 16, "does not say where its voxels lie"),
        # No form at all, and sizes of 0 mm, which nibabel would mend to 1 mm.
        ("sizes.nii", 80, bytes(12), "does not say where its voxels lie"),
        ("kind.nii", 70, b"\x4d\0", "has a broken header"),
        ("length.nii", 42, b"\xfe\xff", "holds no voxel (-2 x 4 x 5)"),
        ("unit.nii", 123, b"\7", "unit of code 7"),
    ):
        block = bytearray(whole)
        block[place : place + len(content)] = content
        if name == "sizes.nii":
            block[252:256] = bytes(4)
        (tmp_path / name).write_bytes(block)
        refused(lambda name=name: open_volume(tmp_path / name), name, word)


@pytest.mark.parametrize("name", ["huge.nii", "huge.nii.gz"])
def test_a_huge_promise_takes_no_memory(tmp_path, name):
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header["dim"][:4] = 3, 10_000, 10_000, 10_000
    header["magic"], header["vox_offset"] = b"n+1", 352
    block = header.binaryblock + bytes(4)
    (tmp_path / name).write_bytes(gzip.compress(block) if name.endswith("gz") else block)
    tracemalloc.start()
    refused(
        lambda: read_volume(tmp_path / name),
        "10,000 x 10,000 x 10,000 = 1,000,000,000,000 voxels, and at most 1,073,741,824",
    )
    # Within the limit, but more than the file can hold.
    header["dim"][:4] = 3, 1000, 1000, 1000
    block = header.binaryblock + bytes(4)
    (tmp_path / name).write_bytes(gzip.compress(block) if name.endswith("gz") else block)
    refused(lambda: read_volume(tmp_path / name), "is cut off", "2,000,000,352 bytes")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


def test_the_limit_counts_every_kind_of_file(tmp_path, monkeypatch):
    monkeypatch.setattr(volumes, "MAX_VOXELS", 50)
    np.save(tmp_path / "x.npy", np.zeros((3, 5, 5)))
    np.savez_compressed(tmp_path / "y.npz", image=np.zeros((3, 5, 5)))
    for name in ("x.npy", "y.npz"):
        refused(lambda name=name: read_volume(tmp_path / name), name, "75 voxels, and at most 50")
    np.save(tmp_path / "z.npy", np.zeros((0, 5, 5)))
    refused(lambda: read_volume(tmp_path / "z.npy"), "holds no voxel (0 x 5 x 5)")


def test_only_the_header_is_read_on_opening(tmp_path):
    path = write_nifti(tmp_path / "x.nii", np.zeros((128, 128, 128), np.float32))
    np.savez(tmp_path / "y.npz", image=np.zeros((128, 128, 128), np.float32), spacing=[3, 2, 1])
    tracemalloc.start()
    opened = open_volume(path), open_volume(tmp_path / "y.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()
    assert [file.shape for file in opened] == [(128,) * 3] * 2
    assert [file.spacing for file in opened] == [(1, 1, 1), (3, 2, 1)]


def test_masks_hold_class_numbers(tmp_path):
    def mask(values):
        return lambda: read_mask(write_nifti(tmp_path / "m.nii.gz", values))

    whole = np.zeros((2, 3, 4), np.float64)
    whole[1, 1, 1] = 3
    found = mask(whole)().values
    assert found.dtype == np.uint8 and found.max() == 3 and found.shape == (4, 3, 2)
    assert mask(np.full((2, 3, 4), 300, np.int16))().values.dtype == np.int32
    whole[0, 0, 0] = 0.5
    refused(mask(whole), "holds 0.5 in 1 voxels", "class numbers")
    whole[0, 0, :2] = np.nan
    refused(mask(whole), "holds nan in 2 voxels")
    refused(mask(np.full((2, 3, 4), -1, np.int16)), "holds -1 in 24 voxels")
    refused(mask(np.full((2, 3, 4), 70000, np.int32)), "holds 70000", "up to 65535")


def test_pictures(tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    Image.fromarray(grey).save(tmp_path / "x.png")
    volume = read_volume(tmp_path / "x.png")
    assert volume.spacing is None and volume.voxel_volume is None
    np.testing.assert_array_equal(volume.values[..., 0], grey)
    for name in ("m.png", "m.tif", "m.npy"):
        write_mask_like(grey, volume, tmp_path / name)
        np.testing.assert_array_equal(read_mask(tmp_path / name).values, grey)
    write_mask_like(grey.astype(int) * 100, volume, tmp_path / "many.png")
    assert read_mask(tmp_path / "many.png").values.max() == 4700
    drawn = ((grey > 20) * 255).astype(np.uint8)
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "drawn.png").values, grey > 20)
    indexed = Image.fromarray((grey % 3).astype(np.uint8), "L").convert("P")
    indexed.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    indexed.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "palette.png").values, grey % 3)
    colour = np.stack([grey, grey[::-1], grey], axis=-1)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    refused(lambda: read_mask(tmp_path / "colour.png"), "is in colour", "one class number")
    Image.fromarray(grey).save(tmp_path / "m.jpg")
    refused(lambda: read_mask(tmp_path / "m.jpg"), "is a JPEG, which changes values")


def test_arrays(tmp_path):
    random = np.random.default_rng(0)
    values = random.normal(size=(3, 4, 5)).astype(np.float32)
    np.save(tmp_path / "x.npy", np.asfortranarray(values))
    np.testing.assert_array_equal(read_volume(tmp_path / "x.npy").values[..., 0], values)
    for save, name in ((np.savez, "y.npz"), (np.savez_compressed, "z.npz")):
        save(tmp_path / name, image=values, spacing=np.array([2.5, 1, 1]))
        volume = read_volume(tmp_path / name)
        np.testing.assert_array_equal(volume.values[..., 0], values)
        assert volume.spacing == (2.5, 1, 1) and volume.voxel_volume == pytest.approx(0.0025)
    write_mask_like(values > 0, volume, tmp_path / "m.nii.gz")
    again = read_mask(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(again.values, values > 0)
    assert again.spacing == (2.5, 1, 1) and mask_ending(volume) == ".npy"
    np.save(tmp_path / "rgb.npy", np.zeros((6, 8, 3)))
    assert open_volume(tmp_path / "rgb.npy").shape == (6, 8)
    np.save(tmp_path / "deep.npy", np.zeros((5, 6, 8, 2)))
    assert open_volume(tmp_path / "deep.npy").channels == 2


def test_bad_arrays(tmp_path):
    np.save(tmp_path / "object.npy", np.array([None, "x"]))
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    np.save(tmp_path / "line.npy", np.zeros(5))
    np.save(tmp_path / "many.npy", np.zeros((5, 6, 7, 8)))
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 5)), b=np.zeros((2, 5)))
    np.savez(tmp_path / "spacing.npz", a=np.zeros((2, 5)), spacing=np.array([1, -1]))
    (tmp_path / "broken.npz").write_bytes(b"PK" + bytes(100))
    whole = (tmp_path / "many.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:-1])
    for name, word in (
        ("object.npy", "cannot be read"),
        ("text.npy", "no array of numbers"),
        ("line.npy", "(5,)"),
        ("many.npy", "up to 4 channels"),
        ("two.npz", "2 arrays"),
        ("spacing.npz", "[1.0, -1.0]"),
        ("broken.npz", "cannot be read"),
        ("cut.npy", "cannot be read"),
    ):
        refused(lambda name=name: open_volume(tmp_path / name), name, word)


def test_unknown_kinds_and_bad_writes(tmp_path):
    (tmp_path / "x.mha").write_text("x")
    refused(lambda: open_volume(tmp_path / "x.mha"), "x.mha is of no kind", ".nii.gz")
    (tmp_path / "x.dcm").write_text("x")
    refused(lambda: open_volume(tmp_path / "x.dcm"), "give the folder of its series")
    volume = read_volume(write_nifti(tmp_path / "x.nii", np.zeros((2, 3, 4), np.int16)))
    mask = np.zeros((4, 3, 2), np.uint8)
    refused(lambda: write_mask_like(mask, volume, tmp_path / "m.png"), "end in .nii, .nii.gz, .npy")
    refused(lambda: write_mask_like(mask, volume, tmp_path / "m.jpg"), "m.jpg cannot hold a mask")
    refused(lambda: write_mask_like(mask, volume, tmp_path / "x.nii"), "x.nii exists")
    refused(lambda: write_mask_like(mask, volume, tmp_path / "no" / "m.nii"), "no is no folder")
    for bad in (mask.T, mask.astype(float), mask - np.int16(1), mask + np.int32(70000)):
        with pytest.raises(ValueError, match="Received: "):
            write_mask_like(bad, volume, tmp_path / "m.nii")
    assert not (tmp_path / "m.nii").exists()


def slow_linear(values, spacing, target, shape):
    """Interpolate at points of a grid with the same centre, by SciPy's general function."""
    axes = [
        ((np.arange(m) - (m - 1) / 2) * new / old + (n - 1) / 2)
        for n, m, old, new in zip(values.shape, shape, spacing, target, strict=True)
    ]
    points = np.meshgrid(*axes, indexing="ij")
    return ndimage.map_coordinates(values.astype(np.float64), points, order=1, mode="nearest")


@pytest.mark.parametrize("target", [(1, 1), (0.4, 2.3), (5, 0.31)])
def test_images_are_interpolated_linearly(target):
    image = np.random.default_rng(0).normal(size=(9, 14, 2)).astype(np.float32)
    found = resample_image(image, (1.5, 0.7), target)
    assert found.shape[:2] == resampled_shape((9, 14), (1.5, 0.7), target)
    for channel in range(2):
        expected = slow_linear(image[..., channel], (1.5, 0.7), target, found.shape[:2])
        np.testing.assert_allclose(found[..., channel], expected, atol=1e-5)


def test_a_plane_stays_where_it_is_in_millimetres():
    z, y, x = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in (12, 20, 24)], indexing="ij")
    image = (3 * 2.0 * z - 2 * 0.5 * y + 0.8 * x)[..., None].astype(np.float32)
    found = resample_image(image, (2.0, 0.5, 0.8), (1.0, 1.0, 1.0))[..., 0]
    z, y, x = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in found.shape], indexing="ij")
    inner = (slice(2, -2),) * 3
    np.testing.assert_allclose(found[inner], (3 * z - 2 * y + x)[inner], atol=1e-4)
    assert resample_image(image, (2, 0.5, 0.8), (2, 0.5, 0.8)) is image


@pytest.mark.parametrize("target", [(1, 1, 1), (3, 0.5, 0.9), (0.6, 2, 2)])
def test_masks_take_the_largest_share(target):
    random = np.random.default_rng(1)
    smooth = ndimage.gaussian_filter(random.normal(size=(4, 14, 13, 12)), (0, 2, 2, 2))
    mask = np.array([0, 1, 2, 5], np.uint8)[np.argmax(smooth, axis=0)]
    spacing = (1.7, 0.8, 1.1)
    found = resample_mask(mask, spacing, target)
    labels = np.unique(mask)
    shares = [slow_linear(mask == k, spacing, target, found.shape) for k in labels]
    ordered = np.sort(shares, axis=0)
    clear = ordered[-1] - ordered[-2] > 1e-5
    assert clear.mean() > 0.9 and found.dtype == np.uint8
    np.testing.assert_array_equal(found[clear], labels[np.argmax(shares, axis=0)][clear])


def test_a_mask_comes_back_to_the_exact_grid():
    z, y, x = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in (21, 60, 61)], indexing="ij")
    mask = ((2.5 * z) ** 2 + (0.7 * y) ** 2 + (0.7 * x) ** 2 < 15**2).astype(np.uint8)
    fine = resample_mask(mask, (2.5, 0.7, 0.7), (1, 1, 1))
    back = resample_mask(fine, (1, 1, 1), (2.5, 0.7, 0.7), mask.shape)
    assert back.shape == mask.shape
    overlap = 2 * np.sum(back & mask) / (np.sum(back) + np.sum(mask))
    assert overlap > 0.97
    assert fine.sum() == pytest.approx(mask.sum() * 2.5 * 0.7 * 0.7, rel=0.02)
    empty = np.zeros((4, 4, 4), np.int32)
    assert resample_mask(empty, (1, 1, 1), (0.5, 0.5, 0.5)).sum() == 0
    full = np.full((4, 4, 4), 2, np.uint8)
    assert (resample_mask(full, (1, 1, 1), (0.3, 0.7, 9)) == 2).all()


def test_resampling_takes_lengths_only():
    for spacing, target in (
        ((1, 1), (1, 1, 1)),
        ((1, 1, 0), (1, 1, 1)),
        ((1, 1, 1), (1, np.nan, 1)),
    ):
        with pytest.raises(ValueError, match="3 positive lengths in mm. Received"):
            resample_image(np.zeros((2, 2, 2, 1)), spacing, target)
