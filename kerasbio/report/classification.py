"""The report of a classifier."""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.report.classification_plots import (
    plot_calibration,
    plot_confusion,
    plot_roc,
    plot_scores,
    predictor_colors,
    save_image,
)
from kerasbio.report.page import Page, format_score, format_value
from kerasbio.report.result import Section, display_names, score_label
from kerasbio.training.comparison import NETWORK
from kerasbio.training.evaluation import ClassifierComparison

OVERALL = (
    "auroc",
    "average_precision",
    "sensitivity_at_95",
    "sensitivity_at_90",
    "balanced_accuracy",
    "accuracy",
    "expected_calibration_error",
    "brier_score",
)
PER_CLASS = {
    "auroc": "AUROC, each class against the rest",
    "average_precision": "Average precision, each class against the rest",
    "sensitivity_at_95": "Sensitivity at 95 % specificity, each class against the rest",
    "sensitivity_at_90": "Sensitivity at 90 % specificity, each class against the rest",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}
EXAMPLES = 6
MOST_ROC_CURVES = 12


def classification_sections(
    comparison: ClassifierComparison,
    names: Mapping[str, str] | None = None,
    images: np.ndarray | None = None,
) -> list[Section]:
    """Return what the report of a classifier shows beside what every report has.

    Args:
        comparison: Scores of the network beside its baselines on held-out cases.
        names: Display name by predictor; a predictor left out goes by its own.
        images: The held-out inputs `(cases, height, width, channels)` in the order of
            `comparison.labels`; None shows no examples.

    Returns:
        Scores, confusion, ROC curves, calibration and, with images, examples.

    Raises:
        ValueError: If there is not one image per case.
    """
    if images is not None and len(images) != len(comparison.labels):
        raise ValueError(
            f"images must be one per case ({len(comparison.labels)}). Received: {len(images)}"
        )
    shown = display_names(comparison, names)
    parts = [_add_scores, _add_confusion, _add_roc, _add_calibration]
    sections: list[Section] = [
        functools.partial(part, comparison=comparison, names=shown) for part in parts
    ]
    if images is not None:
        sections.append(functools.partial(_add_examples, comparison=comparison, images=images))
    return sections


def absence_notes(comparison: ClassifierComparison) -> list[str]:
    """Return what to say about classes that have no held-out case."""
    return [
        f"No held-out case is of class {name}: its AUROC and its sensitivity are undefined, and "
        "the means over the classes leave it out."
        for name in comparison.absent_classes
    ]


