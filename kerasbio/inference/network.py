"""What a segmentation network's graph tells: its last convolution and how far it pools."""

import math
import weakref
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

#: What is built of a network once and serves all its images.
_BODIES: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


class Network(NamedTuple):
    """A network cut before a last convolution of one pixel, where that makes it narrower.

    Attributes:
        function: From windows `(batch, *window, channels)` to features, or to logits where the
            network is not cut.
        body: The model behind `function`, or None where its graph is not known.
        head: The convolution that makes logits of the features, or None.
        pooling: By what it pools along each axis; 1 where that is not known.
    """

    function: Callable[[np.ndarray], np.ndarray]
    body: keras.Model | None
    head: layers.Layer | None
    pooling: tuple[int, ...]

    def predict(self, windows: np.ndarray) -> np.ndarray:
        """Return what the network, or the part before the cut, gives for windows."""
        import tensorflow as tf

        try:
            return np.asarray(self.function(windows), np.float32)
        except (ValueError, tf.errors.InvalidArgumentError) as error:
            if self.body is None:
                raise
            raise ValueError(
                f"the network takes no windows of this size; it pools by {self.pooling}. "
                f"Received: window={windows.shape[1:-1]}"
            ) from error

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Return the logits `(..., classes)` of features `(..., features)`."""
        if self.head is None:
            return features
        kernel = np.asarray(self.head.kernel, np.float32)
        found = features @ kernel.reshape(kernel.shape[-2:])
        return found + np.asarray(self.head.bias, np.float32) if self.head.use_bias else found

    def classes(self, channels: int) -> int:
        """Return the number of logits, where `predict` gives this many channels."""
        return channels if self.head is None else self.head.filters


def read_network(model: Callable, rank: int) -> Network:
    """Find what is known of a network.

    Args:
        model: A `keras.Model` of one input and one output, or any function of a batch.
        rank: Number of spatial axes.

    Returns:
        The network, ready to be used.

    Raises:
        ValueError: If it is a model of several inputs or outputs, or of images of another rank.
    """
    unknown = (1,) * rank
    if not isinstance(model, keras.Model):
        return Network(model, None, None, unknown)
    # A model that is written as a class has no graph before it is called.
    inputs, outputs = (getattr(model, side, None) for side in ("inputs", "outputs"))
    if not inputs or not outputs or not getattr(graph_of(model), "_nodes_by_depth", None):
        return Network(model.predict_on_batch, None, None, unknown)
    if len(inputs) != 1 or len(outputs) != 1 or len(inputs[0].shape) != rank + 2:
        raise ValueError(
            f"the network must take one input (batch, *spatial, channels) of {rank} spatial axes "
            "and give one output; of several, give keras.Model(model.inputs, the output). "
            f"Received: inputs {[x.shape for x in inputs]}, outputs {[x.shape for x in outputs]}"
        )
    if model not in _BODIES:
        head, features = _head(outputs[0])
        _, pooling = _scales(model, (Fraction(1),) * rank)
        _BODIES[model] = keras.Model(inputs[0], features), head, pooling
    body, head, pooling = _BODIES[model]
    return Network(body.predict_on_batch, body, head, pooling)


def graph_of(model: keras.Model) -> Any:
    """Return the model that holds the graph: of a `Sequential` the one inside it."""
    return getattr(model, "_functional", None) or model


def _head(logits: Any) -> tuple[layers.Layer | None, Any]:
    """Return the last convolution and its input, or None and the logits."""
    history = logits._keras_history
    layer = history.operation
    linear = (
        isinstance(layer, layers.Conv2D | layers.Conv3D)
        and set(layer.kernel_size) | set(layer.strides) == {1}
        and layer.groups == 1
        and layer.activation is keras.activations.linear
    )
    if linear:
        features = layer._inbound_nodes[history.node_index].input_tensors[0]
        # With few classes the logits are the narrower.
        if features.shape[-1] <= layer.filters:
            return layer, features
    return None, logits


def _scales(
    model: keras.Model, scale: tuple[Fraction, ...]
) -> tuple[tuple[Fraction, ...], tuple[int, ...]]:
    """Return how much coarser a model's output is than the image, and its total pooling."""
    graph = graph_of(model)
    pooling = (1,) * len(scale)
    scales = {id(tensor): scale for tensor in graph.inputs}
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if node.is_input:
                continue
            # What has no space or was given as a constant has no scale.
            given = [scales.get(id(tensor), scale) for tensor in node.input_tensors]
            found = tuple(max(axis) for axis in zip(*given, strict=True))
            if getattr(graph_of(node.operation), "_nodes_by_depth", None):
                found, inside = _scales(node.operation, found)
            else:
                step = _step(node.operation, len(found))
                found = tuple(a * b for a, b in zip(found, step, strict=True))
                inside = tuple(axis.numerator for axis in found)
            pooling = tuple(math.lcm(a, b) for a, b in zip(pooling, inside, strict=True))
            scales.update((id(tensor), found) for tensor in node.output_tensors)
    return scales[id(graph.outputs[0])], pooling


def _step(layer: Any, rank: int) -> tuple[Fraction, ...]:
    """Return by what factor a layer makes an image coarser along each axis."""
    kind = type(layer).__name__
    finer = kind.startswith(("Conv2DTranspose", "Conv3DTranspose"))
    steps = getattr(layer, "strides", None) or 1
    # Those of Keras are written UpSampling.
    if "upsampling" in kind.lower():
        finer, steps = True, layer.size
    steps = (steps,) * rank if isinstance(steps, int) else tuple(steps)
    return tuple(Fraction(1, s) if finer else Fraction(s) for s in steps)
