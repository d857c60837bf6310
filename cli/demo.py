"""`kerasbio demo DEMONSTRATION`."""

import click

from kerasbio.cli.group import Group
from kerasbio.recipes.demonstrations.activations import activations
from kerasbio.recipes.demonstrations.optimizer_paths import optimizer_paths

COMMANDS = (activations, optimizer_paths)


@click.group(cls=Group)
def demo() -> None:
    """Show what everyone learns first: measured, drawn and explained in docs/fundamentals.md."""


for command in COMMANDS:
    demo.add_command(command)
