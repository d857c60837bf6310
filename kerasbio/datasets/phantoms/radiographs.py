"""Frontal radiographs of one lung, from line integrals of attenuation, with their causes."""

import dataclasses

import numpy as np

from kerasbio.datasets.cases import Case

#: Side of the field, coned to one lung, in mm.
FIELD = 200.0
#: Least distance of the middle of a finding from the border of the field, in mm.
MARGIN = 20.0
#: Distance of the middle of the field from the spine, in mm.
LUNG = 76.0
#: Linear attenuation of soft tissue at about 70 keV effective energy, per mm: between the 0.023
#: of 50 keV and the 0.018 of 80 keV that water has (NIST XCOM, in 1/mm).
ATTENUATION = 0.019
#: Attenuation of 1 mm of rib in mm of soft tissue. Cortical bone has 2.3 at 80 keV (0.043 over
#: 0.018 per mm) and 3.6 at 50 keV (0.081 over 0.023), marrow about 1.
BONE = 2.2
#: Photons that an unattenuated pixel of 5 mm would count.
PHOTONS = 60_000.0
#: Scattered over primary photons where primary is even, with a grid. Where primary is low, more of
#: what arrives is scattered: about 60 % behind the mediastinum and 20 % behind the lung, in
#: accord with Niklason et al. 1981.
SCATTER = 0.35
#: Width of the scatter kernel in mm.
SCATTER_WIDTH = 40.0

CLASSES = ("normal", "nodule", "cavity", "consolidation", "atelectasis")

#: Extent (mm, radius of a disc of equal area) and thickness (mm of soft tissue) have one
#: distribution for all findings: only the morphology tells them apart.
EXTENT = (16.0, 34.0)
THICKNESS = (25.0, 60.0)


@dataclasses.dataclass(frozen=True)
class Lesion:
    """What stands in a lung.

    Attributes:
        thickness: Largest thickness of soft tissue that it adds, in mm; 0 for none. At the rim
            of a lung, which is thin, it stands for one that presses against the wall.
        extent: Radius of the disc of equal area, in mm.
        elongation: Length over width.
        hollowness: Radius of the air-filled core over that of the whole.
        blur: Standard deviation of the border, in mm.
        patchiness: Standard deviation of the density within, over its mean.
        angle: Direction of its length, in rad.
        x, y: Where it lies in the lung, in half widths and half heights from its middle.
    """

    thickness: float
    extent: float
    elongation: float
    hollowness: float
    blur: float
    patchiness: float
    angle: float
    x: float = 0.0
    y: float = 0.0


NOTHING = Lesion(0, 0, 0, 0, 0, 0, 0)


