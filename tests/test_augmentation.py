"""Augmentation moves image and mask together, by the amounts that it says."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.interpolate import BSpline

from kerasbio.datasets.augmentation import PROBABILITIES, Augmentation, chain, without_mask
from kerasbio.datasets.deformation import _spline, coarsen, deform, smooth_field

OFF = {
    "rotation": 0, "scale": 0, "elastic": 0, "gamma": 0, "contrast": 0, "brightness": 0,
    "low_resolution": 0, "noise": 0,
}  # fmt: skip
SHAPES = pytest.mark.parametrize("shape", [(40, 56), (20, 28, 36)])


def only(**settings):
    return Augmentation(**{**OFF, "probability": 1.0, **settings})


def blobs(shape, seed=0, channels=1):
    """Smooth random images, and a mask of three of their levels."""
    random = np.random.default_rng(seed)
    image = np.stack([smooth_field(shape, (1,) * len(shape), 10, random)[0]] * channels, axis=-1)
    return image, np.digitize(image[..., 0], (0.3, 0.9)).astype(np.uint8)


@SHAPES
def test_nothing_drawn_changes_nothing(shape):
    image, mask = blobs(shape)
    for augment in (only(), Augmentation(probability=0, flip=(0, 1), bias=0.5)):
        moved, where = augment(image, mask, np.random.default_rng(0))
        assert np.array_equal(moved, image) and np.array_equal(where, mask)


@SHAPES
def test_a_function_of_the_generator_that_leaves_its_arguments_alone(shape):
    image, mask = blobs(shape, channels=2)
    before = image.copy(), mask.copy()
    augment = Augmentation(flip=(0, 1), bias=0.3, probability=1)
    one, again, other = (augment(image, mask, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(image, before[0]) and np.array_equal(mask, before[1])
    assert np.array_equal(one[0], again[0]) and np.array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0]) and not np.array_equal(one[1], other[1])
    assert one[0].shape == image.shape and one[0].dtype == np.float32
    assert one[1].shape == mask.shape and one[1].dtype == np.uint8
    assert np.isfinite(one[0]).all()


@SHAPES
@pytest.mark.parametrize("settings", [{"rotation": 40}, {"scale": 0.4}, {"elastic": 4}])
def test_image_and_mask_move_together(shape, settings):
    image, mask = blobs(shape)
    augment = only(flip=(1,), **settings)
    for seed in range(5):
        moved, where = augment(image, mask, np.random.default_rng(seed))
        agreement = np.mean(np.digitize(moved[..., 0], (0.3, 0.9)) == where)
        assert agreement > 0.95 and np.mean(where != mask) > 0.02


def test_the_numbers_of_a_mask_stay():
    image = np.zeros((48, 48, 1), np.float32)
    mask = np.zeros((48, 48), np.int16)
    mask[10:20, 10:30], mask[28:40, 15:30] = 3, 2000
    for seed in range(20):
        _, where = Augmentation(probability=1)(image, mask, np.random.default_rng(seed))
        assert set(np.unique(where)) == {0, 3, 2000} and where.dtype == np.int16


def still(image, mask=None, **settings):
    rank = image.ndim - 1
    given = {"angles": (0,) * (1 if rank == 2 else 3), "scale": 1, "spacing": (1,) * rank}
    return deform(image, mask, **{**given, **settings})


def test_a_quarter_turn_is_known():
    image, mask = blobs((21, 21))
    moved, where = still(image, mask, angles=(90,))
    np.testing.assert_allclose(moved, np.rot90(image), atol=1e-5)
    assert np.array_equal(where, np.rot90(mask))
    image, mask = blobs((15, 15, 15))
    for axis, plane in enumerate([(1, 2), (0, 2), (0, 1)]):
        moved, where = still(image, mask, angles=90 * np.eye(3)[axis])
        np.testing.assert_allclose(moved, np.rot90(image, axes=plane), atol=1e-5)
        assert np.array_equal(where, np.rot90(mask, axes=plane))


def test_a_turn_is_that_of_scipy():
    image, mask = blobs((30, 44))
    moved, where = still(image, mask, angles=(20,))
    expected = ndimage.rotate(image[..., 0], 20, reshape=False, order=1, mode="mirror")
    np.testing.assert_allclose(moved[..., 0], expected, atol=1e-5)
    expected = ndimage.rotate(mask, 20, reshape=False, order=0, mode="mirror")
    assert np.array_equal(where, expected)


def test_a_turn_is_rigid_in_millimetres():
    # A rod of 24 x 54 x 24 mm along the columns, in slices of 4 mm and pixels of 1.5 mm: short
    # enough that its mirror image beyond the border stays out of sight.
    spacing = np.array((4.0, 1.5, 1.5))
    places = np.stack(np.indices((24, 64, 64)), axis=-1)
    places = (places - (np.array((24, 64, 64)) - 1) / 2) * spacing
    mask = np.all(np.abs(places) < (12, 27, 12), axis=-1).astype(np.uint8)

    def shape_of(mask):
        inside = places[mask > 0]
        lengths, axes = np.linalg.eigh(np.cov(inside.T))
        return len(inside), np.sqrt(12 * lengths[-1]), axes[:, -1]

    image = mask[..., None].astype(np.float32)
    volume, length, _ = shape_of(mask)
    for angle in (20, 45, 70):
        _, where = deform(image, mask, angles=(0, 0, angle), scale=1, spacing=spacing)
        turned = shape_of(where)
        assert turned[0] == pytest.approx(volume, rel=0.04)
        assert turned[1] == pytest.approx(length, rel=0.03)
        tilt = np.degrees(np.arctan2(abs(turned[2][0]), abs(turned[2][1])))
        assert tilt == pytest.approx(angle, abs=1.5)


def test_scale_magnifies():
    places = np.stack(np.indices((60, 80)), axis=-1) - (29.5, 39.5)
    mask = (np.hypot(*np.moveaxis(places, -1, 0)) < 15).astype(np.uint8)
    _, where = still(mask[..., None].astype(np.float32), mask, scale=1.5)
    assert where.sum() / mask.sum() == pytest.approx(1.5**2, rel=0.02)


def test_a_displacement_says_where_to_sample_in_millimetres():
    image, mask = blobs((20, 30))
    displacement = np.zeros((2, 20, 30), np.float32)
    displacement[1] = 6.0
    moved, where = still(image, mask, spacing=(1, 2), displacement=displacement)
    np.testing.assert_allclose(moved[:, :27], image[:, 3:], atol=1e-6)
    assert np.array_equal(where[:, :27], mask[:, 3:])


def test_a_single_slice_is_moved_too():
    image, mask = blobs((1, 32, 32))
    moved, _ = Augmentation(probability=1)(image, mask, np.random.default_rng(0))
    assert moved.shape == image.shape and np.isfinite(moved).all()


def test_splines_are_cubic():
    first, weights = _spline(23, 0.37)
    weights = np.stack(
        [np.bincount(f + np.arange(4), w, 13) for f, w in zip(first, weights, strict=True)]
    )
    knots = BSpline.basis_element(np.arange(-2, 3), extrapolate=False)
    controls = np.arange(weights.shape[1]) - 1
    expected = np.nan_to_num(knots(np.arange(23)[:, None] * 0.37 - controls))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, atol=1e-6)


def test_smooth_fields_have_unit_variance_everywhere():
    fields = smooth_field((12, 20), (2, 1), 8, np.random.default_rng(0), count=20_000)
    assert fields.shape == (20_000, 12, 20)
    assert np.abs(fields.mean(axis=0)).max() < 0.04
    np.testing.assert_allclose(fields.std(axis=0), 1, atol=0.03)
    # Smooth in mm: neighbours are as alike at 2 mm along one axis as along the other.
    rows = np.mean(fields[:, :-1] * fields[:, 1:])
    columns = np.mean(fields[:, :, :-2] * fields[:, :, 2:])
    assert rows == pytest.approx(columns, abs=0.01) and 0.9 < rows < 0.99


def test_the_largest_movement_does_not_fold():
    for seed in range(20):
        random = np.random.default_rng(seed)
        field = 4 * smooth_field((48, 48, 48), (1, 1, 1), 25, random, count=3)
        slopes = np.stack([np.stack(np.gradient(f)) for f in field])
        jacobian = np.moveaxis(slopes, (0, 1), (-2, -1)) + np.eye(3)
        assert np.linalg.det(jacobian).min() > 0


def test_coarse_voxels_average():
    image = np.random.default_rng(0).random((6, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(coarsen(image, (1, 1), 1), image, rtol=1e-6)
    pairs = image.reshape(3, 2, 4, 2).mean(axis=(1, 3))
    rows, columns = ((np.arange(n) + 0.5) / 2 - 0.5 for n in (6, 8))
    places = np.meshgrid(rows, columns, indexing="ij")
    expected = ndimage.map_coordinates(pairs, places, order=1, mode="nearest")
    np.testing.assert_allclose(coarsen(image, (1, 1), 2)[..., 0], expected, rtol=1e-5)
    # Thick slices are not seen less well than they are.
    thick = coarsen(image, (3, 1), 2)
    rows = ndimage.map_coordinates(
        image[..., 0].reshape(6, 4, 2).mean(axis=2),
        np.meshgrid(np.arange(6), columns, indexing="ij"), order=1, mode="nearest",
    )  # fmt: skip
    np.testing.assert_allclose(thick[..., 0], rows, rtol=1e-5)
    np.testing.assert_allclose(coarsen(np.full((7, 9, 2), 5.0), (1, 1), 1.7), 5, rtol=1e-6)


def ramp(channels=1):
    values = np.linspace(0, 1, 2500, dtype=np.float32).reshape(50, 50, 1)
    return np.repeat(200 * values - 100, channels, axis=-1)


def drawn(count=300, window=(-100, 100), image=None, **settings):
    image = ramp(2) if image is None else image
    augment = only(window=window, **settings)
    return image, [augment(image, None, np.random.default_rng(s))[0] for s in range(count)]


def test_contrast_and_brightness_are_within_their_range():
    image, changed = drawn(contrast=0.25, brightness=0.1)
    fits = np.array([
        np.polyfit(image[..., c].ravel(), x[..., c].ravel(), 1) for x in changed for c in (0, 1)
    ])  # fmt: skip
    slopes, shifts = fits.T
    assert 0.75 <= slopes.min() < 0.77 and 1.23 < slopes.max() <= 1.25
    assert -20 <= shifts.min() < -19 and 19 < shifts.max() <= 20
    # Channels are changed each by itself.
    assert abs(np.corrcoef(slopes[::2], slopes[1::2])[0, 1]) < 0.2


def test_gamma_acts_within_the_window():
    image, changed = drawn(window=(-50, 50), gamma=0.5)
    outside = (image < -50) | (image > 50)
    level = np.argmin(np.abs(image[..., 0].ravel()))
    exponents = []
    for x in changed:
        np.testing.assert_allclose(x[outside], image[outside], atol=1e-4)
        assert np.all(np.diff(x[..., 0].ravel()) > 0)
        share = (image[..., 0].ravel()[level] + 50) / 100
        exponents.append(np.log((x[..., 0].ravel()[level] + 50) / 100) / np.log(share))
    assert 1 / 1.5 <= min(exponents) < 0.69 and 1.47 < max(exponents) <= 1.5
    assert np.median(exponents) == pytest.approx(1, abs=0.06)


def test_noise_is_normal_and_within_its_range():
    image, changed = drawn(noise=0.05)
    noise = np.stack([x - image for x in changed])
    deviations = noise.std(axis=(1, 2, 3))
    assert deviations.max() == pytest.approx(0.05 * 200, rel=0.04) and deviations.min() < 0.3
    assert deviations.mean() == pytest.approx(0.025 * 200, rel=0.1)
    standard = noise / deviations[:, None, None, None]
    assert np.mean(standard) == pytest.approx(0, abs=0.003)
    assert np.mean(standard**4) == pytest.approx(3, abs=0.03)
    assert np.mean(standard[:, 1:] * standard[:, :-1]) == pytest.approx(0, abs=0.003)


def test_bias_multiplies_what_is_above_the_lower_end():
    image, changed = drawn(bias=0.3, count=4000, image=np.full((12, 12, 2), 60, np.float32))
    logarithms = np.log(np.stack(changed) + 100) - np.log(160)
    np.testing.assert_allclose(logarithms[..., 0], logarithms[..., 1], atol=1e-5)
    # A standard deviation uniform within 0 and 0.3, and a normal field.
    assert np.mean(logarithms**2) == pytest.approx(0.3**2 / 3, rel=0.1)
    assert np.abs(np.diff(logarithms, axis=1)).max() < 0.1


def test_low_resolution_loses_detail_and_keeps_the_mean():
    image = np.random.default_rng(0).normal(0, 1, (60, 60, 1)).astype(np.float32)
    _, changed = drawn(window=(-1, 1), low_resolution=1.0, count=60, image=image)
    kept = np.array([x.std() for x in changed])
    # Linear interpolation between means of 2 x 2 leaves (10/16)^2 of their variance 1/4.
    assert kept.min() == pytest.approx(10 / 16 / 2, abs=0.04) and kept.max() > 0.8
    assert max(abs(x.mean() - image.mean()) for x in changed) < 0.01


def test_the_window_is_that_of_the_image_where_none_is_given():
    image = ramp()
    image[0, 0] = 1e6
    changed = only(brightness=0.1)(image, None, np.random.default_rng(0))[0]
    draw = np.random.default_rng(0)
    draw.random()
    shift = (changed - image)[1:].mean() / (0.1 * draw.uniform(-1, 1))
    low, high = np.percentile(image, (0.5, 99.5))
    assert shift == pytest.approx(high - low, rel=1e-3)


def test_flat_images():
    flat = np.full((30, 30, 1), 7, np.float32)
    sparse = np.zeros((100, 100, 1), np.float32)
    sparse[50, 50] = 9
    augment = only(gamma=0.5, brightness=0.1, noise=0.1, bias=0.1)
    assert np.array_equal(augment(flat, None, np.random.default_rng(0))[0], flat)
    changed = augment(sparse, None, np.random.default_rng(0))[0]
    assert 0.01 < changed.std() < 1 and changed[50, 50, 0] > 5


def test_flips_are_drawn_by_axis():
    image, mask = blobs((8, 6, 5), channels=2)
    augment = only(flip=(0, 2), probability=0.5)
    counts = {axes: 0 for axes in [(), (0,), (2,), (0, 2)]}
    for seed in range(200):
        moved, where = augment(image, mask, np.random.default_rng(seed))
        (axes,) = (a for a in counts if np.array_equal(moved, np.flip(image, a)))
        assert np.array_equal(where, np.flip(mask, axes))
        counts[axes] += 1
    assert min(counts.values()) > 30
    assert Augmentation().flip == ()


def test_how_often():
    image, mask = blobs((16, 16))

    def share(**settings):
        augment = Augmentation(**{**OFF, **settings})
        randoms = map(np.random.default_rng, range(1000))
        return np.mean([not np.array_equal(augment(image, mask, r)[0], image) for r in randoms])

    assert share(brightness=0.1) == pytest.approx(PROBABILITIES["brightness"], abs=0.04)
    assert share(noise=0.1, probability={"noise": 0.6}) == pytest.approx(0.6, abs=0.05)
    assert share(rotation=5, noise=0.1, probability=0.5) == pytest.approx(0.75, abs=0.05)


def test_rotation_by_axis_stays_within_thick_slices():
    image, mask = blobs((6, 24, 24))
    image[2], mask[2] = 5, 9
    augment = only(rotation=(90, 0, 0), spacing=(5, 1, 1))
    moved, where = augment(image, mask, np.random.default_rng(0))
    assert np.all(where[2] == 9) and not np.any(np.delete(where, 2, 0) == 9)
    assert not np.allclose(moved[0], image[0])


def test_things_done_in_order():
    def twice(image, mask, random):
        return 2 * image, mask

    def more(image, mask, random):
        return image + random.integers(1, 2), None if mask is None else mask + 1

    image, mask = np.ones((2, 2, 1), np.float32), np.zeros((2, 2), np.uint8)
    result = chain(twice, more)(image, mask, np.random.default_rng(0))
    assert np.all(result[0] == 3) and np.all(result[1] == 1)
    assert np.all(without_mask(chain(more, twice))(image, np.random.default_rng(0)) == 4)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"noise": -0.1}, r"noise must be at least 0. Received: noise=-0.1"),
        ({"gamma": float("nan")}, "Received: gamma=nan"),
        ({"rotation": (1, 2)}, r"one for each of three axes. Received: rotation=\(1, 2\)"),
        ({"rotation": -1}, "Received: rotation=-1"),
        ({"elastic": 6}, "at most 5 mm, or tissue would fold. Received: elastic=6"),
        ({"window": (5, 5)}, r"must be \(low, high\). Received: window=\(5, 5\)"),
        ({"spacing": (1, 0)}, r"above 0. Received: spacing=\(1, 0\)"),
        ({"probability": 1.5}, "Received: probability=1.5"),
        ({"probability": {"blur": 1}}, "among flip, rotation.*Received: probability={'blur': 1}"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**settings)


@pytest.mark.parametrize(
    "settings, shape, message",
    [
        ({}, (8, 1), r"must be \(height, width, channels\).*Received: image.shape=\(8, 1\)"),
        ({"flip": (2,)}, (8, 8, 1), r"2 axes in space. Received: flip=\(2,\)"),
        ({"spacing": (1, 1, 1)}, (8, 8, 1), r"Received: flip=\(\), spacing=\(1, 1, 1\)"),
        ({"rotation": (5, 0, 0)}, (8, 8, 1), r"one rotation. Received: rotation=\(5, 0, 0\)"),
    ],
)
def test_settings_that_do_not_fit_the_image(settings, shape, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**settings)(np.zeros(shape, np.float32), None, np.random.default_rng(0))


def test_a_mask_of_another_shape():
    with pytest.raises(ValueError, match=r"Received: mask.shape=\(8, 9\), image.shape=\(8, 8, 1\)"):
        Augmentation()(np.zeros((8, 8, 1)), np.zeros((8, 9), int), np.random.default_rng(0))
