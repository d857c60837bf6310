"""Sections of tissue in haematoxylin and eosin, with every nucleus known."""

import numpy as np

from kerasbio.datasets.cases import Case
from kerasbio.datasets.phantoms.nuclei import KINDS, draw_nuclei, paint_nuclei
from kerasbio.datasets.phantoms.random_fields import random_waves
from kerasbio.datasets.phantoms.tissue_layout import Layout

CLASSES = ("stroma", "benign glands", "inflammation", "tumor")
#: Optical densities of a unit of haematoxylin and of eosin in red, green and blue: the reference of
#: Macenko et al. (ISBI 2009) and that of Ruifrok and Johnston (2001).
STAINS = {
    "macenko": ((0.5626, 0.7201, 0.4062), (0.2159, 0.8012, 0.5581)),
    "ruifrok": ((0.650, 0.704, 0.286), (0.072, 0.990, 0.105)),
}
#: Intensity without tissue, of 255 (Macenko et al.).
WHITE = 240.0
#: Deviation of the camera's noise at white. Choice.
CAMERA = 1.5
#: Range of the amounts of both stains of a slide, over the usual ones. Choice.
STRENGTH = (0.8, 1.2)
#: Least share of the field that the tissue of the label takes at difficulty 1. Choice.
COVERAGE = 0.55
CAUSES = (
    *("coverage", "nuclei", "mean_diameter", "deviation_diameter"),
    *("haematoxylin", "eosin"),
    *(f"{stain}_{color}" for stain in ("h", "e") for color in ("red", "green", "blue")),
)


def stain_image(densities: np.ndarray, stains: np.ndarray) -> np.ndarray:
    """Return what is seen through stained tissue, after Beer and Lambert.

    Args:
        densities: `(..., 2)` amounts of haematoxylin and eosin.
        stains: `(2, 3)` optical densities (natural logarithm) of a unit of each.

    Returns:
        `(..., 3)` intensities from 0 to 240.
    """
    return WHITE * np.exp(-(densities @ stains))


def separate_stains(image: np.ndarray, stains: np.ndarray) -> np.ndarray:
    """Return the amounts of stain behind an image: color deconvolution (Ruifrok and Johnston).

    Args:
        image: `(..., 3)` intensities; those below 1 count as 1.
        stains: `(2, 3)` optical densities of a unit of haematoxylin and of eosin.

    Returns:
        `(..., 2)` amounts, that which fits the three colors best.
    """
    return -np.log(np.maximum(image, 1) / WHITE) @ np.linalg.pinv(stains)


