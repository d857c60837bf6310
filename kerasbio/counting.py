"""Parameters and multiplications of a network, counted from its layers."""

import math
from typing import Any, NamedTuple

import keras
from keras import layers

import kerasbio
from kerasbio.catalogue import BuilderRow
from kerasbio.layers.partial_convolution import PartialConvolution

#: A transposed convolution applies its kernel at each position of its input, the rest of their
#: output.
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_COUNTED = (
    *_TRANSPOSED,
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.SeparableConv1D,
    layers.SeparableConv2D,
    layers.Dense,
    PartialConvolution,
)


class Difference(NamedTuple):
    """A figure of a network, as it is recorded and as it was counted.

    Attributes:
        figure: Name of the field of `BuilderRow`.
        expected: Recorded in `kerasbio.catalogue`.
        got: Counted.
    """

    figure: str
    expected: Any
    got: Any


def count_parameters(model: keras.Model) -> tuple[int, int, int]:
    """Count the parameters of a model.

    Args:
        model: Any built model.

    Returns:
        `(trainable, trainable without batch normalization, all)`; all has the moving statistics
        and the fixed weights too.
    """
    trainable = _size(model.trainable_weights)
    normalization = sum(
        _size(layer.trainable_weights)
        for layer in model._flatten_layers()
        if isinstance(layer, layers.BatchNormalization)
    )
    return trainable, trainable - normalization, _size(model.weights)


def count_macs(model: keras.Model) -> int:
    """Count the multiply-accumulates of one case: the multiplications by trained kernels.

    A convolution multiplies its whole kernel at each position of its output, padding as if it were
    data, a transposed convolution at each of its input, a dense layer at each position whose last
    axis it sees. Biases, normalization, activations, pooling and fixed weights are left out.
    Twice the number is often given as FLOPs.

    Args:
        model: A functional model of known spatial sizes, channels last, that uses each layer once.

    Raises:
        ValueError: If a spatial size is unknown, or a layer has kernels of another kind.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += count_macs(layer)
            continue
        kernels = _size([weight for weight in layer.weights if len(weight.shape) > 1])
        if not kernels:
            continue
        if not isinstance(layer, _COUNTED):
            raise ValueError(
                "Multiplications are counted of convolutions and dense layers only. "
                f"Received: layer={layer.name} of {type(layer).__name__}"
            )
        positions = (layer.input if isinstance(layer, _TRANSPOSED) else layer.output).shape[1:-1]
        if None in positions:
            raise ValueError(
                "Multiplications need every spatial size. "
                f"Received: layer={layer.name} with positions {positions}"
            )
        total += kernels * math.prod(positions)
    return total


def verify(row: BuilderRow) -> list[Difference]:
    """Build a network of the catalogue and count what is recorded of it.

    Its weights get shapes and no values, so that the largest takes no memory. Keras' global state
    is cleared afterwards: call it where no other model is being built.

    Args:
        row: Of `kerasbio.catalogue.BUILDERS`.

    Returns:
        Every figure that is recorded; it is right where `expected` equals `got`.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            model = getattr(kerasbio, row.name)(*row.arguments, **row.keywords)
        parameters, without_batch_norm, keras_total = count_parameters(model)
        shape = keras.tree.map_shape_structure(lambda shape: shape[1:], model.output_shape)
        got = {
            "parameters": parameters,
            "without_batch_norm": without_batch_norm,
            "keras_total": keras_total,
            "output_shape": shape,
            "macs": None if row.macs is None else count_macs(model),
        }
    finally:
        # Else the next scope would give a value to each weight that has none.
        keras.utils.clear_session()
    return [
        Difference(figure, getattr(row, figure), value)
        for figure, value in got.items()
        if value is not None
    ]


def _size(weights: list[Any]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
