"""The recipe through its command, as a user types it, and what it says of wrong files."""

import gzip
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import ndimage

from kerasbio.cli.main import main
from kerasbio.datasets.phantoms.abdominal_ct import AbdominalCT
from tests.command import kerasbio
from tests.test_dicom_files import write_series
from tests.test_segmentation_folder import save

TRAIN = ("train", "tumor-segmentation")
SMALL = ("--width", "4", "--levels", "3")


def read_scores(run):
    return json.loads((run / "scores.json").read_text())


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smoke")
    return folder, kerasbio(*TRAIN, "--epochs", "1", "--samples", "40", *SMALL, cwd=folder)


def test_run_is_complete(smoke):
    folder, done = smoke
    run = folder / "runs/tumor-segmentation/unet-1"
    lines = done.stdout.splitlines()
    assert lines[0] == lines[-1] == "run: runs/tumor-segmentation/unet-1"
    assert lines[1].startswith("data: simulated CT of the liver, to segment into liver, lesion: ")
    assert done.stderr == "" and "\r" not in done.stdout
    assert "not published (a trial run)" in done.stdout
    for name in ("metrics.csv", "gradients.csv", "model_card.md", "report.html", "plots"):
        assert (run / name).exists(), name
    assert not (folder / "saved_models").exists()


def test_scores_stand_beside_both_baselines(smoke):
    found = read_scores(smoke[0] / "runs/tumor-segmentation/unet-1")
    assert set(found["scores"]) == {"network", "thresholds", "voxel_classifier"}
    assert found["classes"] == ["background", "liver", "lesion"]
    for scores in found["scores"].values():
        assert {"dice_lesion", "hd95_liver", "froc", "case_auroc", "lesion_sensitivity"} <= set(
            scores
        )
    text = (smoke[0] / "runs/tumor-segmentation/unet-1/report.html").read_text()
    for heading in ("Scores", "Held-out cases", "Error against size", "Lesions found"):
        assert f"<h2>{heading}</h2>" in text


def test_predict_on_images(smoke):
    folder, _ = smoke
    case = AbdominalCT(1, shape=(96, 120), spacing=(3.0, 3.0), target="lesions", seed=9)[0]
    np.save(folder / "a.npy", case["image"])
    np.savez(folder / "b.npz", image=case["image"], spacing=np.array([3.0, 3.0]))
    Image.fromarray(np.clip(case["image"][..., 0], 0, 255).astype(np.uint8)).save(folder / "c.png")
    run = "runs/tumor-segmentation/unet-1"
    words = ("predict", run, "a.npy", "b.npz", "c.png", "--output", "masks")
    rows = json.loads(kerasbio(*words, "--format", "json", cwd=folder).stdout)
    assert [row["output"] for row in rows] == [
        "masks/a_mask.npy", "masks/b_mask.npy", "masks/c_mask.png",
    ]  # fmt: skip
    masks = [np.load(folder / f"masks/{name}_mask.npy") for name in "ab"]
    np.testing.assert_array_equal(*masks)
    with Image.open(folder / "masks/c_mask.png") as image:
        assert image.size == (120, 96) and np.asarray(image).max() <= 2
    assert rows[0]["liver voxels"] == np.sum(masks[0] == 1)
    runner = CliRunner()

    def predict(*more):
        path = folder / run
        return runner.invoke(main, ["predict", str(path), str(folder / "a.npy"), *more])

    one = predict("--output", str(folder / "one.npy"))
    assert one.exit_code == 0 and one.stdout.split()[:2] == ["file", "output"]
    np.testing.assert_array_equal(np.load(folder / "one.npy"), masks[0])
    other = predict("--output", str(folder / "other"), "--format", "csv")
    assert other.exit_code == 0, other.output
    rows = other.stdout.splitlines()
    assert rows[0] == "file,output,liver voxels,lesion voxels" and len(rows) == 2
    again = predict("--output", str(folder / "one.npy"))
    assert again.exit_code == 1 and again.stderr.endswith("one.npy exists: choose another name\n")
    two = predict(str(folder / "c.png"), "--output", str(folder / "two.npy"))
    assert two.exit_code == 2 and "one scan at a time, or a folder" in two.stderr


