"""The figures of the demonstration of gradients: where they vanish, and where they explode."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.demonstrations.gradient_explosion import CLIPPINGS, GATED, RecurrentRun
from kerasbio.demonstrations.gradient_flow import VARIANTS, FlowRun
from kerasbio.report import plots

COLORS = dict(
    zip(
        VARIANTS,
        (plots.VERMILION, plots.BLUE, plots.GREEN, plots.PURPLE, plots.AMBER, plots.GRAY),
        strict=True,
    )
)
#: What is outside is of no interest to a reader, and is cut off.
LOWEST_ACCURACY = 0.55
LARGEST_LOSS, SMALLEST_LOSS = 1e4, 1e-3
SMALLEST_NORM, LARGEST_NORM = 1e-1, 1e8
TITLES = {"unclipped": "unclipped", "adaptive": "clipped adaptively", GATED: GATED}
#: Six panels, two in a row, at the width of a telephone.
PANELS = (4.4, 5.4)


def plot_layer_norms(path: Path, runs: Sequence[FlowRun]) -> Path:
    """Plot each layer's gradient at the first step: the median of the seeds, and their range.

    Adam's are those of the plain network, from which it begins. A dashed line falls to a quarter
    per layer, the largest slope of a sigmoid.
    """

    def paint(axes: Any) -> None:
        axes.set_yscale("log")
        ends = {}
        for variant, color in COLORS.items():
            chosen = [run for run in runs if run.variant == variant]
            if not chosen or variant == "Adam":
                continue
            norms = np.array([run.norms[0] for run in chosen])
            layers = np.arange(1, norms.shape[1] + 1)
            middle = np.median(norms, axis=0)
            axes.plot(layers, middle, color=color, marker="o", markersize=3)
            axes.fill_between(layers, norms.min(0), norms.max(0), color=color, alpha=0.13, lw=0)
            ends[variant] = (middle, color)
            if variant == "sigmoid":
                theory = middle[-1] * 4.0 ** (layers - layers[-1]) / 4
                axes.plot(layers, theory, color=plots.SOFT, linestyle=(0, (3, 2)), linewidth=1.2)
                place = len(layers) // 2
                axes.annotate(
                    "a quarter per layer",
                    (layers[place], theory[place]),
                    xytext=(6, -8),
                    textcoords="offset points",
                    color=plots.SOFT,
                    fontsize=9,
                )
        axes.set_xticks(layers)
        axes.set_xlabel("hidden layer, from the input")
        axes.set_ylabel("gradient norm, first step")
        axes.yaxis.set_major_formatter(plots.format_power)
        axes.minorticks_off()
        plots.label_ends(axes, layers, ends)

    return plots.draw(path, paint, (4.6, 3.5))


def plot_accuracy(path: Path, runs: Sequence[FlowRun]) -> Path:
    """Plot held-out accuracy over the steps: the median of the seeds, and thin each of them."""

    def paint(axes: Any) -> None:
        ends = {}
        steps = np.array([0])
        for variant, color in COLORS.items():
            chosen = [run for run in runs if run.variant == variant]
            if not chosen:
                continue
            steps = np.array(chosen[0].steps)
            accuracy = np.array([run.accuracy for run in chosen])
            middle = np.median(accuracy, axis=0)
            axes.plot(steps, middle, color=color, zorder=3 if variant == "sigmoid" else 2.5)
            axes.plot(steps, accuracy.T, color=color, linewidth=0.7, alpha=0.3)
            ends[variant] = (middle, color)
        chance = float(np.mean([run.chance for run in runs]))
        axes.axhline(chance, color=plots.SOFT, linestyle=(0, (3, 2)), linewidth=1.2, zorder=4)
        axes.annotate(
            "larger class",
            (steps[0], chance),
            xytext=(0, -4),
            textcoords="offset points",
            va="top",
            color=plots.SOFT,
            fontsize=9,
        )
        axes.set_ylim(LOWEST_ACCURACY, 1.01)
        axes.set_xlim(0, steps[-1])
        axes.set_xlabel("step")
        axes.set_ylabel("held-out accuracy")
        plots.label_ends(axes, steps, ends)

    return plots.draw(path, paint, (4.6, 3.5))


def plot_recurrent_loss(path: Path, runs: Sequence[RecurrentRun]) -> Path:
    """Plot the loss of each step, a panel per variant and a line per seed, until it diverges."""
    limits = (SMALLEST_LOSS, LARGEST_LOSS)
    return _panels(path, runs, lambda run: run.loss, "training loss (variance = 1)", limits)


def plot_recurrent_norms(path: Path, runs: Sequence[RecurrentRun]) -> Path:
    """Plot the norm of the gradients before clipping, a panel per variant and a line per seed."""
    limits = (SMALLEST_NORM, LARGEST_NORM)
    return _panels(path, runs, lambda run: run.norms, "gradient norm before clipping", limits)


def _panels(
    path: Path,
    runs: Sequence[RecurrentRun],
    values: Callable[[RecurrentRun], list[float | None]],
    label: str,
    limits: tuple[float, float],
) -> Path:
    variants = (*CLIPPINGS, GATED)

    def paint(panels: Any) -> None:
        figure = panels[0, 0].figure
        for panel, variant in zip(panels.flat, variants, strict=True):
            chosen = [run for run in runs if run.variant == variant]
            panel.set_yscale("log")
            for run, color in zip(chosen, _shades(len(chosen)), strict=True):
                _trace(panel, np.array(values(run), float), color, limits)
            lost = sum(run.diverged is not None for run in chosen)
            panel.set_title(
                TITLES.get(variant, f"clipped by {variant}"),
                fontsize=9.5,
                color=plots.INK,
                loc="left",
            )
            if lost:
                panel.annotate(
                    f"{lost} of {len(chosen)} diverged",
                    (1, 0.93),
                    xycoords="axes fraction",
                    ha="right",
                    va="top",
                    color=plots.VERMILION,
                    fontsize=8.5,
                )
            panel.set_ylim(limits)
            panel.yaxis.set_major_formatter(plots.format_power)
            panel.minorticks_off()
        figure.supxlabel("step", fontsize=9.5, color=plots.SOFT)
        figure.supylabel(label, fontsize=9.5, color=plots.SOFT)

    return plots.draw(path, paint, PANELS, nrows=3, ncols=2, sharex=True, sharey=True)


def _trace(panel: Any, values: np.ndarray, color: str, limits: tuple[float, float]) -> None:
    """Draw one run; a cross marks the last step before its values are no longer finite."""
    steps = np.arange(1, len(values) + 1)
    panel.plot(steps, values, color=color, linewidth=0.9)
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) and finite[-1] + 1 < len(values):
        last = finite[-1]
        height = np.clip(values[last], *limits)
        panel.plot(
            steps[last],
            height,
            "X",
            color=plots.VERMILION,
            markersize=7,
            mec="white",
            clip_on=False,
        )


def _shades(count: int) -> list[str]:
    colors = (plots.BLUE, plots.AMBER, plots.GREEN, plots.PURPLE, plots.GRAY)
    return [colors[place % len(colors)] for place in range(count)]
