"""The shared callbacks, by what they do to weights, statistics and rates."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.callbacks import (
    BatchNormalizationControl,
    GradientClipping,
    GradientHealth,
    LearningRateSchedule,
    gradient_clipping,
    reestimate_batch_normalization,
)
from kerasbio.callbacks.hook import Stage, attach
from kerasbio.callbacks.remedies import vanishing_remedies

ROWS, FEATURES = 12, 5


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    return x, (10 * x.sum(1, keepdims=True)).astype(np.float32)


def linear(rate=1.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((FEATURES,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def normalized():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((FEATURES,)), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def step(model, data, callbacks=(), **kwargs):
    """Fit and return the change of each trainable weight."""
    before = [w.numpy() for w in model.trainable_weights]
    settings = {"batch_size": ROWS, "epochs": 1, "verbose": 0, "shuffle": False, **kwargs}
    model.fit(*data, callbacks=list(callbacks), **settings)
    return [w.numpy() - b for w, b in zip(model.trainable_weights, before, strict=True)]


def total_norm(changes):
    return np.sqrt(sum((c**2).sum() for c in changes))


def test_global_norm(data):
    raw = step(linear(1e-3), data)
    clipped = step(linear(1.0), data, [GradientClipping(norm=0.5)])
    assert total_norm(clipped) == pytest.approx(0.5, rel=1e-5)
    # One factor for all: the direction stays.
    for r, c in zip(raw, clipped, strict=True):
        np.testing.assert_allclose(r / total_norm(raw), c / 0.5, rtol=1e-4)


def test_variable_norm(data):
    changes = step(linear(), data, [GradientClipping(variable_norm=0.25)])
    for change in changes:
        assert np.linalg.norm(change) == pytest.approx(0.25, rel=1e-5)


def test_value(data):
    changes = step(linear(), data, [GradientClipping(value=0.125)])
    assert max(np.abs(c).max() for c in changes) == pytest.approx(0.125)


def test_adaptive_limit_is_a_percentile_of_the_norms_so_far(data):
    # At a rate of 0 the gradient changes with the batch alone.
    model, batches, norms = linear(0.0), 6, []
    x, y = data
    for i in range(batches):
        rows = slice(2 * i, 2 * i + 2)
        residual = x[rows] @ model.layers[0].kernel.numpy() - y[rows]
        norms.append(np.hypot(np.linalg.norm(x[rows].T @ residual), residual.sum()))
    seen = Norms()
    step(model, data, [GradientClipping(adaptive=60), seen], batch_size=2)
    for i, clipped in enumerate(seen.norms):
        assert clipped == pytest.approx(min(norms[i], np.percentile(norms[: i + 1], 60)), rel=1e-4)
    again = Norms()
    step(model, data, [GradientClipping(adaptive=60), again], batch_size=2)
    assert again.norms == pytest.approx(seen.norms)


class Norms(keras.callbacks.Callback):
    """The norm of what comes to the update, by a stage that comes after clipping."""

    class Look(Stage):
        order = 9

        def __init__(self, optimizer):
            super().__init__(optimizer)
            self.norm = tf.Variable(0.0, trainable=False)

        def __call__(self, gradients, variables):
            self.norm.assign(tf.linalg.global_norm(gradients))
            return gradients

    def on_train_begin(self, logs=None):
        self.norms = []
        (self.stage,) = attach(self.model, self.Look).values()

    def on_train_batch_end(self, batch, logs=None):
        self.norms.append(float(self.stage.norm))


def test_adaptive_limit_forgets_and_takes_no_norm_that_is_not_finite(monkeypatch):
    monkeypatch.setattr(gradient_clipping, "HISTORY", 3)
    stage = gradient_clipping.ClippingStage(keras.optimizers.SGD())
    limit = tf.function(stage._percentile)
    stage.limit.assign(50.0)
    assert np.isinf(limit([tf.constant(np.inf)]))
    seen = []
    for norm in (4.0, 2.0, np.nan, 9.0, 8.0, 1.0, np.inf):
        found = float(limit([tf.constant([norm, 0.0])]))
        seen = [*seen, norm][-3:] if np.isfinite(norm) else seen
        assert found == pytest.approx(np.median(seen))
        np.testing.assert_allclose(stage.remembered(), seen)
    copy = gradient_clipping.ClippingStage(keras.optimizers.SGD())
    copy.remember(stage.remembered().tolist())
    np.testing.assert_array_equal(copy.remembered(), stage.remembered())


def test_adaptive_limit_of_batches_without_a_gradient(data):
    model = linear(1e-3)
    weights = np.repeat([0.0, 1.0], 6).astype(np.float32)
    control = GradientClipping(adaptive=10)
    model.fit(*data, 6, 2, verbose=0, shuffle=False, sample_weight=weights, callbacks=[control])
    assert all(np.isfinite(w).all() for w in model.get_weights())


def embedding():
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((4,), dtype="int32"),
        keras.layers.Embedding(3, 2),
        keras.layers.Flatten(),
    ]
    model = keras.Sequential([*layers, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    return model


@pytest.mark.parametrize(
    ("limit", "measure"),
    [
        ({"norm": 0.1}, lambda changes: total_norm(changes)),
        ({"variable_norm": 0.1}, lambda changes: np.linalg.norm(changes[0])),
        ({"value": 0.1}, lambda changes: np.abs(changes[0]).max()),
    ],
)
def test_rows_of_an_embedding_that_occur_many_times(limit, measure):
    words = np.ones((ROWS, 4), np.int32), np.full((ROWS, 1), 100, np.float32)
    assert measure(step(embedding(), words, [GradientClipping(**limit)])) == pytest.approx(0.1)


def test_callbacks_refuse_several_replicas(data):
    devices = tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([devices[0].name])
    with strategy.scope():
        model = linear()
    step(model, data, [GradientClipping(norm=1.0)])
    model._distribute_strategy = type("Two", (), {"num_replicas_in_sync": 2})()
    with pytest.raises(ValueError, match="one replica.*Received: 2 replicas"):
        attach(model, gradient_clipping.ClippingStage)


def test_small_gradients_are_left_alone(data):
    np.testing.assert_array_equal(
        step(linear(1e-3), data)[0], step(linear(1e-3), data, [GradientClipping(norm=1e9)])[0]
    )


def test_second_fit_with_another_limit_then_without(data):
    model = linear()
    assert total_norm(step(model, data, [GradientClipping(norm=0.5)])) == pytest.approx(0.5)
    assert total_norm(step(model, data, [GradientClipping(norm=0.25)])) == pytest.approx(0.25)
    assert np.abs(step(model, data, [GradientClipping(value=0.1)])[0]).max() == pytest.approx(0.1)
    assert total_norm(step(model, data)) > 5


def test_clipping_added_after_a_plain_fit(data):
    model = linear(1e-6)
    step(model, data)
    model.optimizer.learning_rate = 1.0
    assert total_norm(step(model, data, [GradientClipping(norm=0.5)])) == pytest.approx(0.5)


def test_clipping_from_a_later_epoch(data):
    change = step(linear(), data, [GradientClipping(norm=0.5)], initial_epoch=3, epochs=4)
    assert total_norm(change) == pytest.approx(0.5)


def test_changing_a_setting_traces_nothing_anew(data):
    model = linear()
    step(model, data, [GradientClipping(norm=0.5), LearningRateSchedule("constant")])
    function = model.train_function
    step(model, data, [GradientClipping(value=0.1), LearningRateSchedule("step")])
    assert model.train_function is function


@pytest.mark.parametrize("limits", [{}, {"norm": 1.0, "value": 1.0}, {"norm": 0.0}])
def test_wrong_limits(limits):
    with pytest.raises(ValueError, match="exactly one of norm.*Received"):
        GradientClipping(**limits)
    with pytest.raises(ValueError, match="percentile.*Received: adaptive=101"):
        GradientClipping(adaptive=101)


class Rates(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rates = []

    def on_train_batch_end(self, batch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


def rates(model, data, schedule, **kwargs):
    seen = Rates()
    step(model, data, [schedule, seen], **{"batch_size": 3, "epochs": 4, **kwargs})
    return np.array(seen.rates)


def test_constant_after_warmup(data):
    seen = rates(linear(1e-3), data, LearningRateSchedule("constant", warmup_epochs=1))
    np.testing.assert_allclose(seen / 1e-3, [0.25, 0.5, 0.75, *[1] * 13], rtol=1e-6)


def test_step(data):
    seen = rates(linear(1e-3), data, LearningRateSchedule("step"))
    np.testing.assert_allclose(seen / 1e-3, [*[1] * 8, *[0.1] * 4, *[0.01] * 4], rtol=1e-6)


def test_cosine(data):
    seen = rates(linear(1e-3), data, LearningRateSchedule("cosine", warmup_epochs=1))
    t = np.arange(12) / 12
    expected = 0.01 + 0.99 * (1 + np.cos(np.pi * t)) / 2
    np.testing.assert_allclose(seen[4:] / 1e-3, expected, rtol=1e-5)


def test_exponential(data):
    seen = rates(linear(1e-3), data, LearningRateSchedule("exponential"))
    np.testing.assert_allclose(seen / 1e-3, 0.01 ** (np.arange(16) / 16), rtol=1e-5)


def test_one_cycle(data):
    seen = rates(linear(1e-3), data, LearningRateSchedule("one-cycle"), epochs=25) / 1e-3
    rising, falling = np.arange(30) / 30, np.arange(70) / 70
    expected = np.concatenate([
        1 - 0.96 * (1 + np.cos(np.pi * rising)) / 2,
        0.01 + 0.99 * (1 + np.cos(np.pi * falling)) / 2,
    ])  # fmt: skip
    np.testing.assert_allclose(seen, expected, rtol=1e-5)
    assert seen[0] == pytest.approx(1 / 25) and seen.argmax() == 30


def test_one_cycle_of_more_epochs_still_comes_to_its_peak(data):
    first, longer = LearningRateSchedule("one-cycle"), LearningRateSchedule("one-cycle")
    step(linear(1e-3), data, [first], batch_size=3, epochs=10)
    resume = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: longer.set_state(first.get_state(), 4)
    )
    step(linear(1e-3), data, [longer, resume], batch_size=3, initial_epoch=1, epochs=11)
    assert longer.factors[4:].max() == pytest.approx(1, abs=1e-3) and len(longer.factors) == 44
    assert "the rise, then one-cycle over all" in longer.rule


class Scores(keras.callbacks.Callback):
    """Says how good an epoch was."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def on_epoch_end(self, epoch, logs=None):
        logs["val_auroc"] = self.scores[epoch]


