"""Where the nuclei of a section of tissue lie, what they look like, and how they are drawn."""

import dataclasses

import numpy as np

from kerasbio.datasets.phantoms.random_fields import random_waves
from kerasbio.datasets.phantoms.tissue_layout import Layout

#: What of a nucleus is beyond the field is drawn up to this distance from it, in µm.
MARGIN = 8.0
#: Distance of the nuclei of a gland from the base of their cells and along the ring, in µm. Choice.
BASE, PITCH = 5.5, 6.5


@dataclasses.dataclass(frozen=True)
class Kind:
    """Nuclei of one kind.

    Attributes:
        diameter: Of the circle of equal area, in µm: the mean.
        spread: Deviation of the diameter over its mean.
        elongation: Length over width: the mean.
        roughness: Deviation of the contour from an ellipse, over the radius.
        haematoxylin: Amount of stain: the mean.
        contrast: Deviation of the stain within, over its mean.
        nucleolus: Share that shows one.
    """

    diameter: float
    spread: float
    elongation: float
    roughness: float
    haematoxylin: float
    contrast: float
    nucleolus: float


#: A lymphocyte has an area of 28 µm² in the mantle of a tonsil, 6 µm across; nuclei of epithelium
#: and of tumors are 8 to 15 µm across. The rest is a choice after what pathologists look for:
#: nuclei of tumors are large, uneven, irregular, with coarse chromatin and nucleoli.
KINDS = {
    "epithelial nucleus": Kind(8.0, 0.08, 1.5, 0.03, 1.10, 0.16, 0.0),
    "lymphocyte": Kind(6.0, 0.07, 1.08, 0.03, 1.60, 0.18, 0.0),
    "fibroblast nucleus": Kind(6.5, 0.12, 3.2, 0.04, 1.10, 0.14, 0.0),
    "tumor nucleus": Kind(11.0, 0.22, 1.3, 0.06, 1.10, 0.30, 0.6),
}
NAMES = tuple(KINDS)
#: Nuclei per 1000 µm² that find room, or less where there is none: of the kind of a tissue, and of
#: those strewn in it. Choice.
CROWDS = {
    "stroma": (("fibroblast nucleus", 2.4), ("lymphocyte", 0.5)),
    "inflammation": (("lymphocyte", 14.0), ("fibroblast nucleus", 0.7)),
    "tumor": (("tumor nucleus", 7.0), ("lymphocyte", 0.6)),
}


@dataclasses.dataclass(frozen=True)
class Nuclei:
    """Nuclei of a field, one array element each.

    Attributes:
        place: `(nuclei, 2)` middles in µm from the middle of the field, down and to the right.
        kind: Number in `KINDS`.
        diameter: Of the circle of equal area, in µm.
        elongation: Length over width.
        angle: Direction of the length, from downwards to the right, in rad.
        kinds: The kinds, as they are at the difficulty of the field.
    """

    place: np.ndarray
    kind: np.ndarray
    diameter: np.ndarray
    elongation: np.ndarray
    angle: np.ndarray
    kinds: tuple[Kind, ...]

    def trait(self, name: str) -> np.ndarray:
        """Return an attribute of its kind for each nucleus."""
        return np.array([getattr(kind, name) for kind in self.kinds])[self.kind]


@dataclasses.dataclass(frozen=True)
class Painted:
    """A field with its nuclei.

    Attributes:
        densities: `(size, size, 2)` amounts of haematoxylin and eosin.
        instances: `(size, size)` int64, which nucleus a pixel is of, from 1; 0 for none.
        shown: Numbers, in the list of those drawn, of the nuclei that can be seen, in order.
    """

    densities: np.ndarray
    instances: np.ndarray
    shown: np.ndarray


def kinds_at(difficulty: float) -> tuple[Kind, ...]:
    """Return the kinds of nuclei; those of tumors come nearer to benign ones by `difficulty`."""
    *others, malign = KINDS.values()
    pairs = zip(dataclasses.astuple(malign), dataclasses.astuple(others[0]), strict=True)
    # Easier than twice the difference would be no nucleus any more.
    nearer = (max(two + (one - two) * min(1 / difficulty, 2), 0) for one, two in pairs)
    return (*others, Kind(*nearer))


