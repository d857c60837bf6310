"""`kerasbio sample RECIPE FILE`: something to predict on."""

from pathlib import Path

import click

from kerasbio.errors import KerasbioError

#: What the name of a file must end in, by recipe.
ENDS = {
    "image-diagnosis": ".png",
    "tabular-diagnosis": ".csv",
    "tumor-segmentation": ".nii.gz",
    "organ-segmentation": ".nii.gz",
}


@click.command()
@click.argument("recipe", type=click.Choice(list(ENDS)))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0))
def sample(recipe: str, file: Path, seed: int) -> None:
    """Write simulated inputs to a file.

    For image-diagnosis the file is one PNG of 16 bit, for tabular-diagnosis a CSV of 20 patients
    with their outcome, for tumor-segmentation and organ-segmentation the NIfTI of a CT.
    """
    if not file.name.lower().endswith(ENDS[recipe]):
        raise KerasbioError(
            f"{file}: a sample of {recipe} must have a name that ends in {ENDS[recipe]}"
        )
    if file.exists():
        raise KerasbioError(f"{file} exists: choose another name")
    write = {"image-diagnosis": _write_radiograph, "tabular-diagnosis": _write_patients}
    if recipe in write:
        said = write[recipe](file, seed)
    else:
        said = _write_scan(file, seed, "lesions" if recipe == "tumor-segmentation" else "organs")
    click.echo(f"{file}: {said}")


# Each writes the first of a seed that recipes do not train on by default.
def _write_radiograph(file: Path, seed: int) -> str:
    import numpy as np
    from PIL import Image

    from kerasbio.datasets.phantoms.radiographs import Radiographs

    cases = Radiographs(1, size=256, seed=seed)
    case = cases[0]
    pixels = np.clip(np.round(case["image"][..., 0]), 0, 2**16 - 1).astype(np.uint16)
    Image.fromarray(pixels).save(file)
    return f"a simulated radiograph, {cases.classes[case['label']]}"


def _write_patients(file: Path, seed: int) -> str:
    import csv

    import numpy as np

    from kerasbio.datasets.tables.clinical_table import ClinicalTable

    table = ClinicalTable(20, seed=seed)
    with file.open("x", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*table.columns, table.target])
        for row, place in enumerate(table.labels):
            numbers = ["" if np.isnan(x) else f"{x:.6g}" for x in table.numbers[row]]
            texts = [table.values[0][code] for code in table.categories[row]]
            writer.writerow([*numbers, *texts, table.classes[place]])
    return "20 simulated patients"


def _write_scan(file: Path, seed: int, target: str) -> str:
    import nibabel
    import numpy as np

    from kerasbio.datasets.phantoms.abdominal_ct import AbdominalCT

    thick, fine = (8.0, 3.0) if target == "lesions" else (8.0, 5.0)
    shape = (12, 96, 120) if target == "lesions" else (24, 64, 80)
    case = AbdominalCT(1, shape=shape, spacing=(thick, fine, fine), target=target, seed=seed)[0]
    # Rows go to the back and columns to the left; NIfTI counts to the front and to the right.
    affine = np.diag([-fine, -fine, thick, 1.0])
    values = np.round(case["image"][..., 0]).astype(np.int16).transpose(2, 1, 0)
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, file)
    return f"a simulated CT of {shape[0]} slices, {thick:g} x {fine:g} x {fine:g} mm"
