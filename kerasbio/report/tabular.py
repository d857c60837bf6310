"""The report of a model of a table: regression, importance of columns, several splits."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.report.classification_plots import predictor_colors
from kerasbio.report.page import Page, format_score, format_value
from kerasbio.report.result import Section, display_names, score_section
from kerasbio.report.tabular_plots import (
    plot_agreement,
    plot_coverage,
    plot_importance,
    plot_splits,
)
from kerasbio.training.comparison import NETWORK, ORACLE
from kerasbio.training.regression import RegressionComparison, coverage_name

#: How far the axes may reach beyond the measured values, in parts of their range: a baseline may
#: be far off in a few cases.
REACH = 0.5


def regression_sections(
    comparison: RegressionComparison, names: Mapping[str, str] | None = None
) -> list[Section]:
    """Return what the report of a regression shows beside what every report has.

    Args:
        comparison: Scores of the network beside its baselines on held-out cases.
        names: Display name by predictor; a predictor left out goes by its own.

    Returns:
        Scores, predictions over measurements and, of predictors that have intervals, how often
        these hold the truth.
    """
    shown = display_names(comparison, names)
    meanings = {
        "r2": "R², share of the variance that is explained",
        "mae": "Mean absolute error",
        "rmse": "Root mean squared error",
    }
    if comparison.radii:
        meanings |= {
            coverage_name(level): f"Coverage of {100 * level:.4g} % intervals"
            for level in comparison.levels
        }
        meanings["width_90"] = "Width of 90 % intervals"
    scored = {name for scores in comparison.scores.values() for name in scores}
    meanings = {name: meaning for name, meaning in meanings.items() if name in scored}
    parts = [_add_agreement] + [_add_coverage] * bool(_with_intervals(comparison))
    return [
        score_section(comparison, names, meanings),
        *(functools.partial(part, comparison=comparison, names=shown) for part in parts),
    ]


def importance_section(
    importance: Mapping[str, Score], meaning: str, columns: int | None = None
) -> Section:
    """Return a section on the importance of columns.

    Args:
        importance: From `permutation_importance`, the largest first.
        meaning: What the importance is a loss of, such as `"Mean AUROC"`.
        columns: How many columns there are, where not all are shown.
    """

    def add(page: Page, plots: Path) -> None:
        page.heading("Importance of columns")
        page.paragraph(
            f"By how much the score falls ({meaning}) when the values of one column are shuffled "
            "over the held-out cases, which parts them from all else. Columns that go together "
            "stand in for one another, so that each may show little where both matter."
        )
        if columns is not None and columns > len(importance):
            page.paragraph(
                f"Shown are the {len(importance)} largest of {columns:,} columns. They were found "
                "on the same cases, so that some are large by chance."
            )
        plot = plot_importance(plots / "importance.png", importance, "fall when shuffled")
        first = ", ".join(
            f"{name} {format_score(score)}" for name, score in list(importance.items())[:3]
        )
        page.figure(
            plot,
            f"with 95 % intervals by bootstrap over subjects. Largest: {first}.",
            title=f"Fall of the score: {meaning}",
            alt=f"Importance of columns, the largest of {first}",
            grid="pair",
        )

    return add


def repeats_section(
    rows: Sequence[Mapping[str, float]],
    names: Mapping[str, str],
    label: str,
    *,
    lower_is_better: bool = False,
) -> Section:
    """Return a section on the scores of the network and its baselines on several random splits.

    Args:
        rows: Score by predictor, `"network"` and one baseline or more, of each split.
        names: Display name by predictor; a predictor left out goes by its own.
        label: Name of the score, such as `"Mean AUROC"`.
        lower_is_better: Whether it is better where it is lower.

    Raises:
        ValueError: If there are fewer than two splits, or predictors are missing.
    """
    known = set(rows[0]) if rows else set()
    if len(rows) < 2 or any(set(row) != known for row in rows):
        raise ValueError(
            "rows must be two splits or more, all of the same predictors. "
            f"Received: {[sorted(row) for row in rows]}"
        )
    if NETWORK not in known or not known - {NETWORK, ORACLE}:
        raise ValueError(
            "scores must be those of 'network' and at least one baseline. "
            f"Received: {sorted(known)}"
        )
    order = sorted(rows[0], key=lambda p: (p == ORACLE, p != NETWORK))
    splits = {p: np.array([row[p] for row in rows], np.float64) for p in order}
    shown = {p: names.get(p, p.replace("_", " ").capitalize()) for p in order}
    sign = -1 if lower_is_better else 1
    baselines = [p for p in order if p not in (NETWORK, ORACLE)]
    best = max(baselines, key=lambda p: _mean(sign * splits[p], -np.inf))
    margin = sign * (splits[NETWORK] - splits[best])

    def add(page: Page, plots: Path) -> None:
        page.heading("Several splits")
        page.paragraph(
            f"{label} on {len(rows)} random splits into training and held-out subjects. The "
            "spread shows how much the result depends on who is tested. The splits overlap, so "
            "that it is no interval."
        )
        table = [(shown[p], *_summary(splits[p])) for p in order]
        difference = f"{shown[NETWORK]}, better than {shown[best]} by"
        table.append((difference, *_summary(margin, signed=True)))
        columns = [label, "Mean", "Standard deviation", "Lowest", "Highest"]
        page.table(columns, table, caption=f"Over {len(rows)} splits")
        plot = plot_splits(plots / "splits.png", splits, shown, label)
        caption = "a line joins the scores of one split; the bar is the mean"
        page.figure(plot, caption, title=f"{label} by split", grid="pair")

    return add


def _summary(scores: np.ndarray, *, signed: bool = False) -> list[str]:
    known = scores[~np.isnan(scores)]
    if len(known) < 2:
        return [format_value(float("nan"))] * 4
    mean, low, high = (format_value(f(known), signed=signed) for f in (np.mean, np.min, np.max))
    return [mean, format_value(known.std(ddof=1)), low, high]


def _mean(scores: np.ndarray, otherwise: float) -> float:
    known = scores[~np.isnan(scores)]
    return float(known.mean()) if len(known) else otherwise


def _add_agreement(
    page: Page, plots: Path, comparison: RegressionComparison, names: dict[str, str]
) -> None:
    page.heading("Predicted and measured")
    predictors = (NETWORK, comparison.best_baseline)
    predicted = np.concatenate([comparison.predictions[p] for p in predictors])
    limits = _limits(comparison.values, predicted)
    beyond = (predicted < limits[0]) | (predicted > limits[1])
    page.paragraph(
        "Each held-out case; on the dashed line they are equal."
        + (" Predictions beyond the axes are drawn at their edge." if beyond.any() else "")
    )
    colors = predictor_colors(list(names))
    for predictor, place in zip(predictors, ("network", "baseline"), strict=True):
        plot = plot_agreement(
            plots / f"agreement_{place}.png",
            comparison.values,
            comparison.predictions[predictor],
            limits,
            colors[predictor],
        )
        fit = format_score(comparison.scores[predictor]["r2"])
        name = names[predictor]
        alt = f"Predictions of {name} over what was measured"
        page.figure(plot, f"R² {fit}", title=name, alt=alt, grid="pair")


def _limits(values: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Return the ends of axes that hold all values, and predictions that are not far off."""
    low, high = float(values.min()), float(values.max())
    # Where all values are the same, the axes still need a length.
    reach = REACH * (high - low or abs(low) or 1)
    ends = (
        max(low - reach, min(low, predicted.min())),
        min(high + reach, max(high, predicted.max())),
    )
    return ends if ends[0] < ends[1] else (low - reach, high + reach)


def _add_coverage(
    page: Page, plots: Path, comparison: RegressionComparison, names: dict[str, str]
) -> None:
    page.heading("Coverage of intervals")
    page.paragraph(
        "How often the intervals around the predictions hold what was measured, over how often "
        "they are meant to. Dots below the line are intervals too narrow, dots above it too wide."
    )
    colors = predictor_colors(list(names))
    for predictor, place in _with_intervals(comparison).items():
        scores, name = comparison.scores[predictor], names[predictor]
        found = [scores[coverage_name(level)] for level in comparison.levels]
        plot = plot_coverage(
            plots / f"coverage_{place}.png", comparison.levels, found, colors[predictor]
        )
        caption = "with 95 % intervals by bootstrap over subjects"
        alt = f"Coverage of the intervals of {name}"
        page.figure(plot, caption, title=name, alt=alt, grid="pair")


def _with_intervals(comparison: RegressionComparison) -> dict[str, str]:
    """Return those of network and best baseline that have intervals, each with its place."""
    places = {NETWORK: "network", comparison.best_baseline: "baseline"}
    return {p: place for p, place in places.items() if p in comparison.radii}
