"""An exported network segments files, each on its own grid."""

import json

import nibabel as nib
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kerasbio.datasets.files.channels import find_scans
from kerasbio.errors import KerasbioError
from kerasbio.serving.predict_volume import (
    is_segmenter,
    open_segmenter,
    segment_file,
    segment_files,
)
from kerasbio.serving.versions import DESCRIPTION
from tests.test_dicom_files import write_series


def write_model(path, rank=3, channels=1, classes=("background", "fat", "bone"), **said):
    """Export a network that knows fat from 50 to 200 and bone above, of the mean of channels."""

    class Threshold(tf.Module):
        @tf.function
        def logits(self, image):
            value = tf.reduce_mean(image, axis=-1)
            return {"logits": tf.stack([value * 0, value - 50, 3 * value - 450], axis=-1)}

        @tf.function
        def default(self, image):
            return {"probabilities": tf.nn.softmax(self.logits(image)["logits"])}

    module = Threshold()
    spec = tf.TensorSpec((None,) * (rank + 1) + (channels,), tf.float32, name="image")
    tf.saved_model.save(
        module,
        str(path),
        signatures={
            "serving_default": module.default.get_concrete_function(spec),
            "logits": module.logits.get_concrete_function(spec),
        },
    )
    said = {
        "task": "segmentation",
        "classes": list(classes),
        "spacing": None,
        "window": None,
    } | said
    (path / DESCRIPTION).parent.mkdir(exist_ok=True)
    (path / DESCRIPTION).write_text(json.dumps(said))
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    deep = write_model(folder / "deep", spacing=[1.5, 1.5, 1.5], window=[16, 16, 16])
    flat = write_model(folder / "flat", rank=2, spacing=None, window=[16, 16])
    return {"deep": open_segmenter(deep), "flat": open_segmenter(flat)}


def ball(shape, sizes, radius):
    """Return 300 within a ball around the centre, and 100 in a shell around it."""
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, sizes, strict=True)]
    distance = np.sqrt(sum(a**2 for a in np.meshgrid(*axes, indexing="ij")))
    return np.select([distance < radius, distance < 1.5 * radius], [300, 100], 0).astype(np.int16)


def refused(call, *words):
    with pytest.raises(KerasbioError) as error:
        call()
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_volume_is_segmented_on_its_own_grid(models, tmp_path):
    sizes, shape = (0.9, 0.9, 3.0), (50, 46, 14)
    affine = np.array([[0, -0.9, 0, 7], [0.9, 0, 0, -5], [0, 0, -3, 40], [0, 0, 0, 1]])
    values = ball(shape, sizes, 12)
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "x.nii.gz")
    row = segment_file(models["deep"], tmp_path / "x.nii.gz", tmp_path / "m.nii.gz")
    assert list(row) == ["file", "output", "fat ml", "bone ml"]
    assert row["file"].endswith("x.nii.gz") and row["output"].endswith("m.nii.gz")
    written = nib.load(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(written.affine, nib.load(tmp_path / "x.nii.gz").affine)
    mask = np.asarray(written.dataobj)
    assert mask.shape == shape and mask.dtype == np.uint8
    expected = np.select([values == 300, values == 100], [2, 1])
    for label in (1, 2):
        overlap = 2 * np.sum((mask == label) & (expected == label))
        assert overlap / np.sum((mask == label) * 1 + (expected == label)) > 0.88
        found = row[("", "fat ml", "bone ml")[label]]
        assert found == pytest.approx(np.sum(mask == label) * 0.9 * 0.9 * 3 / 1000, abs=5e-4)
    # Linear interpolation at the edge moves the threshold of 200 between 100 and 300 nowhere.
    assert row["bone ml"] == pytest.approx(4 / 3 * np.pi * 12**3 / 1000, rel=0.08)


def test_without_a_spacing_voxels_are_taken_as_they_are(tmp_path):
    model = open_segmenter(write_model(tmp_path / "model"))
    values = np.random.default_rng(0).integers(-100, 500, (5, 6, 7)).astype(np.int16)
    np.save(tmp_path / "x.npy", values)
    row = segment_file(model, tmp_path / "x.npy", tmp_path / "m.npy")
    expected = np.digitize(values, [50.5, 200.5])
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy"), expected)
    assert row["fat voxels"] == np.sum(expected == 1) and row["bone voxels"] == np.sum(
        expected == 2
    )


def test_files_of_several_kinds_into_a_folder(models, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 3000, (6, 4, 5), np.uint16)
    series = write_series(tmp_path / "series", pixels)
    nib.save(nib.Nifti1Image(ball((9, 8, 7), (1, 1, 1), 2), np.eye(4)), tmp_path / "y.nii")
    rows = list(segment_files(models["deep"], [series, tmp_path / "y.nii"], tmp_path / "out"))
    names = [row["output"].rsplit("/", 1)[1] for row in rows]
    assert names == ["series_mask.nii.gz", "y_mask.nii.gz"]
    assert nib.load(rows[0]["output"]).shape == (5, 4, 6)
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), tmp_path / "y.nii.gz")
    twice = [tmp_path / "y.nii", tmp_path / "y.nii.gz"]
    refused(
        lambda: list(segment_files(models["deep"], twice, tmp_path)),
        "y.nii and",
        "y.nii.gz would both go to",
        "y_mask: rename one",
    )


