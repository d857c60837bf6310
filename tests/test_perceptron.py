"""The perceptron, its rule and its limits, and perceptrons in layers, against NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio import PerceptronTrainer, build_mlp, build_perceptron, step

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])


def separable(count=60, features=3, distance=0.3, seed=0):
    """Cases at least `distance` from a plane, and the bound on the mistakes."""
    random = np.random.default_rng(seed)
    normal, offset = random.normal(size=features), 0.4
    x = random.uniform(-1, 1, (20 * count, features))
    side = (x @ normal + offset) / np.sqrt(normal @ normal + offset**2)
    chosen = np.flatnonzero(np.abs(side) > distance)[:count]
    x, side = x[chosen], side[chosen]
    largest = np.sqrt((x**2).sum(1) + 1).max()
    bound = (largest / np.abs(side).min()) ** 2
    return x.astype(np.float32), (side > 0).astype(int), bound


def train(x, labels, **settings):
    model = PerceptronTrainer(build_perceptron((x.shape[1],)))
    model.compile()
    return model, model.fit(x, labels, verbose=0, shuffle=False, **settings).history


def by_hand(x, labels, epochs, batch_size):
    """The rule in loops; returns weights, bias and the mistakes of each epoch."""
    w, b, mistakes = np.zeros(x.shape[1]), 0.0, []
    for _ in range(epochs):
        wrong = 0
        for begin in range(0, len(x), batch_size):
            part, truth = x[begin : begin + batch_size], labels[begin : begin + batch_size]
            error = truth - (part @ w + b > 0)
            w, b = w + error @ part, b + error.sum()
            wrong += np.abs(error).sum()
        mistakes.append(wrong)
    return w, b, mistakes


@pytest.mark.parametrize("batch_size", [1, 7])
def test_it_is_the_rule(batch_size):
    x, labels, _ = separable()
    model, history = train(x, labels, epochs=4, batch_size=batch_size)
    w, b, mistakes = by_hand(x, labels, 4, batch_size)
    kernel, bias = (v.numpy() for v in model.trainable_variables)
    np.testing.assert_allclose(kernel[:, 0], w, rtol=1e-5, atol=1e-6)
    assert bias[0] == pytest.approx(b)
    assert history["mistakes"] == pytest.approx(mistakes)
    assert history["accuracy"] == pytest.approx([1 - m / len(x) for m in mistakes])


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_mistakes_are_bounded_where_a_plane_separates(batch_size, seed):
    x, labels, bound = separable(seed=seed)
    _, history = train(x, labels, epochs=30, batch_size=batch_size)
    assert 0 < sum(history["mistakes"]) <= batch_size * bound
    assert history["mistakes"][-1] == 0


def test_xor_is_beyond_it():
    _, history = train(*XOR, epochs=50, batch_size=1)
    assert max(history["accuracy"]) <= 0.75 and min(history["mistakes"]) >= 1
    weights = np.random.default_rng(0).normal(size=(3, 5000))
    decided = np.column_stack([XOR[0], np.ones(4)]) @ weights > 0
    best = (decided == XOR[1][:, None]).mean(0).max()
    assert best == 0.75


def test_weights_and_validation():
    x, labels, _ = separable()
    model, history = train(x, labels, epochs=3, batch_size=1, validation_data=(x, labels))
    assert history["val_mistakes"][-1] == history["mistakes"][-1] == 0
    alone = PerceptronTrainer(build_perceptron((3,)))
    alone.compile()
    alone.fit(x, labels, sample_weight=np.zeros(len(x)), verbose=0)
    assert not np.any(alone.trainable_variables[0])


def test_step():
    x = tf.constant([-1e8, -0.5, 0.0, 0.5, 1e8])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = step(x)
    np.testing.assert_array_equal(y, [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(tape.gradient(y, x), np.ones(5))
    assert step(tf.constant([0.1], tf.float16)).dtype == tf.float16
    assert keras.activations.get(keras.activations.serialize(step)) is step


def test_layers_are_their_formula():
    model = build_mlp((4,), 2, width=5, depth=3, activation="tanh", residual=True)
    x = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    (w0, b0), (w1, b1), (w2, b2), (w3, b3) = (
        [w.numpy() for w in model.get_layer(name).weights]
        for name in ("hidden0", "hidden1", "hidden2", "outputs")
    )
    hidden = np.tanh(x @ w0 + b0)
    for w, b in ((w1, b1), (w2, b2)):
        hidden = hidden + np.tanh(hidden @ w + b)
    np.testing.assert_allclose(model(x), hidden @ w3 + b3, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("width", "depth"), [(1, 1), (30, 0), (30, 1), (20, 4)])
def test_capacity(width, depth):
    sizes = [7, *[width] * depth, 3]
    expected = sum((a + 1) * b for a, b in zip(sizes[:-1], sizes[1:], strict=True))
    assert build_mlp((7,), 3, width=width, depth=depth).count_params() == expected


def test_wrong_arguments():
    with pytest.raises(ValueError, match="width must be at least 1. Received: width=0"):
        build_mlp((3,), 1, width=0)
    with pytest.raises(ValueError, match="Received: depth=-1"):
        build_mlp((3,), 1, depth=-1)
