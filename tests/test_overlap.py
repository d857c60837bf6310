"""Overlap and volume against loops, closed forms and hand-made cases."""

import numpy as np
import pytest

from kerasbio.metrics.overlap import (
    dice_coefficient,
    intersection_over_union,
    relative_volume_error,
    volume,
    volume_error,
)

EMPTY, SOME = np.zeros((3, 4), np.uint8), np.eye(3, 4, dtype=np.uint8)


def ball(shape, centre, radius, spacing=1.0):
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return sum((spacing * a - c) ** 2 for a, c in zip(grid, centre, strict=True)) <= radius**2


@pytest.mark.parametrize("shape", [(7,), (4, 5), (3, 4, 5), (2, 3, 2, 3)])
def test_overlap_is_that_of_a_loop(shape):
    random = np.random.default_rng(0)
    truth, prediction = (random.integers(0, 2, shape) for _ in range(2))
    common = either = total = 0
    for a, b in zip(truth.ravel(), prediction.ravel(), strict=True):
        common, either, total = common + (a and b), either + (a or b), total + a + b
    assert dice_coefficient(truth, prediction) == pytest.approx(2 * common / total)
    assert intersection_over_union(truth, prediction) == pytest.approx(common / either)
    # Labels other than 1 are inside too.
    assert dice_coefficient(3 * truth, prediction.astype(bool)) == pytest.approx(2 * common / total)


def test_dice_of_two_balls_is_that_of_the_lens_between_them():
    # Volume of the lens: pi (4 R + d) (2 R - d)^2 / 12, of a ball: 4 pi R^3 / 3.
    radius, distance, step = 20.0, 9.0, 0.5
    masks = [ball((120, 82, 82), (x, 20.2, 20.2), radius, step) for x in (25.1, 25.1 + distance)]
    lens = np.pi * (4 * radius + distance) * (2 * radius - distance) ** 2 / 12
    assert dice_coefficient(*masks) == pytest.approx(lens / (4 / 3 * np.pi * radius**3), abs=1e-3)


def test_volumes_are_in_millilitres():
    mask = ball((60, 60, 60), (30, 30, 30), 25)
    assert volume(mask) == pytest.approx(4 / 3 * np.pi * 2.5**3, rel=0.005)
    assert volume(SOME, (2.0, 0.5)) == pytest.approx(3 * 1.0 / 1000)
    twice = np.ones((3, 4), bool)
    assert volume_error(SOME, twice, (10, 10)) == pytest.approx(0.9)
    assert volume_error(twice, SOME, (10, 10)) == pytest.approx(-0.9)
    assert relative_volume_error(SOME, twice) == pytest.approx(9 / 7.5)


@pytest.mark.parametrize(
    "truth, prediction, dice, error",
    [(EMPTY, EMPTY, 1, 0), (EMPTY, SOME, 0, 2), (SOME, EMPTY, 0, -2), (SOME, SOME, 1, 0)],
)
def test_empty_masks_are_scored_and_never_left_out(truth, prediction, dice, error):
    assert dice_coefficient(truth, prediction) == dice
    assert intersection_over_union(truth, prediction) == dice
    assert relative_volume_error(truth, prediction) == error


def test_no_volume_is_further_off_than_one_that_is_missed():
    random = np.random.default_rng(0)
    for _ in range(50):
        truth, prediction = (random.random((5, 6)) < random.random() for _ in range(2))
        truth[0, 0] = True
        error = abs(relative_volume_error(truth, prediction))
        assert error <= abs(relative_volume_error(truth, np.zeros((5, 6), bool)))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: dice_coefficient(SOME, SOME.T), r"one shape.*Received: shapes \(3, 4\)"),
        (lambda: dice_coefficient(SOME, 0.5 * SOME), "prediction must be integers.*float64"),
        (lambda: intersection_over_union(1, 1), "one shape"),
        (lambda: volume(SOME, (1.0,)), r"spacing must be 2 numbers.*Received: spacing=\(1.0,\)"),
        (lambda: volume(SOME, (1.0, 0.0)), "above 0"),
        (lambda: volume_error(SOME, SOME, (1.0, np.nan)), "above 0"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
