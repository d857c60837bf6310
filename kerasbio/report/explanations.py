"""Where in an image a classifier looks."""

import math
import re
from pathlib import Path

import keras
import numpy as np

from kerasbio.inference.grad_cam import grad_cam
from kerasbio.report.classification import choose_examples
from kerasbio.report.page import Page
from kerasbio.report.plots import draw
from kerasbio.report.result import Section
from kerasbio.training.comparison import NETWORK
from kerasbio.training.evaluation import ClassifierComparison

#: Fewest places of maps that say where: of an image of 64 pixels the last of a ResNet have four.
PLACES = 9


def explanation_section(
    model: keras.Model, comparison: ClassifierComparison, images: np.ndarray
) -> Section:
    """Return the section with Grad-CAM maps of typical hits and of the surest mistakes.

    Args:
        model: The classifier, from images to logits.
        comparison: Its scores on held-out cases.
        images: The held-out images `(cases, height, width, channels)`, in their order.
    """

    def add(page: Page, plots: Path) -> None:
        right, wrong = choose_examples(comparison)
        chosen = [*right, *wrong]
        guesses = comparison.probabilities[NETWORK].argmax(axis=1)
        layer = _last_stage(model)
        maps = grad_cam(model, images[chosen], guesses[chosen].tolist(), layer)
        maps_of = f"the maps of {layer}" if layer else "the last maps that still have places"
        page.heading("Where the network looks")
        page.paragraph(
            f"Grad-CAM of the predicted class over {maps_of}, on the inputs above: what is bright "
            "speaks for the class. It shows where, not how surely."
        )
        for place, (case, heat) in enumerate(zip(chosen, maps, strict=True)):
            truth = comparison.classes[comparison.labels[case]]
            guess = comparison.classes[guesses[case]]
            plot = _overlay(plots / f"cam_{place + 1}.png", images[case], heat)
            caption = "predicted right" if truth == guess else f"taken for {guess}"
            alt = f"Grad-CAM of an input of class {truth}, {caption}"
            page.figure(plot, caption, title=truth, alt=alt, grid="tile")

    return add


def _last_stage(model: keras.Model) -> str | None:
    """Return the name of the last stage whose maps have `PLACES`; None if there is none."""
    found = [layer for layer in model.layers if re.fullmatch(r"stage\d(_relu)?", layer.name)]
    fine = [x.name for x in found if math.prod(n or 0 for n in x.output.shape[1:-1]) >= PLACES]
    return fine[-1] if fine else None


def _overlay(path: Path, image: np.ndarray, heat: np.ndarray) -> Path:
    gray = image.mean(axis=-1)
    low, high = np.percentile(gray, (0.5, 99.5))

    def paint(axes) -> None:
        axes.imshow(gray, cmap="gray", vmin=low, vmax=max(high, low + 1e-6))
        axes.imshow(heat, cmap="inferno", vmin=0, vmax=1, alpha=0.25 + 0.5 * heat)
        axes.set_axis_off()

    return draw(path, paint, (1.6, 1.6 * image.shape[0] / image.shape[1]))