def cells(folder, count=9, shuffled=False):
    """Write PNG pairs: bright discs on noise, of several sizes of image."""
    random = np.random.default_rng(0)
    pairs = []
    for k in range(count):
        shape = (30 + k % 3, 40)
        mask = np.zeros(shape, bool)
        for _ in range(3):
            row, column = random.integers(5, 26), random.integers(5, 36)
            mask |= np.hypot(*np.ogrid[-row : shape[0] - row, -column : 40 - column]) < 4
        image = 90 + 80 * ndimage.gaussian_filter(mask * 1.0, 1) + random.normal(0, 8, shape)
        pairs.append((np.clip(image, 0, 255).astype(np.uint8), mask))
    masks = [mask for _, mask in pairs]
    if shuffled:
        masks = [np.roll(masks[(k + 3) % count], (7, 15), (0, 1)) for k in range(count)]
    for k, ((image, _), mask) in enumerate(zip(pairs, masks, strict=True)):
        save(folder / f"images/c{k}_1.png", image)
        save(folder / f"masks/c{k}_1.png", (mask * 255).astype(np.uint8))


def test_own_images_and_resume(tmp_path):
    cells(tmp_path / "my cells")
    (tmp_path / "my cells/classes.txt").write_text("cell\n")
    window = ("--window", "0", "255")
    words = (*TRAIN, "--data", "my cells", "--name", "mine", *SMALL, *window)
    done = kerasbio(*words, "--epochs", "1", "--batch-size", "3", cwd=tmp_path)
    assert done.stderr == "" and "simulated" not in done.stdout
    assert "does not say how large a voxel is" in done.stdout
    run = tmp_path / "runs/tumor-segmentation/mine"
    assert read_scores(run)["classes"] == ["background", "cell"]
    words = (*TRAIN, "--resume", "--name", "mine", "--epochs", "2", *window)
    again = kerasbio(*words, cwd=tmp_path)
    assert "1 of 2 epochs done" in again.stdout and "epoch 2/2" in again.stdout
    assert again.stderr == ""
    assert len((run / "metrics.csv").read_text().splitlines()) == 3


def test_dry_run(tmp_path):
    done = kerasbio(*TRAIN, "--dry-run", *SMALL, cwd=tmp_path)
    assert "not published (a trial run)" in done.stdout and done.stderr == ""


def deep(folder, count=4):
    random = np.random.default_rng(0)
    for k in range(count):
        save(folder / f"images/v{k}.nii.gz", random.normal(size=(9, 8, 7)).astype(np.float32))
        save(folder / f"masks/v{k}.nii.gz", random.integers(0, 3, (9, 8, 7)).astype(np.uint8))
    return folder / "images/v1.nii.gz", folder / "masks/v1.nii.gz"


def other_shape(image, mask):
    save(mask, np.ones((9, 8, 6), np.uint8))


def beyond_names(image, mask):
    (mask.parents[1] / "classes.txt").write_text("liver\n")


def not_a_number(image, mask):
    values = np.zeros((9, 8, 7), np.float32)
    values[1, 2, 3] = np.nan
    save(image, values)


def four_axes(image, mask):
    save(image, np.zeros((9, 8, 7, 5), np.float32))


def huge_header(image, mask):
    content = bytearray(gzip.decompress(image.read_bytes()))
    content[40:56] = np.array([3, 10_000, 10_000, 10_000, 1, 1, 1, 1], "<i2").tobytes()
    image.write_bytes(gzip.compress(bytes(content)))


