"""Scores of regression on held-out subjects beside its baselines and the best possible."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.metrics.regression import LEVELS, coverage, regression_scores
from kerasbio.training.comparison import Comparison, compare

#: Whether a score that may decide is better where it is lower.
LOWER_IS_BETTER = {"r2": False, "mae": True, "rmse": True}
#: The level of the intervals whose width is told.
WIDTH_LEVEL = 0.9


@dataclasses.dataclass(frozen=True)
class RegressionComparison(Comparison):
    """What a regression and those it is measured against score on the same held-out cases.

    Attributes:
        values: `(cases,)`, what was measured.
        predictions: `(cases,)` of each predictor.
        radii: `(levels,)`, half widths of the intervals of each predictor that has any.
        levels: How often the intervals are to hold the truth.
    """

    values: np.ndarray
    predictions: dict[str, np.ndarray]
    radii: dict[str, np.ndarray]
    levels: tuple[float, ...]

    def content(self) -> dict[str, Any]:
        """Return scores and intervals as JSON knows them; an infinite half width is None."""
        radii = {
            name: [float(r) if np.isfinite(r) else None for r in radius]
            for name, radius in self.radii.items()
        }
        return {**super().content(), "levels": list(self.levels), "radii": radii}


def coverage_name(level: float) -> str:
    """Return the name of the coverage of intervals: `"coverage_90"` at a level of 0.9."""
    return f"coverage_{100 * level:.4g}"


def compare_regressors(
    values: np.ndarray,
    subjects: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    radii: Mapping[str, np.ndarray],
    *,
    levels: Sequence[float] = LEVELS,
    monitor: str = "r2",
    seed: int = 0,
    repeats: int = 1000,
) -> RegressionComparison:
    """Score regressors on the same cases, with paired intervals by bootstrap over subjects.

    Each is scored by `r2`, `mae` and `rmse`. One with half widths is also scored by how often its
    intervals hold the truth, `coverage_90` at a level of 0.9, and by `width_90`, the full width
    at that level: a constant, and thus without an interval, and undefined where it is infinite.

    Args:
        values: `(cases,)`, what was measured.
        subjects: `(cases,)`, who each case is of; a subject is drawn with all its cases.
        predictions: `(cases,)` by predictor: `"network"`, one baseline or more under any name,
            and optionally `"oracle"`.
        radii: Half widths `(levels,)` by predictor, from `interval_radius` on other cases; a
            predictor may be left out.
        levels: How often the intervals are to hold the truth.
        monitor: Name of the score that decides: `"r2"`, `"mae"` or `"rmse"`.
        seed: Seed of the bootstrap.
        repeats: Draws of the bootstrap.

    Returns:
        The `RegressionComparison`.

    Raises:
        ValueError: If the network or the baselines are missing, `monitor` is no such score, or
            shapes do not fit.
    """
    values, subjects = np.asarray(values, np.float64), np.asarray(subjects)
    arrays = {name: np.asarray(p, np.float64) for name, p in predictions.items()}
    widths = {name: np.asarray(r, np.float64) for name, r in radii.items()}
    if monitor not in LOWER_IS_BETTER:
        raise ValueError(
            f"monitor must be one of {', '.join(LOWER_IS_BETTER)}. Received: monitor={monitor!r}"
        )
    _check(values, subjects, arrays, widths, len(levels))

    def statistics(weights: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        found: dict[tuple[str, str], Any] = {}
        for predictor, p in arrays.items():
            for name, score in regression_scores(values, p, weights).items():
                found[predictor, name] = score
            for level, radius in zip(levels, widths.get(predictor, ()), strict=False):
                found[predictor, coverage_name(level)] = coverage(values, p, radius, weights)
        return found

    found = compare(
        subjects,
        statistics,
        monitor,
        lower_is_better=LOWER_IS_BETTER[monitor],
        seed=seed,
        repeats=repeats,
    )
    nan = float("nan")
    for predictor, radius in widths.items():
        for width in 2 * radius[np.isclose(levels, WIDTH_LEVEL)]:
            known = float(width) if np.isfinite(width) else nan
            found.scores[predictor][f"width_{100 * WIDTH_LEVEL:.4g}"] = Score(known, nan, nan)
    return RegressionComparison.extending(
        found, values=values, predictions=arrays, radii=widths, levels=tuple(levels)
    )


def _check(
    values: np.ndarray,
    subjects: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    radii: Mapping[str, np.ndarray],
    levels: int,
) -> None:
    if values.ndim != 1 or subjects.shape != values.shape:
        raise ValueError(
            "values and subjects must be of one length. "
            f"Received: shapes {values.shape} and {subjects.shape}"
        )
    for name, prediction in predictions.items():
        if prediction.shape != values.shape:
            raise ValueError(
                f"predictions must be of shape {values.shape}. "
                f"Received: {name} of shape {prediction.shape}"
            )
    if not set(radii) <= set(predictions):
        raise ValueError(
            f"radii must be of the predictors {sorted(predictions)}. Received: {sorted(radii)}"
        )
    for name, radius in radii.items():
        if radius.shape != (levels,) or not (radius >= 0).all():
            raise ValueError(
                f"radii must be not negative and of shape ({levels},). Received: {name}={radius}"
            )
