"""Simulated CT of the abdomen keeps to its anatomy, its physics, its ranges and its seed."""

import numpy as np
import pytest
from scipy import ndimage, special, stats

from kerasbio.datasets.cases import split
from kerasbio.datasets.phantoms.abdomen import DRAWN, HOUNSFIELD, RANGES, Abdomen
from kerasbio.datasets.phantoms.abdominal_ct import NOISE, PREVALENCE, AbdominalCT
from kerasbio.datasets.phantoms.abdominal_organs import DENSITY, MASSES, TISSUE, TISSUES
from kerasbio.datasets.phantoms.liver_lesions import COUNTS, LESION_RANGES, draw_lesions
from kerasbio.datasets.phantoms.partial_volume import voxel_majority, voxel_mean
from kerasbio.datasets.phantoms.solids import Harmonics, Superquadric, Tube, draw_harmonics

VOLUME = {"shape": (24, 64, 80), "spacing": (8.0, 5.0, 5.0)}


def sides(counts, steps):
    """Return z, y, x in the middle of voxels, as they broadcast."""
    z, y, x = ((np.arange(n) - (n - 1) / 2) * s for n, s in zip(counts, steps, strict=True))
    return z[:, None, None], y[None, :, None], x[None, None]


@pytest.fixture(scope="module")
def slices():
    return AbdominalCT(40, target="lesions", seed=3)


@pytest.fixture(scope="module")
def made(slices):
    return [slices[i] for i in range(len(slices))]


@pytest.fixture(scope="module")
def volumes():
    return AbdominalCT(6, **VOLUME, seed=1)


def test_a_case_is_a_function_of_seed_and_number(slices, made):
    again = AbdominalCT(12, target="lesions", seed=3)
    for i in (0, 5, 11):
        np.testing.assert_array_equal(again[i]["image"], made[i]["image"])
        np.testing.assert_array_equal(again[i]["mask"], made[i]["mask"])
        assert again.labels[i] == slices.labels[i]
    np.testing.assert_array_equal(again[-1]["image"], made[11]["image"])
    other = AbdominalCT(1, target="lesions", seed=4)
    assert np.any(other[0]["image"] != made[0]["image"])
    with pytest.raises(IndexError):
        again[12]


@pytest.mark.parametrize("target", ["organs", "lesions"])
@pytest.mark.parametrize(
    "grid", [VOLUME, {"shape": (96, 96), "spacing": (4, 4)}, {"shape": (60, 76), "spacing": (5, 5)}]
)
def test_shapes_and_ranges(grid, target):
    cases = AbdominalCT(3, **grid, target=target, seed=2)
    for i in range(len(cases)):
        case = cases[i]
        assert case["image"].shape == (*grid["shape"], 1) and case["image"].dtype == np.float32
        assert case["mask"].shape == grid["shape"] and case["mask"].dtype == np.int32
        assert np.isfinite(case["image"]).all()
        assert -1024 <= case["image"].min() < -900 and 150 < case["image"].max() <= 3071
        assert set(np.unique(case["mask"])) <= set(range(len(cases.mask_classes)))
        assert case["spacing"] == tuple(map(float, grid["spacing"]))
        assert case["label"] == cases.labels[i] and case["subject"] == cases.subjects[i]
        assert case["cause"].shape == (len(cases.cause_names),)
        assert np.isfinite(case["cause"]).all()


def test_every_organ_has_voxels(volumes):
    assert volumes.mask_classes[0] == "background" and len(volumes.mask_classes) == 8
    for i in range(len(volumes)):
        assert np.bincount(volumes[i]["mask"].ravel(), minlength=8).min() > 60


def test_it_is_split_by_stratum():
    cases = AbdominalCT(60, target="lesions")
    parts = split(cases, (0.6, 0.2, 0.2), seed=0)
    assert sum(map(len, parts)) == 60
    assert all(0.6 < part.labels.mean() < 0.95 for part in parts)


