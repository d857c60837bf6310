"""Surface distances against MONAI, MedPy, surface-distance, SciPy and closed forms."""

import itertools

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from kerasbio.metrics.surface import (
    CONVENTIONS,
    SurfaceDistances,
    average_surface_distance,
    hausdorff_distance,
    normalized_surface_dice,
)
from kerasbio.metrics.surface_elements import element_areas
from tests.test_overlap import ball


def blob(shape, centre, radii, phase):
    """An ellipsoid with a wavy surface."""
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    u = [(a - c) / r for a, c, r in zip(grid, centre, radii, strict=True)]
    wave = np.sin(3 * u[0] + phase) + np.cos(4 * u[-1] - phase)
    return sum(x * x for x in u) + 0.15 * wave <= 1


def blobs(name):
    """Truth, prediction and spacing."""
    if name == "plane":
        pair = [((19, 18), (12, 9), 0.0), ((21, 17), (10, 11), 1.0)]
        return *(blob((40, 37), *p) for p in pair), (1.5, 0.8)
    if name == "volume":
        pair = [((9, 15, 13), (6, 11, 9), 0.0), ((11, 14, 14), (7, 9, 8), 1.0)]
        return *(blob((20, 31, 28), *p) for p in pair), (3.0, 0.9, 1.4)
    pair = [((1, 15, 3), (6, 11, 9), 0.0), ((2, 14, 4), (7, 9, 8), 1.0)]
    return *(blob((8, 31, 28), *p) for p in pair), (5.0, 1.0, 2.0)


# MONAI 1.6.1: compute_hausdorff_distance, the same at percentile 95,
# compute_average_surface_distance(symmetric=True), compute_surface_dice at 1 mm (voxels).
# MedPy 0.5.2: hd95. surface-distance 0.1: compute_robust_hausdorff at 95,
# compute_surface_dice_at_tolerance at 1 and 2 mm, which MONAI gives too (use_subvoxels=True).
KNOWN = {
    "plane": [5.5217752, 4.7657104, 1.9840474, 0.3280, 4.5705580, 4.5705580, 0.4147196, 0.6787383],
    "volume": [12.1342487, 9.1782351, 2.7130706, 0.2371487, 7.5, 9.0, 0.3426220, 0.5337963],
    "border": [
        7.0710678,
        5.5306883,
        1.333095,
        0.6588659,
        5.0990195,
        5.3851648,
        0.6671671,
        0.8024053,
    ],
}


@pytest.mark.parametrize("name", KNOWN)
def test_distances_are_those_of_other_packages(name):
    truth, prediction, spacing = blobs(name)
    found = SurfaceDistances(truth, prediction, spacing)
    scores = [
        found.hausdorff(),
        found.hausdorff(95),
        found.average(),
        found.surface_dice(1, "voxel"),
        found.hausdorff(95, "pooled"),
        found.hausdorff(95, "surfel"),
        found.surface_dice(1),
        found.surface_dice(2),
    ]
    assert scores == pytest.approx(KNOWN[name], abs=1e-5)


@pytest.mark.parametrize(
    "centres, radii, expected",
    [
        # Of MONAI's own tests: Hausdorff distance and its 95th percentile, symmetric.
        ([(20, 20, 20), (19, 19, 19)], (20, 20), (1.7320508, 1.7320508)),
        ([(20, 33, 22), (20, 33, 22)], (20, 40), (20.2237484, 20.0997512)),
    ],
)
def test_distances_of_balls_are_known(centres, radii, expected):
    masks = [ball((99, 99, 99), c, r) for c, r in zip(centres, radii, strict=True)]
    found = SurfaceDistances(*masks)
    assert (found.hausdorff(), found.hausdorff(95)) == pytest.approx(expected, abs=1e-6)


def surface(mask):
    structure = ndimage.generate_binary_structure(mask.ndim, 1)
    return mask & ~ndimage.binary_erosion(mask, structure)


