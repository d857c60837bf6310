"""Keras' batch normalization, at the speed of TensorFlow's kernel."""

from typing import Any

import keras
import tensorflow as tf


class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, in one kernel of TensorFlow while it trains on images or volumes.

    It gives what Keras' layer gives but for rounding, and is saved as that. What is masked,
    renormalized, synchronized or not float32 is left to it, and so is prediction.

    Shapes: `(batch, *sides, channels)` to the same.

    Reference: [Ioffe and Szegedy, Batch normalization: accelerating deep network training by
    reducing internal covariate shift, 2015](https://arxiv.org/abs/1502.03167).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        rank = len(inputs.shape)
        plain = self.scale and self.center and not (self.renorm or self.synchronized)
        if (
            not (training and self.trainable and plain and mask is None)
            or rank not in (4, 5)
            or self.axis not in (-1, rank - 1)
            or inputs.dtype != tf.float32
        ):
            return super().call(inputs, training=training, mask=mask)
        shape, channels = tf.shape(inputs), inputs.shape[-1]
        # Statistics do not mind how volumes are cut into images.
        images = inputs if rank == 4 else tf.reshape(inputs, (-1, shape[2], shape[3], channels))
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images,
            scale=self.gamma,
            offset=self.beta,
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel estimates the variance of all images, Keras keeps that of the batch.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance *= (count - 1) / count
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return outputs if rank == 4 else tf.reshape(outputs, shape)


# Models are saved with the layer of Keras, so that they load where kerasbio is not installed.
BatchNormalization.__module__ = "keras.layers"
