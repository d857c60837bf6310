"""Keras' convolutions, as one matrix product where the maps are tiny."""

import itertools
import math
from typing import Any

import keras
from keras import ops

from kerasbio.saved_as import saved_as

#: Positions up to which weights outnumber what they are applied to.
POSITIONS = 4


class _ProductWhereTiny(keras.layers.Layer):
    """A convolution whose few positions are the rows of a matrix.

    Kernels of convolutions lay large weights out anew at each call, which takes most of the time
    of the last stages of a deep network.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve, without bias; the same numbers but for rounding."""
        sides = inputs.shape[1:-1]
        plain = (
            self.data_format == "channels_last"
            and self.groups == 1
            and max(self.dilation_rate) == 1
            and None not in sides
        )
        given = self.compute_output_shape(inputs.shape)[1:-1] if plain else ()
        if not plain or math.prod(given) > POSITIONS:
            return super().convolution_op(inputs, kernel)
        size, maps = math.prod(kernel.shape[:-1]), kernel.shape[-1]
        windows = ops.reshape(self._windows(inputs, sides, given), (-1, size))
        return ops.reshape(windows @ ops.reshape(kernel, (size, maps)), (-1, *given, maps))

    def _windows(self, inputs: Any, sides: tuple[int, ...], given: tuple[int, ...]) -> Any:
        """Return what the kernel sees at each position: `(batch, *given, all of a window)`."""
        if self.padding == "valid" and self.kernel_size == tuple(sides):
            return inputs
        geometry = list(zip(self.kernel_size, self.strides, given, strict=True))
        if self.padding == "same":
            missing = [
                max((count - 1) * step + size - side, 0)
                for (size, step, count), side in zip(geometry, sides, strict=True)
            ]
            margins = [(total // 2, total - total // 2) for total in missing]
            inputs = ops.pad(inputs, [(0, 0), *margins, (0, 0)])
        steps = [
            [slice(first, first + (count - 1) * step + 1, step) for first in range(size)]
            for size, step, count in geometry
        ]
        seen = [inputs[(slice(None), *at, slice(None))] for at in itertools.product(*steps)]
        return ops.concatenate(seen, axis=-1)


@saved_as(keras.layers.Conv2D)
class Conv2D(_ProductWhereTiny, keras.layers.Conv2D):
    """Keras' layer for images, quick on maps of up to four pixels too, and saved as that.

    Shapes: `(batch, height, width, channels)` to `(batch, new height, new width, filters)`.
    """


@saved_as(keras.layers.Conv3D)
class Conv3D(_ProductWhereTiny, keras.layers.Conv3D):
    """Keras' layer for volumes, quick on maps of up to four voxels too, and saved as that.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, *new sides, filters)`.
    """
