"""Whether attention gates look at what is to be segmented."""

import re
from collections.abc import Sequence

import keras
import numpy as np

from kerasbio.metrics.classification import auroc

_GATE = re.compile(r"gate\d+(?:_\d+)?_coefficients")


def attention_coefficients(model: keras.Model, image: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the gates of an attention U-Net let pass, in (0, 1).

    Args:
        model: From `build_attention_unet` or `build_equal_resolution_attention_unet`.
        image: `(*spatial, channels)`.

    Returns:
        By name of the layer, finest level first, `(*sides of the level)` float32.

    Raises:
        ValueError: If the model has no gate.
    """
    gates = gate_layers(model)
    probe = keras.Model(model.inputs[0], {name: model.get_layer(name).output for name in gates})
    found = probe(image[None], training=False)
    return {name: keras.ops.convert_to_numpy(found[name])[0, ..., 0] for name in gates}


def attention_auroc(
    model: keras.Model,
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    label: int,
    *,
    dilation: int = 2,
) -> dict[str, np.ndarray]:
    """Measure how well the coefficients of each gate tell the target from the rest.

    The target is the structure grown by some voxels, as what matters for its outline lies around
    it, and brought to the grid of the gate, where any voxel of it counts. At 0.5 a gate looks at
    everything alike; below 0.5 it lets pass what is not the target: it is inverted, which the
    convolutions after it can make as good use of.

    Args:
        model: As in `attention_coefficients`.
        images: `(*spatial, channels)` each.
        masks: `(*spatial)` integers each.
        label: Which value of the masks is the target.
        dilation: Voxels by which it is grown.

    Returns:
        By name of the layer, the area under the ROC curve of each image, `(images,)`; nan where
        there is no target, or nothing else.

    Raises:
        ValueError: If the model has no gate.
    """
    from scipy.ndimage import binary_dilation

    gates = gate_layers(model)
    probe = keras.Model(model.inputs[0], [model.get_layer(name).output for name in gates])
    areas: dict[str, list[float]] = {name: [] for name in gates}
    for image, mask in zip(images, masks, strict=True):
        grown = binary_dilation(mask == label, iterations=dilation) if dilation else mask == label
        found = probe(image[None], training=False)
        for name, values in zip(gates, found if len(gates) > 1 else [found], strict=True):
            coefficients = keras.ops.convert_to_numpy(values)[0, ..., 0]
            target = _coarsen(grown, coefficients.shape)
            areas[name].append(float(auroc(target.ravel(), coefficients.ravel())))
    return {name: np.array(values) for name, values in areas.items()}


def gate_layers(model: keras.Model) -> list[str]:
    """Return the names of the layers that give coefficients, finest level first.

    Raises:
        ValueError: If there is none.
    """
    names = [layer.name for layer in model.layers if _GATE.fullmatch(layer.name)]
    if not names:
        raise ValueError(f"model has no attention gate. Received: model {model.name!r}")
    # gate1 comes before gate1_2, the second of its level.
    return sorted(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def _coarsen(target: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Return whether any voxel of each cell of a grid of `shape` is of the target."""
    for axis, size in enumerate(shape):
        edges = np.arange(size) * target.shape[axis] // size
        target = np.maximum.reduceat(target, edges, axis=axis)
    return target
