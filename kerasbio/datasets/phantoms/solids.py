"""Implicit solids of which anatomy is painted: deformed superquadrics and tubes."""

import dataclasses
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

#: Coordinates z, y, x in mm, arrays that broadcast.
Points = tuple[np.ndarray, np.ndarray, np.ndarray]


class Solid(Protocol):
    """A region of space."""

    @property
    def box(self) -> np.ndarray:
        """Lowest and highest z, y, x of a box around it, in mm: `(2, 3)`."""

    def contains(self, points: Points) -> np.ndarray:
        """Return which points it contains."""


class Harmonics(NamedTuple):
    """Zonal harmonics of degree 2, 3, 4, 2, ...: unit vectors `(count, 3)` and amplitudes."""

    directions: np.ndarray
    amplitudes: np.ndarray


SMOOTH = Harmonics(np.zeros((0, 3)), np.zeros(0))


@dataclasses.dataclass(frozen=True)
class Superquadric:
    """A superellipsoid whose radius is modulated by zonal harmonics about a few axes.

    With `z, y, x` the distance from the middle over the half axes, turned and bent, a point is
    inside where `(|z|^e + |y|^e + |x|^e)^(1/e) < 1 + Σ a_k P_l(n · d_k)`; `n` is its direction, and
    the Legendre polynomials P of degree 2, 3, 4, 2, ... about the axes `d_k` span the spherical
    harmonics of these degrees (addition theorem).

    Attributes:
        middle: z, y, x in mm.
        axes: Half axes in mm.
        exponent: 2 for an ellipsoid, more for a box with round edges.
        turn: Angle in rad by which it is turned in the axial plane, from x to y.
        tilt: Angle in rad by which it is turned in the coronal plane, from x to z.
        bend: How far both ends along z, and those along y, are moved along x, in half axes.
        harmonics: Axes and amplitudes of the harmonics.
    """

    middle: ArrayLike
    axes: ArrayLike
    exponent: float = 2.0
    turn: float = 0.0
    tilt: float = 0.0
    bend: float = 0.0
    harmonics: Harmonics = SMOOTH

    @property
    def box(self) -> np.ndarray:
        """Lowest and highest z, y, x of a box around it, in mm: `(2, 3)`."""
        axes = np.asarray(self.axes, float)
        grown = 1 + np.abs(self.harmonics.amplitudes).sum()
        z, y, x = axes * grown
        # Bending moves the far ends only: z² + y² is at most grown² there.
        x += abs(self.bend) * axes[2] * grown**2
        if self.tilt:
            x, z = _turned(x, z, self.tilt)
        if self.turn:
            x, y = _turned(x, y, self.turn)
        return np.asarray(self.middle) + np.array([[-z, -y, -x], [z, y, x]])

    def contains(self, points: Points) -> np.ndarray:
        """Return which points it contains."""
        return self.level(points) < 1

    def level(self, points: Points) -> np.ndarray:
        """Return the radius in the solid: 0 in its middle, 1 on its surface."""
        middle, axes = np.asarray(self.middle), np.asarray(self.axes)
        z, y, x = (p - np.float32(m) for p, m in zip(points, middle, strict=True))
        if self.turn:
            x, y = _rotate(x, y, self.turn)
        if self.tilt:
            x, z = _rotate(x, z, self.tilt)
        z, y, x = (p * np.float32(1 / a) for p, a in zip((z, y, x), axes, strict=True))
        if self.bend:
            x = np.subtract(x, np.float32(self.bend) * (z * z + y * y))
        square = z * z + y * y + x * x
        level: np.ndarray = np.sqrt(square)
        if self.exponent != 2:
            e = np.float32(self.exponent)
            level = (np.abs(z) ** e + np.abs(y) ** e + np.abs(x) ** e) ** (1 / e)
        if not len(self.harmonics.amplitudes):
            return level
        inverse = 1 / np.sqrt(np.maximum(square, np.float32(1e-8)))
        radius = np.ones_like(level)
        for k, (axis, amplitude) in enumerate(zip(*self.harmonics, strict=True)):
            a, b, c = axis.astype(np.float32)
            cosine = (z * a + y * b + x * c) * inverse
            radius = radius + np.float32(amplitude) * _legendre(2 + k % 3, cosine)
        return level / radius


@dataclasses.dataclass(frozen=True)
class Tube:
    """A tube around a broken line, whose radius changes along each of its parts.

    Attributes:
        knots: z, y, x of the ends of the parts, in mm: `(knots, 3)`.
        radii: Radius at each knot, in mm.
    """

    knots: np.ndarray
    radii: np.ndarray

    @property
    def box(self) -> np.ndarray:
        """Lowest and highest z, y, x of a box around it, in mm: `(2, 3)`."""
        radii = self.radii[:, None]
        return np.stack([(self.knots - radii).min(0), (self.knots + radii).max(0)])

    def contains(self, points: Points) -> np.ndarray:
        """Return which points it contains."""
        inside = np.zeros(np.broadcast_shapes(*(p.shape for p in points)), bool)
        for k in range(len(self.knots) - 1):
            start = self.knots[k].astype(np.float32)
            step = self.knots[k + 1].astype(np.float32) - start
            offset = [p - s for p, s in zip(points, start, strict=True)]
            along = sum(o * s for o, s in zip(offset, step, strict=True)) / (step @ step)
            along = np.clip(along, 0, 1)
            square = sum((o - along * s) ** 2 for o, s in zip(offset, step, strict=True))
            first, last = self.radii[k : k + 2].astype(np.float32)
            inside |= square < (first + (last - first) * along) ** 2
        return inside


def draw_harmonics(random: np.random.Generator, count: int, amplitude: float) -> Harmonics:
    """Return random harmonics of the radius of a `Superquadric`.

    Args:
        random: Source of the draws.
        count: Number of harmonics, of degree 2, 3, 4, 2, ...
        amplitude: Largest amplitude of one; drawn evenly from both signs.
    """
    directions = random.normal(size=(count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Harmonics(directions, random.uniform(-amplitude, amplitude, count))


def _legendre(degree: int, x: np.ndarray) -> np.ndarray:
    square = x * x
    if degree == 2:
        return np.float32(1.5) * square - np.float32(0.5)
    if degree == 3:
        return x * (np.float32(2.5) * square - np.float32(1.5))
    return (np.float32(4.375) * square - np.float32(3.75)) * square + np.float32(0.375)


def _rotate(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cosine * x + sine * y, cosine * y - sine * x


def _turned(x: float, y: float, angle: float) -> tuple[float, float]:
    """Return half sides of the box around a turned box."""
    cosine, sine = abs(np.cos(angle)), abs(np.sin(angle))
    return cosine * x + sine * y, cosine * y + sine * x
