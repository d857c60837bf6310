"""Simulated sections keep to the physics of their stains, to morphology and to their seed."""

import numpy as np
import pytest
from scipy import ndimage

from kerasbio.datasets.cases import split
from kerasbio.datasets.phantoms.histology import (
    CLASSES,
    STAINS,
    WHITE,
    Histology,
    separate_stains,
    stain_image,
)
from kerasbio.datasets.phantoms.nuclei import KINDS

NAMES = ("background", *KINDS)


@pytest.fixture(scope="module")
def cases():
    return Histology(80, seed=3)


def cause(case, name):
    return case["cause"][Histology.cause_names.index(name)]


def test_a_case_is_a_function_of_seed_and_number(cases):
    again = Histology(80, seed=3)
    for i in (0, 5, -1):
        np.testing.assert_array_equal(cases[i]["image"], again[i]["image"])
    assert np.any(Histology(80, seed=4)[0]["image"] != cases[0]["image"])
    with pytest.raises(IndexError):
        cases[80]


def test_what_a_case_is(cases):
    for i in range(16):
        case = cases[i]
        assert case["image"].shape == (64, 64, 3) and case["image"].dtype == np.float32
        assert 0 <= case["image"].min() and case["image"].max() <= 255
        np.testing.assert_array_equal(case["image"], np.round(case["image"]))
        assert case["mask"].shape == case["instances"].shape == (64, 64)
        assert case["mask"].max() < len(cases.mask_classes)
        assert case["spacing"] == (1.0, 1.0) and case["label"] == cases.labels[i]
        assert case["cause"].shape == (len(cases.cause_names),)


def test_beer_and_lambert_by_hand():
    stains = np.array(STAINS["ruifrok"])
    np.testing.assert_allclose(stain_image(np.zeros((1, 2)), stains), np.full((1, 3), 240.0))
    seen = stain_image(np.array([[1.0, 2.0]]), stains)[0]
    expected = [240 * np.exp(-(h + 2 * e)) for h, e in zip(*stains, strict=True)]
    np.testing.assert_allclose(seen, expected)


@pytest.mark.parametrize("name", STAINS)
def test_deconvolution_recovers_the_stains(name):
    stains = np.array(STAINS[name])
    densities = np.random.default_rng(0).uniform(0, 2, (5, 7, 2))
    np.testing.assert_allclose(separate_stains(stain_image(densities, stains), stains), densities)
    with_noise = Histology(8, stains=name, seed=1)
    for i in range(8):
        colors, strengths = with_noise.slide(i)
        true = with_noise.tissue(i)[0] * strengths
        found = separate_stains(with_noise[i]["image"], colors)
        # What is left is the camera's: noise and whole numbers.
        assert np.abs((found - true).mean((0, 1))).max() < 0.01
        for stain in (0, 1):
            assert np.corrcoef(found[..., stain].ravel(), true[..., stain].ravel())[0, 1] > 0.97


def test_colors_vary_between_slides_and_not_within(cases):
    first, second, third = (cases.slide(i)[0] for i in (0, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.any(first != third)
    slides = np.array([cases.slide(i)[0] for i in range(0, 80, 2)])
    np.testing.assert_allclose(np.linalg.norm(slides, axis=2), 1)
    np.testing.assert_allclose(slides.mean(0), STAINS["macenko"], atol=0.03)
    same = Histology(4, jitter=0.0)
    np.testing.assert_allclose(same.slide(0)[0], same.slide(2)[0])


def test_nuclei_are_instances_of_one_kind(cases):
    for i in range(24):
        case = cases[i]
        mask, instances = case["mask"], case["instances"]
        np.testing.assert_array_equal(mask > 0, instances > 0)
        count = instances.max()
        assert count == cause(case, "nuclei") == len(np.unique(instances[instances > 0]))
        for k in range(1, count + 1):
            assert len(np.unique(mask[instances == k])) == 1


def test_nuclei_have_the_size_that_they_are_said_to_have():
    # At 0.25 µm a pixel, nuclei that are wholly inside.
    cases, found = Histology(24, size=192, spacing=0.25, seed=2), {}
    for i in range(len(cases)):
        case = cases[i]
        inner = case["instances"]
        edge = np.unique(np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]]))
        for k in range(1, inner.max() + 1):
            if k not in edge:
                pixels = inner == k
                kind = NAMES[case["mask"][pixels][0]]
                area = pixels.sum() * 0.25**2
                found.setdefault(kind, []).append(2 * np.sqrt(area / np.pi))
    for name, kind in KINDS.items():
        assert np.mean(found[name]) == pytest.approx(kind.diameter, rel=0.1)
    spread = {name: np.std(values) / np.mean(values) for name, values in found.items()}
    assert spread["tumor nucleus"] > 2 * spread["lymphocyte"]


def test_nuclei_take_up_haematoxylin(cases):
    for i in range(24):
        haematoxylin = cases.tissue(i)[0][..., 0]
        nuclei = cases[i]["mask"] > 0
        if nuclei.any():
            assert haematoxylin[nuclei].mean() > 4 * haematoxylin[~nuclei].mean()


def test_each_tissue_has_its_nuclei(cases):
    own = ("fibroblast nucleus", "epithelial nucleus", "lymphocyte", "tumor nucleus")
    for label, name in enumerate(own):
        counts = np.zeros(len(NAMES))
        for i in np.flatnonzero(cases.labels == label):
            case = cases[i]
            first = np.unique(case["instances"], return_index=True)[1]
            counts += np.bincount(case["mask"].ravel()[first], minlength=len(NAMES))
        assert NAMES[1 + np.argmax(counts[1:])] == name
        if CLASSES[label] != "tumor":
            assert counts[NAMES.index("tumor nucleus")] == 0


def test_glands_have_a_lumen(cases):
    white = {name: [] for name in CLASSES}
    for i in range(len(cases)):
        bright = cases[i]["image"].min(-1) > 0.9 * WHITE
        parts, count = ndimage.label(ndimage.binary_opening(bright, iterations=2))
        sizes = ndimage.sum_labels(bright, parts, np.arange(1, count + 1)) if count else [0]
        white[CLASSES[cases.labels[i]]].append(np.max(sizes) > 60)
    assert np.mean(white["benign glands"]) > 0.5
    assert np.mean(white["tumor"]) == 0


def test_difficulty():
    easy, hard = (Histology(64, difficulty=d, seed=1) for d in (0.5, 4.0))
    tumors = np.flatnonzero(easy.labels == 3)
    sizes = [np.mean([cause(c[i], "mean_diameter") for i in tumors]) for c in (easy, hard)]
    assert sizes[0] > 12 and 6 < sizes[1] < 9.5
    for i in tumors:
        small, large = np.log([cause(c[i], "coverage") for c in (hard, easy)])
        assert small == pytest.approx(8 * large, rel=1e-3)


def test_labels_and_split(cases):
    np.testing.assert_array_equal(np.bincount(cases.labels), 20)
    np.testing.assert_array_equal(cases.labels[::2], cases.labels[1::2])
    parts = split(cases, (0.6, 0.2, 0.2), seed=0)
    assert [len(part) for part in parts] == [48, 16, 16]
    assert not set(parts[0].subjects) & set(parts[2].subjects)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_cases": 0},
        {"size": 8},
        {"spacing": 0.1},
        {"spacing": float("nan")},
        {"stains": "pas"},
        {"jitter": -0.1},
        {"difficulty": 0},
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="Received: "):
        Histology(**{"num_cases": 5, **wrong})