def test_organs_have_the_masses_of_reference():
    spacing = (6.0, 4.0, 4.0)
    grid = sides((34, 64, 80), spacing)
    parts = {"liver": ("focal fat", "vessel"), "stomach": ("stomach gas",)}
    for sex in (0, 1):
        found = {organ: [] for organ in MASSES}
        for seed in range(16):
            tissue = Abdomen(np.random.default_rng(seed), sex).paint(grid)
            counts = np.bincount(tissue.ravel(), minlength=len(TISSUES))
            for organ in MASSES:
                voxels = sum(counts[TISSUE[t]] for t in (organ, *parts.get(organ, ())))
                found[organ].append(voxels * np.prod(spacing) / 1000 * DENSITY)
        for organ, masses in found.items():
            assert np.mean(masses) == pytest.approx(MASSES[organ][sex], rel=0.2), organ
            # Subjects differ.
            assert 0.05 < np.std(masses) / np.mean(masses) < 0.4, organ


def test_organs_are_where_they_belong():
    grid = sides((24, 64, 80), (8.0, 5.0, 5.0))
    for seed in range(8):
        tissue = Abdomen(np.random.default_rng(seed)).paint(grid)

        def middle(organ, tissue=tissue):
            return np.array(ndimage.center_of_mass(tissue == TISSUE[organ]))

        # The liver is on the subject's right, which is to the left of the image; z goes up.
        assert middle("liver")[2] < 36 < middle("spleen")[2]
        assert middle("aorta")[1] < middle("marrow")[1]
        assert middle("kidneys")[0] < middle("spleen")[0] < middle("lung")[0]
        assert middle("stomach gas")[1] < middle("stomach")[1]
        assert (tissue[:, [0, -1]] == TISSUE["air"]).all()
        assert (tissue[:, :, [0, -1]] == TISSUE["air"]).all()


def test_a_slice_is_that_of_the_volume():
    z, y, x = sides((24, 64, 80), (8.0, 5.0, 5.0))
    anatomy = Abdomen(np.random.default_rng(5))
    whole = anatomy.paint((z, y, x))
    for k in (3, 12, 20):
        np.testing.assert_array_equal(anatomy.paint((z[k : k + 1], y, x))[0], whole[k])
    where = np.random.default_rng(0).integers((24, 64, 80), size=(300, 3)).T
    points = [s.ravel()[i].reshape(-1, 1, 1) for s, i in zip((z, y, x), where, strict=True)]
    np.testing.assert_array_equal(anatomy.paint(tuple(points)).ravel(), whole[tuple(where)])


def test_all_that_is_drawn_is_in_its_range(slices, made):
    names = list(slices.cause_names)
    for case in made:
        cause = dict(zip(names, case["cause"], strict=True))
        for name, (low, high) in RANGES.items():
            assert low <= cause[name] <= high
        for name, (low, high) in HOUNSFIELD.items():
            assert low <= cause[f"{name} HU"] <= high
        assert NOISE[0] <= cause["noise"] <= NOISE[1] and cause["photons"] > 1000
        if case["label"]:
            assert cause["lesions"] in COUNTS and len(case["lesions"]) == cause["lesions"]
            for name in ("radius", "irregularity", "elongation"):
                low, high = np.float32(LESION_RANGES[name])
                assert low <= cause[name] <= high
            assert 0.1 < cause["cnr"] <= 3.001
            assert 0 < cause["contrast"] <= cause["liver HU"] + 1e-3
            assert case["cnr"] == pytest.approx(case["lesions"][:, 5].max())
        else:
            assert cause["lesions"] == 0 and case["lesions"].shape == (0, 9)
            assert not any(cause[name] for name in ("radius", "contrast", "cnr"))
            assert case["cnr"] == 0
    assert names[-len(DRAWN) :] == list(DRAWN)


def test_lesions_have_the_radius_asked_for():
    cases = AbdominalCT(8, target="lesions", radius=(9.0, 10.0), **VOLUME)
    tables = np.concatenate([cases[i]["lesions"] for i in range(4)])
    assert len(tables) > 3
    assert 9 <= tables[:, 3].min() and tables[:, 3].max() <= 10


def test_lesions_are_where_the_label_says(slices, made):
    for case in made:
        assert (case["label"] == 1) == bool((case["mask"] == 2).any())
        assert (case["mask"] == 1).sum() > 60
    many = AbdominalCT(2000, target="lesions").labels.mean()
    assert many == pytest.approx(PREVALENCE, abs=0.03)


