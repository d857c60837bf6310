"""`kerasbio train RECIPE`."""

import click

from kerasbio.cli.group import Group
from kerasbio.recipes.image_diagnosis import image_diagnosis

COMMANDS = (image_diagnosis,)


@click.group(cls=Group)
def train() -> None:
    """Train a network, score it, export it, report on it."""


for command in COMMANDS:
    train.add_command(command)
