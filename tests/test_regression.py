"""Regression and its intervals against scikit-learn, hand-made cases and known truths."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from kerasbio.metrics import coverage, interval_radius, regression_scores
from kerasbio.metrics.regression import LEVELS
from kerasbio.training.regression import compare_regressors


def sample(cases=300, seed=0, **errors):
    random = np.random.default_rng(seed)
    values = random.normal(5, 2, cases)
    return values, {name: values + random.normal(0, e, cases) for name, e in errors.items()}


def compared(cases=300, levels=LEVELS, **changes):
    """Compare a network with two baselines and, without intervals, the oracle."""
    values, predictions = sample(cases, network=1.0, ridge=1.5, mean=2.0, oracle=0.5)
    held, rest = slice(cases // 2), slice(cases // 2, None)
    radii = {
        name: interval_radius((p - values)[rest], levels)
        for name, p in predictions.items()
        if name != "oracle"
    }
    given = {
        "values": values[held],
        "subjects": np.arange(cases // 2) // 2,
        "predictions": {name: p[held] for name, p in predictions.items()},
        "radii": radii,
        "levels": levels,
        "repeats": 100,
    }
    return compare_regressors(**given | changes)


def test_scores_are_those_of_scikit_learn_with_weights():
    values, predictions = sample(network=1.0)
    weights = np.random.default_rng(1).integers(0, 4, (5, len(values)))
    scores = regression_scores(values, predictions["network"], weights)
    for draw, weight in enumerate(weights):
        for name, expected in (
            ("r2", reference.r2_score),
            ("mae", reference.mean_absolute_error),
            ("rmse", reference.root_mean_squared_error),
        ):
            known = expected(values, predictions["network"], sample_weight=weight)
            assert scores[name][draw] == pytest.approx(known, abs=1e-12)


def test_scores_of_hand_made_cases():
    assert regression_scores([1, 2, 3], [1, 2, 3]) == {"r2": 1, "mae": 0, "rmse": 0}
    scores = regression_scores([0, 0, 4, 4], [2, 2, 2, 6])
    assert scores == pytest.approx({"r2": 0, "mae": 2, "rmse": 2})
    assert coverage([0, 1, 2, 3], [0, 0, 0, 0], 1) == 0.5
    np.testing.assert_allclose(coverage([0, 1, 2], [0, 0, 0], 1, [[1, 1, 2], [3, 0, 0]]), [0.5, 1])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3])
def test_without_variance_r2_alone_is_undefined(value):
    values = np.append(np.full(7, value), value + 1)
    weights = np.array([[1.0] * 7 + [0], [1] * 8, [0] * 8])
    scores = regression_scores(values, values + 0.5, weights)
    np.testing.assert_array_equal(np.isnan(scores["r2"]), [True, False, True])
    np.testing.assert_allclose(scores["mae"], [0.5, 0.5, np.nan])
    assert np.isnan(coverage(values, values, 1.0, weights)[2])
    assert np.isnan(regression_scores(values[:7], values[:7])["r2"])


def test_a_shift_of_all_values_changes_nothing():
    values, predictions = sample(network=1.0)
    near = regression_scores(values, predictions["network"])
    far = regression_scores(values + 1e6, predictions["network"] + 1e6)
    assert far == pytest.approx(near, rel=1e-6)


def test_the_radius_is_the_residual_of_the_rank_that_theory_asks_for():
    residuals = [3, -1, 4, -2, 5, 9, 8, -7, 6]
    # ceil(10 level) of the sorted 1 to 9.
    np.testing.assert_array_equal(
        interval_radius(residuals, (0.05, 0.5, 0.8, 0.81, 0.9, 0.95)), [1, 5, 8, 9, 9, np.inf]
    )
    assert interval_radius(np.arange(1, 100), (0.55,)) == 55
    assert np.isinf(interval_radius([], (0.5,))).all()


def test_intervals_hold_new_values_as_often_as_theory_says():
    random = np.random.default_rng(0)
    # Skewed errors of a model that is wrong on average: the guarantee asks for neither.
    calibration, fresh = random.exponential(size=(2, 4000, 19)) - 0.3
    held = np.mean(
        [
            np.abs(new)[:, None] <= interval_radius(old)
            for old, new in zip(calibration, fresh, strict=True)
        ],
        axis=(0, 1),
    )
    # Between the level and 1 / (19 + 1) more, and here at its lower end: (n + 1) level is whole.
    np.testing.assert_allclose(held, LEVELS, atol=0.01)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: regression_scores([1, 2], [1]), r"shapes \(2,\) and \(1,\)"),
        (lambda: regression_scores([], []), "one case or more"),
        (lambda: regression_scores([1, 2], [1, np.nan]), "predictions must be finite.*case 1"),
        (lambda: coverage([np.inf], [1], 1), "values must be finite"),
        (lambda: interval_radius([1, np.nan]), "1 not finite"),
        (lambda: interval_radius([[1.0]]), r"shape \(1, 1\)"),
        (lambda: interval_radius([1], (0.5, 1.0)), "levels must be above 0 and below 1"),
    ],
)
def test_wrong_arguments_of_scores_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_predictor_has_its_scores_and_those_with_intervals_their_coverage():
    comparison = compared()
    points = ["r2", "mae", "rmse"]
    intervals = [f"coverage_{percent}" for percent in (50, 80, 90, 95)]
    for name, scores in comparison.scores.items():
        assert list(scores) == points + (intervals + ["width_90"]) * (name != "oracle")
        known = regression_scores(comparison.values, comparison.predictions[name])
        for score in points:
            assert scores[score].value == pytest.approx(known[score])
            assert scores[score].low < scores[score].value < scores[score].high
    radius, scores = comparison.radii["ridge"], comparison.scores["ridge"]
    assert scores["width_90"].value == 2 * radius[2] and np.isnan(scores["width_90"].low)
    share = coverage(comparison.values, comparison.predictions["ridge"], radius[2])
    assert scores["coverage_90"].value == share


@pytest.mark.parametrize("monitor, sign", [("r2", 1), ("mae", -1), ("rmse", -1)])
def test_the_better_is_the_one_that_the_monitor_prefers(monitor, sign):
    comparison = compared(monitor=monitor)
    assert comparison.best_baseline == "ridge" and comparison.beats_baseline
    network, ridge = (comparison.scores[p][monitor].value for p in ("network", "ridge"))
    assert comparison.margin.value == pytest.approx(sign * (network - ridge))


def test_json_holds_what_is_known_and_none_for_the_rest():
    # Of 8 residuals no 9 / 10 are defined: the interval is the whole line.
    comparison = compared(16)
    content = json.loads(comparison.to_json())
    assert content["radii"]["network"][2:] == [None, None] and "oracle" not in content["radii"]
    assert content["scores"]["network"]["width_90"] == {"value": None, "low": None, "high": None}
    assert content["scores"]["network"]["coverage_90"]["value"] == 1
    assert content["levels"] == list(LEVELS) and content["cases"] == 8


def test_other_levels_have_their_own_names():
    scores = compared(levels=(0.6, 0.975)).scores["network"]
    assert list(scores)[3:] == ["coverage_60", "coverage_97.5"]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"monitor": "coverage_90"}, "one of r2, mae, rmse. Received: monitor='coverage_90'"),
        ({"subjects": np.arange(3)}, "of one length"),
        ({"predictions": {"network": np.zeros(150)}, "radii": {}}, "at least one baseline"),
        ({"predictions": {"network": np.zeros(3)}, "radii": {}}, r"network of shape \(3,\)"),
        ({"radii": {"other": np.ones(4)}}, "Received: \\['other'\\]"),
        ({"radii": {"ridge": np.ones(3)}}, r"of shape \(4,\)"),
        ({"radii": {"ridge": -np.ones(4)}}, "not negative"),
    ],
)
def test_wrong_arguments_of_comparisons_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        compared(**change)
