"""The perceptron, and perceptrons in layers."""

import keras
from keras import layers

from kerasbio.activations import step
from kerasbio.blocks import dense_block
from kerasbio.models.checks import check_features, check_positive


def build_perceptron(input_shape: tuple[int], *, name: str = "perceptron") -> keras.Model:
    """Build one affine unit with the step activation, its weights zero: 3 parameters in the plane.

    `PerceptronTrainer` trains it by the rule of the publication.

    Reference: [Rosenblatt, The perceptron, 1958](https://doi.org/10.1037/h0042519).

    Args:
        input_shape: `(features,)`.
        name: Name of the model.

    Returns:
        A `keras.Model` from features `(batch, features)` to decisions `(batch, 1)`, 0 or 1: no
        logits.

    Raises:
        ValueError: If `input_shape` is not one number.
    """
    check_features("a perceptron", input_shape)
    inputs = keras.Input(input_shape, name="features")
    unit = layers.Dense(1, activation=step, kernel_initializer="zeros", name="unit")
    return keras.Model(inputs, unit(inputs), name=name)


def build_mlp(
    input_shape: tuple[int],
    num_outputs: int,
    *,
    width: int = 512,
    depth: int = 2,
    activation: str = "relu",
    kernel_initializer: str | keras.initializers.Initializer = "glorot_uniform",
    batch_norm: bool = False,
    dropout: float = 0.0,
    residual: bool = False,
    name: str = "mlp",
) -> keras.Model:
    """Build a multilayer perceptron: 669,706 parameters as 784-512-512-10.

    Reference: [Rumelhart, Hinton and Williams, Learning representations by back-propagating
    errors, 1986](https://doi.org/10.1038/323533a0); residual connections as in [He et al.,
    2016](https://arxiv.org/abs/1512.03385).

    Args:
        input_shape: `(features,)`.
        num_outputs: Number of classes, 1 for one sigmoid logit, or of values to regress on.
        width: Units of each hidden layer.
        depth: Number of hidden layers; 0 leaves one affine layer.
        activation: Name of the activation of the hidden layers, of
            `kerasbio.activations.ACTIVATIONS`.
        kernel_initializer: Initializer of the hidden layers; an object needs a `SeedGenerator` as
            its seed, or all layers of one shape begin alike. With few features and a smooth
            activation `"he_normal"` is wanted: Glorot's would leave it all but linear.
        batch_norm: Whether batch normalization comes before each activation.
        dropout: Share of each hidden layer that is dropped.
        residual: Whether each hidden layer after the first adds its input to its output.
        name: Name of the model.

    Returns:
        A `keras.Model` from features `(batch, features)` to logits or values
        `(batch, num_outputs)`.

    Raises:
        ValueError: If `input_shape` is not one number, `num_outputs` or `width` is below 1, or
            `depth` is below 0.
    """
    check_features("a multilayer perceptron", input_shape)
    check_positive(num_outputs=num_outputs, width=width)
    if depth < 0:
        raise ValueError(f"depth must be at least 0. Received: depth={depth}")
    inputs = x = keras.Input(input_shape, name="features")
    for level in range(depth):
        hidden = dense_block(
            x,
            width,
            activation=activation,
            kernel_initializer=kernel_initializer,
            batch_norm=batch_norm,
            dropout=dropout,
            name=f"hidden{level}",
        )
        adds = residual and level
        x = layers.Add(name=f"hidden{level}_add")([x, hidden]) if adds else hidden
    return keras.Model(inputs, layers.Dense(num_outputs, name="outputs")(x), name=name)
