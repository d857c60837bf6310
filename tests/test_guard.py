"""NaN and infinity stop a run and are traced to where they began."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.datasets.cases import split
from kerasbio.training.checkpoint import CheckpointStore
from kerasbio.training.fit import fit
from kerasbio.training.guard import NonFiniteError
from kerasbio.training.options import RunOptions
from kerasbio.training.run import open_run
from kerasbio.training.trainer import Trainer
from tests.tiny_run import STEPS, Stripes, tiny_network, tiny_options, train


@keras.saving.register_keras_serializable(package="tests")
class Poison(keras.layers.Layer):
    """Passes its input on until it is told to turn the output or the gradient into NaN."""

    def build(self, input_shape):
        self.output_factor = self.add_weight(name="factor", initializer="ones", trainable=False)
        self.root = self.add_weight(name="root", initializer="ones", trainable=False)
        self.zero = self.add_weight(name="zero", initializer="zeros", trainable=False)

    def call(self, inputs):
        # At root 0 this is finite and its slope is not; a literal 0 would be optimized away.
        root = keras.ops.sqrt(self.root + self.zero * inputs) - keras.ops.sqrt(self.root)
        return inputs * self.output_factor + root


def poisoned_network():
    inputs = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(3, 3, activation="tanh", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = Poison(name="poison")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))


def poison_at(calls, weight, value):
    """Return a callback that poisons once the feed was asked for data `calls` times."""
    seen = []

    def poison(model):
        seen.append(1)
        if len(seen) == calls:
            getattr(model.get_layer("poison"), weight).assign(value)

    return poison


def test_nan_in_a_middle_layer_names_the_layer(tmp_path):
    with pytest.raises(NonFiniteError) as error:
        train(
            tiny_options(tmp_path, freeze_batch_norm_at=None),
            poisoned_network,
            callbacks=[poison_at(2, "output_factor", np.nan)],
        )
    assert "epoch 1, batch 1" in str(error.value)
    assert "first layer whose output is not finite is poison" in str(error.value)
    assert "\n" not in str(error.value)


def test_infinite_slope_names_the_variable(tmp_path):
    with pytest.raises(NonFiniteError) as error:
        train(
            tiny_options(tmp_path, freeze_batch_norm_at=None),
            poisoned_network,
            callbacks=[poison_at(2, "root", 0.0)],
        )
    assert "all outputs are finite; the gradient of conv/kernel is not" in str(error.value)


class Spoiled(Stripes):
    """One case goes bad after its first reading, as a file on a failing disk would."""

    spoiled = False

    def __getitem__(self, index):
        case = super().__getitem__(index)
        if self.spoiled:
            case["image"][2, 2] = np.inf
        return case


def test_nan_in_the_data_names_the_input_and_keeps_the_checkpoint(tmp_path):
    cases = Spoiled()
    with pytest.raises(NonFiniteError) as error:
        # Resumed runs read anew, so that the second epoch meets the spoiled file.
        train(tiny_options(tmp_path, epochs=1), cases=cases)
        cases.spoiled = True
        train(tiny_options(tmp_path, epochs=2, resume=True, given=("epochs",)), cases=cases)
    assert "epoch 2, batch 1: input image is not finite in case(s) 0, 1, 2" in str(error.value)
    assert f"checkpoint step-{STEPS:09d} is kept" in str(error.value)
    store = CheckpointStore(tmp_path / "runs/tiny/a/checkpoints")
    arrays = store.newest().arrays
    assert all(np.isfinite(a).all() for group in arrays.values() for a in group.values())


def test_of_several_steps_a_call_the_batch_is_named(tmp_path):
    cases = Spoiled()
    cases.spoiled = True
    with pytest.raises(NonFiniteError) as error:
        train(tiny_options(tmp_path, epochs=1), cases=cases, steps_per_execution=2)
    assert "epoch 1, batch 1: input image is not finite" in str(error.value)


class Held(Stripes):
    """Cases of which those are spoiled that are held out to validate."""

    def __getitem__(self, index):
        case = super().__getitem__(index)
        if index in self.held:
            case["image"][2, 2] = np.nan
        return case


def test_a_validation_that_is_not_finite_is_told_as_such(tmp_path):
    cases = Held()
    cases.held = set(split(Stripes(), (2 / 3, 1 / 6, 1 / 6), seed=0)[1].indices.tolist())
    with pytest.raises(NonFiniteError, match="epoch 1: val_loss is not finite, and all gradients"):
        train(tiny_options(tmp_path, epochs=1, freeze_batch_norm_at=None), cases=cases)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.flatten = keras.layers.Flatten()
        self.logits = keras.layers.Dense(2)

    def call(self, inputs):
        return self.logits(self.flatten(inputs))


def test_a_subclassed_model_is_traced_too(tmp_path):
    cases = Spoiled()
    cases.spoiled = True
    with pytest.raises(NonFiniteError, match="batch 1: input .*is not finite in case"):
        train(tiny_options(tmp_path, freeze_batch_norm_at=None), Subclassed, cases=cases)


class Draws(Trainer):
    """Takes three updates in a step, one of which meets a bad draw."""

    updates_per_step = 3

    def __init__(self, bad):
        layers = [keras.Input((2,)), keras.layers.Dense(1, name="logits")]
        super().__init__({"network": keras.Sequential(layers)}, "draws")
        self.bad, self.drawn = bad, tf.Variable(0, trainable=False)

    def train_step(self, data):
        for _ in range(3):
            factor = tf.where(self.bad(self.drawn), np.nan, 1.0)
            self.drawn.assign_add(1)
            network = self.networks["network"]
            loss = self.minimize("network", lambda: tf.reduce_sum(network(data) * factor))  # noqa: B023
        return {"loss": loss}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda drawn: tf.equal(drawn % 3, 1), "outputs are finite; the gradient of sequential"),
        (lambda drawn: tf.equal(drawn, 4), r"sequential\S* was not, on random draws that do not"),
    ],
)
def test_one_of_several_updates_is_enough(tmp_path, bad, words):
    model = Draws(bad)
    model.compile({"network": keras.optimizers.SGD(0.1)})
    data = tf.data.Dataset.from_tensors(tf.ones((1, 2))).repeat(4)
    with open_run("tiny", RunOptions(epochs=1, output=str(tmp_path)), "tiny") as run:
        with pytest.raises(NonFiniteError, match=words):
            fit(run, model, lambda epoch, skip: data.skip(skip), 4, monitor=("loss", "min"))
    assert all(np.isfinite(w.numpy()).all() for w in model.weights)


def unbounded_network():
    inputs = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Flatten(name="flatten")(inputs)
    for depth in range(3):
        x = keras.layers.Dense(8, name=f"hidden{depth}")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))


def test_an_exploding_rate_is_told(tmp_path):
    options = tiny_options(
        tmp_path, learning_rate=1e22, clip_norm=None, schedule="constant", warmup_epochs=None
    )
    with pytest.raises(NonFiniteError, match="hidden|logits") as error:
        train(options, unbounded_network)
    assert "lower --learning-rate" in str(error.value)


def test_a_sound_run_is_not_stopped(tmp_path):
    model = train(tiny_options(tmp_path, epochs=1), tiny_network)
    assert all(np.isfinite(w.numpy()).all() for w in model.weights)
