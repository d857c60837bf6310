"""Keras' convolutions, in the forms that are quick where maps are tiny or few."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasbio.saved_as import saved_as

#: Positions up to which the product was measured to be the quicker form, gradients included.
POSITIONS = 27
#: Maps up to which two neighbours are computed at once: half of what a vector of a processor holds.
NARROW = 8


class _QuickConvolution(keras.layers.Layer):
    """A convolution by other kernels than Keras' where these were measured to be quicker.

    Few positions are the rows of a matrix: kernels of convolutions lay large weights out anew at
    each call, which takes most of the time of the last stages of a deep network. Few maps would
    leave most of a vector of the processor empty: two neighbours fill it. Both multiply by zeros,
    so that a number that is not finite spreads further than in Keras.
    """

    def call(self, inputs: Any) -> Any:
        if not self._is_narrow(inputs):
            return super().call(inputs)
        weights = [self.kernel, self.bias] if self.use_bias else [self.kernel]
        outputs = _narrow(inputs, *map(tf.convert_to_tensor, weights))
        return outputs if self.activation is None else self.activation(outputs)

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolve, without bias; the same numbers but for rounding."""
        sides = inputs.shape[1:-1]
        given = self.compute_output_shape(inputs.shape)[1:-1] if self._is_plain(sides) else ()
        # Finding the windows takes a product too, which must not become the larger one.
        if not given or math.prod(given) > POSITIONS or math.prod(sides) > self.filters:
            return super().convolution_op(inputs, kernel)
        return self._product(inputs, kernel, given)

    def _is_plain(self, sides: tuple[int | None, ...]) -> bool:
        """Return whether these forms are written for it."""
        return (
            self.data_format == "channels_last"
            and self.groups == 1
            and max(self.dilation_rate) == 1
            and None not in sides
        )

    def _is_narrow(self, inputs: Any) -> bool:
        """Return whether it has so few maps that neighbours are to be computed in pairs."""
        *sides, channels = inputs.shape[1:]
        return (
            keras.backend.backend() == "tensorflow"
            and self._is_plain(sides)
            and self.padding == "same"
            and max(self.strides) == 1
            and all(size % 2 for size in self.kernel_size)
            and self.kernel_size[-1] > 1
            and sides[-1] % 2 == 0
            and min(channels, self.filters) <= NARROW
            and math.prod(sides) > POSITIONS
            and {keras.backend.standardize_dtype(inputs.dtype), self.dtype} == {"float32"}
        )

    def _product(self, inputs: Any, kernel: Any, given: tuple[int, ...]) -> Any:
        """Convolve as a product of the windows, one a row, and the kernel."""
        sides = inputs.shape[1:-1]
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


@tf.custom_gradient
def _narrow(inputs: Any, *weights: Any) -> tuple[Any, Any]:
    """Convolve with a kernel of odd sides, and a bias if given, into maps of the same sides.

    The gradient by the inputs is the same again, of the kernel turned round: as the gradient of
    pairs it would be slow.
    """

    def gradient(above: Any) -> tuple[Any, ...]:
        above = tf.ensure_shape(above, (*inputs.shape[:-1], weights[0].shape[-1]))
        with tf.GradientTape() as tape:
            tape.watch(weights)
            outputs = _in_pairs(inputs, *weights)
        spatial = list(range(inputs.shape.rank - 2))
        turned = tf.transpose(
            tf.reverse(weights[0], spatial), [*spatial, len(spatial) + 1, len(spatial)]
        )
        return _in_pairs(above, turned), *tape.gradient(outputs, weights, output_gradients=above)

    return _in_pairs(inputs, *weights), gradient


def _in_pairs(inputs: Any, kernel: Any, bias: Any = None) -> Any:
    """Convolve, two neighbours along the last side at once where there are few maps.

    A kernel for both has a column more, and zeros where only the other one looks.
    """
    maps, strides = kernel.shape[-1], [1] * (inputs.shape.rank - 2)
    if paired := maps <= NARROW:
        before, after = [[0, 0]] * (len(strides) - 1), [[0, 0]] * 2
        both = [tf.pad(kernel, [*before, margin, *after]) for margin in ([0, 1], [1, 0])]
        kernel, strides[-1] = tf.concat(both, -1), 2
    # Second derivatives ask for the order of the axes.
    order = "NHWC" if len(strides) == 2 else "NDHWC"
    outputs = tf.nn.convolution(inputs, kernel, strides, "SAME", order)
    if bias is not None:
        # Before the pairs are parted, as it is then a part of the convolution's kernel.
        outputs = tf.nn.bias_add(outputs, tf.tile(bias, [2]) if paired else bias)
    return tf.reshape(outputs, (-1, *inputs.shape[1:-1], maps)) if paired else outputs


@saved_as(keras.layers.Conv2D)
class Conv2D(_QuickConvolution, keras.layers.Conv2D):
    """Keras' layer for images, quick on few pixels or maps too, and saved as that.

    Shapes: `(batch, height, width, channels)` to `(batch, new height, new width, filters)`.
    """


@saved_as(keras.layers.Conv3D)
class Conv3D(_QuickConvolution, keras.layers.Conv3D):
    """Keras' layer for volumes, quick on few voxels or maps too, and saved as that.

    Shapes: `(batch, depth, height, width, channels)` to `(batch, *new sides, filters)`.
    """


#: The layer by the rank of a batch of images or of volumes.
CONVOLUTION = {4: Conv2D, 5: Conv3D}
