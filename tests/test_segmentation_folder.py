"""Images and masks from disk make cases, and whatever is wrong is told in one line."""

import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from kerasbio.datasets.cases import split
from kerasbio.datasets.files.segmentation_folder import SegmentationFolder
from kerasbio.errors import KerasbioError
from tests.test_dicom_files import write_series

AFFINE = np.diag([0.8, 0.8, 2, 1])


def save(path, values, affine=AFFINE):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".png", ".tif", ".jpg")):
        Image.fromarray(values).save(path)
    else:
        nib.save(nib.Nifti1Image(values, affine), path)
    return path


def volumes(folder, count=6, images="images", masks="masks", end="", highest=2):
    """Write volumes `p0_a`, `p0_b`, `p1_a`, ...; the first has no foreground."""
    random = np.random.default_rng(0)
    for k in range(count):
        name = f"p{k // 2}_{'ab'[k % 2]}"
        shape = (6, 5, 4 + k)
        save(folder / images / f"{name}{end}.nii.gz", random.normal(size=shape).astype(np.float32))
        mask = random.integers(0, highest + 1, shape).astype(np.uint8) * (k > 0)
        save(folder / masks / f"{name}.nii.gz", mask)
    return folder


def refused(path, *words, **settings):
    with pytest.raises(KerasbioError) as error:
        SegmentationFolder(path, **settings)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def assert_told(cases):
    """Compare what the headers promise with what is read."""
    assert list(cases.shapes) == [cases[i]["mask"].shape for i in range(len(cases))]
    assert list(cases.spacings) == [cases[i]["spacing"] for i in range(len(cases))]


def test_volumes(tmp_path):
    cases = SegmentationFolder(volumes(tmp_path))
    assert len(cases) == 6 and cases.input_names == ("image",) and cases.channels == 1
    assert cases.mask_classes == ("background", "class 1", "class 2")
    assert cases.subjects.tolist() == ["p0", "p0", "p1", "p1", "p2", "p2"]
    # One subject without foreground cannot be in three parts.
    assert cases.labels.tolist() == [1] * 6 and len(cases.classes) == 2
    assert len(cases.notes) == 1 and "too few of one kind" in cases.notes[0]
    case = cases[3]
    assert case["image"].shape == (7, 5, 6, 1) and case["image"].dtype == np.float32
    assert case["mask"].shape == (7, 5, 6) and case["mask"].dtype.kind in "iu"
    assert case["label"] == 1 and case["subject"] == "p1" and case["file"].endswith("p1_b.nii.gz")
    assert case["spacing"] == pytest.approx((2, 0.8, 0.8))
    assert_told(cases)
    stored = np.asarray(nib.load(tmp_path / "masks" / "p1_b.nii.gz").dataobj)
    np.testing.assert_array_equal(case["mask"], stored.transpose(2, 1, 0)[:, ::-1, ::-1])
    np.testing.assert_array_equal(cases.counts[3], np.bincount(stored.ravel()))
    assert cases.counts[0].tolist() == [6 * 5 * 4, 0, 0]
    parts = split(cases, (1 / 3,) * 3, seed=0)
    assert [len(part) for part in parts] == [2, 2, 2] and parts[0][0]["mask"].ndim == 3


def test_strata(tmp_path):
    for k in range(8):
        mask = np.full((3, 3, 3), k % 2, np.uint8)
        save(tmp_path / "images" / f"{k}.nii", mask)
        save(tmp_path / "masks" / f"{k}.nii", mask)
    cases = SegmentationFolder(tmp_path)
    assert cases.labels.tolist() == [0, 1] * 4 and cases.notes == []
    parts = split(cases, (0.5, 0.25, 0.25), seed=0)
    assert [sorted(part.labels) for part in parts] == [[0, 0, 1, 1], [0, 1], [0, 1]]


def test_one_spacing_for_all(tmp_path):
    volumes(tmp_path)
    save(tmp_path / "images" / "p0_a.nii.gz", np.ones((6, 5, 8)), np.diag([1, 1, 1, 1]))
    save(tmp_path / "masks" / "p0_a.nii.gz", np.ones((6, 5, 8)), np.diag([1, 1, 1, 1]))
    (note,) = SegmentationFolder(tmp_path).notes
    assert "are from 1 x 0.8 x 0.8 to 2 x 1 x 1 mm" in note
    cases = SegmentationFolder(tmp_path, spacing=(2, 1, 1), verify=False)
    assert cases.notes == [] and {cases[k]["spacing"] for k in range(6)} == {(2.0, 1.0, 1.0)}
    assert cases[0]["image"].shape[:3] == cases[0]["mask"].shape == (4, 5, 6)
    assert cases[3]["image"].shape[:3] == cases[3]["mask"].shape == (7, 4, 5)
    assert (cases[0]["mask"] == 1).all() and (cases[0]["image"] == 1).all()
    assert_told(cases)
    for spacing in ((1, 1), (1, 1, 0)):
        with pytest.raises(ValueError, match="3 positive lengths in mm. Received: spacing="):
            SegmentationFolder(tmp_path, spacing=spacing)


