"""Lesions found and invented, by hand-made cases."""

import numpy as np
import pytest

from kerasbio.metrics.lesions import (
    FROC_RATES,
    MISSED,
    LesionMatch,
    froc_curve,
    froc_sensitivity,
    label_lesions,
    lesion_candidates,
    match_lesions,
)


def boxes(*corners, shape=(20, 20)):
    """A mask of boxes, each given as its slices."""
    mask = np.zeros(shape, np.uint8)
    for rows, columns in corners:
        mask[slice(*rows), slice(*columns)] = 1
    return mask


# Two lesions, of 16 and of 9 pixels.
TRUTH = boxes([(2, 6), (2, 6)], [(12, 15), (12, 15)])


def test_voxels_that_share_a_corner_are_one_lesion():
    labels, count = label_lesions(np.eye(4, dtype=bool))
    assert count == 1 and labels.max() == 1
    assert label_lesions(np.diag([2, 0, 2]))[1] == 2
    assert label_lesions(np.zeros((2, 3, 4)))[1] == 0


def test_lesions_are_found_missed_and_invented():
    # 8 of the 16 pixels of the first lesion, none of the second, and one beside both.
    prediction = boxes([(2, 6), (4, 6)], [(17, 19), (3, 5)])
    match = match_lesions(TRUTH, prediction, (2.0, 0.5))
    np.testing.assert_allclose(match.volumes, [0.016, 0.009])
    np.testing.assert_array_equal(match.found, [True, False])
    assert match.confidences.tolist() == [1, MISSED]
    assert match.false_confidences.tolist() == [1]


@pytest.mark.parametrize(
    "criterion, least, found, false",
    [
        # Of the lesion 4 of 16 pixels lie in a candidate of 40: 4 of 52 together.
        ("iou", 0.0, True, 0),
        ("iou", 4 / 52, True, 0),
        ("iou", 0.1, False, 1),
        ("coverage", 0.25, True, 0),
        ("coverage", 0.26, False, 1),
    ],
)
def test_what_counts_as_a_hit(criterion, least, found, false):
    truth, prediction = boxes([(2, 6), (2, 6)]), boxes([(5, 15), (2, 6)])
    match = match_lesions(truth, prediction, criterion=criterion, least=least)
    assert match.found.tolist() == [found] and len(match.false_confidences) == false


def test_further_hits_count_neither_for_nor_against():
    candidates = boxes([(2, 6), (2, 4)], [(12, 15), (12, 15)], [(18, 20), (0, 3)]).astype(int)
    candidates[2:6, 4:6] = 2
    candidates[12:15, 12:15] = 3
    candidates[18:20, 0:3] = 4
    match = match_lesions(TRUTH, candidates, confidences=np.array([0.3, 0.8, 0.6, 0.4]))
    assert match.confidences.tolist() == [0.8, 0.6]
    assert match.false_confidences.tolist() == [0.4]


def test_one_candidate_may_hit_two_lesions():
    match = match_lesions(boxes([(0, 4), (0, 4)], [(0, 4), (5, 9)]), boxes([(0, 4), (0, 9)]))
    assert match.found.all() and not len(match.false_confidences)


def test_masks_without_lesions():
    empty = np.zeros_like(TRUTH)
    assert [len(part) for part in match_lesions(empty, empty)] == [0, 0, 0]
    assert [len(part) for part in match_lesions(empty, TRUTH)] == [0, 0, 2]
    match = match_lesions(TRUTH, empty)
    assert not match.found.any() and not len(match.false_confidences)


def cone(centre, height, slope, shape=(40, 40)):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    distance = np.hypot(rows - centre[0], columns - centre[1])
    return np.maximum(height - slope * distance, 0)


def test_candidates_are_the_regions_around_peaks():
    high, low = cone((10, 10), 0.9, 0.1), cone((28, 28), 0.3, 0.02)
    labels, confidences = lesion_candidates(high + low)
    assert confidences == pytest.approx([0.9, 0.3])
    np.testing.assert_array_equal(labels == 1, high >= 0.4 * 0.9)
    np.testing.assert_array_equal(labels == 2, low >= 0.4 * 0.3)
    labels, confidences = lesion_candidates(high + low, lowest=0.25, share=0.1)
    np.testing.assert_array_equal(labels == 1, high >= 0.25)
    np.testing.assert_array_equal(labels == 2, low >= 0.25)