def test_channels_in_files_of_their_own(tmp_path):
    model = open_segmenter(write_model(tmp_path / "model", channels=2))
    random = np.random.default_rng(0)
    channels = random.integers(-100, 500, (3, 2, 5, 6, 7)).astype(np.int16)
    files = []
    for scan, parts in zip("abc", channels, strict=True):
        for number, values in enumerate(parts):
            files.append(tmp_path / f"{scan}_{number:04d}.nii.gz")
            nib.save(nib.Nifti1Image(values, np.eye(4)), files[-1])
    rows = list(segment_files(model, [*files[3::-1], *files[4:]], tmp_path / "out"))
    assert [row["output"].rsplit("/", 1)[1][0] for row in rows] == ["b", "a", "c"]
    for scan, parts in zip("abc", channels, strict=True):
        mask = np.asarray(nib.load(tmp_path / "out" / f"{scan}_mask.nii.gz").dataobj)
        np.testing.assert_array_equal(mask, np.digitize(parts.mean(axis=0), [50.25, 200.25]))
    segment_file(model, files[:2], tmp_path / "m.nii.gz")
    rest = list(segment_files(model, files[4:], tmp_path / "out2"))
    assert [row["file"] for row in rest] == [str(files[4])]
    out = tmp_path / "out3"
    refused(
        lambda: list(segment_files(model, files[:3], out)),
        "b_0000.nii.gz: 1 channel(s) of 'b' given",
        "give b_0000 to b_0001",
    )
    files[2].rename(tmp_path / "b_0002.nii.gz")
    wrong = [tmp_path / "b_0002.nii.gz", files[3]]
    refused(lambda: list(segment_files(model, wrong, out)), "the channels of 'b' must count from")
    nib.save(nib.Nifti1Image(channels[0, 0, :4], np.eye(4)), files[1])
    refused(lambda: segment_file(model, files[:2], tmp_path / "n.nii.gz"), "a_0001", "6 x 5")


