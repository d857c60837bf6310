"""Every recipe through its command, at its smallest size, and what each has learned."""

import json

import numpy as np
import pytest

from kerasbio.datasets.gene_network import GeneNetwork
from kerasbio.recipes import RECIPES
from tests.command import kerasbio

#: Those that are not tested in a file of their own.
NAMES = [recipe.name for recipe in RECIPES if recipe.name != "image-diagnosis"]
NODES = "id,label,a\n" + "".join(f"n{i},{'xy'[i % 2]},{i}\n" for i in range(8))
#: The shared callbacks, the same words for every recipe.
SHARED = ("--clip-norm", "1", "--schedule", "cosine", "--freeze-batch-norm-at", "1")


@pytest.mark.parametrize("name", NAMES)
def test_smoke_run_is_complete(name, tmp_path):
    done = kerasbio("train", name, "--epochs", "1", "--samples", "64", *SHARED, cwd=tmp_path)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == lines[-1] and lines[0].startswith(f"run: runs/{name}/")
    run = tmp_path / lines[0].removeprefix("run: ")
    for file in ("options.json", "metrics.csv", "scores.json", "model_card.md", "report.html"):
        assert (run / file).is_file(), file
    assert (run / "export/1/saved_model.pb").is_file() and not (tmp_path / "saved_models").exists()
    scores = json.loads((run / "scores.json").read_text())
    # Who knows the causes of a scan still does not know its mask.
    oracle = set() if name.endswith("segmentation") else {"oracle"}
    assert {"network", scores["best_baseline"], *oracle} <= set(scores["scores"])
    report = (run / "report.html").read_text()
    assert "clip norm 1" in report and "cosine schedule" in report
    assert "implied" in done.stdout and "implied" in report


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("gene-network", {}, "absent"),
        ("gene-network", {"own/nodes.csv": NODES}, "edges.csv"),
        ("adaptive-diagnostics", {"own": "name,cost\n"}, "name,sensitivity,specificity,cost"),
        ("image-synthesis", {"own/readme.txt": "nothing"}, "holds neither"),
    ],
)
def test_wrong_data_are_told_in_a_line(name, files, words, tmp_path):
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    data = "own" if files else "absent"
    done = kerasbio("train", name, "--data", data, cwd=tmp_path, code=1)
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_own_tests_of_another_disease(tmp_path):
    (tmp_path / "tests.csv").write_text(
        "name,sensitivity,specificity,cost\nstrip,0.8,0.9,1\nculture,0.95,0.98,5\n"
    )
    words = ("--data", "tests.csv", "--prior", "0.4", "--epochs", "2", "--samples", "6400")
    kerasbio("train", "adaptive-diagnostics", *words, "--name", "a", cwd=tmp_path)
    (tmp_path / "tests.csv").write_text("name,sensitivity,specificity,cost\nstrip,0.8,0.9,1\n")
    again = kerasbio(
        "train", "adaptive-diagnostics", "--resume", "--name", "a", cwd=tmp_path, code=1
    )
    assert "cannot be resumed with other data" in again.stderr


def test_shuffled_labels_are_chance(tmp_path):
    network = GeneNetwork(1000, seed=5)
    genes, labels = network.subjects, np.random.default_rng(0).permutation(network.labels)
    rows = np.column_stack([genes, labels, network.features])
    header = ",".join(["id", "label", *network.feature_names])
    np.savetxt(tmp_path / "nodes.csv", rows, "%s", delimiter=",", header=header, comments="")
    np.savetxt(
        tmp_path / "edges.csv",
        genes[network.edges],
        "%s",
        delimiter=",",
        header="source,target",
        comments="",
    )
    kerasbio("train", "gene-network", "--data", str(tmp_path), "--name", "a", cwd=tmp_path)
    found = json.loads((tmp_path / "runs/gene-network/a/scores.json").read_text())
    for name in ("network", "label_propagation", "logistic_regression"):
        assert found["scores"][name]["auroc"]["value"] == pytest.approx(0.5, abs=0.05)
    assert not (tmp_path / "saved_models").exists()


@pytest.mark.large
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_it_learns(name, seed, tmp_path):
    kerasbio("train", name, "--seed", str(seed), "--name", "a", cwd=tmp_path)
    scores = json.loads((tmp_path / f"runs/{name}/a/scores.json").read_text())
    assert all(margin["low"] > 0 for margin in scores["margins"].values())
    assert scores.get("share_of_gap", 1) >= 0.9
    if name == "tabular-diagnosis":
        found = {p: s["auroc"]["value"] - 0.5 for p, s in scores["scores"].items()}
        assert found["network"] >= 0.95 * found["oracle"]
        assert scores["margins"]["logistic_regression"]["low"] >= 0.05
    assert (tmp_path / f"saved_models/{name}/1/saved_model.pb").is_file()
