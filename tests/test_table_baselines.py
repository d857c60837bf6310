"""The baselines of a table: tuned by subject, on what they are good at."""

import numpy as np
import pytest
from sklearn.metrics import r2_score, roc_auc_score

from kerasbio.datasets.tables.encoding import fit_encoding
from kerasbio.datasets.tables.tabular import TabularCases, load_wisconsin
from kerasbio.table_baselines import MOST_COLUMNS, fit_table_baselines

SEEN, HELD = np.arange(600), np.arange(600, 900)


def make(labels, classes, columns, kinds=None, subjects=None):
    random = np.random.default_rng(1)
    columns = np.where(random.uniform(size=columns.shape) < 0.05, np.nan, columns)
    return TabularCases(
        numeric=[f"x{i}" for i in range(columns.shape[1])], numbers=columns,
        categorical=["kind"] if kinds is not None else [],
        categories=None if kinds is None else kinds[:, None],
        values=[("a", "b", "c")] if kinds is not None else [],
        target="y", labels=labels, classes=classes, subjects=subjects,
    )  # fmt: skip


def fit(table):
    encoding = fit_encoding(table.numbers[SEEN], table.categories[SEEN], table.values)
    found = fit_table_baselines(table, SEEN, encoding, seed=0)
    held = table.numbers[HELD], table.categories[HELD]
    return {name: (baseline, baseline.predict(*held)) for name, baseline in found.items()}


def test_classes_each_in_its_way():
    random = np.random.default_rng(0)
    columns, kinds = random.normal(size=(900, 3)), random.integers(0, 3, 900)
    linear = columns @ [2, -1, 0] + np.array([-1, 0, 1])[kinds]
    table = make(
        (linear + random.logistic(size=900) > 0).astype(int), ("no", "yes"), columns, kinds
    )
    found = fit(table)
    assert set(found) == {"logistic_regression", "gradient_boosting"}
    areas = {n: roc_auc_score(table.labels[HELD], p[:, 1]) for n, (_, p) in found.items()}
    assert areas["logistic_regression"] > 0.85 and areas["gradient_boosting"] > 0.8
    for baseline, probabilities in found.values():
        assert probabilities.shape == (300, 2) and not len(baseline.residuals)
        np.testing.assert_allclose(probabilities.sum(1), 1)
    # What no line can tell, trees can.
    table = make((columns[:, 0] * columns[:, 1] > 0).astype(int), ("no", "yes"), columns)
    areas = {n: roc_auc_score(table.labels[HELD], p[:, 1]) for n, (_, p) in fit(table).items()}
    assert areas["gradient_boosting"] > 0.9 > 0.65 > areas["logistic_regression"]


def test_values_with_residuals_of_cases_that_were_not_seen():
    random = np.random.default_rng(0)
    columns = random.normal(size=(900, 3))
    values = columns @ [3, -2, 0] + 50 + random.normal(size=900)
    found = fit(make(values, (), columns))
    assert set(found) == {"ridge_regression", "gradient_boosting"}
    for baseline, predictions in found.values():
        assert r2_score(values[HELD], predictions) > 0.75
        held = values[HELD] - predictions
        assert len(baseline.residuals) == len(SEEN)
        assert np.abs(baseline.residuals).mean() == pytest.approx(np.abs(held).mean(), rel=0.2)


def test_subjects_stay_together_in_the_folds():
    """A label that is chance, of subjects with two like cases: to have seen one tells the other."""
    random = np.random.default_rng(0)
    twins = np.repeat(random.normal(size=(450, 4)), 2, axis=0)
    labels = np.repeat(random.integers(0, 2, 450), 2)
    table = make(labels, ("no", "yes"), twins, subjects=np.repeat(np.arange(450), 2))
    areas = {n: roc_auc_score(labels[HELD], p[:, 1]) for n, (_, p) in fit(table).items()}
    assert all(abs(area - 0.5) < 0.12 for area in areas.values())
    chosen = {name: baseline.chosen for name, (baseline, _) in fit(table).items()}
    assert int(chosen["gradient_boosting"].split()[0]) < 30


def test_one_subject_of_a_class_is_enough():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 900)
    labels[5] = 2
    columns = random.normal(size=(900, 2)) + labels[:, None]
    # A class that the cases to fit lack has the probability 0.
    table = make(labels, ("a", "b", "c", "d"), columns)
    for baseline, found in fit(table).values():
        assert found.shape == (300, 4) and np.isfinite(found).all() and not found[:, 3].any()
        assert "not tuned" not in baseline.chosen
        assert roc_auc_score(table.labels[HELD], found[:, 1]) > 0.7


def test_columns_that_are_all_but_empty():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 900)
    columns = np.column_stack([labels + random.normal(size=900), np.full((900, 2), np.nan)])
    columns[[3, 77], 1] = 1.0
    table = make(labels, ("no", "yes"), columns)
    assert all(roc_auc_score(labels[HELD], p[:, 1]) > 0.7 for _, p in fit(table).values())


def test_trees_see_those_of_very_many_columns_that_tell_something():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 900)
    columns = random.normal(size=(900, MOST_COLUMNS + 100))
    columns[:, -1] += 2 * labels
    table = make(labels, ("no", "yes"), columns)
    assert roc_auc_score(labels[HELD], fit(table)["gradient_boosting"][1][:, 1]) > 0.85


def test_very_many_cases_are_chosen_on_in_part():
    random = np.random.default_rng(0)
    labels = (np.arange(60_000) % 20_000 == 4).astype(int) + 2 * (np.arange(60_000) % 2)
    columns = labels[:, None] % 2 + random.normal(size=(60_000, 1))
    table = make(labels, ("a", "b", "c", "d"), columns)
    encoding = fit_encoding(table.numbers, table.categories, table.values)
    found = fit_table_baselines(table, np.arange(60_000), encoding)
    assert all("not tuned" not in baseline.chosen for baseline in found.values())


def test_wisconsin_is_at_its_ceiling():
    table = load_wisconsin()
    order = np.random.default_rng(0).permutation(569)
    seen, held = order[:400], order[400:]
    encoding = fit_encoding(table.numbers[seen], table.categories[seen], ())
    for baseline in fit_table_baselines(table, seen, encoding).values():
        found = baseline.predict(table.numbers[held], table.categories[held])
        assert roc_auc_score(table.labels[held], found[:, 1]) > 0.975