@pytest.mark.parametrize("shape", [(40,), (11, 12), (5, 6, 7), (3, 4, 3, 4)])
def test_distances_are_those_between_all_pairs_of_points(shape):
    random = np.random.default_rng(len(shape))
    spacing = random.uniform(0.5, 3, len(shape))
    for _ in range(10):
        truth, prediction = (random.random(shape) < random.uniform(0.1, 0.9) for _ in range(2))
        truth.flat[3] = prediction.flat[5] = True
        points = [np.argwhere(surface(mask)) * spacing for mask in (truth, prediction)]
        pairs = cdist(*points)
        there, back = pairs.min(axis=1), pairs.min(axis=0)
        both = np.append(there, back)
        found = SurfaceDistances(truth, prediction, spacing)
        assert found.hausdorff() == pytest.approx(both.max())
        assert found.hausdorff(80, "pooled") == pytest.approx(np.percentile(both, 80))
        assert found.average() == pytest.approx(both.mean())
        assert found.surface_dice(1, "voxel") == pytest.approx(np.mean(both <= 1))
        expected = max(np.percentile(there, 80), np.percentile(back, 80))
        assert found.hausdorff(80) == pytest.approx(expected)


def test_distances_are_those_of_a_distance_transform():
    truth, prediction, spacing = blobs("volume")
    to_truth, to_prediction = (
        ndimage.distance_transform_edt(~surface(mask), sampling=spacing)
        for mask in (truth, prediction)
    )
    both = np.append(to_truth[surface(prediction)], to_prediction[surface(truth)])
    found = SurfaceDistances(truth, prediction, spacing)
    assert found.average() == pytest.approx(both.mean(), abs=1e-12)
    assert found.hausdorff() == both.max()


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_wider_field_changes_nothing(convention):
    truth, prediction, spacing = blobs("volume")
    wider = [np.pad(mask, ((3, 9), (0, 5), (2, 0))) for mask in (truth, prediction)]
    for percentile in (50, 95, 100):
        near = hausdorff_distance(
            truth, prediction, spacing, percentile=percentile, convention=convention
        )
        far = hausdorff_distance(*wider, spacing, percentile=percentile, convention=convention)
        # Both, and the truth for the prediction.
        swapped = hausdorff_distance(
            prediction, truth, spacing, percentile=percentile, convention=convention
        )
        assert near == far == pytest.approx(swapped)


def test_a_shift_is_as_long_as_its_voxels():
    mask = ball((20, 20, 20), (8, 8, 8), 5)
    shifted = np.roll(mask, 2, axis=0)
    assert hausdorff_distance(mask, shifted, (2.5, 1, 1)) == 5
    assert hausdorff_distance(mask, shifted, (2.5, 1, 1), convention="surfel") == 5
    assert average_surface_distance(mask, mask) == 0
    assert normalized_surface_dice(mask, mask, tolerance=0) == 1
    assert normalized_surface_dice(mask, shifted, (2.5, 1, 1), tolerance=5) == 1
    assert normalized_surface_dice(mask, shifted, (2.5, 1, 1), tolerance=4.9) < 1


def codes(mask):
    """The codes of all cells, by a loop."""
    padded = np.pad(mask, 1).astype(int)
    corners = list(itertools.product((0, 1), repeat=mask.ndim))
    return [
        sum(padded[tuple(np.add(cell, c))] << k for k, c in enumerate(corners))
        for cell in np.ndindex(tuple(n + 1 for n in mask.shape))
    ]


def test_the_surface_of_a_box_is_flat_with_its_edges_cut_off():
    sides, spacing = np.array((4, 3, 5)), np.array((2.0, 0.5, 1.5))
    a, b, c = (sides - 1) * spacing
    # Each edge is a strip across half a voxel, each corner a triangle through three middles.
    across = [np.hypot(*(np.delete(spacing, axis) / 2)) for axis in range(3)]
    edges = 4 * (a * across[0] + b * across[1] + c * across[2])
    p, q, r = spacing / 2
    corner = np.sqrt((p * q) ** 2 + (q * r) ** 2 + (p * r) ** 2) / 2
    expected = 2 * (a * b + b * c + a * c) + edges + 8 * corner
    areas = element_areas(tuple(spacing))
    assert areas[codes(np.ones(sides, bool))].sum() == pytest.approx(expected)
    lengths = element_areas((2.0, 0.5))
    expected = 2 * (3 * 2.0 + 2 * 0.5) + 4 * np.hypot(1, 0.25)
    assert lengths[codes(np.ones((4, 3), bool))].sum() == pytest.approx(expected)


