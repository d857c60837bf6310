"""An exported segmenter answers to raw scans of any size as the network does to prepared ones."""

import json

import keras
import nibabel as nib
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.export import export_segmenter
from kerasbio.inference import sliding_window
from kerasbio.layers.prepare_scans import PrepareScans, prepare_scan
from kerasbio.models.unet import build_unet, build_unet_3d
from kerasbio.serving.predict_volume import open_segmenter, segment_file
from kerasbio.serving.versions import describe

RANDOM = np.random.default_rng(0)
RAW = RANDOM.normal(900, 300, (2, 20, 24, 2)).astype(np.float32)
CLASSES = ("background", "liver", "lesion")


def network():
    keras.utils.set_random_seed(0)
    return build_unet((None, None, 2), 3, filters=(4, 6, 8), padding="same", name="unet")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = network()
    path = export_segmenter(
        model,
        tmp_path_factory.mktemp("models"),
        prepare=PrepareScans(),
        classes=CLASSES,
        examples=RAW,
        spacing=(1.5, np.float64(2)),
        window=(np.int64(16), 24),
        metadata={"recipe": "r", "task": "of the caller"},
    )
    return model, path, tf.saved_model.load(str(path)).signatures


def call(signature, image, name="image"):
    return {key: x.numpy() for key, x in signature(**{name: tf.constant(image)}).items()}


@pytest.mark.parametrize("shape", [(2, 20, 24, 2), (1, 33, 17, 2)])
def test_answers_are_the_models(exported, shape):
    model, _, signatures = exported
    raw = RANDOM.normal(50, 9, shape).astype(np.float32)
    prepared = np.stack([prepare_scan(scan) for scan in raw])
    logits = model(prepared).numpy()
    assert call(signatures["prepare"], raw)["prepared"] == pytest.approx(prepared, abs=1e-5)
    found = (
        call(signatures["logits"], raw),
        call(signatures["prepared_logits"], prepared, "prepared"),
    )
    for answer in found:
        np.testing.assert_allclose(answer["logits"], logits, atol=1e-4)
    answer = call(signatures["serving_default"], raw)
    assert set(answer) == {"mask", "probabilities"}
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-4)
    assert answer["mask"].dtype == np.int32 and answer["mask"].shape == shape[:-1]
    np.testing.assert_array_equal(answer["mask"], answer["probabilities"].argmax(-1))


def test_what_is_said_of_it(exported):
    _, path, signatures = exported
    said = describe(path)
    assert said["task"] == "segmentation" and said["recipe"] == "r"
    assert said["classes"] == list(CLASSES)
    assert said["spacing"] == [1.5, 2.0] and said["window"] == [16, 24] and said["multiple"] == 4
    assert said["inputs"] == {"image": {"dtype": "float32", "shape": [None, None, None, 2]}}
    assert set(signatures) == {"serving_default", "logits", "prepare", "prepared_logits"}
    assert json.loads((path / "assets.extra/kerasbio.json").read_text()) == said


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    """A network of volumes with one logit, pooling by 1 x 2 x 2, and its export."""
    keras.utils.set_random_seed(1)
    model = build_unet_3d(
        (None, None, None, 1), 1, filters=(4, 6), padding="same", pool_sizes=((1, 2, 2),)
    )
    path = export_segmenter(
        model,
        tmp_path_factory.mktemp("models"),
        prepare=PrepareScans(),
        classes=("background", "tumour"),
        examples=RANDOM.normal(size=(1, 6, 8, 10, 1)),
        window=(6, 8, 8),
    )
    return model, path


