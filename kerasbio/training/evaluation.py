"""Scores of a network on held-out subjects beside its baselines and the best possible."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasbio.metrics.bootstrap import Score, bootstrap_by_subject
from kerasbio.metrics.classification import classification_scores, confusion_matrix

NETWORK = "network"
ORACLE = "oracle"
CALIBRATION = "expected_calibration_error"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a network and those it is measured against score on the same held-out cases.

    Attributes:
        labels: `(cases,)` integers.
        subjects: `(cases,)`, who each case is of.
        classes: Names of the classes.
        probabilities: `(cases, classes)` of each predictor: `"network"`, the baselines and,
            where the causes are known, `"oracle"`.
        scores: The scores of each predictor with their 95 % intervals.
        monitor: Name of the score that decides.
        best_baseline: The baseline with the highest score of that name.
        margin: The network's score less the best baseline's, paired by subject.
    """

    labels: np.ndarray
    subjects: np.ndarray
    classes: tuple[str, ...]
    probabilities: dict[str, np.ndarray]
    scores: dict[str, dict[str, Score]]
    monitor: str
    best_baseline: str
    margin: Score

    @property
    def beats_baseline(self) -> bool:
        """Whether the whole interval of the margin lies above 0."""
        return self.margin.low > 0

    @property
    def absent_classes(self) -> tuple[str, ...]:
        """The classes without a held-out case, which the mean over classes leaves out."""
        present = set(np.unique(self.labels).tolist())
        return tuple(name for k, name in enumerate(self.classes) if k not in present)

    def confusion(self, predictor: str) -> np.ndarray:
        """Return a predictor's counts `(classes, classes)`, true by predicted class."""
        decisions = np.argmax(self.probabilities[predictor], axis=1)
        return confusion_matrix(self.labels, decisions, len(self.classes))

    def to_json(self) -> str:
        """Return all scores as JSON; what is undefined is null."""
        content = {
            "cases": len(self.labels),
            "subjects": len(np.unique(self.subjects)),
            "classes": list(self.classes),
            "absent_classes": list(self.absent_classes),
            "monitor": self.monitor,
            "best_baseline": self.best_baseline,
            "margin": _plain(self.margin),
            "beats_baseline": self.beats_baseline,
            "scores": {
                predictor: {name: _plain(score) for name, score in scores.items()}
                for predictor, scores in self.scores.items()
            },
            "confusion_matrix": {name: self.confusion(name).tolist() for name in self.scores},
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


def compare_classifiers(
    labels: np.ndarray,
    subjects: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    classes: Sequence[str],
    *,
    monitor: str = "auroc",
    seed: int = 0,
    repeats: int = 1000,
) -> Comparison:
    """Score predictors on the same cases, with paired intervals by bootstrap over subjects.

    Args:
        labels: `(cases,)` integers below `len(classes)`.
        subjects: `(cases,)`, who each case is of; a subject is drawn with all its cases.
        probabilities: `(cases, classes)` by predictor: `"network"`, one baseline or more under
            any name, and optionally `"oracle"`.
        classes: Names of the classes.
        monitor: Name of the score that decides, higher where better.
        seed: Seed of the bootstrap.
        repeats: Draws of the bootstrap.

    Returns:
        The `Comparison`.

    Raises:
        ValueError: If the network or the baselines are missing, `monitor` is no such score, or
            shapes do not fit.
    """
    labels, subjects = np.asarray(labels), np.asarray(subjects)
    arrays = {name: np.asarray(p, np.float64) for name, p in probabilities.items()}
    if subjects.shape != labels.shape:
        raise ValueError(
            "labels and subjects must be of one length. "
            f"Received: shapes {labels.shape} and {subjects.shape}"
        )
    points = {name: classification_scores(labels, p, classes) for name, p in arrays.items()}
    best = _best_baseline(points, monitor)

    def statistics(weights: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        drawn = {
            (predictor, name): value
            for predictor, p in arrays.items()
            for name, value in classification_scores(labels, p, classes, weights).items()
        }
        drawn["margin", ""] = drawn[NETWORK, monitor] - drawn[best, monitor]
        return drawn

    errors = [(predictor, CALIBRATION) for predictor in arrays]
    found = bootstrap_by_subject(subjects, statistics, repeats, seed, raised_by_noise=errors)
    margin = found.pop(("margin", ""))
    scores: dict[str, dict[str, Score]] = {predictor: {} for predictor in arrays}
    for (predictor, name), score in found.items():
        scores[predictor][name] = score
    return Comparison(labels, subjects, tuple(classes), arrays, scores, monitor, best, margin)


def _best_baseline(points: Mapping[str, Mapping[str, float]], monitor: str) -> str:
    baselines = [name for name in points if name not in (NETWORK, ORACLE)]
    if NETWORK not in points or not baselines:
        raise ValueError(
            "probabilities must hold 'network' and at least one baseline. "
            f"Received: {sorted(points)}"
        )
    if monitor not in points[NETWORK] or monitor == CALIBRATION:
        raise ValueError(
            "monitor must be a score that is higher where better. "
            f"Received: monitor={monitor!r}, scores {sorted(points[NETWORK])}"
        )
    return max(baselines, key=lambda name: np.nan_to_num(points[name][monitor], nan=-1.0))


def _plain(score: Score) -> dict[str, Any]:
    return {key: None if math.isnan(v) else v for key, v in score._asdict().items()}
