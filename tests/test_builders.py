"""All builders alike, over one table of cases."""

import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasbio
from kerasbio.catalogue import BUILDERS
from kerasbio.layers.convolution import Conv2D, Conv3D
from tests.cases import CASES, inputs_of

by_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def assert_same(found, expected, model):
    """Assert equality, but for rounding where a layer comes back as that of Keras."""
    if any(isinstance(layer, Conv2D | Conv3D) for layer in model.layers):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.fixture
def built(case):
    keras.utils.set_random_seed(0)
    return case.build(*case.arguments, **case.keywords)


@by_case
def test_shapes(case, built):
    assert built.output_shape == (None, *case.output_shape)
    outputs = built(inputs_of(built))
    assert outputs.shape == (3, *case.output_shape)
    assert np.isfinite(outputs).all()


@by_case
def test_config_round_trip(case, built):
    copy = keras.Model.from_config(built.get_config())
    copy.set_weights(built.get_weights())
    x = inputs_of(built)
    assert_same(built(x), copy(x), built)
    assert [w.path for w in copy.weights] == [w.path for w in built.weights]


@by_case
def test_saved_and_loaded(case, built, tmp_path):
    built.save(tmp_path / "model.keras")
    x = inputs_of(built)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_same(built(x), loaded(x), built)


@by_case
def test_every_weight_gets_a_gradient(case, built):
    random = np.random.default_rng(0)
    for weight in built.trainable_weights:
        weight.assign(weight.numpy() + random.normal(scale=0.05, size=weight.shape))
    x = inputs_of(built)
    target = random.normal(size=(3, *case.output_shape)).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((built(x, training=True) - target) ** 2)
    gradients = tape.gradient(loss, [w.value for w in built.trainable_weights])
    for weight, gradient in zip(built.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        # The bias before batch normalization is taken away by it: only rounding is left.
        before_norm = weight.name == "bias" and case.keywords.get("batch_norm")
        assert before_norm or np.any(gradient), weight.path


@by_case
def test_one_training_step(case, built):
    built.compile("sgd", "mse")
    data = tf.data.Dataset.from_tensors((inputs_of(built), np.ones((3, *case.output_shape))))
    before = [w.numpy() for w in built.trainable_weights]
    history = built.fit(data, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"][0])
    assert any(np.any(b != w.numpy()) for b, w in zip(before, built.trainable_weights, strict=True))


@pytest.mark.parametrize(
    ("build", "arguments", "words"),
    [(case.build, *row) for case in CASES.values() for row in case.rejected],
)
def test_wrong_arguments(build, arguments, words):
    with pytest.raises(ValueError, match=words):
        build(*arguments)


def test_every_builder_has_a_case():
    public = {getattr(kerasbio, name) for name in dir(kerasbio) if name.startswith("build_")}
    assert public == {case.build for case in CASES.values()}
    assert public == {getattr(kerasbio, row.name) for row in BUILDERS}


@pytest.mark.parametrize("build", dict.fromkeys(case.build for case in CASES.values()))
def test_docstring_names_every_argument(build):
    text = inspect.getdoc(build)
    arguments = text.split("Args:")[1].split("Returns:")[0]
    assert re.findall(r"^    (\w+):", arguments, re.M) == list(inspect.signature(build).parameters)
    assert "Reference:" in text and "Raises:" in text and "logits" in text.split("Returns:")[1]
