"""Classical features against hand-made cases and brute force."""

import numpy as np
import pytest

from kerasbio import baselines, image_features


def test_cooccurrence_by_brute_force():
    grey = np.random.default_rng(0).normal(size=(2, 20, 18))
    found = image_features.cooccurrence_features(grey).reshape(2, 2, 4, 4)
    image = grey[1]
    low, high = np.percentile(image, (1, 99))
    levels = np.clip((image - low) / (high - low) * 16, 0, 15).astype(int)
    for d, distance in enumerate(image_features.DISTANCES):
        for o, (dy, dx) in enumerate(image_features.OFFSETS):
            table = np.zeros((16, 16))
            for y in range(20):
                for x in range(18):
                    v, u = y + dy * distance, x + dx * distance
                    if 0 <= v < 20 and 0 <= u < 18:
                        table[levels[y, x], levels[v, u]] += 1
                        table[levels[v, u], levels[y, x]] += 1
            table /= table.sum()
            i, j = np.indices((16, 16))
            mean = (table * i).sum()
            variance = (table * (i - mean) ** 2).sum()
            expected = [
                (table * (i - j) ** 2).sum(),
                (table / (1 + (i - j) ** 2)).sum(),
                np.sqrt((table**2).sum()),
                (table * (i - mean) * (j - mean)).sum() / variance,
            ]
            np.testing.assert_allclose(found[1, d, o], expected, rtol=1e-6)


def test_patterns_of_a_flat_image_and_of_a_peak():
    flat = image_features.local_binary_patterns(np.zeros((1, 16, 16))).reshape(16, 10)
    np.testing.assert_array_equal(flat, np.eye(10)[[8] * 16])
    peak = np.zeros((1, 16, 16))
    peak[0, 8, 8] = 1
    shares = image_features.local_binary_patterns(peak).reshape(16, 10)
    np.testing.assert_allclose(shares.sum(1), 1)
    # One pixel is brighter than all of its ring, in one part of 4 x 4 pixels or fewer.
    assert np.count_nonzero(shares[:, 0]) == 1 and 1 / 16 <= shares[:, 0].max() <= 1 / 9


@pytest.mark.parametrize(("axis", "orientation"), [(1, 0), (0, 4)])
def test_orientation_of_a_ramp(axis, orientation):
    ramp = np.moveaxis(np.tile(np.arange(32.0), (32, 1)), 1, axis)[None]
    found = image_features.oriented_gradients(ramp).reshape(64, 9)
    np.testing.assert_allclose(found[:, orientation], 1, atol=1e-5)
    np.testing.assert_allclose(np.delete(found, orientation, 1), 0, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 32, 32, 1), (3, 33, 47, 3), (3, 16, 16, 1)])
def test_features_are_finite_for_any_size(shape):
    images = np.random.default_rng(0).normal(size=shape)
    images[0] = 0
    features = image_features.image_features(images)
    total = 256 + 13 + 32 + 160 + 576 + (3 * (64 + 13) if shape[-1] == 3 else 0)
    assert features.shape == (3, total) and np.isfinite(features).all()


def test_colours_are_told_apart():
    images = np.random.default_rng(0).uniform(size=(20, 16, 16, 3)) * (1.0, 0.5, 0.2)
    space = image_features.FeatureSpace(images)
    distance = np.linalg.norm(space(images[..., ::-1]) - space(images), axis=1)
    assert distance.min() > 10


@pytest.mark.parametrize("smallest", [1, 2, 3])
def test_few_subjects_are_enough(smallest):
    subjects = np.arange(smallest + 20)
    labels = (subjects >= smallest).astype(int)
    images = np.random.default_rng(0).normal(size=(len(labels), 16, 16, 1))
    model = baselines.fit_image_baseline(images, labels, subjects)
    assert model.predict_proba(images).shape == (len(labels), 2)


def test_features_of_many_images_are_those_of_each(monkeypatch):
    images = np.random.default_rng(0).normal(size=(7, 16, 16, 1))
    whole = image_features.image_features(images)
    monkeypatch.setattr(image_features, "CHUNK", 3)
    np.testing.assert_array_equal(image_features.image_features(images), whole)


def test_baseline_and_oracle_learn_what_is_easy():
    random = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = random.normal(size=(120, 16, 16, 1))
    images[labels == 1, 4:8] += 1.5
    subjects = np.arange(120) // 2 * 2 + labels
    model = baselines.fit_image_baseline(images[:80], labels[:80], subjects[:80])
    assert (model.predict_proba(images[80:]).argmax(1) == labels[80:]).mean() > 0.9
    assert model.regularization in baselines.REGULARIZATIONS
    causes = np.stack([labels + random.normal(0, 0.1, 120), random.normal(size=120)], 1)
    oracle = baselines.fit_oracle(causes[:80], labels[:80])
    assert (oracle.predict_proba(causes[80:]).argmax(1) == labels[80:]).all()
