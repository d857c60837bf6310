"""From the raw intensities of a scan to what a segmentation network sees."""

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasbio.layers.prepare_images import ROUNDING


@keras.saving.register_keras_serializable(package="kerasbio")
class PrepareScans(keras.layers.Layer):
    """Bring intensities to one scale; size and spacing stay as they are.

    CT has a unit, so that a window of Hounsfield units is taken to [-1, 1] and what lies outside
    is cut. What has no unit, as magnetic resonance, is standardized over all voxels of a scan,
    each channel by itself; a constant channel becomes 0.

    Args:
        window: `(low, high)` intensities that become -1 and 1; None standardizes.

    Shapes: `(batch, *spatial, channels)` to the same, float32.

    Raises:
        ValueError: If the window is not of two rising finite numbers.
    """

    def __init__(self, window: tuple[float, float] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.window = check_window(window)

    def call(self, scans):
        scans = ops.cast(scans, "float32")
        if self.window:
            low, high = self.window
            # No constants that the graph would fold, and so round otherwise than Keras does.
            return (ops.clip(scans, low, high) - (low + high) / 2) * (2 / (high - low))
        axes = tuple(range(1, len(scans.shape) - 1))
        largest = ops.max(ops.abs(scans), axis=axes, keepdims=True)
        # Twice: a float32 mean of a million voxels is itself off by a few parts in a million.
        for _ in range(2):
            scans = scans - ops.mean(scans, axis=axes, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(scans), axis=axes, keepdims=True))
        varied = deviation > ROUNDING * largest
        return ops.where(varied, scans / ops.where(varied, deviation, 1.0), 0.0)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "window": self.window}


def prepare_scan(scan: np.ndarray, window: tuple[float, float] | None = None) -> np.ndarray:
    """Return one scan as `PrepareScans` would, without TensorFlow.

    Args:
        scan: `(*spatial, channels)`, raw intensities.
        window: As in `PrepareScans`.

    Returns:
        `(*spatial, channels)` float32.

    Raises:
        ValueError: As `PrepareScans`.
    """
    scan, window = np.asarray(scan, np.float32), check_window(window)
    if window:
        low, high = window
        return (np.clip(scan, low, high) - np.float32((low + high) / 2)) * np.float32(
            2 / (high - low)
        )
    axes = tuple(range(scan.ndim - 1))
    largest = np.abs(scan).max(axis=axes)
    centred = scan - scan.mean(axis=axes, dtype=np.float64).astype(np.float32)
    deviation = np.sqrt(np.square(centred, dtype=np.float64).mean(axis=axes)).astype(np.float32)
    varied = deviation > ROUNDING * largest
    return np.where(varied, centred / np.where(varied, deviation, 1), 0).astype(np.float32)


def check_window(window: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return a window as two floats, or None.

    Raises:
        ValueError: If it is not of two rising finite numbers.
    """
    if window is None:
        return None
    try:
        low, high = map(float, window)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"window must be two rising finite numbers. Received: window={window}")
    return low, high
