"""LeNet-5, in the form that the field uses and as it was published."""

from typing import Any

import keras
from keras import layers, ops

from kerasbio.activations import get_activation
from kerasbio.layers.batch_normalization import BatchNormalization
from kerasbio.layers.convolution import Conv2D
from kerasbio.layers.partial_convolution import PartialConvolution
from kerasbio.layers.radial_basis import RadialBasis
from kerasbio.layers.subsampling import Subsampling
from kerasbio.models.checks import check_positive
from kerasbio.models.cnn.checks import check_images

#: The maps of S2 that each map of C3 sees: table I of the publication.
C3_TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip

#: The digits 0 to 9 side by side, each of 12 rows and 7 columns. They are drawn for kerasbio: the
#: publication prints the shapes of its own and no numbers.
DIGITS = """
    ..###.. ...#... .#####. .#####. .....#. ####### ..####. ####### .#####. ..###..
    .#...#. ..##... #.....# #.....# ....##. #...... .#....# ......# #.....# .#...#.
    #.....# .#.#... ......# ......# ...#.#. #...... #...... ......# #.....# #.....#
    #.....# ...#... ......# ......# ..#..#. #...... #...... .....#. #.....# #.....#
    #.....# ...#... .....#. ......# .#...#. ######. #...... .....#. #.....# #.....#
    #.....# ...#... ....#.. ..####. #....#. ......# #.####. ....#.. .#####. #....##
    #.....# ...#... ...#... ......# #....#. ......# ##....# ....#.. #.....# .####.#
    #.....# ...#... ..#.... ......# ####### ......# #.....# ...#... #.....# ......#
    #.....# ...#... .#..... ......# .....#. ......# #.....# ...#... #.....# ......#
    #.....# ...#... #...... ......# .....#. ......# #.....# ..#.... #.....# ......#
    .#...#. ...#... #...... #.....# .....#. #.....# .#...#. ..#.... #.....# #....#.
    ..###.. .#####. ####### .#####. .....#. .#####. ..###.. ..#.... .#####. .####..
"""


@keras.saving.register_keras_serializable(package="kerasbio")
def scaled_tanh(x: Any) -> Any:
    """Return `1.7159 * tanh(2 / 3 * x)`, which maps 1 to 1 and -1 to -1.

    Reference: [LeCun et al., Gradient-based learning applied to document recognition,
    1998](https://doi.org/10.1109/5.726791), appendix A.

    Args:
        x: Numbers of any shape.

    Returns:
        Numbers between -1.7159 and 1.7159 of the shape of `x`.
    """
    return 1.7159 * ops.tanh(2 / 3 * x)


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
    check_images("LeNet-5", input_shape, 32)
    check_positive(num_classes=num_classes)

    def hidden(layer, x):
        x = layer(x)
        if batch_norm:
            x = BatchNormalization(name=f"{layer.name}_norm")(x)
        return layers.Activation(get_activation(activation), name=f"{layer.name}_{activation}")(x)

    inputs = keras.Input(input_shape, name="image")
    x = hidden(layers.Conv2D(6, 5, name="c1"), inputs)
    x = layers.AveragePooling2D(2, name="s2")(x)
    x = hidden(layers.Conv2D(16, 5, name="c3"), x)
    x = layers.AveragePooling2D(2, name="s4")(x)
    x = hidden(Conv2D(120, 5, name="c5"), x)
    x = layers.Flatten(name="flatten")(x)
    x = hidden(layers.Dense(84, name="f6"), x)
    outputs = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(inputs, outputs, name=name)


def build_lenet5_1998(
    input_shape: tuple[int, int, int],
    num_classes: int = 10,
    *,
    batch_norm: bool = False,
    name: str = "lenet5_1998",
) -> keras.Model:
    """Build LeNet-5 as it was published: 60,000 parameters at `(32, 32, 1)`.

    Each map of C3 sees three, four or six maps of S2, pooling has a trained coefficient and bias
    per map, every hidden unit ends in `1.7159 * tanh(2 / 3 * x)`, and the output is the squared
    distance of the 84 units of F6 to a bitmap of each digit, 7 x 12 pixels of -1 and 1. Weights
    start uniformly within 2.4 / F, F the inputs of a unit. The bitmaps are our own drawing.

    Reference: [LeCun et al., Gradient-based learning applied to document recognition,
    1998](https://doi.org/10.1109/5.726791), sections II.B and III, appendix A.

    Args:
        input_shape: `(height, width, channels)`, height and width at least 32 pixels. Published
            for a background of -0.1 and a foreground of 1.175.
        num_classes: 10, as there is a bitmap for each digit.
        batch_norm: Whether batch normalization comes before each squashing function.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, height, width, channels)` to distances `(batch, 10)`:
        not logits, as the least is the class. Their negatives are logits.

    Raises:
        ValueError: If a side of `input_shape` is below 32, or `num_classes` is not 10.
    """
    check_images("LeNet-5", input_shape, 32)
    if num_classes != 10:
        raise ValueError(
            "LeNet-5 of 1998 tells the ten digits apart; build_lenet5 takes any number of classes. "
            f"Received: num_classes={num_classes}"
        )

    def hidden(layer, x):
        x = layer(x)
        if batch_norm:
            x = BatchNormalization(name=f"{layer.name}_norm")(x)
        return layers.Activation(scaled_tanh, name=f"{layer.name}_tanh")(x)

    inputs = keras.Input(input_shape, name="image")
    start = _uniform(25 * input_shape[-1])
    x = hidden(layers.Conv2D(6, 5, kernel_initializer=start, name="c1"), inputs)
    x = hidden(Subsampling(name="s2"), x)
    x = hidden(PartialConvolution(C3_TABLE, 5, name="c3"), x)
    x = hidden(Subsampling(name="s4"), x)
    x = hidden(Conv2D(120, 5, kernel_initializer=_uniform(25 * 16), name="c5"), x)
    x = layers.Flatten(name="flatten")(x)
    x = hidden(layers.Dense(84, kernel_initializer=_uniform(x.shape[-1]), name="f6"), x)
    return keras.Model(inputs, RadialBasis(digit_codes(), name="distances")(x), name=name)


def digit_codes() -> list[list[int]]:
    """Return the bitmaps of the ten digits, row by row: 10 lists of 84 numbers, 1 for ink or -1."""
    rows = [row.split() for row in DIGITS.split("\n") if row.strip()]
    ink = {"#": 1, ".": -1}
    return [[ink[pixel] for row in rows for pixel in row[digit]] for digit in range(10)]


def _uniform(inputs: int) -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-2.4 / inputs, 2.4 / inputs)