def test_plateau(data):
    scores = Scores([0.5, 0.6, 0.6, 0.55, 0.7, 0.7, np.nan, 0.1, 0.1, 0.1])
    schedule = LearningRateSchedule(
        "plateau", monitor=("val_auroc", "max"), patience=2, warmup_epochs=1
    )
    model, seen = linear(1e-3), Rates()
    step(model, data, [scores, schedule, seen], batch_size=6, epochs=10)
    expected = np.repeat([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01], 2)
    np.testing.assert_allclose(seen.rates[0] / 1e-3, 0.5, rtol=1e-5)
    np.testing.assert_allclose(np.array(seen.rates[1:]) / 1e-3, expected[1:], rtol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    np.testing.assert_allclose(rates(model, data, LearningRateSchedule("constant")), 1e-3)
    with pytest.raises(ValueError, match="must be one of loss. Received: 'val_loss'"):
        step(linear(1e-3), data, [LearningRateSchedule("plateau")])
    settings = {"validation_data": data, "validation_freq": 2}
    step(linear(1e-3), data, [LearningRateSchedule("plateau")], epochs=3, **settings)


def test_a_plateau_at_the_very_end_gives_the_rate_back(data):
    schedule = LearningRateSchedule("plateau", monitor=("val_auroc", "max"), patience=1)
    model = linear(1e-3)
    step(model, data, [Scores([0.5, 0.4]), schedule], epochs=2)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)


