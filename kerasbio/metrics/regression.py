"""Scores of regression, and intervals that hold the truth as often as they say.

Every score takes weights of the cases, `(..., cases)`, and is computed for all leading
dimensions at once: a bootstrap of a thousand repeats is one call.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

#: How often intervals are to hold the truth.
LEVELS = (0.5, 0.8, 0.9, 0.95)


def regression_scores(
    values: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, Any]:
    """Score predictions by the variance that they explain and by their errors.

    Args:
        values: `(cases,)`, what was measured.
        predictions: `(cases,)`.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        `r2` (coefficient of determination, nan where all values are the same), `mae` (mean
        absolute error) and `rmse` (root mean squared error), `(...)` each; nan where all weights
        are 0.

    Raises:
        ValueError: If `values` and `predictions` are not finite and of one length, 1 or more.
    """
    values, predictions, weights = _checked(values, predictions, weights)
    errors, centred = predictions - values, values - values.mean()
    total = _above(0, weights.sum(axis=-1))
    moment = weights @ centred**2
    # Of equal values, rounding leaves a trace of variance.
    spread = _above(1e-12 * moment, moment - (weights @ centred) ** 2 / total)
    squares = weights @ errors**2
    scores = {
        "r2": 1 - squares / spread,
        "mae": weights @ np.abs(errors) / total,
        "rmse": np.sqrt(squares / total),
    }
    if weights.ndim == 1:
        return {name: float(score) for name, score in scores.items()}
    return scores


def interval_radius(residuals: np.ndarray, levels: Sequence[float] = LEVELS) -> np.ndarray:
    """Return the half widths of intervals around predictions, by split conformal prediction.

    If new cases are exchangeable with those of the residuals, an interval holds the truth with
    at least the probability of its level, whatever the model and however the errors are spread.

    References: Vovk, Gammerman and Shafer, Algorithmic learning in a random world, 2005; [Lei et
    al., Distribution-free predictive inference for regression,
    2018](https://doi.org/10.1080/01621459.2017.1307116), algorithm 2.

    Args:
        residuals: `(cases,)`, errors in cases that the model was not fitted to.
        levels: `(levels,)`, how often the intervals are to hold the truth, in (0, 1).

    Returns:
        Half widths `(levels,)`: of `n` absolute residuals the `ceil((n + 1) level)`-th smallest,
        and infinity where there are too few.

    Raises:
        ValueError: If a residual is not finite, or a level is out of its range.
    """
    residuals, wanted = np.asarray(residuals, np.float64), np.asarray(levels, np.float64)
    if residuals.ndim != 1 or not np.isfinite(residuals).all():
        raise ValueError(
            "residuals must be finite and of shape (cases,). "
            f"Received: shape {residuals.shape}, {(~np.isfinite(residuals)).sum()} not finite"
        )
    if not ((wanted > 0) & (wanted < 1)).all():
        raise ValueError(f"levels must be above 0 and below 1. Received: levels={levels}")
    count = len(residuals)
    # (99 + 1) 0.55 is 55.00000000000001 in floating point.
    ranks = np.ceil((count + 1) * wanted - 1e-9).astype(int)
    return np.append(np.sort(np.abs(residuals)), np.inf)[np.clip(ranks, 1, count + 1) - 1]


def coverage(
    values: np.ndarray,
    predictions: np.ndarray,
    radius: float,
    weights: np.ndarray | None = None,
) -> float | np.ndarray:
    """Return the share of values within `radius` of their predictions.

    Args:
        values: `(cases,)`, what was measured.
        predictions: `(cases,)`.
        radius: Half width of the intervals, their ends included.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        The share between 0 and 1, `(...)`; nan where all weights are 0.

    Raises:
        ValueError: If `values` and `predictions` are not finite and of one length, 1 or more.
    """
    values, predictions, weights = _checked(values, predictions, weights)
    inside = np.abs(values - predictions) <= radius
    return (weights @ inside / _above(0, weights.sum(axis=-1)))[()]


def _checked(
    values: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, predictions = np.asarray(values, np.float64), np.asarray(predictions, np.float64)
    if values.ndim != 1 or values.shape != predictions.shape or not len(values):
        raise ValueError(
            "values and predictions must be (cases,), of one case or more. "
            f"Received: shapes {values.shape} and {predictions.shape}"
        )
    for name, array in (("values", values), ("predictions", predictions)):
        if not np.isfinite(array).all():
            case = int(np.flatnonzero(~np.isfinite(array))[0])
            raise ValueError(f"{name} must be finite. Received: {array[case]} for case {case}")
    weights = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    return values, predictions, weights


def _above(least: Any, amount: Any) -> np.ndarray:
    """Return the amount where it is above the least, and nan elsewhere."""
    return np.where(amount > least, amount, np.nan)
