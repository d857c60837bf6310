"""Simulated images of the brain keep to anatomy, physics and seed."""

import numpy as np
import pytest

from kerasbio.datasets.cases import split
from kerasbio.datasets.phantoms.brain_mri import BrainMRI

#: ml of cerebrospinal fluid, grey and white matter of BrainWeb's phantom.
BRAINWEB = {"csf": 372.0, "grey matter": 903.2, "white matter": 671.3}


@pytest.fixture(scope="module")
def slices():
    return BrainMRI(40, sequences=("t1", "t2"), tumor=0.5, seed=3)


def cause(case, name):
    return case["cause"][BrainMRI.cause_names.index(name)]


def test_a_case_is_a_function_of_seed_and_number(slices):
    again = BrainMRI(40, sequences=("t1", "t2"), tumor=0.5, seed=3)
    for i in (0, 7, -1):
        np.testing.assert_array_equal(slices[i]["image"], again[i]["image"])
        np.testing.assert_array_equal(slices[i]["mask"], again[i]["mask"])
    other = BrainMRI(40, sequences=("t1", "t2"), tumor=0.5, seed=4)
    assert np.any(other[0]["image"] != slices[0]["image"])
    with pytest.raises(IndexError):
        slices[40]


def test_what_a_case_is(slices):
    for i in range(12):
        case = slices[i]
        assert case["image"].shape == (96, 96, 2) and case["image"].dtype == np.float32
        assert np.isfinite(case["image"]).all() and case["image"].min() >= 0
        assert case["mask"].shape == (96, 96) and case["mask"].max() < len(slices.mask_classes)
        assert case["label"] == slices.labels[i] and case["subject"] == slices.subjects[i]
        assert case["spacing"] == pytest.approx((224 / 96, 224 / 96))
        assert case["cause"].shape == (len(slices.cause_names),)
    volume = BrainMRI(1, shape=(10, 12, 14), spacing=(15, 16, 14))[0]
    assert volume["image"].shape == (10, 12, 14, 1) and volume["spacing"] == (15.0, 16.0, 14.0)
    assert sorted(np.unique(volume["mask"])) == [0, 1, 2, 3]


def test_volumes_of_tissues_are_those_of_brainweb():
    cases = BrainMRI(6, shape=(48, 64, 64), seed=1)
    voxel = np.prod(cases.spacing) / 1000
    volumes = []
    for i in range(len(cases)):
        shares = cases.anatomy(i)[1]
        volumes.append([shares[name].sum() * voxel for name in BRAINWEB])
    ratios = np.array(volumes) / list(BRAINWEB.values())
    np.testing.assert_allclose(ratios.mean(0), 1, atol=0.12)
    np.testing.assert_allclose(ratios, 1, atol=0.2)


def test_shares_are_shares(slices):
    for i in range(8):
        shares = np.array(list(slices.anatomy(i)[1].values()))
        assert shares.min() >= 0 and shares.sum(0).max() < 1 + 1e-5
    assert shares.sum(0).min() == 0


def test_finer_voxels_hold_the_same_volumes():
    sizes = {}
    for side in (3.0, 6.0):
        count = [int(n / side) for n in (186, 222, 192)]
        cases = BrainMRI(1, shape=count, spacing=[side] * 3, tumor=1.0, seed=2)
        shares = cases.anatomy(0)[1]
        sizes[side] = np.array([s.sum() * side**3 / 1000 for s in shares.values()])
    np.testing.assert_allclose(sizes[3.0], sizes[6.0], rtol=0.1, atol=8)


def test_a_slice_is_that_of_the_volume():
    volume = BrainMRI(1, shape=(3, 40, 40), spacing=(5.0, 5.0, 5.0), seed=5)
    plane = BrainMRI(1, shape=(40, 40), spacing=(5.0, 5.0), seed=5)
    points, shares, found = plane.anatomy(0)
    volume._axes[0] = np.array([found["height"]])
    for name, values in volume.anatomy(0)[1].items():
        np.testing.assert_allclose(values, shares[name], atol=1e-4)
    assert points.shape == (3, 1600)


def test_contrast_is_that_of_the_weighting(slices):
    for i in np.flatnonzero(slices.labels == 0)[:6]:
        shares = slices.anatomy(i)[1]
        means = {}
        for name in BRAINWEB:
            pure = (shares[name] > 0.95).reshape(96, 96)
            means[name] = slices[i]["image"][pure].mean(0)
        assert means["white matter"][0] > means["grey matter"][0] > means["csf"][0]
        assert means["white matter"][1] < means["grey matter"][1] < means["csf"][1]


