"""Thresholds and a voxel classifier find what can be found by them, and no more."""

import numpy as np
import pytest
from scipy import ndimage

from kerasbio import segmentation_baselines as baselines
from kerasbio.segmentation_baselines import (
    VoxelSegmenter,
    fit_thresholds,
    fit_voxel_classifier,
    voxel_features,
)


def dice(truth, guess, k=1):
    both = (truth == k).sum() + (guess == k).sum()
    return 2 * ((truth == k) & (guess == k)).sum() / both if both else 1.0


def segment(found, image):
    return found.decide(found.predict_proba(image))


def bands(count, shape=(30, 40), noise=0.02, kind=np.uint8, seed=0):
    """Three intensities, one per class, in blobs."""
    random = np.random.default_rng(seed)
    images, masks = [], []
    for _ in range(count):
        field = ndimage.gaussian_filter(random.normal(size=shape), 3, mode="wrap")
        mask = np.digitize(field, np.quantile(field, (0.6, 0.85))).astype(kind)
        image = np.array([0.2, 0.5, 0.9])[mask] + noise * random.normal(size=shape)
        images.append(image[..., None].astype(np.float32))
        masks.append(mask)
    return images, masks


@pytest.mark.parametrize("shape", [(30, 40), (10, 16, 20)])
@pytest.mark.parametrize("fit", [fit_thresholds, fit_voxel_classifier])
def test_three_intensities_are_told_apart(fit, shape):
    images, masks = bands(12, shape)
    found = fit(images[:8], masks[:8], 3)
    for image, mask in zip(images[8:], masks[8:], strict=True):
        probabilities = found.predict_proba(image)
        assert probabilities.shape == (*shape, 3)
        np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-6)
        guess = found.decide(probabilities)
        assert guess.shape == shape and min(dice(mask, guess, k) for k in (1, 2)) > 0.97


def test_thresholds_smooth_what_is_noisy():
    images, masks = bands(12, noise=0.5)
    found = fit_thresholds(images[:8], masks[:8], 3)
    rough = baselines._histogram(images[:8], masks[:8], 3, 0.0)
    scores = [
        np.mean([dice(m, segment(f, x)) for x, m in zip(images[8:], masks[8:], strict=True)])
        for f in (found, rough)
    ]
    assert scores[0] > scores[1] + 0.1


def test_thresholds_are_the_best_of_one_intensity():
    # Classes overlap: the best decision is by the share of each class in a cell.
    random = np.random.default_rng(0)
    masks = [(random.random((40, 40)) < 0.3).astype(np.uint8) for _ in range(6)]
    images = [(m + random.normal(size=m.shape))[..., None].astype(np.float32) for m in masks]
    found = fit_thresholds(images, masks, 2)
    cuts = np.linspace(-2, 3, 101)
    best = max(
        np.mean([dice(m, x[..., 0] > cut) for x, m in zip(images, masks, strict=True)])
        for cut in cuts
    )
    ours = np.mean([dice(m, segment(found, x)) for x, m in zip(images, masks, strict=True)])
    assert ours > best - 0.02


def test_the_voxel_classifier_learns_a_place():
    random = np.random.default_rng(0)
    mask = np.zeros((30, 40), np.uint8)
    mask[8:20, 25:35] = 1
    images = [random.normal(size=(30, 40, 1)).astype(np.float32) for _ in range(10)]
    found = fit_voxel_classifier(images[:8], [mask] * 8, 2)
    assert min(dice(mask, segment(found, image)) for image in images[8:]) > 0.9
    blind = fit_thresholds(images[:8], [mask] * 8, 2)
    assert max(dice(mask, segment(blind, image)) for image in images[8:]) < 0.4


def test_the_voxel_classifier_sees_every_channel():
    images, masks = bands(8)
    noise = np.random.default_rng(1)
    both = [np.concatenate([noise.normal(size=x.shape), x], -1) for x in images]
    found = fit_voxel_classifier(both[:6], masks[:6], 3)
    assert dice(masks[7], segment(found, both[7])) > 0.9


