"""The images of every recipe that learns from images."""

from typing import Any

from kerasbio.errors import KerasbioError
from kerasbio.recipes.results import SIMULATED
from kerasbio.training.options import RunOptions


def load_images(options: RunOptions, size: int, difficulty: float) -> tuple[Any, list[str]]:
    """Return the raw images of a run as cases, and what the user should know about them.

    Args:
        options: The options, with `samples` where there are no data of the user.
        size: Pixels per side of simulated radiographs.
        difficulty: Of simulated radiographs.
    """
    from kerasbio.datasets.cases import limit
    from kerasbio.datasets.files.image_folder import ImageFolder
    from kerasbio.datasets.files.medmnist import MedMNISTFile
    from kerasbio.datasets.phantoms.radiographs import Radiographs

    if options.data and options.data.endswith(".npz"):
        file = MedMNISTFile(options.data)
        if len(file.shape) != 3:
            raise KerasbioError(f"{options.data} holds volumes: give a file of images")
        return limit(file, options.samples, options.seed), file.notes
    if options.data:
        folder = ImageFolder(options.data)
        return limit(folder, options.samples, options.seed), folder.notes
    count = options.samples or 1
    return Radiographs(count, size=size, difficulty=difficulty, seed=options.seed), [SIMULATED]
