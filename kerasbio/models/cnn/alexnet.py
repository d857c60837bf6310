"""AlexNet of 2012, and its form of a single tower."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasbio.activations import get_activation
from kerasbio.blocks import dense_block
from kerasbio.layers.batch_normalization import BatchNormalization
from kerasbio.layers.grouped_convolution import GroupedConv2D
from kerasbio.layers.local_response_normalization import LocalResponseNormalization
from kerasbio.models.checks import check_positive
from kerasbio.models.cnn.checks import check_images, check_levels

#: Side of the kernels of the five convolutions.
KERNELS = (11, 5, 3, 3, 3)
#: Convolutions, counted from 0, whose two halves the publication computes apart.
GROUPED = (1, 3, 4)
#: Convolutions that a pooling follows.
POOLED = (0, 1, 4)


def build_alexnet(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (96, 256, 384, 384, 256),
    units: int = 4096,
    groups: int = 2,
    normalize_responses: bool = True,
    dropout: float = 0.5,
    activation: str = "relu",
    kernel_initializer: str | None = None,
    batch_norm: bool = False,
    name: str = "alexnet",
) -> keras.Model:
    """Build AlexNet: 60,965,224 parameters at `(227, 227, 3)` and 1000 classes.

    Five convolutions, the second, fourth and fifth in two groups; local response normalization
    after the first two; max-pooling over 3 x 3 pixels by 2; two hidden dense layers with dropout.
    The publication says 224 pixels, but its maps of 55 x 55 need 227. Weights start from
    N(0, 0.01); the biases of the grouped convolutions and of the hidden dense layers from 1. In a
    network of fewer maps signals fade at this scale: `kernel_initializer="he_normal"` keeps them.

    `stage1` to `stage5` are the outputs of the stages, `stage5_relu` the last maps before pooling.

    Reference: [Krizhevsky et al., ImageNet classification with deep convolutional neural networks,
    2012](https://doi.org/10.1145/3065386).

    Args:
        input_shape: `(height, width, channels)`; height and width at least 67 pixels.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        filters: Maps of the five convolutions.
        units: Units of each hidden dense layer.
        groups: Groups of the second, fourth and fifth convolution; 1 gives 62,378,344 parameters.
        normalize_responses: Whether there is local response normalization.
        dropout: Share of the units of each hidden dense layer that is dropped.
        activation: Name of the activation, of `kerasbio.activations.ACTIVATIONS`.
        kernel_initializer: Initializer of all layers, whose biases then start from 0; None for
            what is published.
        batch_norm: Whether batch normalization follows each convolution.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to logits
        `(batch, num_classes)`.

    Raises:
        ValueError: If the image is too small, a size below 1, or `filters` are not five multiples
            of `groups`.
    """
    return _build(
        input_shape,
        num_classes,
        filters=filters,
        units=units,
        groups=groups,
        normalize_responses=normalize_responses,
        padding=0,
        dropout=dropout,
        activation=activation,
        kernel_initializer=kernel_initializer,
        batch_norm=batch_norm,
        name=name,
    )


def build_alexnet_single_tower(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int] = (64, 192, 384, 256, 256),
    units: int = 4096,
    dropout: float = 0.5,
    activation: str = "relu",
    kernel_initializer: str | None = None,
    batch_norm: bool = False,
    name: str = "alexnet_single_tower",
) -> keras.Model:
    """Build AlexNet of a single tower: 61,100,840 parameters at `(224, 224, 3)`, 1000 classes.

    No groups, no local response normalization, and 2 pixels of zeros around the image: the form
    that torchvision has. The rest is as in `build_alexnet`.

    Reference: [Krizhevsky, One weird trick for parallelizing convolutional neural networks,
    2014](https://arxiv.org/abs/1404.5997).

    Args:
        input_shape: `(height, width, channels)`; height and width at least 63 pixels.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        filters: Maps of the five convolutions.
        units: Units of each hidden dense layer.
        dropout: Share of the units of each hidden dense layer that is dropped.
        activation: Name of the activation, of `kerasbio.activations.ACTIVATIONS`.
        kernel_initializer: Initializer of all layers, whose biases then start from 0; None for
            what is published.
        batch_norm: Whether batch normalization follows each convolution.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to logits
        `(batch, num_classes)`.

    Raises:
        ValueError: If the image is too small, a size below 1, or `filters` are not five.
    """
    return _build(
        input_shape,
        num_classes,
        filters=filters,
        units=units,
        groups=1,
        normalize_responses=False,
        padding=2,
        dropout=dropout,
        activation=activation,
        kernel_initializer=kernel_initializer,
        batch_norm=batch_norm,
        name=name,
    )


def _build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    filters: Sequence[int],
    units: int,
    groups: int,
    normalize_responses: bool,
    padding: int,
    dropout: float,
    activation: str,
    kernel_initializer: str | None,
    batch_norm: bool,
    name: str,
) -> keras.Model:
    check_images("AlexNet", input_shape, 67 - 2 * padding)
    check_positive(num_classes=num_classes, units=units, groups=groups)
    check_levels(filters, 5)
    if any(maps % groups for maps in filters):
        raise ValueError(
            f"filters must be multiples of groups, {groups}. Received: filters={tuple(filters)}"
        )
    inputs = x = keras.Input(input_shape, name="image")
    if padding:
        x = layers.ZeroPadding2D(padding, name="pad")(x)
    for level, maps in enumerate(filters):
        x = _convolve(x, maps, level, groups, activation, kernel_initializer, batch_norm)
        if normalize_responses and level < 2:
            x = LocalResponseNormalization(name=f"stage{level + 1}_responses")(x)
        if level in POOLED:
            x = layers.MaxPooling2D(3, 2, name=f"stage{level + 1}")(x)
    x = layers.Flatten(name="flatten")(x)
    for dense in ("fc6", "fc7"):
        x = dense_block(
            x,
            units,
            activation=activation,
            dropout=dropout,
            name=dense,
            **_start(kernel_initializer, bias="ones"),
        )
    outputs = layers.Dense(num_classes, name="logits", **_start(kernel_initializer))(x)
    return keras.Model(inputs, outputs, name=name)


def _convolve(
    x: Any,
    maps: int,
    level: int,
    groups: int,
    activation: str,
    kernel_initializer: str | None,
    batch_norm: bool,
) -> Any:
    name, grouped = f"stage{level + 1}", level in GROUPED
    x = GroupedConv2D(
        maps,
        KERNELS[level],
        strides=1 if level else 4,
        padding="same" if level else "valid",
        groups=groups if grouped else 1,
        name=f"{name}_conv",
        **_start(kernel_initializer, bias="ones" if grouped else "zeros"),
    )(x)
    if batch_norm:
        x = BatchNormalization(name=f"{name}_norm")(x)
    last = f"{name}_relu" if level in POOLED else name
    return layers.Activation(get_activation(activation), name=last)(x)


def _start(kernel_initializer: str | None, bias: str = "zeros") -> dict[str, Any]:
    """Return the initializers of a layer: those published, with this bias, or the one given."""
    if kernel_initializer is not None:
        return {"kernel_initializer": kernel_initializer, "bias_initializer": "zeros"}
    normal = keras.initializers.RandomNormal(0.0, 0.01)
    return {"kernel_initializer": normal, "bias_initializer": bias}
