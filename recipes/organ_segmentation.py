"""Segment the organs of the abdomen on CT with a 3D U-Net."""

import click

from kerasbio.recipes.options import training_options
from kerasbio.recipes.scans import scan_options
from kerasbio.recipes.segmentation import Task, train_segmenter
from kerasbio.training.options import RunOptions

TASK = Task(
    "organ-segmentation",
    target="organs",
    has_lesions=False,
    foreground=1 / 3,
    described="simulated CT of the abdomen",
    epochs=9,
)


@click.command(TASK.recipe)
@training_options
@scan_options(network="unet-3d", dimensions="3", width=8)
def organ_segmentation(options: RunOptions, **own) -> None:
    """Train a 3D U-Net to outline organs.

    By default seven organs on simulated CT with thick slices; with --data FOLDER your own scans:
    images/ and masks/ with files of the same names (NIfTI, DICOM series, PNG, TIFF, NumPy), or
    nnU-Net's imagesTr/ and labelsTr/.

    Defaults: 120 simulated subjects, of which 84 train one by one, 9 epochs, Adam at 6 times its
    rate: three minutes on two cores. Of your own scans all, and at least 250 updates.
    """
    options = options.with_defaults(
        batch_size=1, optimizer="adam", schedule="cosine",
        learning_rate=6.0, warmup_epochs=1.0,
        samples=None if options.data else 120,
    ).for_dry_run()  # fmt: skip
    train_segmenter(options, TASK, **own)