def test_a_faint_peak_beside_a_high_one_is_a_candidate_and_an_edge_is_none():
    # The two are joined above 0.1, and 0.3 lies below 0.4 times 0.9.
    field = np.full((40, 40), 0.11)
    field[4:9, 4:9], field[20:24, 20:24] = 0.9, 0.3
    field[9, 4:9] = 0.2
    labels, confidences = lesion_candidates(field)
    assert confidences.tolist() == [0.9, 0.3]
    assert (labels[4:9, 4:9] == 1).all() and labels[9, 5] == 0
    assert lesion_candidates(field, most=1)[1].tolist() == [0.9]


def test_no_probability_is_no_candidate():
    labels, confidences = lesion_candidates(np.full((3, 4, 5), 0.09, np.float32))
    assert not labels.any() and confidences.shape == (0,)


def example():
    """Three cases: lesions at 0.9 and missed, at 0.5, none; false ones at 0.7, 0.5 and 0.2."""
    lists = [([0.9, MISSED], [0.7]), ([0.5], [0.5]), ([], [0.2])]
    return [LesionMatch(np.ones(len(a)), np.array(a), np.array(b)) for a, b in lists]


def test_the_curve_of_a_hand_made_case():
    rates, sensitivities = froc_curve(example())
    # Down to 0.9, 0.7, 0.5 (a lesion and a false one together) and 0.2.
    np.testing.assert_allclose(rates, np.array([0, 0, 1, 2, 3]) / 3)
    np.testing.assert_allclose(sensitivities, np.array([0, 1, 1, 2, 2]) / 3)
    found = froc_sensitivity(example(), (0.0, 0.125, 0.5, 2 / 3, 1, 8))
    np.testing.assert_allclose(found, np.array([1, 1, 1, 2, 2, 2]) / 3)
    assert froc_sensitivity(example()).shape == (len(FROC_RATES),)


def test_weights_are_repeated_cases(monkeypatch):
    random = np.random.default_rng(0)
    matches = [
        LesionMatch(
            np.ones(n), random.choice([MISSED, 0.2, 0.4, 0.9], n), random.random(m).round(1)
        )
        for n, m in random.integers(0, 4, (12, 2))
    ]
    draws = random.integers(0, 3, (5, 12))
    weighted = froc_sensitivity(matches, weights=draws)
    for row, counts in zip(weighted, draws, strict=True):
        drawn = [matches[i] for i in np.repeat(np.arange(12), counts)]
        np.testing.assert_allclose(row, froc_sensitivity(drawn))
    monkeypatch.setattr("kerasbio.metrics.lesions.WEIGHTS_PER_CHUNK", 30)
    np.testing.assert_array_equal(froc_sensitivity(matches, weights=draws), weighted)


def test_cases_without_a_lesion_leave_sensitivity_undefined():
    nothing = LesionMatch(np.zeros(0), np.zeros(0), np.array([0.5]))
    assert np.isnan(froc_sensitivity([nothing])).all()
    rates, sensitivities = froc_curve([nothing])
    assert rates.tolist() == [0, 1] and np.isnan(sensitivities).all()
    quiet = nothing._replace(false_confidences=np.zeros(0))
    assert froc_curve([quiet])[0].tolist() == [0]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: match_lesions(TRUTH, TRUTH, criterion="dice"), "Received: criterion='dice'"),
        (lambda: match_lesions(TRUTH, TRUTH, least=2), "least=2"),
        (lambda: match_lesions(TRUTH, TRUTH[1:]), "one shape"),
        (lambda: match_lesions(TRUTH, TRUTH, (1, 1, 1)), "spacing must be 2 numbers"),
        (lambda: match_lesions(TRUTH, TRUTH, confidences=[]), "0 for candidates up to 1"),
        (lambda: match_lesions(TRUTH, TRUTH, confidences=[np.nan]), "finite"),
        (lambda: lesion_candidates(np.full((3, 3), np.nan)), "Received: 9 that are not"),
        (lambda: lesion_candidates(np.ones((3, 3)), share=0), "Received: share=0"),
        (lambda: lesion_candidates(np.ones((3, 3)), lowest=0), "lowest=0"),
        (lambda: froc_curve([]), "Received: 0 matches"),
        (lambda: froc_sensitivity([]), "Received: 0 matches"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
