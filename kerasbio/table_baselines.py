"""What one would try before a network on a table: a linear model, and boosted trees."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasbio.baselines import choose_strength, fit_logistic, subject_folds
from kerasbio.datasets.cases import Subset, choose_cases, strata
from kerasbio.datasets.tables.encoding import TableEncoding
from kerasbio.datasets.tables.tabular import TabularCases

#: Inverse strengths of the L2 penalty of the linear model to choose from.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
#: Largest numbers of leaves of a tree to choose from.
LEAVES = (4, 16, 32)
#: The most trees, how many of them may bring nothing before no more are grown, and how many are
#: grown where there are no folds to choose by.
MOST_TREES, PATIENCE, FEW_TREES = 4000, 50, 100
#: Columns that trees see of a wide table: those that tell most by themselves.
MOST_COLUMNS = 500
#: Below so many cells threads cost more than they bring.
FEW_CELLS = 200_000
#: Cases on which to choose; the choice is then fitted to all.
MOST_TO_CHOOSE = 20_000
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


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


def fit_table_baselines(
    table: TabularCases, seen: np.ndarray, encoding: TableEncoding, seed: int = 0
) -> dict[str, TableBaseline]:
    """Fit a linear model and boosted trees, all their settings chosen by cross-validation.

    Logistic regression, or ridge regression of values, sees the features that the network sees,
    standardized. Gradient boosting on histograms ([Ke et al., LightGBM,
    2017](https://papers.nips.cc/paper/6907), as scikit-learn has it) sees the raw numbers, what is
    missing, and the values that the network tells apart; a tree is added until the cases that were
    held out no longer gain.

    Args:
        table: The cases.
        seen: Indices of those to fit on.
        encoding: The network's encoding of the table.
        seed: Seed of the folds and of the trees.

    Returns:
        The baselines by name.
    """
    from threadpoolctl import threadpool_limits

    classify = bool(table.classes)
    training = Subset(table, seen)
    labels, classes = training.labels, len(table.classes)
    few, folds = _choose_folds(training, seed)
    slots = encoding.slots(training.stack("categories"), table.values)
    numbers = training.stack("numbers")
    categorical = np.arange(numbers.shape[1] + slots.shape[1]) >= numbers.shape[1]

    linear = _Linear(classify)
    trees = _Trees(classify, categorical, seed)
    views: dict[str, tuple[Any, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
        "logistic_regression" if classify else "ridge_regression": (linear, encoding.encode),
        "gradient_boosting": (trees, _raw_columns),
    }
    found = {}
    limits = 1 if numbers.size + slots.size < FEW_CELLS else None
    with threadpool_limits(limits, user_api="openmp"):
        for name, (kind, view) in views.items():
            features = view(numbers, slots)
            setting = kind.choose(features[few], labels[few], folds)
            model = kind.fit(setting, features, labels)
            residuals = [np.empty(0)]
            if not classify:
                x, y = features[few], labels[few]
                residuals += [y[b] - kind.fit(setting, x[a], y[a]).predict(x[b]) for a, b in folds]

            def predict(numbers, categories, model=model, view=view):
                answer = _answer(model, view(numbers, encoding.slots(categories, table.values)))
                return _spread(answer, model, classes) if classify else answer

            chosen = kind.describe(setting) + ("" if folds else ", not tuned: too few subjects")
            found[name] = TableBaseline(predict, chosen, np.concatenate(residuals))
    return found


class _Linear:
    """Logistic or ridge regression; a setting is the inverse strength of its penalty."""

    def __init__(self, classify: bool):
        self.classify = classify

    def fit(self, strength: float, features: np.ndarray, labels: np.ndarray) -> Any:
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if self.classify:
            return fit_logistic(strength, features, labels)
        return make_pipeline(StandardScaler(), Ridge(alpha=1 / strength)).fit(features, labels)

    def choose(self, features: np.ndarray, labels: np.ndarray, folds: Folds) -> float:
        return choose_strength(self.fit, features, labels, folds, STRENGTHS)

    def describe(self, strength: float) -> str:
        return f"L2 penalty of inverse strength {strength:g}"


class _Trees:
    """Gradient boosting; a setting is the most leaves of a tree, and the number of trees."""

    def __init__(self, classify: bool, categorical: np.ndarray, seed: int):
        self.classify = classify
        self.categorical = categorical
        self.seed = seed

    def fit(
        self,
        setting: tuple[int, int],
        features: np.ndarray,
        labels: np.ndarray,
        held: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Any:
        """Return a fitted model; with cases `held` it grows until they no longer gain."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer

        kind = HistGradientBoostingClassifier if self.classify else HistGradientBoostingRegressor
        leaves, trees = setting
        columns = _columns_to_see(features, labels, self.classify)
        model = kind(
            max_iter=trees,
            max_leaf_nodes=leaves,
            categorical_features=self.categorical[columns],
            early_stopping=held is not None,
            n_iter_no_change=PATIENCE,
            tol=0,
            random_state=self.seed,
        )
        given = {} if held is None else {"X_val": held[0][:, columns], "y_val": held[1]}
        model.fit(features[:, columns], labels, **given)
        return make_pipeline(FunctionTransformer(lambda x: x[:, columns]), model)

    def choose(self, features: np.ndarray, labels: np.ndarray, folds: Folds) -> tuple[int, int]:
        if not len(folds):
            return LEAVES[0], FEW_TREES
        losses, settings = [], []
        for leaves in LEAVES:
            best = []
            for fit, held in folds:
                pair = features[held], labels[held]
                model = self.fit((leaves, MOST_TREES), features[fit], labels[fit], pair)[-1]
                # Scores are losses turned round, the first of them before any tree.
                best.append((-np.max(model.validation_score_), np.argmax(model.validation_score_)))
            losses.append(np.average([b[0] for b in best], weights=[len(h) for _, h in folds]))
            settings.append((leaves, max(1, round(float(np.mean([b[1] for b in best]))))))
        return settings[int(np.argmin(losses))]

    def describe(self, setting: tuple[int, int]) -> str:
        return f"{setting[1]:,} trees of at most {setting[0]} leaves"


def _choose_folds(training: Subset, seed: int) -> tuple[np.ndarray, Folds]:
    """Return the cases to choose on, and folds among them.

    Cases of a class with one subject are in the part to fit of every fold, so that each fold
    knows all classes.
    """
    few = choose_cases(training, MOST_TO_CHOOSE, seed)
    part = Subset(training, few)
    kinds = strata(part)
    lone = [k for k in np.unique(kinds) if len(np.unique(part.subjects[kinds == k])) < 2]
    alone = np.isin(kinds, lone)
    rest = np.flatnonzero(~alone)
    if not len(rest):
        return few, []
    folds = subject_folds(kinds[rest], part.subjects[rest], seed)
    extra = np.flatnonzero(alone)
    return few, [(np.concatenate([rest[a], extra]), rest[b]) for a, b in folds]


def _raw_columns(numbers: np.ndarray, slots: np.ndarray) -> np.ndarray:
    places = np.where(slots < 0, np.float32(np.nan), slots.astype(np.float32))
    return np.concatenate([numbers, places], axis=1, dtype=np.float32)


def _columns_to_see(features: np.ndarray, labels: np.ndarray, classify: bool) -> np.ndarray:
    """Return the columns that hold something, and of very many those that tell most alone."""
    from sklearn.feature_selection import f_classif, f_regression

    finite = np.isfinite(features)
    columns = np.flatnonzero(finite.any(axis=0))
    if len(columns) <= MOST_COLUMNS:
        return columns
    known = np.where(finite, features, np.nan)[:, columns]
    filled = np.where(np.isnan(known), np.nanmean(known, axis=0), known)
    varied = np.ptp(filled, axis=0) > 0
    strength = np.zeros(len(columns))
    score = f_classif if classify else f_regression
    with np.errstate(divide="ignore", invalid="ignore"):
        strength[varied] = np.nan_to_num(score(filled[:, varied], labels)[0])
    return np.sort(columns[np.argsort(-strength, kind="stable")[:MOST_COLUMNS]])


def _answer(model: Any, features: np.ndarray) -> np.ndarray:
    predict = getattr(model, "predict_proba", None)
    return model.predict(features) if predict is None else predict(features)


def _spread(probabilities: np.ndarray, model: Any, classes: int) -> np.ndarray:
    """Return probabilities of all classes, 0 of those that the model has not seen."""
    found = np.zeros((len(probabilities), classes))
    found[:, model.classes_] = probabilities
    return found
