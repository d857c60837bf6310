"""The recipe through its command, as a user types it: volumes in NIfTI files."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from tests.command import kerasbio
from tests.test_segmentation_folder import save

TRAIN = ("train", "organ-segmentation")
SMALL = ("--width", "2", "--levels", "2")
ORGANS = ["liver", "spleen", "kidneys", "pancreas", "stomach", "aorta", "spine"]
#: Columns left, rows down, thick slices, in another order than they are read in.
AFFINE = np.array([[-1.5, 0, 0, 40], [0, 1.2, 0, -30], [0, 0, 4.0, 5], [0, 0, 0, 1]])


def read_scores(run):
    return json.loads((run / "scores.json").read_text())


def scans(folder, count=6):
    """Write volumes with a bright and a dark ball, of several sizes, of 1.5 x 1.2 x 4 mm."""
    random = np.random.default_rng(0)
    for k in range(count):
        shape = (24 + k % 2, 26, 10)
        places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) * (1.5, 1.2, 4)
        mask = np.zeros(shape, np.uint8)
        for value, centre in ((1, (10, 15, 20)), (2, (26, 15, 20))):
            centre = centre + random.normal(0, 1, 3)
            mask[np.linalg.norm(places - centre, axis=-1) < 7] = value
        image = np.array([0, 150, -150])[mask] + random.normal(0, 20, shape)
        image = ndimage.gaussian_filter(image, 0.5).astype(np.int16)
        save(folder / f"images/s{k}.nii.gz", image, AFFINE)
        save(folder / f"masks/s{k}.nii.gz", mask, AFFINE)


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    words = ("--epochs", "1", "--samples", "8", "--patch", "8x32x32", *SMALL)
    return folder, kerasbio(*TRAIN, *words, cwd=folder)


def test_run_is_complete(smoke):
    folder, done = smoke
    run = folder / "runs/organ-segmentation/unet-3d-1"
    lines = done.stdout.splitlines()
    assert lines[0] == lines[-1] == "run: runs/organ-segmentation/unet-3d-1" and done.stderr == ""
    assert "not published (a trial run)" in done.stdout
    found = read_scores(run)
    assert found["classes"] == ["background", *ORGANS]
    assert set(found["scores"]) == {"network", "thresholds", "voxel_classifier"}
    assert "lesion_sensitivity" not in found["scores"]["network"]
    assert len(list((run / "plots").glob("size_*.png"))) == len(ORGANS)
    said = json.loads((run / "export/1/assets.extra/kerasbio.json").read_text())
    assert said["window"] == [8, 32, 32] and said["spacing"] == [8, 5, 5]


def test_own_volumes_predict_on_their_own_grid_and_resume(tmp_path):
    scans(tmp_path / "scans")
    (tmp_path / "scans/classes.txt").write_text("bright\ndark\n")
    words = ("--data", "scans", "--spacing", "4", "--spacing", "1.5", "--spacing", "1.5")
    done = kerasbio(*TRAIN, *words, "--epochs", "1", "--name", "mine", *SMALL, cwd=tmp_path)
    assert done.stderr == "" and "simulated" not in done.stdout
    run = tmp_path / "runs/organ-segmentation/mine"
    assert read_scores(run)["classes"] == ["background", "bright", "dark"]
    again = kerasbio(*TRAIN, "--resume", "--name", "mine", "--epochs", "2", cwd=tmp_path)
    assert "1 of 2 epochs done" in again.stdout and "epoch 2/2" in again.stdout
    words = ("predict", "runs/organ-segmentation/mine", "scans/images/s1.nii.gz")
    done = kerasbio(*words, "--output", "masks", "--format", "json", cwd=tmp_path)
    (row,) = json.loads(done.stdout)
    assert list(row) == ["file", "output", "bright ml", "dark ml"]
    mask, image = nib.load(tmp_path / row["output"]), nib.load(tmp_path / row["file"])
    np.testing.assert_array_equal(mask.affine, image.affine)
    assert mask.shape == image.shape and mask.header.get_zooms() == image.header.get_zooms()
    values = np.asarray(mask.dataobj)
    assert values.dtype == np.uint8 and values.max() <= 2
    expected = np.sum(values == 2) * 1.5 * 1.2 * 4 / 1000
    assert row["dark ml"] == pytest.approx(expected, abs=5e-4)


@pytest.mark.large
def test_unet_3d_outlines_organs(tmp_path):
    kerasbio(*TRAIN, "--name", "a", cwd=tmp_path)
    scores = read_scores(tmp_path / "runs/organ-segmentation/a")["scores"]
    network = {name: scores["network"][f"dice_{name}"]["value"] for name in ORGANS}
    assert scores["network"]["dice"]["value"] >= 0.85 and min(network.values()) >= 0.70, network
    assert scores["thresholds"]["dice"]["value"] < 0.6
    assert (tmp_path / "saved_models/organ-segmentation/1/saved_model.pb").is_file()
