"""From raw intensities of any size and scale to what a network sees."""

from typing import Any

import keras
import numpy as np
from keras import ops

#: Deviation, in parts of the largest intensity, that float32 arithmetic makes by itself.
ROUNDING = 1e-6


@keras.saving.register_keras_serializable(package="kerasbio")
class PrepareImages(keras.layers.Layer):
    """Resize images, even out their shading and standardize each over all its pixels.

    Radiographs have no unit that a detector keeps, so that only contrast within an image counts;
    8 and 16 bit images of the same object give the same. Shading that is broader than a finding,
    as of a body's depth or of scatter, goes by taking away the local mean: the subtractive half
    of local contrast normalization (Jarrett et al., ICCV 2009). The result has mean 0 and
    standard deviation 1; constant images become 0.

    Args:
        size: Pixels per side of the output.
        channels: Channels of input and output.
        shading: Standard deviation, as a share of the side, of the Gaussian that weights the
            local mean; 0 takes none away.

    Shapes: `(batch, height, width, channels)` to `(batch, size, size, channels)`, float32.
    """

    def __init__(self, size: int, channels: int, shading: float = 0.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = size
        self.channels = channels
        self.shading = shading

    def call(self, images):
        images = ops.cast(images, "float32")
        images = ops.image.resize(images, (self.size, self.size), antialias=True)
        largest = ops.max(ops.abs(images), axis=(1, 2, 3), keepdims=True)
        if self.shading:
            weights = gaussian_weights(self.size, self.shading * self.size)
            local = ops.tensordot(images, weights, [[1], [1]])  # (batch, width, channels, rows)
            local = ops.tensordot(local, weights, [[1], [1]])  # (batch, channels, rows, columns)
            images = images - ops.transpose(local, (0, 2, 3, 1))
        images = images - ops.mean(images, axis=(1, 2, 3), keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(images), axis=(1, 2, 3), keepdims=True))
        varied = deviation > ROUNDING * largest
        return ops.where(varied, images / ops.where(varied, deviation, 1.0), 0.0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, self.channels)

    def get_config(self):
        own = {"size": self.size, "channels": self.channels, "shading": self.shading}
        return {**super().get_config(), **own}


def prepare_image(image: np.ndarray, size: int, shading: float = 0.0) -> np.ndarray:
    """Return one image as `PrepareImages` would, quickly.

    Args:
        image: `(height, width, channels)`, raw intensities.
        size: Pixels per side of the output.
        shading: As in `PrepareImages`.

    Returns:
        `(size, size, channels)` float32.
    """
    if image.shape[:2] != (size, size):
        return ops.convert_to_numpy(PrepareImages(size, image.shape[-1], shading)(image[None]))[0]
    largest = np.abs(image).max()
    image = image.astype(np.float32)
    if shading:
        weights = gaussian_weights(size, shading * size)
        planes = image.transpose(2, 0, 1)
        image = image - (weights @ planes @ weights.T).transpose(1, 2, 0)
    centred = image - np.float32(image.mean(dtype=np.float64))
    deviation = np.sqrt(np.square(centred, dtype=np.float64).mean())
    varied = deviation > ROUNDING * largest
    return (centred / np.float32(deviation)) if varied else np.zeros_like(centred)


def gaussian_weights(size: int, width: float) -> np.ndarray:
    """Return `(size, size)` float32: each row a Gaussian about its pixel, of sum 1.

    Two such matrices, one per axis, give a local mean that the borders do not darken.
    """
    steps = np.arange(size)
    weights = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
