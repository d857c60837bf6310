"""The head phantom of Shepp and Logan, in a plane and in space, with its exact projections."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

#: Half axes along x, y and z, middle x, y and z, and angle in degrees of ten ellipsoids, in units
#: of half the field. In the plane z is left out. The third dimension is that in common use; the
#: further turn that some programs give two of the ellipsoids is not.
ELLIPSOIDS = np.array(
    [
        [0.69, 0.92, 0.81, 0, 0, 0, 0],
        [0.6624, 0.874, 0.78, 0, -0.0184, 0, 0],
        [0.11, 0.31, 0.22, 0.22, 0, 0, -18],
        [0.16, 0.41, 0.28, -0.22, 0, 0, 18],
        [0.21, 0.25, 0.41, 0, 0.35, -0.15, 0],
        [0.046, 0.046, 0.05, 0, 0.1, 0.25, 0],
        [0.046, 0.046, 0.05, 0, -0.1, 0.25, 0],
        [0.046, 0.023, 0.05, -0.08, -0.605, 0, 0],
        [0.023, 0.023, 0.02, 0, -0.606, 0, 0],
        [0.023, 0.046, 0.02, 0.06, -0.605, 0, 0],
    ]
)
#: What each ellipsoid adds: the densities of 1974, and the higher contrast of Toft (1996).
DENSITIES = {
    "original": np.array([2, -0.98, -0.02, -0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01]),
    "toft": np.array([1, -0.8, -0.2, -0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
}


def shepp_logan(
    shape: Sequence[int], *, contrast: str = "toft", supersampling: int = 1
) -> np.ndarray:
    """Return the phantom of Shepp and Logan.

    References: Shepp and Logan, IEEE Transactions on Nuclear Science 1974; the higher contrast:
    Toft, The Radon Transform, thesis, Technical University of Denmark 1996.

    Args:
        shape: Sides of the grid, `(rows, columns)` or `(slices, rows, columns)`, which spans -1 to
            1 along each axis. The first row is at the front of the head, y = 1; the last slice
            at its top, z = 1.
        contrast: `"toft"`, or `"original"`, whose soft tissues differ by 1 %.
        supersampling: Points per pixel and axis of which the mean is taken.

    Returns:
        Density, float64, of this shape.

    Raises:
        ValueError: If an argument is out of its range.
    """
    densities = _densities(contrast)
    if len(shape) not in (2, 3) or min(shape) < 1 or supersampling < 1:
        raise ValueError(
            "shape must be two or three sides of at least 1 and supersampling at least 1. "
            f"Received: shape={tuple(shape)}, supersampling={supersampling}"
        )
    sides = [_centres(side * supersampling) for side in shape]
    height = sides[0][:, None, None] if len(shape) == 3 else None
    y, x = -sides[-2][:, None], sides[-1]
    fine = np.zeros([len(side) for side in sides])
    for (a, b, c, x0, y0, z0, degrees), density in zip(ELLIPSOIDS, densities, strict=True):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        along = (x - x0) * cosine + (y - y0) * sine
        across = (y - y0) * cosine - (x - x0) * sine
        square = (along / a) ** 2 + (across / b) ** 2
        if height is not None:
            square = square + ((height - z0) / c) ** 2
        fine += density * (square <= 1)
    blocks = [n for side in shape for n in (side, supersampling)]
    return fine.reshape(blocks).mean(axis=tuple(range(1, 2 * len(shape), 2)))


def shepp_logan_sinogram(
    angles: ArrayLike,
    offsets: ArrayLike,
    *,
    heights: ArrayLike | None = None,
    contrast: str = "toft",
) -> np.ndarray:
    """Return the exact line integrals of the phantom of Shepp and Logan.

    The line with angle θ and offset s is `x cos θ + y sin θ = s`. An ellipse with half axes a and b
    has the chord `2 a b √(w² - s²) / w²` there, where s is measured from its middle, and
    `w² = a² cos² θ + b² sin² θ` with θ from its axis a. A plane cuts ellipsoids in ellipses.

    Args:
        angles: θ in rad, `(angles,)`; y points to the front of the head.
        offsets: s, `(offsets,)`, in units of half the field.
        heights: z of planes of the phantom in space, `(heights,)`; by default the phantom in the
            plane is projected.
        contrast: `"toft"` or `"original"`, as for `shepp_logan`.

    Returns:
        Density times length, `(angles, offsets)`, or `(heights, angles, offsets)`.

    Raises:
        ValueError: If `contrast` is not known.
    """
    densities = _densities(contrast)
    theta = np.asarray(angles, float)[:, None]
    s = np.asarray(offsets, float)
    z = None if heights is None else np.asarray(heights, float)[:, None, None]
    total = np.zeros((1, 1))
    for (a, b, c, x0, y0, z0, degrees), density in zip(ELLIPSOIDS, densities, strict=True):
        turned = theta - np.radians(degrees)
        width = (a * np.cos(turned)) ** 2 + (b * np.sin(turned)) ** 2
        offset = s - x0 * np.cos(theta) - y0 * np.sin(theta)
        # Off the middle of an ellipsoid, its cut is smaller by the root of this.
        cut = 1.0 if z is None else np.clip(1 - ((z - z0) / c) ** 2, 0, None)
        chord = 2 * a * b / width * np.sqrt(np.clip(cut * width - offset**2, 0, None))
        total = total + density * chord
    return total


def _centres(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) * 2 / count - 1


def _densities(contrast: str) -> np.ndarray:
    if contrast not in DENSITIES:
        raise ValueError(f"contrast must be one of {list(DENSITIES)}. Received: {contrast=}")
    return DENSITIES[contrast]
