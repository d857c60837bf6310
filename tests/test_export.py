"""An export passes the gate, or nothing is published."""

import errno
import json
import os
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.errors import KerasbioError
from kerasbio.export import export_classifier, export_model, saved_model
from kerasbio.export.saved_model import Signature
from kerasbio.layers.prepare_images import PrepareImages
from tests.cases import CASES

RAW = np.random.default_rng(0).integers(0, 65536, (2, 50, 41, 1)).astype(np.float32)


def lenet(name="lenet5"):
    keras.utils.set_random_seed(0)
    return CASES[name].build((32, 32, 1), 3)


def listing(directory):
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models") / "diagnosis"
    model = lenet()
    for _ in range(2):
        path = export_classifier(
            model,
            directory,
            prepare=PrepareImages(32, 1, 0.1),
            classes=("a", "b", "c"),
            examples=RAW,
            metadata={"recipe": "diagnosis"},
        )
    return model, directory, path


def test_versions_increase_and_nothing_else_is_left(exported):
    _, directory, path = exported
    assert sorted(p.name for p in directory.iterdir()) == ["1", "2"] and path.name == "2"


def test_answers_are_the_models(exported):
    model, _, path = exported
    loaded = tf.saved_model.load(str(path)).signatures
    logits = model(PrepareImages(32, 1, 0.1)(RAW)).numpy()
    np.testing.assert_allclose(
        loaded["logits"](image=tf.constant(RAW))["logits"], logits, atol=1e-5
    )
    answer = loaded["serving_default"](image=tf.constant(RAW))
    assert list(answer) == ["probabilities"]
    np.testing.assert_allclose(answer["probabilities"], tf.nn.softmax(logits), atol=1e-5)
    np.testing.assert_allclose(tf.reduce_sum(answer["probabilities"], 1), 1, atol=1e-5)


def test_metadata_and_warmup(exported):
    from tensorflow_serving.apis import prediction_log_pb2

    extra = exported[2] / "assets.extra"
    found = json.loads((extra / "kerasbio.json").read_text())
    assert found["classes"] == ["a", "b", "c"] and found["recipe"] == "diagnosis"
    assert found["inputs"] == {"image": {"dtype": "float32", "shape": [None, None, None, 1]}}
    records = tf.data.TFRecordDataset(str(extra / "tf_serving_warmup_requests"))
    logs = [prediction_log_pb2.PredictionLog.FromString(r.numpy()) for r in records]
    names = {log.predict_log.request.model_spec.signature_name for log in logs}
    assert names == {"serving_default", "logits"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_builder_passes_the_gate(case, tmp_path):
    model = case.build(*case.arguments, **case.keywords)
    path = case.export(model, tmp_path / "model")
    assert (path / "saved_model.pb").is_file()


def dense():
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])


def refused(tmp_path, function, shape=(None, 4), model=None, **settings):
    directory = tmp_path / "model"
    signature = Signature(function, {"x": tf.TensorSpec(shape, tf.float32, name="x")}, **settings)
    with pytest.raises(KerasbioError) as error:
        export_model(
            model or dense(),
            directory,
            {"serving_default": signature},
            {"x": np.ones((2, *shape[1:]), np.float32)},
            {},
        )
    assert listing(directory) == []
    assert "\n" not in str(error.value) and "nothing was published" in str(error.value)
    return str(error.value)


def off_by(error, gain):
    """Return a function that answers otherwise in a graph, and makes much of small changes."""

    def function(x):
        return {"y": 1 + gain * (x - 1) + (0.0 if tf.executing_eagerly() else error)}

    return function


def test_answers_may_differ_by_what_rounding_does(tmp_path):
    spec = {"x": tf.TensorSpec((None, 4), tf.float32, name="x")}
    signature = {"serving_default": Signature(off_by(2e-4, 1e3), spec)}
    given = {"x": np.ones((2, 4), np.float32)}
    assert export_model(dense(), tmp_path / "sensitive", signature, given).is_dir()
    for error, gain in ((2e-4, 1.0), (2e-3, 1e5)):
        assert "differs from that" in refused(tmp_path, off_by(error, gain))


def test_noise_does_not_excuse_itself(tmp_path):
    def function(x):
        return {"y": x + tf.random.uniform(tf.shape(x), -2e-4, 2e-4)}

    assert "differs from that" in refused(tmp_path, function)


def test_answers_whose_shape_and_checks_depend_on_values(tmp_path):
    def function(x):
        check = tf.debugging.assert_equal(x, tf.ones_like(x))
        with tf.control_dependencies([check] if check is not None else []):
            kept = tf.boolean_mask(x, x <= 1)
        return {"kept": kept, "sum": tf.reduce_sum(x), "far": x * np.inf}

    spec = {"x": tf.TensorSpec((None, 4), tf.float32, name="x")}
    signature = {"serving_default": Signature(function, spec, batched=False)}
    given = {"x": np.ones((2, 4), np.float32)}
    assert export_model(dense(), tmp_path / "model", signature, given).is_dir()


