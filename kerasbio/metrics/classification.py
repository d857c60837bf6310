"""Scores of classifiers.

Every score takes weights of the cases, `(..., cases)`, and is computed for all leading
dimensions at once: a bootstrap of a thousand repeats is one call.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasbio.metrics.ranking import rank_cases

CALIBRATION_BINS = 10
#: The specificities at which sensitivity is told.
SPECIFICITIES = (0.95, 0.9)


def auroc(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Return the probability that a positive case scores above a negative one; ties count half.

    Args:
        labels: `(cases,)`, 1 or True where the case is positive.
        scores: `(cases,)`, higher where more likely positive.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        The area under the ROC curve, `(...)`; nan where positive or negative cases are absent.

    Raises:
        ValueError: If `labels` and `scores` are not of one length, or a score is not finite.
    """
    return rank_cases(labels, scores, weights).area()


def mean_auroc(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> Any:
    """Return the mean over the classes of the AUROC of each against the rest.

    Args:
        labels: `(cases,)` integers.
        probabilities: `(cases, classes)`; with two classes they sum to 1.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        The mean, `(...)`; classes without a case, or without any other, are left out.
    """
    classes = range(probabilities.shape[1])
    # Of two classes each one's AUROC is the other's.
    chosen = classes if len(classes) > 2 else classes[-1:]
    return _mean(
        np.stack([auroc(labels == k, probabilities[:, k], weights) for k in chosen], axis=-1)
    )


def roc_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the ROC curve, from `(0, 0)` to `(1, 1)`.

    Args:
        labels: `(cases,)`, 1 or True where the case is positive.
        scores: `(cases,)`, higher where more likely positive.

    Returns:
        False positive rate (1 - specificity) and sensitivity at each threshold, `(corners,)`
        each; nan where negative or positive cases are absent.
    """
    labels, scores = np.asarray(labels).astype(bool), np.asarray(scores, np.float64)
    order = np.argsort(-scores, kind="stable")
    labels, scores = labels[order], scores[order]
    last_of_tie = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
    false = np.append(0, np.cumsum(~labels)[last_of_tie])
    true = np.append(0, np.cumsum(labels)[last_of_tie])
    return np.asarray(_ratio(false, false[-1])), np.asarray(_ratio(true, true[-1]))


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Count the cases of each class by the class they were predicted as.

    Args:
        labels: `(cases,)` integers below `num_classes`.
        predictions: `(cases,)` integers below `num_classes`.
        num_classes: Number of classes.

    Returns:
        Counts `(num_classes, num_classes)`, true class by predicted class.
    """
    pairs = np.asarray(labels) * num_classes + np.asarray(predictions)
    return np.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


def calibration_curve(
    labels: np.ndarray, probabilities: np.ndarray, bins: int = CALIBRATION_BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compare how sure the predictions are with how often they are right.

    Args:
        labels: `(cases,)` integers.
        probabilities: `(cases, classes)`; the largest of a row is its confidence.
        bins: Number of bins of confidence, of equal width over (0, 1].

    Returns:
        Mean confidence, share of right predictions and number of cases of each bin that has
        any, `(filled bins,)` each.
    """
    confidence, right, bin_of = _confidence(labels, probabilities, bins)
    counts = np.bincount(bin_of, minlength=bins)
    filled = counts > 0
    sums = [np.bincount(bin_of, values, bins)[filled] for values in (confidence, right)]
    return sums[0] / counts[filled], sums[1] / counts[filled], counts[filled]


def expected_calibration_error(
    labels: np.ndarray,
    probabilities: np.ndarray,
    weights: np.ndarray | None = None,
    bins: int = CALIBRATION_BINS,
) -> float | np.ndarray:
    """Return the mean distance between confidence and share of right predictions over bins.

    The estimate lies above the truth by up to about `sqrt(bins / cases) / 2`, since noise adds
    to the distance in every bin.

    Reference: [Guo et al., On calibration of modern neural networks,
    2017](https://arxiv.org/abs/1706.04599), section 2.

    Args:
        labels: `(cases,)` integers.
        probabilities: `(cases, classes)`; the largest of a row is its confidence.
        weights: `(..., cases)`, not negative; None weighs all alike.
        bins: Number of bins of confidence, of equal width over (0, 1].

    Returns:
        The error between 0 and 1, `(...)`.
    """
    confidence, right, bin_of = _confidence(labels, probabilities, bins)
    weights = np.ones(len(right)) if weights is None else np.asarray(weights, np.float64)
    gaps = np.zeros((len(right), bins))
    gaps[np.arange(len(right)), bin_of] = confidence - right
    return _ratio(np.abs(weights @ gaps).sum(axis=-1), weights.sum(axis=-1))


def brier_score(
    labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray | None = None
) -> float | np.ndarray:
    """Return half the mean squared distance of the probabilities from the truth.

    With two classes it is the mean of `(probability of the second - label) ** 2`. Lower is
    better, and best on average where the probabilities are the true ones.

    Reference: [Brier, Verification of forecasts expressed in terms of probability,
    1950](https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2), who does not halve it.

    Args:
        labels: `(cases,)` integers.
        probabilities: `(cases, classes)`.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        The score between 0 and 1, `(...)`.
    """
    truth = np.asarray(labels)[:, None] == np.arange(probabilities.shape[1])
    distance = ((probabilities - truth) ** 2).sum(axis=1) / 2
    weights = np.ones(len(distance)) if weights is None else np.asarray(weights, np.float64)
    return _ratio(weights @ distance, weights.sum(axis=-1))


def classification_scores(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    weights: np.ndarray | None = None,
) -> dict[str, Any]:
    """Score predictions by rank, by decision (the most probable class) and by calibration.

    Args:
        labels: `(cases,)` integers below `len(classes)`.
        probabilities: `(cases, classes)`.
        classes: Names of the classes.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        `auroc`, `average_precision`, `sensitivity_at_95` and `sensitivity_at_90` (at that
        specificity; means over the classes, each against the rest), `balanced_accuracy` (mean
        sensitivity), `accuracy`, `expected_calibration_error`, `brier_score`, and `auroc_NAME`,
        `average_precision_NAME`, `sensitivity_at_95_NAME`, `sensitivity_at_90_NAME`,
        `sensitivity_NAME` and `specificity_NAME` of each class, `(...)` each. What an absent
        class leaves undefined is nan, and the means leave it out.

    Raises:
        ValueError: If shapes or labels do not fit, or a probability is not finite.
    """
    labels, probabilities = _checked(labels, probabilities, len(classes))
    weights = np.ones(len(labels)) if weights is None else np.asarray(weights, np.float64)
    truth = labels[:, None] == np.arange(len(classes))
    decision = probabilities.argmax(axis=1)[:, None] == np.arange(len(classes))
    ranked = _rank_scores(truth, probabilities, weights)
    sensitivity = _ratio(weights @ (truth & decision), weights @ truth)
    specificity = _ratio(weights @ (~truth & ~decision), weights @ ~truth)
    right = (truth & decision).any(axis=1)
    scores = {
        **{kind: _mean(values) for kind, values in ranked.items()},
        "balanced_accuracy": _mean(sensitivity),
        "accuracy": _ratio(weights @ right, weights.sum(axis=-1)),
        "expected_calibration_error": expected_calibration_error(labels, probabilities, weights),
        "brier_score": brier_score(labels, probabilities, weights),
    }
    per_class = {**ranked, "sensitivity": sensitivity, "specificity": specificity}
    for kind, values in per_class.items():
        for k, name in enumerate(classes):
            scores[f"{kind}_{name}"] = values[..., k]
    if weights.ndim == 1:
        return {name: float(value) for name, value in scores.items()}
    return scores


def _rank_scores(
    truth: np.ndarray, probabilities: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Scores `(..., classes)` by rank, of each class against the rest; sorted once per class."""
    found: dict[str, list[Any]] = {}
    for k in range(truth.shape[1]):
        ranking = rank_cases(truth[:, k], probabilities[:, k], weights)
        found.setdefault("auroc", []).append(ranking.area())
        found.setdefault("average_precision", []).append(ranking.average_precision())
        for specificity in SPECIFICITIES:
            name = f"sensitivity_at_{100 * specificity:.0f}"
            found.setdefault(name, []).append(ranking.sensitivity_at(specificity))
    return {kind: np.stack(values, axis=-1) for kind, values in found.items()}


def _checked(
    labels: np.ndarray, probabilities: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    if labels.ndim != 1 or probabilities.shape != (len(labels), num_classes):
        raise ValueError(
            f"labels must be (cases,) and probabilities (cases, {num_classes}). "
            f"Received: shapes {labels.shape} and {probabilities.shape}"
        )
    if not np.isfinite(probabilities).all():
        row = int(np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[0])
        raise ValueError(
            f"probabilities must be finite. Received: {probabilities[row]} for case {row}"
        )
    if not len(labels) or labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels must be one or more integers from 0 to {num_classes - 1}. "
            f"Received: labels={np.unique(labels)}"
        )
    return labels, probabilities


def _confidence(
    labels: np.ndarray, probabilities: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    confidence = np.max(probabilities, axis=1).astype(np.float64)
    right = (np.argmax(probabilities, axis=1) == labels).astype(np.float64)
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return confidence, right, bin_of


def _ratio(part: Any, whole: Any) -> Any:
    with np.errstate(invalid="ignore"):
        return np.where(np.asarray(whole) > 0, part / np.maximum(whole, 1e-300), np.nan)[()]


def _mean(values: np.ndarray) -> Any:
    """Mean over the last axis of what is not nan; nan where all is."""
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
