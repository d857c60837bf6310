"""Every optimizer, step by step, against the update of its publication in NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.names import OPTIMIZERS
from kerasbio.optimizers import SETTINGS, make_optimizer

STEPS = 60
EPSILON = 1e-7


# A reference takes weights w, their gradient g, a dict of state s, the step t from 1 and the rate.


def sgd(w, g, s, t, rate):
    return w - rate * g


def momentum(w, g, s, t, rate):
    s["v"] = 0.9 * s.get("v", 0) - rate * g
    return w + s["v"]


def nesterov(w, g, s, t, rate):
    """The gradient is that of the point ahead: w here is the publication's w + 0.9 v."""
    s["v"] = 0.9 * s.get("v", 0) - rate * g
    return w + 0.9 * s["v"] - rate * g


def rmsprop(w, g, s, t, rate):
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g**2
    return w - rate * g / np.sqrt(s["v"] + EPSILON)


def adagrad(w, g, s, t, rate):
    s["n"] = s.get("n", 0.1) + g**2
    return w - rate * g / np.sqrt(s["n"] + EPSILON)


def adadelta(w, g, s, t, rate):
    s["g"] = 0.95 * s.get("g", 0) + 0.05 * g**2
    change = -g * np.sqrt(s.get("d", 0) + EPSILON) / np.sqrt(s["g"] + EPSILON)
    s["d"] = 0.95 * s.get("d", 0) + 0.05 * change**2
    return w + rate * change


def adam(w, g, s, t, rate):
    """As in the last lines of section 2, where epsilon is added before the correction."""
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    rate = rate * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * s["m"] / (np.sqrt(s["v"]) + EPSILON)


def adamax(w, g, s, t, rate):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["u"] = np.maximum(0.999 * s.get("u", 0), np.abs(g))
    return w - rate / (1 - 0.9**t) * s["m"] / (s["u"] + EPSILON)


