"""Gradients that explode in a recurrent network, and what each clipping and a gated cell do."""

import math
from typing import NamedTuple

import keras
import numpy as np

from kerasbio.callbacks.gradient_clipping import GradientClipping
from kerasbio.callbacks.gradient_health import GradientHealth, NormStage
from kerasbio.callbacks.hook import attach
from kerasbio.demonstrations.gradient_flow import Network, check_sizes, fit_steps, seeds_from

HOURS = 96
#: Share of the hours at which a dose is given, and the least and the largest dose in mg.
GIVEN, DOSES = 1 / 12, (100.0, 500.0)
#: Rate of elimination per hour (half-life 11.6 h) and volume of distribution in litres.
ELIMINATION, VOLUME = 0.06, 30.0
PATIENTS, HELD_OUT = 1024, 512
UNITS = 32
#: He's gain, right for a ReLU layer, is too large for one that is applied 96 times.
RECURRENT_GAIN = math.sqrt(2)
RECURRENT_RATE, MOMENTUM = 0.01, 0.9
#: The first three limit the global norm to about 1: the network has 5 variables of 1,121 weights.
CLIPPINGS: dict[str, dict[str, float]] = {
    "unclipped": {},
    "norm": {"norm": 1.0},
    "variable norm": {"variable_norm": 0.5},
    "value": {"value": 0.03},
    "adaptive": {"adaptive": 50.0},
}
GATED = "LSTM, unclipped"


class RecurrentRun(NamedTuple):
    """How one recurrent network learned; None stands for what is not finite.

    Attributes:
        variant: A name of `CLIPPINGS`, or `GATED`.
        seed: Seed of the initial weights and of the order of the sequences.
        loss: Mean squared error of each step's batch, of a standardized concentration.
        norms: L2 norm of all gradients together at each step, before clipping.
        diverged: First step whose loss is not finite; None if there is none.
        unexplained: Share of the variance left unexplained on held-out sequences.
        verdict: What `GradientHealth` says.
    """

    variant: str
    seed: int
    loss: list[float | None]
    norms: list[float | None]
    diverged: int | None
    unexplained: float | None
    verdict: str


def exploding_study(*, seeds: int = 3, steps: int = 400, seed: int = 0) -> list[RecurrentRun]:
    """Train a recurrent network whose gradients explode, clipped in each way, and a gated one.

    It reads a dose per hour and tells the concentration at the end, by gradient descent with
    momentum. Sets Keras' global seed.

    Reference: [Pascanu et al., On the difficulty of training recurrent neural networks,
    2013](https://arxiv.org/abs/1211.5063).

    Args:
        seeds: Number of seeds of each variant.
        steps: Steps of each run, a multiple of 20.
        seed: The first of the seeds; that of the doses too.

    Returns:
        The runs, by variant and then by seed.

    Raises:
        ValueError: If `seeds` is below 1, or `steps` is no multiple of 20.
    """
    check_sizes(seeds, steps)
    doses, concentrations = simulate_doses(PATIENTS + HELD_OUT, seed=seed)
    x = (doses[..., None] / DOSES[1]).astype(np.float32)
    mean, deviation = concentrations[:PATIENTS].mean(), concentrations[:PATIENTS].std()
    y = ((concentrations[:, None] - mean) / deviation).astype(np.float32)
    simple, gated = Network(_build_simple), Network(_build_gated)
    return [
        _run_recurrent(gated if variant == GATED else simple, variant, each, steps, x, y)
        for variant in (*CLIPPINGS, GATED)
        for each in seeds_from(seed, seeds)
    ]


def simulate_doses(patients: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw doses at irregular hours and the concentration that they lead to.

    One compartment, doses into the vein, elimination of first order: a dose D given t hours
    before the end adds D exp(−k t) / V.

    Reference: Rowland and Tozer, Clinical pharmacokinetics and pharmacodynamics, 4th edition.

    Args:
        patients: Number of sequences.
        seed: Seed of the doses.

    Returns:
        Doses `(patients, hours)` in mg, most of them 0, the last an hour before the end, and
        concentrations `(patients,)` at the end in mg/L.
    """
    random = np.random.default_rng(seed)
    given = random.random((patients, HOURS)) < GIVEN
    doses = np.where(given, random.uniform(*DOSES, (patients, HOURS)), 0.0)
    return doses, doses @ np.exp(-ELIMINATION * np.arange(HOURS, 0, -1)) / VOLUME


class _EachStep(keras.callbacks.Callback):
    """Keeps the loss of each step's own batch, and the norm of its gradients before clipping."""

    def on_train_begin(self, logs=None):
        self.loss: list[float] = []
        self.norms: list[float] = []
        (self._stage,) = attach(self.model, NormStage).values()

    def on_train_batch_begin(self, batch, logs=None):
        # Keras would go on with the mean of the epoch so far.
        self.model.reset_metrics()
        self._stage.measuring.assign(True)

    def on_train_batch_end(self, batch, logs=None):
        self.loss.append(float(logs["loss"]))
        self.norms.append(float(np.linalg.norm(self._stage.norms.numpy().astype(np.float64))))


def _build_simple(seed: int) -> keras.Model:
    start = keras.initializers.Orthogonal(RECURRENT_GAIN)
    cell = keras.layers.SimpleRNN(
        UNITS, activation="relu", recurrent_initializer=start, name="recurrent"
    )
    return _compile_recurrent(cell)


def _build_gated(seed: int) -> keras.Model:
    return _compile_recurrent(keras.layers.LSTM(UNITS, name="recurrent"))


def _compile_recurrent(cell: keras.layers.Layer) -> keras.Model:
    inputs = keras.Input((HOURS, 1), name="doses")
    model = keras.Model(inputs, keras.layers.Dense(1, name="outputs")(cell(inputs)))
    model.compile(keras.optimizers.SGD(RECURRENT_RATE, momentum=MOMENTUM), "mse")
    return model


def _run_recurrent(
    network: Network, variant: str, seed: int, steps: int, x: np.ndarray, y: np.ndarray
) -> RecurrentRun:
    model, health, each = network.begin(seed), GradientHealth(), _EachStep()
    limit = CLIPPINGS.get(variant)
    clipping = [GradientClipping(**limit)] if limit else []
    fit_steps(model, x[:PATIENTS], y[:PATIENTS], steps, seed, [each, health, *clipping])
    held = y[PATIENTS:]
    error = np.mean((model.predict(x[PATIENTS:], batch_size=HELD_OUT, verbose=0) - held) ** 2)
    lost = np.flatnonzero(~np.isfinite(each.loss))
    return RecurrentRun(
        variant,
        seed,
        [_finite(loss) for loss in each.loss],
        [_finite(norm) for norm in each.norms],
        int(lost[0]) + 1 if len(lost) else None,
        _finite(float(error / held.var())),
        health.verdict,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
