"""Every shape of training goes on bitwise where it was broken off, and says where NaN began."""

import json
import os
import signal
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasbio.training import checkpointing
from kerasbio.training.checkpoint import CheckpointStore
from kerasbio.training.guard import NonFiniteError
from tests.shapes import SHAPES, train_shape
from tests.tiny_run import final, in_child, tiny_options

on_every_shape = pytest.mark.parametrize("name", SHAPES)


FIXED = {}
#: What follows the course of a run must be taken up where it was left.
FOLLOWING = {
    "schedule": "plateau",
    "clip_norm": None,
    "clip_adaptive": 40.0,
    "freeze_batch_norm_at": None,
    "batch_norm_momentum": [0.5, 0.9],
    "reestimate_batch_norm": True,
}


@pytest.mark.parametrize("settings", [FIXED, FOLLOWING], ids=["fixed", "following"])
@on_every_shape
def test_resume_is_bitwise(name, settings, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"

    def stopped():
        original = checkpointing.Checkpointing.on_train_batch_end
        batches = []

        def signalled(self, batch, logs=None):
            batches.append(batch)
            if len(batches) == 6:
                os.kill(os.getpid(), signal.SIGTERM)
            original(self, batch, logs)

        checkpointing.Checkpointing.on_train_batch_end = signalled
        learn(tiny_options(broken, **settings))

    def learn(options):
        model = train_shape(name, options)
        ends = [w.tolist() for w in model.get_weights()]
        Path(options.output, "weights.json").write_text(json.dumps(ends))

    assert in_child(lambda: learn(tiny_options(whole, **settings))) == 0
    assert in_child(stopped) == 143
    assert CheckpointStore(broken / "runs/tiny/a/checkpoints").newest().state["batch"] == 2
    assert in_child(lambda: learn(tiny_options(broken, resume=True))) == 0
    ours, theirs = final(broken), final(whole)
    assert ours[0].keys() == theirs[0].keys()
    assert [key for key in ours[0] if ours[0][key] != theirs[0][key]] == []
    assert ours[1:] == theirs[1:]
    # What is evaluated and exported too, and once more where nothing was left to do.
    assert in_child(lambda: learn(tiny_options(tmp_path / "whole", resume=True))) == 0
    assert (whole / "weights.json").read_text() == (broken / "weights.json").read_text()


@on_every_shape
def test_nan_is_traced_to_its_layer(name, tmp_path):
    def spoil(model):
        networks = list(getattr(model, "networks", {"": model}).values())
        # The last affine layer of the last network, so that those before it are sound.
        layer = [each for each in networks[-1].layers if each.trainable_variables][-1]
        value = layer.trainable_variables[0]
        value.assign(np.full(value.shape, np.nan))
        spoil.name = layer.name

    with pytest.raises(NonFiniteError) as error:
        train_shape(name, tiny_options(tmp_path, freeze_batch_norm_at=None), spoil)
    said = str(error.value)
    assert "epoch 1, batch 1: the first layer whose output is not finite is" in said
    assert spoil.name in said and "\n" not in said


def test_no_thread_tunes_what_fit_waits_for(tmp_path, monkeypatch):
    given = []
    whole = keras.Model.fit

    def spy(self, data, **settings):
        given.extend([data, settings["validation_data"]])
        return whole(self, data, **settings)

    monkeypatch.setattr(keras.Model, "fit", spy)
    train_shape("graph", tiny_options(tmp_path, epochs=1))
    tuned = [data.options().autotune.enabled for data in given if data is not None]
    assert tuned and not any(flag is not False for flag in tuned)
