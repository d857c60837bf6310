"""The report of any run: the result first, then what was done, scored and trained."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.metrics.segmentation import SEGMENTATION_SCORES
from kerasbio.report.page import Page, format_score
from kerasbio.report.sections import add_curves, add_provenance
from kerasbio.training.comparison import NETWORK, ORACLE, Comparison

#: Adds to a page, with its plots in a folder.
Section = Callable[[Page, Path], None]

LESION_SCORES = {
    "dice_lesion_cases": "Dice, cases with a lesion",
    "lesion_sensitivity": "Share of lesions found",
    "false_positives_per_case": "False positives per case",
    "case_sensitivity": "Sensitivity for cases",
    "case_specificity": "Specificity for cases",
    "froc": "Mean share found at 1/8 to 8 false positives per case",
    "case_auroc": "AUROC of cases",
}
SCORES = {
    "auroc": "Mean AUROC",
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "expected_calibration_error": "Expected calibration error",
    "average_precision": "Mean average precision",
    "sensitivity_at_95": "Mean sensitivity at 95 % specificity",
    "sensitivity_at_90": "Mean sensitivity at 90 % specificity",
    "brier_score": "Brier score",
    **SEGMENTATION_SCORES,
    **LESION_SCORES,
    "kernel_distance": "Kernel distance",
    "reward": "Mean reward",
    "r2": "R²",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    **{f"coverage_{level}": f"Coverage of {level} % intervals" for level in (50, 80, 90, 95)},
    "width_90": "Width of 90 % intervals",
}

_OF_A_CLASS = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "sensitivity_at_95": "Sensitivity at 95 % specificity",
    "sensitivity_at_90": "Sensitivity at 90 % specificity",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    **SEGMENTATION_SCORES,
}


def write_report(
    run_path: Path,
    *,
    title: str,
    summary: Sequence[tuple[str, str]],
    comparison: Comparison,
    sections: Sequence[Section],
    notes: Sequence[str] = (),
    names: Mapping[str, str] | None = None,
    eyebrow: str = "kerasbio",
) -> Path:
    """Write `report.html`, and its figures under `plots/`, into the directory of a run.

    Args:
        run_path: The run's directory, with `metrics.csv` and `gradients.csv`.
        title: Title of the report.
        summary: What was trained and on what, as names with values.
        comparison: Scores of the network beside its baselines on held-out cases.
        sections: What is particular to the task, in order.
        notes: Remarks that must not be missed, such as that the data are simulated.
        names: Display name by predictor; a predictor left out goes by its own.
        eyebrow: A few words above the title.

    Returns:
        The path of `report.html`.
    """
    run_path = Path(run_path)
    page = Page(
        title, eyebrow=eyebrow, headline=headline(comparison, names), detail=_detail(comparison)
    )
    for note in notes:
        page.note(note)
    page.heading("What was trained, and on what").facts(summary)
    for section in sections:
        section(page, run_path / "plots")
    add_curves(page, run_path)
    add_provenance(page, run_path)
    page.footer("Written by kerasbio. This page is one file: it needs no network and no script.")
    return page.write(run_path / "report.html")


def display_names(comparison: Comparison, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a name to show for each predictor: the network, the baselines, the oracle last."""
    order = sorted(comparison.scores, key=lambda p: (p == ORACLE, p != NETWORK))
    return {p: (names or {}).get(p, p.replace("_", " ").capitalize()) for p in order}


def headline(comparison: Comparison, names: Mapping[str, str] | None = None) -> str:
    """Return the result in a sentence.

    For example `"Mean AUROC: LeNet-5 0.93 (0.91–0.95) beside the best baseline 0.82 (0.79–0.84),
    +0.11 (0.08 to 0.14)"`. The difference is positive where the network is better.
    """
    score = comparison.monitor
    network = comparison.scores[NETWORK][score]
    baseline = comparison.scores[comparison.best_baseline][score]
    return (
        f"{score_label(score)}: {display_names(comparison, names)[NETWORK]} "
        f"{format_score(network, 2)} beside the best baseline {format_score(baseline, 2)}, "
        f"{format_score(comparison.margin, 2, signed=True)}"
    )


def score_label(name: str) -> str:
    """Return the name of a score as a reader wants it: `"Sensitivity, nodule"`."""
    if name in SCORES:
        return SCORES[name]
    for kind, label in _OF_A_CLASS.items():
        if name.startswith(f"{kind}_"):
            return f"{label}, {name.removeprefix(f'{kind}_')}"
    return name.replace("_", " ").capitalize()


def score_section(
    comparison: Comparison, names: Mapping[str, str] | None, meanings: Mapping[str, str]
) -> Section:
    """Return a section with the table of all scores.

    Args:
        comparison: The scores.
        names: Display name by predictor.
        meanings: What to call each score in the table, in order; others are left out.
    """
    shown = display_names(comparison, names)

    def add(page: Page, plots: Path) -> None:
        rows: list[Sequence[str | Score] | str] = [
            (meaning, *(comparison.scores[p].get(name, _UNDEFINED) for p in shown))
            for name, meaning in meanings.items()
        ]
        page.heading("Scores")
        page.table(["Score", *shown.values()], rows, caption="Score and 95 % interval")
        page.paragraph(
            f"{score_label(comparison.monitor)}, by how much {shown[NETWORK]} is better than "
            f"{shown[comparison.best_baseline]}: {format_score(comparison.margin, signed=True)}."
        )

    return add


_UNDEFINED = Score(float("nan"), float("nan"), float("nan"))


def _detail(comparison: Comparison) -> str:
    subjects = len(np.unique(comparison.subjects))
    if comparison.beats_baseline:
        verdict = "The network is better: the whole interval of the difference lies above 0."
    elif comparison.margin.high < 0:
        verdict = "The network is worse: the whole interval of the difference lies below 0."
    else:
        verdict = "The network is not shown to be better: the interval reaches 0 or is undefined."
    return (
        f"{score_label(comparison.monitor)} on {len(comparison.subjects):,} held-out cases of "
        f"{subjects:,} subjects, 95 % intervals by bootstrap over subjects, paired for the "
        f"difference. {verdict}"
    )
