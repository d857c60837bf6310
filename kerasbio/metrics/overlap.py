"""Overlap and volume of a segmentation beside the truth.

What an empty mask scores is fixed, so that a missed structure never raises a score and no case
is left out of a mean: where both masks are empty the agreement is full; where one is, there is
none.
"""

from collections.abc import Sequence

import numpy as np


def dice_coefficient(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return twice the common part over the sum of two masks.

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.

    Returns:
        0 to 1; 1 where both are empty, 0 where one is.

    Raises:
        ValueError: If shapes differ, or masks are not integers.
    """
    common, true, predicted = _counts(truth, prediction)
    return 2 * common / (true + predicted) if true + predicted else 1.0


def intersection_over_union(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return the common part over the union of two masks, the Jaccard index.

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.

    Returns:
        0 to 1; 1 where both are empty, 0 where one is.

    Raises:
        ValueError: If shapes differ, or masks are not integers.
    """
    common, true, predicted = _counts(truth, prediction)
    return common / (true + predicted - common) if true + predicted else 1.0


def volume(mask: np.ndarray, spacing: Sequence[float] | None = None) -> float:
    """Return the volume of a mask in ml.

    Args:
        mask: `(*spatial)` integers or booleans; what is not 0 is inside.
        spacing: Voxel size in mm per axis, 1 mm if None. A mask of two axes is 1 mm thick.

    Raises:
        ValueError: If `spacing` does not fit.
    """
    mask = np.asarray(mask)
    return np.count_nonzero(mask) * float(np.prod(spacing_of(spacing, mask.ndim))) / 1000


def volume_error(
    truth: np.ndarray, prediction: np.ndarray, spacing: Sequence[float] | None = None
) -> float:
    """Return how much larger the prediction is than the truth, in ml.

    A structure that is missed errs by its whole volume, and by less than one that is drawn three
    times too large: read it beside the overlap.

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.
        spacing: Voxel size in mm per axis, 1 mm if None. A mask of two axes is 1 mm thick.

    Raises:
        ValueError: If shapes differ, masks are not integers, or `spacing` does not fit.
    """
    truth, prediction = mask_pair(truth, prediction)
    return volume(prediction, spacing) - volume(truth, spacing)


def relative_volume_error(truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return how much larger the prediction is than the truth, over the mean of both volumes.

    The mean stands below the line in place of the truth, so that an empty truth leaves nothing
    undefined and no error is larger than that of a structure that is missed or invented. The
    absolute value is twice what volumetric similarity lacks to 1.

    Reference: [Taha and Hanbury, Metrics for evaluating 3D medical image segmentation,
    2015](https://doi.org/10.1186/s12880-015-0068-x).

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.

    Returns:
        -2 to 2: -2 where only the prediction is empty, 2 where only the truth is, 0 where both
        are.

    Raises:
        ValueError: If shapes differ, or masks are not integers.
    """
    _, true, predicted = _counts(truth, prediction)
    return 2 * (predicted - true) / (true + predicted) if true + predicted else 0.0


def mask_pair(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks as booleans.

    Raises:
        ValueError: If shapes differ, or masks are not integers.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    if truth.shape != prediction.shape or not truth.ndim:
        raise ValueError(
            "truth and prediction must be of one shape. "
            f"Received: shapes {truth.shape} and {prediction.shape}"
        )
    for name, mask in (("truth", truth), ("prediction", prediction)):
        if mask.dtype.kind not in "biu":
            raise ValueError(f"{name} must be integers or booleans. Received: {mask.dtype}")
    return truth.astype(bool, copy=False), prediction.astype(bool, copy=False)


def spacing_of(spacing: Sequence[float] | None, rank: int) -> np.ndarray:
    """Return voxel sizes `(rank,)` in mm; 1 mm if None.

    Raises:
        ValueError: If there is not one above 0 per axis.
    """
    sizes = np.ones(rank) if spacing is None else np.asarray(spacing, np.float64)
    if sizes.shape != (rank,) or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError(
            f"spacing must be {rank} numbers above 0, one per axis. Received: spacing={spacing}"
        )
    return sizes


def _counts(truth: np.ndarray, prediction: np.ndarray) -> tuple[int, int, int]:
    truth, prediction = mask_pair(truth, prediction)
    common, true, predicted = map(np.count_nonzero, (truth & prediction, truth, prediction))
    return int(common), int(true), int(predicted)
