"""Metrics against scikit-learn, hand-made cases and known truths."""

import time

import numpy as np
import pytest
from sklearn import metrics as reference

from kerasbio.metrics import (
    Score,
    auroc,
    bootstrap_by_subject,
    calibration_curve,
    classification_scores,
    confusion_matrix,
    expected_calibration_error,
    roc_curve,
)
from kerasbio.metrics.classification import brier_score
from kerasbio.metrics.ranking import average_precision, sensitivity_at_specificity
from tests.report_case import fabricate_probabilities


def sample(cases=300, classes=4, decimals=2, seed=0):
    labels = np.random.default_rng(seed).integers(0, classes, cases)
    probabilities = fabricate_probabilities(labels, classes, 1.0, seed).round(decimals)
    return labels, probabilities


@pytest.mark.parametrize("decimals", [1, 2, 8])
def test_auroc_is_that_of_scikit_learn_with_ties_and_weights(decimals):
    labels, probabilities = sample(decimals=decimals)
    weights = np.random.default_rng(1).integers(0, 4, (5, len(labels)))
    areas = auroc(labels == 2, probabilities[:, 2], weights)
    for area, weight in zip(areas, weights, strict=True):
        expected = reference.roc_auc_score(labels == 2, probabilities[:, 2], sample_weight=weight)
        assert area == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "labels, scores, expected",
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ([0, 1], [0.5, 0.5], 0.5),
        ([1, 0], [0.1, 0.9], 0.0),
        ([1, 1], [0.1, 0.9], np.nan),
        ([], [], np.nan),
    ],
)
def test_auroc_of_hand_made_cases(labels, scores, expected):
    assert auroc(labels, scores) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("decimals", [1, 2, 8])
def test_average_precision_is_that_of_scikit_learn_with_ties_and_weights(decimals):
    labels, probabilities = sample(decimals=decimals)
    weights = np.random.default_rng(1).uniform(0, 3, (5, len(labels)))
    weights[:, ::4] = 0
    found = average_precision(labels == 2, probabilities[:, 2], weights)
    for precision, weight in zip(found, weights, strict=True):
        expected = reference.average_precision_score(
            labels == 2, probabilities[:, 2], sample_weight=weight
        )
        assert precision == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 8])
@pytest.mark.parametrize("specificity", [0.0, 0.5, 0.9, 0.95, 1.0])
def test_sensitivity_at_a_specificity_is_that_of_the_roc_curve(specificity, decimals):
    labels, probabilities = sample(decimals=decimals)
    weights = np.random.default_rng(1).integers(0, 4, (5, len(labels)))
    found = sensitivity_at_specificity(labels == 2, probabilities[:, 2], specificity, weights)
    for sensitivity, weight in zip(found, weights, strict=True):
        false, true, _ = reference.roc_curve(
            labels == 2, probabilities[:, 2], sample_weight=weight, drop_intermediate=False
        )
        expected = true[false <= 1 - specificity + 1e-9].max()
        assert sensitivity == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    "labels, scores, precision, sensitivity",
    [
        # Precision 1 at the first hit, 2/3 at the second; at specificity 0.5 one may be wrong.
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], (1 + 2 / 3) / 2, 1.0),
        ([1, 1, 0, 0], [0.5, 0.5, 0.5, 0.5], 0.5, 0.0),
        ([1, 0, 0], [0.1, 0.5, 0.9], 1 / 3, 0.0),
        ([1, 1], [0.1, 0.9], np.nan, np.nan),
        ([0, 0], [0.1, 0.9], np.nan, np.nan),
        ([], [], np.nan, np.nan),
    ],
)
def test_precision_and_sensitivity_of_hand_made_cases(labels, scores, precision, sensitivity):
    assert average_precision(labels, scores) == pytest.approx(precision, nan_ok=True)
    found = sensitivity_at_specificity(labels, scores, 0.5)
    assert found == pytest.approx(sensitivity, nan_ok=True)


def test_one_false_positive_in_ten_keeps_a_specificity_of_nine_tenths():
    # In floating point 10 times 1 - 0.9 is below 1.
    scores = np.append(np.arange(10), 8.5)
    assert sensitivity_at_specificity(np.arange(11) == 10, scores, 0.9) == 1
    assert sensitivity_at_specificity(np.arange(11) == 10, scores, 0.91) == 0
    with pytest.raises(ValueError, match="Received: specificity=95"):
        sensitivity_at_specificity([0, 1], [0, 1], 95)
    with pytest.raises(ValueError, match="Received: shapes"):
        average_precision([0, 1, 1], [0.2, 0.3])


