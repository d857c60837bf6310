"""`fit` for every architecture: callbacks, history, checkpoints, resume, signals."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from kerasbio.callbacks import (
    BatchNormalizationControl,
    GradientClipping,
    GradientHealth,
    LearningRateSchedule,
    reestimate_batch_normalization,
)
from kerasbio.callbacks.hook import build_state
from kerasbio.callbacks.normalization import normalizations
from kerasbio.datasets.batches import without_tuning
from kerasbio.errors import KerasbioError
from kerasbio.training.checkpoint import Checkpoint, CheckpointStore
from kerasbio.training.checkpointing import Checkpointing
from kerasbio.training.files import is_disk_full
from kerasbio.training.guard import FiniteGuard
from kerasbio.training.options import RunOptions
from kerasbio.training.progress import Journal, Progress, TimeLimit
from kerasbio.training.run import Run
from kerasbio.training.state import STATES, restore_state

#: Function of an epoch (a variable) and a number of batches to skip that returns a data set.
Feed = Callable[[Any, int], tf.data.Dataset]


def seed_everything(seed: int) -> None:
    """Make this process repeat itself: one seed for all, and only deterministic kernels."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def shared_callbacks(
    options: RunOptions,
    steps_per_epoch: int | None = None,
    monitor: tuple[str, str] | None = None,
) -> dict[str, keras.callbacks.Callback]:
    """Return the callbacks that the options ask for, the same for every architecture.

    Args:
        options: Options of a run: its schedule, clipping and batch normalization.
        steps_per_epoch: Steps of one epoch; None takes what `fit` knows.
        monitor: Name of the log that a plateau is of, and `"min"` or `"max"`.

    Returns:
        By name: a schedule, gradient health and, where asked for, clipping and control of batch
        normalization.
    """
    callbacks: dict[str, keras.callbacks.Callback] = {
        "health": GradientHealth(steps_per_epoch=steps_per_epoch),
        "schedule": LearningRateSchedule(
            options.schedule or "constant",
            warmup_epochs=options.warmup_epochs or 0,
            steps_per_epoch=steps_per_epoch,
            monitor=monitor,
        ),
    }
    limits = {
        "norm": options.clip_norm,
        "variable_norm": options.clip_variable_norm,
        "value": options.clip_value,
        "adaptive": options.clip_adaptive,
    }
    if any(limit is not None for limit in limits.values()):
        callbacks["clipping"] = GradientClipping(**limits)
    momentum = options.batch_norm_momentum
    if options.freeze_batch_norm_at is not None or momentum:
        callbacks["batch_normalization"] = BatchNormalizationControl(
            freeze_at=options.freeze_batch_norm_at,
            momentum=(momentum[0], momentum[1]) if momentum else None,
        )
    return callbacks


def fit(
    run: Run,
    model: keras.Model,
    feed: Feed,
    steps_per_epoch: int,
    *,
    validation_data: tf.data.Dataset | None = None,
    monitor: tuple[str, str] = ("val_loss", "min"),
    watchers: Sequence[keras.callbacks.Callback] = (),
) -> list[str]:
    """Train a compiled model in a run's directory and give it the weights of its best epoch.

    A run that was broken off goes on where it stopped and ends bitwise like one that was not.

    Args:
        run: The run; its options say how long, at what rate, and if it is resumed.
        model: A compiled model, or a trainer with `optimizers`, `monitor` and `state`.
        feed: Gives the training data of an epoch.
        steps_per_epoch: Number of batches that `feed` gives when none is skipped.
        validation_data: Data that say which epoch is best.
        monitor: Name of the log that says so and `"min"` or `"max"`, unless the model has a
            `monitor` of its own.
        watchers: Callbacks of the recipe; what they add to the logs of an epoch is kept with
            them. They have no state of their own, and change nothing.

    Returns:
        One line for each thing that the user should know: damage found, gradients that vanish.

    Raises:
        Interrupted: If a signal came; the state is saved.
        KerasbioError: If the disk is full, a checkpoint does not fit, or a number is not finite.
    """
    options, notes = run.options, []
    epochs = options.epochs or 1
    store = CheckpointStore(run.path / "checkpoints")
    resumed = _checkpoint_to_resume(run, store, steps_per_epoch) if options.resume else None
    notes += [f"{line}: passed over" for line in store.damaged]
    notes += _without_effect(options, model)
    epoch = tf.Variable(0, dtype=tf.int64, trainable=False, name="epoch")
    with _told_in_one_line(store):
        build_state(model, next(iter(feed(epoch, 0))))

    decides = getattr(model, "monitor", monitor)
    kept: dict[str, Any] = {**shared_callbacks(options, steps_per_epoch, decides)}
    health, schedule = kept["health"], kept["schedule"]
    if options.minutes is not None:
        kept["limit"] = TimeLimit(options.minutes)
    # What a watcher adds to the logs can be what a schedule goes by.
    callbacks = [*watchers, *kept.values()]
    journal = kept["journal"] = Journal(run.path, steps_per_epoch, health)
    checkpointing = Checkpointing(store, kept, steps_per_epoch, decides, resumed)
    guard = FiniteGuard(lambda at, batch: _batch_at(feed, at, batch), lambda: _kept(store))
    progress = Progress(epochs, steps_per_epoch)
    callbacks += [guard, _EpochNumber(epoch), progress, journal, checkpointing]

    begin = resumed.state["epoch"] if resumed else 0
    skip = resumed.state["batch"] if resumed else 0
    if resumed:
        where = f"{begin} of {epochs} epochs" + (f" and {skip} batches" if skip else "")
        print(f"resumed from {resumed.name}: {where} done", flush=True)
        if resumed.state["ended"] and not {"epochs", "minutes"} & set(options.given):
            begin = epochs
    model.stop_training = False
    with checkpointing.signals(), _told_in_one_line(store):
        for first, last, skipped in _segments(begin, skip, epochs):
            if first >= last or model.stop_training:
                continue
            guard.first_batch = progress.first_batch = skipped
            try:
                model.fit(
                    without_tuning(feed(epoch, skipped)),
                    validation_data=validation_data and without_tuning(validation_data),
                    initial_epoch=first,
                    epochs=last,
                    callbacks=callbacks,
                    shuffle=False,
                    verbose=0,
                )
            finally:
                progress.close()
    health.set_model(model)
    notes += _findings(health, schedule, resumed if begin >= epochs else None)
    # The same batches, whichever epoch this process was in.
    anew = feed(tf.constant(0, tf.int64), 0) if options.reestimate_batch_norm else None
    _take_best(model, store, notes, anew)
    return notes


