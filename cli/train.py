"""`kerasbio train RECIPE`."""

import click

from kerasbio.cli.group import Group
from kerasbio.recipes.adaptive_diagnostics import adaptive_diagnostics
from kerasbio.recipes.gene_network import gene_network
from kerasbio.recipes.image_diagnosis import image_diagnosis
from kerasbio.recipes.image_synthesis import image_synthesis
from kerasbio.recipes.organ_segmentation import organ_segmentation
from kerasbio.recipes.tabular_diagnosis import tabular_diagnosis
from kerasbio.recipes.tumor_segmentation import tumor_segmentation

COMMANDS = (
    tabular_diagnosis,
    image_diagnosis,
    tumor_segmentation,
    organ_segmentation,
    image_synthesis,
    gene_network,
    adaptive_diagnostics,
)


@click.group(cls=Group)
def train() -> None:
    """Train a network, score it, export it, report on it."""


for command in COMMANDS:
    train.add_command(command)