def test_one_logit_is_of_a_sigmoid(deep):
    model, path = deep
    signatures = tf.saved_model.load(str(path)).signatures
    raw = RANDOM.normal(9, 2, (2, 5, 7, 9, 1)).astype(np.float32)
    logits = model(np.stack([prepare_scan(scan) for scan in raw])).numpy()
    np.testing.assert_allclose(call(signatures["logits"], raw)["logits"], logits, atol=1e-4)
    answer = call(signatures["serving_default"], raw)
    foreground = 1 / (1 + np.exp(-logits[..., 0]))
    np.testing.assert_allclose(answer["probabilities"][..., 1], foreground, atol=1e-4)
    np.testing.assert_allclose(answer["probabilities"].sum(-1), 1, atol=1e-5)
    sure = np.abs(logits[..., 0]) > 1e-3
    np.testing.assert_array_equal(answer["mask"][sure], logits[..., 0][sure] > 0)
    assert describe(path)["multiple"] == 2 and describe(path)["spacing"] is None


def test_the_whole_scan_is_standardized_and_not_each_window(deep, tmp_path):
    model, path = deep
    # Half of it is brighter, so that a window by itself has another mean.
    scan = RANDOM.normal(100, 30, (11, 19, 23)).astype(np.float32)
    scan[:, :, 12:] += 400
    nib.save(nib.Nifti1Image(scan, np.diag([-1.0, -1.0, 1.0, 1.0])), tmp_path / "x.nii.gz")
    segment_file(open_segmenter(path), tmp_path / "x.nii.gz", tmp_path / "m.nii.gz")
    found = np.asarray(nib.load(tmp_path / "m.nii.gz").dataobj).transpose(2, 1, 0)
    image = scan.transpose(2, 1, 0)[..., None]

    def segment(prepared, function=model):
        return sliding_window(function, prepared, (6, 8, 8), multiple=2)

    expected = segment(prepare_scan(image))
    assert 0.05 < expected.mean() < 0.95
    np.testing.assert_array_equal(found, expected)

    def by_window(windows):
        return model(np.stack([prepare_scan(window) for window in windows])).numpy()

    assert np.mean(segment(image, by_window) != expected) > 0.01


def test_nothing_to_prepare_and_scans_smaller_than_the_pooling(tmp_path):
    keras.utils.set_random_seed(2)
    model = build_unet((None, None, 1), 2, filters=(2, 3, 4, 5), padding="same")
    examples = RANDOM.normal(size=(1, 8, 8, 1))
    path = export_segmenter(model, tmp_path / "m", prepare=None, classes="ab", examples=examples)
    served = open_segmenter(path)
    assert served.window is None and served.multiple == 8
    for name, shape in (("whole", (12, 21)), ("thin", (5, 21))):
        scan = RANDOM.normal(size=shape).astype(np.float32)
        np.save(tmp_path / f"{name}.npy", scan)
        segment_file(served, tmp_path / f"{name}.npy", tmp_path / f"{name}_mask.npy")
        logits = model(scan[None, ..., None])[0]
        found = np.load(tmp_path / f"{name}_mask.npy")
        np.testing.assert_array_equal(found, np.argmax(logits, axis=-1))


@pytest.mark.parametrize(
    ("build", "classes", "words"),
    [
        (network, CLASSES[:2], r"must name 3 values of the mask. Received: classes=\('back"),
        (network, (*CLASSES, "d"), "must name 3 values"),
        (
            lambda: build_unet((20, 24, 2), 3, filters=(2, 3)),
            CLASSES,
            r"takes? any size: .*None.* Received: input_shape=\(20, 24, 2\)",
        ),
        (
            lambda: build_unet((None, 24, 2), 3, filters=(2, 3), padding="same"),
            CLASSES,
            r"Received: input_shape=\(None, 24, 2\)",
        ),
        (
            lambda: build_unet((None, None, 2), 1, filters=(2, 3), padding="same"),
            ("tumour",),
            "must name 2 values",
        ),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, build, classes, words):
    with pytest.raises(ValueError, match=words):
        export_segmenter(build(), tmp_path / "a", prepare=None, classes=classes, examples=RAW)
    assert list(tmp_path.iterdir()) == []
