"""Functions to approximate, and networks of rectified units whose weights are written down."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from kerasbio.propagation import forward

VARIABLE = "log₁₀ of the concentration in M"
BOTTOM, TOP, LOG_EC50, HILL = 4.0, 98.0, -6.5, 1.2
#: Angle (rad), coefficient and width (rad) of the waves P, Q, R, S and T of McSharry et al.
WAVES = (
    (-math.pi / 3, 1.2, 0.25),
    (-math.pi / 12, -5.0, 0.1),
    (0.0, 30.0, 0.1),
    (math.pi / 12, -7.5, 0.1),
    (math.pi / 2, 0.75, 0.4),
)
R_WAVE = 1.0


class Target(NamedTuple):
    """A function of one variable to approximate.

    `function` maps numbers of `domain`, a `variable` with its unit, to values in `unit`, empty
    where there is none; `curvature` is the largest `|f''|` on the domain, infinite where there are
    corners; `noise` is the standard deviation of what is added to the samples to learn from.
    """

    name: str
    variable: str
    unit: str
    function: Callable[[np.ndarray], np.ndarray]
    domain: tuple[float, float]
    curvature: float
    noise: float = 0.0

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return the value at `places`, given as shares of the way through the domain."""
        low, high = self.domain
        return self.function(low + (high - low) * np.asarray(places, float))


def dose_response() -> Target:
    """Return a four-parameter logistic curve over log10 of the concentration from 1 nM to 100 µM.

    From 4 to 98 % with an EC50 of 10^-6.5 M and a Hill slope of 1.2.

    Reference: [Hill, The possible effects of the aggregation of the molecules of haemoglobin,
    1910](https://doi.org/10.1113/jphysiol.1910.sp001386).
    """

    def response(log_concentration: np.ndarray) -> np.ndarray:
        return BOTTOM + (TOP - BOTTOM) / (1 + 10 ** (HILL * (LOG_EC50 - log_concentration)))

    # |s(1 - s)(1 - 2s)| of a logistic s is largest at s = (3 ± √3) / 6.
    curvature = (TOP - BOTTOM) * (HILL * math.log(10)) ** 2 / (6 * math.sqrt(3))
    return Target("dose response", VARIABLE, "%", response, (-9.0, -4.0), curvature)


