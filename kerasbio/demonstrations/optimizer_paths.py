"""Every optimizer on a ravine: how far it swings across, and how fast it gets along."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasbio.names import OPTIMIZERS
from kerasbio.optimizers import SETTINGS, make_optimizer

#: The curvature across the ravine, where that along it is 1.
CONDITION = 100.0
START = (-10.0, 1.0)
#: Share of the first height at which a path has arrived.
GOAL = 1e-3
#: Of the rate beyond which plain descent diverges, 2 / CONDITION.
NEAR_THE_LIMIT = 0.95


class Path(NamedTuple):
    """How an optimizer went down the ravine.

    Attributes:
        optimizer: Its name.
        rate: Its learning rate.
        points: `(steps + 1, 2)`: along the ravine and across it, from the start on.
        arrived: Steps after which it stayed below the goal; None where it did not.
    """

    optimizer: str
    rate: float
    points: np.ndarray
    arrived: int | None

    @property
    def heights(self) -> np.ndarray:
        """Height `(steps + 1,)` as a share of the first."""
        height = ravine(self.points)
        return height / height[0]

    @property
    def crossings(self) -> int:
        """How often it crossed the floor of the ravine before it arrived."""
        across = np.sign(self.points[: self._end, 1])
        across = across[across != 0]
        return int((across[1:] != across[:-1]).sum())

    @property
    def swing(self) -> float:
        """Its way across the ravine before it arrived, as a multiple of the straight way."""
        across = self.points[: self._end, 1]
        return float(np.abs(np.diff(across)).sum() / abs(across[0]))

    @property
    def shrinkage(self) -> float:
        """The factor by which its distance from the minimum shrank per step, in the mean."""
        distance = np.hypot(*self.points[: self._end].T)
        return float((distance[-1] / distance[0]) ** (1 / max(len(distance) - 1, 1)))

    def numbers(self) -> dict[str, Any]:
        """Return what was measured, without the points."""
        return {
            "optimizer": self.optimizer,
            "rate": self.rate,
            "steps": self.arrived,
            "crossings": self.crossings,
            "swing": self.swing,
            "shrinkage": self.shrinkage,
        }

    @property
    def _end(self) -> int:
        return len(self.points) if self.arrived is None else self.arrived + 1


def ravine(points: np.ndarray) -> np.ndarray:
    """Return the height `(...)` of the ravine at points `(..., 2)`: (x² + 100 y²) / 2."""
    return (points[..., 0] ** 2 + CONDITION * points[..., 1] ** 2) / 2


def study(
    optimizers: Sequence[str] = OPTIMIZERS, steps: int = 600, rates: int = 41, turn: float = 0.0
) -> dict[str, Path]:
    """Let each optimizer go down the ravine at the best of many rates.

    Args:
        optimizers: Their names.
        steps: Steps of each path.
        rates: Number of rates, evenly on a logarithmic scale from 1e-4 to 10, that are tried.
        turn: Degrees by which the ravine is turned against the axes of the weights.

    Returns:
        By name the path that arrived first, or came lowest where none arrived.
    """
    tried = np.geomspace(1e-4, 10, rates)
    return {name: best_path(name, steps, tried, turn) for name in optimizers}


def best_path(
    name: str, steps: int, rates: Sequence[float] | np.ndarray, turn: float = 0.0
) -> Path:
    """Return the path of an optimizer at the best of several rates."""
    walk = _walker(name, steps, turn)
    paths = [_path(name, float(rate), walk(rate)) for rate in rates]

    def rank(path: Path) -> tuple[float, float]:
        last = float(path.heights[-1])
        arrived = np.inf if path.arrived is None else path.arrived
        return arrived, last if np.isfinite(last) else np.inf

    return min(paths, key=rank)


def path_at(name: str, rate: float, steps: int) -> Path:
    """Return the path of an optimizer at a rate."""
    return _path(name, rate, _walker(name, steps, 0.0)(rate))


def _path(name: str, rate: float, points: np.ndarray) -> Path:
    height = ravine(points)
    outside = np.flatnonzero(~(height <= GOAL * height[0]))
    arrived = int(outside[-1]) + 1
    return Path(name, rate, points, arrived if arrived < len(points) else None)


def _walker(name: str, steps: int, turn: float) -> Callable[[float], np.ndarray]:
    """Return a function from a rate to the points of a path, which is traced only once."""
    optimizer = make_optimizer(name)
    angle = np.deg2rad(turn)
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # A matrix, as Muon and Adafactor have their own way with them.
    weights = keras.Variable(axes @ np.reshape(START, (2, 1)), dtype="float32")
    hessian = tf.constant(axes @ np.diag([1.0, CONDITION]) @ axes.T, tf.float32)
    optimizer.build([weights])
    states = [weights, *optimizer.variables]
    first = [state.numpy() for state in states]

    @tf.function(autograph=False)
    def walk(rate):
        optimizer.learning_rate.assign(rate)

        def step(count, points):
            optimizer.apply([hessian @ weights.value], [weights])
            return count + 1, points.write(count + 1, weights.value[:, 0])

        points = tf.TensorArray(tf.float32, steps + 1, element_shape=(2,))
        points = points.write(0, weights.value[:, 0])
        _, points = tf.while_loop(lambda count, _: count < steps, step, (0, points))
        return points.stack()

    def from_the_start(rate: float) -> np.ndarray:
        for state, value in zip(states, first, strict=True):
            state.assign(value)
        points = walk(tf.constant(rate, tf.float32)).numpy().astype(np.float64)
        with np.errstate(invalid="ignore"):
            # A rate that is too large leads to infinity.
            return points @ axes

    return from_the_start


def theory(name: str, rate: float) -> float | None:
    """Return the factor by which the distance shrinks per step in the long run, where known.

    Plain descent: the larger of |1 - rate| and |1 - 100 rate|. With momentum 0.9 it is the largest
    root of z² - (1 + 0.9 - rate curvature) z + 0.9, for either curvature.

    Reference: [Polyak, Some methods of speeding up the convergence of iteration methods,
    1964](https://doi.org/10.1016/0041-5553(64)90137-5).
    """
    if name not in ("sgd", "momentum"):
        return None
    momentum = SETTINGS[name][1].get("momentum", 0.0)
    roots = [
        np.abs(np.roots([1, -(1 + momentum - rate * curvature), momentum])).max()
        for curvature in (1.0, CONDITION)
    ]
    return float(max(roots))