@pytest.mark.parametrize("fit", [fit_thresholds, fit_voxel_classifier])
def test_a_class_that_no_training_case_has_is_never_said(fit):
    images, masks = bands(8)
    found = fit(images[:6], [np.where(m == 2, 3, m) for m in masks[:6]], 4)
    odd = np.linspace(-3, 3, 1200, dtype=np.float32).reshape(30, 40, 1)
    for image in (images[7], odd):
        probabilities = found.predict_proba(image)
        assert np.isfinite(probabilities).all() and probabilities[..., 2].max() < 1e-6
        for power in baselines.PRIOR_POWERS:
            made = VoxelSegmenter(found.posterior, found.priors, power)
            assert not (made.decide(probabilities) == 2).any()


@pytest.mark.parametrize("fit", [fit_thresholds, fit_voxel_classifier])
def test_one_case_and_constant_images_are_enough(fit):
    mask = np.zeros((12, 12), np.uint8)
    mask[4:8, 4:8] = 1
    guess = segment(fit([np.ones((12, 12, 1), np.float32)], [mask], 2), np.ones((12, 12, 1)))
    assert guess.shape == (12, 12)


@pytest.mark.parametrize("fit", [fit_thresholds, fit_voxel_classifier])
def test_the_same_seed_gives_the_same(fit):
    images, masks = bands(8, noise=0.3)
    first, second = (fit(images[:6], masks[:6], 3, seed=4) for _ in range(2))
    np.testing.assert_array_equal(*(f.predict_proba(images[7]) for f in (first, second)))
    assert (first.power, first.smallest) == (second.power, second.smallest)


def test_prior_and_smallest_component_are_tuned():
    """Specks of the intensity of the target, which its size tells from it."""
    random = np.random.default_rng(0)
    images, masks = [], []
    for _ in range(10):
        mask = np.zeros((40, 40), np.uint8)
        row, column = random.integers(5, 27, 2)
        mask[row : row + 8, column : column + 8] = 1
        image = mask + 0.01 * random.normal(size=mask.shape)
        for _ in range(12):
            row, column = random.integers(0, 38, 2)
            image[row : row + 2, column : column + 2] = 1
        images.append(image[..., None].astype(np.float32))
        masks.append(mask)
    found = fit_thresholds(images, masks, 2)
    assert found.smallest in (8, 32)
    every = VoxelSegmenter(found.posterior, found.priors, found.power, 0)
    assert dice(masks[0], segment(found, images[0])) > dice(masks[0], segment(every, images[0]))
    # A power of 0 decides as if all classes were equal: never fewer voxels of the rare one.
    sizes = [
        VoxelSegmenter(found.posterior, found.priors, power)
        .decide(np.tile([0.6, 0.4], (4, 4, 1)))
        .sum()
        for power in (1.0, 0.0)
    ]
    assert sizes == [0, 16]


def test_scores_of_many_classes_in_bytes():
    random = np.random.default_rng(0)
    truth = random.integers(0, 60, (50, 50)).astype(np.uint8)
    guess = np.where(random.random((50, 50)) < 0.5, truth, 0).astype(np.uint8)
    expected = np.mean([dice(truth, guess, k) for k in range(1, 60)])
    assert baselines._dice(truth, guess, 60) == pytest.approx(expected)


def test_features_are_those_of_scipy():
    random = np.random.default_rng(0)
    image = random.normal(size=(6, 7, 8, 2)).astype(np.float32)
    features = voxel_features(image)
    per_channel = 1 + 4 * len(baselines.SCALES)
    assert features.shape == (6 * 7 * 8, 2 * per_channel + 3) and features.dtype == np.float32
    second = image[..., 1]
    np.testing.assert_array_equal(features[:, per_channel], second.ravel())
    mean = ndimage.gaussian_filter(second.astype(float), 2.0)
    np.testing.assert_allclose(features[:, per_channel + 5], mean.ravel(), atol=1e-5)
    deviation = np.sqrt(
        np.maximum(ndimage.gaussian_filter(second.astype(float) ** 2, 2.0) - mean**2, 0)
    )
    np.testing.assert_allclose(features[:, per_channel + 8], deviation.ravel(), atol=1e-3)
    place = features[:, -3:].reshape(6, 7, 8, 3)
    assert place[0, 0, 0].tolist() == [0, 0, 0] and place[-1, -1, -1].tolist() == [1, 1, 1]
    assert place[1, 0, 0].tolist() == pytest.approx([0.2, 0, 0])