def test_tissues_have_their_hounsfield_units():
    cases = AbdominalCT(3, **VOLUME, difficulty=0.05)
    names = list(cases.cause_names)
    for i in range(len(cases)):
        case = cases[i]
        for organ in ("liver", "spleen", "kidneys"):
            inside = case["mask"] == cases.mask_classes.index(organ)
            core = ndimage.binary_erosion(inside, np.ones((1, 3, 3)), iterations=2)
            expected = case["cause"][names.index(f"{organ} HU")]
            assert core.sum() > 5
            assert np.median(case["image"][core]) == pytest.approx(expected, abs=8), organ


def test_noise_is_the_stated_one():
    # The same bodies with and almost without noise.
    loud, clean = (AbdominalCT(8, target="organs", difficulty=d, seed=6) for d in (1.0, 0.001))
    ratio = []
    for i in range(len(loud)):
        noise = (loud[i]["image"] - clean[i]["image"])[loud[i]["mask"] == 1]
        ratio.append(noise.std() / loud[i]["cause"][loud.cause_names.index("noise")])
    assert np.mean(ratio) == pytest.approx(1, abs=0.15)


def test_lesions_have_their_contrast():
    cases = AbdominalCT(40, target="lesions", difficulty=0.02, seed=9)
    found, stated = [], []
    for i in np.flatnonzero(cases.labels):
        case = cases[i]
        if case["lesions"][0, 3] < 12:
            continue
        core = ndimage.binary_erosion(case["mask"] == 2, iterations=2)
        around = ndimage.binary_erosion(case["mask"] == 1, iterations=2)
        if core.sum() > 3 and around.sum() > 20 and len(case["lesions"]) == 1:
            found.append(np.median(case["image"][around]) - np.median(case["image"][core]))
            stated.append(case["lesions"][0, 4])
    assert len(found) > 3
    assert np.abs(np.subtract(found, stated)).mean() < 5


def test_difficulty_is_a_factor_of_noise_and_of_nothing_else():
    easy, hard = (AbdominalCT(6, target="lesions", difficulty=d, seed=3) for d in (0.5, 2.0))
    for i in range(len(easy)):
        one, two = easy[i], hard[i]
        a, b = (dict(zip(easy.cause_names, c["cause"], strict=True)) for c in (one, two))
        assert b["noise"] == pytest.approx(4 * a["noise"])
        # Electronic noise weighs more where there are few photons.
        assert a["contrast"] == pytest.approx(b["contrast"], rel=0.05)
        assert a["cnr"] == pytest.approx(4 * b["cnr"], rel=0.05)
        np.testing.assert_array_equal(a["radius"], b["radius"])
        assert (one["mask"] == two["mask"]).mean() > 0.999


def test_lesions_tell_nothing_else():
    # Size, number and contrast against the liver's size and brightness, and the place of the slice
    # with against without lesions.
    rows, heights = [], []
    for seed in range(150):
        anatomy = Abdomen(np.random.default_rng((seed, 1)))
        lesions = draw_lesions(anatomy, np.inf, np.random.default_rng((seed, 2)))
        first = lesions[0]
        appearance = anatomy.ranges["liver size"], anatomy.hounsfield["liver"], anatomy.sex
        rows.append([len(lesions), first.radius, first.cnr, *appearance])
        heights.append(first.middle[0])
    correlation = np.corrcoef(np.array(rows).T)[:3, 3:]
    assert np.abs(correlation).max() < 0.25
    healthy = np.random.default_rng(0).random(150) > PREVALENCE
    assert stats.ks_2samp(np.array(heights)[healthy], np.array(heights)[~healthy]).pvalue > 0.01


def test_lesions_lie_in_the_liver():
    inner = 0
    for seed in range(40):
        anatomy = Abdomen(np.random.default_rng(seed))
        for lesion in draw_lesions(anatomy, 40.0, np.random.default_rng(seed)):
            point = tuple(np.reshape(c, (1, 1, 1)) for c in lesion.middle)
            assert abs(lesion.middle[0]) <= 40
            inner += anatomy.paint(point)[0, 0, 0] == TISSUE["liver"]
            assert lesion.share(point)[0, 0, 0] > 0.99
            axes = np.sort(lesion.shape.axes)
            assert np.prod(axes) == pytest.approx(lesion.radius**3)
            assert axes[2] / axes[0] == pytest.approx(lesion.elongation)
    assert inner > 75


