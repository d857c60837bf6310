"""Scores of how well a number ranks the positive cases above the negative ones."""

from typing import Any, NamedTuple

import numpy as np


class Ranking(NamedTuple):
    """The weight of the cases at each score, the highest first.

    Attributes:
        positive: Of the positive cases that have this score, `(..., thresholds)`.
        negative: Of the negative cases that have it.
        true: Of the positive cases that have this score or a higher one.
        false: Of the negative cases that have this score or a higher one.
    """

    positive: np.ndarray
    negative: np.ndarray
    true: np.ndarray
    false: np.ndarray

    def area(self) -> Any:
        """Return the area under the ROC curve, `(...)`."""
        below = self.false[..., -1:] - self.false + self.negative / 2
        return self._share((self.positive * below).sum(axis=-1), self.false[..., -1])

    def average_precision(self) -> Any:
        """Return the area under the steps of precision over sensitivity, `(...)`."""
        precision = self.true / np.maximum(self.true + self.false, 1e-300)
        return self._share((self.positive * precision).sum(axis=-1))

    def sensitivity_at(self, specificity: float) -> Any:
        """Return the highest sensitivity of a threshold of at least this specificity, `(...)`."""
        # 1 - 0.9 is 0.09999999999999998 in floating point.
        allowed = (1 - specificity + 1e-9) * self.false[..., -1:]
        count = np.count_nonzero(self.false <= allowed, axis=-1, keepdims=True)
        true = np.take_along_axis(self.true, np.maximum(count - 1, 0), axis=-1)
        return self._share(np.where(count > 0, true, 0)[..., 0])

    def _share(self, part: Any, whole: Any = 1.0) -> Any:
        """The part over the positive cases; nan where positive or negative ones are absent."""
        positive, negative = self.true[..., -1], self.false[..., -1]
        return part / np.where((positive > 0) & (negative > 0), positive * whole, np.nan)


def rank_cases(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None) -> Ranking:
    """Sort cases by their score, and sum up the weights of those that share one.

    Args:
        labels: `(cases,)`, 1 or True where the case is positive.
        scores: `(cases,)`, higher where more likely positive.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Raises:
        ValueError: If `labels` and `scores` are not of one length, or a score is not finite.
    """
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape or not np.isfinite(scores).all():
        raise ValueError(
            "labels and scores must be finite and of one length. "
            f"Received: shapes {labels.shape} and {scores.shape}"
        )
    weights = np.ones(len(scores)) if weights is None else np.asarray(weights, np.float64)
    if not len(scores):
        nothing = np.zeros((*weights.shape[:-1], 1))
        return Ranking(nothing, nothing, nothing, nothing)
    order = np.argsort(-scores, kind="stable")
    labels, scores, weights = labels[order], scores[order], weights[..., order]
    ties = np.flatnonzero(np.append(True, scores[1:] != scores[:-1]))
    positive = np.add.reduceat(weights * labels, ties, axis=-1)
    negative = np.add.reduceat(weights * ~labels, ties, axis=-1)
    return Ranking(positive, negative, np.cumsum(positive, axis=-1), np.cumsum(negative, axis=-1))


def average_precision(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Return the average precision, the area under the curve of precision over sensitivity.

    The mean, over the positive cases, of the precision at the threshold that just lets them in.
    Nothing is interpolated. A predictor that knows nothing scores the share of positive cases.

    Args:
        labels: `(cases,)`, 1 or True where the case is positive.
        scores: `(cases,)`, higher where more likely positive.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        The average precision, `(...)`; nan where positive or negative cases are absent.

    Raises:
        ValueError: If `labels` and `scores` are not of one length, or a score is not finite.
    """
    return rank_cases(labels, scores, weights).average_precision()


def sensitivity_at_specificity(
    labels: np.ndarray,
    scores: np.ndarray,
    specificity: float = 0.95,
    weights: np.ndarray | None = None,
) -> float | np.ndarray:
    """Return the highest sensitivity of a threshold that keeps a specificity.

    The threshold is chosen on the same cases, so that few negative cases make it too favourable.

    Args:
        labels: `(cases,)`, 1 or True where the case is positive.
        scores: `(cases,)`, higher where more likely positive.
        specificity: The least specificity, 0 to 1.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        The sensitivity, `(...)`; nan where positive or negative cases are absent.

    Raises:
        ValueError: If `labels` and `scores` are not of one length, a score is not finite, or
            `specificity` is out of its range.
    """
    if not 0 <= specificity <= 1:
        raise ValueError(f"specificity must be 0 to 1. Received: specificity={specificity}")
    return rank_cases(labels, scores, weights).sensitivity_at(specificity)
