"""Keras' convolutions, as one matrix product where the maps are tiny."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasbio.saved_as import saved_as

#: Positions up to which the product was measured to be the quicker form, gradients included.
POSITIONS = 27


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
        # Finding the windows takes a product too, which must not become the larger one.
        if not plain or math.prod(given) > POSITIONS or math.prod(sides) > self.filters:
            return super().convolution_op(inputs, kernel)
        size, maps = math.prod(kernel.shape[:-1]), kernel.shape[-1]
        windows = ops.reshape(self._windows(inputs, sides, given), (-1, size))
        return ops.reshape(windows @ ops.reshape(kernel, (size, maps)), (-1, *given, maps))

    def _windows(self, inputs: Any, sides: tuple[int, ...], given: tuple[int, ...]) -> Any:
        """Return what the kernel sees at each position: `(batch, positions, all of a window)`."""
        whole = self.padding == "valid" and self.kernel_size == tuple(sides)
        if whole or max(self.kernel_size) == max(self.strides) == 1:
            return inputs
        pixels = ops.reshape(inputs, (-1, math.prod(sides), inputs.shape[-1]))
        # As a product, as the gradient of slices is slow.
        return ops.cast(self._places(sides, given), inputs.dtype) @ pixels

    def _places(self, sides: tuple[int, ...], given: tuple[int, ...]) -> np.ndarray:
        """Return which pixel each pixel of each window is: `(positions * kernel, pixels)`."""
        axes = []
        for size, step, count, side in zip(
            self.kernel_size, self.strides, given, sides, strict=True
        ):
            missing = max((count - 1) * step + size - side, 0) if self.padding == "same" else 0
            first = np.arange(count)[:, None] * step - missing // 2
            axes.append(first + np.arange(size) == np.arange(side)[:, None, None])
        # Axes of each: pixels, positions, kernel. What lies in the margin is no pixel.
        letters = list(zip("abc", "pqr", "xyz", strict=True))[: len(axes)]
        pixels, positions, kernel = map("".join, zip(*letters, strict=True))
        terms = ",".join(map("".join, letters))
        found = np.einsum(f"{terms}->{positions}{kernel}{pixels}", *axes)
        return found.reshape(-1, math.prod(sides))


@saved_as(keras.layers.Conv2D)
class Conv2D(_ProductWhereTiny, keras.layers.Conv2D):
    """Keras' layer for images, quick on maps of a few pixels too, and saved as that.

    Shapes: `(batch, height, width, channels)` to `(batch, new height, new width, filters)`.
    """


@saved_as(keras.layers.Conv3D)
class Conv3D(_ProductWhereTiny, keras.layers.Conv3D):
    """Keras' layer for volumes, quick on maps of a few voxels too, and saved as that.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, *new sides, filters)`.
    """
