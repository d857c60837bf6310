"""A network beside its baselines: what is paired, what is said, what is refused."""

import csv
import io
import json

import numpy as np
import pytest

from kerasbio.metrics import classification_scores
from kerasbio.training.evaluation import compare_classifiers
from tests.report_case import CLASSES, fabricate_comparison, fabricate_probabilities


def predictors(cases=300, **strengths):
    labels = np.random.default_rng(0).integers(0, 3, cases)
    probabilities = {
        name: fabricate_probabilities(labels, 3, strength, seed)
        for seed, (name, strength) in enumerate(strengths.items())
    }
    return labels, np.arange(cases) // 2, probabilities


def test_the_margin_over_itself_is_exactly_zero():
    labels, subjects, probabilities = predictors(network=1.0)
    probabilities["copy"] = probabilities["network"]
    comparison = compare_classifiers(labels, subjects, probabilities, "abc", repeats=100)
    assert comparison.margin == (0, 0, 0)
    assert not comparison.beats_baseline
    assert comparison.scores["network"] == comparison.scores["copy"]


def test_the_scores_are_the_point_scores_with_intervals_around_them():
    comparison = fabricate_comparison()
    for predictor, probabilities in comparison.probabilities.items():
        points = classification_scores(comparison.labels, probabilities, CLASSES)
        assert list(points) == list(comparison.scores[predictor])
        for name, score in comparison.scores[predictor].items():
            assert score.value == pytest.approx(points[name])
            assert score.low <= score.value <= score.high


def test_the_best_baseline_is_never_the_oracle():
    labels, subjects, probabilities = predictors(network=2, weak=0.3, strong=1, oracle=4)
    comparison = compare_classifiers(labels, subjects, probabilities, "abc", repeats=200)
    assert comparison.best_baseline == "strong"
    scores = {name: values["auroc"] for name, values in comparison.scores.items()}
    difference = scores["network"].value - scores["strong"].value
    assert comparison.margin.value == pytest.approx(difference)
    assert comparison.beats_baseline
    assert comparison.margin.low > 0.05


def test_a_known_margin_lies_in_its_interval():
    # Accuracy 0.8 against 0.7, by construction; the truth of the margin is 0.1.
    covered, beaten = 0, 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 2, 400)
        probabilities = {}
        for name, share in (("network", 0.8), ("baseline", 0.7)):
            wrong = random.uniform(size=400) > share
            probabilities[name] = np.eye(2)[np.where(wrong, 1 - labels, labels)]
        margin = compare_classifiers(
            labels, np.arange(400), probabilities, "ab", monitor="accuracy", seed=seed, repeats=200
        ).margin
        covered += margin.low <= 0.1 <= margin.high
        beaten += margin.low > 0
    assert covered >= 0.85 * 60
    assert beaten >= 0.8 * 60


def test_pairing_narrows_the_interval_of_the_margin():
    labels, subjects, probabilities = predictors(network=1.0)
    random = np.random.default_rng(9)
    shaken = probabilities["network"] * random.uniform(0.9, 1.1, (len(labels), 3))
    probabilities["shaken"] = shaken / shaken.sum(axis=1, keepdims=True)
    comparison = compare_classifiers(labels, subjects, probabilities, "abc")
    width = comparison.margin.high - comparison.margin.low
    score = comparison.scores["network"]["auroc"]
    assert width < 0.3 * (score.high - score.low)


def test_an_absent_class_is_said_and_left_out():
    comparison = fabricate_comparison(absent=True)
    assert comparison.absent_classes == (CLASSES[-1],)
    assert np.isnan(comparison.scores["network"][f"auroc_{CLASSES[-1]}"]).all()
    assert comparison.margin.low > 0


def test_a_score_that_is_undefined_beats_nothing():
    labels = np.zeros(6, int)
    probabilities = {name: np.full((6, 2), 0.5) for name in ("network", "baseline")}
    comparison = compare_classifiers(labels, np.arange(6), probabilities, "ab", repeats=10)
    assert np.isnan(comparison.margin).all()
    assert not comparison.beats_baseline
    assert json.loads(comparison.to_json())["margin"]["low"] is None


def test_json_holds_every_score():
    comparison = fabricate_comparison()
    content = json.loads(comparison.to_json())
    assert content["cases"] == 600 and content["classes"] == list(CLASSES)
    assert content["best_baseline"] == "logistic_regression" and content["beats_baseline"]
    for predictor, scores in comparison.scores.items():
        for name, score in scores.items():
            assert content["scores"][predictor][name] == score._asdict()
    assert np.sum(content["confusion_matrix"]["network"]) == 600


@pytest.mark.parametrize(
    "change, message",
    [
        ({"probabilities": ["network"]}, "at least one baseline"),
        ({"probabilities": ["network", "oracle"]}, "at least one baseline"),
        ({"probabilities": ["baseline"]}, "'network'"),
        ({"monitor": "dice"}, "monitor='dice'"),
        ({"monitor": "expected_calibration_error"}, "higher where better"),
        ({"subjects": np.arange(3)}, "of one length"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    labels, subjects, probabilities = predictors(network=1, baseline=1, oracle=1)
    names = change.get("probabilities", list(probabilities))
    with pytest.raises(ValueError, match=message):
        compare_classifiers(
            labels,
            change.get("subjects", subjects),
            {name: probabilities[name] for name in names},
            "abc",
            monitor=change.get("monitor", "auroc"),
            repeats=10,
        )


def test_predictions_of_every_case_as_csv():
    labels = np.array([0, 1, 2, 1])
    classes = ("healthy", 'a "quoted", name', "ill\nindeed")
    probabilities = np.array([[0.5, 0.25, 0.25], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0, 1e-9, 1]])
    found = compare_classifiers(
        labels,
        np.array(["p,1", "p2", "p3", "p4"]),
        {"network": probabilities, "baseline": probabilities[::-1]},
        classes,
        repeats=5,
    )
    text = found.predictions_csv()
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["subject", "label", *(f"probability {name}" for name in classes)]
    assert [row[:2] for row in rows] == [
        ["p,1", classes[0]], ["p2", classes[1]], ["p3", classes[2]], ["p4", classes[1]],
    ]  # fmt: skip
    np.testing.assert_allclose([[float(p) for p in row[2:]] for row in rows], probabilities, 1e-5)
    assert text.endswith("\n") and "\r" not in text
