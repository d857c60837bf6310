"""A user's own images or volumes with a mask of each."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasbio.datasets.cases import Case, strata
from kerasbio.datasets.files.channels import check_place, open_channels
from kerasbio.datasets.files.image_files import to_channels
from kerasbio.datasets.files.mask_classes import read_mask_classes
from kerasbio.datasets.files.segmentation_pairs import Pair, find_pairs
from kerasbio.datasets.files.volume_files import open_volume
from kerasbio.datasets.resampling import resample_image, resample_mask, resampled_shape
from kerasbio.errors import KerasbioError

#: Subjects needed to train, choose and test.
FEWEST = 3


class Opened(NamedTuple):
    """What the headers of one case say."""

    shape: tuple[int, ...]
    channels: int
    spacing: tuple[float, ...] | None
    is_colour: bool


class SegmentationFolder:
    """Images or volumes from disk with the class of each voxel, read when they are asked for.

    Either `images/` and `masks/`, where a mask has the name of its image and the subject is the
    name up to its last `_`, or the whole name where there is none; or nnU-Net's `imagesTr/` and
    `labelsTr/`, where an image has one file per channel, `NAME_0000`, `NAME_0001`, and the
    subject is the name. A DICOM series is a folder in `images/`. Classes are named by nnU-Net's
    `dataset.json`, by a `classes.txt` of one name per line, or else `class 1`, `class 2`, ...

    `labels` say whether a mask has foreground, by which cases are split; where fewer than three
    subjects have none, or some, all are 1. `counts` `(cases, classes)` says how many voxels of
    each class a mask has, as stored; `shapes` and `spacings` how large each case is when it is
    read, 1 mm where a file does not say it; `notes` what the user should know.

    Args:
        path: The folder.
        spacing: Size in mm to which voxels are brought on reading, images linearly and masks by
            the largest share; None leaves each case as it is.
        verify: Whether to read every volume once now, so that a broken one is told before
            training. Masks, and the headers of volumes, are always read.

    Raises:
        KerasbioError: If the folder, a file or a pair is not as expected; names the file.
    """

    input_names: tuple[str, ...] = ("image",)
    classes: tuple[str, ...] = ("no foreground", "foreground")

    def __init__(
        self, path: Path | str, *, spacing: Sequence[float] | None = None, verify: bool = True
    ):
        self.path = Path(path)
        self.spacing = None if spacing is None else tuple(float(step) for step in spacing)
        self.notes: list[str] = []
        self.pairs = find_pairs(self.path)
        names = read_mask_classes(self.path)
        counts, self._opened = [], []
        for pair in self.pairs:
            opened, found = _read_pair(pair, verify)
            if names and len(found) > len(names):
                raise KerasbioError(
                    f"{pair.mask} holds class {len(found) - 1} and {self.path} names {len(names)} "
                    f"classes, from 0 to {len(names) - 1}: name it or correct the mask"
                )
            counts.append(found)
            self._opened.append(opened)
        width = len(names) or max(len(found) for found in counts)
        self.mask_classes = names or ("background", *(f"class {k}" for k in range(1, width)))
        self.counts = np.array([np.pad(found, (0, width - len(found))) for found in counts])
        self.labels = (self.counts[:, 1:].sum(axis=1) > 0).astype(np.int64)
        self.subjects = np.array([pair.subject for pair in self.pairs])
        self.channels = min(opened.channels for opened in self._opened)
        self._check()
        self._stored = [opened.spacing or (1.0,) * len(opened.shape) for opened in self._opened]
        self.spacings = [self.spacing or stored for stored in self._stored]
        self.shapes = [
            resampled_shape(opened.shape, stored, given)
            for opened, stored, given in zip(self._opened, self._stored, self.spacings, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Case:
        pair, opened = self.pairs[index], self._opened[index]
        image = open_channels(pair.images).read().values
        if opened.is_colour:
            image = to_channels(image, self.channels)
        mask = open_volume(pair.mask).read_mask().values
        if self.spacing is not None:
            image = resample_image(image, self._stored[index], self.spacing)
            mask = resample_mask(mask, self._stored[index], self.spacing)
        return {
            "image": image,
            "mask": mask,
            "label": int(self.labels[index]),
            "subject": self.subjects[index],
            "spacing": self.spacings[index],
            "file": str(pair.images[0]),
        }

    def _check(self) -> None:
        """Raise if the cases do not go together; note what the user should know."""
        ranks = [len(opened.shape) for opened in self._opened]
        if len(set(ranks)) > 1:
            flat, deep = (self.pairs[ranks.index(rank)].images[0] for rank in (2, 3))
            raise KerasbioError(
                f"{self.path} holds images and volumes ({flat.name} and {deep.name}): keep one kind"
            )
        fewest = self.pairs[[opened.channels for opened in self._opened].index(self.channels)]
        for pair, opened in zip(self.pairs, self._opened, strict=True):
            # Grey and colour go together, as grey.
            if opened.channels != self.channels and not (opened.is_colour and self.channels == 1):
                raise KerasbioError(
                    f"{pair.images[0]} has {opened.channels} channels and {fewest.images[0].name} "
                    f"{self.channels}: give each case the same"
                )
        if not self.labels.any():
            raise KerasbioError(
                f"{self.path} has no foreground in any mask: mark what is to be found"
            )
        if (count := len(set(self.subjects))) < FEWEST:
            raise KerasbioError(
                f"{self.path} holds {count} subject(s) ({', '.join(sorted(set(self.subjects)))}) "
                f"and {FEWEST} are needed to train, choose and test: add some, or rename files so "
                "that the name up to its last _ tells who it is of"
            )
        kinds = strata(self)[np.unique(self.subjects, return_index=True)[1]]
        if len(np.unique(kinds)) > 1 and np.min(np.bincount(kinds)) < FEWEST:
            self.labels[:] = 1
            self.notes.append(
                f"subjects of {self.path} with and without foreground are too few of one kind to "
                "share them out: they are split as they come."
            )
        for name, voxels in zip(self.mask_classes, self.counts.sum(axis=0), strict=True):
            if not voxels:
                self.notes.append(f"class {name!r} is in no mask of {self.path}.")
        self._check_spacing(ranks[0])

    def _check_spacing(self, rank: int) -> None:
        known = [opened.spacing for opened in self._opened if opened.spacing is not None]
        if self.spacing is not None:
            if len(self.spacing) != rank or min(self.spacing) <= 0:
                raise ValueError(
                    f"spacing must be {rank} positive lengths in mm. Received: "
                    f"spacing={self.spacing}"
                )
            if len(known) < len(self):
                spaced = [opened.spacing is not None for opened in self._opened]
                raise KerasbioError(
                    f"{self.pairs[spaced.index(False)].images[0]} does not say how large its "
                    "voxels are: leave the spacing out, or save it as NIfTI"
                )
        elif not known:
            self.notes.append(
                f"{self.path} does not say how large a voxel is: lengths are counted in voxels."
            )
        elif np.max(np.ptp(known, axis=0)) > 0.01 * np.min(known):
            low, high = np.min(known, axis=0), np.max(known, axis=0)
            self.notes.append(
                f"voxels of {self.path} are from {' x '.join(f'{s:.3g}' for s in low)} to "
                f"{' x '.join(f'{s:.3g}' for s in high)} mm: a spacing would make them alike."
            )


def _read_pair(pair: Pair, verify: bool) -> tuple[Opened, np.ndarray]:
    """Return what the headers say, and how many voxels of each class there are."""
    file, mask = open_channels(pair.images), open_volume(pair.mask)
    check_place(file, mask, "mask")
    values = mask.read_mask().values
    if verify and len(mask.shape) > 2:
        file.read()
    counts = np.zeros(int(values.max()) + 1, np.int64)
    for plane in values:
        # Plane by plane: counting makes eight bytes of each voxel.
        counts += np.bincount(plane.ravel(), minlength=len(counts))
    is_colour = file.channels == 3 and len(pair.images) == 1 and len(file.shape) == 2
    return Opened(file.shape, file.channels, file.spacing, is_colour), counts
