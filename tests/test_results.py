"""What follows an evaluation: published once where it is better, kept in its run where not."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from kerasbio.layers.prepare_images import PrepareImages
from kerasbio.models.cnn import build_lenet5
from kerasbio.recipes.results import finish_image_classification
from kerasbio.serving.predict import open_saved_model
from kerasbio.training.options import RunOptions
from kerasbio.training.run import open_run
from tests.report_case import CLASSES, NAMES, fabricate_comparison, fabricate_images

CASES = 60


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return build_lenet5((32, 32, 1), len(CLASSES))


def finish(output, model, comparison, **options):
    """Finish a run of a recipe and return the scores that it wrote."""
    options = {"epochs": 5, "output": str(output), "name": "a", **options}
    with open_run("diagnosis", RunOptions(**options), "lenet5") as run:
        finish_image_classification(
            run,
            model,
            comparison,
            prepare=PrepareImages(32, 1),
            images=fabricate_images(CASES, size=32),
            raw=np.random.default_rng(0).uniform(0, 255, (2, 40, 50, 1)),
            names=NAMES,
            summary=[("Network", "LeNet-5")],
            data="60 made-up cases",
            notes=[],
        )
    return json.loads((run.path / "scores.json").read_text())


def versions(path):
    return sorted(p.name for p in path.glob("*"))


def test_a_better_model_is_published_once(tmp_path, model, capsys):
    comparison = fabricate_comparison(CASES, repeats=50)
    assert comparison.beats_baseline
    shelf = tmp_path / "saved_models/diagnosis"
    finish(tmp_path, model, comparison)
    assert versions(shelf) == ["1"] and "not published" not in capsys.readouterr().out
    assert open_saved_model(shelf / "1").classes == tuple(CLASSES)
    scores = finish(tmp_path, model, comparison, resume=True)
    assert versions(shelf) == ["1"] and "1, as before" in capsys.readouterr().out
    assert (tmp_path / "runs/diagnosis/a" / scores["export"]).resolve() == shelf / "1"
    model.trainable_variables[0].assign_add(keras.ops.ones_like(model.trainable_variables[0]))
    finish(tmp_path, model, comparison, resume=True)
    assert versions(shelf) == ["1", "2"]


@pytest.mark.parametrize("why", ["a trial run", "not above its baseline"])
def test_what_must_not_be_served_stays_in_its_run(tmp_path, model, capsys, why):
    comparison = fabricate_comparison(CASES, repeats=50)
    if why != "a trial run":
        margins = {comparison.best_baseline: comparison.margin._replace(low=-0.01)}
        comparison = dataclasses.replace(comparison, margins=margins)
    finish(tmp_path, model, comparison, epochs=1 if why == "a trial run" else 5)
    assert f"not published ({why}); to publish: mkdir -p " in capsys.readouterr().out
    assert not (tmp_path / "saved_models").exists()
    assert versions(tmp_path / "runs/diagnosis/a/export") == ["1"]
