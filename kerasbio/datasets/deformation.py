"""Images and masks moved together in one resampling, smooth random fields, coarser voxels."""

import math
from collections.abc import Sequence

import numpy as np


def deform(
    image: np.ndarray,
    mask: np.ndarray | None,
    *,
    angles: Sequence[float] | np.ndarray,
    scale: float,
    spacing: Sequence[float],
    displacement: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return an image and its mask, turned, scaled and bent about their middle.

    Each voxel is sampled once: the image linearly, the mask at the nearest voxel. Lengths are in
    mm, so that a rotation is rigid however long the voxels are. Beyond the border lies the mirror
    image, of the image and of the mask alike.

    Args:
        image: `(*spatial, channels)` float32, of rank 2 or 3 in space.
        mask: `(*spatial)` integers, or None.
        angles: Degrees. In space one for each axis, about which the plane of the other two
            turns as by `numpy.rot90`; in the plane one alone.
        scale: Magnification of what is seen.
        spacing: Length of a voxel along each axis, in mm.
        displacement: `(rank, *spatial)`, mm from each voxel to where it is sampled besides.

    Returns:
        Image and mask, of the shapes and types given.
    """
    from scipy.ndimage import map_coordinates

    shape = image.shape[:-1]
    matrix = _rotation(angles) * np.asarray(spacing) / np.asarray(spacing)[:, None] / scale
    middle = (np.asarray(shape) - 1) / 2
    grids = np.ogrid[tuple(slice(size) for size in shape)]
    coordinates = np.empty((len(shape), *shape))
    for axis, row in enumerate(matrix):
        terms = [weight * (grid - at) for weight, grid, at in zip(row, grids, middle, strict=True)]
        coordinates[axis] = sum(terms[1:], terms[0] + middle[axis])
        if displacement is not None:
            coordinates[axis] += displacement[axis] / spacing[axis]
    moved = np.empty(image.shape, image.dtype)
    for channel in range(image.shape[-1]):
        moved[..., channel] = map_coordinates(
            image[..., channel], coordinates, order=1, mode="mirror"
        )
    if mask is not None:
        mask = map_coordinates(mask, coordinates, order=0, mode="mirror")
    return moved, mask


def _rotation(angles: Sequence[float] | np.ndarray) -> np.ndarray:
    planes = [(0, 1)] if len(angles) == 1 else [(1, 2), (0, 2), (0, 1)]
    rank = 2 if len(angles) == 1 else 3
    product = np.eye(rank)
    for (first, second), angle in zip(planes, np.radians(angles), strict=True):
        turn = np.eye(rank)
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[first, second] = math.sin(angle)
        turn[second, first] = -math.sin(angle)
        product = product @ turn
    return product


def smooth_field(
    shape: Sequence[int],
    spacing: Sequence[float],
    distance: float,
    random: np.random.Generator,
    count: int = 1,
) -> np.ndarray:
    """Return smooth random fields: cubic B-splines of Gaussian control points.

    Reference: Rueckert et al., Nonrigid registration using free-form deformations, IEEE
    Transactions on Medical Imaging 1999. Weights are divided by their norm, so that the standard
    deviation is 1 in every voxel, at a control point as between two.

    Args:
        shape: Voxels along each axis.
        spacing: Length of a voxel along each axis, in mm.
        distance: Distance of the control points, in mm.
        random: Where the control points are drawn from.
        count: Number of fields.

    Returns:
        `(count, *shape)` float32, normal with mean 0 and standard deviation 1.
    """
    splines = [_spline(n, length / distance) for n, length in zip(shape, spacing, strict=True)]
    sizes = [first[-1] + weights.shape[1] for first, weights in splines]
    field = random.standard_normal((count, *sizes), dtype=np.float32)
    for axis, (first, weights) in enumerate(splines, start=1):
        field = _weigh(field, first, weights, axis)
    return field


def _spline(size: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the first control point `(size,)` and weights `(size, 4)` of voxels a step apart."""
    place = np.arange(size) * step
    first = np.floor(place).astype(int)
    t = place - first
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
    )
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return first, weights.astype(np.float32)


def coarsen(image: np.ndarray, spacing: Sequence[float], length: float) -> np.ndarray:
    """Return an image as it looks where no voxel is shorter than a length.

    Long voxels average what lies in them, as a thick slice does; the image is then interpolated
    linearly back to its own grid. Axes whose voxels are as long already stay as they are.

    Args:
        image: `(*spatial, channels)` float32.
        spacing: Length of a voxel along each axis, in mm.
        length: Length of the voxels that are simulated, in mm.

    Returns:
        `(*spatial, channels)` float32.
    """
    for axis, own in enumerate(spacing):
        size = image.shape[axis]
        count = max(1, round(size * own / length))
        if count < size:
            sums = np.cumsum(image, axis=axis, dtype=np.float64)
            sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis)), sums], axis=axis)
            ends = _interpolate(sums, np.linspace(0, size, count + 1), axis)
            means = np.diff(ends, axis=axis) * (count / size)
            places = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
            image = _interpolate(means, places, axis).astype(np.float32)
    return image


def _interpolate(array: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    first = np.floor(places).astype(int)
    share = places - first
    return _weigh(array, first, np.stack([1 - share, share], axis=1), axis)


def _weigh(array: np.ndarray, first: np.ndarray, weights: np.ndarray, axis: int) -> np.ndarray:
    """Return sums, along an axis, of what lies at `first + k` times `weights[:, k]`.

    No matrix product: the threads of a linear algebra library would wait for those of TensorFlow.
    """
    column = (-1,) + (1,) * (array.ndim - axis - 1)
    parts = [
        np.take(array, first + k, axis, mode="clip") * weight.reshape(column)
        for k, weight in enumerate(weights.T)
    ]
    return sum(parts[1:], parts[0])