class Histology:
    """Simulated fields of stained sections: stroma, benign glands, inflammation or a tumor.

    Collagen fibres are waves along a bent direction. Glands are rings of columnar cells around a
    lumen, their nuclei at the base; an inflammation is crowded with lymphocytes; a tumor is a sheet
    of cells with large nuclei of uneven size, shape and chromatin. What the tissue of the label
    leaves of the field is stroma, and lymphocytes are strewn everywhere. Nuclei are ellipses with a
    perturbed contour and band-passed chromatin. Both stains absorb after Beer and Lambert; their
    amounts and colors are the slide's.

    Sources: colors and intensity of white, Macenko et al., ISBI 2009, and Ruifrok and Johnston,
    Analytical and Quantitative Cytology and Histology 2001; sizes of nuclei in `nuclei`.
    Mitoses, vessels, fat, necrosis, and what staining and cutting spoil are missing. Simulated: no
    clinical performance is implied.

    Attributes:
        labels: `(cases,)` int64, the tissue.
        subjects: `(cases,)` names; two cases in a row are of one slide of one subject.
        classes: Names of the tissues.
        mask_classes: Names of the values of the masks: kinds of nuclei.
        cause_names: Elements of `cause`: share of the field that the tissue of the label takes,
            number of nuclei, mean and deviation of their diameters in µm, amounts of both stains
            over the usual ones, and optical densities of a unit of each.

    Args:
        num_cases: Number of fields.
        size: Pixels per side.
        spacing: Side of a pixel in µm: 0.25 at 40 x, 0.5 at 20 x and 1 at 10 x.
        stains: `"macenko"` or `"ruifrok"`: the colors of the centre.
        jitter: Deviation of each component of the colors between slides, over its value.
        difficulty: Power of the share of the field that the tissue of the label takes, and divisor
            of what sets nuclei of tumors apart from benign ones.
        seed: Seed of everything; case `i` is a function of `(seed, i)`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    input_names = ("image",)
    classes = CLASSES
    mask_classes = ("background", *KINDS)
    cause_names = CAUSES

    def __init__(
        self,
        num_cases: int,
        *,
        size: int = 64,
        spacing: float = 1.0,
        stains: str = "macenko",
        jitter: float = 0.05,
        difficulty: float = 1.0,
        seed: int = 0,
    ):
        if num_cases < 1 or size < 16 or not 0.2 <= spacing <= 2:
            raise ValueError(
                "num_cases must be at least 1, size at least 16 and spacing from 0.2 to 2. "
                f"Received: num_cases={num_cases}, size={size}, spacing={spacing}"
            )
        if stains not in STAINS or not 0 <= jitter <= 0.2 or not difficulty > 0:
            raise ValueError(
                f"stains must be one of {', '.join(STAINS)}, jitter from 0 to 0.2 and difficulty "
                f"above 0. Received: stains={stains!r}, jitter={jitter}, difficulty={difficulty}"
            )
        self.size, self.spacing, self.jitter = size, float(spacing), jitter
        self.stains = np.array(STAINS[stains])
        self.difficulty, self.seed = difficulty, seed
        self._slides = np.arange(num_cases) // 2
        count = self._slides[-1] + 1
        kinds = np.random.default_rng((seed, 0)).permutation(np.arange(count) % len(CLASSES))
        self.labels = kinds[self._slides].astype(np.int64)
        self.subjects = np.array([f"S{s:05d}" for s in self._slides])
        middle = (np.arange(size) + 0.5 - size / 2) * self.spacing
        self._points = np.stack([a.ravel() for a in np.meshgrid(middle, middle, indexing="ij")])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        densities, instances, kinds, cause = self.tissue(index)
        stains, strengths = self.slide(index)
        random = np.random.default_rng((self.seed, 3, index % len(self)))
        image = stain_image(densities * strengths, stains)
        # Photons: their noise goes with the root of the intensity.
        image += CAMERA * np.sqrt(image / WHITE) * random.standard_normal(image.shape)
        return {
            "image": np.round(np.clip(image, 0, 255)).astype(np.float32),
            "mask": np.concatenate([[0], kinds])[instances],
            "instances": instances,
            "label": int(self.labels[index]),
            "subject": self.subjects[index],
            "spacing": (self.spacing, self.spacing),
            "cause": np.array([*cause, *strengths, *stains.ravel()], np.float32),
        }

    def slide(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the colors `(2, 3)` of a unit of both stains and their amounts over usual ones."""
        random = np.random.default_rng((self.seed, 1, self._slides[index]))
        stains = self.stains * (1 + self.jitter * random.standard_normal((2, 3)))
        stains /= np.linalg.norm(stains, axis=1, keepdims=True)
        return stains, random.uniform(*STRENGTH, 2)

    def tissue(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[float]]:
        """Return a field before it is stained and seen.

        Args:
            index: Number of the case.

        Returns:
            Amounts of both stains `(size, size, 2)` at usual strength; which nucleus each pixel
            is of, `(size, size)` from 1, 0 for none; the kind of each nucleus as in masks; and the
            first four elements of `cause`.
        """
        label = int(self.labels[index])
        random = np.random.default_rng((self.seed, 2, index % len(self)))
        coverage = random.uniform(COVERAGE, 1) ** self.difficulty if label else 1.0
        layout = Layout(CLASSES[label], self.size * self.spacing, coverage, random)
        nuclei = draw_nuclei(layout, self.difficulty, random)
        densities = self._matrix(layout, random).reshape(self.size, self.size, 2)
        painted = paint_nuclei(nuclei, densities, self.spacing, random)
        sizes = nuclei.diameter[painted.shown]
        spread = (sizes.mean(), sizes.std()) if len(sizes) else (0.0, 0.0)
        kinds = nuclei.kind[painted.shown] + 1
        return painted.densities, painted.instances, kinds, [coverage, len(sizes), *spread]

    def _matrix(self, layout: Layout, random: np.random.Generator) -> np.ndarray:
        """Return the amounts of both stains `(pixels, 2)` between the nuclei."""
        points = self._points
        own, depth = layout.share(points), layout.epithelium(points)
        # Fibres run along a direction that bends; they are thin across it.
        angle = layout.angle + 0.5 * random_waves(points, (80, 200), 4, random)
        along = points[0] * np.cos(angle) + points[1] * np.sin(angle)
        across = points[1] * np.cos(angle) - points[0] * np.sin(angle)
        fibres = random_waves(np.stack([0.12 * along, across]), (4, 12), 24, random)
        grain = random_waves(points, (3, 12), 40, random)
        collagen = np.clip(0.42 + 0.16 * fibres + 0.04 * grain, 0.03, 1.2)
        loose = np.clip(0.26 + 0.10 * fibres + 0.06 * grain, 0.02, 1.2)
        cytoplasm = np.clip(0.45 + 0.07 * grain, 0.05, 1.2)
        # Mucus fills the cells of a gland on the side of the lumen.
        columnar = cytoplasm * np.where(depth < 0.55, 0.55, 1.0)
        eosin = collagen * (1 - own)
        haematoxylin = np.full(len(own), 0.04)
        if layout.tissue == "inflammation":
            eosin += loose * own
        elif layout.tissue == "tumor":
            eosin += 1.1 * cytoplasm * own
            haematoxylin += 0.16 * own
        elif layout.tissue == "benign glands":
            inside = own * ((depth > 0) & (depth < 1))
            eosin += columnar * inside + 0.03 * own * (depth <= 0)
            eosin += collagen * own * (depth >= 1)
            haematoxylin += 0.06 * inside
        return np.stack([haematoxylin, eosin], -1)