def test_noise_of_the_background_is_as_asked_for():
    for percent in (1.0, 5.0):
        case = BrainMRI(1, noise=percent, bias=0.0, seed=1)[0]
        air = np.concatenate([case["image"][:12, :12], case["image"][:12, -12:]])
        # White matter is at 800 to 1200; Rayleigh noise has 1.2533 of the deviation as its mean.
        assert 0.8 <= air.mean() / (1.2533 * 10 * percent) <= 1.25


def test_bias_reaches_the_range_asked_for():
    flat, bent = (BrainMRI(1, noise=0.0, bias=bias, seed=1)[0] for bias in (0.0, 40.0))
    ratio = bent["image"][flat["mask"] > 0] / flat["image"][flat["mask"] > 0]
    # Both have one level of the receiver.
    assert np.ptp(ratio) == pytest.approx(0.4, abs=0.02)


def test_tumors_are_what_their_cause_says(slices):
    names = slices.mask_classes
    for i in range(len(slices)):
        case = slices[i]
        core = case["mask"] == names.index("tumor core")
        edema = case["mask"] == names.index("edema")
        if not slices.labels[i]:
            assert not core.any() and not edema.any() and cause(case, "radius") == 0
            continue
        assert core.sum() * np.prod(slices.spacing) > np.pi * 5**2
        rows, columns = np.nonzero(core)
        place = (np.array([rows.mean(), columns.mean()]) + 0.5 - 48) * slices.spacing
        assert np.hypot(*(place - [cause(case, "back"), cause(case, "side")])) < 8
        assert abs(cause(case, "height") - cause(case, "up")) <= cause(case, "radius") / 2 + 1e-4
        assert 720 <= cause(case, "core_t1") <= 995 and 102 <= cause(case, "core_t2") <= 166
        assert 600 <= cause(case, "edema_t1") <= 750 and 98 <= cause(case, "edema_t2") <= 140


def test_tumors_are_bright_in_t2_and_dark_in_t1(slices):
    differences = []
    for i in np.flatnonzero(slices.labels):
        image, mask = slices[i]["image"], slices[i]["mask"]
        differences.append(image[mask == 5].mean(0) - image[mask == 3].mean(0))
    differences = np.array(differences)
    assert differences[:, 0].mean() < -50 and (differences[:, 0] < 30).all()
    assert (differences[:, 1] > 50).all()


def test_masks_of_tumors_alone():
    both = [BrainMRI(6, tumor=1.0, target=target, seed=7) for target in ("tissues", "tumor")]
    assert both[1].mask_classes == ("background", "edema", "tumor core")
    for i in range(6):
        tissues, tumor = (cases[i]["mask"] for cases in both)
        for one, other in ((5, 2), (4, 1)):
            assert 2 * np.sum((tissues == one) & (tumor == other)) > 0.9 * np.sum(
                (tissues == one).astype(int) + (tumor == other)
            )


def test_difficulty():
    easy, hard = (BrainMRI(8, tumor=1.0, difficulty=d, seed=1) for d in (0.5, 2.0))
    assert hard.noise == 4 * easy.noise
    for i in range(8):
        ratio = [np.log(cause(c[i], "core_t2") / 70) for c in (easy, hard)]
        assert ratio[0] == pytest.approx(4 * ratio[1], rel=1e-4)


def test_prevalence_and_split():
    assert BrainMRI(200, tumor=0.3).labels.sum() == 60
    assert BrainMRI(5).mask_classes == ("background", "csf", "grey matter", "white matter")
    parts = split(BrainMRI(40, tumor=0.5), (0.6, 0.2, 0.2), seed=0)
    assert [len(part) for part in parts] == [24, 8, 8]
    assert [int(part.labels.sum()) for part in parts] == [12, 4, 4]


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_cases": 0},
        {"shape": (96,)},
        {"shape": (4, 96)},
        {"spacing": (1.0,)},
        {"spacing": (0.0, 1.0)},
        {"spacing": (float("nan"), 1.0)},
        {"sequences": ()},
        {"sequences": "t1"},
        {"sequences": ("flair",)},
        {"tumor": 1.5},
        {"noise": -1.0},
        {"bias": 101.0},
        {"difficulty": 0.0},
        {"target": "lesion"},
        {"target": "tumor"},
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="Received: "):
        BrainMRI(**{"num_cases": 5, **wrong})
