"""The plots of a classifier beside those that it is measured against."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.metrics.classification import calibration_curve, roc_curve
from kerasbio.report.plots import (
    AMBER,
    BAND,
    BLUE,
    GREEN,
    INK,
    LINE,
    PANEL,
    PURPLE,
    SKY,
    SOFT,
    VERMILION,
    draw,
    shorten,
)

SQUARE = (3.3, 3.3)
OTHERS = (VERMILION, PURPLE, AMBER, SKY)
FEW_CASES = 5
LARGEST_MATRIX_WITH_SHARES = 8
LARGEST_MATRIX_WITH_COUNTS = 16


def predictor_colors(predictors: Sequence[str]) -> dict[str, str]:
    """Return one colour for each predictor, apart for the colour-blind too."""
    colors = {"network": BLUE, "oracle": GREEN}
    others = [name for name in predictors if name not in colors]
    return colors | {name: OTHERS[i % len(OTHERS)] for i, name in enumerate(others)}


def plot_scores(
    path: Path, rows: Mapping[str, Mapping[str, Score]], names: Mapping[str, str]
) -> Path:
    """Plot scores with their intervals, one row per class and one colour per predictor.

    Args:
        path: The PNG to write.
        rows: Score of each predictor by name of the row.
        names: Display name by predictor, in the order of drawing.
    """
    colors = predictor_colors(list(names))
    height = max(2.2, 0.8 + len(rows) * (0.11 * len(names) + 0.15))

    def paint(axes: Any) -> None:
        for row, scores in enumerate(rows.values()):
            if row % 2 == 0:
                axes.axhspan(row - 0.5, row + 0.5, color=BAND, linewidth=0)
            for place, predictor in enumerate(names):
                score = scores[predictor]
                y = row + (place - (len(names) - 1) / 2) * 0.22
                style = {"color": colors[predictor], "solid_capstyle": "butt"}
                axes.plot([score.low, score.high], [y, y], linewidth=2, **style)
                axes.plot([score.value], [y], "o", markersize=4.5, color=colors[predictor])
        axes.set_yticks(range(len(rows)), [shorten(name, 18) for name in rows], color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlim(right=min(1.02, axes.get_xlim()[1]))
        add_key(axes, [(names[p], colors[p]) for p in names])

    return draw(path, paint, (PANEL[0], height))


def plot_roc(
    path: Path,
    truth: np.ndarray,
    scores: Mapping[str, np.ndarray],
    areas: Mapping[str, float],
    names: Mapping[str, str],
) -> Path:
    """Plot the ROC curve of one class against the rest for several predictors.

    Args:
        path: The PNG to write.
        truth: `(cases,)`, True where the case is of the class.
        scores: Probability of the class `(cases,)` by predictor.
        areas: Area under each curve.
        names: Display name by predictor.
    """
    colors = predictor_colors(list(names))

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 4)))
        lines = [predictor for predictor in reversed(list(names)) if predictor in scores]
        for predictor in lines:
            false, true = roc_curve(truth, scores[predictor])
            width = 2.2 if predictor == "network" else 1.5
            axes.plot(false, true, color=colors[predictor], linewidth=width)
        for row, predictor in enumerate(lines):
            axes.text(
                0.98,
                0.04 + 0.085 * row,
                f"{shorten(names[predictor], 24)}  {areas[predictor]:.2f}",
                color=colors[predictor],
                ha="right",
                transform=axes.transAxes,
                bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.5},
            )
        _unit_square(axes, "1 \N{MINUS SIGN} specificity", "sensitivity")

    return draw(path, paint, SQUARE)


def plot_calibration(
    path: Path, labels: np.ndarray, probabilities: np.ndarray, color: str = BLUE
) -> Path:
    """Plot how often predictions are right over how sure they are, with 95 % intervals.

    The area of a dot is in proportion to the cases in its bin of confidence.
    """
    confidence, right, counts = calibration_curve(labels, probabilities)
    low, high = wilson_interval(right, counts)

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=(0, (4, 4)))
        strength = np.where(counts < FEW_CASES, 0.3, 1.0)
        axes.vlines(confidence, low, high, color=color, linewidth=1.6, alpha=0.6 * strength)
        axes.scatter(
            confidence,
            right,
            s=14 + 130 * counts / counts.sum(),
            color=color,
            alpha=strength,
            clip_on=False,
            linewidths=0,
            zorder=3,
        )
        _unit_square(axes, "confidence", "share that is right")

    return draw(path, paint, SQUARE)


def wilson_interval(share: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the 95 % score interval of a share of `counts` (Wilson, 1927)."""
    z = 1.959964
    middle = (share + z**2 / (2 * counts)) / (1 + z**2 / counts)
    spread = np.sqrt(share * (1 - share) / counts + z**2 / (4 * counts**2))
    half = z * spread / (1 + z**2 / counts)
    return middle - half, middle + half


