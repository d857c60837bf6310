"""Distances between the surfaces of two masks, in mm."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasbio.metrics.overlap import mask_pair, spacing_of
from kerasbio.metrics.surface_elements import element_areas

CONVENTIONS = ("directed", "pooled", "surfel")


class _Surfaces(NamedTuple):
    """From each surface to the other: distances in mm, and what each counts."""

    distances: tuple[np.ndarray, np.ndarray]
    areas: tuple[np.ndarray, np.ndarray]


class SurfaceDistances:
    """How far the surfaces of two masks are apart; every score is taken from the same distances.

    The surface is one of two. Its voxels are those inside that have a neighbour across a side
    outside; its elements (surfels) lie where the corners of voxels meet inside and outside, and
    count by their area. What is beyond the image is outside. Distances are exact.

    A structure that is missed never improves a score and is never left out: where both masks are
    empty distances are 0 and the surface Dice is 1; where one is, distances are the diagonal of
    the field of view, which none can exceed, and the surface Dice is 0.

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.
        spacing: Voxel size in mm per axis; 1 mm if None.
        field: Numbers of voxels per axis of the field of view that the masks are cut from; None
            if they are whole.

    Raises:
        ValueError: If shapes differ, masks are not integers, or `spacing` does not fit.
    """

    def __init__(
        self,
        truth: np.ndarray,
        prediction: np.ndarray,
        spacing: Sequence[float] | None = None,
        *,
        field: Sequence[int] | None = None,
    ):
        truth, prediction = mask_pair(truth, prediction)
        self.spacing = spacing_of(spacing, truth.ndim)
        self.diagonal = float(np.linalg.norm(self.spacing * (field or truth.shape)))
        self.filled = (bool(truth.any()), bool(prediction.any()))
        box = _box(truth | prediction) if any(self.filled) else ...
        self.masks = (truth[box], prediction[box])

    def hausdorff(self, percentile: float = 100, convention: str = "directed") -> float:
        """Return the Hausdorff distance, or a percentile in place of the largest distance.

        Args:
            percentile: Above 0, at most 100.
            convention: `"directed"` takes the percentile from each surface to the other, and
                the larger one; `"pooled"` takes that of all distances together; `"surfel"` is as
                `"directed"`, of surface elements weighed by area, and needs two or three axes.

        Returns:
            The distance in mm.

        Raises:
            ValueError: If `percentile` or `convention` is none of these.
        """
        if convention not in CONVENTIONS:
            raise ValueError(
                f"convention must be one of {', '.join(CONVENTIONS)}. "
                f"Received: convention={convention!r}"
            )
        if not 0 < percentile <= 100:
            raise ValueError(
                f"percentile must be above 0, at most 100. Received: percentile={percentile}"
            )
        if not all(self.filled):
            return self._without_surface(0.0, self.diagonal)
        if convention == "pooled":
            return float(np.percentile(np.concatenate(self._voxels.distances), percentile))
        if convention == "directed":
            return max(float(np.percentile(d, percentile)) for d in self._voxels.distances)
        return max(
            _weighted_percentile(d, a, percentile) for d, a in zip(*self._surfels, strict=True)
        )

    def average(self) -> float:
        """Return the average symmetric surface distance in mm: the mean over both surfaces."""
        if not all(self.filled):
            return self._without_surface(0.0, self.diagonal)
        return float(np.concatenate(self._voxels.distances).mean())

    def surface_dice(self, tolerance: float, convention: str = "surfel") -> float:
        """Return the normalized surface Dice: the share of both surfaces that is near the other.

        Reference: [Nikolov et al., Clinically applicable segmentation of head and neck anatomy,
        2021](https://doi.org/10.2196/26151).

        Args:
            tolerance: Distance in mm up to which a surface is near.
            convention: `"surfel"` counts surface elements by area, as the publication does, and
                needs two or three axes; `"voxel"` counts voxels.

        Returns:
            0 to 1.

        Raises:
            ValueError: If `tolerance` is negative, or `convention` neither of these.
        """
        if convention not in ("surfel", "voxel"):
            raise ValueError(
                f"convention must be surfel or voxel. Received: convention={convention!r}"
            )
        if not 0 <= tolerance < np.inf:
            raise ValueError(f"tolerance must be a distance in mm. Received: tolerance={tolerance}")
        if not all(self.filled):
            return self._without_surface(1.0, 0.0)
        found = self._surfels if convention == "surfel" else self._voxels
        distances, areas = np.concatenate(found.distances), np.concatenate(found.areas)
        return float(areas[distances <= tolerance].sum()) / float(areas.sum())

    def _without_surface(self, agreed: float, missed: float) -> float:
        return missed if any(self.filled) else agreed

    @functools.cached_property
    def _voxels(self) -> _Surfaces:
        first, second = (_surface_voxels(mask) for mask in self.masks)
        return self._between(first, second, first.astype(float), second.astype(float))

    @functools.cached_property
    def _surfels(self) -> _Surfaces:
        areas = element_areas(tuple(self.spacing.tolist()))
        first, second = (areas[_cell_codes(mask)] for mask in self.masks)
        return self._between(first > 0, second > 0, first, second)

    def _between(self, first: np.ndarray, second: np.ndarray, *areas: np.ndarray) -> _Surfaces:
        from scipy.spatial import KDTree

        points = [np.argwhere(surface) * self.spacing for surface in (first, second)]
        distances = []
        for own, other, others in ((first, second, 1), (second, first, 0)):
            distance = np.zeros(np.count_nonzero(own))
            # Where the surfaces share a point nothing need be searched.
            apart = ~other[own]
            tree = KDTree(points[others], leafsize=32, balanced_tree=False)
            distance[apart] = tree.query(points[1 - others][apart])[0]
            distances.append(distance)
        return _Surfaces((distances[0], distances[1]), (areas[0][first], areas[1][second]))


def hausdorff_distance(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: Sequence[float] | None = None,
    *,
    percentile: float = 100,
    convention: str = "directed",
) -> float:
    """Return the Hausdorff distance in mm: how far the surfaces are apart where they are furthest.

    HD95 is that with `percentile=95`. Three conventions of it are in use and differ, so tell which
    you report: see `SurfaceDistances.hausdorff`. What empty masks give is in `SurfaceDistances`.

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.
        spacing: Voxel size in mm per axis; 1 mm if None.
        percentile: Above 0, at most 100, which is the Hausdorff distance itself.
        convention: `"directed"`, `"pooled"` or `"surfel"`.

    Raises:
        ValueError: If an argument does not fit.
    """
    return SurfaceDistances(truth, prediction, spacing).hausdorff(percentile, convention)


def average_surface_distance(
    truth: np.ndarray, prediction: np.ndarray, spacing: Sequence[float] | None = None
) -> float:
    """Return the average symmetric surface distance in mm; see `SurfaceDistances`.

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.
        spacing: Voxel size in mm per axis; 1 mm if None.

    Raises:
        ValueError: If an argument does not fit.
    """
    return SurfaceDistances(truth, prediction, spacing).average()


def normalized_surface_dice(
    truth: np.ndarray,
    prediction: np.ndarray,
    spacing: Sequence[float] | None = None,
    *,
    tolerance: float,
    convention: str = "surfel",
) -> float:
    """Return the normalized surface Dice; see `SurfaceDistances` and its `surface_dice`.

    Args:
        truth: `(*spatial)` integers or booleans; what is not 0 is inside.
        prediction: The same.
        spacing: Voxel size in mm per axis; 1 mm if None.
        tolerance: Distance in mm up to which a surface is near.
        convention: `"surfel"` or `"voxel"`.

    Raises:
        ValueError: If an argument does not fit.
    """
    return SurfaceDistances(truth, prediction, spacing).surface_dice(tolerance, convention)


def _box(mask: np.ndarray) -> tuple[slice, ...]:
    """The smallest box around a mask."""
    sides = []
    for axis in range(mask.ndim):
        filled = np.flatnonzero(mask.any(axis=tuple(a for a in range(mask.ndim) if a != axis)))
        sides.append(slice(filled[0], filled[-1] + 1))
    return tuple(sides)


def _surface_voxels(mask: np.ndarray) -> np.ndarray:
    inner = mask.copy()
    for axis in range(mask.ndim):
        ahead, along = inner.swapaxes(0, axis), mask.swapaxes(0, axis)
        ahead[1:] &= along[:-1]
        ahead[:-1] &= along[1:]
        ahead[[0, -1]] = False
    return mask & ~inner


def _cell_codes(mask: np.ndarray) -> np.ndarray:
    """The code of each cell, one more per axis than voxels, as in `element_areas`."""
    padded = np.pad(mask, 1).astype(np.uint8)
    codes = np.zeros(tuple(n + 1 for n in mask.shape), np.uint8)
    for place, corner in enumerate(np.ndindex((2,) * mask.ndim)):
        cut = tuple(slice(i, i + n) for i, n in zip(corner, codes.shape, strict=True))
        codes |= padded[cut] << np.uint8(place)
    return codes


def _weighted_percentile(distances: np.ndarray, areas: np.ndarray, percentile: float) -> float:
    """The distance up to which lies this percentage of the area."""
    order = np.argsort(distances)
    share = np.cumsum(areas[order]) / areas.sum()
    place = int(np.searchsorted(share, percentile / 100))
    return float(distances[order[min(place, len(order) - 1)]])
