"""How fast batch normalization follows the batches, and when it stops to."""

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from kerasbio.callbacks.hook import before_each_fit
from kerasbio.callbacks.normalization import (
    momentum_of,
    normalizations,
    reestimate_batch_normalization,
    replace_call,
    restore_call,
)


def _release(model):
    if any([restore_call(layer) for layer in normalizations(model)]):
        model.make_train_function(force=True)


class BatchNormalizationControl(keras.callbacks.Callback):
    """Set the momentum of the moving statistics of every batch normalization, or freeze them.

    From the epoch `freeze_at` on the layers normalize by their moving statistics, in training as
    at inference; scale and offset still learn. Whether a layer is frozen is part of the graph, so
    the train function is rebuilt at that epoch. The layers are as before at the end of `fit`, or,
    where one was broken off, as the next begins.

    Args:
        freeze_at: First epoch, counted from 1, in which the statistics stay as they are.
        momentum: Share of the moving statistics that a step keeps, in place of the layers' own:
            one number, or that of the first and of the last epoch, linear between them.
        reestimate: Batches of training data over which the statistics are estimated anew as
            `fit` ends: see `reestimate_batch_normalization`. Put the callback last, after one
            that takes earlier weights back.

    Raises:
        ValueError: If nothing is given, `freeze_at` is below 1, a momentum is not within 0 to 1,
            or statistics that are frozen are to be estimated anew.
    """

    def __init__(
        self,
        *,
        freeze_at: int | None = None,
        momentum: float | tuple[float, float] | None = None,
        reestimate: Iterable[Any] | None = None,
    ):
        super().__init__()
        if freeze_at is None and momentum is None and reestimate is None:
            raise ValueError(
                "give freeze_at, momentum or reestimate. "
                "Received: freeze_at=None, momentum=None, reestimate=None"
            )
        if freeze_at is not None and freeze_at < 1:
            raise ValueError(f"freeze_at counts epochs from 1. Received: freeze_at={freeze_at}")
        if freeze_at is not None and reestimate is not None:
            raise ValueError(
                "the weights fit statistics that are frozen: give freeze_at or reestimate. "
                f"Received: freeze_at={freeze_at} and reestimate"
            )
        ends: Any = momentum if isinstance(momentum, tuple | list) else (momentum, momentum)
        self.momentum: tuple[float, ...] = () if momentum is None else tuple(ends)
        if momentum is not None and not (
            len(self.momentum) == 2
            and all(isinstance(m, int | float) and 0 <= m < 1 for m in self.momentum)
        ):
            raise ValueError(
                "momentum must be one number, or two, from 0 to below 1. "
                f"Received: momentum={momentum}"
            )
        self.freeze_at = freeze_at
        self.reestimate = reestimate
        self._frozen = self._replaced = False
        self._epochs = 0
        self._now = tf.Variable(0.0, trainable=False, name="batch_normalization_momentum")

    def on_train_begin(self, logs=None):
        self._frozen = self._replaced = False
        self._epochs = self.params["epochs"]
        before_each_fit(self.model, "batch normalization", _release)
        if self.momentum:
            self._replace(self._with_momentum)

    def on_epoch_begin(self, epoch, logs=None):
        if self.momentum:
            first, last = self.momentum
            share = epoch / max(1, self._epochs - 1)
            self._now.assign(first + (last - first) * share)
        if not self._frozen and self.freeze_at is not None and epoch + 1 >= self.freeze_at:
            self._frozen = True
            self._replace(self._with_frozen)

    def on_train_end(self, logs=None):
        _release(self.model)
        if self.reestimate is not None:
            reestimate_batch_normalization(self.model, self.reestimate)

    def get_state(self) -> dict:
        """Return over how many epochs the momentum changes, for a checkpoint."""
        return {"epochs": self._epochs}

    def set_state(self, state: dict, step: int) -> None:
        """Go on with the epochs of an earlier run, or with more."""
        self._epochs = max(self._epochs, state["epochs"])

    def _replace(self, change):
        for layer in normalizations(self.model):
            if self._replaced:
                restore_call(layer)
            replace_call(layer, change(layer))
        self._replaced = True
        self.model.make_train_function(force=True)

    def _with_frozen(self, layer):
        def make(normalize):
            return lambda inputs, training, mask: normalize(inputs, training=False, mask=mask)

        return make

    def _with_momentum(self, layer):
        def make(normalize):
            def call(inputs, training, mask):
                with momentum_of(layer, self._now):
                    return normalize(inputs, training=training, mask=mask)

            return call

        return make
