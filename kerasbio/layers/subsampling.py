"""Pooling with a gain and a bias that are learned."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class Subsampling(keras.layers.Layer):
    """Sum over squares of 2 x 2 pixels, times a trained coefficient per map, plus a trained bias.

    The coefficients start uniformly within 2.4 / 4.

    Reference: [LeCun et al., Gradient-based learning applied to document recognition,
    1998](https://doi.org/10.1109/5.726791), layers S2 and S4.

    Shapes: `(batch, height, width, channels)` to `(batch, height // 2, width // 2, channels)`.
    """

    def build(self, input_shape):
        shape = (input_shape[-1],)
        start = keras.initializers.RandomUniform(-0.6, 0.6)
        self.coefficient = self.add_weight(name="coefficient", shape=shape, initializer=start)
        self.bias = self.add_weight(name="bias", shape=shape, initializer="zeros")

    def call(self, inputs: Any) -> Any:
        mean = ops.average_pool(inputs, 2, 2, "valid")
        return mean * (4 * self.coefficient) + self.bias

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and height // 2, width and width // 2, channels)