def draw_nuclei(layout: Layout, difficulty: float, random: np.random.Generator) -> Nuclei:
    """Draw the nuclei of a field, those of glands first, then each where there is still room."""
    kinds, half = kinds_at(difficulty), layout.extent / 2 + MARGIN
    places, numbers, angles = [np.zeros((0, 2))], [np.zeros(0, int)], [np.zeros(0)]
    tissue = layout.tissue
    if tissue == "benign glands":
        place, angle = _ring(layout, random)
        inside = (np.abs(place) < half).all(1) & (layout.share(place.T) > 0.5)
        places, angles = [place[inside]], [angle[inside]]
        numbers = [np.zeros(len(angles[0]), int)]
    for region in dict.fromkeys((tissue, "stroma")):
        for name, density in CROWDS.get(region, ()):
            count = random.poisson(density * (2 * half) ** 2 / 1000)
            place = random.uniform(-half, half, (count, 2))
            own = layout.share(place.T) > 0.5
            if tissue == "benign glands":
                own &= layout.epithelium(place.T) < 1.15
            place = place[own == (region == tissue != "stroma")]
            places.append(place)
            numbers.append(np.full(len(place), NAMES.index(name)))
            # Fibroblasts lie along the fibres; the direction of others is of little consequence.
            angles.append(layout.angle + random.normal(0, 0.35, len(place)))
    kind, place = np.concatenate(numbers), np.concatenate(places)
    count = len(kind)
    mean, spread, longer = (
        np.array([getattr(k, trait) for k in kinds])[kind]
        for trait in ("diameter", "spread", "elongation")
    )
    diameter = mean * np.exp(spread * np.clip(random.standard_normal(count), -2.5, 2.5))
    elongation = 1 + (longer - 1) * random.uniform(0.5, 1.5, count)
    room = np.flatnonzero(_roomy(place, diameter / 2 * elongation**0.25))
    angle = np.concatenate(angles)
    return Nuclei(place[room], kind[room], diameter[room], elongation[room], angle[room], kinds)


