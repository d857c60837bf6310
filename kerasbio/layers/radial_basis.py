"""Distances to fixed points."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class RadialBasis(keras.layers.Layer):
    """Squared Euclidean distance to each of some fixed points: the least is the nearest.

    Reference: [LeCun et al., Gradient-based learning applied to document recognition,
    1998](https://doi.org/10.1109/5.726791), equation 7.

    Args:
        centres: The points, `(units, features)`.

    Shapes: `(batch, features)` to `(batch, units)`.
    """

    def __init__(self, centres: Sequence[Sequence[float]], **kwargs: Any):
        super().__init__(**kwargs)
        self.centres = [list(centre) for centre in centres]

    def call(self, inputs):
        centres = ops.convert_to_tensor(self.centres, inputs.dtype)
        return ops.sum(ops.square(ops.expand_dims(inputs, 1) - centres), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], len(self.centres))

    def get_config(self):
        return {**super().get_config(), "centres": self.centres}
