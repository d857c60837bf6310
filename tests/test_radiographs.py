"""Simulated radiographs keep to their physics and to their seed."""

import numpy as np
import pytest

from kerasbio.datasets.phantoms.radiographs import (
    ATTENUATION,
    CLASSES,
    LUNG,
    NOTHING,
    PHOTONS,
    SCATTER,
    Radiographs,
)


@pytest.fixture(scope="module")
def cases():
    return Radiographs(200, seed=3)


def test_a_case_is_a_function_of_seed_and_number(cases):
    again = Radiographs(50, seed=3)
    for i in (0, 4, 17):
        np.testing.assert_array_equal(cases[i]["image"], again[i]["image"])
        assert cases[i]["label"] == again.labels[i]
    assert np.any(Radiographs(50, seed=4)[0]["image"] != cases[0]["image"])


def test_shapes_and_ranges(cases):
    for i in range(30):
        case = cases[i]
        assert case["image"].shape == (32, 32, 1) and case["image"].dtype == np.float32
        assert np.isfinite(case["image"]).all() and case["image"].std() > 50
        assert 0 < case["image"].min() and case["image"].max() < 2**16
        assert case["label"] == cases.labels[i] and case["subject"] == cases.subjects[i]
        assert case["cause"].shape == (len(cases.cause_names),)
    assert Radiographs(1, size=48)[0]["spacing"] == pytest.approx(200 / 48)


def test_every_class_is_as_frequent():
    counts = np.bincount(Radiographs(5000).labels, minlength=len(CLASSES))
    assert counts.min() > 0.85 * 1000 and counts.max() < 1.15 * 1000


def test_two_images_of_a_subject_share_label_and_cause(cases):
    assert cases.subjects[3] == cases.subjects[4] and len(set(cases.subjects[:5])) == 4
    np.testing.assert_array_equal(cases[3]["cause"], cases[4]["cause"])
    assert np.any(cases[3]["image"] != cases[4]["image"])


def test_causes_agree_with_labels(cases):
    name = {n: k for k, n in enumerate(cases.cause_names)}
    for i in range(len(cases)):
        cause, kind = cases[i]["cause"], CLASSES[cases.labels[i]]
        assert (cause[name["thickness"]] == 0) == (kind == "normal")
        assert (cause[name["hollowness"]] > 0) == (kind == "cavity")
        assert (cause[name["elongation"]] > 2) == (kind == "atelectasis")
        assert (cause[name["patchiness"]] > 0.3) == (kind == "consolidation")


def test_size_and_density_do_not_tell_the_findings_apart():
    cases = Radiographs(1500)
    causes = np.array([cases[i]["cause"] for i in range(len(cases))])
    means = [causes[cases.labels == k, :2].mean(0) for k in range(1, 5)]
    spread = causes[cases.labels > 0, :2].std(0)
    assert np.ptp(means, axis=0) / spread == pytest.approx([0, 0], abs=0.35)


def test_beer_lambert_and_scatter_of_a_slab(cases):
    for thickness in (0.0, 100.0, 200.0):
        counts = cases.expected_counts(np.full((32, 32), thickness))
        primary = PHOTONS * (cases.spacing / 5) ** 2 * np.exp(-ATTENUATION * thickness)
        np.testing.assert_allclose(counts, primary * (1 + SCATTER), rtol=1e-4)


def test_scatter_weighs_more_behind_the_mediastinum(cases):
    tissue = np.full((32, 32), 90.0)
    tissue[:, 26:] = 190.0
    primary = PHOTONS * (cases.spacing / 5) ** 2 * np.exp(-ATTENUATION * tissue)
    fraction = 1 - primary / cases.expected_counts(tissue)
    assert 0.15 < fraction[16, 4] < 0.35 < fraction[16, 30] < 0.8


