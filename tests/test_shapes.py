"""Four callbacks on four shapes of training, by what they do to weights, statistics and rates."""

import keras
import numpy as np
import pytest

from kerasbio.callbacks import (
    BatchNormalizationControl,
    GradientClipping,
    GradientHealth,
    LearningRateSchedule,
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
def test_schedule(shape):
    # A clipped gradient of one length makes the change a measure of the rate.
    clip = GradientClipping(norm=1e-3)
    count = updates(shape)
    warm = LearningRateSchedule("constant", warmup_epochs=2)
    late = LearningRateSchedule("step")
    for schedule, epoch, factors in (
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
