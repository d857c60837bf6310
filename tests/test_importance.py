"""Permutation importance on functions whose columns matter by known amounts."""

import numpy as np
import pytest
from sklearn.inspection import permutation_importance as reference
from sklearn.linear_model import LinearRegression

from kerasbio.metrics import auroc, regression_scores
from kerasbio.training.importance import permutation_importance

COLUMNS = ("light", "unused", "heavy", "kind", "idle")


#: A category of two values has two features.
GROUPS = dict(zip(COLUMNS, ([0], [1], [2], [3, 4], [5]), strict=True))


def table(cases=400, seed=0):
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(cases, 3))
    kind, idle = random.integers(0, 2, (2, cases))
    return np.column_stack([numbers, kind, 1 - kind, idle]).astype(np.float32)


def linear(features):
    # Features of one column that no longer belong together would count.
    torn = 100 * (features[:, 3] + features[:, 4] - 1)
    return features[:, 0] + 3 * features[:, 2] + 1.5 * features[:, 3] + torn


def measure(predict=linear, cases=400, **changes):
    features = table(cases)
    values = linear(features)
    given = {
        "predict": predict,
        "features": features,
        "groups": GROUPS,
        "subjects": np.arange(cases) // 2,
        "score": lambda p, weights: regression_scores(values, p, weights)["r2"],
        "repeats": 100,
    }
    return permutation_importance(**given | changes)


def test_unused_columns_matter_exactly_nothing_and_used_ones_by_their_share():
    found = measure()
    assert list(found) == ["heavy", "light", "kind", "unused", "idle"]
    assert found["unused"] == (0, 0, 0) and found["idle"] == (0, 0, 0)
    # Shuffled, a column's variance counts twice against that of all.
    for name, variance in (("heavy", 9), ("light", 1), ("kind", 1.5**2 / 4)):
        score = found[name]
        assert score.value == pytest.approx(2 * variance / (9 + 1 + 1.5**2 / 4), rel=0.25)
        assert 0 < score.low < score.value < score.high


def test_the_importance_is_that_of_scikit_learn_but_for_the_shuffles():
    random = np.random.default_rng(1)
    inputs = random.normal(size=(300, 4)) @ random.normal(size=(4, 4))
    values = inputs @ [1, 0.5, 0, -2] + random.normal(0, 1, 300)
    model = LinearRegression().fit(inputs, values)
    known = reference(model, inputs, values, n_repeats=20, random_state=0)
    found = permutation_importance(
        model.predict,
        inputs,
        {name: [place] for place, name in enumerate("abcd")},
        np.arange(300),
        lambda p, weights: regression_scores(values, p, weights)["r2"],
        permutations=20,
        repeats=20,
    )
    for column, name in enumerate("abcd"):
        noise = known.importances_std[column] + 1e-3
        assert found[name].value == pytest.approx(known.importances_mean[column], abs=noise)


def test_a_missing_value_is_shuffled_along_and_the_features_stay_as_they_are():
    features = table()
    features[::4, 0] = np.nan
    kept = features.copy()
    seen = []

    def predict(features):
        seen.append(np.isnan(features[:, 0]))
        return np.where(seen[-1], 0.9, 0.1)

    found = permutation_importance(
        predict,
        features,
        GROUPS,
        np.arange(400),
        lambda p, weights: auroc(np.isnan(kept[:, 0]), p, weights),
        repeats=50,
    )
    np.testing.assert_array_equal(features, kept)
    assert {int(missing.sum()) for missing in seen} == {100}
    assert found["light"].value == pytest.approx(0.5, abs=0.1)
    assert all(found[name] == (0, 0, 0) for name in COLUMNS[1:])


def test_the_seed_alone_decides():
    assert measure(seed=3) == measure(seed=3)
    assert measure(seed=3) != measure(seed=4)


def test_a_wide_table_costs_one_prediction_per_column_and_measures_the_largest():
    cases, width = 200, 500
    random = np.random.default_rng(0)
    numbers = random.normal(size=(cases, width)).astype(np.float32)
    values, calls = 2 * numbers[:, 7] + numbers[:, 300], []

    def predict(numbers):
        calls.append(1)
        return 2 * numbers[:, 7] + numbers[:, 300]

    def score(p, weights):
        return regression_scores(values, p, weights)["r2"]

    groups = {f"g{place}": [place] for place in range(width)}
    given = [predict, numbers, groups, np.arange(cases), score]
    found = permutation_importance(*given, permutations=4, shown=5, repeats=50)
    assert len(calls) == 1 + width + 4 * 5
    assert list(found)[:2] == ["g7", "g300"] and len(found) == 5
    # What is measured does not depend on how many are.
    assert permutation_importance(*given, permutations=4, shown=2, repeats=50) == {
        name: found[name] for name in ("g7", "g300")
    }


def test_what_is_undefined_comes_last():
    found = measure(score=lambda p, weights: np.full(len(weights), np.nan))
    assert list(found) == list(COLUMNS) and np.isnan(found["heavy"]).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"features": np.zeros((3, 2))}, r"\(400, width\).*shape \(3, 2\)"),
        ({"features": np.zeros(400)}, r"shape \(400,\)"),
        ({"permutations": 0}, "permutations=0"),
        ({"shown": 0}, "shown=0"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        measure(**change)
