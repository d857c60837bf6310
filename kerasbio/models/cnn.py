"""Convolutional classifiers."""

import keras
from keras import layers

from kerasbio.activations import get_activation
from kerasbio.models.checks import check_positive


def build_lenet5(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    activation: str = "tanh",
    batch_norm: bool = False,
    name: str = "lenet5",
) -> keras.Model:
    """Build LeNet-5 in the form that the field uses.

    Convolution C3 sees all six maps of S2, pooling is a plain average, and the output is
    a dense layer: 61,706 parameters at `(32, 32, 1)` and 10 classes.

    Reference: [LeCun et al., Gradient-based learning applied to document recognition,
    1998](https://doi.org/10.1109/5.726791), section II.B.

    Args:
        input_shape: `(height, width, channels)`, height and width at least 32 pixels.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        activation: Name of the activation of every hidden layer, of
            `kerasbio.activations.ACTIVATIONS`.
        batch_norm: Whether batch normalization follows each hidden layer's affine part.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to logits
        `(batch, num_classes)`.

    Raises:
        ValueError: If a side of `input_shape` is below 32, or `num_classes` below 1.
    """
    if len(input_shape) != 3 or None in input_shape or min(input_shape[:2]) < 32:
        raise ValueError(
            "LeNet-5 needs images (height, width, channels) of at least 32 x 32 pixels. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    check_positive(num_classes=num_classes)

    def hidden(layer, x):
        x = layer(x)
        if batch_norm:
            x = layers.BatchNormalization(name=f"{layer.name}_norm")(x)
        return layers.Activation(get_activation(activation), name=f"{layer.name}_{activation}")(x)

    inputs = keras.Input(input_shape, name="image")
    x = hidden(layers.Conv2D(6, 5, name="c1"), inputs)
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = hidden(layers.Conv2D(16, 5, name="c3"), x)
    x = layers.AveragePooling2D(2, name="s4")(x)
    x = hidden(layers.Conv2D(120, 5, name="c5"), x)
    x = layers.Flatten(name="flatten")(x)
    x = hidden(layers.Dense(84, name="f6"), x)
    outputs = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(inputs, outputs, name=name)
