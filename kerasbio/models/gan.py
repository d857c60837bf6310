"""Generators and discriminators."""

import math
from collections.abc import Sequence

import keras
from keras import layers


def build_dcgan_generator(
    output_shape: tuple[int, int, int],
    *,
    latent_size: int = 100,
    filters: Sequence[int] = (512, 256, 128, 64),
    batch_norm: bool = True,
    name: str = "dcgan_generator",
) -> keras.Model:
    """Build the generator of DCGAN as its authors released it: 3,576,704 parameters at 64 x 64.

    A point of latent space becomes 4 x 4 maps, and each transposed convolution doubles their
    side. Every layer but the last has batch normalization and ReLU, the last tanh; there are no
    biases, kernels are 4 x 4 and weights start from N(0, 0.02).

    Reference: [Radford et al., Unsupervised representation learning with deep convolutional
    generative adversarial networks, 2016](https://arxiv.org/abs/1511.06434), and its code
    dcgan.torch, whose kernels are 4 x 4 where the figure of the publication has 5 x 5.

    Args:
        output_shape: `(height, width, channels)` of the images; height and width are
            `4 * 2 ** len(filters)`.
        latent_size: Elements of a latent point.
        filters: Maps of each hidden layer, smallest side first.
        batch_norm: Whether the hidden layers have batch normalization.
        name: Name of the model.

    Returns:
        A `keras.Model` from latent points `(batch, latent_size)`, drawn from N(0, 1), to images
        `(batch, height, width, channels)` in [-1, 1]: not logits, as tanh ends it.

    Raises:
        ValueError: If the sides of `output_shape` are not those that `filters` give.
    """
    _check(output_shape, filters, "output_shape")
    inputs = keras.Input((latent_size,), name="latent")
    x = layers.Reshape((1, 1, latent_size), name="point")(inputs)
    for level, maps in enumerate(filters):
        strides, padding = (1, "valid") if level == 0 else (2, "same")
        x = layers.Conv2DTranspose(
            maps,
            4,
            strides,
            padding,
            use_bias=False,
            name=f"up{level}",
            kernel_initializer=_normal(),
        )(x)
        if batch_norm:
            x = _normalization(f"up{level}_norm")(x)
        x = layers.ReLU(name=f"up{level}_relu")(x)
    x = layers.Conv2DTranspose(
        output_shape[-1], 4, 2, "same", use_bias=False, name="image", kernel_initializer=_normal()
    )(x)
    return keras.Model(inputs, layers.Activation("tanh", name="tanh")(x), name=name)


def build_dcgan_discriminator(
    input_shape: tuple[int, int, int],
    *,
    filters: Sequence[int] = (64, 128, 256, 512),
    batch_norm: bool = True,
    name: str = "dcgan_discriminator",
) -> keras.Model:
    """Build the discriminator of DCGAN as its authors released it: 2,765,568 parameters at 64².

    Each convolution halves the side down to 4 x 4, and a last one gives a single logit. Every
    hidden layer but the first has batch normalization, all have leaky ReLU of slope 0.2; there
    are no biases, kernels are 4 x 4 and weights start from N(0, 0.02).

    Reference: [Radford et al., Unsupervised representation learning with deep convolutional
    generative adversarial networks, 2016](https://arxiv.org/abs/1511.06434), and its code
    dcgan.torch.

    Args:
        input_shape: `(height, width, channels)`; height and width are `4 * 2 ** len(filters)`.
        filters: Maps of each hidden layer, largest side first.
        batch_norm: Whether the hidden layers after the first have batch normalization.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` in [-1, 1] to logits
        `(batch, 1)` of being real.

    Raises:
        ValueError: If the sides of `input_shape` are not those that `filters` reduce to 4.
    """
    _check(input_shape, filters, "input_shape")
    inputs = x = keras.Input(input_shape, name="image")
    for level, maps in enumerate(filters):
        x = layers.Conv2D(
            maps, 4, 2, "same", use_bias=False, name=f"down{level}", kernel_initializer=_normal()
        )(x)
        if batch_norm and level:
            x = _normalization(f"down{level}_norm")(x)
        x = layers.LeakyReLU(0.2, name=f"down{level}_relu")(x)
    x = layers.Conv2D(1, 4, use_bias=False, name="logit", kernel_initializer=_normal())(x)
    return keras.Model(inputs, layers.Flatten(name="logits")(x), name=name)


def _normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, 0.02)


def _normalization(name: str) -> layers.Layer:
    # Momentum and epsilon are those of Torch.
    return layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
        name=name,
    )


def _check(shape: tuple[int, int, int], filters: Sequence[int], argument: str) -> None:
    side = 4 * 2 ** len(filters)
    if len(shape) == 3 and tuple(shape[:2]) == (side, side) and shape[2]:
        return
    wanted = (shape[0] if shape else None) or side
    levels = max(1, round(math.log2(max(wanted, 8) / 4)))
    raise ValueError(
        f"{argument} must be ({side}, {side}, channels) with {len(filters)} filters; "
        f"{levels} filters give {4 * 2**levels} pixels. Received: {argument}={tuple(shape)}"
    )