def test_the_brier_score_is_that_of_scikit_learn():
    labels, probabilities = sample(decimals=8)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    weights = np.random.default_rng(1).integers(0, 4, (3, len(labels)))
    for score, weight in zip(brier_score(labels, probabilities, weights), weights, strict=True):
        expected = reference.brier_score_loss(
            labels, probabilities, sample_weight=weight, scale_by_half=True
        )
        assert score == pytest.approx(expected)
    pair = np.stack([1 - probabilities[:, 0], probabilities[:, 0]], axis=1)
    truth = (labels == 0).astype(int)
    expected = reference.brier_score_loss(truth, pair[:, 1])
    assert brier_score(truth, pair) == pytest.approx(expected)


def test_roc_curve_is_that_of_scikit_learn():
    labels, probabilities = sample()
    false, true = roc_curve(labels == 1, probabilities[:, 1])
    expected = reference.roc_curve(labels == 1, probabilities[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(false, expected[0])
    np.testing.assert_allclose(true, expected[1])
    area = np.trapezoid(true, false) if hasattr(np, "trapezoid") else np.trapz(true, false)
    assert area == pytest.approx(auroc(labels == 1, probabilities[:, 1]))


def test_scores_are_those_of_scikit_learn():
    labels, probabilities = sample()
    decision = probabilities.argmax(axis=1)
    scores = classification_scores(labels, probabilities, "abcd")
    areas = [reference.roc_auc_score(labels == k, probabilities[:, k]) for k in range(4)]
    counts = reference.confusion_matrix(labels, decision)
    assert scores["auroc"] == pytest.approx(np.mean(areas))
    for kind in ("average_precision", "sensitivity_at_90", "sensitivity_at_95"):
        assert scores[kind] == pytest.approx(np.mean([scores[f"{kind}_{c}"] for c in "abcd"]))
    assert scores["brier_score"] == brier_score(labels, probabilities)
    assert scores["accuracy"] == pytest.approx(reference.accuracy_score(labels, decision))
    balanced = reference.balanced_accuracy_score(labels, decision)
    assert scores["balanced_accuracy"] == pytest.approx(balanced)
    np.testing.assert_array_equal(confusion_matrix(labels, decision, 4), counts)
    for k, name in enumerate("abcd"):
        assert scores[f"auroc_{name}"] == pytest.approx(areas[k])
        precision = reference.average_precision_score(labels == k, probabilities[:, k])
        assert scores[f"average_precision_{name}"] == pytest.approx(precision)
        for percent in (90, 95):
            expected = sensitivity_at_specificity(labels == k, probabilities[:, k], percent / 100)
            assert scores[f"sensitivity_at_{percent}_{name}"] == expected
        recall = reference.recall_score(labels == k, decision == k)
        assert scores[f"sensitivity_{name}"] == pytest.approx(recall)
        recall = reference.recall_score(labels != k, decision != k)
        assert scores[f"specificity_{name}"] == pytest.approx(recall)


def test_weights_are_repeated_cases():
    labels, probabilities = sample(cases=80)
    counts = np.random.default_rng(3).integers(0, 3, 80)
    weighted = classification_scores(labels, probabilities, "abcd", counts[None])
    chosen = np.repeat(np.arange(80), counts)
    repeated = classification_scores(labels[chosen], probabilities[chosen], "abcd")
    assert {name: value[0] for name, value in weighted.items()} == pytest.approx(repeated)


def test_an_absent_class_is_nan_and_left_out_of_the_means():
    labels, probabilities = sample()
    labels[labels == 3] = 0
    scores = classification_scores(labels, probabilities, "abcd")
    assert np.isnan(scores["auroc_d"]) and np.isnan(scores["sensitivity_d"])
    assert np.isnan(scores["average_precision_d"]) and np.isnan(scores["sensitivity_at_95_d"])
    assert scores["sensitivity_at_95"] > 0
    assert 0 < scores["specificity_d"] < 1
    assert scores["auroc"] == pytest.approx(np.mean([scores[f"auroc_{c}"] for c in "abc"]))
    sensitivities = [scores[f"sensitivity_{c}"] for c in "abc"]
    assert scores["balanced_accuracy"] == pytest.approx(np.mean(sensitivities))


def test_one_class_alone_leaves_the_area_undefined():
    scores = classification_scores(np.zeros(5, int), np.full((5, 2), 0.5), "ab")
    assert np.isnan(scores["auroc"]) and np.isnan(scores["specificity_a"])
    assert scores["accuracy"] == 1


def test_calibration_error_of_a_hand_made_case():
    # Two bins: confidence 0.8 with 3 of 4 right, confidence 0.65 with 0 of 1 right.
    labels = np.array([0, 0, 0, 1, 1])
    first = np.array([0.8, 0.8, 0.8, 0.8, 0.65])
    probabilities = np.stack([first, 1 - first], axis=1)
    expected = (4 * 0.05 + 1 * 0.65) / 5
    assert expected_calibration_error(labels, probabilities) == pytest.approx(expected)
    confidence, right, counts = calibration_curve(labels, probabilities)
    np.testing.assert_allclose(confidence, [0.65, 0.8])
    np.testing.assert_allclose(right, [0, 0.75])
    np.testing.assert_array_equal(counts, [1, 4])


def test_calibration_error_of_draws_from_the_predicted_probabilities_vanishes():
    random = np.random.default_rng(0)
    truth = random.uniform(0.5, 1, 200_000)
    labels = (random.uniform(size=len(truth)) < truth).astype(int)
    calibrated = np.stack([1 - truth, truth], axis=1)
    assert expected_calibration_error(labels, calibrated) < 0.005
    # Claims 0.1 more than it keeps: the error is that 0.1, but where the claim would pass 1.
    sure = np.minimum(truth + 0.1, 1)
    shift = np.mean(sure - truth)
    error = expected_calibration_error(labels, np.stack([1 - sure, sure], axis=1))
    assert error == pytest.approx(shift, abs=0.005)


@pytest.mark.parametrize(
    "labels, probabilities, message",
    [
        ([0, 1], np.full((2, 3), 0.3), "probabilities"),
        ([0, 1], np.array([[0.5, 0.5], [np.nan, 0.5]]), "case 1"),
        ([0, 2], np.full((2, 2), 0.5), "from 0 to 1"),
        ([], np.zeros((0, 2)), "one or more"),
    ],
)
def test_wrong_arguments_are_named(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        classification_scores(np.array(labels, int), probabilities, "ab")


def test_scores_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="Received: shapes"):
        auroc([0, 1, 1], [0.2, 0.3])


def mean_of(values):
    return lambda weights: {"mean": weights @ values / weights.sum(axis=-1)}


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(0).normal(3, 2, 400)
    score = bootstrap_by_subject(np.arange(400), mean_of(values), 4000)["mean"]
    half = 1.96 * values.std() / np.sqrt(400)
    assert score.value == pytest.approx(values.mean())
    assert score.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert score.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_cases_of_one_subject_are_drawn_together():
    # 100 subjects of four identical cases tell no more than 100 cases do.
    values = np.random.default_rng(0).normal(size=100)
    one = bootstrap_by_subject(np.arange(100), mean_of(values), 2000, seed=5)["mean"]
    subjects = np.repeat([f"s{i:03}" for i in range(100)], 4)
    four = bootstrap_by_subject(subjects, mean_of(np.repeat(values, 4)), 2000, seed=5)["mean"]
    assert four == pytest.approx(one)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        values = random.normal(1, 1, 60)
        score = bootstrap_by_subject(np.arange(60), mean_of(values), 300, seed)["mean"]
        covered += score.low <= 1 <= score.high
    assert 0.88 * 200 <= covered <= 0.99 * 200


def test_the_interval_of_a_calibration_error_allows_for_its_bias():
    def error(weights):
        return {"error": expected_calibration_error(labels, probabilities, weights)}

    covered = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        claimed = random.uniform(0.55, 1, 400)
        labels = (random.uniform(size=400) < claimed - 0.05).astype(int)
        probabilities = np.stack([1 - claimed, claimed], axis=1)
        score = bootstrap_by_subject(np.arange(400), error, 200, seed, raised_by_noise=["error"])[
            "error"
        ]
        assert score.low <= score.value <= score.high
        covered += score.low <= 0.05 <= score.high
    assert covered >= 0.85 * 60


def test_what_is_undefined_has_no_interval():
    undefined = bootstrap_by_subject(np.arange(3), lambda w: {"a": np.full(len(w), np.nan)})["a"]
    assert np.isnan(undefined).all()
    alone = bootstrap_by_subject(np.zeros(3), mean_of(np.arange(3.0)))["mean"]
    assert alone.value == 1 and np.isnan(alone.low) and np.isnan(alone.high)
    with pytest.raises(ValueError, match="0 cases"):
        bootstrap_by_subject([], mean_of(np.zeros(0)))


def test_the_draws_are_a_function_of_the_seed_alone(monkeypatch):
    values = np.arange(50.0)
    whole = bootstrap_by_subject(np.arange(50), mean_of(values), 100, seed=1)
    monkeypatch.setattr("kerasbio.metrics.bootstrap.WEIGHTS_PER_CHUNK", 50 * 7)
    assert bootstrap_by_subject(np.arange(50), mean_of(values), 100, seed=1) == whole
    assert bootstrap_by_subject(np.arange(50), mean_of(values), 100, seed=2) != whole
    assert isinstance(whole["mean"], Score)


def test_a_thousand_draws_of_three_predictors_take_a_few_seconds():
    labels, probabilities = sample(600, 5)
    begin = time.process_time()
    bootstrap_by_subject(
        np.arange(600) // 2,
        lambda w: {
            (copy, name): value
            for copy in range(3)
            for name, value in classification_scores(labels, probabilities, "abcde", w).items()
        },
        1000,
    )
    assert time.process_time() - begin < 5
