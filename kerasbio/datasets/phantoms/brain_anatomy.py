"""The anatomy of a head as nested deformed surfaces, in shares of tissue anywhere in space."""

import dataclasses

import numpy as np

from kerasbio.datasets.phantoms.random_fields import random_waves

#: Half axes of the inside of the skull in mm: up, back and to the side. With the base cut away
#: they hold the 1,946 ml of cerebrospinal fluid, grey and white matter of BrainWeb's phantom.
HALF_AXES = (76.0, 91.0, 71.5)
#: Layers outside of it, by their outer distance in mm: bone, marrow, bone, fat, skin. Choice.
LAYERS = (("bone", 2.5), ("fat", 4.0), ("bone", 6.5), ("fat", 10.5), ("muscle", 13.0))
#: Width of the cerebrospinal fluid over the cortex and half of that of a sulcus, in mm.
SUBARACHNOID, SULCUS = 1.4, 0.45
#: Thickness of the cortex in mm; 1 to 4.5 in man, 2.5 on average (Fischl and Dale 2000). Here at
#: its upper half, so that volumes are BrainWeb's with fewer folds.
CORTEX = 3.8
#: Primary and secondary sulci: wavelengths in mm, two sulci to each, and the mean and the
#: deviation over the surface of their depths in mm. Choice.
SULCI = (((28.0, 38.0), 23.0, 5.0), ((17.0, 23.0), 11.0, 4.0))
#: Grey nuclei of each side: middle and half axes in mm, up, back and to the side.
NUCLEI = {
    "caudate": ((14.0, -20.0, 15.0), (10.0, 16.0, 5.0)),
    "lentiform": ((2.0, -6.0, 25.0), (12.0, 21.0, 8.0)),
    "thalamus": ((6.0, 13.0, 11.0), (9.0, 14.0, 9.0)),
}


@dataclasses.dataclass(frozen=True)
class Tumor:
    """A glioma: a core of tumor tissue, fluid where it is dead, and edema around.

    Attributes:
        middle: Where it lies in mm: up, back and to the side of the middle of the head.
        radius: Radius of the core in mm.
        necrosis: Radius of the dead part over that of the core, 0 for none.
        reach: Width of the edema around the core in mm.
        seed: Seed of its shape.
    """

    middle: tuple[float, float, float]
    radius: float
    necrosis: float
    reach: float
    seed: int