def truncated(image, mask):
    content = image.read_bytes()
    image.write_bytes(content[: len(content) // 2])


def missing_slice(image, mask):
    image.unlink()
    pixels = np.random.default_rng(0).integers(0, 99, (6, 8, 9), np.uint16)
    series = image.with_name("v1")
    write_series(series, pixels)
    sorted(series.iterdir())[2].unlink()
    mask.unlink()
    save(mask, np.ones((9, 8, 5), np.uint8))


def no_foreground(image, mask):
    for file in mask.parent.iterdir():
        save(file, np.zeros((9, 8, 7), np.uint8))


def halves(image, mask):
    save(mask, np.full((9, 8, 7), 0.5, np.float32))


def no_mask(image, mask):
    mask.unlink()


@pytest.mark.parametrize(
    ("spoil", "named", "words"),
    [
        (other_shape, "masks/v1.nii.gz", "6 x 8 x 9 voxels"),
        (beyond_names, "masks/v0.nii.gz", "holds class 2"),
        (not_a_number, "images/v1.nii.gz", ""),
        (four_axes, "images/v1.nii.gz", ""),
        (huge_header, "images/v1.nii.gz", "voxels"),
        (truncated, "images/v1.nii.gz", ""),
        (missing_slice, "images/v1", ""),
        (no_foreground, "", "no foreground in any mask"),
        (halves, "masks/v1.nii.gz", ""),
        (no_mask, "images/v1.nii.gz", "has no mask"),
    ],
)
def test_wrong_files_are_one_line(tmp_path, spoil, named, words):
    spoil(*deep(tmp_path / "scans"))
    output = str(tmp_path / "out")
    done = CliRunner().invoke(
        main, [*TRAIN, "--data", str(tmp_path / "scans"), "--output", output, "--dry-run", *SMALL]
    )
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert named in done.stderr and words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_patch_that_does_not_fit_is_one_line(tmp_path):
    cells(tmp_path / "images")
    for patch, words in (
        ("64x64", "larger than the smallest"),
        ("8x8x8", "3 axes"),
        ("4x4", "too small"),
    ):
        done = CliRunner().invoke(
            main,
            [
                *TRAIN, "--data", str(tmp_path / "images"), "--output", str(tmp_path),
                "--dry-run", "--patch", patch, "--name", patch,
            ],
        )  # fmt: skip
        assert done.exit_code == 1, done.output
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
        assert words in done.stderr, done.stderr
    assert "--patch: '9' is not of the form" in kerasbio(
        *TRAIN, "--patch", "9", cwd=tmp_path, code=2
    ).stderr.replace("'--patch'", "--patch")


@pytest.mark.large
def test_shuffled_masks_are_chance(tmp_path):
    cells(tmp_path / "cells", 60, shuffled=True)
    words = ("--data", "cells", "--epochs", "10", "--name", "a", *SMALL)
    kerasbio(*TRAIN, *words, cwd=tmp_path)
    found = read_scores(tmp_path / "runs/tumor-segmentation/a")["scores"]
    # All foreground, the best that knows nothing, has a Dice of 2 p / (1 + p).
    share = np.mean(
        [np.asarray(Image.open(file)).mean() / 255 for file in (tmp_path / "cells/masks").iterdir()]
    )
    assert found["network"]["dice"]["value"] < 2 * share / (1 + share) + 0.05


@pytest.mark.large
def test_unet_finds_lesions(tmp_path):
    kerasbio(*TRAIN, "--name", "a", cwd=tmp_path)
    found = read_scores(tmp_path / "runs/tumor-segmentation/a")
    values = {name: scores["dice_lesion"]["value"] for name, scores in found["scores"].items()}
    best = max(values["thresholds"], values["voxel_classifier"])
    assert found["subjects"] >= 100
    assert 0.3 <= best <= 0.7 and values["network"] >= best + 0.15
    assert found["margin"]["low"] > 0
    assert (tmp_path / "saved_models/tumor-segmentation/1/saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--patch", "9x9x9"), "--patch 9x9x9 is larger than the smallest scan along each axis"),
        (("--patch", "8x8"), "--patch 8x8 has 2 axes and the scans 3"),
        (("--spacing", "2"), "--spacing: spacing must be 3 positive lengths in mm"),
    ],
)
def test_wrong_options_are_one_line(tmp_path, options, words):
    deep(tmp_path / "scans")
    given = ("--data", str(tmp_path / "scans"), "--output", str(tmp_path), "--dry-run", *options)
    done = CliRunner().invoke(main, [*TRAIN, *given])
    assert done.exit_code == 1, done.output
    assert words in done.output and len(done.output.splitlines()) == 1
