"""Where in an image a classifier looks: gradient-weighted class activation maps."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasbio.inference.network import graph_of

#: Images at a time: all activations of a pass are kept for its gradient.
CHUNK = 8


def grad_cam(
    model: keras.Model,
    images: np.ndarray,
    classes: int | Sequence[int] | None = None,
    layer: str | None = None,
) -> np.ndarray:
    """Map how much each place of an image speaks for a class.

    The maps of a layer are summed, each weighted by the mean gradient of the class's logit by
    it; what speaks against the class is cut off. The sum is interpolated linearly to the size of
    the image and divided by its maximum. It shows where, and by how much more than elsewhere in
    the same image; it does not show how sure the network is.

    Reference: [Selvaraju et al., Grad-CAM, 2017](https://arxiv.org/abs/1610.02391), equations 1
    and 2.

    Args:
        model: A functional or sequential classifier, in which others may be nested, from images
            to logits `(batch, classes)`. One logit is that of class 1 of two.
        images: `(batch, *spatial, channels)` of two or three spatial axes.
        classes: The class that is explained, one for all images or one for each; by default the
            one that is predicted.
        layer: Name of the layer whose maps are taken, of nested models too; by default the last
            whose output still has more than one place.

    Returns:
        `(batch, *spatial)` float32 from 0 to 1; 0 everywhere where nothing speaks for the class.

    Raises:
        ValueError: If an argument does not fit the model.
    """
    images = np.asarray(images, np.float32)
    graph = graph_of(model)
    inputs, outputs = (getattr(graph, side, None) or [] for side in ("inputs", "outputs"))
    if not hasattr(graph, "_nodes_by_depth") or len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            "model must be functional or sequential, with one input and one output. "
            f"Received: {type(model).__name__} {model.name!r}"
        )
    expected, rank = inputs[0].shape, images.ndim
    fits = rank == len(expected) and all(
        a in (None, b) for a, b in zip(expected[1:], images.shape[1:], strict=True)
    )
    if rank not in (4, 5) or not fits or len(outputs[0].shape) != 2 or not len(images):
        raise ValueError(
            "images must be (batch, *spatial, channels) that fit the classifier, which takes "
            f"{expected} and gives {outputs[0].shape}. Received: images of shape {images.shape}"
        )
    chosen = None if classes is None else _check_classes(classes, len(images), outputs[0].shape[1])
    chunks = [slice(begin, begin + CHUNK) for begin in range(0, len(images), CHUNK)]
    maps = [
        _maps(graph, images[part], None if chosen is None else chosen[part], layer)
        for part in chunks
    ]
    return np.concatenate([_resize(found, images.shape[1:-1]) for found in maps])


def _check_classes(classes: Any, count: int, logits: int) -> np.ndarray:
    given = np.asarray(classes)
    whole = np.issubdtype(given.dtype, np.integer) and given.shape in ((), (count,))
    if not whole or given.min() < 0 or given.max() >= max(logits, 2):
        raise ValueError(
            f"classes must be one whole number from 0 to {max(logits, 2) - 1}, or {count}. "
            f"Received: classes={classes}"
        )
    return np.broadcast_to(given, (count,))


def _maps(
    graph: Any, images: np.ndarray, classes: np.ndarray | None, layer: str | None
) -> np.ndarray:
    """Return the weighted sums of maps, `(batch, *places)`, at the resolution of the layer."""
    import tensorflow as tf

    seen: list[tuple[str, Any]] = []
    with tf.GradientTape() as tape:
        # Of frozen weights alone nothing would be recorded.
        x = tf.constant(images)
        tape.watch(x)
        logits = tf.cast(_run(graph, x, seen), tf.float32)
        if logits.shape[1] == 1:
            logits = tf.concat([-logits, logits], axis=1)
        if classes is None:
            classes = np.argmax(logits, axis=1)
        # Images do not act on each other: the gradient of the sum is that of each.
        score = tf.reduce_sum(tf.gather(logits, classes, batch_dims=1))
    spatial = {name: y for name, y in seen if tf.is_tensor(y) and y.shape.rank == images.ndim}
    wide = [name for name, y in spatial.items() if max(y.shape[1:-1]) > 1]
    name = layer or (wide or [""])[-1]
    gradient = tape.gradient(score, spatial[name]) if name in spatial else None
    if gradient is None:
        raise ValueError(
            f"layer must be one on whose maps the logits depend, such as {', '.join(wide[-3:])}. "
            f"Received: layer={layer!r}"
        )
    maps, gradient = (np.asarray(tf.cast(t, tf.float32)) for t in (spatial[name], gradient))
    axes = tuple(range(1, images.ndim - 1))
    weights = gradient.mean(axis=axes, keepdims=True)
    return np.maximum((weights * maps).sum(axis=-1), 0)


def _run(graph: Any, x: Any, seen: list[tuple[str, Any]]) -> Any:
    """Compute a graph, noting what each operation gives, in nested models too."""

    def noted(operation: Any) -> Any:
        nested = graph_of(operation)

        def call(*args: Any, **kwargs: Any) -> Any:
            if hasattr(nested, "_nodes_by_depth"):
                y = _run(nested, args[0], seen)
            else:
                y = operation(*args, **kwargs)
            seen.append((operation.name, y))
            return y

        return call

    found = graph._run_through_graph(x, operation_fn=noted)
    return found[0] if isinstance(found, list | tuple) and len(found) == 1 else found


def _resize(maps: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Interpolate maps `(batch, *places)` linearly and divide each by its maximum."""
    for axis, length in enumerate(size, start=1):
        places = maps.shape[axis]
        # Pixels are areas: the middle of the image is the middle of the map.
        where = (np.arange(length) + 0.5) * places / length - 0.5
        rows = [np.interp(where, np.arange(places), row) for row in np.eye(places)]
        maps = np.moveaxis(np.tensordot(maps, rows, axes=(axis, 0)), -1, axis)
    largest = maps.max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0).astype(np.float32)