class Head:
    """A head of random size and folding, to be evaluated at any points.

    The inside of the skull is an ellipsoid with a flat base, bent by long waves. In it lie a
    cerebrum, a cerebellum and a brain stem in fluid. Zeros of a random field with the wavelength
    of gyri are the sulci; they go inwards from the surface, each to a depth of its own, and the
    cortex lines them. Ventricles, grey nuclei and the fissures of Sylvius and between the
    hemispheres have simple shapes. A tumor pushes the brain around it away.

    Args:
        seed: Seed of the head.
        tumor: What has grown in it, if anything.
    """

    def __init__(self, seed: tuple[int, ...], tumor: Tumor | None = None):
        self.seed, self.tumor = seed, tumor
        random = np.random.default_rng((*seed, 0))
        self.size = random.normal(1, 0.02)
        self.half_axes = np.array(HALF_AXES) * self.size * random.normal(1, 0.015, 3)
        self.ventricles = random.uniform(0.8, 1.25)
        self.offset = random.normal(0, 2.5, 3)
        self.rotation = _rotation(random.normal(0, np.deg2rad(3), 3))

    def tissues(self, points: np.ndarray, voxel: float) -> dict[str, np.ndarray]:
        """Return the share of each tissue in voxels.

        Args:
            points: `(3, points)` middles of the voxels in mm: up, back and to the side.
            voxel: Side of a voxel in mm.

        Returns:
            Shares `(points,)` from 0 to 1 by name; with air and bone, left out, they sum to 1.
        """
        # The head is not held quite straight, nor in the middle.
        points = (self.rotation @ (points - self.offset[:, None])).astype(np.float32)
        inside, outside = self._skull(points)
        result = self._wrapping(inside, outside, voxel)
        cavity = np.flatnonzero(inside > -voxel)
        points, inside = points[:, cavity], inside[cavity]
        tumor = self.tumor
        core = edema = dead = np.zeros(len(inside), np.float32)
        if tumor is not None:
            core, edema, dead = self._grown(tumor, points, voxel)
            points = points - self._pushed(tumor, points)
        brain, white = self._cerebrum(points, inside, voxel)
        for part in (self._cerebellum(points, inside, voxel), self._stem(points, voxel)):
            share, share_white = part
            brain = brain * (1 - share) + share
            white = white * (1 - share) + share_white
        share = _cover(inside, voxel)
        brain, white = brain * share * (1 - core) + core, white * share * (1 - core)
        # Edema spreads along the fibres of white matter.
        swollen = edema * white
        parts = {
            "csf": np.clip(share - brain, 0, 1),
            "grey matter": np.clip(brain - core - white, 0, 1),
            "white matter": white - swollen,
            "edema": swollen,
            "tumor core": core * (1 - dead),
            "necrosis": core * dead,
        }
        for name, values in parts.items():
            result[name] = np.zeros(len(outside), np.float32)
            result[name][cavity] = values
        return result

    def locate(self, middle: tuple[float, float, float]) -> np.ndarray:
        """Return the point of space where a point of the head lies, in mm."""
        return self.rotation.T @ np.array(middle) + self.offset

    def _random(self, number: int) -> np.random.Generator:
        return np.random.default_rng((*self.seed, number))

    def _skull(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return how deep points lie in the skull, and how far outside of head and neck."""
        z, y, x = points
        wider = np.stack([z, y, x / (1 + 0.08 * np.clip(y / self.half_axes[1], -1, 1))])
        ellipsoid = _depth(wider, (0, 0, 0), self.half_axes)
        ellipsoid += 1.2 * random_waves(points, (80, 140), 8, self._random(1))
        # The base steps down from the front to the hollow of the cerebellum.
        step = np.clip((y + 5) / 30, 0, 1)
        base = z / self.size + 40 + 38 * step * step * (3 - 2 * step)
        inside = np.minimum(ellipsoid, 0.8 * base)
        neck = (np.hypot(x / 58, (y - 8) / 68) - 1) * 58
        outside = np.minimum(-ellipsoid, np.maximum(neck + LAYERS[-1][1], z + 40))
        return inside, outside

    def _wrapping(
        self, inside: np.ndarray, outside: np.ndarray, voxel: float
    ) -> dict[str, np.ndarray]:
        """Return the layers outside of the skull's inside, and the flesh under its base."""
        result = {name: np.zeros(len(inside), np.float32) for name in ("fat", "muscle")}
        before = _cover(-outside, voxel)
        flesh = np.clip(before - _cover(inside + LAYERS[2][1], voxel), 0, 1)
        result["muscle"] += 0.8 * flesh
        result["fat"] += 0.2 * flesh
        for name, limit in LAYERS:
            now = _cover(limit - outside, voxel)
            if name in result:
                result[name] += now - before
            before = now
        return result

    def _cerebrum(
        self, points: np.ndarray, inside: np.ndarray, voxel: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the shares of the cerebrum and of its white matter."""
        z, y, x = points
        side = np.stack([z, y, np.abs(x)])
        step = np.clip((y - 15) / 25, 0, 1)
        floor = z / self.size + 42 - 17 * step * step * (3 - 2 * step)
        surface = np.minimum(inside - SUBARACHNOID, floor)
        # The cisterns around the brain stem.
        surface = np.minimum(surface, -_depth(points, (-34, 12, 0), (24, 30, 19)))
        brain, white = _cover(surface, voxel), _cover(surface - CORTEX, voxel)
        bend = 1.5 * random_waves(points, (50, 90), 6, self._random(2))
        callosum = np.maximum(-_depth(points, (2, 2, 0), (27, 40, 60)), 0)
        fissure = (np.abs(x + bend), np.minimum(callosum, 3) / 3, 1.2)
        # The fissure of Sylvius slants inwards to the insula, which lies along the side.
        lateral = np.clip((side[2] - 36 * self.size) / 3, 0, 1)
        lateral = lateral * np.clip((35 - np.abs(y + 5)) / 10, 0, 1)
        sylvian = np.abs(z + 6 - 0.45 * (y + 5) + 0.5 * (side[2] - 52) + bend) / 1.2
        insula = np.abs(side[2] - 38 * self.size + bend)
        along = np.clip(_depth(side, (2, -2, 38), (15, 24, 12)) / 3, 0, 1)
        sheets = [fissure, (sylvian, lateral, 1.3), (insula, along, 1.0)]
        for distance, share, width in sheets + self._sulci(points, surface):
            brain = brain * (1 - share * _sheet(distance, width, voxel))
            white = white * (1 - share * _sheet(distance, width + CORTEX, voxel))
        for middle, axes in NUCLEI.values():
            white = white * (1 - _cover(_depth(side, middle, axes), voxel))
        fluid = _cover(self._ventricle(side), voxel)
        return brain * (1 - fluid), np.minimum(white, brain) * (1 - fluid)

    def _sulci(
        self, points: np.ndarray, surface: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray, float]]:
        """Return distances to the middle of the nearest sulcus, whether it is so deep, widths."""
        count = len(surface)
        near = np.flatnonzero((surface > -3) & (surface < SULCI[0][1] + 3 * SULCI[0][2]))
        points, surface = points[:, near], surface[near]
        radius = np.sqrt(((points / self.half_axes[:, None]) ** 2).sum(0))
        # On the way in a sulcus stays nearly perpendicular to the surface.
        outer = points / np.maximum(radius, 0.3) ** 0.8
        for axis in range(3):
            outer[axis] += 2.5 * random_waves(points, (25, 60), 6, self._random(10 + axis))
        result = []
        for number, (band, mean, deviation) in enumerate(SULCI):
            random = self._random(20 + number)
            distance, share = np.zeros((2, count), np.float32)
            # The mean slope of the field along the surface makes a distance of its value.
            slope = 2 * np.pi / np.mean(band) * np.sqrt(2 / 3)
            distance[near] = np.abs(random_waves(outer, band, 48, random)) / slope * radius**0.8
            depth = mean + deviation * random_waves(outer, (40, 70), 12, random)
            # At the base the surface is near the middle, where there are none.
            deep = np.clip((np.maximum(depth, 3) - surface) / 3, 0, 1)
            share[near] = deep * np.clip((radius - 0.45) / 0.1, 0, 1)
            result.append((distance, share, SULCUS))
        return result

    def _ventricle(self, side: np.ndarray) -> np.ndarray:
        """Return how deep points lie in the ventricles; the third is the slit in the middle."""
        z, y, x = side
        along = (y - 4) / 42
        bent = np.stack([z - 20 + 14 * along**2, y, x - 9 - 12 * along**2])
        scale = self.ventricles
        lateral = _depth(bent, (0, 4, 0), (9 * scale, 44, 5.5 * scale))
        third = _depth(side, (2, 6, 0), (10, 15, 2.5 * scale))
        return np.maximum(lateral, third)

    def _cerebellum(
        self, points: np.ndarray, inside: np.ndarray, voxel: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the shares of the cerebellum and of its white matter."""
        surface = _depth(points, (-40, 47, 0), (26 * self.size, 33 * self.size, 55 * self.size))
        surface = np.minimum(surface, inside - SUBARACHNOID)
        brain = _cover(surface, voxel)
        white = np.zeros_like(brain)
        near = np.flatnonzero(brain > 0)
        if len(near):
            # Folia are finer than a voxel: fluid in their clefts, white matter in their midst.
            folia = random_waves(points[:, near], (5, 9), 24, self._random(5))
            core = _depth(points[:, near], (-42, 40, 0), (9, 14, 30))
            white[near] = np.maximum(_cover(core, voxel), np.clip(0.15 + 0.3 * folia, 0, 0.6))
            white[near] *= brain[near]
            brain[near] *= 1 - np.clip(0.08 - 0.2 * folia, 0, 0.3) * (core < 0)
        return brain, np.minimum(white, brain)

    def _stem(self, points: np.ndarray, voxel: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the share of the brain stem, twice: it counts as white matter."""
        z, y, x = points
        tube = 13 - np.hypot(x, y - 14 - 0.12 * (z + 30))
        share = _cover(np.minimum(tube, -8 - z), voxel)
        return share, share

    def _grown(
        self, tumor: Tumor, points: np.ndarray, voxel: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the share of the core, of edema in white matter, and of death in the core."""
        random = np.random.default_rng((*self.seed, 6, tumor.seed))
        distance = _distance(points, tumor.middle)
        rough = random_waves(points, (tumor.radius, 3 * tumor.radius), 12, random)
        wide = random_waves(points, (20, 60), 12, random)
        edge = tumor.radius * (1 + 0.15 * rough)
        core = _cover(edge - distance, max(voxel, 2.0))
        dead = _cover(tumor.necrosis * edge - distance, max(voxel, 3.0))
        swollen = _cover(edge + tumor.reach * (1 + 0.5 * wide) - distance, max(voxel, 5.0))
        return core, swollen, dead

    def _pushed(self, tumor: Tumor, points: np.ndarray) -> np.ndarray:
        """Return by how much the tumor has moved what is at points, in mm."""
        middle = np.array(tumor.middle, np.float32)[:, None]
        distance = _distance(points, tumor.middle)
        return 0.35 * (points - middle) * np.exp(-((distance / (1.8 * tumor.radius)) ** 2))


def _rotation(angles: np.ndarray) -> np.ndarray:
    """Return the matrix of small turns about the three axes, one after the other."""
    result = np.eye(3)
    for axis, angle in enumerate(angles):
        turn, (one, other) = np.eye(3), [k for k in range(3) if k != axis]
        turn[one, one] = turn[other, other] = np.cos(angle)
        turn[one, other], turn[other, one] = -np.sin(angle), np.sin(angle)
        result = turn @ result
    return result


def _distance(points: np.ndarray, middle: tuple[float, float, float]) -> np.ndarray:
    return np.sqrt(((points - np.array(middle, np.float32)[:, None]) ** 2).sum(0))


def _depth(
    points: np.ndarray, middle: tuple[float, float, float], axes: np.ndarray | tuple
) -> np.ndarray:
    """Return how deep points lie in an ellipsoid, in mm to first order; below 0 outside."""
    half = np.array(axes, np.float32)[:, None]
    unit = (points - np.array(middle, np.float32)[:, None]) / half
    radius = np.sqrt((unit**2).sum(0)) + 1e-3
    return (1 - radius) * radius / (np.sqrt(((unit / half) ** 2).sum(0)) + 1e-5)


def _cover(depth: np.ndarray, voxel: float) -> np.ndarray:
    """Return the share of a voxel within a surface that lies `depth` outwards of its middle."""
    return np.clip(depth / np.float32(voxel) + 0.5, 0, 1)


def _sheet(distance: np.ndarray, half_width: float, voxel: float) -> np.ndarray:
    """Return the share of a voxel within a sheet of twice `half_width`."""
    return _cover(distance + half_width, voxel) - _cover(distance - half_width, voxel)
