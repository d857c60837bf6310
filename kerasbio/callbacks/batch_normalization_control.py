"""When batch normalization stops to follow the batches."""

import keras


def _freeze(layer):
    normalize = layer.call

    def call(inputs, training=None, mask=None):
        return normalize(inputs, training=False, mask=mask)

    layer.call = call


class BatchNormalizationControl(keras.callbacks.Callback):
    """Freeze the moving statistics of every batch normalization from an epoch on.

    From then the layers normalize by their moving statistics, in training as at inference;
    scale and offset still learn. Whether a layer is frozen is part of the graph, so the train
    function is rebuilt at that epoch. The end of `fit` thaws the layers.

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
        self._frozen: list[keras.layers.Layer] = []

    def on_epoch_begin(self, epoch, logs=None):
        if self._frozen or epoch + 1 < self.freeze_at:
            return
        for layer in self.model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                _freeze(layer)
                self._frozen.append(layer)
        self.model.make_train_function(force=True)

    def on_train_begin(self, logs=None):
        self._thaw()

    def on_train_end(self, logs=None):
        self._thaw()

    def _thaw(self):
        if not self._frozen:
            return
        for layer in self._frozen:
            del layer.call
        self._frozen = []
        self.model.make_train_function(force=True)
