"""Magnetic resonance images of the brain, with or without a glioma, with what is where."""

from collections.abc import Sequence

import numpy as np

from kerasbio.datasets.cases import Case
from kerasbio.datasets.phantoms.brain_anatomy import Head, Tumor
from kerasbio.datasets.phantoms.mr_physics import (
    REFERENCES,
    SEQUENCES,
    TISSUES,
    Tissue,
    add_rician_noise,
    bias_field,
    noise_deviation,
    signal,
)

CLASSES = ("healthy", "tumor")
#: What is imaged where no spacing is given, in mm: up, back and to the side.
FIELD = (184.0, 224.0, 224.0)
#: Height of a slice over the middle of the head in mm: from the thalamus to the crown of the
#: white matter.
SLICES = (0.0, 45.0)
#: Names of the values of each kind of mask.
TARGETS = {
    "tissues": ("background", "csf", "grey matter", "white matter", "edema", "tumor core"),
    "tumor": ("background", "edema", "tumor core"),
}
#: Relaxation times of the core over those of white matter, from low to high grade, and of edema:
#: 1,355 to 1,863 ms over 938 ms (T1) and 56 to 90 over 38 ms (T2), and 1,261 over 933 and 65 over
#: 38 ms around the tumor (de Blank et al., Pediatric Neurosurgery 2019, at 3 T). The range of edema
#: is a choice within its deviation.
CORE_T1, CORE_T2 = (1.44, 1.99), (1.47, 2.37)
EDEMA_T1, EDEMA_T2 = (1.2, 1.5), (1.4, 2.0)
#: Density of protons of core and edema over that of white matter. Choice, near that of grey.
WATER = 1.1
#: Deviation of the relaxation times between people, over their mean. Choice.
PEOPLE = 0.05
#: Signal of the reference tissue that the receiver is set to.
LEVEL = 1000.0
CAUSES = (
    *("radius", "necrosis", "reach", "up", "back", "side"),
    *("core_t1", "core_t2", "edema_t1", "edema_t2", "height"),
)


