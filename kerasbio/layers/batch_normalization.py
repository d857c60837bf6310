"""Keras' batch normalization, at the speed of TensorFlow's kernel."""

from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from kerasbio.saved_as import saved_as


@saved_as(keras.layers.BatchNormalization)
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, in one kernel of TensorFlow while it trains on images or volumes.

    It gives what Keras' layer gives but for rounding, and is saved as that. What is masked,
    renormalized, synchronized, compiled by XLA or not float32 is left to it, and so is prediction.

    Shapes: `(batch, *sides, channels)` to the same.

    Reference: [Ioffe and Szegedy, Batch normalization: accelerating deep network training by
    reducing internal covariate shift, 2015](https://arxiv.org/abs/1502.03167).
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable and mask is None and self._fits(inputs)):
            return super().call(inputs, training=training, mask=mask)
        rank, shape, channels = len(inputs.shape), tf.shape(inputs), self.gamma.shape[0]
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

    def _fits(self, inputs: Any) -> bool:
        """Return whether the kernel does what the layer is set to do."""
        rank = len(inputs.shape)
        kinds = {keras.backend.standardize_dtype(inputs.dtype), self.compute_dtype}
        # That of XLA takes the square of the mean from the mean of the squares: scans in Hounsfield
        # units come out as not a number.
        compiled = control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())
        return (
            self.scale
            and self.center
            and not (self.renorm or self.synchronized or compiled)
            and rank in (4, 5)
            and self.axis in (-1, rank - 1)
            and kinds | {self.variable_dtype} == {"float32"}
        )
