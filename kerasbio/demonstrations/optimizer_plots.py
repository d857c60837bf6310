"""The figures of optimizers on a ravine."""

from collections.abc import Mapping, Sequence
from pathlib import Path as File
from typing import Any

import numpy as np

from kerasbio.demonstrations.optimizer_paths import GOAL, Path, ravine
from kerasbio.report.plots import (
    AMBER,
    BLUE,
    GREEN,
    LINE,
    PURPLE,
    SKY,
    SOFT,
    VERMILION,
    draw,
    format_power,
    label_ends,
)

COLORS = (VERMILION, BLUE, GREEN, PURPLE, AMBER, SKY)
WIDTH, HEIGHT = (-11.5, 4.5), (-1.35, 1.35)


def plot_paths(file: File, paths: Sequence[Path]) -> File:
    """Draw paths over the contours of the ravine, one panel for each."""

    rows = -(-len(paths) // 2)

    def paint(axes: Any) -> None:
        panels = np.ravel(axes)
        figure = panels[0].figure
        x, y = np.meshgrid(np.linspace(*WIDTH, 200), np.linspace(*HEIGHT, 100))
        heights = ravine(np.stack([x, y], axis=-1))
        for panel, path, color in zip(panels, paths, COLORS, strict=False):
            panel.grid(False)
            panel.contour(
                x, y, heights, levels=2.0 ** np.arange(-2, 8), colors=LINE, linewidths=0.7
            )
            panel.plot(*path.points.T, color=color, linewidth=1, marker="o", markersize=1.8)
            panel.plot(0, 0, marker="+", markersize=8, color=SOFT)
            panel.set_xlim(*WIDTH)
            panel.set_ylim(*HEIGHT)
            end = f"{path.arrived} steps" if path.arrived else "never there"
            panel.set_title(f"{path.optimizer}: {end}", fontsize=9, color=color)
            panel.text(
                0.98, 0.04, f"{path.crossings} crossings", transform=panel.transAxes, fontsize=7.5,
                color=SOFT, ha="right",
            )  # fmt: skip
        for panel in panels[len(paths) :]:
            panel.remove()
        figure.supxlabel("along the ravine", fontsize=9, color=SOFT)
        figure.supylabel("across", fontsize=9, color=SOFT)

    size = (4.4, 1.55 * rows + 0.4)
    return draw(file, paint, size, nrows=rows, ncols=2, sharex=True, sharey=True)


def plot_heights(file: File, paths: Mapping[str, Path]) -> File:
    """Draw the height of paths by step, on a logarithmic scale, with the goal."""

    def paint(axes: Any) -> None:
        last = max(path.arrived or 0 for path in paths.values()) + 10
        steps = np.arange(last)
        axes.set_yscale("log")
        ends = {}
        for (label, path), color in zip(paths.items(), COLORS, strict=False):
            heights = path.heights[:last]
            heights = np.where(heights > GOAL / 100, heights, np.nan)
            axes.plot(steps[: len(heights)], heights, color=color, linewidth=1.4)
            ends[label] = (heights, color)
        axes.axhline(GOAL, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.yaxis.set_major_formatter(format_power)
        axes.set_ylim(GOAL / 100, 1.5)
        axes.set_xlabel("step")
        axes.set_ylabel("height, share of the first")
        label_ends(axes, steps, ends, gap=0.085)

    return draw(file, paint)


def plot_swing(file: File, paths: Mapping[str, Path], steps: int = 40) -> File:
    """Draw how paths swing across the ravine, each above the next."""

    def paint(panels: Any) -> None:
        for panel, (label, path), color in zip(panels, paths.items(), COLORS, strict=False):
            across = path.points[: steps + 1, 1]
            panel.axhline(0, color=SOFT, linewidth=0.8)
            panel.plot(across, color=color, marker="o", markersize=2.2, linewidth=1.2)
            panel.set_ylim(-1.15, 1.15)
            panel.set_yticks([-1, 0, 1])
            panel.set_title(label, fontsize=9, color=color, loc="left", pad=3)
        panels[-1].set_xlabel("step")
        panels[0].figure.supylabel("across the ravine", fontsize=9, color=SOFT)

    size = (4.4, 1.05 * len(paths) + 0.5)
    return draw(file, paint, size, nrows=len(paths), sharex=True)
