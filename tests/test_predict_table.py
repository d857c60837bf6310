"""An exported model of a table: the numbers of the network, by column, without Keras."""

import csv
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.datasets.tables.encoding import fit_encoding
from kerasbio.datasets.tables.tabular import TabularCases
from kerasbio.errors import KerasbioError
from kerasbio.export.tables import Regressand, export_table_model, input_keys
from kerasbio.layers.prepare_table import PrepareTable
from kerasbio.models.perceptron import build_mlp
from kerasbio.serving.predict import open_saved_model
from kerasbio.serving.predict_table import open_table_model, predict_table
from kerasbio.serving.versions import describe
from tests.test_cli import kerasbio

NUMERIC = ("age", "mean radius", "Größe", "größe", "class", "2nd", "a b", "a_b")
CATEGORICAL = ("sex", "ward %")
VALUES = (("f", "m"), ("ICU", "surgery, east"))
ROWS = 60


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    numbers = random.normal(50, 20, (ROWS, len(NUMERIC))).round(2)
    numbers[random.uniform(size=numbers.shape) < 0.1] = np.nan
    return TabularCases(
        numeric=NUMERIC, numbers=numbers, categorical=CATEGORICAL,
        categories=random.integers(-1, 2, (ROWS, 2)), values=VALUES, target="state",
        labels=random.integers(0, 3, ROWS), classes=("well", "ill", "class"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def encoding(table):
    return fit_encoding(table.numbers, table.categories, table.values)


@pytest.fixture(scope="module")
def network(encoding):
    keras.utils.set_random_seed(1)
    return build_mlp((encoding.width,), 3, width=16)


@pytest.fixture(scope="module")
def export(table, encoding, network, tmp_path_factory):
    shelf = tmp_path_factory.mktemp("shelf")
    return export_table_model(network, shelf, table=table, prepare=PrepareTable(encoding))


def cells(table, row):
    numbers = ["" if np.isnan(x) else f"{x:.6g}" for x in table.numbers[row]]
    codes = table.categories[row]
    return numbers + [("", *known)[c + 1] for known, c in zip(VALUES, codes, strict=True)]


@pytest.fixture(scope="module")
def file(table, tmp_path_factory):
    """The rows with their columns turned round, one more column, and an unseen category."""
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["patient", *reversed(NUMERIC + CATEGORICAL)])
        for row in range(ROWS):
            found = cells(table, row)
            if row == 7:
                found[-1] = "never seen"
            writer.writerow([f"P{row}", *reversed(found)])
    return path


@pytest.fixture(scope="module")
def rows(export, file):
    return list(predict_table(open_table_model(export), file))


def probabilities(row):
    return [row.predictions[f"probability_{name}"] for name in ("well", "ill", "class")]


def test_rows_stay_and_numbers_are_the_networks(table, encoding, network, rows):
    assert len(rows) == ROWS and rows[3].where == "line 5"
    assert list(rows[0].cells) == ["patient", *reversed(NUMERIC + CATEGORICAL)]
    assert [row.cells["patient"] for row in rows] == [f"P{i}" for i in range(ROWS)]
    features = encoding.encode(table.numbers, encoding.slots(table.categories, VALUES))
    expected = keras.ops.softmax(network(features))
    found = np.array([probabilities(row) for row in rows])
    known = np.arange(ROWS) != 7
    np.testing.assert_allclose(found[known], expected[known], atol=1e-5)
    for row in rows:
        best = int(np.argmax(probabilities(row)))
        assert row.predictions["predicted_state"] == table.classes[best]
    assert list(rows[0].predictions) == [
        "predicted_state", "probability_well", "probability_ill", "probability_class",
    ]  # fmt: skip


def test_a_request_without_keras_gives_the_same(export, rows, tmp_path):
    """Raw values, missing values and an unseen category, as a client would send them."""
    keys = {c["column"]: (c["input"], c["kind"]) for c in describe(export)["columns"]}
    request = {}
    for column, (key, kind) in keys.items():
        texts = [row.cells[column] for row in rows]
        number = kind == "number"
        request[key] = [float(t) if t else float("nan") for t in texts] if number else texts
    (tmp_path / "request.json").write_text(json.dumps(request))
    code = (
        "import sys, json; sys.modules['keras'] = sys.modules['tf_keras'] = None\n"
        "import tensorflow as tf\n"
        "loaded = tf.saved_model.load(sys.argv[1])\n"
        "request = json.load(open(sys.argv[2]))\n"
        "call = loaded.signatures['serving_default']\n"
        "print(json.dumps(call(**{k: tf.constant(v) for k, v in request.items()})"
        "['probabilities'].numpy().tolist()))"
    )
    words = [sys.executable, "-P", "-c", code, export, tmp_path / "request.json"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = np.array([probabilities(row) for row in rows])
    np.testing.assert_allclose(json.loads(done.stdout), found, atol=1e-6)


def test_prediction_needs_no_keras(export, file, rows):
    code = (
        "import sys, json; sys.modules['keras'] = sys.modules['tf_keras'] = None\n"
        "from kerasbio.serving.predict_table import open_table_model, predict_table\n"
        "rows = predict_table(open_table_model(sys.argv[1]), sys.argv[2])\n"
        "print(json.dumps([row.predictions for row in rows]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, export, file], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for found, row in zip(json.loads(done.stdout), rows, strict=True):
        assert found == pytest.approx(row.predictions, abs=1e-6)


def test_a_regression_answers_in_its_own_unit(table, encoding, tmp_path):
    values = TabularCases(
        numeric=NUMERIC, numbers=table.numbers, categorical=CATEGORICAL,
        categories=table.categories, values=VALUES, target="stay", labels=np.arange(ROWS) / 2,
    )  # fmt: skip
    network = build_mlp((encoding.width,), 1, width=8)
    path = export_table_model(
        network, tmp_path / "shelf", table=values, prepare=PrepareTable(encoding),
        values=Regressand(mean=15.0, deviation=8.0, radius=4.0, level=0.9),
    )  # fmt: skip
    (tmp_path / "one.csv").write_text(
        ",".join(f'"{n}"' for n in NUMERIC + CATEGORICAL)
        + "\n"
        + ",".join(f'"{c}"' for c in cells(table, 4))
        + "\n",
        encoding="utf-8",
    )
    (row,) = predict_table(open_table_model(path), tmp_path / "one.csv")
    slots = encoding.slots(table.categories[4:5], VALUES)
    features = encoding.encode(table.numbers[4:5], slots)
    expected = float(network(features)[0, 0]) * 8 + 15
    assert row.predictions == pytest.approx(
        {"predicted_stay": expected, "low_stay": expected - 4, "high_stay": expected + 4}, rel=1e-5
    )
    assert describe(path)["level"] == 0.9 and describe(path)["classes"] == []


def test_the_command_writes_the_rows(export, file, rows, tmp_path):
    done = kerasbio("predict", str(export), str(file), "--format", "json", cwd=tmp_path)
    assert done.stderr.startswith("note: the model does not use the column 'patient' of")
    assert done.stderr.count("\n") == 1
    for found, row in zip(json.loads(done.stdout), rows, strict=True):
        assert found == pytest.approx(row.cells | row.predictions, abs=1e-6)
    said = kerasbio("predict", str(export), str(file), "--output", "out.csv", cwd=tmp_path)
    assert said.stdout.startswith(f"out.csv: {ROWS} predictions of ")
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as stream:
        written = list(csv.DictReader(stream))
    assert [row["patient"] for row in written] == [f"P{i}" for i in range(ROWS)]
    assert float(written[9]["probability_ill"]) == pytest.approx(
        probabilities(rows[9])[1], abs=1e-6
    )
    shown = kerasbio("predict", str(export), str(file), cwd=tmp_path).stdout.splitlines()
    assert shown[0].split()[:3] == ["line", "predicted_state", "probability_well"]
    assert len(shown) == ROWS + 1 and shown[1].split()[0] == "2"
    # What was predicted is not predicted on again: its columns would be lost.
    again = kerasbio("predict", str(export), "out.csv", cwd=tmp_path)
    assert again.returncode == 1 and "'predicted_state'" in again.stderr


def rewrite(file, path, change):
    with file.open(encoding="utf-8", newline="") as stream:
        lines = list(csv.reader(stream))
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(change(lines))
    return path


def drop(lines):
    place = lines[0].index("mean radius")
    return [line[:place] + line[place + 1 :] for line in lines]


def spoil(share):
    def change(lines):
        place = lines[0].index("age")
        for row in range(1, 1 + round(share * ROWS)):
            lines[row][place] = "1,5"
        return lines

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (drop, "lacks the column 'mean radius', which "),
        (spoil(1.0), "column 'age' holds numbers in the training and here '1,5' in line 2"),
        (lambda lines: [line[:3] for line in lines], "'mean radius', 'Größe'"),
        (lambda lines: lines[:1], "names its columns and holds no row"),
    ],
)
def test_a_wrong_table_is_told_in_a_line(export, file, tmp_path, change, said):
    path = rewrite(file, tmp_path / "wrong.csv", change)
    with pytest.raises(KerasbioError, match=r"wrong\.csv") as error:
        list(predict_table(open_table_model(export), path))
    assert said in str(error.value) and "\n" not in str(error.value)
    done = kerasbio("predict", str(export), str(path), "--output", "out.csv", cwd=tmp_path)
    assert done.returncode == 1 and not (tmp_path / "out.csv").exists()


def test_few_cells_that_are_no_numbers_count_as_missing(export, file, tmp_path):
    notes = []
    path = rewrite(file, tmp_path / "few.csv", spoil(0.05))
    found = list(predict_table(open_table_model(export), path, notes.append))
    assert any("column 'age': 3 cells are no numbers and count as missing: '1,5' in line 2" in n
               for n in notes)  # fmt: skip
    empty = rewrite(path, tmp_path / "empty.csv", lambda lines: [
        ["" if cell == "1,5" else cell for cell in line] for line in lines])  # fmt: skip
    same = list(predict_table(open_table_model(export), empty))
    assert [row.predictions for row in found] == [row.predictions for row in same]


def test_a_row_is_answered_as_among_others(export, file, tmp_path):
    """Alone too, a cell that is no number counts as missing."""
    path = rewrite(file, tmp_path / "one.csv", lambda lines: spoil(0.05)(lines)[:2])
    notes = []
    (row,) = predict_table(open_table_model(export), path, notes.append)
    assert any("column 'age': 1 cell is no number and counts as missing" in n for n in notes)
    few = rewrite(file, tmp_path / "few.csv", spoil(0.05))
    assert row.predictions == pytest.approx(
        next(predict_table(open_table_model(export), few)).predictions, abs=1e-6
    )


def test_images_and_tables_are_not_mistaken_for_each_other(export, tmp_path):
    with pytest.raises(KerasbioError, match="not one image"):
        open_saved_model(export)
    two = kerasbio("predict", str(export), "a.csv", "b.csv", cwd=tmp_path)
    assert two.returncode == 2 and "one table at a time" in two.stderr
    module = tf.Module()
    module.call = tf.function(lambda x: {"probabilities": x}, [tf.TensorSpec((None, 2))])
    tf.saved_model.save(module, str(tmp_path / "other"), signatures=module.call)
    with pytest.raises(KerasbioError, match="takes no table"):
        open_table_model(tmp_path / "other")


def test_inputs_have_names_that_any_client_can_write():
    keys = input_keys((*NUMERIC, "self", "%", "$", "lambda", "x.1", "ﬁ"))
    assert len({key.lower() for key in keys.values()}) == len(keys)
    assert all(key.isidentifier() and key.isascii() for key in keys.values())
    assert keys["age"] == "age" and keys["mean radius"] == "mean_radius"
    assert keys["a_b"] == "a_b" and keys["a b"].startswith("a_b_")
    # The order of the columns does not matter.
    assert input_keys(tuple(reversed(tuple(keys)))) == keys
