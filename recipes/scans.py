"""The scans, networks and predictions of every recipe that segments."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import click

from kerasbio.errors import KerasbioError
from kerasbio.recipes.options import Finite
from kerasbio.recipes.results import SIMULATED
from kerasbio.training.options import RunOptions

NETWORKS = ("unet", "unet-3d", "attention-unet")
TITLES = {"unet": "U-Net", "unet-3d": "3D U-Net", "attention-unet": "Attention U-Net"}
PUBLISHED = {
    "unet": "31,030,658 as published, from 1 channel to 2 classes",
    "unet-3d": "19,069,955 as published, without batch normalization",
    "attention-unet": "6,214,151 as published, from 1 channel to 4 classes",
}
#: Hounsfield units of the simulated scans that become -1 and 1: soft tissue.
SOFT_TISSUE = (-100.0, 150.0)
#: Most voxels along an axis of a patch of images and of volumes.
LARGEST_PATCH = {2: 128, 3: 64}


class Patch(click.ParamType):
    """Voxels along each axis, such as 96x96 or 32x64x64."""

    name = "patch"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[int]:
        if isinstance(value, list):
            return value
        try:
            sizes = [int(size) for size in str(value).lower().split("x")]
        except ValueError:
            sizes = []
        if len(sizes) not in (2, 3) or min(sizes) < 1:
            self.fail(
                f"{value!r} is not of the form 96x96 or 32x64x64, each at least 1.", param, ctx
            )
        return sizes


def scan_options(network: str, dimensions: str, width: int) -> Callable[..., Any]:
    """Return the options of a recipe that segments, with its own defaults."""
    choices = (
        click.option(
            "--network",
            default=network,
            show_default=True,
            type=click.Choice(NETWORKS),
            help="Architecture, of images or volumes as the data are.",
        ),
        click.option(
            "--width",
            default=width,
            show_default=True,
            type=click.IntRange(2, 256),
            help="Maps of the finest level; each coarser one has twice as many.",
        ),
        click.option(
            "--levels",
            default=4,
            show_default=True,
            type=click.IntRange(2, 7),
            help="Most levels; fewer where the patch is small.",
        ),
        click.option(
            "--dimensions",
            default=dimensions,
            show_default=True,
            type=click.Choice(["2", "3"]),
            help="Of the synthetic scans: slices or volumes.",
        ),
        click.option(
            "--difficulty",
            default=1.0,
            show_default=True,
            type=Finite(0.1, 10),
            help="Of the synthetic scans: higher has more noise.",
        ),
        click.option(
            "--patch",
            type=Patch(),
            metavar="SIZE",
            help="Voxels that the network trains on, such as 96x96 or, slices first, 32x64x64. "
            "Default: the whole scan, where it is not too large; 64x64 for synthetic slices "
            "with lesions.",
        ),
        click.option(
            "--window",
            type=float,
            nargs=2,
            metavar="LOW HIGH",
            help="Intensities that become -1 and 1, such as -160 240 HU. "
            "Default: -100 150 for synthetic scans; your own are standardized one by one.",
        ),
        click.option(
            "--spacing",
            type=Finite(0.01, 100),
            multiple=True,
            metavar="MM",
            help="Voxels that your scans are brought to, once per axis: slices first. "
            "Default: as they are.",
        ),
    )

    def decorate(recipe: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(choices):
            recipe = option(recipe)
        return recipe

    return decorate


class Scans(NamedTuple):
    """The raw scans of a run, and how the network is to see them.

    Attributes:
        cases: Raw scans with masks.
        rank: Spatial axes.
        spacing: Size of a voxel in mm per axis; None where cases differ or do not tell.
        patch: Voxels that the network trains on; a smaller scan is filled up.
        window: Intensities that become -1 and 1; None standardizes.
        last: The highest class that a mask holds.
        notes: What the user should know.
    """

    cases: Any
    rank: int
    spacing: tuple[float, ...] | None
    patch: tuple[int, ...]
    window: tuple[float, float] | None
    last: int
    notes: list[str]


def load_scans(options: RunOptions, target: str, **own: Any) -> Scans:
    """Return the scans of a run.

    Args:
        options: The options, with `samples` where there are no data of the user.
        target: What simulated scans are to be segmented into: `"organs"` or `"lesions"`.
        **own: The values of `scan_options`.

    Raises:
        KerasbioError: If the user's data are not as expected, or the options do not fit them.
    """
    from kerasbio.datasets.cases import choose_cases, limit
    from kerasbio.datasets.files.segmentation_folder import SegmentationFolder
    from kerasbio.datasets.phantoms.abdominal_ct import AbdominalCT

    window = tuple(own["window"]) if own["window"] else None
    if window and not window[0] < window[1]:
        raise KerasbioError(f"--window {window[0]:g} {window[1]:g}: the first must be the lower")
    of_others = ("dimensions", "difficulty") if options.data else ("spacing",)
    if idle := [name for name in of_others if name in options.given]:
        whose = "simulated scans" if options.data else "your own scans"
        raise KerasbioError(f"--{idle[0]} is of {whose}: leave it out")
    if options.data:
        try:
            folder = SegmentationFolder(options.data, spacing=own["spacing"] or None)
        except ValueError as error:
            raise KerasbioError(f"--spacing: {error}") from error
        cases, notes = limit(folder, options.samples, options.seed), list(folder.notes)
        chosen = choose_cases(folder, options.samples, options.seed)
        shapes = [folder.shapes[i] for i in chosen]
        last = int(folder.counts.any(axis=0).nonzero()[0][-1])
        spacings = {_rounded(folder.spacings[i]) for i in chosen}
    else:
        flat = own["dimensions"] == "2" and own["network"] != "unet-3d"
        shape, step = SIZES[target, 2 if flat else 3]
        cases = AbdominalCT(
            options.samples or 1, shape=shape, spacing=step, target=target, radius=RADIUS,
            difficulty=own["difficulty"], seed=options.seed,
        )  # fmt: skip
        notes, window = [SIMULATED], window or SOFT_TISSUE
        shapes, spacings, last = [shape], {step}, len(cases.mask_classes) - 1
        own["patch"] = own["patch"] or PATCHES.get((target, len(shape)))
    rank = len(shapes[0])
    if own["network"] == "unet-3d" and "dimensions" in options.given and own["dimensions"] == "2":
        raise KerasbioError("--dimensions 2: unet-3d takes volumes: give --network unet")
    if own["network"] == "unet-3d" and rank == 2:
        raise KerasbioError(f"{options.data} holds images and unet-3d takes volumes: use unet")
    patch = _patch(own["patch"], shapes, rank)
    spacing = next(iter(spacings)) if len(spacings) == 1 else None
    return Scans(cases, rank, spacing, patch, window, last, notes)


#: Radius of simulated lesions in mm: what is less than 1 cm across, radiologists call too small to
#: characterize.
RADIUS = (5.0, 25.0)
#: Voxels and their size in mm of simulated scans, by target and rank.
SIZES = {
    ("lesions", 2): ((96, 120), (3.0, 3.0)),
    ("lesions", 3): ((32, 72, 90), (5.0, 4.0, 4.0)),
    ("organs", 2): ((96, 120), (3.0, 3.0)),
    ("organs", 3): ((24, 64, 80), (8.0, 5.0, 5.0)),
}
#: Voxels of patches of simulated scans, where less than the whole teaches as much in less time.
PATCHES = {("lesions", 2): [64, 64]}


def _rounded(spacing: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(float(step), 4) for step in spacing)


def _patch(
    asked: list[int] | None, shapes: Sequence[tuple[int, ...]], rank: int
) -> tuple[int, ...]:
    """Return the patch: what was asked for, if every scan holds it."""
    if not asked:
        middle = [sorted(sizes)[len(shapes) // 2] for sizes in zip(*shapes, strict=True)]
        largest = LARGEST_PATCH[rank] if len(shapes) > 1 else max(middle)
        return tuple(min(size, largest) for size in middle)
    if len(asked) != rank:
        raise KerasbioError(f"--patch {_by(asked)} has {len(asked)} axes and the scans {rank}")
    least = [min(sizes) for sizes in zip(*shapes, strict=True)]
    if any(size > most for size, most in zip(asked, least, strict=True)):
        raise KerasbioError(
            f"--patch {_by(asked)} is larger than the smallest scan along each axis, {_by(least)} "
            "voxels: give a smaller one, or none"
        )
    return tuple(asked)


def _by(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def build_network(kind: str, scans: Scans, num_classes: int, **own: Any) -> Any:
    """Return the network for some scans, reduced from the published one, for scans of any size.

    Args:
        kind: One of `NETWORKS`.
        scans: What it is to segment.
        num_classes: Number of values of the mask.
        **own: `width`, `levels`, and `batch_norm`, None for as published.
    """
    from kerasbio.models import unet

    pools = unet.plan_pooling(scans.patch, scans.spacing or (1.0,) * scans.rank, own["levels"] - 1)
    if not pools:
        raise KerasbioError(
            f"a patch of {_by(scans.patch)} voxels is too small for a U-Net: give a larger --patch"
        )
    if kind == "unet-3d" and own["width"] % 2:
        raise KerasbioError(f"--width {own['width']}: unet-3d needs an even one")
    filters = [own["width"] * 2**level for level in range(len(pools) + 1)]
    shape = (*(None,) * scans.rank, scans.cases[0]["image"].shape[-1])
    settings: dict[str, Any] = {"filters": filters, "pool_sizes": pools}
    if own["batch_norm"] is not None:
        settings["batch_norm"] = own["batch_norm"]
    if kind == "attention-unet":
        return unet.build_attention_unet(shape, num_classes, **settings)
    if kind == "unet":
        # In a small network there is nothing to spare.
        return unet.build_unet(shape, num_classes, padding="same", dropout=0.0, **settings)
    return unet.build_unet_3d(shape, num_classes, padding="same", **settings)


def sample_patches(scans: Scans, foreground: float) -> tuple[Any, Any]:
    """Return what cuts patches of prepared scans, and what changes them at random besides.

    Args:
        scans: What is cut.
        foreground: Share of the patches that lie about what is to be segmented.
    """
    from kerasbio.datasets.augmentation import Augmentation, chain
    from kerasbio.datasets.patches import PatchSampler

    filling = -1.0 if scans.window else 0.0
    patches = PatchSampler(scans.patch, foreground, filling)
    # Organs have sides and hang down: no flips, and small turns.
    augment = Augmentation(
        spacing=scans.spacing, rotation=10.0, scale=0.1, elastic=2.0, gamma=0.0,
        contrast=0.1, brightness=0.02, low_resolution=0.0, noise=0.0,
        window=(-1.0, 1.0) if scans.window else None,
    )  # fmt: skip
    return patches, chain(patches, augment)