def test_numbered_files_that_are_no_channels(tmp_path):
    pictures = [tmp_path / f"x_{number:04d}.png" for number in range(3)]
    for file in pictures:
        Image.fromarray(np.full((5, 6), 100, np.uint8)).save(file)
    assert find_scans(pictures, 3) == [(file.stem, [file]) for file in pictures]
    arrays = [tmp_path / f"v_{number:04d}.npy" for number in range(2)]
    for file in arrays:
        np.save(file, np.zeros((5, 6, 7, 2), np.float32))
    assert find_scans(arrays, 2) == [(file.stem, [file]) for file in arrays]
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "masks").mkdir()
    assert [name for name, _ in find_scans([tmp_path], 1)] == sorted(
        file.stem for file in pictures + arrays
    )
    # A path that is given twice is one too many.
    pairs = open_segmenter(write_model(tmp_path / "pairs", channels=2))
    refused(lambda: list(segment_files(pairs, arrays[:1] * 2, tmp_path)), "would both go to")
    volumes = open_segmenter(write_model(tmp_path / "volumes", channels=3))
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "a_0000.nii")
    refused(
        lambda: segment_file(volumes, tmp_path / "a_0000.nii", tmp_path / "m.nii"),
        "has 1 channel(s)", "takes 3",
    )  # fmt: skip
    with pytest.raises(ValueError, match="none"):
        segment_file(volumes, [], tmp_path / "m.nii")


def test_pictures(models, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 37), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    Image.fromarray(np.stack([pixels] * 3, -1)).save(tmp_path / "y.png")
    Image.fromarray(np.stack([pixels, pixels[::-1], pixels], -1)).save(tmp_path / "z.png")
    files = [tmp_path / f"{name}.png" for name in "xyz"]
    rows = list(segment_files(models["flat"], files, tmp_path / "out"))
    with Image.open(tmp_path / "out" / "x_mask.png") as image:
        np.testing.assert_array_equal(np.asarray(image), np.digitize(pixels, [51, 201]))
    assert rows[0]["fat voxels"] == rows[1]["fat voxels"] != rows[2]["fat voxels"]


def test_a_network_of_images_segments_a_volume_slice_by_slice(models, tmp_path):
    values = np.random.default_rng(0).integers(0, 300, (9, 8, 4)).astype(np.int16)
    affine = np.diag([2.0, -3.0, 7.0, 1.0])
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "x.nii.gz")
    segment_file(models["flat"], tmp_path / "x.nii.gz", tmp_path / "m.nii.gz")
    mask = nib.load(tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(mask.affine, affine)
    np.testing.assert_array_equal(np.asarray(mask.dataobj), np.digitize(values, [51, 201]))


def test_files_that_do_not_fit(models, tmp_path):
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3), np.int16), np.eye(4)), tmp_path / "x.nii")
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(tmp_path / "x.png")
    out = tmp_path / "m.nii"
    refused(lambda: segment_file(models["deep"], tmp_path / "x.png", out), "is an image and")
    refused(lambda: segment_file(models["deep"], tmp_path / "none.nii", out), "does not exist")
    np.save(tmp_path / "two.npy", np.zeros((5, 6, 7, 2)))
    refused(
        lambda: segment_file(models["deep"], tmp_path / "two.npy", out),
        "has 2 channel(s)", "takes 1",
    )  # fmt: skip
    refused(lambda: segment_file(models["deep"], tmp_path / "x.nii", tmp_path / "x.nii"), "exists")
    refused(
        lambda: segment_file(models["deep"], tmp_path / "x.nii", tmp_path / "y.png"),
        "cannot hold a mask",
    )
    assert not out.exists()


def test_models_that_do_not_segment(tmp_path):
    path = write_model(tmp_path / "a", task="classification")
    assert not is_segmenter(path)
    refused(lambda: open_segmenter(path), "does not segment")
    refused(lambda: open_segmenter(tmp_path), "is no SavedModel")
    path = write_model(tmp_path / "b", spacing=[1, 1])
    assert is_segmenter(path)
    refused(lambda: open_segmenter(path), "spacing (1, 1) and window None of an input of 3 axes")
    for name, classes in (("c", ()), ("d", ("background", "fat"))):
        path = write_model(tmp_path / name, classes=classes)
        refused(lambda path=path: open_segmenter(path), "of 3 logits: export it anew")
