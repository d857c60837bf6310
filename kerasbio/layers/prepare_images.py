"""From raw intensities of any size and scale to what a network sees."""

from typing import Any

import keras
import numpy as np
from keras import ops

#: Deviation, in parts of the largest intensity, that float32 arithmetic makes by itself.
ROUNDING = 1e-6


@keras.saving.register_keras_serializable(package="kerasbio")
class PrepareImages(keras.layers.Layer):
    """Resize images and standardize each: mean 0, standard deviation 1, over all its pixels.

    Radiographs have no unit that a detector keeps, so that only contrast within an image counts;
    8 and 16 bit images of the same object give the same. Constant images become 0.

    Args:
        size: Pixels per side of the output.
        channels: Channels of input and output.

    Shapes: `(batch, height, width, channels)` to `(batch, size, size, channels)`, float32.
    """

    def __init__(self, size: int, channels: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = size
        self.channels = channels

    def call(self, images):
        images = ops.cast(images, "float32")
        images = ops.image.resize(images, (self.size, self.size), antialias=True)
        largest = ops.max(ops.abs(images), axis=(1, 2, 3), keepdims=True)
        images = images - ops.mean(images, axis=(1, 2, 3), keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(images), axis=(1, 2, 3), keepdims=True))
        varied = deviation > ROUNDING * largest
        return ops.where(varied, images / ops.where(varied, deviation, 1.0), 0.0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, self.channels)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "channels": self.channels}


def prepare_image(image: np.ndarray, size: int) -> np.ndarray:
    """Return one image as `PrepareImages` would, quickly.

    Args:
        image: `(height, width, channels)`, raw intensities.
        size: Pixels per side of the output.

    Returns:
        `(size, size, channels)` float32.
    """
    if image.shape[:2] != (size, size):
        return ops.convert_to_numpy(PrepareImages(size, image.shape[-1])(image[None]))[0]
    centred = image.astype(np.float32) - np.float32(image.mean(dtype=np.float64))
    deviation = np.sqrt(np.square(centred, dtype=np.float64).mean())
    varied = deviation > ROUNDING * np.abs(image).max()
    return (centred / np.float32(deviation)) if varied else np.zeros_like(centred)
