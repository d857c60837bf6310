"""`kerasbio recipes` and `kerasbio models`: tables of constants."""

import click

from kerasbio.catalogue import BUILDERS
from kerasbio.cli.table import print_table
from kerasbio.recipes import RECIPES


@click.command()
def recipes() -> None:
    """List the applications that can be trained."""
    print_table(("recipe", "application", "architectures", "data", "exports"), RECIPES)


@click.command()
def models() -> None:
    """List the networks that can be built in Keras code."""
    rows = [
        (
            b.name,
            b.family,
            "x".join(map(str, b.arguments[0])),
            b.arguments[1] if len(b.arguments) > 1 else "",
            f"{b.parameters:,}",
            b.reference,
        )
        for b in BUILDERS
    ]
    print_table(("builder", "family", "shape", "outputs", "parameters", "reference"), rows)