def test_edges_of_lesions_are_soft():
    lesion = draw_lesions(Abdomen(np.random.default_rng(0)), np.inf, np.random.default_rng(1))[0]
    grid = tuple(m + s for m, s in zip(lesion.middle, sides((61,) * 3, (1.5,) * 3), strict=True))
    share = lesion.share(grid)
    volume = share.sum() * 1.5**3
    assert volume == pytest.approx(4 / 3 * np.pi * lesion.radius**3, rel=0.35)
    assert np.mean((share > 0.05) & (share < 0.95)) > 0
    outside = np.zeros(share.shape, bool)
    for c, least, most in zip(grid, *lesion.box, strict=True):
        outside |= (c < least) | (c > most)
    assert share[outside].max() < 0.01


def test_superquadrics_have_their_volume_and_lie_in_their_box():
    random = np.random.default_rng(0)
    step = 0.5
    grid = sides((120, 120, 120), (step, step, step))
    for exponent, options in (
        (2.0, {}),
        (4.0, {"turn": 0.7}),
        (2.4, {"tilt": -0.5, "turn": 0.3}),
        (2.0, {"bend": 0.4}),
        (2.0, {"harmonics": draw_harmonics(random, 3, 0.05)}),
    ):
        solid = Superquadric((1, -2, 3), (15, 10, 12), exponent, **options)
        inside = solid.contains(tuple(np.float32(c) for c in grid))
        # The closed form of a superellipsoid; bending along one axis keeps volumes.
        gamma = special.gamma
        ball = (2 * gamma(1 + 1 / exponent)) ** 3 / gamma(1 + 3 / exponent)
        tolerance = 0.1 if "harmonics" in options else 0.01
        assert inside.sum() * step**3 == pytest.approx(ball * 1800, rel=tolerance)
        for c, least, most in zip(grid, *solid.box, strict=True):
            reached = np.broadcast_to(c, inside.shape)[inside]
            assert least - 1e-3 < reached.min() and reached.max() < most + 1e-3


def test_harmonics_are_those_of_legendre():
    axis = np.array([[0.0, 0.0, 1.0], [0.0, 0.6, 0.8], [1.0, 0.0, 0.0]])
    amplitudes = np.array([0.05, -0.07, 0.03])
    ball = Superquadric((0, 0, 0), (10, 10, 10), harmonics=Harmonics(axis, amplitudes))
    points = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32) * 10
    length = np.linalg.norm(points, axis=0)
    radius = 1 + sum(
        a * special.eval_legendre(2 + k, d @ points / length)
        for k, (d, a) in enumerate(zip(axis, amplitudes, strict=True))
    )
    level = ball.level(tuple(points))
    np.testing.assert_allclose(level, length / 10 / radius, rtol=1e-4)


def test_a_tube_is_a_cylinder_with_round_ends():
    tube = Tube(np.array([[-10.0, 0, 0], [10.0, 0, 0]]), np.array([6.0, 6.0]))
    grid = sides((80, 40, 40), (0.5, 0.5, 0.5))
    volume = tube.contains(tuple(np.float32(c) for c in grid)).sum() / 8
    assert volume == pytest.approx(np.pi * 36 * 20 + 4 / 3 * np.pi * 216, rel=0.01)
    np.testing.assert_array_equal(tube.box, [[-16, -6, -6], [16, 6, 6]])


def test_voxels_of_points():
    random = np.random.default_rng(0)
    for depth, planes in ((3, 6), (1, 1)):
        labels = random.integers(4, size=(planes, 8, 10)).astype(np.uint8)
        blocks = labels.reshape(depth, planes // depth, 4, 2, 5, 2)
        np.testing.assert_allclose(voxel_mean(labels.astype(float)), blocks.mean((1, 3, 5)))
        found = voxel_majority(labels, 4)
        for z, y, x in np.ndindex(depth, 4, 5):
            counts = np.bincount(blocks[z, :, y, :, x].ravel(), minlength=4)
            assert found[z, y, x] == 3 - counts[::-1].argmax()


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_cases": 0},
        {"difficulty": 0.0},
        {"difficulty": float("nan")},
        {"target": "tumours"},
        {"radius": (9.0, 8.0)},
        {"radius": (0.0, 8.0)},
        {"shape": (96,)},
        {"shape": (4, 96, 96)},
        {"spacing": (4.0, -4.0)},
        {"shape": (64, 96)},
        {"spacing": (4.0, 3.0)},
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="Received: "):
        AbdominalCT(**{"num_cases": 5, **wrong})
