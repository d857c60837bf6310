"""Predictions of an export on files: the model's own numbers, without Keras."""

import csv
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from kerasbio.errors import KerasbioError
from kerasbio.export import export_classifier
from kerasbio.layers.prepare_images import PrepareImages, prepare_image
from kerasbio.models.cnn import build_lenet5
from kerasbio.serving.predict import BATCH, open_saved_model, predict_files
from kerasbio.serving.versions import next_version
from tests.test_cli import kerasbio

CLASSES = ("healthy", "ill", "unclear")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An export, and files of each kind and of two sizes, mixed."""
    folder = tmp_path_factory.mktemp("predict")
    random = np.random.default_rng(0)
    for name, shape, largest in (
        ("a.png", (40, 50), 2**8),
        ("b.png", (33, 64), 2**16),
        ("c.tif", (40, 50), 2**16),
        ("d.jpg", (40, 50), 2**8),
        ("e.png", (33, 64), 2**8),
    ):
        pixels = random.integers(0, largest, shape, np.uint16 if largest > 256 else np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(1)
    return build_lenet5((32, 32, 1), len(CLASSES))


@pytest.fixture(scope="module")
def export(folder, network):
    return export_classifier(
        network,
        folder / "shelf",
        prepare=PrepareImages(32, 1, 0.1),
        classes=CLASSES,
        examples=np.random.default_rng(1).uniform(0, 255, (2, 40, 50, 1)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def files(folder):
    return sorted(p for p in folder.iterdir() if p.is_file())


@pytest.fixture(scope="module")
def rows(export, files):
    return predict_files(open_saved_model(export), files)


def numbers(row):
    return [row[name] for name in CLASSES]


def test_numbers_are_the_models(network, files, rows):
    assert [row["file"] for row in rows] == [str(path) for path in files] and len(rows) == 5
    for path, row in zip(files, rows, strict=True):
        with Image.open(path) as image:
            pixels = np.asarray(image).astype(np.float32)[..., None]
        logits = network(prepare_image(pixels, 32, 0.1)[None])
        np.testing.assert_allclose(numbers(row), keras.ops.softmax(logits)[0], atol=1e-5)
        assert sum(numbers(row)) == pytest.approx(1, abs=1e-5)
        assert row["class"] == max(CLASSES, key=row.get)


def test_company_does_not_change_a_prediction(export, files, rows):
    model = open_saved_model(export)
    for path, row in zip(files, rows, strict=True):
        (alone,) = predict_files(model, [path])
        np.testing.assert_allclose(numbers(alone), numbers(row), atol=1e-6)
    many = predict_files(model, [files[0]] * (BATCH + 1) + files[1:])
    expected = [rows[0]] * (BATCH + 1) + rows[1:]
    assert [row["file"] for row in many] == [row["file"] for row in expected]
    np.testing.assert_allclose(
        [numbers(row) for row in many], [numbers(row) for row in expected], atol=1e-6
    )


def test_no_keras_is_needed(export, files, rows):
    code = (
        "import sys, json; sys.modules['keras'] = sys.modules['tf_keras'] = None\n"
        "from kerasbio.serving.predict import open_saved_model, predict_files\n"
        "print(json.dumps(predict_files(open_saved_model(sys.argv[1]), sys.argv[2:])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, export, *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for row, other in zip(rows, json.loads(done.stdout), strict=True):
        np.testing.assert_allclose(numbers(row), numbers(other), atol=1e-6)


def test_table_csv_and_json_agree(folder, export, files, rows, tmp_path):
    names = [path.name for path in files]
    table = kerasbio("predict", "shelf", *names, cwd=folder).stdout.splitlines()
    assert table[0].split() == ["file", "class", *CLASSES] and len(table) == 6
    as_json = kerasbio("predict", "shelf/1", *names, "--format", "json", cwd=folder).stdout
    output = tmp_path / "p.csv"
    kerasbio("predict", "shelf", *names, "--format", "csv", "--output", str(output), cwd=folder)
    with output.open() as file:
        as_csv = list(csv.DictReader(file))
    for line, one, other, row in zip(table[1:], json.loads(as_json), as_csv, rows, strict=True):
        assert line.split()[1] == one["class"] == other["class"] == row["class"]
        np.testing.assert_allclose(numbers(one), numbers(row), atol=1e-6)
        np.testing.assert_allclose([float(other[n]) for n in CLASSES], numbers(row), atol=1e-6)
        np.testing.assert_allclose([float(v) for v in line.split()[2:]], numbers(row), atol=1e-4)


def test_nothing_is_overwritten(folder, export, tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("mine")
    words = ("predict", "shelf", "a.png", "--format", "csv", "--output", str(kept))
    done = kerasbio(*words, cwd=folder)
    assert done.returncode == 1 and "exists: choose another --output" in done.stderr
    assert kept.read_text() == "mine"


def test_a_run_is_found_wherever_its_export_went(tmp_path):
    from kerasbio.cli.predict import find_version

    def export(path, run):
        (path / "assets.extra").mkdir(parents=True)
        (path / "saved_model.pb").touch()
        (path / "assets.extra/kerasbio.json").write_text(json.dumps({"run": run}))

    run = tmp_path / "here/runs/diagnosis/a"
    run.mkdir(parents=True)
    (run / "options.json").write_text("{}")
    with pytest.raises(KerasbioError, match="or a run with an export"):
        find_version(run)
    export(run / "export/1", "a")
    assert find_version(run) == run / "export/1"
    shelf = tmp_path / "here/saved_models/diagnosis"
    shelf.mkdir(parents=True)
    (run / "export/1").rename(shelf / "3")
    export(shelf / "4", "another")
    (tmp_path / "here").rename(tmp_path / "there")
    run = tmp_path / "there/runs/diagnosis/a"
    assert find_version(run) == tmp_path / "there/saved_models/diagnosis/3"


def test_the_highest_version_answers(export, tmp_path):
    from kerasbio.cli.predict import find_version

    for version in ("2", "10", "notes"):
        (tmp_path / version).mkdir()
    for version in ("2", "10"):
        (tmp_path / version / "saved_model.pb").touch()
    (tmp_path / "11").mkdir()
    assert find_version(tmp_path).name == "10"
    # A number whose export is not whole is taken all the same.
    assert next_version(tmp_path).name == "12" and next_version(tmp_path / "new").name == "1"
    with pytest.raises(KerasbioError, match="holds no SavedModel: give saved_models/NAME/VERSION"):
        find_version(tmp_path / "notes")
    with pytest.raises(KerasbioError, match="cannot be loaded"):
        open_saved_model(tmp_path / "10")


@pytest.mark.parametrize("damage", ["zero bytes", "truncated", "corrupt", "text", "missing"])
def test_a_bad_file_is_named(folder, export, tmp_path, damage):
    bad = tmp_path / "bad.png"
    whole = (folder / "a.png").read_bytes()
    content = {
        "zero bytes": b"",
        "truncated": whole[: len(whole) // 2],
        "corrupt": whole[:500] + bytes(40) + whole[540:],
        "text": b"file,label\n",
    }
    if damage in content:
        bad.write_bytes(content[damage])
    with pytest.raises(KerasbioError, match=r"bad\.png") as error:
        predict_files(open_saved_model(export), [folder / "a.png", bad])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("model", "file", "said"),
    [
        ("shelf/7", "a.png", "shelf/7 is not a folder: give one that holds a SavedModel"),
        (".", "a.png", ". holds no SavedModel: give saved_models/NAME/VERSION, or a run"),
        ("shelf", "absent.png", "absent.png cannot be read (No such file or directory)"),
    ],
)
def test_the_command_answers_errors_in_one_line(folder, export, model, file, said):
    done = kerasbio("predict", model, "a.png", file, cwd=folder)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"Error: {said}") and done.stderr.count("\n") == 1


def test_a_class_may_be_called_class(network, folder, tmp_path):
    classes = ("file", "class", "unclear")
    raw = np.random.default_rng(1).uniform(0, 255, (2, 32, 32, 1))
    path = export_classifier(network, tmp_path, prepare=None, classes=classes, examples=raw)
    Image.fromarray(raw[0, ..., 0].astype(np.uint8)).save(tmp_path / "x.png")
    (row,) = predict_files(open_saved_model(path), [tmp_path / "x.png"])
    assert list(row) == ["file", "class", "class file", "class class", "unclear"]
    assert row["file"].endswith("x.png") and row["class"] in classes


def test_a_table_is_for_the_terminal(export, files, tmp_path):
    words = ("predict", str(export), str(files[0]), "--format", "table", "--output", "c")
    done = kerasbio(*words, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and list(tmp_path.iterdir()) == []
    assert done.stderr.startswith("Error: --output needs --format csv or --format json (")
    assert done.stderr.count("\n") == 1