def ecg_cycle(noise: float = 0.05) -> Target:
    """Return one cycle of an electrocardiogram at 60 beats per minute, over time in seconds.

    A sum of five Gaussian waves: what the published equation of motion integrates to without its
    baseline, with the published angles and widths, and heights in proportion to the published
    coefficient times the squared width; the R wave is 1 mV high at 0.5 s.

    Reference: [McSharry et al., A dynamical model for generating synthetic electrocardiogram
    signals, 2003](https://doi.org/10.1109/TBME.2003.808805), table I.

    Args:
        noise: Standard deviation of the noise of the samples, in mV.
    """
    angle, coefficient, width = np.array(WAVES).T
    height = coefficient * width**2
    height *= R_WAVE / height[2]

    def waves(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        distance = (2 * np.pi * (np.asarray(seconds, float)[..., None] - 0.5) - angle) / width
        return distance, height * np.exp(-(distance**2) / 2)

    def voltage(seconds: np.ndarray) -> np.ndarray:
        return waves(seconds)[1].sum(-1)

    distance, wave = waves(np.linspace(0, 1, 100_001))
    second = (wave * (distance**2 - 1) * (2 * np.pi / width) ** 2).sum(-1)
    curvature = float(np.abs(second).max())
    return Target("ECG cycle", "time (s)", "mV", voltage, (0.0, 1.0), curvature, noise)


def tent_map(folds: int) -> Target:
    """Return the tent map applied `folds` times on [0, 1]: `2 ** (folds - 1)` teeth of height 1.

    Raises:
        ValueError: If `folds` is below 1.
    """
    _check_folds(folds)

    def teeth(x: np.ndarray) -> np.ndarray:
        for _ in range(folds):
            x = 1 - np.abs(2 * x - 1)
        return x

    return Target(f"tent map, k = {folds}", "x", "", teeth, (0.0, 1.0), math.inf)


def interpolant_weights(target: Target, width: int) -> list[np.ndarray]:
    """Write down a network of one hidden layer that meets a target at equally spaced knots.

    Unit `i` begins to rise at knot `i`, and its output weight is the change of slope there. The
    network is piecewise linear, so that with a spacing `h` its error is at most
    `h**2 max|f''| / 8`: it falls as the square of the width.

    Reference: [de Boor, A practical guide to splines, 1978](https://doi.org/10.1007/978-1-4612-6333-3),
    chapter III.

    Args:
        target: The function.
        width: Number of hidden units, and of intervals between `width + 1` knots.

    Returns:
        The weights of `build_mlp((1,), 1, width=width, depth=1)` in their order, float64; its
        input is the share of the way through the domain, from 0 to 1.

    Raises:
        ValueError: If `width` is below 1.
    """
    if width < 1:
        raise ValueError(f"width must be at least 1. Received: width={width}")
    knots = np.arange(width + 1) / width
    values = target.at(knots)
    slopes = np.diff(values) * width
    changes = np.diff(slopes, prepend=0.0)
    return [np.ones((1, width)), -knots[:-1], changes[:, None], values[:1]]


def interpolation_bound(target: Target, width: int) -> float:
    """Return `h**2 max|f''| / 8`, in the unit of the target, for `width` intervals."""
    spacing = (target.domain[1] - target.domain[0]) / width
    return spacing**2 * target.curvature / 8


def tent_weights(folds: int) -> list[np.ndarray]:
    """Write down a network of `folds` hidden layers of two units that is `tent_map(folds)`.

    With `a = relu(x)` and `b = relu(x - 1/2)` the tent is `2a - 4b`: each layer applies it to
    what the layer before has made. `6 * folds + 1` parameters make `2 ** folds` linear pieces, for
    which one hidden layer needs as many units.

    Reference: [Telgarsky, Representation benefits of deep feedforward networks,
    2015](https://arxiv.org/abs/1509.08101).

    Args:
        folds: How often the tent map is applied.

    Returns:
        The weights of `build_mlp((1,), 1, width=2, depth=folds)` in their order, float64; its
        input is from 0 to 1.

    Raises:
        ValueError: If `folds` is below 1.
    """
    _check_folds(folds)
    shift = np.array([0.0, -0.5])
    fold = np.array([[2.0], [-4.0]])
    inner = [np.tile(fold, 2), shift] * (folds - 1)
    return [np.ones((1, 2)), shift, *inner, fold, np.zeros(1)]


def evaluate(weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return what a network of rectified units with these weights makes of `x`, in float64.

    Args:
        weights: Kernel and bias of each layer in turn; the last layer is affine.
        x: `(points,)`.

    Returns:
        `(points,)`.
    """
    return forward(weights, np.asarray(x)[:, None], activation="relu")[-1].outputs[:, 0]


def count_parameters(width: int, depth: int) -> int:
    """Return the number of parameters of `build_mlp((1,), 1, width=width, depth=depth)`."""
    return 2 * width + (depth - 1) * width * (width + 1) + width + 1


def matched_width(parameters: int, depth: int) -> int:
    """Return the width at which a network of `depth` hidden layers is nearest to `parameters`."""
    return min(range(1, parameters), key=lambda w: abs(count_parameters(w, depth) - parameters))


def unexplained_variance(values: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Return the mean squared error over the variance of the values: 1 is no better than the mean.

    Args:
        values: `(..., points)`.
        predictions: `(..., points)`.

    Returns:
        `(...)`.
    """
    return np.mean((predictions - values) ** 2, axis=-1) / np.var(values, axis=-1)


def _check_folds(folds: int) -> None:
    if folds < 1:
        raise ValueError(f"folds must be at least 1. Received: folds={folds}")