def test_rate_comes_back_and_a_second_fit_begins_anew(data):
    model = linear(1e-3)
    schedule = LearningRateSchedule("cosine")
    first = rates(model, data, schedule)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    np.testing.assert_allclose(rates(model, data, schedule), first)
    np.testing.assert_allclose(rates(model, data, LearningRateSchedule("constant")), 1e-3)


def test_schedule_from_a_later_epoch(data):
    whole = rates(linear(1e-3), data, LearningRateSchedule("cosine"))
    late = rates(linear(1e-3), data, LearningRateSchedule("cosine"), initial_epoch=2)
    np.testing.assert_allclose(late, whole[8:])


def test_rate_scales_what_the_weights_do(data):
    plain = step(linear(1e-3), data)
    half = step(linear(1e-3), data, [LearningRateSchedule("constant", warmup_epochs=2)])
    np.testing.assert_allclose(half[0], plain[0] / 2, rtol=1e-4)


class Break(keras.callbacks.Callback):
    """Ends a fit as Ctrl-C does, so that no callback comes to `on_train_end`."""

    def on_train_batch_end(self, batch, logs=None):
        raise KeyboardInterrupt


def break_off(model, data, *callbacks):
    with pytest.raises(KeyboardInterrupt):
        step(model, data, [*callbacks, Break()])


