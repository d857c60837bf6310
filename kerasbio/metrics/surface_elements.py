"""How much surface lies between voxels, by which of them are inside."""

import functools
import itertools

import numpy as np

_SQUARE = ((0, 0), (0, 1), (1, 1), (1, 0))
_Point = tuple[float, ...]


@functools.lru_cache(maxsize=64)
def element_areas(spacing: tuple[float, ...]) -> np.ndarray:
    """Return the area of the surface elements of every cell.

    A cell is the square or cube with the centres of neighbouring voxels as its corners. Corner
    `(i, j, k)` counts `2 ** (4 i + 2 j + k)` in its code where it is inside, corner `(i, j)` of a
    square `2 ** (2 i + j)`. The surface runs through the middles of the sides between inside and
    outside. A cell and its opposite have the same surface, which keeps apart the corners that are
    fewer. A polygon that is not flat is cut into the triangles whose area is largest where voxels
    are cubes.

    References: [Lorensen and Cline, Marching cubes,
    1987](https://doi.org/10.1145/37402.37422); [Nikolov et al., Clinically applicable
    segmentation of head and neck anatomy, 2021](https://doi.org/10.2196/26151).

    Args:
        spacing: Voxel size in mm per axis, two or three.

    Returns:
        Length in mm `(16,)` of the codes of a square, or area in mm² `(256,)` of those of a cube.

    Raises:
        ValueError: If there are not two or three axes.
    """
    if len(spacing) not in (2, 3):
        raise ValueError(
            f"surface elements are known of two and three axes. Received: spacing={spacing}"
        )
    return np.array(
        [
            sum(_size(np.asarray(element) * spacing) for element in elements)
            for elements in _elements(len(spacing))
        ]
    )


@functools.cache
def _elements(rank: int) -> list[list[np.ndarray]]:
    """Segments or triangles, with voxels of size 1, by code."""
    corners = list(itertools.product((0, 1), repeat=rank))
    found = []
    for code in range(2 ** len(corners)):
        rarer = code if code.bit_count() <= len(corners) // 2 else ~code
        inside = {corner: bool(rarer >> place & 1) for place, corner in enumerate(corners)}
        segments = [segment for ring in _rings(rank) for segment in _segments(inside, ring)]
        if rank == 2:
            found.append([np.array(segment) for segment in segments])
        else:
            polygons = [np.array(polygon) for polygon in _polygons(segments)]
            found.append([t for polygon in polygons for t in _triangles(polygon)[1]])
    return found


def _rings(rank: int) -> list[list[tuple[int, ...]]]:
    """The corners of each face, in the order in which they follow one another."""
    if rank == 2:
        return [list(_SQUARE)]
    return [
        [(*pair[:axis], side, *pair[axis:]) for pair in _SQUARE]
        for axis in range(3)
        for side in (0, 1)
    ]


def _segments(
    inside: dict[tuple[int, ...], bool], ring: list[tuple[int, ...]]
) -> list[tuple[_Point, _Point]]:
    """Where the surface crosses a face, from the middle of a side to that of another."""
    middles = [
        tuple((a + b) / 2 for a, b in zip(ring[i - 1], ring[i], strict=True)) for i in range(4)
    ]
    cuts = [i for i in range(4) if inside[ring[i - 1]] != inside[ring[i]]]
    if len(cuts) == 4:
        # Two opposite corners are inside: each is cut off by itself.
        return [(middles[i], middles[(i + 1) % 4]) for i in range(4) if inside[ring[i]]]
    return [(middles[cuts[0]], middles[cuts[1]])] if cuts else []


def _polygons(segments: list[tuple[_Point, _Point]]) -> list[list[_Point]]:
    """Closed polygons from their sides."""
    neighbours: dict[_Point, list[_Point]] = {}
    for first, second in segments:
        neighbours.setdefault(first, []).append(second)
        neighbours.setdefault(second, []).append(first)
    polygons = []
    while neighbours:
        ahead = [next(iter(neighbours))]
        polygon = []
        while ahead:
            polygon.append(ahead[0])
            ahead = [point for point in neighbours.pop(ahead[0]) if point in neighbours]
        polygons.append(polygon)
    return polygons


def _triangles(polygon: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """The largest total area of triangles between the corners of a polygon, and these."""
    if len(polygon) < 3:
        return 0.0, []
    choices = []
    for k in range(1, len(polygon) - 1):
        triangle = polygon[[0, k, -1]]
        before, after = _triangles(polygon[: k + 1]), _triangles(polygon[k:])
        area = _size(triangle) + before[0] + after[0]
        choices.append((area, [triangle, *before[1], *after[1]]))
    return max(choices, key=lambda choice: choice[0])


def _size(points: np.ndarray) -> float:
    sides = points[1:] - points[0]
    return float(np.linalg.norm(np.cross(*sides)) / 2 if len(sides) == 2 else np.linalg.norm(sides))
