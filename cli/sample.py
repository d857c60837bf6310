"""`kerasbio sample RECIPE FILE`: something to predict on."""

from pathlib import Path

import click

from kerasbio.errors import KerasbioError


@click.command()
@click.argument("recipe", type=click.Choice(["image-diagnosis"]))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
def sample(recipe: str, file: Path, seed: int) -> None:
    """Write one simulated input to a file.

    For image-diagnosis the file is a PNG of 16 bit.
    """
    import numpy as np
    from PIL import Image

    from kerasbio.datasets.radiographs import Radiographs

    if file.suffix.lower() != ".png":
        raise KerasbioError(f"{file}: a sample is written as PNG, so the name must end in .png")
    if file.exists():
        raise KerasbioError(f"{file} exists: choose another name")
    # The first of a seed that recipes do not train on by default.
    cases = Radiographs(1, size=256, seed=seed)
    case = cases[0]
    pixels = np.clip(np.round(case["image"][..., 0]), 0, 2**16 - 1).astype(np.uint16)
    Image.fromarray(pixels).save(file)
    click.echo(f"{file}: a simulated radiograph, {cases.classes[case['label']]}")
