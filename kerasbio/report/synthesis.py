"""How like the real images the made ones are: the comparison and its part of the report."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from kerasbio.metrics.kernel_distance import KernelDistance
from kerasbio.report.image_plots import save_grid
from kerasbio.report.page import Page, format_score
from kerasbio.report.result import Section, display_names, score_section
from kerasbio.training.comparison import Comparison, compare

DISTANCE = "kernel_distance"


def compare_sets(
    space: Callable[[np.ndarray], np.ndarray],
    held: np.ndarray,
    subjects: np.ndarray,
    sets: Mapping[str, np.ndarray],
    *,
    seed: int = 0,
    repeats: int = 1000,
) -> Comparison:
    """Measure how far sets of images are from held-out ones.

    Args:
        space: From images to features, as `FeatureSpace`.
        held: `(images, height, width, channels)`, held out.
        subjects: `(images,)`, who each held-out image is of.
        sets: Images by predictor: `"network"`, baselines, and `"oracle"` for other real images.
        seed: Seed of the bootstrap, which draws held-out subjects and made images.
        repeats: Draws of the bootstrap.

    Returns:
        The `Comparison`, in which lower is better.
    """
    real = space(held)
    distances = {name: KernelDistance(real, space(images)) for name, images in sets.items()}
    ends = np.cumsum([len(held), *(len(images) for images in sets.values())])

    def statistics(weights: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        own, *others = np.split(weights, ends[:-1], axis=1)
        return {
            (name, DISTANCE): distance(own, other)
            for (name, distance), other in zip(distances.items(), others, strict=True)
        }

    # Every made image is drawn by itself, as a subject of its own.
    made = [f"{name} {i}" for name, images in sets.items() for i in range(len(images))]
    everyone = np.concatenate([np.char.add("real ", subjects.astype(str)), made])
    found = compare(
        everyone, statistics, DISTANCE, lower_is_better=True, seed=seed, repeats=repeats
    )
    return dataclasses.replace(found, subjects=subjects)


def synthesis_sections(
    comparison: Comparison,
    names: Mapping[str, str],
    held: np.ndarray,
    sets: Mapping[str, np.ndarray],
) -> list[Section]:
    """Return what the report of a generator shows: distances, samples, and samples over time.

    Args:
        comparison: From `compare_sets`.
        names: Display name by predictor.
        held: The held-out images.
        sets: Images by predictor.
    """
    shown = display_names(comparison, names)

    def add_samples(page: Page, plots: Path) -> None:
        page.heading("Samples")
        page.paragraph("The first 36 of each kind, none chosen.")
        plot = save_grid(plots / "held_out.png", held)
        page.figure(plot, "what the others are measured against", title="Held-out images")
        for name in sets:
            plot = save_grid(plots / f"made_{name}.png", sets[name])
            distance = format_score(comparison.scores[name][DISTANCE], 2)
            page.figure(plot, f"kernel distance {distance}", title=shown[name])

    def add_course(page: Page, plots: Path) -> None:
        kept = sorted(plots.glob("samples_*.png"))
        if kept:
            page.heading("Samples over time")
            page.paragraph("The same latent points after more and more epochs.")
        for plot in kept:
            epoch = int(plot.stem.rpartition("_")[2])
            page.figure(plot, f"after epoch {epoch}", alt=f"Samples after epoch {epoch}")

    table = score_section(comparison, names, {DISTANCE: "Kernel distance to the held-out images"})

    def add_meaning(page: Page, plots: Path) -> None:
        page.paragraph(
            "The distance is the squared maximum mean discrepancy with a cubic kernel, on "
            "hand-made features of pixels, intensity, texture, orientation and colour that weigh "
            "alike. It is 0 where both sets are of one kind; lower is better."
        )

    return [table, add_meaning, add_samples, add_course]