def test_base_survives_a_fit_that_broke_off(data):
    model = linear(1e-3)
    break_off(model, data, LearningRateSchedule("constant", warmup_epochs=4))
    assert float(model.optimizer.learning_rate) == pytest.approx(2.5e-4)
    seen = rates(model, data, LearningRateSchedule("constant"))
    np.testing.assert_allclose(seen, 1e-3, rtol=1e-6)


def test_a_fit_that_broke_off_leaves_nothing_on(data):
    model, plain = normalized(), normalized()
    break_off(
        model,
        data,
        BatchNormalizationControl(freeze_at=1),
        GradientClipping(norm=1e-3),
        LearningRateSchedule("cosine", warmup_epochs=4),
        GradientHealth(),
    )
    model.set_weights(plain.get_weights())
    expected = step(plain, data, epochs=3)
    for change, other in zip(step(model, data, epochs=3), expected, strict=True):
        np.testing.assert_allclose(change, other, rtol=1e-5)
    np.testing.assert_allclose(statistics(model), statistics(plain), rtol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)


def test_a_rate_set_after_a_fit_that_broke_off_holds(data):
    model = linear(1e-3)
    break_off(model, data, LearningRateSchedule("constant", warmup_epochs=4))
    model.optimizer.learning_rate = 5e-4
    np.testing.assert_allclose(rates(model, data, LearningRateSchedule("constant")), 5e-4)


def test_wrong_schedules(data):
    with pytest.raises(ValueError, match="kind must be one of.*Received"):
        LearningRateSchedule("linear")
    with pytest.raises(ValueError, match="warmup_epochs.*Received"):
        LearningRateSchedule("cosine", warmup_epochs=-1)
    with pytest.raises(ValueError, match="patience.*Received"):
        LearningRateSchedule("plateau", patience=0)
    model = linear()
    decay = keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)
    model.compile(keras.optimizers.SGD(decay), "mse")
    with pytest.raises(ValueError, match="compile the optimizer with a number"):
        step(model, data, [LearningRateSchedule("cosine")])
    endless = tf.data.Dataset.from_generator(
        lambda: iter([data]),
        output_signature=(tf.TensorSpec((ROWS, FEATURES)), tf.TensorSpec((ROWS, 1))),
    )
    with pytest.raises(ValueError, match="steps per epoch is unknown"):
        linear().fit(endless, verbose=0, shuffle=False, callbacks=[LearningRateSchedule("cosine")])


def statistics(model):
    return model.layers[0].moving_mean.numpy(), model.layers[0].moving_variance.numpy()


