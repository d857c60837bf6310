"""The plots that every run has, and the look that all plots share.

Every function writes one PNG, made to be read at the width of a telephone, and returns its path.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#00805f"
PURPLE, SKY, AMBER, GRAY = "#a8578a", "#2f8fc7", "#b37f00", "#6f7b8a"
INK, SOFT, LINE, BAND = "#1b2430", "#5a6675", "#d5dbe2", "#f2f5f8"
PANEL = (4.4, 3.3)
DPI = 200
LOOK: dict[Any, Any] = {
    "figure.constrained_layout.h_pad": 0.09,
    "figure.constrained_layout.w_pad": 0.09,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    # A class may be called "$": names are text, never formulas.
    "text.parse_math": False,
}
LARGEST_LABELLED = 8
#: Of what range on a loss is drawn by its logarithm.
WIDE = 100


def draw(
    path: Path, paint: Callable[[Any], None], size: tuple[float, float] = PANEL, **panels: Any
) -> Path:
    """Write what `paint(axes)` draws as a PNG of `size` inches and return its path.

    With `panels`, such as `nrows=3, ncols=2, sharex=True`, it is given an array of axes.
    """
    import warnings

    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(LOOK), warnings.catch_warnings():
        # A class may be named in a script that the font lacks: it is shown as boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=size, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        paint(figure.subplots(**panels))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path


def read_history(path: Path) -> dict[str, np.ndarray]:
    """Read a CSV file of numbers as columns `(rows,)`; what is empty is nan.

    A file that does not exist, or has no row, gives an empty dict.
    """
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = list(rows[0]) if rows else []
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}


def plot_metric(path: Path, history: Mapping[str, np.ndarray], name: str) -> Path:
    """Plot a metric over the epochs, in training and, where there is one, in validation."""
    lines = {
        label: (history[key], color)
        for key, label, color in ((name, "training", GRAY), (f"val_{name}", "validation", BLUE))
        if key in history
    }

    def paint(axes: Any) -> None:
        epochs = _epochs(axes, history)
        ends = {}
        for label, (values, color) in lines.items():
            axes.plot(epochs, values, color=color, **_marker(epochs))
            ends[label] = (values, color)
        seen = np.concatenate([values[np.isfinite(values)] for values, _ in lines.values()])
        if name == "loss" and len(seen) and seen.max() > WIDE * seen.min() > 0:
            # A peak at the beginning would flatten the rest.
            _scale_by_powers(axes)
        label_ends(axes, epochs, ends)

    return draw(path, paint)


def plot_learning_rate(path: Path, history: Mapping[str, np.ndarray]) -> Path:
    """Plot the learning rate at the end of each epoch."""

    def paint(axes: Any) -> None:
        epochs = _epochs(axes, history)
        axes.plot(epochs, history["learning_rate"], color=BLUE, **_marker(epochs))
        axes.set_ylim(bottom=0)
        axes.ticklabel_format(axis="y", style="plain", useOffset=False)
        axes.yaxis.set_major_formatter(_short)

    return draw(path, paint)


def plot_gradients(path: Path, history: Mapping[str, np.ndarray]) -> Path:
    """Plot the norm of each layer's gradient over the steps, light for the first layers."""
    from matplotlib import colormaps

    layers = [name for name in history if name != "step"]
    labels = [layer.rsplit("/", 1)[-1] for layer in layers]
    if len(set(labels)) < len(labels):
        labels = layers
    shades = colormaps["viridis_r"](np.linspace(0.28, 0.97, max(2, len(layers))))
    chosen = np.linspace(0, len(layers) - 1, min(len(layers), LARGEST_LABELLED)).round()

    def paint(axes: Any) -> None:
        steps = history["step"]
        ends = {}
        for position, layer in enumerate(layers):
            norms = np.where(history[layer] > 0, history[layer], np.nan)
            axes.plot(steps, norms, color=shades[position], linewidth=1.4, **_marker(steps))
            if position in chosen:
                ends[labels[position]] = (norms, shades[position])
        axes.set_xlabel("step")
        _scale_by_powers(axes)
        label_ends(axes, steps, ends)

    return draw(path, paint)


def _scale_by_powers(axes: Any) -> None:
    """Scale the height of an axis, on which all lines are, by logarithm."""
    from matplotlib.ticker import LogLocator

    axes.set_yscale("log", nonpositive="mask")
    axes.yaxis.set_major_formatter(format_power)
    low, high = axes.get_ylim()
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    # Within few decades the powers of ten alone would leave the axis without a scale.
    axes.yaxis.set_minor_formatter(format_power if high < 100 * low else lambda *_: "")


def label_ends(
    axes: Any, x: np.ndarray, lines: Mapping[str, tuple[np.ndarray, Any]], gap: float = 0.075
) -> None:
    """Write the name of each line beside its right end, apart by `gap` of the height."""
    axes.margins(x=0.02)
    axes.autoscale_view()
    heights, known = [], []
    for label, (values, color) in lines.items():
        finite = np.flatnonzero(np.isfinite(values))
        if len(finite):
            point = axes.transData.transform((float(x[finite[-1]]), float(values[finite[-1]])))
            heights.append(float(axes.transAxes.inverted().transform(point)[1]))
            known.append((label, color))
    for (label, color), height in zip(known, spread(heights, gap), strict=True):
        axes.annotate(
            shorten(label, end=True),
            (1, height),
            xytext=(4, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=color,
            va="center",
            fontsize=9,
        )


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Move positions as little as needed for each to be `gap` from the next, in their order."""
    order = np.argsort(positions, kind="stable")
    groups: list[list[float]] = []
    for index in order:
        groups.append([positions[index], 1])
        while len(groups) > 1 and _top(groups[-2], gap) + gap > _bottom(groups[-1], gap):
            (centre, count), (above, more) = groups[-2:]
            merged = (centre * count + above * more) / (count + more)
            groups[-2:] = [[merged, count + more]]
    places = [_bottom(g, gap) + gap * i for g in groups for i in range(int(g[1]))]
    moved = [0.0] * len(positions)
    for index, place in zip(order, places, strict=True):
        moved[int(index)] = place
    return moved


def shorten(name: str, longest: int = 16, *, end: bool = False) -> str:
    """Return a name cut to `longest` characters, its start kept or, if `end`, its end."""
    if len(name) <= longest:
        return name
    dots = "\N{HORIZONTAL ELLIPSIS}"
    return dots + name[1 - longest :] if end else name[: longest - 1] + dots


def format_power(value: float, _: Any) -> str:
    """Write a number as a power of ten, called as the formatter of an axis: `"2·10⁻³"`."""
    if value <= 0:
        return ""
    exponent = math.floor(math.log10(value) + 1e-9)
    factor = f"{value / 10.0**exponent:.2g}"
    return (
        ("" if factor == "1" else f"{factor}·")
        + "10"
        + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    )


def _bottom(group: list[float], gap: float) -> float:
    return group[0] - gap * (group[1] - 1) / 2


def _top(group: list[float], gap: float) -> float:
    return group[0] + gap * (group[1] - 1) / 2


def _epochs(axes: Any, history: Mapping[str, np.ndarray]) -> np.ndarray:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
    return history["epoch"]


def _marker(x: np.ndarray) -> dict[str, Any]:
    return {"marker": "o", "markersize": 3} if len(x) <= 15 else {}


def _short(value: float, _: Any) -> str:
    return f"{value:.3g}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")