def test_python_is_refused(tmp_path):
    def function(x):
        y = tf.py_function(lambda v: v, [x], tf.float32)
        return {"y": tf.ensure_shape(y, (None, 4))}

    assert "EagerPyFunc in" in refused(tmp_path, function)


def test_grouped_convolution_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(4, 3, groups=2)])
    said = refused(tmp_path, lambda x: {"y": model(x)}, (None, 8, 8, 4), model)
    assert "_XlaMustCompile" in said


def test_half_precision_is_refused(tmp_path):
    assert "output y is float16" in refused(tmp_path, lambda x: {"y": tf.cast(x, tf.float16)})


def test_output_without_batch_is_refused(tmp_path):
    said = refused(tmp_path, lambda x: {"y": tf.reduce_sum(x)})
    assert "a batch dimension: output y of serving_default is []" in said


def test_a_signature_that_changes_the_model_is_refused(tmp_path):
    normalize = keras.layers.BatchNormalization()
    model = keras.Sequential([keras.Input((4,)), normalize])
    said = refused(tmp_path, lambda x: {"y": model(x, training=True)}, model=model)
    assert "signatures that change nothing: AssignVariableOp in" in said


def test_cases_that_depend_on_one_another_are_refused(tmp_path):
    said = refused(tmp_path, lambda x: {"y": x * tf.cast(tf.shape(x)[0], tf.float32)})
    assert "output y of serving_default depends on the other cases of a batch" in said


def test_an_answer_of_another_shape_is_refused(tmp_path):
    def function(x):
        return {"y": x if tf.executing_eagerly() else x[:, :1]}

    assert "output y of serving_default differs" in refused(tmp_path, function)


def test_an_output_of_unknown_rank_is_refused(tmp_path):
    def function(x):
        return {"y": tf.reshape(x, tf.boolean_mask(tf.shape(x), tf.shape(x) > 0))}

    assert "output y of serving_default is of unknown rank" in refused(tmp_path, function)


def test_a_preparation_may_have_weights_and_inputs_may_be_integers(tmp_path):
    inputs = keras.Input((3,), dtype="int32", name="tokens")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(embedded))
    tokens = np.array([[0, 1, 2], [4, 3, 2]])
    path = export_classifier(
        model, tmp_path / "a", prepare=None, classes="ab", examples=tokens, metadata={}
    )
    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    assert signature.structured_input_signature[1]["tokens"].dtype == tf.int32
    scale = keras.layers.Normalization()
    scale.adapt(np.arange(8.0).reshape(2, 4))
    path = export_classifier(
        dense(), tmp_path / "b", prepare=scale, classes="a", examples=np.ones((2, 4)), metadata={}
    )
    assert (path / "saved_model.pb").is_file()


def test_what_a_killed_export_left_is_swept(tmp_path):
    for name, age in ((".staging-old", 2 * 24 * 3600), (".staging-new", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, times=(time.time() - age,) * 2)
    signature = Signature(lambda x: {"y": x + 1}, {"x": tf.TensorSpec((None, 4), name="x")})
    examples = {"x": np.ones((2, 4), np.float32)}
    path = export_model(dense(), tmp_path, {"serving_default": signature}, examples)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".staging-new", "1"]
    assert path.stat().st_mode & 0o777 == 0o755


def test_absolute_device_is_refused(tmp_path):
    def function(x):
        with tf.device("/job:localhost/replica:0/task:0/device:CPU:0"):
            return {"y": x + 1}

    assert "no absolute device" in refused(tmp_path, function)


def test_other_numbers_are_refused(tmp_path):
    def function(x):
        return {"y": x if tf.executing_eagerly() else x + 1}

    assert "output y of serving_default differs" in refused(tmp_path, function)


def test_full_disk_publishes_nothing(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(saved_model, "write_warmup", full)
    assert "No space left on device" in refused(tmp_path, lambda x: {"y": x})


def test_a_taken_number_is_not_overwritten(tmp_path, monkeypatch):
    directory = tmp_path / "model"
    rename = os.rename

    def race(source, target):
        if not target.exists():
            target.mkdir()
            (target / "theirs").write_text("")
        rename(source, target)

    monkeypatch.setattr(saved_model, "check_in_fresh_process", lambda *_: None)
    renames = iter([race])
    monkeypatch.setattr(saved_model.os, "rename", lambda s, t: next(renames, rename)(s, t))
    signature = Signature(lambda x: {"y": x + 1}, {"x": tf.TensorSpec((None, 4), name="x")})
    path = export_model(
        dense(),
        directory,
        {"serving_default": signature},
        {"x": np.ones((2, 4), np.float32)},
        {},
    )
    assert path.name == "2" and listing(directory / "1") == ["theirs"]
