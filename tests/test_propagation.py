"""The chain rule by hand, against Keras and against finite differences."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio import build_mlp
from kerasbio.propagation import (
    ACTIVATIONS,
    backward,
    forward,
    mean_squared_error,
    sgd_epoch,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
)

CASES, FEATURES, BATCH = 10, 3, 4
#: The same losses, as Keras has them.
LOSSES = {
    mean_squared_error: lambda: keras.losses.MeanSquaredError(),
    sigmoid_cross_entropy: lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    softmax_cross_entropy: lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
}


def close(found, expected):
    for f, e in zip(found, expected, strict=True):
        np.testing.assert_allclose(f, e, rtol=1e-5, atol=1e-6)


def keras_gradients(model, x, y, loss):
    """The outputs of a Keras model, and the gradients by its weights and its inputs."""
    x = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = model(x)
        value = loss(y, outputs)
    return outputs, tape.gradient(value, [*model.trainable_variables, x])


def keras_epoch(model, x, y, loss, rate):
    """The weights and the loss after an epoch of `fit` without shuffling."""
    model.compile(keras.optimizers.SGD(rate), loss)
    history = model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0).history
    return model.get_weights(), history["loss"][0]


def differences(value, arrays, step=1e-5):
    """The gradient of a function of some arrays by central differences, for each array."""
    gradients = []
    for i, array in enumerate(arrays):
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            ends = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[i][index] += sign * step
                ends.append(value(moved))
            gradient[index] = (ends[0] - ends[1]) / (2 * step)
        gradients.append(gradient)
    return gradients


def mlp(loss, activation, depth):
    keras.utils.set_random_seed(0)
    outputs = {mean_squared_error: 2, sigmoid_cross_entropy: 1, softmax_cross_entropy: 4}[loss]
    model = build_mlp((FEATURES,), outputs, width=5, depth=depth, activation=activation)
    random = np.random.default_rng(depth)
    # A bias of 0 would hide errors.
    model.set_weights([w + random.normal(0, 0.2, w.shape) for w in model.get_weights()])
    x = random.normal(size=(CASES, FEATURES)).astype(np.float32)
    if loss is softmax_cross_entropy:
        return model, x, random.integers(outputs, size=CASES)
    y = random.normal(size=(CASES, outputs))
    return model, x, y if loss is mean_squared_error else (y > 0).astype(np.float64)


NETWORKS = pytest.mark.parametrize(
    ("loss", "activation", "depth"),
    [
        *((mean_squared_error, activation, 2) for activation in ACTIVATIONS),
        (mean_squared_error, "tanh", 0),
        (softmax_cross_entropy, "relu", 1),
        (softmax_cross_entropy, "silu", 3),
        (sigmoid_cross_entropy, "tanh", 0),
        (sigmoid_cross_entropy, "sigmoid", 3),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)


@NETWORKS
def test_layers_are_those_of_keras(loss, activation, depth):
    model, x, _ = mlp(loss, activation, depth)
    record = forward(model.get_weights(), x, activation=activation)
    names = [name for i in range(depth) for name in (f"hidden{i}", f"hidden{i}_activation")]
    tensors = [model.get_layer(name).output for name in [*names, "outputs"]]
    expected = keras.Model(model.input, tensors)(x)
    expected = expected if depth else [expected]
    close([layer.pre_activations for layer in record], expected[::2])
    close([layer.outputs for layer in record], [*expected[1::2], expected[-1]])
    close([layer.inputs for layer in record], [x, *expected[1::2]])


@NETWORKS
def test_gradients_are_those_of_keras(loss, activation, depth):
    model, x, y = mlp(loss, activation, depth)
    record = forward(model.get_weights(), x, activation=activation)
    value, gradient = loss(record[-1].outputs, y)
    outputs, expected = keras_gradients(model, x, y, LOSSES[loss]())
    assert value == pytest.approx(float(LOSSES[loss]()(y, outputs)), rel=1e-5)
    found = backward(record, gradient)
    close([*found.weights, found.inputs[0]], expected)


@NETWORKS
def test_gradients_are_differences(loss, activation, depth):
    model, x, y = mlp(loss, activation, depth)
    arrays = [np.asarray(a, np.float64) for a in (*model.get_weights(), x)]

    def value(arrays):
        return loss(forward(arrays[:-1], arrays[-1], activation=activation)[-1].outputs, y)[0]

    record = forward(arrays[:-1], x, activation=activation)
    found = backward(record, loss(record[-1].outputs, y)[1])
    # A layer's input is that of the network that begins there.
    for level, by_input in enumerate(found.inputs):
        part = [*arrays[2 * level : -1], record[level].inputs]
        close([*found.weights[2 * level :], by_input], differences(value, part))


@NETWORKS
def test_epoch_is_that_of_keras(loss, activation, depth):
    model, x, y = mlp(loss, activation, depth)
    start = model.get_weights()
    settings = {"learning_rate": 0.3, "batch_size": BATCH, "activation": activation}
    found, value = sgd_epoch(start, x, y, loss=loss, **settings)
    expected, history = keras_epoch(model, x, y, LOSSES[loss](), 0.3)
    close(found, expected)
    assert value == pytest.approx(history, rel=1e-5)
    assert np.abs(found[0] - start[0]).max() > 1e-3


def test_by_hand():
    """Two inputs, two sigmoid units, one output; log 3 has the sigmoid 3/4."""
    x, y = np.array([[1.0, 2.0]]), np.array([[0.0]])
    weights = [
        np.array([[2.0, 1.0], [-1.0, -0.5]]),
        np.array([0.0, np.log(3)]),
        np.array([[2.0], [-4.0]]),
        np.array([3.0]),
    ]
    exact = functools.partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-12)
    hidden, output = record = forward(weights, x, activation="sigmoid")
    exact(hidden.pre_activations, [[0, np.log(3)]])
    exact(hidden.outputs, [[0.5, 0.75]])
    exact(output.outputs, [[1]])
    loss, gradient = mean_squared_error(output.outputs, y)
    assert loss == pytest.approx(1)
    exact(gradient, [[2]])
    found = backward(record, gradient)
    exact(found.weights[3], [2])
    exact(found.weights[2], [[1], [1.5]])
    exact(found.inputs[1], [[4, -8]])
    exact(found.weights[1], [1, -1.5])
    exact(found.weights[0], [[1, -1.5], [2, -3]])
    exact(found.inputs[0], [[0.5, -0.25]])
    settings = {"loss": mean_squared_error, "learning_rate": 0.1, "activation": "sigmoid"}
    after, _ = sgd_epoch(weights, x, y, **settings)
    exact(after[0], [[1.9, 1.15], [-1.2, -0.2]])
    exact(after[1], [-0.1, np.log(3) + 0.15])
    exact(after[2], [[1.9], [-4.15]])
    exact(after[3], [2.8])
    output = forward(after, x, activation="sigmoid")[-1].outputs
    assert output[0, 0] == pytest.approx(-0.1814, abs=1e-4)
    assert mean_squared_error(output, y)[0] == pytest.approx(0.0329, abs=1e-4)


def test_far_logits_are_finite():
    far = np.array([[-1e4], [1e4]])
    with np.errstate(all="raise", under="ignore"):
        loss, gradient = sigmoid_cross_entropy(far, np.array([[1], [1]]))
        assert loss == pytest.approx(5e3) and gradient.tolist() == [[-0.5], [0]]
        loss, gradient = softmax_cross_entropy(np.hstack([far, -far]), np.array([0, 0]))
        assert loss == pytest.approx(1e4) and gradient.tolist() == [[-0.5, 0.5], [0, 0]]
        for function, derivative in ACTIVATIONS.values():
            assert np.isfinite(function(far)).all() and np.isfinite(derivative(far)).all()


def test_wrong_input():
    weights, x = [np.ones((3, 2)), np.ones(2)], np.ones((4, 3))
    with pytest.raises(ValueError, match="relu.*Received: activation='cubic'"):
        forward(weights, x, activation="cubic")
    for wrong in ([], weights[:1], weights * 2, weights[::-1], [weights[0], np.ones(3)]):
        with pytest.raises(ValueError, match="kernel .features, units.*Received: shapes"):
            forward(wrong, x)
    with pytest.raises(ValueError, match="x of shape .4, 2."):
        forward(weights, x[:, :2])
    for loss in (mean_squared_error, sigmoid_cross_entropy):
        with pytest.raises(ValueError, match=r"outputs, \(4, 1\). Received: shape \(4,\)"):
            loss(np.ones((4, 1)), np.ones(4))
    for labels in ([0, 1], [0, 1, 2], [0.5, 1, 1], [[0], [1], [1]]):
        with pytest.raises(ValueError, match="3 whole numbers from 0 to 1. Received: labels"):
            softmax_cross_entropy(np.ones((3, 2)), np.array(labels))
    with pytest.raises(ValueError, match="as many cases. Received: 4 and 3"):
        sgd_epoch(weights, x, np.ones((3, 2)), loss=mean_squared_error)


# The same rule for a convolution and through time: `run` returns outputs and what `back` needs,
# which returns the gradients by the weights and, last, by the input.


class Convolution:
    """A valid convolution `(rows, columns, in, out)` with a stride, channels last."""

    stride = 2

    def build(self):
        layer = keras.layers.Conv2D(4, (3, 2), strides=self.stride, bias_initializer="normal")
        return keras.Sequential([keras.Input((7, 6, 2)), layer])

    def patches(self, x, kernel):
        """For each position in the kernel, the pixels that it meets."""
        height, width = (
            (n - k) // self.stride + 1 for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True)
        )
        for i, j in np.ndindex(kernel.shape[:2]):
            rows = slice(i, i + self.stride * height, self.stride)
            columns = slice(j, j + self.stride * width, self.stride)
            yield (i, j), (slice(None), rows, columns)

    def run(self, weights, x):
        kernel, bias = weights
        outputs = bias + sum(x[pixels] @ kernel[at] for at, pixels in self.patches(x, kernel))
        return outputs, x

    def back(self, weights, x, gradient):
        kernel, _ = weights
        by_kernel, by_x = np.zeros_like(kernel), np.zeros_like(x)
        for at, pixels in self.patches(x, kernel):
            by_kernel[at] = np.tensordot(x[pixels], gradient, ([0, 1, 2], [0, 1, 2]))
            by_x[pixels] += gradient @ kernel[at].T
        return [by_kernel, gradient.sum((0, 1, 2)), by_x]


class Recurrence:
    """An LSTM from `(batch, time, features)` to its hidden state at each time."""

    def build(self):
        layer = keras.layers.LSTM(3, return_sequences=True, recurrent_initializer="glorot_normal")
        return keras.Sequential([keras.Input((5, 2)), layer])

    def run(self, weights, x):
        kernel, recurrent, bias = weights
        h = c = np.zeros((len(x), len(recurrent)))
        steps = []
        for t in range(x.shape[1]):
            z = x[:, t] @ kernel + h @ recurrent + bias
            i, f, g, o = np.split(z, 4, axis=1)
            i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
            g = np.tanh(g)
            before, (c, h) = (c, h), (f * c + i * g, o * np.tanh(f * c + i * g))
            steps.append((x[:, t], *before, i, f, g, o, c, h))
        return np.stack([step[-1] for step in steps], axis=1), steps

    def back(self, weights, steps, gradient):
        kernel, recurrent, bias = weights
        by_weights, by_x = [np.zeros_like(w) for w in weights], []
        by_h = by_c = 0.0
        for t in reversed(range(len(steps))):
            x, c_before, h_before, i, f, g, o, c, _ = steps[t]
            by_h = by_h + gradient[:, t]
            by_c = by_c + by_h * o * (1 - np.tanh(c) ** 2)
            by_gates = (
                by_c * g * i * (1 - i),
                by_c * c_before * f * (1 - f),
                by_c * i * (1 - g**2),
                by_h * np.tanh(c) * o * (1 - o),
            )
            delta = np.concatenate(by_gates, axis=1)
            parts = x.T @ delta, h_before.T @ delta, delta.sum(0)
            by_weights = [w + p for w, p in zip(by_weights, parts, strict=True)]
            by_x.insert(0, delta @ kernel.T)
            by_h, by_c = delta @ recurrent.T, by_c * f
        return [*by_weights, np.stack(by_x, axis=1)]


def prepared(layer):
    keras.utils.set_random_seed(0)
    model, random = layer.build(), np.random.default_rng(0)
    x = random.normal(size=(CASES, *model.input_shape[1:])).astype(np.float32)
    weights = [w.astype(np.float64) for w in model.get_weights()]
    return model, weights, x, random.normal(size=(CASES, *model.output_shape[1:]))


LAYERS = pytest.mark.parametrize("layer", [Convolution(), Recurrence()], ids=["conv", "lstm"])


@LAYERS
def test_other_layers_against_keras(layer):
    model, weights, x, y = prepared(layer)
    outputs, kept = layer.run(weights, x)
    expected, gradients = keras_gradients(model, x, y, keras.losses.MeanSquaredError())
    close([outputs], [expected])
    close(layer.back(weights, kept, mean_squared_error(outputs, y)[1]), gradients)


@LAYERS
def test_other_layers_against_differences(layer):
    _, weights, x, y = prepared(layer)
    x, y = x[:2].astype(np.float64), y[:2]
    outputs, kept = layer.run(weights, x)
    found = layer.back(weights, kept, mean_squared_error(outputs, y)[1])
    expected = differences(
        lambda arrays: mean_squared_error(layer.run(arrays[:-1], arrays[-1])[0], y)[0],
        [*weights, x],
    )
    close(found, expected)


@LAYERS
def test_epoch_of_other_layers(layer):
    model, weights, x, y = prepared(layer)
    start = weights
    for begin in range(0, CASES, BATCH):
        batch = slice(begin, begin + BATCH)
        outputs, kept = layer.run(weights, x[batch])
        gradients = layer.back(weights, kept, mean_squared_error(outputs, y[batch])[1])[:-1]
        weights = [w - 0.3 * g for w, g in zip(weights, gradients, strict=True)]
    expected, _ = keras_epoch(model, x, y, keras.losses.MeanSquaredError(), 0.3)
    close(weights, expected)
    assert min(np.abs(w - s).max() for w, s in zip(weights, start, strict=True)) > 1e-3
