"""`kerasbio sample RECIPE FILE`: something to predict on."""

from pathlib import Path

import click

from kerasbio.errors import KerasbioError


@click.command()
@click.argument("recipe", type=click.Choice(["image-diagnosis", "tabular-diagnosis"]))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
def sample(recipe: str, file: Path, seed: int) -> None:
    """Write simulated inputs to a file.

    For image-diagnosis the file is one PNG of 16 bit, for tabular-diagnosis a CSV of 20 patients
    with their outcome.
    """
    ends = {"image-diagnosis": ".png", "tabular-diagnosis": ".csv"}[recipe]
    if file.suffix.lower() != ends:
        raise KerasbioError(f"{file}: a sample of {recipe} must have a name that ends in {ends}")
    if file.exists():
        raise KerasbioError(f"{file} exists: choose another name")
    write = {"image-diagnosis": _write_radiograph, "tabular-diagnosis": _write_patients}[recipe]
    click.echo(f"{file}: {write(file, seed)}")


# Each writes the first of a seed that recipes do not train on by default.
def _write_radiograph(file: Path, seed: int) -> str:
    import numpy as np
    from PIL import Image

    from kerasbio.datasets.radiographs import Radiographs

    cases = Radiographs(1, size=256, seed=seed)
    case = cases[0]
    pixels = np.clip(np.round(case["image"][..., 0]), 0, 2**16 - 1).astype(np.uint16)
    Image.fromarray(pixels).save(file)
    return f"a simulated radiograph, {cases.classes[case['label']]}"


def _write_patients(file: Path, seed: int) -> str:
    import csv

    import numpy as np

    from kerasbio.datasets.clinical_table import ClinicalTable

    table = ClinicalTable(20, seed=seed)
    with file.open("x", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*table.columns, table.target])
        for row, place in enumerate(table.labels):
            numbers = ["" if np.isnan(x) else f"{x:.6g}" for x in table.numbers[row]]
            texts = [table.values[0][code] for code in table.categories[row]]
            writer.writerow([*numbers, *texts, table.classes[place]])
    return "20 simulated patients"
