"""The export of networks that give every voxel a class."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasbio.export.saved_model import Answers, Signature, export_model, fold_alike
from kerasbio.inference.network import read_network


def export_segmenter(
    model: keras.Model,
    directory: Path | str,
    *,
    prepare: keras.layers.Layer | None,
    classes: Sequence[str],
    examples: np.ndarray,
    spacing: Sequence[float] | None = None,
    window: Sequence[int] | None = None,
    smallest: int = 0,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a segmentation network that answers `mask` and `probabilities` to raw scans.

    Scans may be of any size. One that is too large for the memory is to be sent by windows, as
    `kerasbio predict` does: what is standardized is the whole scan, so that signature `prepare`
    comes first, and each window of its answer goes to `prepared_logits`. Signature `logits` gives
    the raw head.

    Args:
        model: From scans `(batch, *spatial, channels)` of unknown sizes to logits
            `(batch, *spatial, classes)`, or `(batch, *spatial, 1)` for one sigmoid.
        directory: Where versions lie.
        prepare: Layer from raw intensities to the model's input; None where they are one.
        classes: Names of the mask's values, the background first.
        examples: `(examples, *spatial, channels)` raw scans for the gate.
        spacing: Size of a voxel that the model was trained on, in mm per spatial axis; None where
            it has none.
        window: Voxels per spatial axis that the model was trained on.
        smallest: Voxels of the smallest component that `kerasbio predict` keeps of a mask.
        metadata: What else `kerasbio.json` says.

    Returns:
        The directory of the new version.

    Raises:
        ValueError: If the model does not take unknown sizes, or classes do not fit it.
        KerasbioError: As `export_model`.
    """
    (tensor,) = model.inputs
    if any(size is not None for size in tensor.shape[1:-1]):
        raise ValueError(
            "the model must take any size: build it with None for each spatial size. "
            f"Received: input_shape={tuple(tensor.shape[1:])}"
        )
    outputs = model.output_shape[-1]
    if max(outputs, 2) != len(classes):
        raise ValueError(
            f"classes must name {max(outputs, 2)} values of the mask. "
            f"Received: classes={tuple(classes)}"
        )
    examples = np.asarray(examples, np.float32)

    def prepared(image: Any) -> Any:
        return image if prepare is None else prepare(image)

    def spec(name: str) -> dict[str, tf.TensorSpec]:
        given = "prepared" if name == "prepared_logits" else "image"
        return {given: tf.TensorSpec(tensor.shape, tf.float32, name=given)}

    model = fold_alike(model, prepared(examples))
    described = {
        **(metadata or {}),
        "task": "segmentation",
        "classes": list(classes),
        "spacing": None if spacing is None else [float(size) for size in spacing],
        "window": None if window is None else [int(size) for size in window],
        "smallest": int(smallest),
        "multiple": max(read_network(model, len(tensor.shape) - 2).pooling),
    }
    return export_model(
        model,
        directory,
        {name: Signature(answer, spec(name)) for name, answer in _answers(model, prepared).items()},
        {"image": examples, "prepared": np.asarray(prepared(examples), np.float32)},
        described,
        [] if prepare is None else [variable.value for variable in prepare.variables],
    )


def _answers(model: keras.Model, prepared: Callable[[Any], Any]) -> Answers:
    def prepare(image: Any) -> dict[str, Any]:
        return {"prepared": tf.cast(prepared(image), tf.float32)}

    def prepared_logits(prepared: Any) -> dict[str, Any]:
        return {"logits": tf.cast(model(prepared, training=False), tf.float32)}

    def logits(image: Any) -> dict[str, Any]:
        return prepared_logits(prepared(image))

    def segment(image: Any) -> dict[str, Any]:
        raw = logits(image)["logits"]
        if raw.shape[-1] == 1:
            foreground = tf.sigmoid(raw)
            probabilities = tf.concat([1 - foreground, foreground], axis=-1)
        else:
            probabilities = tf.nn.softmax(raw)
        mask = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        return {"mask": mask, "probabilities": probabilities}

    return {
        "serving_default": segment,
        "logits": logits,
        "prepare": prepare,
        "prepared_logits": prepared_logits,
    }
