"""Parts of networks that several families share: functions from tensor to tensor."""

from typing import Any

import keras
from keras import layers

from kerasbio.activations import get_activation


def dense_block(
    x: Any,
    units: int,
    *,
    activation: str = "relu",
    kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
    bias_initializer: str = "zeros",
    batch_norm: bool = False,
    dropout: float = 0.0,
    name: str,
) -> Any:
    """Apply an affine layer, batch normalization if wanted, an activation and dropout.

    Args:
        x: `(batch, features)`.
        units: Number of units.
        activation: Name of the activation, of `kerasbio.activations.ACTIVATIONS`.
        kernel_initializer: Initializer of the affine layer.
        bias_initializer: That of its bias.
        batch_norm: Whether batch normalization comes before the activation.
        dropout: Share of the units that is dropped.
        name: Name of the affine layer, with which the names of the others begin.

    Returns:
        `(batch, units)`.
    """
    x = layers.Dense(
        units,
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        name=name,
    )(x)
    if batch_norm:
        x = layers.BatchNormalization(name=f"{name}_norm")(x)
    x = layers.Activation(get_activation(activation), name=f"{name}_activation")(x)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x
