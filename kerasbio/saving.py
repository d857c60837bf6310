"""Loading a saved Keras model that holds layers, losses, activations or optimizers of kerasbio."""

from pathlib import Path

import keras

# What a saved model names is known to Keras once its module was imported.
import kerasbio.activations
import kerasbio.layers.crop_like
import kerasbio.layers.graph_convolution
import kerasbio.layers.grouped_convolution
import kerasbio.layers.linear_upsampling
import kerasbio.layers.local_response_normalization
import kerasbio.layers.partial_convolution
import kerasbio.layers.prepare_images
import kerasbio.layers.prepare_scans
import kerasbio.layers.prepare_table
import kerasbio.layers.radial_basis
import kerasbio.layers.subsampling
import kerasbio.losses
import kerasbio.metrics.dice_score
import kerasbio.models.cnn.lenet
import kerasbio.optimizers  # noqa: F401


def load_model(path: str | Path, *, compile: bool = True) -> keras.Model:
    """Load a model that `model.save` wrote, with all that kerasbio gave it.

    After `import kerasbio.saving` Keras' own `keras.saving.load_model` does the same.

    Args:
        path: The `.keras` file.
        compile: Whether to compile it with the loss and the optimizer that it was saved with.

    Returns:
        The model.
    """
    return keras.saving.load_model(path, compile=compile)
