"""Scores of a classifier on held-out subjects beside its baselines and the best possible."""

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasbio.metrics.classification import classification_scores, confusion_matrix
from kerasbio.training.comparison import NETWORK, Comparison, compare

CALIBRATION = "expected_calibration_error"


@dataclasses.dataclass(frozen=True)
class ClassifierComparison(Comparison):
    """What a classifier and those it is measured against score on the same held-out cases.

    Attributes:
        labels: `(cases,)` integers.
        classes: Names of the classes.
        probabilities: `(cases, classes)` of each predictor.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    probabilities: dict[str, np.ndarray]

    @property
    def absent_classes(self) -> tuple[str, ...]:
        """The classes without a held-out case, which the mean over classes leaves out."""
        present = set(np.unique(self.labels).tolist())
        return tuple(name for k, name in enumerate(self.classes) if k not in present)

    def confusion(self, predictor: str) -> np.ndarray:
        """Return a predictor's counts `(classes, classes)`, true by predicted class."""
        decisions = np.argmax(self.probabilities[predictor], axis=1)
        return confusion_matrix(self.labels, decisions, len(self.classes))

    def content(self) -> dict[str, Any]:
        """Return scores, classes and confusion matrices as JSON knows them."""
        return {
            **super().content(),
            "classes": list(self.classes),
            "absent_classes": list(self.absent_classes),
            "confusion_matrix": {name: self.confusion(name).tolist() for name in self.scores},
        }

    def predictions_csv(self) -> str:
        """Return the network's probabilities of every held-out case as CSV text."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["subject", "label", *(f"probability {name}" for name in self.classes)])
        for subject, label, row in zip(
            self.subjects, self.labels, self.probabilities[NETWORK], strict=True
        ):
            writer.writerow([subject, self.classes[label], *(f"{p:.6g}" for p in row)])
        return text.getvalue()


def compare_classifiers(
    labels: np.ndarray,
    subjects: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    classes: Sequence[str],
    *,
    monitor: str = "auroc",
    seed: int = 0,
    repeats: int = 1000,
) -> ClassifierComparison:
    """Score classifiers on the same cases, with paired intervals by bootstrap over subjects.

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
        The `ClassifierComparison`.

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
    if monitor == CALIBRATION:
        raise ValueError(
            f"monitor must be a score that is higher where better. Received: monitor={monitor!r}"
        )

    def statistics(weights: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        return {
            (predictor, name): value
            for predictor, p in arrays.items()
            for name, value in classification_scores(labels, p, classes, weights).items()
        }

    errors = [(predictor, CALIBRATION) for predictor in arrays]
    found = compare(
        subjects, statistics, monitor, raised_by_noise=errors, seed=seed, repeats=repeats
    )
    return ClassifierComparison.extending(
        found, labels=labels, classes=tuple(classes), probabilities=arrays
    )
