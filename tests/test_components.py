"""Cleaning by connected components beside flood fills in plain Python."""

import itertools

import numpy as np
import pytest

from kerasbio.inference import fill_holes, keep_largest_component, remove_small_components


def neighbours(rank, connectivity):
    steps = itertools.product((-1, 0, 1), repeat=rank)
    return [step for step in steps if 0 < np.count_nonzero(step) <= connectivity]


def flood(inside, connectivity):
    """Return the sets of places that hang together, in the order of their first place."""
    found, seen = [], set()
    for start in zip(*np.nonzero(inside), strict=True):
        if start in seen:
            continue
        component, waiting = {start}, [start]
        while waiting:
            place = waiting.pop()
            for step in neighbours(inside.ndim, connectivity):
                there = tuple(a + b for a, b in zip(place, step, strict=True))
                legal = all(0 <= a < n for a, n in zip(there, inside.shape, strict=True))
                if legal and inside[there] and there not in component:
                    component.add(there)
                    waiting.append(there)
        found.append(component)
        seen |= component
    return found


def labels(shape, seed=0):
    return np.random.default_rng(seed).choice(4, shape, p=[0.4, 0.35, 0.2, 0.05]).astype(np.uint8)


SHAPES = pytest.mark.parametrize("shape", [(14, 17), (6, 7, 8)])


@SHAPES
@pytest.mark.parametrize("connectivity", [1, 2, None])
@pytest.mark.parametrize("classes", [None, (1, 3)])
def test_the_largest_component_is_that_of_a_flood_fill(shape, connectivity, classes):
    given = labels(shape)
    expected = np.zeros_like(given)
    for number in (1, 2, 3):
        found = flood(given == number, connectivity or len(shape))
        if classes and number not in classes:
            kept = [place for component in found for place in component]
        else:
            kept = max(found, key=len)
        for place in kept:
            expected[place] = number
    before = given.copy()
    cleaned = keep_largest_component(given, classes, connectivity=connectivity)
    np.testing.assert_array_equal(cleaned, expected)
    np.testing.assert_array_equal(given, before)
    assert cleaned.dtype == given.dtype


@SHAPES
@pytest.mark.parametrize("connectivity", [1, None])
def test_small_components_are_those_of_a_flood_fill(shape, connectivity):
    given = labels(shape)
    spacing = (2.5, 0.7, 0.9)[: len(shape)]
    one = np.prod(spacing)
    for minimum in (0, one, 2 * one, 3.5 * one, 1e6):
        expected = given.copy()
        for number in (1, 2, 3):
            for component in flood(given == number, connectivity or len(shape)):
                if len(component) < minimum / one - 1e-6:
                    for place in component:
                        expected[place] = 0
        cleaned = remove_small_components(given, spacing, minimum, connectivity=connectivity)
        np.testing.assert_array_equal(cleaned, expected)


def test_a_volume_in_millilitres():
    mask = np.zeros((10, 40, 40), bool)
    mask[2:6, 3:13, 3:13] = True
    mask[8, 20:30, 20:30] = True
    # 400 voxels of 5 x 0.5 x 1 mm are 1 ml, 100 are 0.25 ml.
    cleaned = remove_small_components(mask, (5, 0.5, 1), 1000)
    assert cleaned.dtype == bool and cleaned.sum() == 400 and not cleaned[8].any()
    assert not remove_small_components(mask, (5, 0.5, 1), 1001).any()
    assert remove_small_components(mask, (5, 0.5, 1), 250).sum() == 500


def test_holes_go_to_the_innermost_class_that_encloses_them():
    given = np.zeros((15, 15), np.int32)
    given[1:14, 1:14] = 2
    given[3:8, 3:8] = 3
    given[4:7, 4:7] = 0
    given[5, 5] = 1
    given[10, 10:12] = 0
    expected = given.copy()
    expected[4:7, 4:7] = 3
    expected[5, 5] = 1
    expected[10, 10:12] = 2
    np.testing.assert_array_equal(fill_holes(given), expected)
    only_outer = given.copy()
    only_outer[(given == 0) & (expected > 0)] = 2
    np.testing.assert_array_equal(fill_holes(given, [2]), only_outer)
    given[0:2, 10] = given[2:10, 10] = 0
    expected[0:10, 10] = 0
    expected[10, 10:12] = 0
    np.testing.assert_array_equal(fill_holes(given), expected)


def test_what_two_classes_enclose_together_is_no_hole():
    given = np.ones((7, 7), int)
    given[:, 4:] = 2
    given[3, 3:5] = 0
    np.testing.assert_array_equal(fill_holes(given), given)


@SHAPES
def test_holes_are_those_of_a_flood_fill_from_the_border(shape):
    given = (labels(shape, seed=5) > 0).astype(int)
    outside = np.pad(given == 0, 1, constant_values=True)
    reached = next(c for c in flood(outside, 1) if (0,) * len(shape) in c)
    expected = np.ones_like(outside, int)
    expected[tuple(np.array(sorted(reached)).T)] = 0
    inner = expected[(slice(1, -1),) * len(shape)]
    assert inner.sum() > given.sum()
    np.testing.assert_array_equal(fill_holes(given), inner)


def test_nothing_to_clean():
    empty = np.zeros((5, 6), np.uint8)
    for cleaned in (
        keep_largest_component(empty),
        remove_small_components(empty, (1, 1), 10),
        fill_holes(empty),
        keep_largest_component(empty, [7]),
        fill_holes(np.zeros((0, 6), int)).reshape(0, 6),
    ):
        assert not cleaned.any()


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: keep_largest_component(x.astype(float)), "float64 of shape"),
        (lambda x: fill_holes(x - 1), "at least 0"),
        (lambda x: keep_largest_component(x[0]), r"shape \(6,\)"),
        (lambda x: keep_largest_component(x[None, None]), r"shape \(1, 1, 5, 6\)"),
        (lambda x: keep_largest_component(x, [0]), r"classes=\(0,\)"),
        (lambda x: keep_largest_component(x, connectivity=3), "from 1 to 2.*connectivity=3"),
        (lambda x: keep_largest_component(x, connectivity=0), "connectivity=0"),
        (lambda x: remove_small_components(x, (1, 1, 1), 2), "2 lengths in mm"),
        (lambda x: remove_small_components(x, (1, 0), 2), "spacing"),
        (lambda x: remove_small_components(x, (1, np.nan), 2), "spacing"),
        (lambda x: remove_small_components(x, (1, 1), -2), "minimum=-2"),
        (lambda x: remove_small_components(x, (1, 1), np.inf), "minimum=inf"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros((5, 6), int))
