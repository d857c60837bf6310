"""Patches of images and their masks, a share of them about the foreground."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerasbio.datasets.cases import Pair
from kerasbio.errors import KerasbioError


@dataclasses.dataclass(frozen=True)
class PatchSampler:
    """A random patch of an image and its mask.

    Called with an image `(*spatial, channels)`, its mask `(*spatial)` or None, and a seeded
    generator. A share of the patches lies about a voxel of the foreground, as near to its middle
    as the border of the image allows: first the class is drawn, each that is present alike, then
    a voxel of it. The others, and all where there is no foreground, lie anywhere, at every place
    alike. No patch reaches beyond the image, unless it is larger and there is padding.

    Reference: Isensee et al., nnU-Net, Nature Methods 2021: a third of the patches of a batch.
    Here it is a chance for each patch by itself.

    Attributes:
        shape: Voxels of a patch along each axis.
        foreground: Share of the patches about a voxel of the foreground.
        padding: Intensity, in the unit of the images, that fills what an image lacks to the
            shape of a patch, equally on both sides; the mask is filled with 0. None refuses.

    Raises:
        ValueError: If a setting is out of its range, or does not fit the image.
        KerasbioError: If an image is smaller than a patch and there is no padding, or a mask
            holds a negative number.
    """

    shape: Sequence[int]
    foreground: float = 1 / 3
    padding: float | None = None

    def __post_init__(self):
        if not len(self.shape) or min(self.shape) < 1:
            raise ValueError(f"shape must be of at least 1 voxel. Received: shape={self.shape}")
        if not 0 <= self.foreground <= 1:
            raise ValueError(
                f"foreground must be within 0 and 1. Received: foreground={self.foreground}"
            )

    def __call__(
        self, image: np.ndarray, mask: np.ndarray | None, random: np.random.Generator
    ) -> Pair:
        size, shape = np.array(image.shape[:-1]), np.array(self.shape)
        if len(size) != len(shape) or (mask is not None and mask.shape != image.shape[:-1]):
            raise ValueError(
                "image and mask must have the axes of a patch, and image (..., channels). "
                f"Received: image.shape={image.shape}, "
                f"mask.shape={None if mask is None else mask.shape}, shape={self.shape}"
            )
        if self.padding is None and np.any(size < shape):
            raise KerasbioError(
                f"a patch of {_by(shape)} voxels does not fit into an image of {_by(size)}: take "
                "smaller patches, or give padding"
            )
        voxel = None
        if mask is not None and random.random() < self.foreground:
            voxel = _foreground_voxel(mask, random)
        room = np.maximum(size - shape, 0)
        start = random.integers(room + 1) if voxel is None else voxel - shape // 2
        start = np.clip(start, 0, room)
        window = tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))
        image, mask = image[window], None if mask is None else mask[window]
        lack = np.maximum(shape - size, 0)
        if lack.any():
            sides = [(n // 2, n - n // 2) for n in lack.tolist()]
            image = np.pad(image, [*sides, (0, 0)], constant_values=self.padding or 0)
            mask = None if mask is None else np.pad(mask, sides)
        return image, mask


def _foreground_voxel(mask: np.ndarray, random: np.random.Generator) -> np.ndarray | None:
    """Return the place of a voxel: of a class present, drawn first; None without foreground."""
    # Slice by slice: of a whole volume the counting would make a copy of eight bytes a voxel.
    counts = [_count(plane) for plane in mask]
    total = np.zeros(max(map(len, counts), default=0), np.int64)
    for count in counts:
        total[: len(count)] += count
    present = np.flatnonzero(total[1:]) + 1
    if not len(present):
        return None
    chosen = random.choice(present)
    here = np.array([count[chosen] if chosen < len(count) else 0 for count in counts])
    ends = np.cumsum(here)
    rank = random.integers(ends[-1])
    first = int(np.searchsorted(ends, rank, side="right"))
    voxels = np.flatnonzero(mask[first].reshape(-1) == chosen)
    inside = np.unravel_index(voxels[rank - ends[first] + here[first]], mask.shape[1:])
    return np.array([first, *inside])


def _count(plane: np.ndarray) -> np.ndarray:
    try:
        return np.bincount(plane.reshape(-1))
    except ValueError:
        raise KerasbioError(
            f"a mask holds {plane.min()}: classes are numbered from 0, the background"
        ) from None


def _by(shape: np.ndarray) -> str:
    return " x ".join(map(str, shape.tolist()))
