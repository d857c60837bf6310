"""Random fields that can be evaluated anywhere, for the texture of simulated tissue."""

import numpy as np


def random_waves(
    points: np.ndarray, wavelengths: tuple[float, float], count: int, random: np.random.Generator
) -> np.ndarray:
    """Return a random field of mean 0 and variance 1: a sum of plane waves of all directions.

    It is nearly Gaussian and can be evaluated anywhere, so that a slice is that of the volume.

    Args:
        points: `(axes, points)` coordinates.
        wavelengths: Band of the wavelengths, in the unit of the coordinates.
        count: Number of waves.
        random: Source of directions, lengths and phases.

    Returns:
        `(points,)` float32.
    """
    direction = random.standard_normal((count, len(points)))
    length = random.uniform(*wavelengths, count)
    number = 2 * np.pi / length / np.linalg.norm(direction, axis=1)
    waves = (direction * number[:, None]).astype(np.float32)
    phase = random.uniform(0, 2 * np.pi, (count, 1)).astype(np.float32)
    result = np.empty(points.shape[1], np.float32)
    # In parts that fit the cache.
    for start in range(0, len(result), 8192):
        part = slice(start, start + 8192)
        result[part] = np.cos(waves @ points[:, part].astype(np.float32) + phase).sum(0)
    return result * np.float32(np.sqrt(2 / count))
