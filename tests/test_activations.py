"""Activations: the facts of the table against what Keras computes, and names everywhere."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio import names
from kerasbio.activations import ACTIVATIONS, OF_ROWS, get_activation
from kerasbio.models.agent import build_q_network
from kerasbio.models.cnn import build_lenet5
from kerasbio.models.perceptron import build_mlp

FAR = 40.0
# The slope at a corner itself is a convention, so the grid goes round corners.
GRID = np.linspace(-FAR, FAR, 16_001) + 1e-4


def curve(name):
    """Return value and slope over the grid; of rows `(x, 0, 0, ...)` those of x by itself."""
    x = tf.constant(GRID)
    with tf.GradientTape() as tape:
        tape.watch(x)
        if name in OF_ROWS:
            rows = tf.pad(x[:, None], [[0, 0], [0, 63]])
            y = get_activation(name)(rows)[:, 0]
        else:
            y = get_activation(name)(x)
    return y.numpy(), tape.gradient(y, x).numpy()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_range_slope_and_saturation(name):
    y, slope = curve(name)
    fact = ACTIVATIONS[name]
    if name == "step":
        # The gradient that it passes is not its slope.
        np.testing.assert_array_equal(slope, 1)
        slope = np.gradient(y, GRID)[np.abs(GRID) > 0.01]
    for found, expected in ((y, fact.range), (slope, fact.slope)):
        for end, value, sign in zip(expected, (found.min(), found.max()), (-1, 1), strict=True):
            if np.isinf(end):
                assert sign * value > FAR / 10
            else:
                assert sign * (value - end) <= 1e-5
                assert value == pytest.approx(end, abs=0.03)
    low, high = abs(slope[0]), abs(slope[-1])
    flat = {
        "both sides": (True, True), "below": (True, False), "above": (False, True),
        "no": (False, False),
    }  # fmt: skip
    assert (low < 1e-2, high < 1e-2) == flat[fact.saturates]


def test_every_activation_of_keras_is_named():
    functions = {
        name
        for name in dir(keras.activations)
        if callable(getattr(keras.activations, name)) and not name.startswith("_")
    }
    helpers = {"get", "serialize", "deserialize"}
    twice = {"swish": "silu", "hard_swish": "hard_silu"}
    for other, name in twice.items():
        assert getattr(keras.activations, other) is getattr(keras.activations, name)
    # One halves the width, the other has no threshold of its own.
    apart = {"glu", "threshold"}
    assert functions - helpers - set(twice) - apart == set(ACTIVATIONS) - {"step"}
    assert tuple(ACTIVATIONS) == names.ACTIVATIONS


BUILDERS = {
    "mlp": lambda activation: build_mlp((3,), 2, width=4, activation=activation),
    "lenet5": lambda activation: build_lenet5((32, 32, 1), 2, activation=activation),
    "q_network": lambda activation: build_q_network((3,), 2, hidden=(4,), activation=activation),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_chosen_by_name_in_every_builder(build, tmp_path):
    with pytest.raises(ValueError, match="must be one of linear, step, .*Received: .*'sigmoud'"):
        build("sigmoud")
    assert build(keras.activations.silu).count_params() == build("silu").count_params()
    model = build("step")
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(x), again(x))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_pass_through_it(name):
    keras.utils.set_random_seed(0)
    model = build_mlp((2,), 1, width=8, depth=2, activation=name)
    with tf.GradientTape() as tape:
        outputs = model(np.random.default_rng(0).normal(size=(64, 2)).astype(np.float32))
        loss = tf.reduce_mean((outputs - 1) ** 2)
    for gradient in tape.gradient(loss, model.trainable_weights):
        assert np.isfinite(gradient).all()
        # Softmax, over a row whose sum is fixed, has no gradient by its common part.
        assert np.abs(gradient).max() > 1e-6
