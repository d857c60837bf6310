"""A convolution each of whose maps sees some of the maps before it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class PartialConvolution(keras.layers.Layer):
    """Convolution without padding by a table of connections.

    Only what is connected has weights: `kernel` is `(size, size, connections)`, output map by
    output map. They start uniformly within 2.4 / F, F the inputs of a unit of their map.

    Reference: [LeCun et al., Gradient-based learning applied to document recognition,
    1998](https://doi.org/10.1109/5.726791), layer C3 and table I.

    Args:
        table: For each output map the input maps that it sees.
        kernel_size: Pixels per side of the kernels.

    Shapes: `(batch, height, width, channels)` to
    `(batch, height - kernel_size + 1, width - kernel_size + 1, len(table))`.

    Raises:
        ValueError: If a map of the table is not among the inputs.
    """

    def __init__(self, table: Sequence[Sequence[int]], kernel_size: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.table = [list(row) for row in table]
        self.kernel_size = kernel_size

    def build(self, input_shape):
        channels, size = input_shape[-1], self.kernel_size
        if not all(0 <= index < channels for row in self.table for index in row):
            raise ValueError(
                f"table must name some of the {channels} maps of the input. "
                f"Received: table={self.table}"
            )
        pairs = [(index, out) for out, row in enumerate(self.table) for index in row]
        limits = np.array([2.4 / (size**2 * len(self.table[out])) for _, out in pairs])
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, size, len(pairs)),
            initializer=lambda shape, dtype: keras.random.uniform(shape, -1, 1, dtype) * limits,
        )
        self.bias = self.add_weight(name="bias", shape=(len(self.table),), initializer="zeros")
        # One full kernel with zeros is quicker than a convolution for each row of the table.
        self._placed = np.zeros((len(pairs), channels, len(self.table)))
        for connection, (index, out) in enumerate(pairs):
            self._placed[connection, index, out] = 1.0

    def call(self, inputs):
        kernel = ops.tensordot(self.kernel, ops.cast(self._placed, inputs.dtype), 1)
        return ops.conv(inputs, kernel, padding="valid") + self.bias

    def compute_output_shape(self, input_shape):
        sides = (side and side - self.kernel_size + 1 for side in input_shape[1:3])
        return (input_shape[0], *sides, len(self.table))

    def get_config(self):
        return {**super().get_config(), "table": self.table, "kernel_size": self.kernel_size}
