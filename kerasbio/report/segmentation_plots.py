"""The plots of a segmentation beside those that it is measured against."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.report.classification_plots import SQUARE, add_key, predictor_colors
from kerasbio.report.plots import (
    AMBER,
    BLUE,
    GREEN,
    LINE,
    PANEL,
    PURPLE,
    SKY,
    SOFT,
    VERMILION,
    draw,
    shorten,
)

#: Of the mask's values 1, 2, ...; used again from the first where there are more.
CLASS_COLORS = (VERMILION, SKY, AMBER, GREEN, PURPLE, BLUE, "#e6c229", "#7fc8a9", "#c44e52")


def save_overlay(
    path: Path, image: np.ndarray, masks: Mapping[str, np.ndarray], spacing: Sequence[float]
) -> Path:
    """Write a slice with the outlines of masks, side by side, as a PNG.

    Args:
        path: The file to write.
        image: `(rows, columns)`.
        masks: `(rows, columns)` integers by what they are called.
        spacing: Size of a pixel along rows and columns, in mm; any unit where only one is known.
    """
    rows, columns = image.shape
    tall = rows * spacing[0] / (columns * spacing[1])
    low, high = np.percentile(image, (0.5, 99.5))

    def paint(panels: Any) -> None:
        for axes, (name, mask) in zip(np.atleast_1d(panels), masks.items(), strict=True):
            axes.imshow(
                image,
                cmap="gray",
                vmin=low,
                vmax=max(high, low + 1e-6),
                aspect=spacing[0] / spacing[1],
                interpolation="bicubic",
            )
            for value in np.unique(mask[mask > 0]):
                color = CLASS_COLORS[(int(value) - 1) % len(CLASS_COLORS)]
                inside = np.pad((mask == value).astype(float), 1)
                axes.contour(
                    np.arange(-1, columns + 1),
                    np.arange(-1, rows + 1),
                    inside,
                    levels=[0.5],
                    colors=[color],
                    linewidths=1.3,
                )
            axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
            axes.set_title(name, fontsize=9, color=SOFT, pad=3)
            axes.set_axis_off()

    count = len(masks)
    size = (2.2 * count, 2.2 * tall + 0.25)
    return draw(path, paint, size, ncols=count)


def save_key(path: Path, names: Sequence[str]) -> Path:
    """Write which colour of `save_overlay` is which class, as a PNG.

    Args:
        path: The file to write.
        names: Names of the mask's values 1, 2, ...
    """
    from matplotlib.lines import Line2D

    columns = min(4, len(names))
    handles = [
        Line2D([], [], color=CLASS_COLORS[k % len(CLASS_COLORS)], label=shorten(name))
        for k, name in enumerate(names)
    ]

    def paint(axes: Any) -> None:
        axes.set_axis_off()
        axes.legend(handles=handles, loc="center", ncols=columns, frameon=False, handlelength=1.2)

    return draw(path, paint, (PANEL[0], 0.4 + 0.22 * -(-len(names) // columns)))


def plot_by_class(
    path: Path,
    scores: Mapping[str, Mapping[str, np.ndarray]],
    names: Mapping[str, str],
    label: str = "Dice of each case",
) -> Path:
    """Plot the scores of all cases, one row per class, with their medians.

    Args:
        path: The PNG to write.
        scores: `(cases,)` by predictor, by class.
        names: Display name by predictor, in the order of drawing.
        label: What the scores are.
    """
    colors = predictor_colors(list(names))
    random = np.random.default_rng(0)
    height = max(2.2, 0.9 + len(scores) * (0.2 * len(names) + 0.12))

    def paint(axes: Any) -> None:
        for row, by_predictor in enumerate(scores.values()):
            for place, predictor in enumerate(names):
                values = by_predictor[predictor]
                y = row + (place - (len(names) - 1) / 2) * 0.8 / len(names)
                jitter = random.uniform(-0.22, 0.22, len(values)) / len(names)
                axes.plot(
                    values,
                    y + jitter,
                    "o",
                    markersize=2.6,
                    markeredgewidth=0,
                    alpha=0.4,
                    color=colors[predictor],
                )
                axes.vlines(
                    np.median(values),
                    y - 0.35 / len(names),
                    y + 0.35 / len(names),
                    color=colors[predictor],
                    linewidth=2.4,
                )
        for row in range(1, len(scores)):
            axes.axhline(row - 0.5, color=LINE, linewidth=0.8)
        axes.set_yticks(range(len(scores)), [shorten(name, 18) for name in scores])
        axes.set(xlim=(-0.02, 1.02), ylim=(len(scores) - 0.5, -0.5), xlabel=label)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        add_key(axes, [(names[p], colors[p]) for p in names])

    return draw(path, paint, (PANEL[0], height))


def plot_against_size(
    path: Path,
    volumes: np.ndarray,
    scores: Mapping[str, np.ndarray],
    names: Mapping[str, str],
    unit: str = "ml",
) -> Path:
    """Plot the score of each case over the true size of what is to be found.

    Args:
        path: The PNG to write.
        volumes: `(cases,)`, above 0, on a logarithmic scale.
        scores: `(cases,)` by predictor.
        names: Display name by predictor.
        unit: Unit of `volumes`.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator

    colors = predictor_colors(list(names))

    def paint(axes: Any) -> None:
        axes.set_xscale("log")
        for predictor in reversed(list(names)):
            style = {"color": colors[predictor]}
            axes.plot(
                volumes,
                scores[predictor],
                "o",
                markersize=3.4,
                markeredgewidth=0,
                alpha=0.5,
                **style,
            )
            middle, median = _running_median(volumes, scores[predictor])
            axes.plot(middle, median, linewidth=2, **style)
        low, high = volumes.min(), volumes.max()
        # All may be of one size.
        margin = max(1.1, (high / low) ** 0.04)
        axes.set(xlim=(low / margin, high * margin), ylim=(-0.03, 1.03))
        axes.set(xlabel=f"true size in {unit}", ylabel="Dice")
        few = high < 5 * low
        axes.xaxis.set_major_locator(
            MaxNLocator(5) if few else LogLocator(subs=(1, 2, 5), numticks=8)
        )
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(lambda *_: "")
        add_key(axes, [(names[p], colors[p]) for p in names])

    return draw(path, paint)


