"""The options of the recipes that segment, and what they make of scans."""

import click
import numpy as np
import pytest

from kerasbio.errors import KerasbioError
from kerasbio.layers.prepare_scans import prepare_scan
from kerasbio.recipes import scan_scores, scans
from kerasbio.training.options import RunOptions
from tests.test_segmentation_folder import save, volumes

OWN = {
    "network": "unet", "width": 4, "levels": 3, "dimensions": "2", "difficulty": 1.0,
    "patch": None, "window": (), "spacing": (),
}  # fmt: skip


def load(target="lesions", data=None, samples=6, **own):
    options = RunOptions(data=data and str(data), samples=None if data else samples)
    return scans.load_scans(options, target, **OWN | own)


def refused(words, **settings):
    with pytest.raises(KerasbioError, match=words) as error:
        load(**settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("96x96", [96, 96]), ("32X64x64", [32, 64, 64]), ("8 x 9", [8, 9]), ([4, 5], [4, 5])],
)
def test_patches_are_read(text, sizes):
    assert scans.Patch().convert(text, None, None) == sizes


@pytest.mark.parametrize("text", ["96", "1x2x3x4", "96x", "ax9", "0x8", "-4x8", "", "9.5x4", "9*9"])
def test_a_wrong_patch_is_named(text):
    with pytest.raises(click.BadParameter, match="is not of the form 96x96 or 32x64x64"):
        scans.Patch().convert(text, None, None)


def test_the_default_patch_is_the_middle_size_up_to_a_limit():
    assert scans._patch(None, [(40, 50)] * 3, 2) == (40, 50)
    assert scans._patch(None, [(40, 500), (60, 400), (500, 50)], 2) == (60, 128)
    assert scans._patch(None, [(20, 300, 300)] * 4, 3) == (20, 64, 64)
    assert scans._patch([9, 8], [(40, 50)], 2) == (9, 8)
    with pytest.raises(KerasbioError, match="--patch 9x8 has 2 axes and the scans 3"):
        scans._patch([9, 8], [(40, 50, 60)] * 3, 3)


@pytest.mark.parametrize("target", ["lesions", "organs"])
def test_simulated_scans(target):
    flat = load(target)
    assert flat.rank == 2 and flat.spacing == (3.0, 3.0)
    assert flat.patch == ((64, 64) if target == "lesions" else (96, 120))
    assert flat.window == (-100, 150) and "simulated" in flat.notes[0]
    deep = load(target, dimensions="3")
    assert deep.rank == 3 and deep.patch == scans.SIZES[target, 3][0]
    # A network of volumes makes the scans volumes, whatever is said.
    assert load(target, network="unet-3d").rank == 3
    assert load(target, window=(-50.0, 60.0)).window == (-50, 60)


def test_options_that_do_not_fit(tmp_path):
    refused("--window 60 -50: the first must be the lower", window=(60.0, -50.0))
    refused("--window 5 5: the first must be the lower", window=(5.0, 5.0))
    refused("--patch 8x8x8 has 3 axes and the scans 2", patch=[8, 8, 8])
    refused("does not exist", data=tmp_path / "absent")
    random = np.random.default_rng(0)
    for k in range(3):
        pixels = random.integers(0, 255, (30, 40), np.uint8)
        save(tmp_path / f"images/{k}.png", pixels)
        save(tmp_path / f"masks/{k}.png", (pixels > 99).astype(np.uint8))
    refused("holds images and unet-3d takes volumes: use unet", data=tmp_path, network="unet-3d")
    refused("does not say how large its voxels are", data=tmp_path, spacing=(1.0, 1.0))
    found = load(data=tmp_path)
    assert found.window is None and found.patch == (30, 40) and found.spacing == (1.0, 1.0)


def test_own_volumes_of_several_sizes_and_spacings(tmp_path):
    found = load(data=volumes(tmp_path), network="unet-3d")
    # Of 4 to 9 slices the middle of the sorted six is 7.
    assert found.rank == 3 and found.patch == (7, 5, 6)
    assert found.spacing == pytest.approx((2, 0.8, 0.8))
    other = np.diag([0.9, 0.8, 2, 1])
    save(tmp_path / "images" / "q_a.nii.gz", np.ones((6, 5, 8)), other)
    save(tmp_path / "masks" / "q_a.nii.gz", np.ones((6, 5, 8)), other)
    assert load(data=tmp_path).spacing is None
    # What is left out does not count.
    few = [
        scans.load_scans(RunOptions(data=str(tmp_path), samples=4, seed=seed), "lesions", **OWN)
        for seed in range(4)
    ]
    for each in few:
        steps = {each.cases[i]["spacing"] for i in range(len(each.cases))}
        assert (each.spacing is None) == (len(steps) > 1)
    assert len({each.spacing for each in few}) > 1
    resampled = load(data=tmp_path, spacing=(2.0, 1.6, 1.6))
    assert resampled.spacing == (2.0, 1.6, 1.6) and resampled.patch[1:] == (3, 3)


