"""Activations: the facts of the table against what Keras computes, and names everywhere."""

import itertools

import keras
import numpy as np
import pytest
import scipy.special
import tensorflow as tf

from kerasbio import names
from kerasbio.activations import ACTIVATIONS, OF_ROWS, get_activation
from kerasbio.models.agent import build_q_network
from kerasbio.models.cnn import (
    build_alexnet,
    build_alexnet_single_tower,
    build_lenet5,
    build_vgg,
)
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


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def half(x, reach):
    return np.clip((x + reach) / (2 * reach), 0, 1)


#: Written from the publications.
FORMULAS = {
    "linear": lambda x: x,
    "step": lambda x: 1.0 * (x > 0),
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.maximum(x, 0) + np.minimum(np.expm1(x), 0),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "gelu": lambda x: x * (1 + scipy.special.erf(x / np.sqrt(2))) / 2,
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "exponential": np.exp,
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "hard_sigmoid": lambda x: half(x, 3),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_silu": lambda x: x * half(x, 3),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: x * (np.abs(x) > 0.5),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "sparse_plus": lambda x: np.where(x < 1, np.maximum(x + 1, 0) ** 2 / 4, x),
    "sparse_sigmoid": lambda x: half(x, 1),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_values_are_those_of_the_formula(name):
    x = GRID[np.abs(GRID) < 12]
    np.testing.assert_allclose(get_activation(name)(tf.constant(x)), FORMULAS[name](x), atol=1e-7)


def nearest_probabilities(row):
    """Among all sets of classes that could stay above 0, the nearest feasible point."""
    best = None
    for chosen in itertools.product([False, True], repeat=len(row)):
        if any(chosen):
            kept = np.array(chosen)
            point = np.where(kept, row + (1 - row[kept].sum()) / kept.sum(), 0)
            distance = ((point - row) ** 2).sum()
            if point.min() >= 0 and (best is None or distance < best[0]):
                best = distance, point
    return best[1]


def test_activations_of_rows():
    assert set(FORMULAS) | set(OF_ROWS) == set(ACTIVATIONS)
    rows = np.random.default_rng(0).normal(0, 1.5, (40, 5))
    rows[0] = 0
    found = {name: get_activation(name)(tf.constant(rows)).numpy() for name in OF_ROWS}
    np.testing.assert_allclose(found["softmax"], scipy.special.softmax(rows, axis=1))
    np.testing.assert_allclose(found["log_softmax"], scipy.special.log_softmax(rows, axis=1))
    expected = [nearest_probabilities(row) for row in rows]
    np.testing.assert_allclose(found["sparsemax"], expected, atol=1e-12)
    assert (found["sparsemax"] == 0).mean() > 0.3


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


#: Few maps.
SMALL = {"filters": (2, 4, 4, 4, 4), "units": 4}
BUILDERS = {
    "alexnet": lambda activation: build_alexnet((67, 67, 1), 2, activation=activation, **SMALL),
    "alexnet_single_tower": lambda activation: build_alexnet_single_tower(
        (63, 63, 1), 2, activation=activation, **SMALL
    ),
    "vgg": lambda activation: build_vgg((32, 32, 1), 2, depth=11, activation=activation, **SMALL),
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