class Radiographs:
    """Simulated chest radiographs, coned to one lung: normal, or one of four kinds of finding.

    A thorax of soft tissue, lungs, heart, spine, ribs and a branching tree of vessels is
    projected on the side that the subject was referred for. Photons follow Beer and Lambert,
    scatter is a blurred share of the primary, counts are Poisson, and the detector gives the
    logarithm on a scale of its own. A finding is one lesion in the lung: a nodule is round and
    sharp, a cavity a ring, a consolidation blurred and patchy, an atelectasis a band. Their sizes
    and densities overlap fully, their shapes in part.

    Sources: attenuation of water, NIST XCOM; scatter, Niklason et al., Medical Physics 1981;
    sizes of nodules (3 to 30 mm across, above that a mass) and the terms, Hansell et al.,
    Fleischner Society glossary, Radiology 2008. At 32 pixels of 6 mm a small nodule is lost, so
    extents are those of large nodules and masses. Simulated: no clinical performance is implied.

    Args:
        num_cases: Number of images; of every five the last is a second one of its subject.
        size: Pixels per side.
        difficulty: Divides the thickness of the lesions.
        seed: Seed of everything; case `i` is a function of `(seed, i)`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    input_names = ("image",)
    classes = CLASSES
    #: Elements of `cause`.
    cause_names = ("thickness", "extent", "elongation", "hollowness", "blur", "patchiness")

    def __init__(self, num_cases: int, *, size: int = 32, difficulty: float = 1.0, seed: int = 0):
        if num_cases < 1 or size < 32 or not difficulty > 0:
            raise ValueError(
                "num_cases must be at least 1, size at least 32 and difficulty above 0. Received: "
                f"num_cases={num_cases}, size={size}, difficulty={difficulty}"
            )
        self.size = size
        self.difficulty = difficulty
        self.seed = seed
        case = np.arange(num_cases)
        self._subjects = case // 5 * 4 + np.minimum(case % 5, 3)
        self._visits = (case % 5 == 4).astype(int)
        kinds = np.random.default_rng((seed, 0)).integers(len(CLASSES), size=num_cases)
        self.labels = kinds[self._subjects]
        self.subjects = np.array([f"S{s:05d}" for s in self._subjects])
        middle = (np.arange(size) + 0.5) * self.spacing - FIELD / 2
        self._x, self._y = np.meshgrid(middle, middle)

    @property
    def spacing(self) -> float:
        """Side of a pixel in mm."""
        return FIELD / self.size

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        label = int(self.labels[index])
        subject, visit = int(self._subjects[index]), int(self._visits[index])
        # Anatomy and lesion are the subject's; position, breath and noise are the visit's.
        body = np.random.default_rng((self.seed, 1, subject))
        moment = np.random.default_rng((self.seed, 2, subject, visit))
        lesion = self._lesion(label, body)
        sign = int(body.choice([-1, 1]))
        shift = moment.normal(0, 12, size=2) - (sign * LUNG, 0)
        thickness = self._thorax(body, shift, sign, lesion, breath=moment.normal(0, 4))
        return {
            "image": _detector(self.expose(thickness, moment), moment)[..., None],
            "label": label,
            "subject": self.subjects[index],
            "cause": np.array([getattr(lesion, n) for n in self.cause_names], np.float32),
            "spacing": self.spacing,
        }

    def expose(self, thickness: np.ndarray, moment: np.random.Generator) -> np.ndarray:
        """Return the photons counted behind `thickness` mm of soft tissue: Poisson."""
        return moment.poisson(self.expected_counts(thickness))

    def expected_counts(self, thickness: np.ndarray) -> np.ndarray:
        """Return the mean photons behind `thickness` mm of soft tissue: primary plus scatter."""
        from scipy.ndimage import gaussian_filter

        scale = PHOTONS * (self.spacing / 5) ** 2
        primary = scale * np.exp(-ATTENUATION * thickness)
        spread = gaussian_filter(primary, SCATTER_WIDTH / self.spacing, mode="nearest")
        return primary + SCATTER * spread

    def _thorax(
        self, body: np.random.Generator, shift: np.ndarray, sign: int, lesion: Lesion, breath: float
    ) -> np.ndarray:
        """Return the mm of tissue behind each pixel; `shift` is where the spine projects."""
        wall, depth = body.uniform(60, 85), body.uniform(95, 125)
        side, width = body.uniform(72, 80), body.uniform(54, 62)
        middle, height = body.uniform(-8, 8), body.uniform(118, 135) + breath
        centre = np.array([sign * side + lesion.x * width, middle + lesion.y * height])
        if lesion.thickness:
            # An image that misses the middle of the finding is taken again.
            reach = FIELD / 2 - MARGIN
            shift = np.clip(shift, -reach - centre, reach - centre)
        x, y = self._x - shift[0], self._y - shift[1]
        lung = _lung((x - sign * side) / width, (y - middle) / height, body.uniform(0.60, 0.72))
        tissue = wall + depth * (1 - 0.85 * lung)
        tissue += self._heart(x, y, middle, height, body)
        tissue += body.uniform(45, 65) * np.exp(-((x / body.uniform(17, 22)) ** 4))
        tissue += BONE * self._ribs(x, y, middle - height, body)
        tissue += self._vessels(body, shift, sign, middle) * (lung > 0)
        if lesion.thickness:
            tissue += self._shadow(lesion, x - centre[0], y - centre[1], body)
        return tissue

    def _heart(
        self, x: np.ndarray, y: np.ndarray, middle: float, height: float, body: np.random.Generator
    ) -> np.ndarray:
        u = (x - body.uniform(14, 24)) / body.uniform(48, 62)
        v = (y - middle - height * body.uniform(0.35, 0.45)) / body.uniform(48, 60)
        return body.uniform(55, 75) * np.clip(1 - u**2 - v**2, 0, None) ** 0.75

    def _ribs(
        self, x: np.ndarray, y: np.ndarray, top: float, body: np.random.Generator
    ) -> np.ndarray:
        """Return mm of bone of the posterior ribs, which fall to the sides."""
        pitch = body.uniform(25, 29)
        slope, bend = body.uniform(0.15, 0.35), body.uniform(0.0010, 0.0018)
        line = y - top - slope * np.abs(x) - bend * x**2
        number = np.round(line / pitch)
        distance = line - pitch * number
        bone = body.uniform(2.0, 3.5) * np.exp(-((distance / 4.5) ** 4))
        return bone * (np.abs(x) > 20) * (number >= 0) * (number <= 9)

    def _vessels(
        self, body: np.random.Generator, shift: np.ndarray, sign: int, middle: float
    ) -> np.ndarray:
        """Return mm of blood in a tree that leaves the hilum and thins as it branches."""
        from scipy.ndimage import gaussian_filter

        total = np.zeros((self.size, self.size))
        count = 10
        start = np.stack([np.full(count, sign * 22.0), middle + body.normal(8, 8, count)], 1)
        angle = np.linspace(-1.25, 1.25, count) + body.normal(0, 0.15, count)
        for width in (8.0, 5.5, 3.5):
            length = body.uniform(18, 34, len(start))
            step = np.stack([sign * np.cos(angle), np.sin(angle)], 1) * length[:, None]
            along = np.linspace(0, 1, 14)[None, :, None]
            points = (start[:, None] + along * step[:, None]).reshape(-1, 2) + shift
            pixels = np.floor((points + FIELD / 2) / self.spacing).astype(int)
            inside = ((pixels >= 0) & (pixels < self.size)).all(1)
            flat = pixels[inside, 1] * self.size + pixels[inside, 0]
            lines = np.bincount(flat, minlength=self.size**2).reshape(total.shape)
            # A cylinder has pi/4 w² mm² of blood per mm of its length.
            blood = np.repeat(length / 14, 14)[inside].mean() * np.pi / 4 * width**2
            total += gaussian_filter(lines * blood / self.spacing**2, width / self.spacing)
            start = np.repeat(start + step, 2, axis=0)
            angle = np.repeat(angle, 2) + body.normal(0, 0.35, 2 * len(angle))
        return total

    def _lesion(self, label: int, body: np.random.Generator) -> Lesion:
        if label == 0:
            return NOTHING
        kind = CLASSES[label]
        soft, band = kind == "consolidation", kind == "atelectasis"
        lesion = Lesion(
            thickness=body.uniform(*THICKNESS) / self.difficulty,
            extent=float(np.exp(body.uniform(*np.log(EXTENT)))),
            elongation=body.uniform(2.4, 5.0) if band else body.uniform(1.0, 1.6),
            hollowness=body.uniform(0.55, 0.85) if kind == "cavity" else 0.0,
            blur=body.uniform(5.0, 10.0) if soft else body.uniform(0.5, 5.5),
            patchiness=body.uniform(0.6, 1.2) if soft else body.uniform(0.0, 0.2),
            angle=body.normal(0, 0.5) if band else body.uniform(0, np.pi),
        )
        x, y = body.uniform(-0.6, 0.6), body.uniform(-0.6, 0.5)
        return dataclasses.replace(lesion, x=x, y=y)

    def _shadow(
        self, lesion: Lesion, x: np.ndarray, y: np.ndarray, body: np.random.Generator
    ) -> np.ndarray:
        """Return mm of tissue of a lesion: chords through a ball, less those of its core."""
        from scipy.ndimage import gaussian_filter

        cosine, sine = np.cos(lesion.angle), np.sin(lesion.angle)
        along, across = x * cosine + y * sine, y * cosine - x * sine
        stretch = np.sqrt(lesion.elongation)
        squared = ((along / stretch) ** 2 + (across * stretch) ** 2) / lesion.extent**2
        shadow = np.sqrt(np.clip(1 - squared, 0, None))
        if lesion.hollowness:
            core = lesion.hollowness**2
            shadow -= np.sqrt(np.clip(core - squared, 0, None))
        texture = gaussian_filter(body.normal(size=shadow.shape), 9 / self.spacing)
        # A log-normal density has this deviation over its mean and nowhere vanishes.
        spread = np.sqrt(np.log1p(lesion.patchiness**2))
        shadow *= np.exp(spread * texture / texture.std() - spread**2 / 2)
        shadow = gaussian_filter(shadow, lesion.blur / self.spacing)
        return lesion.thickness * shadow / shadow.max()


def _lung(u: np.ndarray, v: np.ndarray, dome: float) -> np.ndarray:
    """Return the depth of a lung over its largest: half an ellipsoid on a domed diaphragm.

    `u` and `v` are distances from its middle over its half width and half height.
    """
    depth = np.sqrt(np.clip(1 - np.abs(u) ** 2.5 - np.abs(v) ** 2.5, 0, None))
    return depth / (1 + np.exp(np.clip((v - dome - 0.11 * u**2) / 0.03, -50, 50)))


def _detector(counts: np.ndarray, moment: np.random.Generator) -> np.ndarray:
    """Return what a detector stores: bright where few photons came, on its own scale."""
    scale, offset = moment.uniform(700, 1300), moment.uniform(0, 400)
    return np.round(offset + scale * np.log(PHOTONS * 4 / np.maximum(counts, 1))).astype(np.float32)