class Statistics(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.means, self.scales = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.means.append(statistics(self.model)[0])
        self.scales.append(self.model.layers[0].gamma.numpy())


@pytest.mark.parametrize("freeze_at", [1, 3])
def test_frozen_statistics_stay_and_the_rest_learns(data, freeze_at):
    model, seen = normalized(), Statistics()
    start = statistics(model)[0]
    step(model, data, [BatchNormalizationControl(freeze_at=freeze_at), seen], epochs=4)
    means = [start, *seen.means]
    for epoch in range(1, 5):
        stays = np.array_equal(means[epoch], means[epoch - 1])
        assert stays == (epoch >= freeze_at)
    assert all(np.any(a != b) for a, b in zip(seen.scales, seen.scales[1:], strict=False))


def test_frozen_layers_normalize_by_their_statistics(data):
    model = normalized()
    step(model, data, epochs=3)
    expected = np.mean((model(data[0], training=False) - data[1]) ** 2)
    control = BatchNormalizationControl(freeze_at=1)
    history = model.fit(*data, batch_size=ROWS, verbose=0, callbacks=[control])
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_second_fit_thaws_and_freezes_again(data):
    model = normalized()
    step(model, data, [BatchNormalizationControl(freeze_at=1)])
    frozen = statistics(model)
    step(model, data)
    thawed = statistics(model)
    assert np.any(frozen[0] != thawed[0])
    step(model, data, [BatchNormalizationControl(freeze_at=2)], initial_epoch=4, epochs=5)
    np.testing.assert_array_equal(thawed, statistics(model))


def test_freeze_at_counts_from_one():
    with pytest.raises(ValueError, match="Received: freeze_at=0"):
        BatchNormalizationControl(freeze_at=0)


def test_momentum_goes_from_the_first_epoch_to_the_last(data):
    model, seen = normalized(), Statistics()
    step(model, data, [BatchNormalizationControl(momentum=(0.5, 0.9)), seen], epochs=3)
    expected = np.zeros(FEATURES)
    for momentum, found in zip((0.5, 0.7, 0.9), seen.means, strict=True):
        expected = momentum * expected + (1 - momentum) * data[0].mean(0)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
    # It ends with the fit, and stays out of what is saved.
    assert model.layers[0].get_config()["momentum"] == model.layers[0].momentum == 0.99
    step(model, data)
    expected = 0.99 * expected + 0.01 * data[0].mean(0)
    np.testing.assert_allclose(statistics(model)[0], expected, rtol=1e-4)


def test_momentum_until_it_freezes(data):
    model, seen = normalized(), Statistics()
    step(model, data, [BatchNormalizationControl(momentum=0.0, freeze_at=2), seen], epochs=3)
    np.testing.assert_allclose(seen.means[0], data[0].mean(0), rtol=1e-4)
    np.testing.assert_array_equal(seen.means[0], seen.means[2])


def test_statistics_are_estimated_anew_over_all_batches(data):
    x, y = data
    # Batches of unlike size and place: the mean of their variances would be too small.
    x = x + 100 + np.arange(ROWS)[:, None] ** 2
    parts = [slice(0, 5), slice(5, 7), slice(7, 12)]
    batches = [(tf.constant(x[p], tf.float32), tf.constant(y[p])) for p in parts]
    model = normalized()
    control = BatchNormalizationControl(reestimate=batches)
    learned = step(model, (x.astype(np.float32), y), [control], epochs=2)
    mean, variance = statistics(model)
    np.testing.assert_allclose(mean, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(variance, x.var(0), rtol=1e-4)
    for change, other in zip(
        learned, step(normalized(), (x.astype(np.float32), y), epochs=2), strict=True
    ):
        np.testing.assert_array_equal(change, other)
    # As if nothing had been: the next step learns, and the statistics move by their momentum.
    kept = statistics(model)[0]
    assert total_norm(step(model, data)) > 0
    np.testing.assert_allclose(
        statistics(model)[0], 0.99 * kept + 0.01 * data[0].mean(0), rtol=1e-4
    )
    with pytest.raises(ValueError, match="at least one batch"):
        reestimate_batch_normalization(model, iter([]))
    with pytest.raises(ValueError, match="without end"):
        endless = tf.data.Dataset.from_tensors(batches[0]).repeat()
        reestimate_batch_normalization(model, endless)
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.01), "mse")
    kept = statistics(model)
    reestimate_batch_normalization(model, batches)
    np.testing.assert_array_equal(kept, statistics(model))
    reestimate_batch_normalization(linear(), batches)
    bare = keras.Sequential([keras.Input((FEATURES,)), keras.layers.BatchNormalization()])
    with pytest.raises(ValueError, match="compile and build"):
        reestimate_batch_normalization(bare, batches)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "give freeze_at, momentum or reestimate"),
        ({"momentum": 1.0}, "momentum must be one number.*Received: momentum=1.0"),
        ({"momentum": ()}, "momentum must be one number"),
        ({"momentum": "0.9"}, "momentum must be one number"),
        ({"momentum": (0.5, 0.6, 0.7)}, "momentum must be one number, or two"),
        ({"freeze_at": 2, "reestimate": []}, "give freeze_at or reestimate"),
    ],
)
def test_wrong_control(settings, words):
    with pytest.raises(ValueError, match=words):
        BatchNormalizationControl(**settings)


