"""Exact Euclidean distances on a grid, in the graph."""

from collections.abc import Sequence
from typing import Any

from keras import ops

#: Distance, in voxels, where there is nothing to be near to; its square is finite in float32.
FAR = 1e15


def signed_distance(inside: Any, spacing: Sequence[float], counted: Any = None) -> Any:
    """Return distances to the other side of a region's boundary, negative inside.

    Outside it is the distance to the nearest voxel inside, and inside minus that to the nearest
    voxel outside, between centres: exact, as `scipy.ndimage.distance_transform_edt`. It is 0
    throughout where a region is empty or fills the image. Time grows with volume times side,
    memory with the volume.

    Reference: [Felzenszwalb and Huttenlocher, Distance transforms of sampled functions,
    2012](https://doi.org/10.4086/toc.2012.v008a019): squared distances axis by axis.

    Args:
        inside: Booleans `(batch, *spatial, classes)`.
        spacing: Size of a voxel along each spatial axis, in mm.
        counted: Booleans `(batch, *spatial, 1)`; where false, a voxel is on neither side. None
            counts all.

    Returns:
        float32 `(batch, *spatial, classes)`, in mm.
    """
    outside = ops.logical_not(inside)
    if counted is not None:
        inside, outside = ops.logical_and(inside, counted), ops.logical_and(outside, counted)
    axes = tuple(range(1, len(inside.shape) - 1))
    both = [ops.any(side, axis=axes, keepdims=True) for side in (inside, outside)]
    # One pass for the two sides.
    squared = _squared_distance(ops.concatenate([inside, outside], axis=-1), spacing)
    to_inside, to_outside = ops.split(ops.sqrt(squared), 2, axis=-1)
    return ops.where(ops.logical_and(*both), to_inside - to_outside, 0.0)


def _squared_distance(sources: Any, spacing: Sequence[float]) -> Any:
    """Return squared distances to the nearest source, at least about FAR where there is none."""
    steps = FAR * ops.cast(ops.logical_not(sources), "float32")
    axes = list(enumerate(spacing, 1))
    if steps.shape[1] is not None:
        axes = axes[1:]
        steps = _steps_along_first_axis(steps) * spacing[0]
    squared = ops.square(steps)
    for axis, size in axes:
        squared = _least_along(squared, axis, size)
    return squared


def _steps_along_first_axis(steps: Any) -> Any:
    """Return the least over j of steps at j plus steps to j: those 1, 2, 4, ... apart in turn."""
    length, apart = steps.shape[1], 1
    while apart < length:
        gap = ops.full_like(steps[:, :apart], FAR)
        before = ops.concatenate([gap, steps[:, :-apart]], axis=1)
        after = ops.concatenate([steps[:, apart:], gap], axis=1)
        steps = ops.minimum(steps, ops.minimum(before, after) + apart)
        apart *= 2
    return steps


def _least_along(squared: Any, axis: int, size: float) -> Any:
    """Return the least over j of squared distance at j plus the square of the way from j."""
    length = ops.shape(squared)[axis]
    places = ops.arange(length, dtype=squared.dtype)
    shape = [1] * len(squared.shape)
    shape[axis] = -1

    def nearer(j, least):
        way = (places - ops.cast(j, squared.dtype)) * size
        there = ops.take(squared, ops.reshape(j, (1,)), axis=axis)
        return ops.minimum(least, there + ops.reshape(ops.square(way), shape))

    return ops.fori_loop(0, length, nearer, ops.full_like(squared, FAR**2))
