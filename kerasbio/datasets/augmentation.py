"""Random changes of images, and of their masks with them, for training."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from kerasbio.datasets.cases import Augment, MaskAugment, Pair
from kerasbio.datasets.deformation import coarsen, deform, smooth_field

#: How often each change is made, unless said otherwise: nnU-Net's training transforms (Isensee et
#: al., Nature Methods 2021, version 2); `elastic` as its other movements, `bias` as its brightness.
PROBABILITIES = {
    "flip": 0.5,
    "rotation": 0.2,
    "scale": 0.2,
    "elastic": 0.2,
    "bias": 0.15,
    "gamma": 0.3,
    "contrast": 0.15,
    "brightness": 0.15,
    "low_resolution": 0.25,
    "noise": 0.1,
}
INTENSITIES = ("bias", "gamma", "contrast", "brightness", "low_resolution", "noise")
#: Distance of the control points of a movement and of a bias field, in mm: SynthSeg has one for
#: every 25 and every 40 voxels of 1 mm.
ELASTIC_DISTANCE = 25.0
BIAS_DISTANCE = 40.0
#: Largest standard deviation of a movement over that distance. Above it, tissue would fold.
FOLDING = 0.2


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random changes of an image and its mask: place and shape of both, intensities of the image.

    Called with an image `(*spatial, channels)`, its mask `(*spatial)` or None, and a seeded
    generator; returns both at the same size, the image as float32, and leaves its arguments as
    they were. Each change is made at random, by an amount drawn anew. A setting is the largest
    amount; at 0 the change is never made. What moves is resampled once.

    Ranges: rotation, scale, elastic movement and bias, SynthSeg (Billot et al., Medical Image
    Analysis 2023); gamma, contrast, low resolution and noise, nnU-Net (Isensee et al., Nature
    Methods 2021), whose standard deviation of an image is taken as a sixth of its window;
    brightness, MONAI's tutorials on BraTS and BTCV.

    Attributes:
        spacing: Length of a voxel along each axis, in mm; None takes 1 for every axis.
        flip: Axes in space that may be flipped, 0 being the first. None of them by default:
            organs have sides.
        rotation: Degrees, either way; one for each axis turned about, or one for all. Where
            slices are thick, `(15, 0, 0)` turns within them alone.
        scale: Magnification up to `1 + scale`, and down to its inverse.
        elastic: Standard deviation of a smooth movement, in mm.
        bias: Standard deviation of the logarithm of a smooth field that multiplies the
            intensities above the lower end of the window: the coil of an MR scanner. 0.1 is about
            the 40 % of BrainWeb, 0.5 that of SynthSeg.
        gamma: Exponents of the intensities within the window up to `1 + gamma`, and down to its
            inverse.
        contrast: Intensities are spread about the middle of the window, or drawn together, by a
            factor within `1 - contrast` and `1 + contrast`.
        brightness: Shift of the intensities, in widths of the window.
        low_resolution: Growth of the voxels: 1 simulates up to twice the length of the shortest
            side of a voxel; longer sides stay.
        noise: Standard deviation of Gaussian noise, in widths of the window.
        window: Lowest and highest intensity that matter, in the unit of the images: for CT in
            Hounsfield units that of the network. None takes the percentiles 0.5 and 99.5 of each
            channel of each image.
        probability: How often a change is made: one for all, or by name where it is to differ
            from `PROBABILITIES`. A flip is drawn for each axis.

    Raises:
        ValueError: If a setting is out of its range, or does not fit the image.
    """

    spacing: Sequence[float] | None = None
    flip: Sequence[int] = ()
    rotation: float | Sequence[float] = 15.0
    scale: float = 0.2
    elastic: float = 4.0
    bias: float = 0.0
    gamma: float = 0.5
    contrast: float = 0.25
    brightness: float = 0.1
    low_resolution: float = 1.0
    noise: float = 0.05
    window: tuple[float, float] | None = None
    probability: float | Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name in ("scale", "elastic", *INTENSITIES):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be at least 0. Received: {name}={value}")
        if not np.min(self.rotation) >= 0 or np.size(self.rotation) not in (1, 3):
            raise ValueError(
                "rotation must be one angle of at least 0, or one for each of three axes. "
                f"Received: rotation={self.rotation}"
            )
        if self.elastic > FOLDING * ELASTIC_DISTANCE:
            raise ValueError(
                f"elastic must be at most {FOLDING * ELASTIC_DISTANCE:g} mm, or tissue would fold. "
                f"Received: elastic={self.elastic}"
            )
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"window must be (low, high). Received: window={self.window}")
        if self.spacing is not None and not np.min(self.spacing) > 0:
            raise ValueError(f"spacing must be above 0. Received: spacing={self.spacing}")
        given = self.probability
        chances = dict(given) if isinstance(given, Mapping) else dict.fromkeys(PROBABILITIES, given)
        if not chances.keys() <= PROBABILITIES.keys() or any(
            not 0 <= chance <= 1 for chance in chances.values()
        ):
            raise ValueError(
                f"probability must be within 0 and 1, by names among {', '.join(PROBABILITIES)}. "
                f"Received: probability={given}"
            )
        object.__setattr__(self, "probability", {**PROBABILITIES, **chances})

    def __call__(
        self, image: np.ndarray, mask: np.ndarray | None, random: np.random.Generator
    ) -> Pair:
        image = np.asarray(image, np.float32)
        self._check(image, mask)
        for axis in self.flip:
            if self._happens("flip", random):
                image = np.flip(image, axis)
                mask = None if mask is None else np.flip(mask, axis)
        image, mask = self._move(image, mask, random)
        return self._change_intensities(image, random), mask

    def _check(self, image: np.ndarray, mask: np.ndarray | None) -> None:
        rank = image.ndim - 1
        if rank not in (2, 3):
            raise ValueError(
                "image must be (height, width, channels) or (depth, height, width, channels). "
                f"Received: image.shape={image.shape}"
            )
        if mask is not None and mask.shape != image.shape[:-1]:
            raise ValueError(
                "mask must have the image's shape in space. Received: "
                f"mask.shape={mask.shape}, image.shape={image.shape}"
            )
        if any(not 0 <= axis < rank for axis in self.flip) or (
            self.spacing is not None and len(self.spacing) != rank
        ):
            raise ValueError(
                f"flip and spacing must be those of an image of {rank} axes in space. "
                f"Received: flip={self.flip}, spacing={self.spacing}"
            )
        if rank == 2 and np.size(self.rotation) != 1:
            raise ValueError(
                f"an image in the plane has one rotation. Received: rotation={self.rotation}"
            )

    def _happens(self, name: str, random: np.random.Generator) -> bool:
        return random.random() < self.probability[name]  # type: ignore[index]

    def _drawn(self, names: Sequence[str], random: np.random.Generator) -> set[str]:
        return {n for n in names if np.any(getattr(self, n)) and self._happens(n, random)}

    def _voxel(self, rank: int) -> Sequence[float]:
        return (1.0,) * rank if self.spacing is None else self.spacing

    def _move(
        self, image: np.ndarray, mask: np.ndarray | None, random: np.random.Generator
    ) -> Pair:
        drawn = self._drawn(("rotation", "scale", "elastic"), random)
        if not drawn:
            return image, mask
        rank = image.ndim - 1
        spacing = self._voxel(rank)
        angles = np.zeros(1 if rank == 2 else 3)
        if "rotation" in drawn:
            angles = random.uniform(-1, 1, len(angles)) * np.asarray(self.rotation)
        scale = (1 + self.scale) ** random.uniform(-1, 1) if "scale" in drawn else 1.0
        displacement = None
        if "elastic" in drawn:
            displacement = smooth_field(image.shape[:-1], spacing, ELASTIC_DISTANCE, random, rank)
            displacement *= random.uniform(0, self.elastic)
        return deform(
            image, mask, angles=angles, scale=scale, spacing=spacing, displacement=displacement
        )

    def _change_intensities(self, image: np.ndarray, random: np.random.Generator) -> np.ndarray:
        drawn = self._drawn(INTENSITIES, random)
        if not drawn:
            return image
        low, width = self._range(image)
        channels, spacing = image.shape[-1:], self._voxel(image.ndim - 1)
        # The window is brought to 0 and 1, and back at the end.
        values = (image - low) / np.where(width > 0, width, np.float32(1))
        if "bias" in drawn:
            field = smooth_field(image.shape[:-1], spacing, BIAS_DISTANCE, random)[0]
            values *= np.exp(np.float32(random.uniform(0, self.bias)) * field)[..., None]
        if "gamma" in drawn:
            exponent = (1 + self.gamma) ** random.uniform(-1, 1, channels)
            within = np.clip(values, 0, 1)
            values += within ** exponent.astype(np.float32) - within
        if "contrast" in drawn:
            factor = 1 + self.contrast * random.uniform(-1, 1, channels)
            values = (values - 0.5) * factor.astype(np.float32) + np.float32(0.5)
        if "brightness" in drawn:
            values += (self.brightness * random.uniform(-1, 1, channels)).astype(np.float32)
        if "low_resolution" in drawn:
            growth = 1 + random.uniform(0, self.low_resolution)
            values = coarsen(values, spacing, min(spacing) * growth)
        if "noise" in drawn:
            deviation = np.float32(random.uniform(0, self.noise))
            values += deviation * random.standard_normal(values.shape, dtype=np.float32)
        return values * width + low

    def _range(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.window is not None:
            lows, highs = np.full((image.shape[-1], 2), self.window, np.float32).T
            return lows, highs - lows
        flat = image.reshape(-1, image.shape[-1])
        lows, highs = np.percentile(flat, (0.5, 99.5), axis=0).astype(np.float32)
        # Where nearly all voxels are equal, the others are the window.
        extremes = flat.min(axis=0), flat.max(axis=0)
        lows, highs = np.where(highs > lows, (lows, highs), extremes)
        return lows, highs - lows


def chain(*augments: MaskAugment) -> MaskAugment:
    """Return one function that does several things to an image and its mask, in order."""

    def run(image: np.ndarray, mask: np.ndarray | None, random: np.random.Generator) -> Pair:
        for augment in augments:
            image, mask = augment(image, mask, random)
        return image, mask

    return run


def without_mask(augment: MaskAugment) -> Augment:
    """Return a function of an image and a generator alone, for images that have a label."""
    return lambda image, random: augment(image, None, random)[0]


def shift_image(image: np.ndarray, random: np.random.Generator, largest: int = 2) -> np.ndarray:
    """Return an image moved by up to `largest` pixels each way, its border repeated."""
    down, right = random.integers(-largest, largest + 1, 2)
    rows = np.clip(np.arange(image.shape[0]) - down, 0, image.shape[0] - 1)
    columns = np.clip(np.arange(image.shape[1]) - right, 0, image.shape[1] - 1)
    return image[rows][:, columns]
