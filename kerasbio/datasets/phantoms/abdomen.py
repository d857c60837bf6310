"""The anatomy of an upper abdomen as implicit solids, painted in order, with drawn variation."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerasbio.datasets.phantoms.abdominal_organs import MASSES, TISSUE, TISSUES, organs
from kerasbio.datasets.phantoms.solids import Points

SEXES = ("female", "male")

#: Range of the mean Hounsfield units of a subject's tissues, without contrast medium. Ranges of
#: neighbours overlap, so that no threshold tells them apart. Parenchyma, fat and air as in the
#: tables of the field; blood from that of anaemia on.
HOUNSFIELD = {
    "skin": (20.0, 60.0),
    "fat": (-110.0, -85.0),
    "muscle": (45.0, 65.0),
    "lung": (-910.0, -850.0),
    "bowel": (0.0, 45.0),
    "blood": (35.0, 55.0),
    "liver": (45.0, 65.0),
    "gallbladder": (0.0, 20.0),
    "spleen": (35.0, 55.0),
    "kidneys": (20.0, 40.0),
    "pancreas": (30.0, 50.0),
    "stomach": (5.0, 45.0),
    "marrow": (120.0, 250.0),
    "cortex": (400.0, 800.0),
    "disc": (60.0, 110.0),
    "canal": (10.0, 40.0),
}
#: Range of every other property of a subject: lengths in mm, sizes as a volume over the
#: reference, angles in rad, the contrast of focal fat in HU, gas as a share of the stomach's depth.
RANGES = {
    "cavity half width": (118.0, 130.0),
    "cavity half depth": (78.0, 88.0),
    "fat thickness": (6.0, 22.0),
    "shift z": (-6.0, 6.0),
    "shift y": (-6.0, 6.0),
    "shift x": (-6.0, 6.0),
    "turn": (-0.07, 0.07),
    "liver size": (0.8, 1.2),
    "spleen size": (0.75, 1.25),
    "kidneys size": (0.8, 1.2),
    "pancreas size": (0.8, 1.2),
    "gallbladder size": (0.6, 1.4),
    "stomach size": (0.6, 1.4),
    "aorta radius": (8.5, 12.5),
    "vertebra pitch": (33.0, 38.0),
    "rib pitch": (24.0, 30.0),
    "diaphragm": (62.0, 80.0),
    "focal fat contrast": (-30.0, -10.0),
    "stomach gas": (0.0, 0.6),
}
#: What `Abdomen.drawn` holds, in order.
DRAWN = ("male", *RANGES, *(f"{name} HU" for name in HOUNSFIELD))
#: Largest displacement by the smooth deformation along each axis, in mm.
BENDING = 6.0
#: Thickness of muscle and of skin, in mm.
MUSCLE, SKIN = 14.0, 2.0


class Abdomen:
    """The upper abdomen of one subject, from the bases of the lungs to the ends of the kidneys.

    Coordinates are z (from feet to head), y (from front to back) and x (from the subject's right
    to left, which is the image's left to right), in mm from the middle of the field. The middle
    of the liver lies near z = 0. Nothing is sampled until `paint` is asked for points.

    Args:
        random: Source of all draws.
        sex: 0 for a woman, 1 for a man; drawn by default.
    """

    def __init__(self, random: np.random.Generator, sex: int | None = None):
        drawn = int(random.integers(2))
        self.sex = drawn if sex is None else sex
        self.ranges = {name: float(random.uniform(*pair)) for name, pair in RANGES.items()}
        self.hounsfield = {name: float(random.uniform(*p)) for name, p in HOUNSFIELD.items()}
        self._waves = random.uniform(-1, 1, (3, 2)) * BENDING / 2
        self._phases = random.uniform(0, 2 * np.pi, (3, 2, 3))
        self._frequencies = 2 * np.pi / random.uniform(200, 400, (3, 2, 3))
        scales = {
            organ: masses[self.sex] / masses[1] * self.ranges[f"{organ} size"]
            for organ, masses in MASSES.items()
        }
        self.parts = organs(self.ranges, scales, random)
        self._boxes = np.stack([part.solid.box for part in self.parts])

    @property
    def drawn(self) -> np.ndarray:
        """All that was drawn from a stated range, in the order of `DRAWN`."""
        return np.array([self.sex, *self.ranges.values(), *self.hounsfield.values()], np.float32)

    def values(self) -> np.ndarray:
        """Return the mean Hounsfield units of every tissue, in the order of `TISSUES`."""
        table = dict(self.hounsfield)
        table |= {"air": -1000.0, "gas": -980.0, "stomach gas": -980.0}
        table |= {"aorta": table["blood"], "vessel": table["blood"]}
        table |= {"rib marrow": table["marrow"], "rib cortex": table["cortex"]}
        table["focal fat"] = table["liver"] + self.ranges["focal fat contrast"]
        return np.array([table[name] for name in TISSUES], np.float32)

    def warp(self, points: Points) -> Points:
        """Return where points of the field lie in the undeformed anatomy."""
        z, y, x = (np.asarray(p, np.float32) for p in points)
        moved = []
        for waves in zip(self._waves, self._phases, self._frequencies, strict=True):
            move: Any = np.float32(0)
            for amplitude, phases, frequencies in zip(*waves, strict=True):
                a, b, c = (
                    np.sin(np.float32(f) * p + np.float32(s))
                    for f, p, s in zip(frequencies, (z, y, x), phases, strict=True)
                )
                move = move + np.float32(amplitude) * a * b * c
            moved.append(move)
        z, y, x = (
            p - np.float32(self.ranges[f"shift {axis}"])
            for axis, p in zip("zyx", (z, y, x), strict=True)
        )
        cosine, sine = (np.float32(f(self.ranges["turn"])) for f in (np.cos, np.sin))
        return z + moved[0], cosine * y - sine * x + moved[1], cosine * x + sine * y + moved[2]

    def paint(self, points: Points) -> np.ndarray:
        """Return the number of the tissue at every point, as uint8.

        Args:
            points: z, y, x in mm, three arrays that broadcast to three axes: the sides of a grid,
                or `(points, 1, 1)` each.
        """
        z, y, x = np.broadcast_arrays(*self.warp(points))
        labels, cavity = self._wall(z, y, x)
        for part, window in zip(self.parts, self._windows((z, y, x)), strict=True):
            target = labels[window]
            if target.size:
                inside = part.solid.contains((z[window], y[window], x[window]))
                if part.over is not None:
                    inside &= part.over[target]
                if part.inner:
                    inside &= cavity[window]
                np.copyto(target, np.uint8(part.tissue), where=inside)
        return labels

    def _windows(self, warped: Points) -> Iterator[tuple[slice, ...]]:
        """Yield for each part what of the grid its box touches: a solid lies in few planes."""
        touched = []
        for axis, c in enumerate(warped):
            planes = np.moveaxis(c, axis, 0).reshape(c.shape[axis], -1)
            least, most = self._boxes[:, :, axis, None].swapaxes(0, 1)
            hit = (planes.max(1) > least) & (planes.min(1) < most)
            start, length = hit.argmax(1), hit.shape[1] - hit[:, ::-1].argmax(1)
            touched.append(np.where(hit.any(1), (start, length), 0).T)
        for ends in zip(*touched, strict=True):
            yield tuple(slice(int(first), int(last)) for first, last in ends)

    def _wall(self, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return skin, fat, muscle, ribs, what fills the cavity, and where the cavity is."""
        u = np.abs(x) * np.float32(1 / self.ranges["cavity half width"])
        v = np.abs(y) * np.float32(1 / self.ranges["cavity half depth"])
        level = (u * u * np.sqrt(u) + v * v * np.sqrt(v)) ** np.float32(0.4)
        # Distance outwards from the wall of the cavity, along the ray from the middle.
        depth = np.sqrt(x * x + y * y) * (1 - 1 / np.maximum(level, np.float32(1e-3)))
        fat = MUSCLE + self.ranges["fat thickness"]
        layers = np.array([0, MUSCLE, fat, fat + SKIN], np.float32)
        order = [TISSUE[name] for name in ("fat", "muscle", "fat", "skin", "air")]
        labels = np.array(order, np.uint8)[np.searchsorted(layers, depth)]
        cavity = depth < 0
        dome = np.float32(self.ranges["diaphragm"]) - 60 * level**6
        np.putmask(labels, cavity & (z > dome), TISSUE["lung"])
        self._ribs(labels, depth, (z, y, x))
        return labels, cavity

    def _ribs(self, labels: np.ndarray, depth: np.ndarray, points: Points) -> None:
        """Paint ribs, which fall from the spine on, into the muscle above their margin."""
        z, y, x = points
        front = np.maximum(-y, 0) * np.float32(1 / self.ranges["cavity half depth"])
        wall = np.flatnonzero((labels == TISSUE["muscle"]) & (z > 110 * front * front - 75))
        angle = np.arctan2(np.abs(x.ravel()[wall]), y.ravel()[wall])
        pitch = np.float32(self.ranges["rib pitch"])
        height = (z.ravel()[wall] + np.float32(50) * angle) / pitch
        height = (height - np.round(height)) * pitch
        level = ((depth.ravel()[wall] - MUSCLE / 2) / 5) ** 2 + (height / 6.5) ** 2
        flat = labels.reshape(-1)
        flat[wall[level < 1]] = TISSUE["rib cortex"]
        flat[wall[level < 0.45]] = TISSUE["rib marrow"]
