"""A fabricated run: what training leaves in its directory, and a comparison of predictors."""

import csv
import warnings
from pathlib import Path

import numpy as np

from kerasbio.report import result
from kerasbio.report.classification import absence_notes, classification_sections
from kerasbio.training.evaluation import ClassifierComparison, compare_classifiers

CLASSES = ("normal", "nodule", "effusion", "pneumothorax", "cardiomegaly")
LAYERS = ("lenet5/c1", "lenet5/c3", "lenet5/c5", "lenet5/f6", "lenet5/logits")
NAMES = {"network": "LeNet-5", "logistic_regression": "Logistic regression", "oracle": "Oracle"}
SUMMARY = [
    ("Network", "LeNet-5, 1,234,567 parameters, input 64 × 64 × 1, reduced from the published"),
    ("Optimizer", "Adam, rate 0.001, cosine schedule after 1 epoch of warm-up"),
    ("Data", "2,400 simulated radiographs of 1,600 subjects, seed 0"),
    ("Held out", "600 radiographs of 400 subjects"),
]
NOTES = ["The data are simulated: these scores imply no clinical performance."]


def fabricate_probabilities(
    labels: np.ndarray, num_classes: int, strength: float, seed: int
) -> np.ndarray:
    random = np.random.default_rng(seed)
    logits = strength * np.eye(num_classes)[labels] + random.normal(size=(len(labels), num_classes))
    logits = np.exp(1.3 * strength * logits)
    return logits / logits.sum(axis=1, keepdims=True)


def fabricate_comparison(
    cases: int = 600, classes: tuple[str, ...] = CLASSES, repeats: int = 200, absent: bool = False
) -> ClassifierComparison:
    random = np.random.default_rng(0)
    labels = random.integers(0, len(classes) - absent, cases)
    subjects = np.sort(random.integers(0, max(2, cases * 2 // 3), cases))
    strengths = {"network": 2.0, "logistic_regression": 1.2, "oracle": 3.5}
    probabilities = {
        name: fabricate_probabilities(labels, len(classes), strength, seed)
        for seed, (name, strength) in enumerate(strengths.items())
    }
    return compare_classifiers(labels, subjects, probabilities, classes, repeats=repeats)


def fabricate_images(cases: int, size: int = 64, channels: int = 1) -> np.ndarray:
    """Smooth blobs on a gradient, a little like a radiograph, `(cases, size, size, channels)`."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:size, 0:size] / size
    images = []
    for _ in range(cases):
        lungs = sum(
            np.exp(-(((x - centre) / 0.13) ** 2 + ((y - 0.5) / 0.3) ** 2))
            for centre in random.normal((0.3, 0.7), 0.02)
        )
        image = 0.8 + 0.2 * y - 0.6 * lungs + random.normal(0, 0.03, (size, size))
        images.append(np.repeat(image[..., None], channels, axis=-1))
    return np.stack(images).astype(np.float32)


def write_history(path: Path, epochs: int = 12, layers: tuple[str, ...] = LAYERS) -> None:
    """Write metrics.csv, gradients.csv and command.txt as a run does."""
    random = np.random.default_rng(2)
    steps, rows, points = 60, [], []
    for epoch in range(1, epochs + 1):
        fall = np.exp(-epoch / 4)
        rows.append(
            {
                "epoch": epoch,
                "step": epoch * steps,
                "learning_rate": 1e-3 * 0.5 * (1 + np.cos(np.pi * (epoch - 1) / epochs)),
                "loss": 0.15 + 1.5 * fall + random.normal(0, 0.01),
                "accuracy": 0.97 - 0.6 * fall + random.normal(0, 0.005),
                "val_loss": 0.42 + 1.2 * fall + random.normal(0, 0.03),
                "val_accuracy": 0.86 - 0.5 * fall + random.normal(0, 0.01),
            }
        )
    for step in range(1, epochs * steps + 1, max(1, epochs * steps // 24)):
        norms = {
            layer: 3.0 ** (depth - 4) * np.exp(-step / 400 + random.normal(0, 0.25))
            for depth, layer in enumerate(layers)
        }
        points.append({"step": step, **norms})
    for name, table in (("metrics.csv", rows), ("gradients.csv", points)):
        with open(path / name, "w", newline="") as file:
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    (path / "command.txt").write_text("kerasbio train image-diagnosis --epochs 12\n")


def write_report(path: Path, comparison: ClassifierComparison, **changes) -> Path:
    """Write the report of the fabricated run; a warning is an error."""
    write_history(path, **changes)
    images = fabricate_images(len(comparison.labels), size=32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return result.write_report(
            path,
            title="Image diagnosis with LeNet-5",
            summary=SUMMARY,
            comparison=comparison,
            sections=classification_sections(comparison, NAMES, images),
            notes=[*NOTES, *absence_notes(comparison)],
            names=NAMES,
        )
