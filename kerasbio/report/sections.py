"""The sections that the report of every run has, read from its directory."""

import json
from pathlib import Path

from kerasbio.report.page import Page
from kerasbio.report.plots import plot_gradients, plot_learning_rate, plot_metric, read_history

METRIC_NAMES = {
    "loss": ("Loss", "what the optimizer minimizes"),
    "accuracy": ("Accuracy", "share of right predictions"),
    "auroc": ("AUROC", "mean over the classes"),
    "kernel_distance": ("Kernel distance", "of samples to validation images"),
    "return": ("Return", "mean sum of the rewards of an episode"),
}
#: What lies beside the report of a training.
FILES = "the options, every curve as CSV, the scores as JSON, the model card"


def add_curves(page: Page, run_path: Path) -> Page:
    """Add the curves of training: metrics, learning rate, and gradient norms per layer.

    Args:
        page: The page to add to.
        run_path: Directory of the run with `metrics.csv` and `gradients.csv`; plots go to its
            folder `plots/`.

    Returns:
        The page.
    """
    metrics = read_history(run_path / "metrics.csv")
    gradients = read_history(run_path / "gradients.csv")
    plots = run_path / "plots"
    page.heading("Training")
    if not metrics:
        return page.paragraph("No epoch was completed: there is no curve to show.")
    epochs, steps = len(metrics["epoch"]), int(metrics["step"][-1])
    page.paragraph(
        f"{epochs} epoch{'s'[: epochs != 1]}, {steps:,} step{'s'[: steps != 1]}. "
        "Validation is on subjects that were neither trained nor tested on."
    )
    for name in metric_names(list(metrics)):
        title, meaning = METRIC_NAMES.get(name, (name.replace("_", " ").capitalize(), ""))
        caption = f"{meaning}, by epoch" if meaning else "by epoch"
        plot = plot_metric(plots / f"metric_{name}.png", metrics, name)
        page.figure(
            plot, caption, title=title, alt=f"Curve of {title.lower()} by epoch", grid="pair"
        )
    if "learning_rate" in metrics:
        plot = plot_learning_rate(plots / "learning_rate.png", metrics)
        page.figure(plot, "at the end of each epoch", title="Learning rate", grid="pair")
    if len(gradients) > 1:
        plot = plot_gradients(plots / "gradients.png", gradients)
        page.figure(
            plot,
            "L2 norm per layer before clipping, by step, on a logarithmic scale; darker is deeper",
            title="Gradients",
            grid="pair",
        )
    return page


def metric_names(columns: list[str]) -> list[str]:
    """Return the metrics among the columns of `metrics.csv`, without `val_`, the loss first."""
    names = [c.removeprefix("val_") for c in columns if c not in ("epoch", "step", "learning_rate")]
    return sorted(dict.fromkeys(names), key=lambda name: name != "loss")


def add_provenance(page: Page, run_path: Path, files: str = FILES) -> Page:
    """Add what is needed to do the run again: its command, its versions and its files."""
    command, environment = run_path / "command.txt", run_path / "environment.json"
    page.heading("How to do it again")
    if command.exists():
        page.code(command.read_text(encoding="utf-8"))
    if environment.exists():
        content = json.loads(environment.read_text(encoding="utf-8"))
        packages = content.pop("packages", {})
        versions = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
        pairs = [(name.capitalize(), str(value)) for name, value in content.items()]
        page.facts([*pairs, ("Packages", versions)])
    page.paragraph(f"Beside this page lie {files}, and each figure as a PNG file under plots.")
    return page
