"""Normalization of each number by those of the maps beside its own."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class LocalResponseNormalization(keras.layers.Layer):
    """Divide each number by `(k + alpha * sum) ** beta`, the sum of squares over `size` maps.

    These are the maps about its own, fewer at the ends. Caffe and PyTorch divide alpha by `size`,
    the publication does not. Computed in float32.

    Reference: [Krizhevsky et al., ImageNet classification with deep convolutional neural networks,
    2012](https://doi.org/10.1145/3065386), section 3.3.

    Args:
        size: Maps of a sum, odd.
        k: What is added to it.
        alpha: Its factor.
        beta: The exponent.

    Shapes: `(batch, ..., channels)` to the same.

    Raises:
        ValueError: If `size` is even or below 1.
    """

    def __init__(
        self, size: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75, **kwargs: Any
    ):
        super().__init__(**kwargs)
        if size < 1 or size % 2 == 0:
            raise ValueError(f"size must be odd. Received: size={size}")
        self.size = size
        self.k = k
        self.alpha = alpha
        self.beta = beta

    def build(self, input_shape):
        maps = np.arange(input_shape[-1])
        self._near = (abs(maps[:, None] - maps) <= self.size // 2).astype(np.float32)

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        # Sums over neighbours as a product with a band of ones: twice as quick as by shifts.
        base = self.k + self.alpha * ops.tensordot(ops.square(x), self._near, 1)
        if self.beta == 0.75:
            # A third of the time of the power, which is the same.
            scale = ops.rsqrt(base * ops.sqrt(base))
        else:
            scale = ops.power(base, -self.beta)
        return ops.cast(x * scale, inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        own = {"size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}
