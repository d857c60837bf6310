"""The networks of the Visual Geometry Group."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasbio.activations import get_activation
from kerasbio.blocks import dense_block
from kerasbio.layers.batch_normalization import BatchNormalization
from kerasbio.layers.convolution import Conv2D
from kerasbio.models.checks import check_positive
from kerasbio.models.cnn.checks import check_choice, check_images, check_levels

#: Convolutions of each stage by depth: configurations A, B, D and E of the publication.
STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def build_vgg(
    input_shape: tuple[int | None, int | None, int],
    num_classes: int | None,
    *,
    depth: int = 16,
    filters: Sequence[int] = (64, 128, 256, 512, 512),
    head: str = "dense",
    units: int = 4096,
    dropout: float = 0.5,
    activation: str = "relu",
    kernel_initializer: str = "glorot_uniform",
    batch_norm: bool = False,
    name: str | None = None,
) -> keras.Model:
    """Build a VGG: 138,357,544 parameters with 16 layers at `(224, 224, 3)` and 1000 classes.

    Five stages of convolutions of 3 x 3 pixels, each ending in max-pooling over 2 x 2, then two
    hidden dense layers with dropout. Weights start as Glorot and Bengio have it, which the
    publication names for training all layers at once.

    `stage1` to `stage5` are the outputs of the stages; `stage5_relu3` with 16 layers, and so on,
    are the last maps before pooling.

    Reference: [Simonyan and Zisserman, Very deep convolutional networks for large-scale image
    recognition, 2015](https://arxiv.org/abs/1409.1556), table 1.

    Args:
        input_shape: `(height, width, channels)`; height and width at least 32 pixels. They may be
            None with the head `"pool"` or none.
        num_classes: Number of classes; 1 gives one sigmoid logit, None leaves the head out.
        depth: Layers with weights: 11, 13, 16 or 19, with the head that is published.
        filters: Maps of the convolutions of each stage.
        head: `"dense"` as published, or `"pool"`: the mean over all pixels, then the logits.
        units: Units of each hidden dense layer.
        dropout: Share of the units of each hidden dense layer, or of the means, that is dropped.
        activation: Name of the activation, of `kerasbio.activations.ACTIVATIONS`.
        kernel_initializer: Initializer of all hidden layers.
        batch_norm: Whether batch normalization follows each convolution.
        name: Name of the model; by default `"vgg16"` and the like.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to logits
        `(batch, num_classes)`; without head to maps
        `(batch, height // 32, width // 32, filters[-1])`.

    Raises:
        ValueError: If the image is too small, a size below 1, `depth` or `head` unknown, or
            `filters` are not five.
    """
    check_choice("depth", depth, tuple(STAGES))
    check_choice("head", head, ("dense", "pool"))
    dense = head == "dense" and num_classes is not None
    name = name or f"vgg{depth}"
    sides = [side if side or dense else 32 for side in input_shape[:2]]
    check_images(f"VGG-{depth}", (*sides, *input_shape[2:]), 32)
    check_positive(num_classes=1 if num_classes is None else num_classes, units=units)
    check_levels(filters, 5)
    hidden: dict[str, Any] = {"activation": activation, "kernel_initializer": kernel_initializer}
    inputs = x = keras.Input(input_shape, name="image")
    for stage, (maps, count) in enumerate(zip(filters, STAGES[depth], strict=True), 1):
        for index in range(1, count + 1):
            x = _convolve(x, maps, f"stage{stage}", index, batch_norm, **hidden)
        x = layers.MaxPooling2D(2, name=f"stage{stage}")(x)
    if num_classes is None:
        return keras.Model(inputs, x, name=name)
    if dense:
        x = layers.Flatten(name="flatten")(x)
        for layer in ("fc1", "fc2"):
            x = dense_block(x, units, **hidden, dropout=dropout, name=layer)
    else:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dropout(dropout, name="pool_dropout")(x) if dropout else x
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name=name)


def _convolve(
    x: Any,
    maps: int,
    stage: str,
    index: int,
    batch_norm: bool,
    *,
    activation: str,
    kernel_initializer: str,
) -> Any:
    x = Conv2D(
        maps,
        3,
        padding="same",
        kernel_initializer=kernel_initializer,
        name=f"{stage}_conv{index}",
    )(x)
    if batch_norm:
        norm = f"{stage}_norm{index}"
        x = BatchNormalization(momentum=0.9, epsilon=1e-5, name=norm)(x)
    return layers.Activation(get_activation(activation), name=f"{stage}_relu{index}")(x)