def _without_effect(options: RunOptions, model: keras.Model) -> list[str]:
    if normalizations(model):
        return []
    names = ("freeze_batch_norm_at", "batch_norm_momentum", "reestimate_batch_norm")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name)]
    if not given:
        return []
    return [f"without effect, as the network has no batch normalization: {', '.join(given)}"]


def _findings(
    health: GradientHealth, schedule: LearningRateSchedule, finished: Checkpoint | None
) -> list[str]:
    """Return what the callbacks found, or had found in a run of which nothing was left to do."""
    if finished:
        states = finished.state["callbacks"]
        health.set_state(states["health"], finished.state["step"])
        schedule.rule = states["schedule"]["rule"]
    found = [f"learning rate: {schedule.rule}" if schedule.rule else "", health.verdict]
    return [line for line in found if line]


def _checkpoint_to_resume(
    run: Run, store: CheckpointStore, steps_per_epoch: int
) -> Checkpoint | None:
    found = store.newest()
    if found is None and store.damaged:
        raise KerasbioError(f"no checkpoint of {run.path} is whole: {store.damaged[0]}")
    if found and found.state["steps_per_epoch"] != steps_per_epoch:
        raise KerasbioError(
            f"{run.path} had {found.state['steps_per_epoch']} batches per epoch and now has "
            f"{steps_per_epoch}: resume with the data it began with, or start a new run"
        )
    return found


def _segments(begin: int, skip: int, epochs: int) -> list[tuple[int, int, int]]:
    """Return first epoch, last epoch and batches to skip of each `fit` of Keras.

    Keras cannot begin an epoch in its middle: a broken epoch is a fit of its own.
    """
    broken = [(begin, begin + 1, skip)] if skip else []
    return [*broken, (begin + bool(skip), epochs, 0)]


def _take_best(
    model: keras.Model,
    store: CheckpointStore,
    notes: list[str],
    data: tf.data.Dataset | None,
) -> None:
    newest = store.newest()
    if newest is None:
        return
    best = newest
    if newest.state["best"] != newest.name:
        try:
            best = store.load(newest.state["best"])
        except ValueError as error:
            notes.append(f"{error}: the newest weights stand in for the best")
    if data is None:
        restore_state(model, best.arrays, ["weights"])
    else:
        # Steps of training are gone through: from the state that they had.
        restore_state(model, best.arrays, STATES)
        reestimate_batch_normalization(model, data)


@contextlib.contextmanager
def _told_in_one_line(store: CheckpointStore) -> Iterator[None]:
    """Bring out what is wrong with the disk, or with a case that was read inside the graph."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        wrong = re.search(r"KerasbioError: (.+)", str(error))
        if wrong:
            raise KerasbioError(wrong[1]) from error
        if not is_disk_full(error):
            raise
        raise KerasbioError(
            f"the disk is full: {store.directory.parent} could not be written to; {_kept(store)}: "
            "free some space and go on with --resume"
        ) from error


def _batch_at(feed: Feed, epoch: int, batch: int) -> Any:
    return next(iter(feed(tf.constant(epoch, tf.int64), batch)))


def _kept(store: CheckpointStore) -> str:
    checkpoint = store.newest()
    return f"checkpoint {checkpoint.name} is kept" if checkpoint else "no checkpoint was due yet"


class _EpochNumber(keras.callbacks.Callback):
    """Tell the data set which epoch it is in."""

    def __init__(self, variable: tf.Variable):
        super().__init__()
        self.variable = variable

    def on_epoch_begin(self, epoch, logs=None):
        self.variable.assign(epoch)
