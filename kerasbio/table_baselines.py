"""What one would try before a network on a table: a linear model, and boosted trees."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kerasbio.baselines import log_losses, subject_folds
from kerasbio.datasets.cases import Subset, strata
from kerasbio.datasets.table_encoding import TableEncoding
from kerasbio.datasets.tabular import TabularCases

#: Inverse strengths of the L2 penalty of the linear model to choose from.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
#: Largest numbers of leaves of a tree, and the most trees, to choose from.
LEAVES = (4, 16, 32)
TREES = 600
#: Below so many cells threads cost more than they bring.
FEW_CELLS = 200_000
#: Cases on which to choose; the choice is then fitted to all.
MOST_TO_CHOOSE = 20_000
#: From numbers and categories to the features that a model takes.
View = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class TableBaseline:
    """A model that was tuned by cross-validation by subject.

    Attributes:
        predict: From numbers and categories to probabilities `(cases, classes)` or values
            `(cases,)`.
        chosen: What cross-validation chose.
        residuals: `(cases,)` of a regression: measured less predicted, by models that had not
            seen the case; empty for a classification.
    """

    predict: Callable[[np.ndarray, np.ndarray], np.ndarray]
    chosen: str
    residuals: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """A setting to choose, of which a staged model tries one to `stages` trees at once."""

    name: str
    make: Callable[[int], Any]
    stages: int = 1


def fit_table_baselines(
    table: TabularCases, seen: np.ndarray, encoding: TableEncoding, seed: int = 0
) -> dict[str, TableBaseline]:
    """Fit a linear model and boosted trees, all their settings chosen by cross-validation.

    Logistic regression, or ridge regression of values, sees the features that the network sees,
    standardized; gradient boosting on histograms ([Ke et al., LightGBM,
    2017](https://papers.nips.cc/paper/6907), as scikit-learn has it) sees the raw numbers, what is
    missing, and the categories.

    Args:
        table: The cases.
        seen: Indices of those to fit on, with every class among them.
        encoding: The network's encoding of the table.
        seed: Seed of the folds and of the trees.

    Returns:
        The baselines by name.
    """
    from threadpoolctl import threadpool_limits

    training = Subset(table, seen)
    classify = bool(table.classes)

    def features(numbers: np.ndarray, categories: np.ndarray) -> np.ndarray:
        return encoding.encode(numbers, categories, table.values)

    def columns(numbers: np.ndarray, categories: np.ndarray) -> np.ndarray:
        slots = encoding.slots(categories, table.values).astype(np.float32)
        return np.concatenate([numbers, np.where(slots < 0, np.float32(np.nan), slots)], axis=1)

    linear = "logistic_regression" if classify else "ridge_regression"
    plans = {
        linear: (_linear_candidates(classify), features),
        "gradient_boosting": (_tree_candidates(classify, table, seed), columns),
    }
    few = len(seen) * len(table.columns) < FEW_CELLS
    with threadpool_limits(1 if few else None, user_api="openmp"):
        return {name: _tune(training, *plan, seed) for name, plan in plans.items()}


def _linear_candidates(classify: bool) -> list[_Candidate]:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def make(strength: float) -> Callable[[int], Any]:
        if classify:
            return lambda _: make_pipeline(
                StandardScaler(), LogisticRegression(C=strength, max_iter=300, tol=1e-3)
            )
        return lambda _: make_pipeline(StandardScaler(), Ridge(alpha=1 / strength))

    return [_Candidate(f"L2 penalty of inverse strength {c:g}", make(c)) for c in STRENGTHS]


def _tree_candidates(classify: bool, table: TabularCases, seed: int) -> list[_Candidate]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    categorical = [False] * len(table.numeric) + [True] * len(table.categorical)

    def make(leaves: int) -> Callable[[int], Any]:
        return lambda trees: kind(
            max_iter=trees,
            max_leaf_nodes=leaves,
            categorical_features=categorical,
            early_stopping=False,
            random_state=seed,
        )

    return [
        _Candidate(f"trees of at most {leaves} leaves", make(leaves), TREES) for leaves in LEAVES
    ]


def _tune(
    training: Subset, candidates: Sequence[_Candidate], view: View, seed: int
) -> TableBaseline:
    """Choose a candidate and its number of trees, and fit it to all cases."""
    labels, classify = training.labels, bool(training.classes)
    features = view(training.stack("numbers"), training.stack("categories"))
    few = np.arange(len(labels))
    if len(few) > MOST_TO_CHOOSE:
        few = np.random.default_rng(seed).choice(few, MOST_TO_CHOOSE, replace=False)
    kinds = labels[few] if classify else strata(Subset(training, few))
    folds = [(few[a], few[b]) for a, b in subject_folds(kinds, training.subjects[few], seed)]
    losses = [np.zeros(c.stages) for c in candidates]
    for fit, held in folds:
        for candidate, loss in zip(candidates, losses, strict=True):
            model = candidate.make(candidate.stages).fit(features[fit], labels[fit])
            for stage, answer in enumerate(_stages(model, features[held], classify)):
                loss[stage] += _losses(answer, labels[held], classify).sum()
    # Without folds to choose by, the middle one.
    place = int(np.argmin([loss.min() for loss in losses])) if folds else len(candidates) // 2
    candidate = candidates[place]
    trees = int(np.argmin(losses[place])) + 1 if folds else candidate.stages // 3 + 1
    model = candidate.make(trees).fit(features, labels)
    residuals = np.empty(0)
    if not classify:
        parts = [
            labels[b] - candidate.make(trees).fit(features[a], labels[a]).predict(features[b])
            for a, b in folds
        ]
        residuals = np.concatenate([residuals, *parts])

    def predict(numbers: np.ndarray, categories: np.ndarray) -> np.ndarray:
        return _answer(model, view(numbers, categories), classify)

    chosen = candidate.name + (f", {trees} of them" if candidate.stages > 1 else "")
    return TableBaseline(predict, chosen, residuals)


def _answer(model: Any, features: np.ndarray, classify: bool) -> np.ndarray:
    return model.predict_proba(features) if classify else model.predict(features)


def _stages(model: Any, features: np.ndarray, classify: bool) -> Iterator[np.ndarray]:
    if classify and hasattr(model, "staged_predict_proba"):
        yield from model.staged_predict_proba(features)
    elif hasattr(model, "staged_predict"):
        yield from model.staged_predict(features)
    else:
        yield _answer(model, features, classify)


def _losses(answer: np.ndarray, labels: np.ndarray, classify: bool) -> np.ndarray:
    return log_losses(answer, labels) if classify else np.square(answer - labels)
