"""When batch normalization stops to follow the batches."""

import keras

from kerasbio.callbacks.hook import before_each_fit


def _freeze(layer):
    normalize = layer.call

    def call(inputs, training=None, mask=None):
        return normalize(inputs, training=False, mask=mask)

    call.frozen = True  # type: ignore[attr-defined]
    layer.call = call


def _thaw(model):
    frozen = [layer for layer in _normalizations(model) if hasattr(layer.call, "frozen")]
    for layer in frozen:
        del layer.call
    if frozen:
        model.make_train_function(force=True)


def _normalizations(model):
    layers = model._flatten_layers()
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


class BatchNormalizationControl(keras.callbacks.Callback):
    """Freeze the moving statistics of every batch normalization from an epoch on.

    From then the layers normalize by their moving statistics, in training as at inference;
    scale and offset still learn. Whether a layer is frozen is part of the graph, so the train
    function is rebuilt at that epoch. The layers thaw at the end of `fit`, or, where one was broken
    off, as the next begins.

    Args:
        freeze_at: First epoch, counted from 1, in which the statistics stay as they are.

    Raises:
        ValueError: If `freeze_at` is below 1.
    """

    def __init__(self, *, freeze_at: int):
        super().__init__()
        if freeze_at < 1:
            raise ValueError(f"freeze_at counts epochs from 1. Received: freeze_at={freeze_at}")
        self.freeze_at = freeze_at
        self._frozen = False

    def on_train_begin(self, logs=None):
        self._frozen = False
        before_each_fit(self.model, "thaw", _thaw)

    def on_epoch_begin(self, epoch, logs=None):
        if self._frozen or epoch + 1 < self.freeze_at:
            return
        self._frozen = True
        for layer in _normalizations(self.model):
            _freeze(layer)
        self.model.make_train_function(force=True)

    def on_train_end(self, logs=None):
        _thaw(self.model)
