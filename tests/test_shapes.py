"""Four callbacks on four shapes of training, by what they do to weights, statistics and rates."""

import keras
import numpy as np
import pytest

from kerasbio.callbacks import (
    BatchNormalizationControl,
    GradientClipping,
    GradientHealth,
    LearningRateSchedule,
    reestimate_batch_normalization,
)
from kerasbio.callbacks.hook import distinct_paths, optimizers_of
from kerasbio.training.fit import seed_everything
from tests.shapes import SHAPES, trained_of

on_every_shape = pytest.mark.parametrize("name", SHAPES)


@pytest.fixture
def shape(name):
    seed_everything(0)
    return SHAPES[name](lambda: keras.optimizers.SGD(1.0))


def one_step(shape, *callbacks, epoch=0):
    """Take one step of `fit` in an epoch; return what each optimizer changed, by variable."""
    before = {n: [v.numpy() for v in vs] for n, vs in trained_of(shape.model).items()}
    data = shape.feed(0, 0).take(1)
    shape.model.fit(
        data,
        initial_epoch=epoch,
        epochs=epoch + 1,
        verbose=0,
        shuffle=False,
        callbacks=list(callbacks),
    )
    return {
        name: {
            path: v.numpy() - b
            for path, v, b in zip(distinct_paths(vs), vs, before[name], strict=True)
        }
        for name, vs in trained_of(shape.model).items()
    }


def norm(changes):
    return np.sqrt(sum((c.astype(np.float64) ** 2).sum() for c in changes.values()))


def updates(shape):
    return getattr(shape.model, "updates_per_step", 1)


@on_every_shape
def test_clipping(shape):
    limits = [(GradientClipping(norm=1e-3), 0), (GradientClipping(norm=2e-4), 0)]
    for callback, epoch in (*limits, (GradientClipping(norm=5e-4), 3)):
        for change in one_step(shape, callback, epoch=epoch).values():
            longest = callback.limit * updates(shape)
            # Several updates of one length add up to at most that many.
            assert 0.2 * longest < norm(change) <= longest * (1 + 1e-3)
            if updates(shape) == 1:
                assert norm(change) == pytest.approx(longest, rel=1e-2)
    assert all(norm(change) > 2e-3 for change in one_step(shape).values())


@on_every_shape
def test_adaptive_clipping(shape):
    # The median of the first norm is that norm: nothing is clipped until a larger one comes.
    control = GradientClipping(adaptive=50)
    before = {n: [v.numpy() for v in vs] for n, vs in trained_of(shape.model).items()}
    first = one_step(shape, GradientHealth(), control)
    states = control.get_state()["norms"]
    assert set(states) == set(optimizers_of(shape.model))
    for name, norms in states.items():
        assert len(norms) == updates(shape) and min(norms) > 0
        limits = [np.median(norms[: i + 1]) for i in range(len(norms))]
        longest = sum(min(n, limit) for n, limit in zip(norms, limits, strict=True))
        assert norm(first[name]) <= longest * (1 + 1e-3)
        if updates(shape) == 1:
            assert norm(first[name]) == pytest.approx(norms[0], rel=1e-2)
    # With a history of small norms the same step is clipped to their percentile.
    for name, variables in trained_of(shape.model).items():
        for variable, value in zip(variables, before[name], strict=True):
            variable.assign(value)
    history = {name: [1e-4] * 99 for name in states}
    control.set_state({"norms": history}, 0)
    again = GradientClipping(adaptive=50)
    again.on_train_begin = lambda logs=None: (
        GradientClipping.on_train_begin(again), again.set_state({"norms": history}, 0)
    )  # fmt: skip
    for change in one_step(shape, again).values():
        assert 0 < norm(change) <= 1e-4 * updates(shape) * (1 + 1e-2)


