"""`kerasbio demo DEMONSTRATION`."""

import click

from kerasbio.cli.group import Group
from kerasbio.recipes.demonstrations.activations import activations
from kerasbio.recipes.demonstrations.gradient_health import gradient_health
from kerasbio.recipes.demonstrations.optimizer_paths import optimizer_paths
from kerasbio.recipes.demonstrations.universal_approximation import universal_approximation

COMMANDS = (activations, optimizer_paths, universal_approximation, gradient_health)


@click.group(cls=Group)
def demo() -> None:
    """Show what everyone learns first: measured, drawn and explained in docs/fundamentals.md."""


for command in COMMANDS:
    demo.add_command(command)