def test_counts_vary_as_poisson(cases):
    slab, random = np.full((32, 32), 220.0), np.random.default_rng(0)
    draws = np.array([cases.expose(slab, random) for _ in range(400)])
    mean = cases.expected_counts(slab)
    assert (draws.mean(0) / mean).mean() == pytest.approx(1, abs=0.02)
    assert (draws.var(0) / mean).mean() == pytest.approx(1, abs=0.02)


def test_detector_noise_is_that_of_the_photons():
    # d(log N) = dN / N, so the noise of the logarithm is 1 / sqrt(N) times the scale.
    from kerasbio.datasets.phantoms.radiographs import _detector

    random = np.random.default_rng(0)
    images = [_detector(random.poisson(2500.0, (32, 32)), np.random.default_rng(1)) for _ in "ab"]
    scale = np.random.default_rng(1).uniform(700, 1300)
    noise = np.std(images[0] - images[1]) / np.sqrt(2)
    assert noise == pytest.approx(scale / np.sqrt(2500), rel=0.1)


def test_every_finding_is_in_the_field():
    cases = Radiographs(1)
    for seed in range(200):
        body, shift = np.random.default_rng(seed), np.array([40.0, -60.0])
        lesion = cases._lesion(seed % 4 + 1, body)
        assert np.isfinite(cases._thorax(body, shift - (76.0, 0), 1, lesion, 0.0)).all()


def test_difficulty_makes_findings_fainter():
    easy, hard = Radiographs(60, difficulty=0.5), Radiographs(60, difficulty=2.0)
    sick = np.flatnonzero(easy.labels > 0)
    ratio = [easy[i]["cause"][0] / hard[i]["cause"][0] for i in sick]
    np.testing.assert_allclose(ratio, 4, rtol=1e-5)


@pytest.mark.parametrize("wrong", [{"num_cases": 0}, {"size": 16}, {"difficulty": 0}])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="Received: num_cases="):
        Radiographs(**{"num_cases": 5, **wrong})


def project(seed, side):
    """Return thickness and distance from the spine towards a side, of a normal chest there."""
    cases = Radiographs(1, size=100)
    shift = np.array([-side * LUNG, 0.0])
    thickness = cases._thorax(np.random.default_rng(seed), shift, side, NOTHING, breath=0.0)
    return cases, thickness, side * (cases._x[0] - shift[0])


def test_scatter_fraction_of_simulated_chests_by_region():
    # Behind the mediastinum more than half of the contrast is lost even with a grid, behind the
    # lung far less (Niklason et al. 1981).
    fractions = []
    for seed in range(12):
        cases, thickness, distance = project(seed, side=1)
        counts = cases.expected_counts(thickness)
        primary = PHOTONS * (cases.spacing / 5) ** 2 * np.exp(-ATTENUATION * thickness)
        # The middle third of the rows, clear of the diaphragm.
        fraction = (1 - primary / counts)[33:66]
        lung = (distance > 60) & (distance < 95)
        fractions.append([fraction[:, np.abs(distance) < 15].mean(), fraction[:, lung].mean()])
    mediastinum, lung = np.transpose(fractions)
    assert mediastinum.min() > 0.5 and mediastinum.max() < 0.75
    assert lung.min() > 0.15 and lung.max() < 0.35


def test_cardiothoracic_ratio_is_normal(monkeypatch):
    # A field shows one half of a chest, so the ratio needs that of the other side too; what the
    # heart adds is the difference to a chest without one, since spine and heart overlap.
    whole = Radiographs._heart
    ratios = []
    for seed in range(12):
        heart = chest = 0.0
        for side in (1, -1):
            _, thickness, distance = project(seed, side)
            with monkeypatch.context() as patch:
                patch.setattr(Radiographs, "_heart", lambda *a: 0 * whole(*a))
                without = project(seed, side)[1]
            heart += distance[np.any(thickness - without > 1, axis=0)].max()
            row = without[50]
            middle = (row.min() + row[distance > 160].mean()) / 2
            chest += distance[row < middle].max()
        ratios.append(heart / chest)
    # Normal is below 0.5.
    assert 0.33 < min(ratios) and max(ratios) < 0.5