def statistics(model):
    layers = [x for x in model._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    assert layers
    return [layer.moving_mean.numpy() for layer in layers]


@on_every_shape
def test_frozen_batch_normalization(shape):
    gentle = GradientClipping(norm=1e-2)
    for freeze_at, epoch, stays in ((1, 0, True), (3, 0, False), (3, 3, True)):
        before = statistics(shape.model)
        control = BatchNormalizationControl(freeze_at=freeze_at)
        changes = one_step(shape, control, gentle, epoch=epoch)
        for old, new in zip(before, statistics(shape.model), strict=True):
            assert np.array_equal(old, new) == stays
        assert all(norm(change) > 0 for change in changes.values())


@on_every_shape
def test_momentum_of_batch_normalization(shape):
    # With a momentum of nearly 1 they hardly move, with one of 0 they are those of a batch.
    gentle = GradientClipping(norm=1e-2)
    moved = []
    for control in (
        BatchNormalizationControl(momentum=(1 - 1e-7, 0.0)),
        BatchNormalizationControl(momentum=0.0),
    ):
        before = statistics(shape.model)
        one_step(shape, control, gentle)
        after = statistics(shape.model)
        moved.append([np.abs(a - b).max() for a, b in zip(after, before, strict=True)])
    for slow, fast in zip(*moved, strict=True):
        assert slow < 1e-3 * fast


@on_every_shape
def test_statistics_are_estimated_anew(shape):
    one_step(shape, GradientClipping(norm=1e-2))
    state = getattr(shape.model, "state", {})

    def everything():
        optimizers = [v for each in optimizers_of(shape.model).values() for v in each.variables]
        variables = [*shape.model.variables, *optimizers, *state.values()]
        moving = [v for v in variables if v.name.startswith("moving_")]
        rest = [v.numpy() for v in variables if not v.name.startswith("moving_")]
        return rest, [v.numpy() for v in moving]

    kept, old = everything()
    reestimate_batch_normalization(shape.model, shape.feed(0, 0))
    same, first = everything()
    assert all(np.array_equal(a, b) for a, b in zip(kept, same, strict=True))
    assert all(np.any(a != b) for a, b in zip(first, old, strict=True))
    # From the same state the same statistics; and a step still learns.
    reestimate_batch_normalization(shape.model, shape.feed(0, 0))
    for a, b in zip(first, everything()[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(norm(change) > 0 for change in one_step(shape).values())


@on_every_shape
def test_schedule(shape):
    # A clipped gradient of one length makes the change a measure of the rate.
    clip = GradientClipping(norm=1e-3)
    count = updates(shape)
    warm = LearningRateSchedule("constant", warmup_epochs=2)
    late = LearningRateSchedule("step")
    total = 4 * count
    falling = [0.01 ** (i / total) for i in range(total - count, total)]
    cycle = (np.arange(total - count, total) / total - 0.3) / 0.7
    cycle = 0.01 + 0.99 * (1 + np.cos(np.pi * cycle)) / 2
    for schedule, epoch, factors in (
        (LearningRateSchedule("exponential"), 3, falling),
        (LearningRateSchedule("one-cycle"), 3, cycle),
        (warm, 0, [(i + 1) / (2 * count) for i in range(count)]),
        (LearningRateSchedule("constant"), 0, [1.0] * count),
        (late, 3, [0.01] * count),
    ):
        seen = {}
        for name, change in one_step(shape, schedule, clip, epoch=epoch).items():
            seen[name] = norm(change) / 1e-3
            assert seen[name] <= sum(factors) * (1 + 1e-3)
            assert seen[name] > 0.2 * sum(factors)
            if count == 1:
                assert seen[name] == pytest.approx(factors[0], rel=2e-2)
        assert schedule.factors[-count:] == pytest.approx(factors)
    for optimizer in optimizers_of(shape.model).values():
        assert float(optimizer.learning_rate) == 1.0


@on_every_shape
def test_plateau(shape):
    class Worse(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_score"] = -epoch

    schedule = LearningRateSchedule("plateau", monitor=("val_score", "max"), patience=1)
    rates = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rates.append(
            [float(each.learning_rate) for each in optimizers_of(shape.model).values()]
        )
    )
    clip = GradientClipping(norm=1e-3)
    shape.model.fit(
        shape.feed(0, 0).take(1),
        epochs=4,
        verbose=0,
        shuffle=False,
        callbacks=[Worse(), schedule, clip, watch],
    )
    for optimizer in zip(*rates, strict=True):
        assert optimizer == pytest.approx([1, 1, 0.1, 0.01])
    for optimizer in optimizers_of(shape.model).values():
        assert float(optimizer.learning_rate) == 1.0


@on_every_shape
def test_health(shape):
    # Of several updates in a step the last is measured.
    shape.model.updates_per_step = 1
    for epoch in (0, 0, 3):
        health = GradientHealth()
        changes = one_step(shape, health, epoch=epoch)
        ((step, norms),) = health.history
        assert step == epoch + 1
        prefix = len(changes) > 1
        expected = {}
        for name, change in changes.items():
            for path, value in change.items():
                layer = (f"{name}: " if prefix else "") + path.rsplit("/", 1)[0]
                expected[layer] = expected.get(layer, 0) + (value.astype(np.float64) ** 2).sum()
        assert set(norms) == set(expected)
        # At rate 1 what plain descent changes is the gradient.
        for layer, squares in expected.items():
            assert norms[layer] == pytest.approx(np.sqrt(squares), rel=1e-2, abs=1e-6)
        assert sum(norms.values()) > 0
        # Rate 1 would not train: begin again from where the step began.
        for name, variables in trained_of(shape.model).items():
            for variable, change in zip(variables, changes[name].values(), strict=True):
                variable.assign(variable.numpy() - change)
