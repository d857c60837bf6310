"""The plots of regression, of the importance of columns, and of several splits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.report.classification_plots import SQUARE, predictor_colors
from kerasbio.report.plots import BAND, BLUE, INK, PANEL, SOFT, draw, shorten

#: Beyond, dots would hide one another, and shades of hexagons count them.
MOST_DOTS = 2000
DASHES = (0, (4, 4))


def plot_agreement(
    path: Path,
    values: np.ndarray,
    predictions: np.ndarray,
    limits: tuple[float, float],
    color: str = BLUE,
) -> Path:
    """Plot what was predicted over what was measured, with the line of equality.

    Args:
        path: The PNG to write.
        values: `(cases,)`, what was measured.
        predictions: `(cases,)`; what is beyond the limits is drawn at the edge.
        limits: Ends of both axes.
        color: Colour of the predictor.
    """
    from matplotlib.colors import LinearSegmentedColormap

    measured, predicted = (np.clip(x, *limits) for x in (values, predictions))
    pad = 0.02 * (limits[1] - limits[0])
    ends = (limits[0] - pad, limits[1] + pad)

    def paint(axes: Any) -> None:
        if len(values) > MOST_DOTS:
            shades = LinearSegmentedColormap.from_list("shades", [_pale(color), color])
            axes.hexbin(
                measured,
                predicted,
                gridsize=(38, 22),
                extent=(*ends, *ends),
                bins="log",
                mincnt=1,
                cmap=shades,
                linewidths=0,
            )
        else:
            strength = float(np.clip(12 / np.sqrt(len(values)), 0.3, 0.8))
            style = {"color": color, "alpha": strength, "linewidths": 0, "clip_on": False}
            axes.scatter(measured, predicted, s=16 if len(values) < 500 else 9, **style)
        axes.plot(ends, ends, color=INK, linewidth=1, linestyle=DASHES)
        axes.set(xlim=ends, ylim=ends, xlabel="measured", ylabel="predicted")
        axes.ticklabel_format(useOffset=False, scilimits=(-4, 7))
        most = 5 if max(map(abs, ends)) < 1e5 else 3
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(_round(most))
        axes.set_box_aspect(1)

    return draw(path, paint, SQUARE)


def plot_coverage(
    path: Path, levels: Sequence[float], scores: Sequence[Score], color: str = BLUE
) -> Path:
    """Plot how often intervals hold the truth over how often they should, with 95 % intervals."""

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=DASHES)
        low, high = [s.low for s in scores], [s.high for s in scores]
        axes.vlines(levels, low, high, color=color, linewidth=2, alpha=0.6, clip_on=False)
        style = {"markersize": 5.5, "color": color, "clip_on": False}
        axes.plot(levels, [s.value for s in scores], "o", **style)
        axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015))
        axes.set(xlabel="share meant to be covered", ylabel="share covered")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])

    return draw(path, paint, SQUARE)


def plot_importance(path: Path, importance: Mapping[str, Score], label: str) -> Path:
    """Plot the importance of columns with their 95 % intervals, the first on top.

    Args:
        path: The PNG to write.
        importance: By name of the column, in the order of drawing.
        label: What the axis holds.
    """

    def paint(axes: Any) -> None:
        for row, score in enumerate(importance.values()):
            _shade(axes, row)
            axes.plot([score.low, score.high], [row, row], linewidth=2, color=BLUE, alpha=0.6)
            axes.plot([score.value], [row], "o", markersize=5, color=BLUE)
        axes.axvline(0, color=SOFT, linewidth=1)
        _rows(axes, [_cut(name) for name in importance])
        axes.set_xlabel(label)

    return draw(path, paint, (PANEL[0], 0.9 + 0.25 * len(importance)))


def plot_splits(
    path: Path, splits: Mapping[str, np.ndarray], names: Mapping[str, str], label: str
) -> Path:
    """Plot the scores of predictors on several splits, those of one split joined by a line.

    Args:
        path: The PNG to write.
        splits: Scores `(splits,)` by predictor, in the order of drawing.
        names: Display name by predictor.
        label: What the axis holds.
    """
    colors = predictor_colors(list(splits))
    places = np.arange(len(splits))

    def paint(axes: Any) -> None:
        for row, (predictor, scores) in enumerate(splits.items()):
            _shade(axes, row)
            style = {"color": colors[predictor], "linewidths": 0}
            axes.scatter(scores, np.full(len(scores), row), s=26, alpha=0.6, **style)
            axes.vlines(scores.mean(), row - 0.24, row + 0.24, color=INK, linewidth=2, zorder=3)
        axes.plot(np.stack(list(splits.values())), places, color=SOFT, linewidth=0.7, alpha=0.4)
        _rows(axes, [shorten(names[predictor], 22) for predictor in splits])
        axes.set_xlabel(label)

    return draw(path, paint, (PANEL[0], 0.9 + 0.5 * len(splits)))


def _shade(axes: Any, row: int) -> None:
    if row % 2 == 0:
        axes.axhspan(row - 0.5, row + 0.5, color=BAND, linewidth=0)


def _rows(axes: Any, names: Sequence[str]) -> None:
    """Name the rows, the first on top."""
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(_round(6))


def _cut(name: str, longest: int = 24) -> str:
    """Return a name without its middle: names of columns often differ only in their ends."""
    if len(name) <= longest:
        return name
    end = longest // 2 - 1
    return name[: longest - end - 1] + "\N{HORIZONTAL ELLIPSIS}" + name[-end:]


def _round(most: int) -> Any:
    """Return ticks at round numbers, `most` intervals of them at most."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10])


def _pale(color: str) -> str:
    """Return a colour mixed with three parts of white."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = (0.25 * part + 0.75 for part in to_rgb(color))
    return to_hex((red, green, blue))
