"""Images and masks brought to another voxel size, and back to the exact grid they came from.

Both grids have the same centre, so that the way back is the same function with the sizes
exchanged. Beyond the outermost voxels the outermost value is repeated.
"""

from collections.abc import Sequence

import numpy as np

#: Relative difference of two voxel sizes that counts as none: 0.3 mm over a volume of 30 cm.
SAME = 1e-3


def resampled_shape(
    shape: Sequence[int], spacing: Sequence[float], target: Sequence[float]
) -> tuple[int, ...]:
    """Return how many voxels of the size `target` have about the extent of the original.

    Args:
        shape: Voxels along each axis.
        spacing: Their size in mm.
        target: Size in mm of the new voxels.
    """
    _check(len(shape), spacing, target)
    return tuple(
        max(1, round(side * old / new))
        for side, old, new in zip(shape, spacing, target, strict=True)
    )


def resample_image(
    image: np.ndarray,
    spacing: Sequence[float],
    target: Sequence[float],
    shape: Sequence[int] | None = None,
) -> np.ndarray:
    """Interpolate an image linearly at voxels of another size.

    Args:
        image: `(*spatial, channels)`.
        spacing: Size of its voxels in mm.
        target: Size of the new voxels in mm.
        shape: Voxels along each new axis; None takes `resampled_shape`.

    Returns:
        `(*shape, channels)` float32; the image itself where nothing changes.
    """
    old = image.shape[:-1]
    new = tuple(shape) if shape is not None else resampled_shape(old, spacing, target)
    if _same(old, new, spacing, target):
        return image
    from scipy import ndimage

    steps, starts = _steps(old, new, spacing, target)
    result = np.empty((*new, image.shape[-1]), np.float32)
    for channel in range(image.shape[-1]):
        ndimage.affine_transform(
            np.asarray(image[..., channel], np.float32),
            steps,
            starts,
            new,
            result[..., channel],
            order=1,
            mode="nearest",
        )
    return result


def resample_mask(
    mask: np.ndarray,
    spacing: Sequence[float],
    target: Sequence[float],
    shape: Sequence[int] | None = None,
) -> np.ndarray:
    """Give each voxel of another size the class whose linearly interpolated share is largest.

    Unlike the nearest voxel this leaves no steps of the size of the old voxels. Each class is
    interpolated within its bounding box alone.

    Args:
        mask: `(*spatial)` integers; 0 is the background.
        spacing: Size of its voxels in mm.
        target: Size of the new voxels in mm.
        shape: Voxels along each new axis; None takes `resampled_shape`.

    Returns:
        `shape` integers of the type of `mask`; the mask itself where nothing changes.
    """
    old = mask.shape
    new = tuple(shape) if shape is not None else resampled_shape(old, spacing, target)
    if _same(old, new, spacing, target):
        return mask
    from scipy import ndimage

    steps, starts = _steps(old, new, spacing, target)
    result = np.zeros(new, mask.dtype)
    best, total = np.zeros(new, np.float32), np.zeros(new, np.float32)
    for label, box in enumerate(ndimage.find_objects(mask), 1):
        if box is None:
            continue
        inner, outer = [], []
        for axis, part in enumerate(box):
            # One voxel more on each side, where the share falls to 0.
            low, high = max(0, part.start - 1), min(old[axis], part.stop + 1)
            first = 0 if low == 0 else int(np.ceil((low - starts[axis]) / steps[axis]))
            last = (high - 1 - starts[axis]) / steps[axis]
            stop = new[axis] if high == old[axis] else int(np.floor(last)) + 1
            inner.append(slice(low, high))
            outer.append(slice(max(first, 0), min(stop, new[axis])))
        there = tuple(outer)
        if not result[there].size:
            continue
        share = ndimage.affine_transform(
            (mask[tuple(inner)] == label).astype(np.float32),
            steps,
            [
                s + k * o.start - i.start
                for s, k, o, i in zip(starts, steps, outer, inner, strict=True)
            ],
            [o.stop - o.start for o in outer],
            order=1,
            mode="nearest",
        )
        total[there] += share
        result[there][share > best[there]] = label
        np.maximum(best[there], share, out=best[there])
    for labels, most, all_of_it in zip(result, best, total, strict=True):
        # What all other classes leave is the background's.
        labels[most <= 1 - all_of_it] = 0
    return result


def _check(rank: int, spacing: Sequence[float], target: Sequence[float]) -> None:
    for name, sizes in (("spacing", spacing), ("target", target)):
        if len(sizes) != rank or not all(np.isfinite(s) and s > 0 for s in sizes):
            raise ValueError(
                f"{name} must be {rank} positive lengths in mm. Received: {name}={tuple(sizes)}"
            )


def _same(
    old: Sequence[int], new: Sequence[int], spacing: Sequence[float], target: Sequence[float]
) -> bool:
    _check(len(old), spacing, target)
    return tuple(old) == tuple(new) and bool(np.allclose(spacing, target, rtol=SAME, atol=0))


def _steps(
    old: Sequence[int], new: Sequence[int], spacing: Sequence[float], target: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Return, per axis, the step between new voxels and the place of the first, in old voxels."""
    steps = [to / of for of, to in zip(spacing, target, strict=True)]
    starts = [(n - 1) / 2 - (m - 1) / 2 * s for n, m, s in zip(old, new, steps, strict=True)]
    return steps, starts
