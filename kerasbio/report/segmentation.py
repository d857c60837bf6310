"""The report of a segmentation."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.metrics.segmentation import SEGMENTATION_SCORES
from kerasbio.report.classification_plots import plot_calibration
from kerasbio.report.page import Page, format_score
from kerasbio.report.plots import BLUE
from kerasbio.report.result import LESION_SCORES, Section, display_names, score_label
from kerasbio.report.segmentation_plots import (
    plot_against_size,
    plot_by_class,
    plot_froc,
    save_key,
    save_overlay,
)
from kerasbio.training.comparison import NETWORK
from kerasbio.training.segmentation import SegmentationComparison

#: Cases shown of the worst and of those around the median.
WORST, TYPICAL = 6, 3
#: Least voxels that a calibration curve is drawn from.
CALIBRATED = 100


class HeldOut(NamedTuple):
    """Held-out scans and what the network says of them, in the order of the comparison.

    Attributes:
        images: `(*spatial, channels)` each.
        truths: `(*spatial)` integers each.
        predictions: The network's masks.
        spacings: Size of a voxel of each case, in mm per axis; ones where it is not known.
        sureness: `(voxels, classes)` probabilities of a sample of voxels, for calibration.
        labels: `(voxels,)` the true class of each.
    """

    images: Sequence[np.ndarray]
    truths: Sequence[np.ndarray]
    predictions: Sequence[np.ndarray]
    spacings: Sequence[Sequence[float]]
    sureness: np.ndarray
    labels: np.ndarray


def segmentation_sections(
    comparison: SegmentationComparison, names: Mapping[str, str], held: HeldOut
) -> list[Section]:
    """Return what the report of a segmentation shows beside what every report has.

    Args:
        comparison: Scores of the network beside its baselines on held-out cases.
        names: Display name by predictor.
        held: The held-out cases.

    Returns:
        Scores, the worst cases first, error against size, lesions found, calibration.
    """
    parts = [_add_scores, _add_cases, _add_sizes, _add_lesions, _add_calibration]
    shown = display_names(comparison, names)
    return [functools.partial(p, comparison=comparison, names=shown, held=held) for p in parts]


def _add_scores(
    page: Page,
    plots: Path,
    comparison: SegmentationComparison,
    names: dict[str, str],
    held: HeldOut,
) -> None:
    scores, foreground = comparison.scores, comparison.classes[1:]
    rows: list[Sequence[str | Score] | str] = []
    for kind, label in SEGMENTATION_SCORES.items():
        several = len(foreground) > 1
        rows.append(label)
        if several:
            rows.append(("all classes", *(scores[p][kind] for p in names)))
        rows += [(name, *(scores[p][f"{kind}_{name}"] for p in names)) for name in foreground]
    lesions = [(n, label) for n, label in LESION_SCORES.items() if n in scores[NETWORK]]
    if lesions:
        undefined = Score(float("nan"), float("nan"), float("nan"))
        rows.append("Lesions and cases")
        rows += [(label, *(scores[p].get(n, undefined) for p in names)) for n, label in lesions]
    page.heading("Scores")
    page.table(
        ["Score", *names.values()], rows, caption="Mean over the held-out cases and 95 % interval"
    )
    page.paragraph(
        f"{score_label(comparison.monitor)}, {names[NETWORK]} minus "
        f"{names[comparison.best_baseline]}: {format_score(comparison.margin, signed=True)}."
    )
    page.paragraph(
        "Where a structure is neither there nor predicted, overlap counts as 1 and distance as 0; "
        "where it is missed or made up, overlap counts as 0 and distance as the diagonal of the "
        "scan: no score is better for a missed case. A surface within "
        f"{comparison.tolerance:g} mm counts as right."
    )
    by_class = {
        name: {p: comparison.cases[p][f"dice_{name}"] for p in names} for name in foreground
    }
    plot = plot_by_class(plots / "dice.png", by_class, names)
    page.figure(plot, "each dot a case, the line their median", title="Dice", grid="pair")


def _add_cases(
    page: Page,
    plots: Path,
    comparison: SegmentationComparison,
    names: dict[str, str],
    held: HeldOut,
) -> None:
    dice = comparison.cases[NETWORK][_judged(comparison)]
    order = np.argsort(dice, kind="stable")
    # A case in which there is nothing to find shows little when it is right.
    filled = [i for i in order if np.any(_relevant(comparison, held.truths[i]))]
    middle = max(0, len(filled) // 2 - TYPICAL // 2)
    page.heading("Held-out cases")
    channels = held.images[0].shape[-1]
    page.paragraph(
        "Outlines of the true mask and of the network's, on the slice they differ most"
        + (f", over the first of {channels} channels." if channels > 1 else ".")
    )
    foreground = comparison.classes[1:]
    if len(foreground) > 1:
        plot = save_key(plots / "key.png", foreground)
        page.figure(plot, ", ".join(foreground), title="Colours", grid="pair")
    shown: set[int] = set()
    for what, kind, chosen in (
        ("The worst, worst first", "worst", list(order[:WORST])),
        ("Around the median", "median", filled[middle : middle + TYPICAL]),
        ("The best", "best", filled[::-1][:TYPICAL]),
    ):
        # Of few cases each is shown once.
        cases = [case for case in chosen if case not in shown]
        shown.update(cases)
        if not cases:
            continue
        page.heading(what, level=3)
        for place, case in enumerate(cases):
            masks = {"true": held.truths[case], "network": held.predictions[case]}
            image, *cut = _slice(held.images[case], *masks.values())
            plot = save_overlay(
                plots / f"{kind}_{place + 1}.png",
                image,
                dict(zip(masks, cut, strict=True)),
                held.spacings[case][-2:],
            )
            subject = comparison.subjects[case]
            page.figure(plot, f"Dice {dice[case]:.2f}", title=str(subject), grid="figure")


def _add_sizes(
    page: Page,
    plots: Path,
    comparison: SegmentationComparison,
    names: dict[str, str],
    held: HeldOut,
) -> None:
    page.heading("Error against size")
    page.paragraph("Dice of each case in which the structure is there, over its true size.")
    # A slice is taken to be 1 mm thick: 1 ml of it is 10 cm².
    unit, factor = ("ml", 1.0) if held.truths[0].ndim == 3 else ("cm²", 10.0)
    for number, name in enumerate(comparison.classes[1:], start=1):
        volumes = comparison.volumes[name]
        there = volumes > 0
        if np.count_nonzero(there) < 2:
            continue
        plot = plot_against_size(
            plots / f"size_{number}.png",
            factor * volumes[there],
            {p: comparison.cases[p][f"dice_{name}"][there] for p in names},
            names,
            unit,
        )
        page.figure(plot, f"{np.count_nonzero(there):,} cases", title=name)


def _add_lesions(
    page: Page,
    plots: Path,
    comparison: SegmentationComparison,
    names: dict[str, str],
    held: HeldOut,
) -> None:
    if not comparison.lesions:
        return
    page.heading("Lesions found")
    page.paragraph(
        "Each connected part of the mask is a lesion. The curve allows more and more false "
        "positives, the surest first (free-response ROC)."
    )
    curves = {p: comparison.froc(p) for p in names}
    plot = plot_froc(plots / "froc.png", curves, names)
    page.figure(plot, "by false positives per case", title="Share of lesions found", grid="pair")


def _add_calibration(
    page: Page,
    plots: Path,
    comparison: SegmentationComparison,
    names: dict[str, str],
    held: HeldOut,
) -> None:
    if len(held.labels) < CALIBRATED:
        return
    page.heading("Calibration of voxels")
    page.paragraph(
        "How often the class of a voxel is right, over how sure the network is of it, of voxels "
        "near an outline, true or predicted. Dots below the line are too sure."
    )
    plot = plot_calibration(plots / "calibration.png", held.labels, held.sureness, BLUE)
    page.figure(plot, f"{len(held.labels):,} voxels", title=names[NETWORK], grid="pair")


def _judged(comparison: SegmentationComparison) -> str:
    return comparison.monitor if comparison.monitor.startswith("dice") else "dice"


def _relevant(comparison: SegmentationComparison, mask: np.ndarray) -> np.ndarray:
    """Return where what is judged lies: one class, or any but the background."""
    name = _judged(comparison).removeprefix("dice").removeprefix("_")
    classes = comparison.classes
    return mask == classes.index(name) if name in classes else mask > 0


def _slice(image: np.ndarray, truth: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return one slice of a volume, the one of most difference; all of a plane image."""
    image = image[..., 0]
    if image.ndim == 2:
        return image, truth, guess
    wrong = (truth != guess).sum(axis=(1, 2))
    best = int(np.argmax(wrong if wrong.any() else (truth > 0).sum(axis=(1, 2))))
    return image[best], truth[best], guess[best]