def plot_confusion(path: Path, counts: np.ndarray, classes: Sequence[str]) -> Path:
    """Plot counts `(classes, classes)`, shaded by the share of each true class."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    number = len(classes)
    side = max(PANEL[0], 1.6 + 0.32 * number)

    def paint(axes: Any) -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
        for row, column in np.ndindex(number, number):
            if number > LARGEST_MATRIX_WITH_COUNTS:
                break
            text = f"{counts[row, column]}"
            if number <= LARGEST_MATRIX_WITH_SHARES:
                text += f"\n{shares[row, column]:.0%}" if totals[row] else ""
            color = "white" if shares[row, column] > 0.6 else INK
            axes.text(
                column,
                row,
                text,
                color=color,
                ha="center",
                va="center",
                fontsize=8.5,
                linespacing=1.15,
            )
        labels = [shorten(name, 14) for name in classes]
        turned = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"}
        fits = number * max(len(label) for label in labels) <= 28
        axes.set_xticks(range(number), labels, **({} if fits else turned))
        axes.set_yticks(range(number), labels)
        axes.set_xticks(np.arange(number + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(number + 1) - 0.5, minor=True)
        axes.grid(visible=False)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="both", length=0)
        for side_name in ("left", "bottom"):
            axes.spines[side_name].set_visible(False)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")

    return draw(path, paint, (side, side * 0.95))


def save_image(path: Path, image: np.ndarray, side: int = 320) -> Path:
    """Write an input `(height, width, channels)` as a PNG, its extremes as black and white."""
    from PIL import Image

    image = np.asarray(image, np.float64)
    image = image[..., 0] if image.shape[-1] != 3 else image
    low, high = np.percentile(image, (0.5, 99.5))
    if high <= low:
        low, high = image.min(), image.max()
    pixels = np.clip((image - low) / max(high - low, 1e-12), 0, 1) * 255
    picture = Image.fromarray(pixels.round().astype(np.uint8))
    scale = side / max(picture.size)
    shape = [max(1, round(length * scale)) for length in picture.size]
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((shape[0], shape[1]), Image.Resampling.BICUBIC).save(path)
    return path


def add_key(axes: Any, entries: Sequence[tuple[str, str]]) -> None:
    """Name the colours in one line above the axes."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], color=color, marker="o", markersize=4.5, linewidth=2, label=shorten(name, 22)
        )
        for name, color in entries
    ]
    axes.figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=2 if len(handles) > 2 and sum(len(n) for n, _ in entries) > 34 else len(handles),
        frameon=False,
        labelcolor="linecolor",
        fontsize=9,
        handlelength=1.4,
        columnspacing=1.2,
    )


def _unit_square(axes: Any, x_label: str, y_label: str) -> None:
    axes.set(xlim=(-0.015, 1.015), ylim=(-0.015, 1.015), xlabel=x_label, ylabel=y_label)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.grid(color=LINE)