class BrainMRI:
    """Simulated images of heads: skull, scalp, fluid, grey and white matter, and a glioma in some.

    Tissues have fuzzy borders: a voxel holds shares of them (`brain_anatomy`). Their signals follow
    from relaxation times at 1.5 T and BrainWeb's sequences, a smooth bias field multiplies them,
    and the magnitude of two noisy channels is taken (`mr_physics`). A glioma has a core, fluid
    where it is dead, and edema in the white matter around, and pushes the brain away. Slices are
    those of the volumes, axial; one of a subject with a tumor passes through it. The levels of
    the receiver vary. The mask names what most of a voxel is made of.

    Volumes of fluid, grey and white matter are near the 372, 903 and 671 ml of BrainWeb's phantom
    (Collins et al., IEEE Transactions on Medical Imaging 1998). Face and vessels are missing, the
    folds are nobody's, and the cerebellum is coarse. Simulated: no clinical performance is implied.

    Attributes:
        labels: `(cases,)` int64, 0 healthy or 1 with a tumor.
        subjects: `(cases,)` names; each case is of a subject of its own.
        classes: Names of the labels.
        mask_classes: Names of the values of the masks.
        cause_names: Elements of `cause`: radius of the core in mm, radius of its dead part over
            that, width of the edema in mm, where the tumor lies in the image in mm from its middle,
            relaxation times in ms, and the height of the slice in mm; 0 where there is none.

    Args:
        num_cases: Number of images.
        shape: Voxels: `(rows, columns)` of a slice or `(slices, rows, columns)`.
        spacing: Sides of a voxel in mm, as many as in `shape`; None images the whole head.
        sequences: Channels of the image, of `"t1"`, `"t2"` and `"pd"`.
        tumor: Share of the subjects with a tumor, from 0 to 1.
        target: What masks show: `"tissues"`, or edema and core of the `"tumor"` alone.
        noise: Noise in percent of the reference tissue, as in BrainWeb.
        bias: Range of the bias field over the brain in percent, as in BrainWeb.
        difficulty: Multiplies the noise, and is the root that is taken of how much longer the
            relaxation times of tumors are.
        seed: Seed of everything; case `i` is a function of `(seed, i)`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    input_names = ("image",)
    classes = CLASSES
    cause_names = CAUSES

    def __init__(
        self,
        num_cases: int,
        *,
        shape: Sequence[int] = (96, 96),
        spacing: Sequence[float] | None = None,
        sequences: Sequence[str] = ("t1",),
        tumor: float = 0.0,
        target: str = "tissues",
        noise: float = 3.0,
        bias: float = 20.0,
        difficulty: float = 1.0,
        seed: int = 0,
    ):
        self.shape = tuple(int(n) for n in shape)
        dims = len(self.shape)
        if num_cases < 1 or dims not in (2, 3) or min(self.shape) < 1 or min(self.shape[-2:]) < 8:
            raise ValueError(
                "num_cases must be at least 1 and shape two or three sides, rows and "
                "columns at least 8. "
                f"Received: num_cases={num_cases}, shape={shape}"
            )
        if spacing is None:
            spacing = [f / n for f, n in zip(FIELD[3 - dims :], self.shape, strict=True)]
        self.spacing = tuple(float(s) for s in spacing)
        if len(self.spacing) != dims or not all(0 < s <= 20 for s in self.spacing):
            raise ValueError(
                f"spacing must be {dims} numbers above 0 and at most 20. "
                f"Received: spacing={spacing}"
            )
        if not sequences or isinstance(sequences, str) or not set(sequences) <= set(SEQUENCES):
            raise ValueError(
                f"sequences must be a tuple of {', '.join(SEQUENCES)}. "
                f"Received: sequences={sequences!r}"
            )
        if not (0 <= tumor <= 1 and 0 <= noise <= 50 and 0 <= bias <= 100 and difficulty > 0):
            raise ValueError(
                "tumor must be from 0 to 1, noise from 0 to 50, bias from 0 to 100 and difficulty "
                f"above 0. Received: tumor={tumor}, noise={noise}, bias={bias}, "
                f"difficulty={difficulty}"
            )
        if target not in TARGETS or (target == "tumor" and not tumor):
            raise ValueError(
                f"target must be one of {', '.join(TARGETS)}, with tumor above 0 for the last. "
                f"Received: target={target!r}, tumor={tumor}"
            )
        self.sequences, self.target = tuple(sequences), target
        self.noise, self.bias = noise * difficulty, bias
        self.difficulty, self.seed = difficulty, seed
        names = TARGETS[target]
        self.mask_classes = names if tumor else names[:4]
        # As many as the share says, to one.
        count = int(np.round(tumor * num_cases))
        order = np.random.default_rng((seed, 0)).permutation(num_cases)
        self.labels = (order < count).astype(np.int64)
        self.subjects = np.array([f"S{s:05d}" for s in range(num_cases)])
        self._axes = [
            (np.arange(n) + 0.5 - n / 2) * s for n, s in zip(self.shape, self.spacing, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        points, shares, cause = self.anatomy(index)
        random = np.random.default_rng((self.seed, 3, index % len(self)))
        tissues = self._tissues(cause, random)
        skull = [shares[name] for name in shares if name not in ("fat", "muscle")]
        brain = np.sum(skull, axis=0) > 0.5
        field = bias_field(list(points), self.bias, random, brain if brain.any() else None)
        channels = []
        for sequence in self.sequences:
            clean = sum(shares[n] * np.float32(signal(sequence, tissues[n])) for n in shares)
            noisy = add_rician_noise(
                clean * field.astype(np.float32), noise_deviation(sequence, self.noise), random
            )
            reference = signal(sequence, TISSUES[REFERENCES[sequence]])
            channels.append(noisy * (LEVEL * random.uniform(0.8, 1.2) / reference))
        return {
            "image": np.stack(channels, -1).reshape(*self.shape, -1).astype(np.float32),
            "mask": self._mask(shares).reshape(self.shape),
            "label": int(self.labels[index]),
            "subject": self.subjects[index],
            "spacing": self.spacing,
            "cause": np.array([cause.get(name, 0.0) for name in CAUSES], np.float32),
        }

    def anatomy(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, float]]:
        """Return what a case shows before it is imaged.

        Args:
            index: Number of the case.

        Returns:
            Middles of the voxels `(3, voxels)` in mm, up, back and to the side; shares
            `(voxels,)` of each tissue by name, that sum to 1 with air and bone; and the cause.
        """
        label = int(self.labels[index])
        number = index % len(self)
        random = np.random.default_rng((self.seed, 2, number))
        tumor = _draw_tumor(random) if label else None
        head = Head((self.seed, 1, number), tumor)
        cause, height = {}, random.uniform(*SLICES)
        if tumor is not None:
            place = head.locate(tumor.middle)
            cause = dict(zip(("up", "back", "side"), place, strict=True))
            cause |= {n: getattr(tumor, n) for n in ("radius", "necrosis", "reach")}
            cause |= _draw_relaxation(random, self.difficulty)
            height = place[0] + tumor.radius * random.uniform(-0.5, 0.5)
        axes = self._axes
        if len(axes) == 2:
            axes, cause["height"] = [np.array([height]), *axes], height
        points = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")])
        voxel = float(np.prod(self.spacing) ** (1 / len(self.spacing)))
        return points, head.tissues(points, voxel), cause

    def _tissues(self, cause: dict[str, float], random: np.random.Generator) -> dict[str, Tissue]:
        """Return the tissues of a subject by name."""
        tissues = {
            name: tissue.scaled(*random.normal(1, PEOPLE, 2)) for name, tissue in TISSUES.items()
        }
        for name, key in (("edema", "edema"), ("tumor core", "core")):
            white = TISSUES["white matter"]
            longer = [cause.get(f"{key}_{t}", 1) for t in ("t1", "t2")]
            tissues[name] = white.scaled(longer[0] / white.t1, longer[1] / white.t2, WATER)
        return {**tissues, "necrosis": tissues["csf"]}

    def _mask(self, shares: dict[str, np.ndarray]) -> np.ndarray:
        """Return the number of what has the largest share of each voxel."""
        parts = {**shares, "tumor core": shares["tumor core"] + shares["necrosis"]}
        known = np.stack([parts[name] for name in self.mask_classes[1:]])
        return np.argmax(np.concatenate([1 - known.sum(0, keepdims=True), known]), 0)


def _draw_tumor(random: np.random.Generator) -> Tumor:
    """Return a glioma in the white matter of one hemisphere."""
    while True:
        place = random.uniform((5, -50, 22), (38, 45, 44))
        if ((place / (76, 91, 71)) ** 2).sum() < 0.45:
            break
    radius = random.uniform(8, 18)
    return Tumor(
        middle=(place[0], place[1], place[2] * random.choice([-1, 1])),
        radius=radius,
        necrosis=random.uniform(0.3, 0.7) if random.random() < radius / 25 else 0.0,
        reach=random.uniform(3, 14),
        seed=int(random.integers(2**31)),
    )


def _draw_relaxation(random: np.random.Generator, difficulty: float) -> dict[str, float]:
    """Return the relaxation times of core and edema in ms; the higher the grade, the longer."""
    white, grade, water = TISSUES["white matter"], random.random(), random.random()
    return {
        name: time * (low + (high - low) * level) ** (1 / difficulty)
        for name, time, (low, high), level in (
            ("core_t1", white.t1, CORE_T1, grade),
            ("core_t2", white.t2, CORE_T2, grade),
            ("edema_t1", white.t1, EDEMA_T1, water),
            ("edema_t2", white.t2, EDEMA_T2, water),
        )
    }
