"""Parts of the U-Nets: functions from tensor to tensor, for images and volumes alike."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasbio.layers.batch_normalization import BatchNormalization
from kerasbio.layers.convolution import CONVOLUTION
from kerasbio.layers.crop_like import CropLike
from kerasbio.layers.linear_upsampling import LinearUpsampling


def layer_of_rank(name: str, x: Any) -> Any:
    """Return the class of a Keras layer for images or volumes.

    Args:
        name: Name of the class without its rank, such as `"MaxPooling"` or `"Conv{}Transpose"`.
        x: `(batch, *sides, channels)`.

    Returns:
        The class, such as `keras.layers.MaxPooling3D`.
    """
    pattern = name if "{}" in name else name + "{}"
    return getattr(layers, pattern.format(f"{len(x.shape) - 2}D"))


def convolution(
    x: Any,
    filters: int,
    kernel_size: int | Sequence[int] = 3,
    *,
    padding: str = "same",
    batch_norm: bool = False,
    activation: str | None = "relu",
    name: str,
    **keywords: Any,
) -> Any:
    """Apply a convolution of He initialization, batch normalization if wanted, and an activation.

    Args:
        x: `(batch, *sides, channels)`.
        filters: Maps that it gives.
        kernel_size: Of the convolution.
        padding: `"same"` or `"valid"`.
        batch_norm: Whether batch normalization comes before the activation.
        activation: Name of a Keras activation; None for none.
        name: Name of the convolution, with which the names of the others begin.
        keywords: Further arguments of the convolution.

    Returns:
        `(batch, *sides, filters)`.
    """
    x = CONVOLUTION[len(x.shape)](
        filters,
        kernel_size,
        padding=padding,
        kernel_initializer="he_normal",
        name=name,
        **keywords,
    )(x)
    if batch_norm:
        x = normalization(x, f"{name}_norm")
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def normalization(x: Any, name: str) -> Any:
    """Apply batch normalization with the momentum and the epsilon of Caffe and Torch."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def double_convolution(
    x: Any,
    filters: tuple[int, int],
    *,
    padding: str = "same",
    batch_norm: bool = False,
    residual: bool = False,
    name: str,
) -> Any:
    """Apply two 3 x 3 (x 3) convolutions, each followed by ReLU.

    Reference of the residual form: [He et al., Deep residual learning for image recognition,
    2016](https://arxiv.org/abs/1512.03385).

    Args:
        x: `(batch, *sides, channels)`.
        filters: Maps of each convolution.
        padding: `"same"`, or `"valid"`, which takes 4 from each side.
        batch_norm: Whether batch normalization comes before each ReLU.
        residual: Whether the input is added before the last ReLU, after a 1 x 1 convolution where
            the numbers of maps differ.
        name: With which the names of the layers begin.

    Returns:
        `(batch, *sides, filters[1])`.
    """
    shortcut = x
    shared: dict[str, Any] = {"padding": padding, "batch_norm": batch_norm}
    x = convolution(x, filters[0], name=f"{name}_conv0", **shared)
    last = None if residual else "relu"
    x = convolution(x, filters[1], activation=last, name=f"{name}_conv1", **shared)
    if not residual:
        return x
    if padding == "valid":
        shortcut = layer_of_rank("Cropping", x)(2, name=f"{name}_shortcut_crop")(shortcut)
    if shortcut.shape[-1] != filters[1]:
        shortcut = convolution(
            shortcut,
            filters[1],
            1,
            batch_norm=batch_norm,
            activation=None,
            name=f"{name}_shortcut",
        )
    x = layers.Add(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu")(x)


def pool(x: Any, size: tuple[int, ...], name: str) -> Any:
    """Halve the sides by their maxima; a side that `size` does not divide is rounded up."""
    return layer_of_rank("MaxPooling", x)(size, padding="same", name=name)(x)


def upsample(
    x: Any, filters: int, size: tuple[int, ...], *, method: str, use_bias: bool = True, name: str
) -> Any:
    """Enlarge the sides and change the number of maps.

    Args:
        x: `(batch, *sides, channels)`.
        filters: Maps that it gives.
        size: Factor of each side.
        method: `"transpose"` for a transposed convolution whose kernel is as large as its stride,
            `"resize"` for a 1 x 1 convolution and linear interpolation. These two commute, and
            in this order the convolution sees the fewer voxels.
        use_bias: Whether the convolution has a bias.
        name: Name of the layer that has the weights.

    Returns:
        `(batch, *(side * factor), filters)`.
    """
    if method == "resize":
        x = convolution(x, filters, 1, activation=None, use_bias=use_bias, name=name)
        return LinearUpsampling(size, name=f"{name}_resize")(x)
    transposed = layer_of_rank("Conv{}Transpose", x)
    return transposed(
        filters, size, size, use_bias=use_bias, kernel_initializer="he_normal", name=name
    )(x)


def join(skip: Any, x: Any, name: str) -> Any:
    """Concatenate a skip connection and what was upsampled to it, of equal sides or one larger.

    Args:
        skip: `(batch, *sides, channels)`; where its sides are the larger ones, as in networks
            without padding, its centre is taken.
        x: `(batch, *sides, channels)`; where its sides are the larger ones or unknown, as with
            odd sides, its end is cut.
        name: Name of the concatenation, with which the names of the others begin.

    Returns:
        `(batch, *sides, channels of both)`.
    """
    sides = list(zip(skip.shape[1:-1], x.shape[1:-1], strict=True))
    if None in skip.shape[1:-1] or any(of_skip < of_x for of_skip, of_x in sides):
        x = CropLike(name=f"{name}_crop")([x, skip])
    elif any(of_skip > of_x for of_skip, of_x in sides):
        margins = [((of_skip - of_x) // 2,) * 2 for of_skip, of_x in sides]
        skip = layer_of_rank("Cropping", x)(margins, name=f"{name}_crop")(skip)
    return layers.Concatenate(name=name)([skip, x])


def head(x: Any, num_classes: int) -> Any:
    """Apply the last 1 x 1 convolution, named `logits`."""
    return convolution(x, num_classes, 1, activation=None, name="logits")


def image_input(input_shape: tuple[int | None, ...]) -> Any:
    """Return the input of a network of images or volumes."""
    return keras.Input(input_shape, name="image")
