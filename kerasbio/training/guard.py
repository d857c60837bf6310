"""A run that meets NaN or infinity stops, and says where it came from."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasbio.callbacks.hook import Stage, attach, distinct_paths, hooks_of
from kerasbio.errors import KerasbioError


class FiniteStage(Stage):
    """Lets a step pass only if all its gradients are finite."""

    order = 1

    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.names: list[str] = []
        self.watching = tf.Variable(False, trainable=False, name="guard_watching")
        self.finite = tf.Variable([True], trainable=False, shape=[None], name="guard_finite")
        self.all_finite = tf.Variable(True, trainable=False, name="guard_all_finite")

    def prepare(self, variables):
        self.names = distinct_paths(variables)

    def __call__(self, gradients, variables):
        finite = tf.stack([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
        self._allowed = tf.reduce_all(finite)
        # One call of the graph may take several steps: the first that fails is remembered.
        self.finite.assign(tf.where(self.all_finite, finite, self.finite))
        self.all_finite.assign(tf.logical_and(self.all_finite, self._allowed))
        return gradients

    def allow(self):
        # The update is left out, so that the weights can still be asked what went wrong.
        return tf.logical_or(self._allowed, tf.logical_not(self.watching))

    def rest(self):
        self.watching.assign(False)
        self.all_finite.assign(True)

    def failed(self) -> list[str]:
        """Return the variables whose gradients were not finite in the first step that failed."""
        if self.all_finite:
            return []
        return [n for n, ok in zip(self.names, self.finite.numpy(), strict=True) if not ok]


def _first_failed(stages: Iterable[FiniteStage]) -> str:
    """Return the first variable whose gradient was not finite, by optimizer; none if all were."""
    return next((name for stage in stages for name in stage.failed()), "")


class NonFiniteError(KerasbioError):
    """Training met NaN or infinity."""


class FiniteGuard(keras.callbacks.Callback):
    """Stop at the first NaN or infinity in a gradient or the loss, and name its origin.

    Args:
        batch_at: Function of epoch and batch, both counted from 0, that returns that element of
            the training data again.
        kept: Function that says which checkpoint remains, in a few words.

    Raises:
        NonFiniteError: From `fit`. Names the first layer, in forward order, with a non-finite
            output; where all outputs are finite, the variable with a non-finite gradient.
    """

    def __init__(self, batch_at: Callable[[int, int], Any], kept: Callable[[], str]):
        super().__init__()
        self.batch_at = batch_at
        self.kept = kept
        self.first_batch = 0
        self._epoch = 0
        self._begin = 0

    def on_train_begin(self, logs=None):
        self._stages = list(attach(self.model, FiniteStage).values())
        for stage in self._stages:
            stage.watching.assign(True)

    def on_train_end(self, logs=None):
        for stage in self._stages:
            stage.rest()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self._begin = self.first_batch + batch

    def on_train_batch_end(self, batch, logs=None):
        finite = all(bool(stage.all_finite) for stage in self._stages)
        losses = [value for name, value in (logs or {}).items() if name.endswith("loss")]
        if not finite or not np.isfinite(losses).all():
            self._stop(range(self._begin, self.first_batch + batch + 1))

    def on_epoch_end(self, epoch, logs=None):
        self.first_batch = 0
        for name, value in (logs or {}).items():
            if name.endswith("loss") and not np.isfinite(value):
                raise self._error("", f"{name} is not finite, and all gradients are")

    def _stop(self, batches):
        failed = _first_failed(self._stages)
        origin = "all outputs and gradients are finite; the loss itself is not"
        if failed:
            origin = f"the gradient of {failed} was not, on random draws that do not come again"
        for batch in batches:
            found = find_non_finite(self.model, self.batch_at(self._epoch, batch))
            if found or batch == batches[-1]:
                raise self._error(f", batch {batch + 1}", found or origin)

    def _error(self, where, origin):
        return NonFiniteError(
            f"NaN or infinity at epoch {self._epoch + 1}{where}: {origin}; {self.kept()}. "
            "Try a lower --learning-rate, --clip-norm 1, or check the data"
        )


def find_non_finite(model: keras.Model, data: Any) -> str:
    """Take one step without updating and say where NaN or infinity appears first.

    Args:
        model: A compiled model, at the weights with which the step failed.
        data: The element of the training data on which it failed.

    Returns:
        A few words that name the input, the layer, or the variable and its gradient; none where
        all are finite.
    """
    x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
    for path, value in keras.tree.flatten_with_path(x):
        # Of a sparse matrix the values alone can be wrong.
        value = keras.ops.convert_to_numpy(getattr(value, "values", value))
        if value.dtype.kind not in "fc" or not value.ndim:
            continue
        finite = np.isfinite(value.reshape(len(value), -1)).all(axis=1)
        if not finite.all():
            names = [str(path[0])] if path else [i.name for i in getattr(model, "inputs", [])]
            cases = ", ".join(str(i) for i in np.flatnonzero(~finite)[:5])
            return (
                f"input {' '.join(names[:1])} is not finite in case(s) {cases} of the batch "
                "(counted from 0)"
            )
    stages = list(attach(model, FiniteStage).values())
    for stage in stages:
        stage.all_finite.assign(True)
    hooks = hooks_of(model).values()
    with _recorded_layers() as layers:
        for hook in hooks:
            hook.updating = False
        eager = tf.config.functions_run_eagerly()
        # A step may hold graphs of its own, whose tensors have no value to look at.
        tf.config.run_functions_eagerly(True)
        try:
            model.train_step(data)
        finally:
            tf.config.run_functions_eagerly(eager)
            for hook in hooks:
                hook.updating = True
    for layer, finite in layers:
        if not finite:
            return f"the first layer whose output is not finite is {layer}"
    failed = _first_failed(stages)
    return f"all outputs are finite; the gradient of {failed} is not" if failed else ""


@contextlib.contextmanager
def _recorded_layers() -> Iterator[list[tuple[str, bool]]]:
    """Record, in the order in which they finish, each innermost layer and if it is finite."""
    record: list[tuple[str, bool]] = []
    call = keras.layers.Layer.__call__

    def recorded(layer, *args, **kwargs):
        outputs = call(layer, *args, **kwargs)
        tensors = [t for t in keras.tree.flatten(outputs) if keras.ops.is_tensor(t)]
        finite = all(bool(np.isfinite(keras.ops.convert_to_numpy(t)).all()) for t in tensors)
        record.append((getattr(layer, "path", layer.name) or layer.name, finite))
        return outputs

    keras.layers.Layer.__call__ = recorded
    try:
        yield record
    finally:
        keras.layers.Layer.__call__ = call
