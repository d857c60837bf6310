"""Every activation with its derivative."""

import click

from kerasbio.recipes.options import demonstration_options
from kerasbio.training.options import RunOptions

FEW = ("step", "sigmoid", "tanh", "relu", "softmax", "gelu")


@click.command("activations")
@demonstration_options
def activations(options: RunOptions, quick: bool) -> None:
    """Draw every activation that a network can be given by name, with its derivative."""
    from kerasbio.activations import ACTIVATIONS
    from kerasbio.demonstrations.activation_curves import (
        COLUMNS,
        plot_activation,
        plot_activations,
        table,
    )
    from kerasbio.recipes.results import finish_demonstration
    from kerasbio.report.demonstration import Figure, Table
    from kerasbio.training.run import open_run

    names = FEW if quick else tuple(ACTIVATIONS)
    with open_run("activations", options, "curves") as run:
        click.echo(f"run: {run.path}")
        plots = run.path / "plots"
        plot_activations(plots / "activations.png", names)
        saturating = [n for n, a in ACTIVATIONS.items() if a.saturates == "both sides"]
        headline = (
            f"{len(ACTIVATIONS)} activations by name; the gradient of {len(saturating)} goes to 0 "
            "on both sides: ten sigmoids in a row pass on at most a millionth of it"
        )
        finish_demonstration(
            run,
            title="Activations",
            headline=headline,
            facts=[
                ("Blue", "the value"),
                ("Orange", "the derivative; for the step the gradient that it passes on, dashed"),
                ("Of rows", "softmax, log_softmax and sparsemax are of x in the row (x, 0, 0)"),
            ],
            sections={
                "Curves": [
                    Figure(
                        plot_activation(plots / f"{name}.png", name), name,
                        ACTIVATIONS[name].formula, "figure",
                    )
                    for name in names
                ],
                "Facts": [
                    Table(
                        COLUMNS, table(),
                        "Slope: the least and the greatest derivative. A sigmoid's is a quarter at "
                        "most, so that ten in a row shrink a gradient by a factor of a million, "
                        "weights apart.",
                    )
                ],
            },
            results=ACTIVATIONS,
        )  # fmt: skip