def test_nnunet(tmp_path):
    volumes(tmp_path, 4, "imagesTr", "labelsTr", "_0000")
    for file in (tmp_path / "imagesTr").iterdir():
        save(file.with_name(file.name.replace("0000", "0001")), nib.load(file).get_fdata() + 1)
    content = {"labels": {"background": 0, "liver": 1, "tumour": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    (tmp_path / "imagesTr" / "p0_a.json").write_text("{}")
    cases = SegmentationFolder(tmp_path)
    assert cases.mask_classes == ("background", "liver", "tumour")
    assert cases.subjects.tolist() == ["p0_a", "p0_b", "p1_a", "p1_b"] and cases.channels == 2
    np.testing.assert_allclose(cases[1]["image"][..., 1], cases[1]["image"][..., 0] + 1, rtol=1e-5)
    content = {"labels": {"0": "background", "2": "tumour", "1": "liver"}}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    assert SegmentationFolder(tmp_path).mask_classes == ("background", "liver", "tumour")
    third = tmp_path / "imagesTr" / "p0_a_0002.nii.gz"
    save(third, nib.load(tmp_path / "imagesTr" / "p0_a_0000.nii.gz").get_fdata())
    (tmp_path / "imagesTr" / "p1_a_0001.nii.gz").rename(tmp_path / "p1_a_0001.nii.gz")
    # Three channels are no colours.
    refused(tmp_path, "p0_a_0000.nii.gz has 3 channels and p1_a_0000.nii.gz 1")
    third.unlink()
    (tmp_path / "p1_a_0001.nii.gz").rename(tmp_path / "imagesTr" / "p1_a_0001.nii.gz")
    (tmp_path / "imagesTr" / "p1_a_0000.nii.gz").unlink()
    refused(tmp_path, "p1_a_0001.nii.gz: the channels of 'p1_a' must count from _0000 on")
    (tmp_path / "imagesTr" / "p1_a_0001.nii.gz").unlink()
    refused(tmp_path, "p1_a.nii.gz has no image: add", "p1_a_0000, or remove it")
    save(tmp_path / "imagesTr" / "x.nii.gz", np.zeros((2, 2, 2)))
    refused(tmp_path, "x.nii.gz does not end in the number of its channel")


def test_pictures_and_names(tmp_path):
    random = np.random.default_rng(0)
    for k in range(4):
        pixels = random.integers(0, 255, (6 + k, 8), np.uint8)
        colour = np.stack([pixels, pixels[::-1], pixels], axis=-1)
        save(
            tmp_path / "images" / f"{k}.{'jpg' if k == 3 else 'png'}", colour if k == 1 else pixels
        )
        save(tmp_path / "masks" / f"{k}.png", ((pixels > 99) * 255).astype(np.uint8))
    (tmp_path / "images" / ".DS_Store").write_text("x")
    (tmp_path / "images" / "Thumbs.db").write_text("x")
    (tmp_path / "classes.txt").write_text("nucleus\n", "utf-8-sig")
    cases = SegmentationFolder(tmp_path)
    assert cases.mask_classes == ("background", "nucleus") and cases.subjects[2] == "2"
    assert [cases[k]["image"].shape for k in range(2)] == [(6, 8, 1), (7, 8, 1)]
    assert set(np.unique(cases[2]["mask"])) == {0, 1} and cases[2]["spacing"] == (1.0, 1.0)
    assert "does not say how large a voxel is" in cases.notes[0]
    (tmp_path / "classes.txt").write_text("Background\nnucleus\nmitosis")
    cases = SegmentationFolder(tmp_path)
    assert cases.mask_classes == ("background", "nucleus", "mitosis")
    assert "class 'mitosis' is in no mask" in cases.notes[0] and cases.counts.shape == (4, 3)
    refused(tmp_path, "does not say how large its voxels are", spacing=(1, 1))
    save(tmp_path / "images" / "9.nii.gz", np.zeros((2, 2, 2)))
    save(tmp_path / "masks" / "9.nii.gz", np.zeros((2, 2, 2)))
    refused(tmp_path, "holds images and volumes (0.png and 9.nii.gz)")


def test_dicom_images_with_nifti_masks(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 3000, (6, 4, 5), np.uint16)
    for k in range(3):
        write_series(tmp_path / "images" / f"s{k}", pixels + k)
        affine = np.diag([-0.9, -0.7, 2.5, 1])
        affine[:3, 3] = 20, 30, -100
        save(tmp_path / "masks" / f"s{k}.nii.gz", (pixels > 999).astype(np.uint8).T, affine)
    cases = SegmentationFolder(tmp_path)
    assert_told(cases)
    case = cases[2]
    np.testing.assert_array_equal(case["image"][..., 0], pixels + 2.0 - 1024)
    np.testing.assert_array_equal(case["mask"], pixels > 999)


def test_masks_that_do_not_fit(tmp_path):
    volumes(tmp_path)
    image, mask = (tmp_path / part / "p1_a.nii.gz" for part in ("images", "masks"))
    shape = nib.load(image).shape
    save(mask, np.ones((6, 4, 6), np.uint8))
    refused(tmp_path, "p1_a.nii.gz has 6 x 4 x 6 voxels and its image", "6 x 5 x 6")
    # As a program writes that forgets the affine.
    save(mask, np.ones(shape, np.uint8), np.eye(4))
    refused(tmp_path, "p1_a.nii.gz lies up to", "mm beside its image", "the affine of its image")
    close = AFFINE + 1e-4
    close[3] = 0, 0, 0, 1
    save(mask, np.ones(shape, np.uint8), close)
    SegmentationFolder(tmp_path)
    save(mask, np.full(shape, 0.25))
    refused(tmp_path, "masks/p1_a.nii.gz holds 0.25 in 180 voxels")
    save(mask, np.full(shape, 3, np.uint8))
    (tmp_path / "classes.txt").write_text("liver\ntumour")
    refused(tmp_path, "p1_a.nii.gz holds class 3", "names 3 classes, from 0 to 2")
    mask.unlink()
    refused(tmp_path, "images/p1_a.nii.gz has no mask: add")
    np.save(mask.with_name("p1_a.npy"), np.ones(shape[::-1]))
    refused(tmp_path, "of two kinds", "save both as NIfTI")


def test_broken_images_are_told_before_training(tmp_path):
    volumes(tmp_path)
    image = tmp_path / "images" / "p1_a.nii.gz"
    values = nib.load(image).get_fdata()
    values[1, 1, 1] = np.nan
    save(image, values)
    refused(tmp_path, "p1_a.nii.gz holds 1 voxels of NaN")
    cases = SegmentationFolder(tmp_path, verify=False)
    assert cases[0]["image"].shape == (4, 5, 6, 1)
    with pytest.raises(KerasbioError, match="p1_a.nii.gz holds 1 voxels of NaN"):
        cases[2]
    whole = image.read_bytes()
    image.write_bytes(whole[: len(whole) // 2])
    refused(tmp_path, "p1_a.nii.gz cannot be read")


def test_folders_that_are_none(tmp_path):
    refused(tmp_path / "x", "--data", "does not exist")
    refused(save(tmp_path / "x.nii", np.zeros((2, 2, 2))), "is a file: give the folder")
    refused(tmp_path, "holds neither images/ and masks/ nor imagesTr/ and labelsTr/")
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    refused(tmp_path, "images holds no image (.nii, .nii.gz")
    volumes(tmp_path)
    (tmp_path / "images" / "x.mha").write_text("x")
    refused(tmp_path, "x.mha is of no kind that can be read")
    (tmp_path / "images" / "x.mha").unlink()
    save(tmp_path / "images" / "p1_a.nii", np.zeros((2, 2, 2)))
    refused(tmp_path, "p1_a.nii and p1_a.nii.gz have the same name")


def test_too_little(tmp_path):
    refused(volumes(tmp_path / "few", 4), "holds 2 subject(s) (p0, p1)", "its last _")
    volumes(tmp_path / "none", highest=0)
    refused(tmp_path / "none", "no foreground in any mask")
    volumes(tmp_path)
    random = np.zeros((6, 5, 4, 2)).astype(np.float32)
    save(tmp_path / "images" / "p0_a.nii.gz", random)
    refused(tmp_path, "p0_a.nii.gz has 4 axes")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", 'no "labels"'),
        ('{"labels": ["a"]}', 'no "labels"'),
        ('{"labels": {"background": 0, "whole": [1, 2]}}', "several values"),
        ('{"labels": {"background": 0, "liver": 2}}', "[0, 2]: they must count from 0 on"),
        ('{"labels": {"background": 0, "liver": 1, "ignore": 2}}', '"ignore"'),
        ('{"labels": {"background": 0}}', "one or more beside the background"),
    ],
)
def test_bad_names(tmp_path, content, word):
    volumes(tmp_path)
    (tmp_path / "dataset.json").write_text(content)
    refused(tmp_path, "dataset.json", word)


def test_bad_list_of_names(tmp_path):
    volumes(tmp_path)
    (tmp_path / "classes.txt").write_text("liver\nliver\n")
    refused(tmp_path, "classes.txt", "each once")
    (tmp_path / "classes.txt").write_bytes(b"\xff\xfe\xe9")
    refused(tmp_path, "classes.txt cannot be read", "UTF-8")
