"""Gradients that vanish in a deep sigmoid network, and what each remedy does."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasbio.callbacks.gradient_health import GradientHealth
from kerasbio.datasets.batches import without_tuning
from kerasbio.datasets.cases import split
from kerasbio.datasets.tables.encoding import fit_encoding
from kerasbio.datasets.tables.tabular import EncodedCases, load_wisconsin
from kerasbio.models.perceptron import build_mlp

WIDTH, DEPTH = 64, 10
#: Plain SGD for all, since Adam, which divides by the size of each gradient, is itself a remedy.
RATE, ADAM_RATE = 0.1, 1e-3
BATCH = 32
#: Epochs that every run is cut into, after which held-out cases are looked at.
POINTS = 20
#: A sigmoid's slope at 0 is a quarter of that of tanh.
SIGMOID_GAIN = 4.0
#: What is changed in the network of sigmoid layers; each but the first is one remedy.
VARIANTS: dict[str, dict[str, Any]] = {
    "sigmoid": {},
    "ReLU, He": {"activation": "relu", "kernel_initializer": "he_normal"},
    "batch norm": {"batch_norm": True},
    "residual": {"residual": True},
    "Glorot × 4": {"gain": SIGMOID_GAIN},
    "Adam": {"rate": ADAM_RATE},
}


class FlowRun(NamedTuple):
    """How one network of hidden layers learned.

    Attributes:
        variant: Name of the variant, of `VARIANTS`.
        seed: Seed of the split, of the initial weights and of the order of the cases.
        measured: Steps at which gradients were measured; the first is 1.
        norms: `(measured, layers)`, L2 norm of the gradient of each hidden layer.
        first_ratio: Norm of the first hidden layer over that of the last, at the first step.
        median_ratio: Median of this ratio over all steps at which it was measured.
        steps: Steps after which held-out cases were looked at.
        loss: Mean cross-entropy in training since the step before, in nats.
        accuracy: Held-out accuracy, with the running statistics of any batch normalization.
        chance: Share of the larger class among held-out cases.
        verdict: What `GradientHealth` says.
    """

    variant: str
    seed: int
    measured: list[int]
    norms: list[list[float]]
    first_ratio: float
    median_ratio: float
    steps: list[int]
    loss: list[float]
    accuracy: list[float]
    chance: float
    verdict: str


def vanishing_study(*, seeds: int = 5, steps: int = 600, seed: int = 0) -> list[FlowRun]:
    """Train ten sigmoid layers on the Wisconsin table, as they are and with one remedy each.

    Steps, batches and rate are the same for all, but for Adam's rate. Sets Keras' global seed.

    Reference: [Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010](https://proceedings.mlr.press/v9/glorot10a.html).

    Args:
        seeds: Number of seeds of each variant.
        steps: Steps of each run, a multiple of 20.
        seed: The first of the seeds.

    Returns:
        The runs, by variant and then by seed.

    Raises:
        ValueError: If `seeds` is below 1, or `steps` is no multiple of 20.
    """
    check_sizes(seeds, steps)
    tables = {each: _wisconsin(each) for each in seeds_from(seed, seeds)}
    runs = []
    for variant in VARIANTS:
        network = Network(functools.partial(_build_deep, variant))
        runs += [_run_deep(network, variant, s, steps, table) for s, table in tables.items()]
    return runs


class Network:
    """A compiled model that begins anew for each seed, so that its step is traced once.

    Args:
        build: Function of a seed that builds and compiles the model.
    """

    def __init__(self, build: Callable[[int], keras.Model]):
        self.build = build
        self.model = build(0)
        self.model.optimizer.build(self.model.trainable_variables)
        self._start = [variable.numpy() for variable in self.model.optimizer.variables]

    def begin(self, seed: int) -> keras.Model:
        """Return the model with the initial weights of a seed and its optimizer as it began."""
        keras.utils.set_random_seed(seed)
        self.model.set_weights(self.build(seed).get_weights())
        for variable, value in zip(self.model.optimizer.variables, self._start, strict=True):
            variable.assign(value)
        return self.model


def _build_deep(variant: str, seed: int) -> keras.Model:
    settings = {"activation": "sigmoid", **VARIANTS[variant]}
    gain, rate = settings.pop("gain", None), settings.pop("rate", None)
    if gain:
        # One initializer serves all layers: with a plain seed they would all begin the same.
        settings["kernel_initializer"] = keras.initializers.VarianceScaling(
            gain**2, "fan_avg", "uniform", seed=keras.random.SeedGenerator(seed)
        )
    features = len(load_wisconsin().numeric)
    model = build_mlp((features,), 1, width=WIDTH, depth=DEPTH, **settings)
    model.compile(
        keras.optimizers.Adam(rate) if rate else keras.optimizers.SGD(RATE),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy("accuracy", threshold=0.0)],
    )
    return model


def _run_deep(network: Network, variant: str, seed: int, steps: int, table: Any) -> FlowRun:
    x, y, held_x, held_y = table
    model, health = network.begin(seed), GradientHealth()
    found = fit_steps(model, x, y, steps, seed, [health], validation_data=(held_x, held_y))
    layers = [f"hidden{level}" for level in range(DEPTH)]
    norms = [[measured[layer] for layer in layers] for _, measured in health.history]
    ratios = [row[0] / row[-1] for row in norms]
    return FlowRun(
        variant,
        seed,
        [step for step, _ in health.history],
        norms,
        ratios[0],
        float(np.median(ratios)),
        [(point + 1) * steps // POINTS for point in range(POINTS)],
        found["loss"],
        found["val_accuracy"],
        float(max(held_y.mean(), 1 - held_y.mean())),
        health.verdict,
    )


def fit_steps(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    steps: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback],
    **settings: Any,
) -> dict[str, list[float]]:
    """Fit for some steps of whole batches and return the history of `POINTS` epochs.

    Args:
        model: A compiled model.
        x: `(cases, ...)`.
        y: `(cases, 1)`.
        steps: Number of steps, a multiple of `POINTS`.
        seed: Seed of the order of the cases, in which every case comes once per round.
        callbacks: Callbacks of the fit.
        **settings: Other arguments of `fit`.
    """
    random, count = np.random.default_rng(seed), steps * BATCH
    rounds = [random.permutation(len(x)) for _ in range(-(-count // len(x)))]
    order = np.concatenate(rounds)[:count]
    # Keras, once seeded, would shuffle arrays into the same order in every epoch.
    batches = tf.data.Dataset.from_tensor_slices((x[order], y[order])).batch(BATCH)
    fitted = model.fit(
        without_tuning(batches),
        epochs=POINTS,
        steps_per_epoch=steps // POINTS,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        **settings,
    )
    return {name: [float(v) for v in values] for name, values in fitted.history.items()}


def _wisconsin(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    cases = load_wisconsin()
    train, held = split(cases, (0.7, 0.3), seed)
    encoding = fit_encoding(cases.numbers[train.indices], cases.categories[train.indices], ())
    features = EncodedCases(cases, encoding).take("features", np.arange(len(cases)))
    labels = cases.labels.astype(np.float32)[:, None]
    return (
        features[train.indices],
        labels[train.indices],
        features[held.indices],
        labels[held.indices],
    )


def check_sizes(seeds: int, steps: int) -> None:
    """Raise a ValueError unless there are seeds, and steps that `POINTS` divides."""
    if seeds < 1:
        raise ValueError(f"seeds must be at least 1. Received: seeds={seeds}")
    if steps < POINTS or steps % POINTS:
        raise ValueError(f"steps must be a multiple of {POINTS}. Received: steps={steps}")


def seeds_from(seed: int, count: int) -> list[int]:
    """Return `count` seeds from one on, which begin anew after the largest that Keras takes."""
    return [(seed + i) % 2**32 for i in range(count)]