def test_health_measures_the_gradient_before_clipping(data):
    model = linear()
    x, y = data
    kernel = model.layers[0].kernel.numpy()
    residual = x @ kernel - y
    expected = np.sqrt(((2 * x.T @ residual / ROWS) ** 2).sum() + (2 * residual.mean()) ** 2)
    health = GradientHealth()
    step(model, data, [health, GradientClipping(norm=0.1)])
    ((first, norms),) = health.history
    assert first == 1
    assert next(iter(norms.values())) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("epochs", "points"), [(1, 4), (4, 16), (5, 20), (10, 20), (300, 24)])
def test_health_points(data, epochs, points):
    health = GradientHealth()
    step(linear(1e-6), data, [health], batch_size=3, epochs=epochs)
    assert len(health.history) == points
    assert health.history[0][0] == 1


def test_health_tells_layers_of_one_name_apart(data):
    def encoder(name):
        inputs = keras.Input((FEATURES,))
        return keras.Model(inputs, keras.layers.Dense(1, name="dense")(inputs), name=name)

    keras.utils.set_random_seed(0)
    inputs = keras.Input((FEATURES,))
    faint = keras.layers.Rescaling(1e-9)(encoder("a")(inputs))
    model = keras.Model(inputs, keras.layers.Add()([faint, encoder("b")(inputs)]))
    model.compile(keras.optimizers.SGD(1e-6), "mse")
    health = GradientHealth()
    step(model, data, [health])
    norms = list(health.history[0][1].values())
    assert len(norms) == 2 and norms[0] < 1e-6 * norms[1]
    assert "vanish in" in health.verdict


def test_health_with_several_steps_a_call(data):
    model = linear(1e-6)
    model.compile(keras.optimizers.SGD(1e-6), "mse", steps_per_execution=4)
    health = GradientHealth()
    step(model, data, [health], batch_size=1, epochs=10)
    # Of 120 steps every 6th is due, and the last of a call of four is measured next.
    found = [at for at, _ in health.history]
    assert found[:4] == [4, 12, 16, 24] and len(found) == 20


def verdict(layers, data, callbacks=(), shape=(FEATURES,), rate=1e-9, **settings):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(shape), *layers, keras.layers.Dense(1, name="out")], name="net"
    )
    model.compile(keras.optimizers.SGD(rate), "mse")
    health = GradientHealth()
    step(model, data, [health, *callbacks], **settings)
    return health.verdict


def deep(activation, normalize=False, **settings):
    for i in range(9):
        yield keras.layers.Dense(4, name=f"hidden{i}", **settings)
        if normalize:
            yield keras.layers.BatchNormalization()
        yield keras.layers.Activation(activation)


@pytest.mark.parametrize(
    ("layers", "remedies"),
    [
        (
            deep("sigmoid"),
            "another activation (ReLU with He initialization), batch normalization or "
            "residual connections",
        ),
        (
            deep("sigmoid", normalize=True, kernel_initializer=keras.initializers.Zeros()),
            "another activation (ReLU with He initialization) or residual connections",
        ),
        (
            deep("relu", kernel_initializer=keras.initializers.RandomNormal(stddev=0.01)),
            "batch normalization or residual connections",
        ),
    ],
)
def test_health_names_the_layer_that_vanishes_and_what_it_lacks(data, layers, remedies):
    said = verdict(layers, data)
    assert said.startswith("gradients vanish in net/hidden0 (median norm ")
    assert said.endswith(f": try {remedies}")


def test_health_names_the_layer_that_explodes_and_what_it_lacks(data):
    x, y = data[0] * 1e3, data[1] * 1e3
    assert verdict([], (x, y)).endswith(
        "in net/out (median norm 6.9e+07): try gradient clipping, batch normalization, smaller "
        "initial weights or a lower rate"
    )
    clipped = verdict([], (x, y), [GradientClipping(norm=1.0)])
    assert clipped.endswith("try batch normalization, smaller initial weights or a lower rate")
    late = np.concatenate([data[0][:9], np.full((3, FEATURES), np.nan, np.float32)])
    assert verdict([], (late, data[1]), batch_size=3).startswith("gradients explode in net/out")
    diverged = verdict([], (np.full_like(x, 1e30), y))
    assert diverged.startswith("gradients explode in net/out (median norm inf)")
    assert verdict([], data) == ""


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (0.1, "vanish in net/embedding .*try a gated cell .LSTM or GRU. or an orthogonal"),
        (3.0, "explode in net/rnn/simple_rnn_cell .*try gradient clipping, a gated cell"),
    ],
)
def test_health_of_a_recurrent_network(data, gain, said):
    embedding = keras.layers.Dense(2, use_bias=False, name="embedding")
    cells = keras.layers.SimpleRNN(
        4, activation="linear", recurrent_initializer=keras.initializers.Identity(gain), name="rnn"
    )
    series = np.zeros((ROWS, 12, 2), np.float32)
    series[:, 0] = data[0][:, :2]
    assert re.search(said, verdict([embedding, cells], (series, data[1]), shape=(12, 2)))


