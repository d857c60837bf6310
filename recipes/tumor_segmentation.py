"""Segment a liver and find its lesions on CT with a U-Net."""

import click

from kerasbio.recipes.options import training_options
from kerasbio.recipes.scans import scan_options
from kerasbio.recipes.segmentation import Task, train_segmenter
from kerasbio.training.options import RunOptions

TASK = Task(
    "tumor-segmentation",
    target="lesions",
    has_lesions=True,
    foreground=0.5,
    described="simulated CT of the liver",
    epochs=12,
)


@click.command(TASK.recipe)
@training_options
@scan_options(network="unet", dimensions="2", width=16)
def tumor_segmentation(options: RunOptions, **own) -> None:
    """Train a U-Net to outline lesions and to find them.

    By default on the liver and its lesions on simulated CT, one slice of each subject; with --data
    FOLDER on your own scans: images/ and masks/ with files of the same names (NIfTI, DICOM series,
    PNG, TIFF, NumPy), or nnU-Net's imagesTr/ and labelsTr/. The last class in the masks is that
    of the lesions.

    Defaults: 1,900 simulated subjects, of which 1,330 train in batches of 4, 12 epochs, Adam at 3
    times its rate: four minutes on two cores. Of your own scans all, and at least 250 updates.
    """
    options = options.with_defaults(
        batch_size=4, optimizer="adam", schedule="cosine",
        learning_rate=3.0, warmup_epochs=1.0,
        samples=None if options.data else 1_900,
    ).for_dry_run()  # fmt: skip
    train_segmenter(options, TASK, **own)