@pytest.mark.parametrize(
    "spacing, total, squares",
    [
        # Sums over the tables of surface-distance 0.1, and of their squares.
        ((1.0, 1.0, 1.0), 241.34313970553745, 267.0523395971635),
        ((1.0, 2.0, 3.5), 1092.9946322840478, 5643.866101723253),
        ((1.0, 1.0), 12.485281374238571, 12.0),
        ((2.0, 0.7), 18.113772060250255, 26.94),
    ],
)
def test_areas_are_those_of_another_package(spacing, total, squares):
    areas = element_areas(spacing)
    assert areas.sum() == pytest.approx(total) and (areas**2).sum() == pytest.approx(squares)
    np.testing.assert_allclose(areas, areas[::-1])
    assert areas[0] == 0 and (areas[1:-1] > 0).all()


def test_areas_follow_the_axes():
    areas, turned = element_areas((1.0, 2.0, 3.5)), element_areas((3.5, 1.0, 2.0))
    for code in range(256):
        corners = np.array([code >> k & 1 for k in range(8)]).reshape(2, 2, 2)
        other = int(corners.transpose(2, 0, 1).ravel() @ 2 ** np.arange(8))
        assert turned[other] == pytest.approx(areas[code])


SCORES = {
    **{
        c: lambda t, p, c=c: -hausdorff_distance(t, p, (2, 1, 1), convention=c) for c in CONVENTIONS
    },
    "hd95": lambda t, p: -hausdorff_distance(t, p, (2, 1, 1), percentile=95),
    "average": lambda t, p: -average_surface_distance(t, p, (2, 1, 1)),
    "nsd": lambda t, p: normalized_surface_dice(t, p, (2, 1, 1), tolerance=1),
    "nsd of voxels": lambda t, p: normalized_surface_dice(
        t, p, (2, 1, 1), tolerance=1, convention="voxel"
    ),
}


@pytest.mark.parametrize("name", SCORES)
def test_an_empty_prediction_never_scores_better(name):
    random, score = np.random.default_rng(0), SCORES[name]
    empty = np.zeros((4, 5, 6), bool)
    worst = 0.0 if name.startswith("nsd") else -float(np.linalg.norm((8, 5, 6)))
    assert score(empty, empty) == (1.0 if name.startswith("nsd") else 0.0)
    for _ in range(20):
        truth, prediction = (random.random(empty.shape) < random.random() ** 3 for _ in range(2))
        truth[0, 0, 0] = True
        assert score(truth, empty) == score(empty, truth) == pytest.approx(worst)
        assert score(truth, prediction) >= score(truth, empty) - 1e-12
    corner = np.zeros_like(empty)
    corner[-1, -1, -1] = True
    assert score(np.flip(corner), corner) >= worst


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m: hausdorff_distance(m, m[1:]), "one shape"),
        (lambda m: hausdorff_distance(m, m, (1.0,)), "spacing must be 2 numbers"),
        (lambda m: hausdorff_distance(m, m, percentile=0), "Received: percentile=0"),
        (lambda m: hausdorff_distance(m, m, convention="monai"), "Received: convention='monai'"),
        (lambda m: hausdorff_distance(m[0], m[0], convention="surfel"), "two and three axes"),
        (lambda m: normalized_surface_dice(m, m, tolerance=-1), "Received: tolerance=-1"),
        (lambda m: normalized_surface_dice(m, m, tolerance=1, convention="x"), "surfel or voxel"),
        (lambda m: average_surface_distance(m * 1.0, m), "truth must be integers"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.ones((3, 4), int))
