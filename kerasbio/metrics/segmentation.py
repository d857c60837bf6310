"""The scores of a segmented case, class by class."""

from collections.abc import Sequence

import numpy as np

from kerasbio.metrics.overlap import (
    dice_coefficient,
    intersection_over_union,
    relative_volume_error,
    volume,
)
from kerasbio.metrics.surface import SurfaceDistances

#: Distance in mm up to which a surface counts as right, unless another is asked for.
TOLERANCE = 3.0
#: What to call each score of a case.
SEGMENTATION_SCORES = {
    "dice": "Dice",
    "iou": "Intersection over union",
    "hd95": "95 % Hausdorff distance (mm)",
    "asd": "Average surface distance (mm)",
    "nsd": "Normalized surface Dice",
    "volume_error": "Relative volume error",
}
LOWER_IS_BETTER = ("hd95", "asd", "volume_error")


def segmentation_scores(
    truth: np.ndarray,
    prediction: np.ndarray,
    classes: Sequence[str],
    spacing: Sequence[float] | None = None,
    *,
    tolerance: float = TOLERANCE,
    convention: str = "directed",
) -> dict[str, float]:
    """Score a segmented case by overlap, by distance between surfaces and by volume.

    What empty masks score is as in `dice_coefficient`, `SurfaceDistances` and
    `relative_volume_error`: no score is undefined, and none is better where a structure is
    missed.

    Args:
        truth: `(*spatial)` integers below `len(classes)`; two or three axes.
        prediction: The same.
        classes: Names of the values of the masks, the background first.
        spacing: Voxel size in mm per axis; 1 mm if None.
        tolerance: Distance in mm up to which a surface counts as right.
        convention: Of the 95 % Hausdorff distance, as in `SurfaceDistances.hausdorff`.

    Returns:
        `dice`, `iou`, `hd95` and `asd` (average symmetric surface distance) in mm, `nsd`
        (normalized surface Dice) and `volume_error` (size of the relative one), each as a mean
        over the classes but the background, and `dice_NAME` and so on of each.

    Raises:
        ValueError: If shapes, values, or `spacing` do not fit.
    """
    from scipy import ndimage

    truth, prediction = np.asarray(truth), np.asarray(prediction)
    _check(truth, prediction, len(classes))
    # Boxes of all classes come from one pass over each mask.
    boxes = [ndimage.find_objects(mask * 1, len(classes) - 1) for mask in (truth, prediction)]
    found: dict[str, list[float]] = {kind: [] for kind in SEGMENTATION_SCORES}
    for k, pair in enumerate(zip(*boxes, strict=True), 1):
        box = _around(pair)
        true, predicted = truth[box] == k, prediction[box] == k
        surfaces = SurfaceDistances(true, predicted, spacing, field=truth.shape)
        found["dice"].append(dice_coefficient(true, predicted))
        found["iou"].append(intersection_over_union(true, predicted))
        found["hd95"].append(surfaces.hausdorff(95, convention))
        found["asd"].append(surfaces.average())
        found["nsd"].append(surfaces.surface_dice(tolerance))
        found["volume_error"].append(abs(relative_volume_error(true, predicted)))
    scores = {kind: float(np.mean(values)) for kind, values in found.items()}
    for kind, values in found.items():
        scores |= {f"{kind}_{name}": v for name, v in zip(classes[1:], values, strict=True)}
    return scores


def class_volumes(
    mask: np.ndarray, classes: Sequence[str], spacing: Sequence[float] | None = None
) -> dict[str, float]:
    """Return the volume in ml of each class but the background, as `volume` does."""
    counts = np.bincount(np.asarray(mask).ravel(), minlength=len(classes))
    voxel = volume(np.ones((1,) * np.ndim(mask), bool), spacing)
    return {name: float(counts[k]) * voxel for k, name in enumerate(classes) if k}


def _around(boxes: Sequence[tuple[slice, ...] | None]) -> tuple[slice, ...]:
    """The smallest box around boxes; where there is none, an empty one."""
    known = [box for box in boxes if box is not None]
    if not known:
        return (slice(0, 0),)
    return tuple(
        slice(min(s.start for s in sides), max(s.stop for s in sides))
        for sides in zip(*known, strict=True)
    )


def _check(truth: np.ndarray, prediction: np.ndarray, count: int) -> None:
    if truth.shape != prediction.shape or truth.ndim not in (2, 3):
        raise ValueError(
            "truth and prediction must be of one shape, of two or three axes. "
            f"Received: shapes {truth.shape} and {prediction.shape}"
        )
    if count < 2:
        raise ValueError(
            f"classes must be the background and one or more besides. Received: {count} classes"
        )
    for name, mask in (("truth", truth), ("prediction", prediction)):
        if mask.dtype.kind not in "biu":
            raise ValueError(f"{name} must be integers. Received: {mask.dtype}")
        if mask.size and (mask.min() < 0 or mask.max() >= count):
            raise ValueError(
                f"{name} must be integers from 0 to {count - 1}. "
                f"Received: {mask.min()} to {mask.max()}"
            )
