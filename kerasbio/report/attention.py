"""What the report of an attention U-Net says of its gates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerasbio.inference.attention import attention_auroc, attention_coefficients, gate_layers
from kerasbio.metrics.bootstrap import Score, bootstrap_by_subject
from kerasbio.report.page import Page
from kerasbio.report.plots import SOFT, draw
from kerasbio.report.result import Section

#: Most cases that are measured, and cases that are shown.
MEASURED, SHOWN = 60, 3


def attention_sections(
    model: keras.Model,
    untrained: Sequence[np.ndarray],
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    label: int,
) -> list[Section]:
    """Return the section on the gates: whether they look at the target, trained and untrained.

    Args:
        model: The trained network.
        untrained: The weights it began with.
        images: Held-out images `(*spatial, channels)`.
        masks: Their masks `(*spatial)`.
        label: Which value of the masks is the target.
    """
    chosen = [i for i in range(len(masks)) if np.any(masks[i] == label)][:MEASURED]
    if not chosen:
        return []
    seen, truths = [images[i] for i in chosen], [masks[i] for i in chosen]
    before = keras.models.clone_model(model)
    before.set_weights(untrained)
    areas = {
        "trained": attention_auroc(model, seen, truths, label),
        "untrained": attention_auroc(before, seen, truths, label),
    }
    gates = gate_layers(model)

    def add(page: Page, plots: Path) -> None:
        page.heading("Attention")
        page.paragraph(
            "How well the coefficients of each gate tell the target, grown by 2 voxels, from the "
            "rest of the same scan: mean area under the ROC curve, level 0 the finest. At 0.5 a "
            "gate looks at everything alike. Below 0.5 it is inverted: it lets pass what is not "
            "the target, and the network reads the target from what is missing."
        )
        rows: list[Any] = []
        for gate in gates:
            scores = {kind: _mean(found[gate]) for kind, found in areas.items()}
            rows.append((_title(gate), *scores.values(), _verdict(scores["trained"])))
        page.table(
            ["Gate", "Trained", "Untrained", "It is"],
            rows,
            caption=f"AUROC over {len(chosen)} held-out cases with the target, 95 % interval",
        )
        for place in range(min(SHOWN, len(seen))):
            plot = _plot(
                plots / f"attention_{place + 1}.png", model, seen[place], truths[place], label
            )
            page.figure(
                plot, "target, and coefficients: dark 0, bright 1", title=f"Case {place + 1}"
            )

    return [add]


def _mean(values: np.ndarray) -> Score:
    known = values[~np.isnan(values)]
    if not len(known):
        return Score(float("nan"), float("nan"), float("nan"))
    found = bootstrap_by_subject(
        np.arange(len(known)), lambda weights: {"mean": weights @ known / weights.sum(-1)}
    )
    return found["mean"]


def _verdict(score: Score) -> str:
    if score.low > 0.5:
        return "attending"
    return "inverted" if score.high < 0.5 else "undecided"


def _title(gate: str) -> str:
    level, _, second = gate.removeprefix("gate").removesuffix("_coefficients").partition("_")
    return f"level {level}" + (f", gate {second}" if second else "")


def _plot(path: Path, model: keras.Model, image: np.ndarray, mask: np.ndarray, label: int) -> Path:
    """Draw the target and the coefficients of every gate, on the slice with most of the target."""
    coefficients = attention_coefficients(model, image)
    share, target = 0.5, mask == label
    if mask.ndim == 3:
        deep = int(np.argmax(target.sum(axis=(1, 2))))
        share, target = (deep + 0.5) / len(mask), target[deep]
        image = image[deep]

    def paint(panels: Any) -> None:
        for axes, name in zip(panels, ["target", *coefficients], strict=True):
            axes.set_axis_off()
            if name == "target":
                axes.imshow(image[..., 0], cmap="gray", interpolation="bicubic")
                axes.contour(target.astype(float), levels=[0.5], colors=["#d55e00"], linewidths=1.2)
                axes.set_title("target", fontsize=9, color=SOFT, pad=3)
                continue
            found = coefficients[name]
            plane = found[int(share * len(found))] if found.ndim == 3 else found
            axes.imshow(plane, cmap="viridis", vmin=0, vmax=1)
            axes.set_title(_title(name), fontsize=9, color=SOFT, pad=3)

    count = 1 + len(coefficients)
    tall = 1.9 * image.shape[0] / image.shape[1]
    return draw(path, paint, (1.9 * count, tall + 0.3), ncols=count)
