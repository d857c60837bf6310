"""Bilinear and trilinear upsampling."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class LinearUpsampling(keras.layers.Layer):
    """Enlarge each spatial axis by a whole factor with linear interpolation.

    Voxels are cells, not points: the centre of voxel `i` of an axis that grows by `s` lies at
    `(i + 1/2) / s - 1/2` of the smaller axis, and the outermost values go on to the border. This
    is `align_corners=False` of Torch.

    Args:
        size: Factor of each spatial axis, 2 or 3 of them.

    Shapes: `(batch, *sides, channels)`, whose sides may be unknown, to `(batch, *(side * factor),
    channels)`.
    """

    def __init__(self, size: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.size = tuple(size)

    def call(self, x):
        if len(self.size) == 2:
            return _resize(x, self.size)
        # No kernel knows volumes. Planes of a volume are images of a batch, and a plane rolled out
        # is a row of an image: two passes that TensorFlow runs at the speed of memory.
        batch, depth, height, width, channels = ops.shape(x)
        by_depth, by_height, by_width = self.size
        if (by_height, by_width) != (1, 1):
            x = ops.reshape(x, (batch * depth, height, width, channels))
            x = _resize(x, (by_height, by_width))
        height, width = height * by_height, width * by_width
        if by_depth != 1:
            x = ops.reshape(x, (batch, depth, height * width, channels))
            x = _resize(x, (by_depth, 1))
        return ops.reshape(x, (batch, depth * by_depth, height, width, channels))

    def compute_output_shape(self, input_shape):
        sides = zip(input_shape[1:-1], self.size, strict=True)
        larger = (side if side is None else side * factor for side, factor in sides)
        return (input_shape[0], *larger, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.size}


def _resize(images, size):
    height, width = ops.shape(images)[1:3]
    sides = (height * size[0], width * size[1])
    if keras.backend.backend() == "tensorflow":
        # That of Keras 3.15 compares the sides with 0, which no graph of unknown sides allows.
        import tensorflow as tf

        return tf.cast(tf.image.resize(images, sides), images.dtype)
    return ops.image.resize(images, sides, interpolation="bilinear", data_format="channels_last")