@pytest.mark.parametrize(
    ("option", "data"), [("dimensions", "here"), ("difficulty", "here"), ("spacing", None)]
)
def test_options_without_effect_are_refused(option, data):
    options = RunOptions(data=data, samples=6, given=(option,))
    with pytest.raises(KerasbioError, match=f"--{option} is of .* scans: leave it out"):
        scans.load_scans(options, "lesions", **OWN)


def test_a_network_of_volumes_takes_no_slices():
    options = RunOptions(samples=6, given=("dimensions",))
    with pytest.raises(KerasbioError, match="--dimensions 2: unet-3d takes volumes"):
        scans.load_scans(options, "organs", **OWN | {"network": "unet-3d"})


def test_the_lesions_are_the_last_class_that_a_mask_holds(tmp_path):
    (tmp_path / "classes.txt").write_text("liver\nlesion\ncyst\n")
    assert load(data=volumes(tmp_path)).last == 2 and load().last == 2


@pytest.mark.parametrize("network", scans.NETWORKS)
@pytest.mark.parametrize("width", [2, 3])
def test_networks_take_scans_of_any_size(network, width):
    found = load(network=network, patch=[8, 16, 16] if network == "unet-3d" else [16, 16])
    own = {"width": width, "levels": 3, "batch_norm": None}
    if network == "unet-3d" and width == 3:
        with pytest.raises(KerasbioError, match="--width 3: unet-3d needs an even one"):
            scans.build_network(network, found, 3, **own)
        return
    model = scans.build_network(network, found, 3, **own)
    shape = (1, *(9, 17, 22)[-found.rank :], 1)
    assert model(np.zeros(shape, np.float32)).shape == (*shape[:-1], 3)
    plain = scans.build_network(network, found, 3, **own | {"batch_norm": False})
    assert not any("norm" in layer.name for layer in plain.layers)


def test_a_patch_without_room_to_pool():
    with pytest.raises(KerasbioError, match="a patch of 7x7 voxels is too small for a U-Net"):
        scans.build_network("unet", load(patch=[7, 7]), 2, width=2, levels=3, batch_norm=None)


def test_predictions_and_what_calibration_is_drawn_from():
    disc = (np.hypot(*np.ogrid[-12:12, -15:15]) < 8).astype(np.uint8)
    cases = [{"image": disc[..., None] * 6.0 - 3, "mask": disc}] * 2

    def model(windows):
        return np.concatenate([0 * windows, windows], axis=-1)

    found = scan_scores.predict_scans(model, cases, (16, 16), 1)
    for mask, heat in zip(found.masks, found.maps, strict=True):
        np.testing.assert_array_equal(mask, disc)
        assert mask.dtype == np.uint8 and heat.dtype == np.float16
        np.testing.assert_allclose(heat, 1 / (1 + np.exp(3 - 6.0 * disc)), atol=1e-2)
    assert found.sureness.shape == (len(found.labels), 2) and len(found.labels) <= 2 * 200
    assert 0.3 < found.labels.mean() < 0.7
    assert scan_scores.predict_scans(model, cases, (16, 16), None).maps == []


def test_lesions_are_described_where_the_generator_knows_them():
    found = load(samples=12).cases
    (said,) = scan_scores.describe_cases(found, True)
    assert said.startswith(f"Lesions in {np.count_nonzero(found.labels)} of 12 held-out cases")
    assert scan_scores.describe_cases(found, False) == []
    assert scan_scores.describe_cases([{"cnr": 0.0}], True) == ["No held-out case has a lesion."]
    assert scan_scores.describe_cases([{"image": 0}], True) == []


def test_cases_are_prepared_as_the_export_prepares_them():
    case = load(samples=2).cases[0]["image"]
    prepared = prepare_scan(case, scans.SOFT_TISSUE)
    assert prepared.min() == -1 and prepared.max() <= 1 and case.min() < -900