def choose_examples(comparison: ClassifierComparison) -> tuple[list[int], list[int]]:
    """Choose cases to show: for each class a typical hit, and the most confident mistakes.

    Returns:
        Indices of right and of wrong predictions, at most six each. A typical hit is the one of
        median confidence.
    """
    probabilities = comparison.probabilities[NETWORK]
    decision, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    hits = [
        order[(decision == comparison.labels)[order] & (comparison.labels[order] == k)]
        for k in range(len(comparison.classes))
    ]
    right = [int(cases[len(cases) // 2]) for cases in hits if len(cases)]
    wrong = order[(decision != comparison.labels)[order]]
    return right[:EXAMPLES], wrong[:EXAMPLES].tolist()


def _add_scores(
    page: Page, plots: Path, comparison: ClassifierComparison, names: dict[str, str]
) -> None:
    scores, classes = comparison.scores, comparison.classes
    rows: list[Sequence[str | Score] | str] = ["All classes"]
    labels = [(name, score_label(name)) for name in OVERALL]
    rows += [(label, *(scores[p][name] for p in names)) for name, label in labels]
    for kind, label in PER_CLASS.items():
        if len(classes) == 2 and kind in ("auroc", "specificity"):
            # Of two classes one has the other's AUROC, and its sensitivity as specificity.
            continue
        rows.append(label)
        rows += [(name, *(scores[p][f"{kind}_{name}"] for p in names)) for name in classes]
    page.heading("Scores")
    page.table(
        ["Score", *names.values()], rows, caption="Score and 95 % interval on the held-out subjects"
    )
    page.paragraph(
        f"{score_label(comparison.monitor)}, {names[NETWORK]} minus "
        f"{names[comparison.best_baseline]}: {format_score(comparison.margin, signed=True)}."
    )
    page.paragraph(
        "Sensitivity and specificity are those of the most probable class, unless a specificity is "
        "given: then the threshold is the best one of the held-out cases. The calibration error "
        "lies above its true value by chance, the more so the fewer the cases. Of it and of the "
        "Brier score lower is better."
    )
    for kind, overall, label in (
        ("auroc", "auroc", "AUROC"),
        ("sensitivity", "balanced_accuracy", "Sensitivity"),
    ):
        lines = {"all classes": {p: scores[p][overall] for p in names}}
        if len(classes) > 2 or kind != "auroc":
            lines |= {name: {p: scores[p][f"{kind}_{name}"] for p in names} for name in classes}
        plot = plot_scores(plots / f"{kind}.png", lines, names)
        page.figure(plot, "by class, with 95 % intervals", title=label, grid="pair")


def _add_confusion(
    page: Page, plots: Path, comparison: ClassifierComparison, names: dict[str, str]
) -> None:
    page.heading("Confusion matrix")
    page.paragraph("Cases, and their share of each true class, by the most probable class.")
    for predictor in (NETWORK, comparison.best_baseline):
        plot = plot_confusion(
            plots / f"confusion_{_slug(predictor)}.png",
            comparison.confusion(predictor),
            comparison.classes,
        )
        accuracy = format_value(comparison.scores[predictor]["accuracy"].value)
        page.figure(plot, f"{accuracy} right", title=names[predictor], grid="pair")


def _add_roc(
    page: Page, plots: Path, comparison: ClassifierComparison, names: dict[str, str]
) -> None:
    page.heading("ROC curves")
    page.paragraph("Each class against the rest; the numbers are areas under the curves.")
    present = [k for k, name in enumerate(comparison.classes) if _is_scored(comparison, name)]
    # Of two classes the curves are one another's mirror image.
    present = present[-1:] if len(comparison.classes) == 2 else present
    if len(present) > MOST_ROC_CURVES:
        page.paragraph(f"Shown are the first {MOST_ROC_CURVES} of {len(present)} classes.")
    for k in present[:MOST_ROC_CURVES]:
        name = comparison.classes[k]
        truth = comparison.labels == k
        plot = plot_roc(
            plots / f"roc_{k + 1}_{_slug(name)}.png",
            truth,
            {p: comparison.probabilities[p][:, k] for p in names},
            {p: comparison.scores[p][f"auroc_{name}"].value for p in names},
            names,
        )
        page.figure(
            plot, f"{truth.sum():,} cases", title=name, alt=f"ROC curves of {name} against the rest"
        )


def _add_calibration(
    page: Page, plots: Path, comparison: ClassifierComparison, names: dict[str, str]
) -> None:
    page.heading("Calibration")
    page.paragraph(
        "How often predictions are right, over how sure they are. Dots below the line are too "
        "sure, dots above it too modest; larger dots stand for more cases, pale "
        "ones for fewer than five."
    )
    colors = predictor_colors(list(names))
    for predictor, name in names.items():
        plot = plot_calibration(
            plots / f"calibration_{_slug(predictor)}.png",
            comparison.labels,
            comparison.probabilities[predictor],
            colors[predictor],
        )
        error = format_score(comparison.scores[predictor]["expected_calibration_error"])
        page.figure(plot, f"expected error {error}", title=name, alt=f"Calibration curve of {name}")


def _add_examples(
    page: Page, plots: Path, comparison: ClassifierComparison, images: np.ndarray
) -> None:
    probabilities, classes = comparison.probabilities[NETWORK], comparison.classes
    right, wrong = choose_examples(comparison)
    page.heading("Held-out inputs")
    for kind, cases, meaning in (
        ("right", right, "Predicted right: for each class the hit of median confidence"),
        ("wrong", wrong, "Predicted wrong: the mistakes of the highest confidence"),
    ):
        page.heading(meaning if cases else f"No case was predicted {kind}", level=3)
        for place, case in enumerate(cases):
            truth = classes[comparison.labels[case]]
            guess = classes[int(probabilities[case].argmax())]
            sure = f"{probabilities[case].max():.2f}"
            plot = save_image(plots / f"{kind}_{place + 1}.png", images[case])
            caption = (
                f"probability {sure}"
                if guess == truth
                else f"taken for {guess}, probability {sure}"
            )
            alt = f"Input of class {truth}, {caption}"
            page.figure(plot, caption, title=truth, alt=alt, grid="tile")


def _is_scored(comparison: ClassifierComparison, name: str) -> bool:
    return not np.isnan(comparison.scores[NETWORK][f"auroc_{name}"].value)


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name)[:40]