def plot_froc(
    path: Path,
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    names: Mapping[str, str],
    most: float = 8.0,
) -> Path:
    """Plot the share of lesions found over the false positives per case (FROC).

    Args:
        path: The PNG to write.
        curves: False positives per case and sensitivity, both rising, by predictor.
        names: Display name by predictor.
        most: False positives per case at the right end.
    """
    colors = predictor_colors(list(names))

    def paint(axes: Any) -> None:
        for predictor in reversed([p for p in names if p in curves]):
            false, found = curves[predictor]
            width = 2.2 if predictor == "network" else 1.5
            # The last operating point holds for whoever allows more false positives.
            line = np.append(false, most), np.append(found, found[-1] if len(found) else 0)
            axes.step(*line, where="post", color=colors[predictor], linewidth=width)
        axes.set(xlim=(0, most), ylim=(-0.02, 1.02))
        axes.set(xlabel="false positives per case", ylabel="share of lesions found")
        add_key(axes, [(names[p], colors[p]) for p in names if p in curves])

    return draw(path, paint, SQUARE)


def _running_median(x: np.ndarray, y: np.ndarray, bins: int = 6) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(x)
    groups = [g for g in np.array_split(order, min(bins, max(1, len(x) // 4))) if len(g)]
    return (
        np.array([np.exp(np.log(x[g]).mean()) for g in groups]),
        np.array([np.median(y[g]) for g in groups]),
    )
