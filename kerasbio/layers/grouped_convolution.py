"""Convolutions whose maps see the maps of their own group only."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class GroupedConv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` that computes its `groups` one by one.

    Weights and results are the same. Keras' own compiles for XLA, which a served model must not,
    and takes two to three times as long on a processor.
    """

    def convolution_op(self, inputs, kernel):
        if self.groups == 1:
            return super().convolution_op(inputs, kernel)
        parts = zip(
            ops.split(inputs, self.groups, axis=-1),
            ops.split(kernel, self.groups, axis=-1),
            strict=True,
        )
        convolve = super().convolution_op
        return ops.concatenate([convolve(x, part) for x, part in parts], axis=-1)
