"""Patches: as many about the foreground as asked, the others anywhere."""

import numpy as np
import pytest

from kerasbio.datasets.patches import PatchSampler, _foreground_voxel
from kerasbio.errors import KerasbioError


def numbered(shape):
    """An image whose voxels hold their index, so that a patch tells where it lies."""
    return np.arange(np.prod(shape), dtype=np.float32).reshape(*shape, 1)


def starts(sampler, mask, count, shape):
    image = numbered(shape)
    for seed in range(count):
        patch, _ = sampler(image, mask, np.random.default_rng(seed))
        assert patch.shape == (*sampler.shape, 1)
        yield np.unravel_index(int(patch.flat[0]), shape)


@pytest.mark.parametrize("shape, patch", [((9, 7), (4, 7)), ((6, 5, 8), (3, 4, 8))])
def test_a_patch_is_a_part_of_image_and_mask(shape, patch):
    image = numbered(shape)
    mask = (np.arange(np.prod(shape)).reshape(shape) % 5).astype(np.uint8)
    for seed in range(20):
        part, where = PatchSampler(patch, 0.5)(image, mask, np.random.default_rng(seed))
        start = np.unravel_index(int(part.flat[0]), shape)
        window = tuple(slice(a, a + n) for a, n in zip(start, patch, strict=True))
        assert np.array_equal(part, image[window]) and np.array_equal(where, mask[window])
        again = PatchSampler(patch, 0.5)(image, mask, np.random.default_rng(seed))
        assert np.array_equal(part, again[0]) and where.dtype == np.uint8


def test_every_place_alike_without_foreground():
    sampler = PatchSampler((5, 6), foreground=0.5)
    for mask in (np.zeros((8, 8), np.uint8), None):
        places = [a * 3 + b for a, b in starts(sampler, mask, 3600, (8, 8))]
        counts = np.bincount(places, minlength=12)
        # 4 x 3 places, 300 patches each: chi-squared of 11 degrees, 99.9th percentile 31.3.
        assert len(counts) == 12 and np.sum((counts - 300) ** 2 / 300) < 31.3


def test_a_third_lies_about_the_foreground():
    mask = np.zeros((60, 60), np.uint8)
    mask[41, 30] = 1
    places = list(starts(PatchSampler((5, 5)), mask, 1500, (60, 60)))
    centred = np.mean([place == (39, 28) for place in places])
    # One voxel in the middle of the patch; by chance alone in 1 of 56 x 56.
    assert centred == pytest.approx(1 / 3, abs=0.04)
    assert np.ptp(places, axis=0).tolist() == [55, 55]


def test_the_foreground_is_in_the_patch_at_the_border_too():
    mask = np.zeros((10, 12, 14), np.uint8)
    mask[0, 11, 13] = 2
    sampler = PatchSampler((4, 4, 4), foreground=1)
    part, where = sampler(numbered(mask.shape), mask, np.random.default_rng(0))
    assert where[0, 3, 3] == 2 and part[0, 3, 3, 0] == np.ravel_multi_index((0, 11, 13), mask.shape)


def test_classes_are_alike_and_voxels_of_a_class_too():
    # Class 1 has 500 voxels, class 4 has 4: each is drawn half of the time.
    mask = np.zeros((12, 10, 10), np.uint8)
    mask[1:6] = 1
    mask[8, 2, 3] = mask[8, 9, 9] = mask[10, 0, 0] = mask[10, 0, 5] = 4
    voxels = [_foreground_voxel(mask, np.random.default_rng(s)) for s in range(2000)]
    classes = np.array([mask[tuple(v)] for v in voxels])
    assert np.mean(classes == 4) == pytest.approx(0.5, abs=0.04) and set(classes) == {1, 4}
    rare = [tuple(v.tolist()) for v in voxels if mask[tuple(v)] == 4]
    shares = [rare.count(place) / len(rare) for place in set(rare)]
    assert len(shares) == 4 and np.allclose(shares, 0.25, atol=0.06)
    common = [v[0] for v in voxels if mask[tuple(v)] == 1]
    assert np.allclose(np.bincount(common)[1:] / len(common), 0.2, atol=0.06)
    assert _foreground_voxel(np.zeros((3, 4), np.uint8), np.random.default_rng(0)) is None


def test_padding_where_a_patch_is_larger():
    image, mask = numbered((4, 9)), np.ones((4, 9), np.uint8)
    part, where = PatchSampler((7, 5), padding=-1000)(image, mask, np.random.default_rng(0))
    assert part.shape == (7, 5, 1) and part.dtype == np.float32 and where.shape == (7, 5)
    assert np.all(part[:1] == -1000) and np.all(part[5:] == -1000) and np.all(part[1:5] >= 0)
    assert np.all(where[1:5] == 1) and where.sum() == 20
    whole, _ = PatchSampler((8, 12), padding=0)(image, None, np.random.default_rng(0))
    assert np.array_equal(whole[2:6, 1:10], image)


def test_a_patch_that_does_not_fit():
    with pytest.raises(KerasbioError, match="patch of 5 x 10 voxels does not fit into an image of"):
        PatchSampler((5, 10))(numbered((4, 9)), None, np.random.default_rng(0))


def test_a_mask_below_zero():
    mask = np.full((4, 4), -1)
    with pytest.raises(KerasbioError, match="a mask holds -1: classes are numbered from 0"):
        PatchSampler((2, 2), 1)(numbered((4, 4)), mask, np.random.default_rng(0))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (((4, 0),), r"at least 1 voxel. Received: shape=\(4, 0\)"),
        (((),), r"Received: shape=\(\)"),
        (((4, 4), 1.5), "within 0 and 1. Received: foreground=1.5"),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        PatchSampler(*arguments)


def test_an_image_of_another_rank():
    with pytest.raises(ValueError, match=r"Received: image.shape=\(4, 4, 4, 1\), mask.shape=None"):
        PatchSampler((2, 2))(numbered((4, 4, 4)), None, np.random.default_rng(0))
