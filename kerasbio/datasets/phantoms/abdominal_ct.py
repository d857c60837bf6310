"""Computed tomography of the upper abdomen, with organs or with lesions of the liver to segment."""

from collections.abc import Sequence

import numpy as np

from kerasbio.datasets.cases import Case
from kerasbio.datasets.phantoms import ct_acquisition
from kerasbio.datasets.phantoms.abdomen import DRAWN, SEXES, Abdomen
from kerasbio.datasets.phantoms.abdominal_organs import TISSUES
from kerasbio.datasets.phantoms.ct_acquisition import WATER, parallel_beam
from kerasbio.datasets.phantoms.liver_lesions import LESION_RANGES, Lesion, draw_lesions
from kerasbio.datasets.phantoms.partial_volume import FINE, voxel_majority, voxel_mean
from kerasbio.datasets.phantoms.solids import Points

#: Classes of the mask by target.
MASK_CLASSES = {
    "organs": ("background", "liver", "spleen", "kidneys", "pancreas", "stomach", "aorta", "spine"),
    "lesions": ("background", "liver", "lesion"),
}
#: Tissues that belong to a class besides that of its own name.
_MEMBERS = {
    "liver": ("focal fat", "vessel"),
    "stomach": ("stomach gas",),
    "spine": ("marrow", "cortex", "disc", "canal"),
}
#: Standard deviation of the texture of tissues in HU; 4 for all others.
_TEXTURE = {
    "air": 0.0,
    "gas": 0.0,
    "stomach gas": 0.0,
    "lung": 25.0,
    "bowel": 12.0,
    "fat": 6.0,
    "muscle": 7.0,
    "marrow": 30.0,
    "rib marrow": 30.0,
    "cortex": 40.0,
    "rib cortex": 40.0,
}
_DEVIATIONS = np.array([_TEXTURE.get(name, 4.0) for name in TISSUES], np.float32)
_IN_LIVER = np.array([name in ("liver", *_MEMBERS["liver"]) for name in TISSUES], np.float32)
#: Width of the texture, in mm.
GRAIN = 4.0
#: Range of the height of a slice whose target are organs, in mm.
HEIGHTS = (-45.0, 45.0)
#: Range of the noise in the liver at a difficulty of 1, in HU, to which photons are chosen.
NOISE = (10.0, 18.0)
#: Share of the livers with lesions.
PREVALENCE = 0.8
#: Least field, rows and columns, in mm: a body that leaves it cannot be reconstructed.
FIELD = (280.0, 360.0)
#: Largest radius of a lesion, in mm.
LARGEST = 40.0

_OF_LESION = ("radius", "contrast", "cnr", "edge", "irregularity", "elongation")
_OF_CASE = ("lesions", *_OF_LESION, "height", "noise", "photons")


