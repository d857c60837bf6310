"""tabular-diagnosis through its command: own tables, real and wrong ones, and what it learns."""

import csv
import json
import shutil

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from kerasbio.datasets.cases import Subset, split
from kerasbio.datasets.tables.tabular import load_wisconsin
from kerasbio.metrics import auroc, bootstrap_by_subject
from kerasbio.recipes.tabular_diagnosis import train_on_split
from kerasbio.training.options import RunOptions
from kerasbio.training.run import open_run
from tests.command import kerasbio

RECIPE = ("train", "tabular-diagnosis")
QUICK = ("--epochs", "2", "--repeats", "1")
RUN = "runs/tabular-diagnosis/a"


def write(path, columns, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([columns, *rows])


def patients(count=240, seed=0):
    """Rows with a label from an age, a marker and a ward, in the ways in which real ones come."""
    random = np.random.default_rng(seed)
    age, marker = random.normal(60, 12, count), random.lognormal(1, 1, count)
    ward = random.choice(["ICU", "surgery", "x"], count, p=[0.3, 0.6, 0.1])
    risk = (age - 60) / 12 + np.log(marker) - 1 + (ward == "ICU")
    ill = risk + random.logistic(0, 0.4, count) > 0.5
    rows = []
    for i in range(count):
        cells = [f"P{i // 2}", f"{age[i]:.1f}", f"{marker[i]:.3f}", ward[i], "7", "", f"note {i}"]
        if i % 11 == 0:
            cells[1] = ""
        if i == 8:
            cells[2] = "below limit"
        rows.append([*cells, "" if i % 60 == 5 else "ill" if ill[i] else "well"])
    return ["patient", "age", "marker", "ward", "site", "empty", "remark", "state"], rows


def scores(folder, run=RUN):
    return json.loads((folder / run / "scores.json").read_text())


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    write(folder / "rows.csv", *patients())
    words = ("--data", "rows.csv", "--target", "state", "--subject", "patient", "--name", "a")
    return folder, kerasbio(*RECIPE, *words, "--epochs", "12", "--repeats", "2", cwd=folder)


def test_own_table_is_told_and_learned(own):
    folder, done = own
    assert done.stderr == "" and "simulated" not in done.stdout
    for note in (
        "4 rows are left out, without 'state'",
        "column 'marker': 1 cell is no number and counts as missing: 'below limit' in line 10",
        "column 'site' is left out: it is the same throughout",
        "column 'empty' is left out: it is empty throughout",
        "column 'remark' is left out",
    ):
        assert note in done.stdout, note
    found = scores(folder)
    assert set(found["scores"]) == {"network", "logistic_regression", "gradient_boosting"}
    assert found["classes"] == ["ill", "well"] and found["subjects"] == 30
    assert found["scores"]["network"]["auroc"]["value"] > 0.8
    with (folder / RUN / "importance.csv").open() as stream:
        importance = {row["column"]: float(row["importance"]) for row in csv.DictReader(stream)}
    assert set(importance) == {"age", "marker", "ward"} and importance["marker"] > 0
    report = (folder / RUN / "report.html").read_text()
    for words in ("Capacity", "learnable parameters", "Importance of columns", "Several splits"):
        assert words in report, words
    again = json.loads((folder / RUN / "repeats/1/scores.json").read_text())
    assert again["epochs"] == 12 and set(again["scores"]) == set(found["scores"])


def test_no_patient_stands_in_what_is_published(own):
    """The card and the warm-up request show a case that is made up of medians."""
    folder, _ = own
    card = (folder / RUN / "model_card.md").read_text()
    program = card.split("```python\n")[1].split("```")[0]
    compile(program, "card", "exec")
    assert '"ward": np.array([\'' in program and "np.nan" not in program.split("body")[0]
    rows = [row for row in patients()[1] if row[1]]
    values = {row[1] for row in rows} & set(program.replace("[", " ").replace("]", " ").split())
    assert len(values) <= 1


def test_predict_on_the_same_file(own):
    folder, _ = own
    done = kerasbio("predict", RUN, "rows.csv", "--format", "json", cwd=folder)
    rows = json.loads(done.stdout)
    assert len(rows) == 240 and "'state'" in done.stderr
    right = [row["predicted_state"] == row["state"] for row in rows if row["state"]]
    assert np.mean(right) > 0.7


def test_a_resumed_run_ends_as_one_that_was_not_broken_off(own, tmp_path):
    """One that lacks its last epochs and a split goes on with both."""
    folder, _ = own
    write(tmp_path / "rows.csv", *patients())
    words = ("--data", "rows.csv", "--target", "state", "--subject", "patient", "--name", "a")
    kerasbio(*RECIPE, *words, "--epochs", "12", "--repeats", "2", cwd=tmp_path)
    (tmp_path / RUN / "repeats/1/scores.json").unlink()
    shutil.rmtree(tmp_path / RUN / "repeats/1/checkpoints")
    done = kerasbio(*RECIPE, "--resume", "--name", "a", cwd=tmp_path)
    assert "split 2 of 2" in done.stdout and "export/1, as before" in done.stdout
    for name in ("scores.json", "repeats/1/scores.json"):
        mine, other = (json.loads((f / RUN / name).read_text()) for f in (tmp_path, folder))
        assert mine["scores"] == other["scores"]
    other = kerasbio(*RECIPE, "--resume", "--name", "a", "--width", "8", cwd=tmp_path, code=1)
    assert "--width was 256 and is now 8" in other.stderr


def test_values_with_intervals(tmp_path):
    random = np.random.default_rng(0)
    columns = random.normal(size=(900, 4))
    stay = 20 + 5 * np.sin(2 * columns[:, 0]) + 3 * columns[:, 1] + random.normal(0, 1, 900)
    names = ["a", "b", "c", "d", "stay"]
    write(tmp_path / "rows.csv", names, np.column_stack([columns, stay]).round(4).tolist())
    words = ("--data", "rows.csv", "--target", "stay", "--name", "a", "--repeats", "1")
    kerasbio(*RECIPE, *words, cwd=tmp_path)
    found = scores(tmp_path)
    network = {name: score["value"] for name, score in found["scores"]["network"].items()}
    assert found["monitor"] == "r2" and network["r2"] > 0.85
    assert network["r2"] > found["scores"]["ridge_regression"]["r2"]["value"] + 0.1
    assert network["coverage_90"] == pytest.approx(0.9, abs=0.08)
    assert network["coverage_50"] == pytest.approx(0.5, abs=0.12)
    report = (tmp_path / RUN / "report.html").read_text()
    assert "Coverage of 90 % intervals" in report and "Importance of columns" in report
    done = kerasbio("predict", RUN, "rows.csv", "--format", "json", cwd=tmp_path)
    rows = json.loads(done.stdout)
    inside = [row["low_stay"] <= float(row["stay"]) <= row["high_stay"] for row in rows]
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)