def _ring(layout: Layout, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return middles and directions of the nuclei of all glands, near the base of their cells."""
    places, angles = [], []
    for gland, (middle, radius) in enumerate(zip(layout.glands, layout.radii, strict=True)):
        count = max(int(2 * np.pi * (radius - BASE) / PITCH), 1)
        angle = (np.arange(count) + random.normal(0, 0.12, count)) * 2 * np.pi / count
        distance = layout.contour(np.array([gland]), angle)[0] - BASE + random.normal(0, 0.7, count)
        places.append(middle + np.stack([np.cos(angle), np.sin(angle)], 1) * distance[:, None])
        angles.append(angle)
    return np.concatenate(places), np.concatenate(angles)


def _roomy(place: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return which nuclei find room beside those before them; they may touch and overlap a bit."""
    kept = np.zeros(len(radius), bool)
    for k in range(len(radius)):
        distance = np.hypot(*(place[:k] - place[k]).T)
        kept[k] = not np.any(kept[:k] & (distance < 0.9 * (radius[:k] + radius[k])))
    return kept


def paint_nuclei(
    nuclei: Nuclei, densities: np.ndarray, spacing: float, random: np.random.Generator
) -> Painted:
    """Draw nuclei over the tissue between them.

    Args:
        nuclei: What to draw.
        densities: `(size, size, 2)` amounts of both stains without them.
        spacing: Side of a pixel in µm.
        random: Source of their contours and of their chromatin.

    Returns:
        The field; a pixel is of the nucleus that covers most of it, if at least half.
    """
    size, count = len(densities), len(nuclei.kind)
    long = nuclei.diameter / 2 * np.sqrt(nuclei.elongation)
    short = nuclei.diameter / 2 / np.sqrt(nuclei.elongation)
    half = int(np.ceil(1.3 * np.max(long, initial=1) / spacing)) + 1
    middle = np.floor(nuclei.place / spacing + size / 2).astype(int)
    window = middle[:, :, None] + np.arange(-half, half + 1)
    offset = (window + 0.5 - size / 2) * spacing - nuclei.place[:, :, None]
    down, right = offset[:, 0, :, None], offset[:, 1, None, :]

    def column(values: np.ndarray) -> np.ndarray:
        return np.asarray(values)[:, None, None]

    cosine, sine = column(np.cos(nuclei.angle)), column(np.sin(nuclei.angle))
    along = (down * cosine + right * sine) / column(long)
    across = (right * cosine - down * sine) / column(short)
    direction, contour = np.arctan2(across, along), 1.0
    for k in (2, 3, 4, 5):
        phase = column(random.uniform(0, 2 * np.pi, count))
        # Four waves of this height have the deviation of the kind together.
        height = column(nuclei.trait("roughness") * np.sqrt(2 / 4))
        contour = contour + height * np.cos(k * direction + phase)
    depth = (contour - np.hypot(along, across)) * column(short)
    cover = np.clip(depth / spacing + 0.5, 0, 1)
    spot = column(nuclei.diameter * 0.12 * (random.random(count) < nuclei.trait("nucleolus")))
    aside = random.uniform(-0.4, 0.4, (2, count))
    far = np.hypot(along - column(aside[0]), across - column(aside[1])) * column(short)
    nucleolus = np.clip((spot - far) / spacing + 0.5, 0, 1) * (spot > 0)
    rim = np.exp(-((depth / 0.9) ** 2))
    best, owner, marks = np.zeros((size, size)), np.zeros((size, size), int), {}
    for name in ("rim", "nucleolus"):
        marks[name] = np.zeros((size, size))
    for k in range(count):
        # The part of the window that lies in the field.
        (top, left), shift = np.maximum(window[k, :, 0], 0), np.maximum(-window[k, :, 0], 0)
        here = np.s_[top : max(window[k, 0, -1] + 1, 0), left : max(window[k, 1, -1] + 1, 0)]
        height, width = best[here].shape
        there = np.s_[k, shift[0] : shift[0] + height, shift[1] : shift[1] + width]
        more = cover[there] > best[here]
        best[here][more], owner[here][more] = cover[there][more], k
        marks["rim"][here][more] = rim[there][more]
        marks["nucleolus"][here][more] = nucleolus[there][more]
    return _stained(nuclei, densities, spacing, random, best, owner, marks)


def _stained(
    nuclei: Nuclei,
    densities: np.ndarray,
    spacing: float,
    random: np.random.Generator,
    cover: np.ndarray,
    owner: np.ndarray,
    marks: dict[str, np.ndarray],
) -> Painted:
    """Give nuclei their stain, and number those that can be seen."""
    size = len(densities)
    pixels = np.stack([a.ravel() for a in np.mgrid[:size, :size]]) * spacing
    band = (max(1.5, 2 * spacing), max(4.0, 5 * spacing))
    chromatin = random_waves(pixels, band, 24, random).reshape(size, size)
    instances = np.zeros((size, size), int)
    if not len(nuclei.kind):
        return Painted(densities, instances, np.zeros(0, int))
    amount = nuclei.trait("haematoxylin") * np.exp(random.normal(0, 0.12, len(nuclei.kind)))
    contrast = nuclei.trait("contrast")[owner]
    stain = amount[owner] * np.maximum(1 + contrast * chromatin + 0.3 * marks["rim"], 0.25)
    stain += 0.6 * marks["nucleolus"]
    inner = np.stack([stain, 0.22 + 0.3 * marks["nucleolus"]], -1)
    cover = cover[..., None]
    shown, number = np.unique(owner[cover[..., 0] >= 0.5], return_inverse=True)
    instances[cover[..., 0] >= 0.5] = number + 1
    return Painted(densities * (1 - cover) + inner * cover, instances, shown)
