"""Figures of the approximation studies, each one PNG to be read at the width of a telephone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.demonstrations.approximation import count_parameters
from kerasbio.demonstrations.approximation_rates import RateStudy
from kerasbio.demonstrations.approximation_studies import CAPACITY, DepthStudy, WidthStudy
from kerasbio.report.plots import (
    AMBER,
    BAND,
    BLUE,
    GRAY,
    GREEN,
    INK,
    PURPLE,
    SOFT,
    VERMILION,
    draw,
    format_power,
    label_ends,
)

SIZE = (5.4, 3.5)
DASHES = (0, (4, 3))
FLOOR = 1e-5
LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": 9,
    "labelcolor": "linecolor",
    "loc": "upper left",
}


def plot_width_error(path: Path, study: WidthStudy, target: int) -> Path:
    """Plot the error of one hidden layer over its width, trained and written down.

    A dot is one seed and the line their median; the dashed line is the bound, of slope -2.
    """
    widths = np.array(study.widths, float)
    trained = study.trained[target]
    built = np.where(study.interpolant[target] > 0, study.interpolant[target], np.nan)
    bound, noise = study.bound[target], study.noise[target]

    def paint(axes: Any) -> None:
        _log_axes(axes, study.widths)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_decade)
        lines = {"trained": (np.median(trained, axis=-1), BLUE)}
        if np.isfinite(bound).all():
            axes.plot(widths, bound, color=GRAY, linestyle=DASHES, linewidth=1.2)
            lines |= {"interpolant": (built, VERMILION), "bound, slope −2": (bound, GRAY)}
        axes.plot(np.repeat(widths, trained.shape[-1]), trained.ravel(), **_dots(BLUE))
        if noise:
            axes.axhline(noise, color=SOFT, linestyle=":", linewidth=1.4)
            _note(axes, study.widths[0], noise, "noise of one sample")
        for values, color in list(lines.values())[:2]:
            axes.plot(widths, values, color=color)
        exact = np.flatnonzero(study.interpolant[target] < 1e-9)
        if len(exact):
            first = study.widths[exact[0]]
            axes.axvline(first, color=VERMILION, linestyle=DASHES, linewidth=1.2)
            text = f"written \ndown, \n{first} units \nare exact "
            place = axes.get_xaxis_transform()
            axes.annotate(text, (first, 0.04), xycoords=place, color=VERMILION, ha="right")
        axes.set_xlabel("width: units of the one hidden layer")
        axes.set_ylabel(_with_unit("root mean squared error", study.units[target]))
        label_ends(axes, widths, lines)

    return draw(path, paint, SIZE)


def plot_fits(path: Path, study: WidthStudy, target: int, widths: Sequence[int]) -> Path:
    """Plot what trained networks of some widths make of the samples of the first seed."""
    x, samples = study.places[target], study.samples[target]
    known = list(study.widths)

    def paint(axes: Any) -> None:
        size = 9 if study.noise[target] else 5
        axes.scatter(x, samples, s=size, color=GRAY, alpha=0.45, linewidths=0)
        for width, color in zip(widths, (AMBER, PURPLE, BLUE), strict=False):
            units = f"{width} units"
            axes.plot(x, study.fits[target, known.index(width)], color=color, label=units)
        axes.set_xlabel(study.variables[target])
        axes.set_ylabel(_with_unit(study.targets[target], study.units[target]))
        above = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": len(widths)}
        axes.legend(**{**LEGEND, **above})

    return draw(path, paint, SIZE)


def plot_depth(path: Path, study: DepthStudy) -> Path:
    """Plot what networks of equal capacity leave of the tent map, over its folds.

    A dot is one seed and the line their median; the lowest line is the network that is written
    down.
    """
    folds = np.array(study.folds, float)
    colors = (VERMILION, AMBER, PURPLE, BLUE, INK)

    def paint(axes: Any) -> None:
        for row, (depth, color) in enumerate(zip(study.depths, colors, strict=False)):
            found = study.unexplained[row, -len(folds) :]
            shift = 0.09 * (row - (len(study.depths) - 1) / 2)
            axes.plot(np.repeat(folds + shift, found.shape[-1]), found.ravel(), **_dots(color))
            axes.plot(folds, np.median(found, axis=-1), color=color, label=_layers(depth))
        axes.plot(folds, study.constructed, color=GREEN, marker="s", markersize=4)
        axes.set_xticks(study.folds, [f"{k}\n{2 ** (k - 1)}" for k in study.folds])
        axes.set_xlabel("folds k, and teeth")
        axes.set_ylabel("variance left unexplained")
        axes.set_ylim(-0.04, 1.06)
        text = f"trained, {min(study.parameters)} to {max(study.parameters)}\nparameters each"
        axes.legend(title=text, title_fontsize=9, alignment="left", **LEGEND)
        label_ends(axes, folds, {"written down": (study.constructed, GREEN)})

    return draw(path, paint, SIZE)


def plot_teeth(path: Path, study: DepthStudy) -> Path:
    """Plot the tent map with what the shallowest and the deepest network make of it."""

    def paint(axes: Any) -> None:
        axes.plot(study.places, study.truth, color=GRAY, linewidth=5, alpha=0.4, label="tent map")
        for row, color in ((0, VERMILION), (-1, BLUE)):
            text = f"{_layers(study.depths[row])}, {study.parameters[row]} parameters"
            axes.plot(study.places, study.fits[row], color=color, label=text)
        axes.set_xlabel("x")
        axes.set_ylabel(f"tent map, k = {study.shown_folds}")
        axes.set_ylim(top=1.42)
        axes.set_yticks([0, 0.5, 1])
        axes.legend(**LEGEND)

    return draw(path, paint, SIZE)


def plot_rates(path: Path, study: RateStudy) -> Path:
    """Plot what one layer and the deep network leave of the tent map, over the learning rate."""

    def paint(axes: Any) -> None:
        for depth, found, color in zip(study.depths, study.by_rate, (VERMILION, BLUE), strict=True):
            _seeds(axes, study.rates, found, color, _layers(depth))
        _log_axes(axes, [0.001, 0.003, 0.01, 0.03, 0.1])
        _unexplained(axes)
        axes.set_xlabel(f"learning rate of Adam, {study.updates} updates")

    return draw(path, paint, SIZE)


def plot_updates(path: Path, study: RateStudy) -> Path:
    """Plot what networks leave of the tent map at their best rates, over the updates they get."""
    names = (_layers(1), _layers(study.depths[1]), "1 layer, corners\nspread at first")

    def paint(axes: Any) -> None:
        colors = (VERMILION, BLUE, AMBER)
        for name, found, color in zip(names, study.by_updates, colors, strict=True):
            _seeds(axes, study.budgets, found, color, name)
        _log_axes(axes, study.budgets)
        _unexplained(axes)
        axes.set_xlabel("updates, each at its best rate")

    return draw(path, paint, SIZE)


def plot_compactness(path: Path, most_folds: int = 12) -> Path:
    """Plot the parameters that a tent map takes when weights are written down, over its folds."""
    folds = range(1, most_folds + 1)
    shallow = np.array([count_parameters(2**k, 1) for k in folds])
    deep = np.array([count_parameters(2, k) for k in folds])

    def paint(axes: Any) -> None:
        axes.set_yscale("log")
        axes.plot(folds, shallow, color=VERMILION, marker="o", markersize=4)
        axes.plot(folds, deep, color=BLUE, marker="o", markersize=4)
        axes.axhline(CAPACITY, color=SOFT, linestyle=":", linewidth=1.4)
        _note(axes, folds[0], CAPACITY, f"{CAPACITY} parameters, as trained")
        axes.set_xticks(folds)
        axes.set_yticks([10, 100, 1000, 10000], ["10", "100", "1,000", "10,000"])
        axes.set_xlabel("folds k of the tent map")
        axes.set_ylabel("parameters, written down")
        label_ends(
            axes, np.array(folds), {"1 layer": (shallow, VERMILION), "k layers": (deep, BLUE)}
        )

    return draw(path, paint, SIZE)


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit})" if unit else name


def _decade(value: float, _: Any) -> str:
    return f"{value:g}" if value >= 1e-3 else format_power(value, None)


def _layers(depth: int) -> str:
    return "1 layer" if depth == 1 else f"{depth} layers"


def _dots(color: str) -> dict[str, Any]:
    return {
        "color": color,
        "marker": "o",
        "markersize": 3.5,
        "alpha": 0.4,
        "linestyle": "none",
        "markeredgewidth": 0,
    }


def _seeds(axes: Any, x: Sequence[float], found: np.ndarray, color: str, name: str) -> None:
    """Draw seeds `(places, seeds)` and their median; what is below the floor lies on it."""
    found = np.maximum(found, FLOOR)
    axes.plot(np.repeat(x, found.shape[-1]), found.ravel(), **_dots(color))
    axes.plot(x, np.median(found, axis=-1), color=color, label=name)


def _unexplained(axes: Any) -> None:
    """Label the unexplained variance, with a band between success and failure."""
    axes.axhspan(0.01, 0.1, color=BAND, zorder=0)
    axes.set_yscale("log")
    axes.set_ylim(FLOOR / 1.6, 1.6)
    ticks = [1, 0.1, 0.01, 1e-3, 1e-4, FLOOR]
    axes.set_yticks(ticks, [*(_decade(tick, None) for tick in ticks[:-1]), "≤ 10⁻⁵"])
    axes.set_yticks([], minor=True)
    axes.set_ylabel("variance left unexplained")
    axes.legend(**{**LEGEND, "loc": "lower left"})


def _log_axes(axes: Any, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)


def _note(axes: Any, x: float, y: float, text: str) -> None:
    """Write below the line at height `y`."""
    axes.annotate(
        text,
        (x, y),
        xytext=(0, -3),
        va="top",
        textcoords="offset points",
        color=SOFT,
        fontsize=8.5,
    )