def test_one_control_at_a_time(data):
    controls = [BatchNormalizationControl(momentum=m) for m in (0.0, 0.5)]
    with pytest.raises(ValueError, match="one BatchNormalizationControl"):
        step(normalized(), data, controls)


def test_health_of_what_is_large_in_its_own_unit(data):
    # Cells per microlitre: large gradients of large weights.
    y = 7000 + 500 * data[1]
    model = linear(0.1)
    step(model, (data[0], y), epochs=300)
    health = GradientHealth()
    step(model, (data[0][:6], y[:6] + 3000), [health])
    assert max(health.history[0][1].values()) > 1e3 and health.verdict == ""


def test_health_of_several_optimizers_is_told_apart():
    health = GradientHealth()
    health.set_model(linear())
    health.set_state({
        "history": [(1, {"a: x": 1e-3, "a: y": 2e-3, "b: x": 50.0, "b: y": 1e-6})],
        "weights": [dict.fromkeys(["a: x", "a: y", "b: x", "b: y"], 1.0)],
        "skipped": 0, "interval": 1, "clipped": False,
    }, 0)  # fmt: skip
    assert health.verdict.startswith("gradients vanish in b: y")


def test_health_of_steps_that_overflow(data):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((FEATURES,)), keras.layers.Dense(1, dtype="mixed_float16")]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(1e-6), initial_scale=2.0**24
    )
    model.compile(optimizer, "mse")
    health = GradientHealth()
    step(model, data, [health], epochs=20)
    # The scale falls until a step is taken, and that is the first to be looked at.
    (first, norms), *_ = health.history
    assert first > 3 and min(norms.values()) > 0
    never = GradientHealth()
    step(model, (np.full_like(data[0], np.nan), data[1]), [never], epochs=5)
    assert never.history == [] and "overflowed in 5 of the steps" in never.verdict


def inner(x):
    for i in range(9):
        x = x + keras.layers.Dense(4, activation="relu", kernel_initializer="zeros", name=f"h{i}")(
            x
        )
    return x


@pytest.mark.parametrize(
    ("build", "remedies"),
    [
        (inner, "batch normalization"),
        (
            lambda x: keras.activations.sigmoid(keras.layers.RMSNormalization()(x)),
            "another activation (ReLU with He initialization) or residual connections",
        ),
        (
            lambda x: keras.layers.LSTM(2)(keras.layers.Reshape((-1, 1))(x)),
            "shorter sequences or layer normalization",
        ),
        (lambda x: keras.layers.Dense(3, "relu")(x), "batch normalization or residual connections"),
    ],
)
def test_remedies_are_what_a_network_has_not_got(build, remedies):
    inputs = keras.Input((4,))
    outputs = keras.layers.Dense(1, "sigmoid")(build(inputs))
    assert vanishing_remedies(keras.Model(inputs, outputs)) == remedies


def test_all_callbacks_on_a_nested_model_with_mixed_precision(data):
    keras.utils.set_random_seed(0)
    inner = normalized()
    inputs = keras.Input((FEATURES,))
    outputs = keras.layers.Dense(1, dtype="mixed_float16")(inner(inputs))
    model = keras.Model(inputs, keras.layers.Activation("linear", dtype="float32")(outputs))
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1.0), initial_scale=8.0)
    model.compile(optimizer, "mse")
    health = GradientHealth()
    before = statistics(inner)
    changes = step(
        model,
        data,
        [GradientClipping(norm=0.5), health, BatchNormalizationControl(freeze_at=1)],
    )
    assert total_norm(changes) == pytest.approx(0.5, rel=1e-2)
    assert max(health.history[0][1].values()) < 1e3
    np.testing.assert_array_equal(before, statistics(inner))
