"""Evaluation of a network on a table, beside its baselines, and what each column is to it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasbio.datasets.cases import Subset, choose_cases
from kerasbio.datasets.tables.encoding import TableEncoding
from kerasbio.datasets.tables.tabular import TabularCases
from kerasbio.metrics.bootstrap import Score
from kerasbio.metrics.classification import mean_auroc
from kerasbio.metrics.regression import interval_radius, regression_scores
from kerasbio.table_baselines import TableBaseline
from kerasbio.training.comparison import NETWORK, ORACLE
from kerasbio.training.evaluation import ClassifierComparison, compare_classifiers
from kerasbio.training.importance import permutation_importance
from kerasbio.training.regression import RegressionComparison, compare_regressors

#: Cases that go through a network at once.
BATCH = 4096
#: Held-out cases, times classes, on which the importance of columns is measured.
MOST_TO_SHUFFLE = 10_000


class TableNetwork(NamedTuple):
    """A network with what stands before and behind it.

    Attributes:
        model: From features to logits, or to `(batch, 1)` standardized values.
        encoding: From the columns to the features.
        values: The values of each categorical column.
        scale: Mean and standard deviation of the values to regress on; None for a classifier.
    """

    model: keras.Model
    encoding: TableEncoding
    values: tuple[tuple[str, ...], ...]
    scale: tuple[float, float] | None = None

    def features(self, cases: Subset) -> np.ndarray:
        """Return what the network sees of cases of a table."""
        slots = self.encoding.slots(cases.stack("categories"), self.values)
        return self.encoding.encode(cases.stack("numbers"), slots)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities `(cases, classes)`, or values `(cases,)`."""
        parts = []
        for start in range(0, len(features), BATCH):
            outputs = self.model(features[start : start + BATCH], training=False)
            outputs = outputs if self.scale else keras.ops.softmax(outputs)
            parts.append(keras.ops.convert_to_numpy(outputs))
        found = np.concatenate(parts).astype(np.float64)
        return found if self.scale is None else found[:, 0] * self.scale[1] + self.scale[0]


def compare_on_table(
    network: TableNetwork,
    baselines: Mapping[str, TableBaseline],
    validation: Subset,
    test: Subset,
    seed: int = 0,
) -> ClassifierComparison | RegressionComparison:
    """Score a network and its baselines on the same held-out cases of a table.

    The intervals of a regression are as wide as the residuals ask for of cases that the model
    was not fitted to: the network on those that chose its epoch, a baseline in cross-validation.
    As those chose something, and a subject may have several, the levels hold but nearly; the
    coverage on the held-out cases says how nearly.

    Args:
        network: The network.
        baselines: Baselines by name.
        validation: Cases that the network was not fitted to.
        test: Held-out cases, with their `cause` where the best possible score is known.
        seed: Seed of the bootstrap.

    Returns:
        The comparison.
    """
    found = {NETWORK: network.predict(network.features(test))}
    raw = test.stack("numbers"), test.stack("categories")
    found |= {name: baseline.predict(*raw) for name, baseline in baselines.items()}
    if not test.classes:
        missed = validation.labels - network.predict(network.features(validation))
        radii = {NETWORK: interval_radius(missed)}
        radii |= {n: interval_radius(b.residuals) for n, b in baselines.items()}
        return compare_regressors(test.labels, test.subjects, found, radii, seed=seed)
    if "cause" in test[0]:
        chance = 1 / (1 + np.exp(-test.stack("cause")[:, 0]))
        found[ORACLE] = np.stack([1 - chance, chance], axis=1)
    return compare_classifiers(test.labels, test.subjects, found, test.classes, seed=seed)


def importance_of_columns(
    network: TableNetwork, table: TabularCases, test: Subset, seed: int = 0
) -> dict[str, Score]:
    """Return the permutation importance of columns: how far mean AUROC, or R², falls.

    Args:
        network: The network.
        table: The table that `test` is of.
        test: Held-out cases, of which a sample is taken where there are very many.
        seed: Seed of the permutations.
    """
    most = MOST_TO_SHUFFLE // max(2, len(table.classes))
    test = Subset(table, test.indices[choose_cases(test, most, seed)])
    labels = test.labels

    def score(predictions: np.ndarray, weights: np.ndarray) -> Any:
        if network.scale:
            return regression_scores(labels, predictions, weights)["r2"]
        return mean_auroc(labels, predictions, weights)

    groups = dict(zip(table.columns, network.encoding.groups(), strict=True))
    return permutation_importance(
        network.predict, network.features(test), groups, test.subjects, score, seed=seed
    )
