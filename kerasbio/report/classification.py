"""The report of a classifier."""

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
from kerasbio.report.sections import add_curves, add_provenance
from kerasbio.training.evaluation import NETWORK, Comparison

OVERALL = {
    "auroc": "Mean AUROC",
    "balanced_accuracy": "Balanced accuracy",
    "accuracy": "Accuracy",
    "expected_calibration_error": "Expected calibration error",
}
PER_CLASS = {
    "auroc": "AUROC, each class against the rest",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}
EXAMPLES = 6
MOST_ROC_CURVES = 12


def write_classification_report(
    run_path: Path,
    *,
    title: str,
    summary: Sequence[tuple[str, str]],
    comparison: Comparison,
    images: np.ndarray | None = None,
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
        images: The held-out inputs `(cases, height, width, channels)` in the order of
            `comparison.labels`; None shows no examples.
        notes: Remarks that must not be missed, such as that the data are simulated.
        names: Display name by predictor; a predictor left out goes by its own.
        eyebrow: A few words above the title.

    Returns:
        The path of `report.html`.

    Raises:
        ValueError: If there is not one image per case.
    """
    if images is not None and len(images) != len(comparison.labels):
        raise ValueError(
            f"images must be one per case ({len(comparison.labels)}). Received: {len(images)}"
        )
    run_path = Path(run_path)
    names = display_names(comparison, names)
    page = Page(
        title, eyebrow=eyebrow, headline=headline(comparison, names), detail=_detail(comparison)
    )
    for note in (*notes, *absence_notes(comparison)):
        page.note(note)
    page.heading("What was trained, and on what").facts(summary)
    _add_scores(page, run_path / "plots", comparison, names)
    _add_confusion(page, run_path / "plots", comparison, names)
    _add_roc(page, run_path / "plots", comparison, names)
    _add_calibration(page, run_path / "plots", comparison, names)
    if images is not None:
        _add_examples(page, run_path / "plots", comparison, images)
    add_curves(page, run_path)
    add_provenance(page, run_path)
    page.footer("Written by kerasbio. This page is one file: it needs no network and no script.")
    return page.write(run_path / "report.html")


def display_names(comparison: Comparison, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a name to show for each predictor: the network, the baselines, the oracle last."""
    order = sorted(comparison.scores, key=lambda p: (p == "oracle", p != NETWORK))
    return {p: (names or {}).get(p, p.replace("_", " ").capitalize()) for p in order}


def headline(comparison: Comparison, names: Mapping[str, str] | None = None) -> str:
    """Return the result in a sentence.

    For example `"Mean AUROC: LeNet-5 0.93 (0.91–0.95) beside the best baseline 0.82 (0.79–0.84),
    +0.11 (0.08 to 0.14)"`.
    """
    score = comparison.monitor
    network = comparison.scores[NETWORK][score]
    baseline = comparison.scores[comparison.best_baseline][score]
    return (
        f"{OVERALL.get(score, score)}: {display_names(comparison, names)[NETWORK]} "
        f"{format_score(network, 2)} beside the best baseline {format_score(baseline, 2)}, "
        f"{format_score(comparison.margin, 2, signed=True)}"
    )


def absence_notes(comparison: Comparison) -> list[str]:
    """Return what to say about classes that have no held-out case."""
    return [
        f"No held-out case is of class {name}: its AUROC and its sensitivity are undefined, and "
        "the means over the classes leave it out."
        for name in comparison.absent_classes
    ]


def choose_examples(comparison: Comparison) -> tuple[list[int], list[int]]:
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


def _detail(comparison: Comparison) -> str:
    subjects = len(np.unique(comparison.subjects))
    if comparison.beats_baseline:
        verdict = "The network is better: the whole interval of the difference lies above 0."
    else:
        verdict = "The network is not shown to be better: the interval reaches 0 or is undefined."
    return (
        f"{score_label(comparison.monitor)} on {len(comparison.labels):,} held-out cases of "
        f"{subjects:,} subjects, 95 % intervals by bootstrap over subjects, paired for the "
        f"difference. {verdict}"
    )


def score_label(name: str) -> str:
    """Return the name of a score as a reader wants it: `"Sensitivity, nodule"`."""
    kind, _, rest = name.partition("_")
    if name in OVERALL or kind not in PER_CLASS:
        return OVERALL.get(name, name.replace("_", " ").capitalize())
    return f"{'AUROC' if kind == 'auroc' else kind.capitalize()}, {rest}"


def _add_scores(page: Page, plots: Path, comparison: Comparison, names: dict[str, str]) -> None:
    scores, classes = comparison.scores, comparison.classes
    rows: list[Sequence[str | Score] | str] = ["All classes"]
    rows += [(label, *(scores[p][name] for p in names)) for name, label in OVERALL.items()]
    for kind, label in PER_CLASS.items():
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
        "Sensitivity and specificity are those of the most probable class. The calibration error "
        "lies above its true value by chance, the more so the fewer the cases; lower is better."
    )
    for kind, overall, label in (
        ("auroc", "auroc", "AUROC"),
        ("sensitivity", "balanced_accuracy", "Sensitivity"),
    ):
        lines = {"all classes": {p: scores[p][overall] for p in names}}
        lines |= {name: {p: scores[p][f"{kind}_{name}"] for p in names} for name in classes}
        plot = plot_scores(plots / f"{kind}.png", lines, names)
        page.figure(plot, "by class, with 95 % intervals", title=label, grid="pair")


def _add_confusion(page: Page, plots: Path, comparison: Comparison, names: dict[str, str]) -> None:
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


def _add_roc(page: Page, plots: Path, comparison: Comparison, names: dict[str, str]) -> None:
    page.heading("ROC curves")
    page.paragraph("Each class against the rest; the numbers are areas under the curves.")
    present = [k for k, name in enumerate(comparison.classes) if _is_scored(comparison, name)]
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
    page: Page, plots: Path, comparison: Comparison, names: dict[str, str]
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


def _add_examples(page: Page, plots: Path, comparison: Comparison, images: np.ndarray) -> None:
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


def _is_scored(comparison: Comparison, name: str) -> bool:
    return not np.isnan(comparison.scores[NETWORK][f"auroc_{name}"].value)


def _slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name)[:40]
