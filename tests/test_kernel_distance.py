"""The distance between sets of images, against its definition, and the space it is taken in."""

import numpy as np
import pytest

from kerasbio.baselines import PixelGaussian
from kerasbio.image_features import FEATURE_GROUPS, FeatureSpace, image_features
from kerasbio.metrics.kernel_distance import KernelDistance
from kerasbio.report.synthesis import compare_sets


def naive(first, second):
    """Equation 3 of Gretton et al. with loops."""

    def kernel(a, b):
        return (a @ b / len(a) + 1) ** 3

    def within(x):
        return np.mean([kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])

    between = np.mean([kernel(a, b) for a in first for b in second])
    return within(first) + within(second) - 2 * between


@pytest.fixture
def sets():
    random = np.random.default_rng(0)
    return random.normal(size=(9, 4)), random.normal(0.5, 1.2, size=(7, 4))


def test_it_is_the_definition(sets):
    assert KernelDistance(*sets)() == pytest.approx(naive(*sets))


def test_weights_are_repeated_cases_that_do_not_meet_themselves(sets):
    first, second = sets
    counts = np.array([[2, 0, 1, 3, 0, 0, 1, 1, 1], [1] * 9])
    found = KernelDistance(first, second)(counts, np.ones((2, 7)))
    chosen = np.repeat(np.arange(9), counts[0])
    kernel = (first @ first.T / 4 + 1) ** 3
    pairs = [kernel[i, j] for i in chosen for j in chosen if i != j]
    total = counts[0].sum() ** 2 - (counts[0] ** 2).sum()
    other = (second @ second.T / 4 + 1) ** 3
    own = (other.sum() - np.trace(other)) / 42
    cross = ((first[chosen] @ second.T / 4 + 1) ** 3).mean()
    assert found[0] == pytest.approx(sum(pairs) / total + own - 2 * cross)
    assert found[1] == pytest.approx(naive(first, second))


def test_it_is_zero_on_average_for_one_distribution():
    random = np.random.default_rng(1)
    found = [KernelDistance(*random.normal(size=(2, 40, 3)))() for _ in range(300)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300)
    assert min(found) < 0 < max(found)


def test_wrong_sets_are_named():
    with pytest.raises(ValueError, match="Received: shapes"):
        KernelDistance(np.ones((3, 2)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="Received: 1 and 3 cases"):
        KernelDistance(np.ones((1, 2)), np.ones((3, 2)))


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(2)
    smooth = np.cumsum(random.normal(size=(60, 32, 32, 1)), axis=2)
    return np.clip(smooth / 10, -1, 1).astype(np.float32)


def test_every_kind_of_feature_weighs_alike(images):
    points = FeatureSpace(images)(images)
    features = image_features(images)
    used = features.std(0) > 1e-6
    assert features.shape[1] == sum(FEATURE_GROUPS) and points.shape == (60, used.sum())
    ends = np.cumsum(FEATURE_GROUPS)
    group = np.searchsorted(ends, np.arange(ends[-1]), side="right")[used]
    shares = [(points[:, group == g] ** 2).sum() for g in range(len(FEATURE_GROUPS))]
    full = np.array(FEATURE_GROUPS) / np.bincount(group)
    np.testing.assert_allclose(np.array(shares) * full, np.mean(shares * full), rtol=0.25)


def test_an_image_of_another_world_is_no_further_than_four_deviations(images):
    space = FeatureSpace(images)
    wild = np.random.default_rng(3).choice([-1.0, 1.0], size=(4, 32, 32, 1)).astype(np.float32)
    assert np.abs(space(wild)).max() <= np.abs(4 * space.scale * space.deviation).max() + 1e-9
    assert np.isfinite(space(np.zeros((1, 32, 32, 1), np.float32))).all()


def test_the_gaussian_has_the_moments_of_the_images(images):
    mild = images / 4
    drawn = PixelGaussian(mild).sample(4000, seed=0).reshape(4000, -1)
    flat = mild.reshape(60, -1)
    spread = flat.std(0).max()
    assert np.abs(drawn.mean(0) - flat.mean(0)).max() < 6 * spread / np.sqrt(4000)
    expected = np.cov(flat, rowvar=False)
    assert np.abs(np.cov(drawn, rowvar=False) - expected).max() < 0.15 * np.abs(expected).max()


def test_sets_are_compared_as_lower_is_better(images):
    noise = np.random.default_rng(4).uniform(-1, 1, (20, 32, 32, 1)).astype(np.float32)
    sets = {"network": images[20:40], "gaussian": noise, "oracle": images[40:]}
    subjects = np.arange(20) // 2
    found = compare_sets(FeatureSpace(images[40:]), images[:20], subjects, sets, repeats=50)
    scores = {name: score["kernel_distance"] for name, score in found.scores.items()}
    assert scores["network"].value < scores["gaussian"].value
    assert found.margin.value == pytest.approx(scores["gaussian"].value - scores["network"].value)
    assert found.beats_baseline and found.content()["subjects"] == 10