def test_more_columns_than_rows(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    genes = random.normal(size=(40, 300)) + labels[:, None] * (np.arange(300) < 20)
    rows = [[*row, label] for row, label in zip(genes.round(3).tolist(), labels, strict=True)]
    write(tmp_path / "rows.csv", [*(f"gene {i}" for i in range(300)), "y"], rows)
    done = kerasbio(
        *RECIPE, "--data", "rows.csv", "--target", "y", *QUICK, "--name", "a", cwd=tmp_path
    )
    assert "more columns (300) than rows (40)" in done.stdout
    assert len((tmp_path / RUN / "importance.csv").read_text().splitlines()) == 1 + 20


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("a,b,y\n1,2,x\n", ("--target", "z"), "lacks the column 'z' of --target"),
        ("a,b,y\n1,2,x\n", (), "--data FILE needs --target COLUMN"),
        ("a,y\n1,x\n2,x\n", ("--target", "y"), "holds one class only, 'x'"),
        ("a,a,y\n1,2,x\n", ("--target", "y"), "2 columns named 'a'"),
        ("a,y\n", ("--target", "y"), "holds no row"),
        ("a,y\n7,x\n7,z\n", ("--target", "y"), "no column to tell 'y' from"),
        (
            "a,y\n1,x\n2,z\n3,x\n5,z\n",
            ("--target", "y"),
            "rows.csv, column 'y': class 'x' has 2 subjects, of 3",
        ),
        (
            "a,predicted_y,y\n1,2,x\n3,5,z\n2,2,x\n",
            ("--target", "y"),
            "has the column 'predicted_y', as a prediction will be called",
        ),
        ("a,y\n" + "".join(f'"1,{i}",{i % 2}\n' for i in range(9)), ("--target", "y"), "--decimal"),
        ("a,y\n1,x\n", ("--target", "y", "--subject", "y"), "--target and --subject"),
    ],
)
def test_a_wrong_table_is_told_in_a_line(text, words, said, tmp_path):
    (tmp_path / "rows.csv").write_text(text)
    done = kerasbio(*RECIPE, "--data", "rows.csv", *words, cwd=tmp_path, code=1)
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_options_of_files_go_with_files(tmp_path):
    done = kerasbio(*RECIPE, "--data", "wisconsin", "--target", "x", cwd=tmp_path, code=1)
    assert "leave out --target: they are for --data FILE" in done.stderr