def nadam(w, g, s, t, rate):
    now, following = (0.9 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    s["product"] = s.get("product", 1) * now
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    ahead = following * s["m"] / (1 - s["product"] * following)
    m = ahead + (1 - now) * g / (1 - s["product"])
    return w - rate * m / (np.sqrt(s["v"] / (1 - 0.999**t)) + EPSILON)


def adafactor(w, g, s, t, rate):
    decay = 1 - t**-0.8
    square = g**2 + 1e-30
    if g.ndim == 2:
        s["r"] = decay * s.get("r", 0) + (1 - decay) * square.mean(1)
        s["c"] = decay * s.get("c", 0) + (1 - decay) * square.mean(0)
        v = np.outer(s["r"], s["c"]) / s["r"].mean()
    else:
        v = s["v"] = decay * s.get("v", 0) + (1 - decay) * square
    update = g / np.sqrt(v)
    update /= max(1, rms(update))
    return w - max(0.001, rms(w)) * min(rate, t**-0.5) * update


def ftrl(w, g, s, t, rate):
    """Without penalties: w minimizes the linearized losses and what holds it to where it was."""
    before = s.get("n", 0.1)
    s["n"] = before + g**2
    s["z"] = s.get("z", 0) + g - (np.sqrt(s["n"]) - np.sqrt(before)) / rate * w
    return -s["z"] * rate / np.sqrt(s["n"])


def lion(w, g, s, t, rate):
    m = s.get("m", 0)
    s["m"] = 0.99 * m + 0.01 * g
    return w - rate * np.sign(0.9 * m + 0.1 * g)


def lamb(w, g, s, t, rate):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    update = s["m"] / (1 - 0.9**t) / (np.sqrt(s["v"] / (1 - 0.999**t)) + EPSILON)
    trust = np.linalg.norm(w) / np.linalg.norm(update) if w.any() else 1
    return w - rate * trust * update


def muon(w, g, s, t, rate):
    """All singular values are brought near 1; whatever is no matrix is left to Adam."""
    if g.ndim != 2:
        return adam(w, g, s, t, rate)
    s["m"] = 0.95 * s.get("m", 0) + g
    x = g + 0.95 * s["m"]
    u, singular, vt = np.linalg.svd(x, full_matrices=False)
    singular = singular / np.linalg.norm(singular)
    for _ in range(5):
        singular = 3.4445 * singular - 4.775 * singular**3 + 2.0315 * singular**5
    return w - rate * 0.2 * np.sqrt(max(w.shape)) * (u * singular) @ vt


def schedule_free_adamw(w, g, s, t, rate):
    """The gradient is taken at y = 0.1 z + 0.9 x, where x is the mean of the z; w here is y,
    less what decays, which is to be taken from z."""
    y = s.get("y", s["start"])
    z, x = s.get("z", y), s.get("x", y)
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2
    correction = np.sqrt(1 - 0.999**t)
    decayed = (y - w) * correction
    rate = rate * correction
    s["z"] = z - rate * g / (np.sqrt(s["v"]) + 1e-8) - decayed
    s["sum"] = s.get("sum", 0) + rate**2
    s["x"] = x + (s["z"] - x) * rate**2 / s["sum"]
    s["y"] = 0.1 * s["z"] + 0.9 * s["x"]
    return s["y"]


def rms(x):
    return np.sqrt(np.mean(x**2))


#: The update of each name, and its rate.
REFERENCES = {
    "sgd": (sgd, 0.01),
    "momentum": (momentum, 0.01),
    "nesterov": (nesterov, 0.01),
    "rmsprop": (rmsprop, 0.001),
    "adagrad": (adagrad, 0.01),
    "adadelta": (adadelta, 1.0),
    "adam": (adam, 0.001),
    "adamax": (adamax, 0.001),
    "nadam": (nadam, 0.001),
    "adamw": (adam, 0.001),
    "adafactor": (adafactor, 0.01),
    "ftrl": (ftrl, 0.1),
    "lion": (lion, 0.0001),
    "lamb": (lamb, 0.001),
    "muon": (muon, 0.001),
    "schedule_free_adamw": (schedule_free_adamw, 0.0025),
}
EACH = pytest.mark.parametrize("name", OPTIMIZERS)


class Quadratic:
    """Two bowls of condition 100, one of a vector and one of a matrix."""

    center = 0.0
    start = (np.array([3.0, -2.0, 1.5, 1.0]), np.array([[2.0, -1.0, 3.0], [1.5, 2.5, -2.0]]))
    curvature = tuple(np.geomspace(1, 100, w.size).reshape(w.shape) for w in start)

    def value(self, weights):
        pairs = zip(self.curvature, weights, strict=True)
        return sum((h * (w - self.center) ** 2).sum() / 2 for h, w in pairs)

    def gradient(self, weights):
        pairs = zip(self.curvature, weights, strict=True)
        return [h * (w - self.center) for h, w in pairs]


class FromZero(Quadratic):
    """The same from weights that are 0, as biases begin: norms of weights matter here."""

    start = tuple(np.zeros_like(w) for w in Quadratic.start)
    center = 1.0


class Rosenbrock:
    """Rosenbrock's function of a vector, and of each row of a matrix."""

    start = (np.array([-1.2, 1.0]), np.array([[-1.2, 1.0], [0.5, -0.5], [1.5, 2.0]]))

    def value(self, weights):
        rows = np.vstack(weights)
        return (100 * (rows[:, 1] - rows[:, 0] ** 2) ** 2 + (1 - rows[:, 0]) ** 2).sum()

    def gradient(self, weights):
        gradients = []
        for w in weights:
            x, y = w[..., 0], w[..., 1]
            gradients.append(
                np.stack([-400 * x * (y - x**2) - 2 * (1 - x), 200 * (y - x**2)], axis=-1)
            )
        return gradients


#: Factors of the rates at which STEPS steps come a good way down and none leaves the valley.
FACTORS = {
    Quadratic: {
        **{"sgd": 1, "momentum": 0.5, "nesterov": 0.5, "adamax": 15, "nadam": 15},
        **{"ftrl": 1, "lion": 300, "muon": 50},
    },
    Rosenbrock: {
        **{"sgd": 0.02, "momentum": 0.005, "nesterov": 0.005, "rmsprop": 3, "adadelta": 1},
        **{"adafactor": 0.5, "ftrl": 1, "lion": 50},
    },
    FromZero: {
        **{"sgd": 1, "momentum": 0.5, "nesterov": 0.5, "ftrl": 1, "lion": 100, "muon": 20},
        # Above 1 / sqrt(step), which then is the rate.
        **{"adafactor": 20, "lamb": 100},
    },
}


def by_hand(name, function, factor, decay=0.0):
    """The weights after each step, in float64."""
    update, rate = REFERENCES[name]
    rate, weights = rate * factor, list(function.start)
    states, path = [{"start": w} for w in weights], []
    for t in range(1, STEPS + 1):
        gradients = function.gradient(weights)
        shrunk = [w * (1 - rate * decay) for w in weights]
        each = zip(shrunk, gradients, states, strict=True)
        weights = [update(w, g, s, t, rate) for w, g, s in each]
        path.append(np.concatenate([w.ravel() for w in weights]))
    return np.array(path), function.value(weights)


def by_keras(name, function, factor, decay=None):
    optimizer = make_optimizer(name, factor, weight_decay=decay)
    variables = [keras.Variable(w, dtype="float32") for w in function.start]
    path = []
    for _ in range(STEPS):
        gradients = function.gradient([v.numpy() for v in variables])
        optimizer.apply([tf.constant(g, tf.float32) for g in gradients], variables)
        path.append(np.concatenate([v.numpy().ravel() for v in variables]))
    return np.array(path)


def apply(optimizer, gradients, start=0.0):
    """The weights after each of some gradients, which do not depend on them."""
    variable = keras.Variable(np.full_like(gradients[0], start))
    path = []
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
        path.append(variable.numpy())
    return np.array(path)


def test_names():
    assert tuple(SETTINGS) == tuple(REFERENCES) == OPTIMIZERS


@EACH
@pytest.mark.parametrize(
    ("function", "decay"),
    [(Quadratic(), None), (Rosenbrock(), 0.05), (FromZero(), None)],
    ids=["quadratic", "rosenbrock", "zero"],
)
def test_steps_are_those_of_the_publication(name, function, decay):
    factor = FACTORS[type(function)].get(name, 10)
    own = 0.004 if name == "adamw" else 0.0
    expected, value = by_hand(name, function, factor, own if decay is None else decay)
    assert value < function.value(function.start) / 2
    found = by_keras(name, function, factor, decay)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@EACH
def test_rates(name):
    rate = REFERENCES[name][1]
    assert float(make_optimizer(name).learning_rate) == pytest.approx(rate)
    assert float(make_optimizer(name, 0.3).learning_rate) == pytest.approx(0.3 * rate)


@EACH
def test_decay_is_none_unless_asked_for(name):
    optimizer = make_optimizer(name)
    assert optimizer.weight_decay == (0.004 if name == "adamw" else None)
    assert getattr(optimizer, "adam_weight_decay", None) is None
    assert make_optimizer(name, weight_decay=0.0).weight_decay == 0.0


def test_decay_leaves_the_moments_alone():
    gradients = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    plain, decayed = make_optimizer("adam"), make_optimizer("adam", weight_decay=10.0)
    first, second = (apply(each, gradients, start=2.0) for each in (plain, decayed))
    assert (np.abs(second[-1]) < 0.9 * np.abs(first[-1])).all()
    for one, other in zip(plain.variables, decayed.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_first_step_of_adam_is_the_sign_times_the_rate():
    gradient = np.array([-300, -1, -1e-2, 1e-2, 1, 300], np.float32)
    (step,) = apply(make_optimizer("adam"), [gradient])
    # Short of it by the share of epsilon; 1 - 0.999 is 0.001 to 1e-5 in float32.
    short = EPSILON / np.sqrt(0.001) / np.abs(gradient)
    np.testing.assert_allclose(step, -0.001 * np.sign(gradient) / (1 + short), rtol=1e-5)
    assert short.max() < 4e-4


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_epsilon_of_adam(name):
    # Added to the root before the correction, it counts 1 / sqrt(1 - 0.999) = 31.6 times at first.
    (step,) = apply(make_optimizer(name), [np.array([1e-6], np.float32)])
    assert step == pytest.approx(-0.001 / (1 + 0.1 * np.sqrt(1000)), rel=1e-5)
    assert make_optimizer(name).epsilon == EPSILON


def test_velocity_keeps_the_rate_at_which_it_grew():
    optimizer, gradient = make_optimizer("momentum"), np.ones(1, np.float32)
    variable = keras.Variable(np.zeros(1, np.float32))
    w = velocity = other = buffer = 0.0
    for step, rate in enumerate([0.01] * 10 + [0.001] * 10):
        optimizer.learning_rate = rate
        optimizer.apply([tf.constant(gradient)], [variable])
        velocity = 0.9 * velocity - rate
        w += velocity
        # PyTorch's convention: the rate multiplies the sum of gradients instead.
        buffer = 0.9 * buffer + 1
        other -= rate * buffer
        assert variable.numpy()[0] == pytest.approx(w, rel=1e-5)
        assert (w == pytest.approx(other)) == (step < 10)
    assert w < 1.5 * other


def test_ftrl_draws_the_initial_weights_to_zero():
    small = np.full(3, 1e-3, np.float32)
    (first,) = apply(make_optimizer("ftrl"), [small], start=1.0)
    assert np.abs(first).max() < 1e-3
    (first,) = apply(make_optimizer("adagrad"), [small], start=1.0)
    assert first.min() > 0.99


@pytest.mark.parametrize("layer", ["hidden0", "outputs", "logits", "values"])
def test_muon_leaves_the_last_layer_to_adam(layer):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(4, use_bias=False, name=layer)
    dense.build((None, 3))
    before = dense.kernel.numpy()
    gradient = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    make_optimizer("muon").apply([tf.constant(gradient)], [dense.kernel])
    update = adam if layer != "hidden0" else muon
    expected = update(before, gradient, {}, 1, 0.001)
    np.testing.assert_allclose(dense.kernel.numpy(), expected, atol=1e-7)
    assert (adam(before, gradient, {}, 1, 0.001) != muon(before, gradient, {}, 1, 0.001)).all()


@EACH
def test_configuration_comes_back(name):
    optimizer = make_optimizer(name, 2.0, weight_decay=0.01)
    copy = type(optimizer).from_config(optimizer.get_config())
    assert copy.get_config() == optimizer.get_config()


def test_unknown_name():
    valid = ", ".join(OPTIMIZERS)
    with pytest.raises(ValueError, match=f"one of {valid}. Received: name='newton'"):
        make_optimizer("newton")


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan")])
def test_wrong_factor(factor):
    with pytest.raises(ValueError, match=f"above 0 and finite. Received: learning_rate={factor}"):
        make_optimizer("adam", factor)
