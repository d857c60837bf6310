"""Cutting a map to the size of another."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class CropLike(keras.layers.Layer):
    """Cut the end of each spatial axis of a map so that its sides are those of a reference.

    A pooling that rounds up makes of an odd side one that is upsampled to one too many.

    Shapes: a list of a map `(batch, *sides, channels)` and a reference `(batch, *smaller sides,
    any channels)`, whose sides may be unknown, to `(batch, *smaller sides, channels)`.
    """

    def call(self, inputs):
        x, reference = inputs
        sides = ops.shape(reference)[1:-1]
        return x[(slice(None), *(slice(0, side) for side in sides))]

    def compute_output_shape(self, input_shape):
        shape, reference = input_shape
        return (shape[0], *reference[1:-1], shape[-1])
