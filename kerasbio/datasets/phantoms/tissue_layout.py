"""Where the tissues of a section lie: a share of the field, its border, and glands in it."""

import numpy as np

from kerasbio.datasets.phantoms.random_fields import random_waves

#: Height of the columnar cells of a gland in µm. Choice.
COLUMN = 18.0
#: Range of the distance between the middles of glands in µm, and of their radii over it. Choice.
DISTANCE, RADIUS = (64.0, 80.0), (0.38, 0.45)


class Layout:
    """Where the tissue of a label lies in a field, and where in it are glands.

    Args:
        tissue: Name of the tissue.
        extent: Side of the field in µm.
        coverage: Share of the field that it takes.
        random: Source of the borders.
    """

    def __init__(self, tissue: str, extent: float, coverage: float, random: np.random.Generator):
        self.tissue, self.extent, self.coverage = tissue, extent, coverage
        self.angle = random.uniform(0, np.pi)
        self._normal = random.standard_normal(2)
        self._normal /= np.linalg.norm(self._normal)
        self._border = int(random.integers(2**31))
        pitch = random.uniform(*DISTANCE)
        reach = int(np.ceil(extent / pitch)) + 1
        rows, columns = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
        # A lattice of glands, each at its distance from its neighbours.
        lattice = np.stack([0.87 * rows, columns + 0.5 * (rows % 2)], 1) + random.uniform(-1, 1, 2)
        self.glands = pitch * (lattice + random.normal(0, 0.04, lattice.shape))
        self.radii = random.uniform(*RADIUS, len(self.glands)) * pitch
        self._turn = random.uniform(0, 2 * np.pi, (2, len(self.glands), 1))
        self._bend = random.uniform(0.02, 0.09, (2, len(self.glands), 1))

    def share(self, points: np.ndarray) -> np.ndarray:
        """Return the share of the tissue at points `(2, points)`; the rest is stroma."""
        if self.tissue == "stroma":
            return np.zeros(points.shape[1], np.float32)
        border = np.random.default_rng(self._border)
        height = self._normal @ points + 6 * random_waves(points, (30, 80), 8, border)
        return np.clip((self.coverage - 0.5) * self.extent * 1.1 - height, 0, 1)

    def contour(self, gland: np.ndarray, angle: np.ndarray) -> np.ndarray:
        """Return the radius of glands in µm in directions `(glands, directions)`."""
        waves = [
            bend[gland] * np.cos(k * angle + turn[gland])
            for k, bend, turn in zip((2, 3), self._bend, self._turn, strict=True)
        ]
        return self.radii[gland][:, None] * (1 + sum(waves))

    def epithelium(self, points: np.ndarray) -> np.ndarray:
        """Return how far points are from lumen (0) to base (1) of a gland; beyond, more than 1."""
        if self.tissue != "benign glands":
            return np.full(points.shape[1], 9.0)
        offset = points[:, None, :] - self.glands.T[:, :, None]
        distance = np.hypot(*offset)
        near = np.argmin(distance - self.radii[:, None], 0)
        each = np.arange(points.shape[1])
        angle = np.arctan2(offset[1, near, each], offset[0, near, each])
        radius = self.contour(near, angle[:, None])[:, 0]
        return 1 + (distance[near, each] - radius) / COLUMN