class AbdominalCT:
    """Simulated CT of the upper abdomen without contrast medium, of one subject per case.

    Anatomy is painted from implicit solids, which vary with the subject, with partial volume by
    looking up tissues finer than voxels. Every slice is projected, hardened by bone, counted in
    photons and reconstructed (`kerasbio.datasets.phantoms.ct_acquisition`), so that noise is
    correlated, larger in thick directions, and streaks by itself where photons are few. Photons are
    set, as by automatic exposure control, to a drawn noise in the liver of 10 to 18 HU times
    `difficulty`.

    With the target `"organs"` seven organs are to be segmented; the strata of the cases are the
    sexes. With `"lesions"` the liver and its lesions are, as in the public liver tumour data. Four
    of five subjects have one to three lesions, darker than the liver by 0.5 to 3 times the noise
    at a difficulty of 1, at most down to water; `cnr` of a case is its largest contrast over the
    noise there. Vessels, the fissure, focal fat, the bed of the gallbladder and streaks are dark
    in any liver. Presence, number, size and contrast of lesions do not depend on the anatomy, nor
    does the place of the slice on whether there are any: it is laid through the first lesion, or
    through where it would be.

    Sources: organ masses, ICRP Publication 89; sources of physics in `ct_acquisition`. Simulated:
    no clinical performance is implied.

    Args:
        num_cases: Number of cases, each of a subject of its own.
        shape: Voxels along z, y and x, or along y and x for one axial slice.
        spacing: Distance of voxels in mm, in the same order.
        target: `"organs"` or `"lesions"`.
        radius: Range of the radius of lesions in mm; those smaller than two voxels are mostly lost.
        difficulty: Factor on the noise: 0.2 is plain to see, 3 is hard for experts.
        seed: Seed of everything; case `i` is a function of `(seed, i)`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    input_names = ("image",)
    #: Elements of `cause`; those of a lesion are of the first, 0 where there is none.
    cause_names = (*_OF_CASE, *DRAWN)
    #: Columns of `lesions`, a table of all lesions of a case; places in mm from the middle of the
    #: field.
    lesion_names = ("z", "y", "x", *_OF_LESION)

    def __init__(
        self,
        num_cases: int,
        *,
        shape: Sequence[int] = (96, 96),
        spacing: Sequence[float] = (4.0, 4.0),
        target: str = "organs",
        radius: tuple[float, float] = LESION_RANGES["radius"],
        difficulty: float = 1.0,
        seed: int = 0,
    ):
        if num_cases < 1 or not difficulty > 0:
            raise ValueError(
                "num_cases must be at least 1 and difficulty above 0. Received: "
                f"num_cases={num_cases}, difficulty={difficulty}"
            )
        if not 0 < radius[0] <= radius[1] <= LARGEST:
            raise ValueError(
                f"radius must be a range within 0 to {LARGEST:g} mm. Received: radius={radius}"
            )
        if target not in MASK_CLASSES:
            raise ValueError(f"target must be one of {list(MASK_CLASSES)}. Received: {target=}")
        if len(shape) not in (2, 3) or len(spacing) != len(shape) or not min(spacing) > 0:
            raise ValueError(
                "shape and spacing must have two or three elements each, spacing above 0. "
                f"Received: shape={tuple(shape)}, spacing={tuple(spacing)}"
            )
        field = [n * s for n, s in zip(shape, spacing, strict=True)]
        if min(shape) < 1 or field[-2] < FIELD[0] or field[-1] < FIELD[1]:
            raise ValueError(
                f"shape times spacing must be at least {FIELD[0]:g} by {FIELD[1]:g} mm in the "
                f"slice. Received: shape={tuple(shape)}, spacing={tuple(spacing)}"
            )
        self.shape = tuple(int(n) for n in shape)
        self.spacing = tuple(float(s) for s in spacing)
        self.target = target
        self.radius = radius
        self.difficulty = difficulty
        self.seed = seed
        self.mask_classes = MASK_CLASSES[target]
        self.subjects = np.array([f"S{s:05d}" for s in range(num_cases)])
        random = np.random.default_rng((seed, 0))
        if target == "lesions":
            self.classes: tuple[str, ...] = ("healthy", "lesion")
            self.labels = (random.random(num_cases) < PREVALENCE).astype(int)
        else:
            self.classes = SEXES
            self.labels = random.integers(len(SEXES), size=num_cases)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        label = int(self.labels[index])
        # Presence, anatomy, lesions and scan are drawn apart, so that none tells of another.
        number = index % len(self)
        body, disease, scan = (
            np.random.default_rng((self.seed, stream, number)) for stream in (1, 2, 3)
        )
        anatomy = Abdomen(body, label if self.target == "organs" else None)
        liver = anatomy.hounsfield["liver"]
        flat = len(self.shape) == 2
        reach = np.inf if flat else (self.shape[0] - 1) / 2 * self.spacing[0]
        lesions = draw_lesions(anatomy, reach, disease, self.radius)
        height = float(lesions[0].middle[0]) if flat else 0.0
        if flat and self.target == "organs":
            height = float(scan.uniform(*HEIGHTS))
        points = self._sides(height, FINE)
        tissue = anatomy.paint(points)
        values = anatomy.values()[tissue]
        classes = _class_numbers(self.mask_classes)
        mask = voxel_majority(classes[tissue], len(self.mask_classes))
        grain = self._texture(tissue, scan)

        beam = parallel_beam(self.shape[-2:], self.spacing[-2:])
        matter = np.stack(ct_acquisition.split_bone(voxel_mean(values) + grain))
        paths = self._paths(matter)
        integrals = ct_acquisition.harden(*paths)
        places = [self._voxel(lesion.middle, height) for lesion in lesions]
        noise = scan.uniform(*NOISE) * self.difficulty
        photons = beam.photons(noise * WATER / 1000, integrals[places[0][0]], places[0][1:])
        table = np.zeros((0, len(self.lesion_names)), np.float32)
        if self.target == "lesions" and label:
            # At the first lesion it is the noise to which photons were set.
            others = [beam.noise(integrals[z], photons, (y, x)) for z, y, x in places[1:]]
            local = [noise, *(1000 / WATER * other for other in others)]
            table = self._describe(lesions, local, liver)
            for row, lesion in enumerate(lesions):
                share = _replace(lesion, liver - table[row, 4], points, tissue, values)
                # A lesion smaller than voxels is in that of which it is most.
                if share.max() > (0.1 if row else 0):
                    mask[share > min(0.5, 0.99 * share.max())] = 2
            changed = np.stack(ct_acquisition.split_bone(voxel_mean(values) + grain))
            integrals = ct_acquisition.harden(*(paths + self._paths(changed - matter)))
        measured = ct_acquisition.count_photons(integrals, photons, scan)
        image = ct_acquisition.to_hounsfield(beam.reconstruct(measured))
        main = table[0, 3:] if len(table) else np.zeros(len(_OF_LESION))
        cause = [len(table), *main, height, noise, photons, *anatomy.drawn]
        return {
            "image": np.clip(image, -1024, 3071).astype(np.float32).reshape(*self.shape, 1),
            "mask": mask.reshape(self.shape),
            "label": label,
            "subject": self.subjects[index],
            "spacing": self.spacing,
            "cause": np.array(cause, np.float32),
            "cnr": float(np.max(table[:, 5], initial=0)),
            "lesions": table,
        }

    def _sides(self, height: float, fine: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return z, y, x of a grid with `fine` points per voxel and axis, as they broadcast."""
        sides = []
        for count, step in zip(self.shape, self.spacing, strict=True):
            sides.append((np.arange(count * fine) - (count * fine - 1) / 2) * step / fine)
        if len(sides) == 2:
            sides.insert(0, np.array([height]))
        z, y, x = (side.astype(np.float32) for side in sides)
        return z[:, None, None], y[None, :, None], x[None, None]

    def _voxel(self, point: np.ndarray, height: float) -> tuple[int, int, int]:
        """Return the voxel nearest to a point."""
        sides = self._sides(height, 1)
        z, y, x = (int(np.argmin(np.abs(s - p))) for s, p in zip(sides, point, strict=True))
        return z, y, x

    def _texture(self, tissue: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return fine fluctuations in HU, with a standard deviation that depends on the tissue."""
        from scipy.ndimage import gaussian_filter

        coarse = tissue[:: tissue.shape[0] // self._slices, ::FINE, ::FINE]
        spacing = (1.0, *self.spacing)[-3:]
        field = random.standard_normal(coarse.shape, np.float32)
        field = gaussian_filter(field, [GRAIN / step for step in spacing])
        return field / field.std() * _DEVIATIONS[coarse]

    @property
    def _slices(self) -> int:
        return self.shape[0] if len(self.shape) == 3 else 1

    def _paths(self, matter: np.ndarray) -> np.ndarray:
        """Return line integrals `(2, slices, views, bins)` of water and bone, per mm each."""
        beam = parallel_beam(self.shape[-2:], self.spacing[-2:])
        paths = beam.project(matter.reshape(-1, *matter.shape[2:]))
        return paths.reshape(*matter.shape[:2], *paths.shape[1:])

    def _describe(self, lesions: list[Lesion], noise: list[float], liver: float) -> np.ndarray:
        """Return the table of the lesions; noise in HU is that at each."""
        rows = []
        for lesion, local in zip(lesions, noise, strict=True):
            contrast = min(lesion.cnr * local / self.difficulty, liver)
            drawn = lesion.edge, lesion.irregularity, lesion.elongation
            rows.append([*lesion.middle, lesion.radius, contrast, contrast / local, *drawn])
        return np.array(rows, np.float32)


def _class_numbers(classes: Sequence[str]) -> np.ndarray:
    """Return the number of the class of every tissue."""
    numbers = np.zeros(len(TISSUES), np.uint8)
    for number, name in enumerate(classes):
        for member in (name, *_MEMBERS.get(name, ())):
            numbers[[tissue == member for tissue in TISSUES]] = number
    return numbers


def _replace(
    lesion: Lesion, target: float, points: Points, tissue: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Replace what is in the liver by a lesion, vessels too; return its share of each voxel.

    Args:
        lesion: The lesion.
        target: Its Hounsfield units.
        points: z, y, x that broadcast.
        tissue: Number of the tissue at each point.
        values: Hounsfield units at each point, changed in place.
    """
    total = np.zeros(values.shape, np.float32)
    window = []
    for side, least, most in zip(points, *lesion.box, strict=True):
        hit = np.flatnonzero((side.ravel() > least) & (side.ravel() < most))
        window.append(slice(hit[0], hit[-1] + 1) if len(hit) else slice(0, 0))
    z, y, x = window
    if total[z, y, x].size:
        share = lesion.share((points[0][z], points[1][:, y], points[2][:, :, x]))
        share = share * _IN_LIVER[tissue[z, y, x]]
        values[z, y, x] += share * (np.float32(target) - values[z, y, x])
        total[z, y, x] = share
    return voxel_mean(total)
