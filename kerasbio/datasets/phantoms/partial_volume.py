"""From points finer than voxels to voxels: mean for what adds up, majority for labels."""

import numpy as np

#: Points per voxel along each axis; along z only where there is more than one plane of points.
FINE = 2


def voxel_mean(points: np.ndarray) -> np.ndarray:
    """Return the mean of the points `(z, y, x)` of each voxel."""
    views = _views(points)
    return sum(views[1:], views[0]) / len(views)


def voxel_majority(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the class of most points `(z, y, x)` of each voxel, int32; of equals the last."""
    views = _views(labels)
    best = np.zeros(views[0].shape, np.int32)
    most = np.zeros(views[0].shape, np.uint8)
    for number in range(num_classes):
        count = sum(((view == number).view(np.uint8) for view in views), np.uint8(0))
        np.copyto(best, number, where=(count >= most) & (count > 0))
        np.maximum(most, count, out=most)
    return best


def _views(points: np.ndarray) -> list[np.ndarray]:
    """Return the points of the voxels, one of each per array."""
    depth = 1 if len(points) == 1 else FINE
    return [
        points[z::depth, y::FINE, x::FINE]
        for z in range(depth)
        for y in range(FINE)
        for x in range(FINE)
    ]
