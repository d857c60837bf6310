"""Hypodense lesions of the liver: how many, how large, where and of which shape."""

import dataclasses

import numpy as np

from kerasbio.datasets.phantoms.abdomen import Abdomen
from kerasbio.datasets.phantoms.abdominal_organs import TISSUE
from kerasbio.datasets.phantoms.solids import Points, Superquadric, draw_harmonics

#: Range of every property of a lesion: the radius in mm, contrast over noise, the standard
#: deviation of the edge over the radius, the largest amplitude of a harmonic, and the longest
#: over the shortest half axis.
LESION_RANGES = {
    "radius": (4.0, 25.0),
    "cnr": (0.5, 3.0),
    "edge": (0.08, 0.25),
    "irregularity": (0.02, 0.12),
    "elongation": (1.0, 1.5),
}
#: Lesions of an affected liver.
COUNTS = (1, 2, 3)
#: Share of the lesions that are kept off the border of the liver where there is room.
DEEP = 0.7
#: Box in which places are tried, z, y, x in mm.
_WHERE = np.array([[-75.0, -75.0, -130.0], [80.0, 75.0, 60.0]])
_TRIES = 24
#: The middle of the right lobe.
_SURE = np.array([2.0, 2.0, -66.0])
#: A place, and the six ends of the axes of a ball around it.
_ENDS = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])


@dataclasses.dataclass(frozen=True)
class Lesion:
    """One lesion of the liver.

    Attributes:
        middle: z, y, x in mm in the field.
        radius: Radius of a ball of about equal volume, in mm.
        cnr: Contrast to the liver over the noise at a difficulty of 1.
        edge: Standard deviation of its border, in mm.
        irregularity: Largest amplitude of a harmonic of its radius.
        elongation: Longest over shortest half axis.
        shape: The solid.
    """

    middle: np.ndarray
    radius: float
    cnr: float
    edge: float
    irregularity: float
    elongation: float
    shape: Superquadric

    @property
    def box(self) -> np.ndarray:
        """Lowest and highest z, y, x of a box beyond which there is less than 0.2 % of it."""
        return self.shape.box + 3 * self.edge * np.array([[-1], [1]])

    def share(self, points: Points) -> np.ndarray:
        """Return how much of the lesion is at each point, 0 to 1: a soft step at its surface."""
        from scipy.special import ndtr

        return ndtr(np.float32(self.radius / self.edge) * (1 - self.shape.level(points)))


def draw_lesions(
    anatomy: Abdomen,
    reach: float,
    random: np.random.Generator,
    radius: tuple[float, float] = LESION_RANGES["radius"],
) -> list[Lesion]:
    """Return the lesions that a liver has, or would have were it not healthy.

    Number, size and contrast do not depend on the anatomy; the place is in the liver.

    Args:
        anatomy: The subject.
        reach: Largest distance of the middle of a lesion from z = 0, in mm.
        random: Source of all draws.
        radius: Range of the radius, in mm.
    """
    ranges = {**LESION_RANGES, "radius": radius}
    count = int(random.choice(COUNTS))
    drawn = [_draw(ranges, random) for _ in range(count)]
    deep = random.random(count) < DEEP
    low, high = np.clip(_WHERE, [-reach, -np.inf, -np.inf], [reach, np.inf, np.inf])
    tries = random.uniform(low, high, (count, _TRIES, 3))
    # Should all others miss the liver, this one does not.
    tries[:, -1] = np.clip(_SURE, low, high)
    radii = np.array([properties["radius"] for properties in drawn])
    ends = tries[:, :, None] + radii[:, None, None, None] * _ENDS
    z, y, x = (c.reshape(-1, 1, 1) for c in np.moveaxis(ends, -1, 0))
    inside = anatomy.paint((z, y, x)).reshape(ends.shape[:-1]) == TISSUE["liver"]
    # A lesion that may touch the border takes the first place in the liver.
    score = np.where(inside[:, :, 0], 2 + inside.sum(2) * deep[:, None], 0)
    score[:, -1] = np.maximum(score[:, -1], 1)
    best = np.argmax(score, axis=1)
    return [_lesion(tries[k, best[k]], drawn[k], random) for k in range(count)]


def _draw(ranges: dict[str, tuple[float, float]], random: np.random.Generator) -> dict[str, float]:
    properties = {name: float(random.uniform(*pair)) for name, pair in ranges.items()}
    properties["edge"] *= properties["radius"]
    return properties


def _lesion(
    middle: np.ndarray, properties: dict[str, float], random: np.random.Generator
) -> Lesion:
    stretch = np.sqrt(properties["elongation"])
    # Half axes whose product is that of the ball.
    axes = properties["radius"] * random.permutation([stretch, 1.0, 1 / stretch])
    shape = Superquadric(
        middle,
        axes,
        turn=random.uniform(0, np.pi),
        harmonics=draw_harmonics(random, 6, properties["irregularity"]),
    )
    return Lesion(middle=middle, shape=shape, **properties)