def test_shuffled_labels_are_chance(tmp_path):
    columns, rows = patients(1600)
    labels = np.random.default_rng(3).permutation([row[-1] for row in rows])
    write(tmp_path / "rows.csv", columns, [[*r[:-1], y] for r, y in zip(rows, labels, strict=True)])
    words = ("--data", "rows.csv", "--target", "state", "--repeats", "1", "--name", "a")
    kerasbio(*RECIPE, *words, cwd=tmp_path)
    for found in scores(tmp_path)["scores"].values():
        assert found["auroc"]["value"] == pytest.approx(0.5, abs=0.09)
    assert not (tmp_path / "saved_models").exists()


def test_wisconsin_with_its_spread(tmp_path):
    words = ("--data", "wisconsin", "--epochs", "15", "--repeats", "2", "--name", "a")
    done = kerasbio(*RECIPE, *words, cwd=tmp_path)
    found = scores(tmp_path)
    assert found["scores"]["network"]["auroc"]["value"] > 0.98
    assert "569" not in done.stdout and "142 to test" in done.stdout
    assert found["beats_baseline"] or "not published (not above its baseline)" in done.stdout


@pytest.mark.large
def test_wisconsin_in_ten_times_five_folds(tmp_path):
    """Mean AUROC over repeated stratified 5-fold cross-validation, paired by case."""
    table = load_wisconsin()
    shape = {"width": 256, "depth": 2, "dropout": 0.2, "activation": "silu", "residual": False}
    options = RunOptions(
        epochs=40, batch_size=32, optimizer="adam", learning_rate=2.0, schedule="cosine",
        warmup_epochs=2.0, output=str(tmp_path), extra=shape,
    )  # fmt: skip
    folds = []
    for repeat in range(10):
        splitter = StratifiedKFold(5, shuffle=True, random_state=repeat)
        for seen, held in splitter.split(table.numbers, table.labels):
            fit, choose = split(Subset(table, seen), (0.8, 0.2), repeat)
            parts = [Subset(table, seen[part.indices]) for part in (fit, choose)]
            with open_run("wisconsin", options, "mlp") as run:
                found = train_on_split(run, table, [*parts, Subset(table, held)], repeat)
            folds.append((held, found.comparison.probabilities))

    def statistics(weights):
        means = {
            name: np.mean(
                [auroc(table.labels[h], p[name][:, 1], weights[:, h]) for h, p in folds], axis=0
            )
            for name in folds[0][1]
        }
        best = np.maximum(means["logistic_regression"], means["gradient_boosting"])
        return means | {"margin": means["network"] - best}

    found = bootstrap_by_subject(np.arange(len(table)), statistics)
    print(found)
    assert found["network"].value >= 0.99 and found["logistic_regression"].value >= 0.99
    assert found["margin"].low > -0.01
