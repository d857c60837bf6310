"""Every activation with its derivative, drawn and in a table."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasbio.activations import ACTIVATIONS, OF_ROWS, get_activation
from kerasbio.report.plots import BLUE, SOFT, VERMILION, draw

REACH = 4.0
COLUMNS = ("Activation", "f(x)", "f′(x)", "Range", "Slope", "Saturates", "Used for")


def curve(name: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return value and gradient `(points,)` of an activation at points.

    For one of rows they are those of the first number of a row (x, 0, 0); for the step the
    gradient is the one that it passes on.
    """
    points = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(points)
        inputs = tf.pad(points[:, None], [[0, 0], [0, 2]]) if name in OF_ROWS else points
        values = get_activation(name)(inputs)
        values = values[:, 0] if name in OF_ROWS else values
    return values.numpy(), tape.gradient(values, points).numpy()


def plot_activation(file: Path, name: str) -> Path:
    """Draw an activation and its gradient."""
    return draw(file, lambda axes: _paint(axes, name), size=(2.4, 1.9))


def plot_activations(file: Path, names: Sequence[str] = tuple(ACTIVATIONS)) -> Path:
    """Draw many activations and their gradients, three in a row."""

    rows = -(-len(names) // 3)

    def paint(axes: Any) -> None:
        panels = np.ravel(axes)
        for panel, name in zip(panels, names, strict=False):
            _paint(panel, name)
        for panel in panels[len(names) :]:
            panel.remove()

    return draw(file, paint, (6.6, 1.6 * rows), nrows=rows, ncols=3, sharex=True)


def table() -> list[tuple[str, ...]]:
    """Return a row of texts for each activation, under `COLUMNS`."""
    return [
        (name, a.formula, a.derivative, _range(a.range), _range(a.slope), a.saturates, a.use)
        for name, a in ACTIVATIONS.items()
    ]


def _paint(axes: Any, name: str) -> None:
    # Off the corners, where a derivative is a convention.
    x = np.linspace(-REACH, REACH, 802) + 1e-3
    value, slope = curve(name, x)
    axes.axhline(0, color=SOFT, linewidth=0.7)
    axes.axvline(0, color=SOFT, linewidth=0.7)
    dashes = {"linestyle": (0, (3, 2))} if name == "step" else {}
    axes.plot(x, _broken(slope), color=VERMILION, linewidth=1.4, **dashes)
    axes.plot(x, _broken(value), color=BLUE, linewidth=1.8)
    axes.set_ylim(*_limits(name))
    axes.set_xlim(-REACH, REACH)
    axes.set_title(name, fontsize=9)
    axes.tick_params(labelsize=7.5)


def _limits(name: str) -> tuple[float, float]:
    low, high = ACTIVATIONS[name].range
    slope = ACTIVATIONS[name].slope
    bottom = max(min(low, slope[0]), -3.0)
    top = min(max(high, slope[1], 1.0), 3.0)
    margin = 0.08 * (top - bottom)
    return bottom - margin, top + margin


def _broken(y: np.ndarray) -> np.ndarray:
    """Part a line where it jumps."""
    jumps = np.abs(np.diff(y, append=y[-1])) > 0.1
    return np.where(jumps, np.nan, y)


def _range(ends: tuple[float, float]) -> str:
    low, high = ends
    if low == high:
        return _number(low)
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")
