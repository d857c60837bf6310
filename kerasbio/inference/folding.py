"""Batch normalization as a part of the layer before it, for a network that only predicts."""

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.models.functional import Functional

from kerasbio.inference.network import graph_of
from kerasbio.layers.batch_normalization import BatchNormalization
from kerasbio.layers.convolution import Conv2D, Conv3D
from kerasbio.layers.grouped_convolution import GroupedConv2D

#: Layers that give sums weighted by a kernel, and the axis of their maps in it. A class that is
#: derived from these may do something else.
_AXES: dict[Any, int] = {
    layers.Dense: -1,
    layers.Conv1D: -1,
    layers.Conv2D: -1,
    layers.Conv3D: -1,
    Conv2D: -1,
    Conv3D: -1,
    GroupedConv2D: -1,
    layers.Conv1DTranspose: -2,
    layers.Conv2DTranspose: -2,
    layers.Conv3DTranspose: -2,
}


def fold_batch_normalization(model: keras.Model) -> keras.Model:
    """Return the network with its batch normalization inside the layers before it, to predict.

    In prediction batch normalization scales and shifts each map, which the kernel and the bias of
    a convolution or dense layer can do at no cost. Answers differ by rounding alone, and a network
    of volumes predicts about a fifth quicker. Exports of classifiers, segmenters, tables and
    generators hold the network in this form.

    The weights are copies: what is trained later, the result does not see. Batch normalization
    that follows no such layer, or one whose maps are used elsewhere too, stays as it is, and so
    does what is inside a nested model or not float32.

    Reference: [Jacob et al., Quantization and training of neural networks for efficient
    integer-arithmetic-only inference, 2018](https://arxiv.org/abs/1712.05877), section 3.2.

    Args:
        model: A functional or sequential model, whose layers are told by configuration and weights.

    Returns:
        A functional model of the same inputs, outputs and layer names, but for those of the batch
        normalization; the model itself where there is nothing to fold, where a layer cannot be
        made anew from its configuration, or where its class computes in a way of its own.
    """
    graph = graph_of(model)
    known = type(model).call in (Functional.call, keras.Sequential.call)
    folded = _folded(graph) if known and hasattr(graph, "_nodes_by_depth") else {}
    if not folded:
        return model
    normalizations = {layer.name for layer in folded.values()}

    def clone(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in folded:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer.name in normalizations:
            return args[0] if args else kwargs["inputs"]
        return layer(*args, **kwargs)

    try:
        found = keras.models.clone_model(graph, clone_function=clone, call_function=call)
        for layer in found.layers:
            if layer.name in folded:
                layer.set_weights(_with_scale(graph.get_layer(layer.name), folded[layer.name]))
            elif layer.weights:
                layer.set_weights(graph.get_layer(layer.name).get_weights())
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()
    except (NotImplementedError, TypeError, ValueError):
        return model
    found.name = model.name
    return found


def _folded(graph: Any) -> dict[str, layers.BatchNormalization]:
    """Return the batch normalization that can be folded, by the name of the layer before it."""
    nodes = [node for level in graph._nodes_by_depth.values() for node in level]
    calls = Counter(id(node.operation) for node in nodes)
    used = [tensor for node in nodes for tensor in node.input_tensors] + list(graph.outputs)
    uses = Counter(id(tensor) for tensor in used)
    found = {}
    for node in nodes:
        if type(node.operation) not in (layers.BatchNormalization, BatchNormalization):
            continue
        tensor, normalization = node.input_tensors[0], node.operation
        layer = tensor._keras_history.operation
        alone = uses[id(tensor)] == calls[id(layer)] == calls[id(normalization)] == 1
        if alone and _fits(layer, normalization, len(tensor.shape)):
            found[layer.name] = normalization
    return found


def _fits(layer: Any, normalization: layers.BatchNormalization, rank: int) -> bool:
    """Return whether a layer can do what the batch normalization after it does."""
    return (
        type(layer) in _AXES
        # Not those of quantization or of adapters besides.
        and len(layer.weights) == 1 + layer.use_bias
        and layer.activation is keras.activations.linear
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and normalization.axis in (-1, rank - 1)
        and {layer.compute_dtype, layer.variable_dtype, normalization.compute_dtype} == {"float32"}
    )


def _with_scale(layer: Any, normalization: layers.BatchNormalization) -> list[np.ndarray]:
    """Return the kernel and the bias of a layer with what its batch normalization does."""
    variance = np.asarray(normalization.moving_variance, np.float64)
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    if normalization.scale:
        scale *= np.asarray(normalization.gamma)
    shift = -np.asarray(normalization.moving_mean) * scale
    if normalization.center:
        shift += np.asarray(normalization.beta)
    if layer.use_bias:
        shift += np.asarray(layer.bias) * scale
    kernel = np.asarray(layer.kernel, np.float64)
    return [kernel * (scale if _AXES[type(layer)] == -1 else scale[:, None]), shift]
