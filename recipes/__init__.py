"""The recipes: one Click command per biomedical application, and the table of them."""

from typing import NamedTuple


class Recipe(NamedTuple):
    """What a recipe is for.

    Attributes:
        name: Name of its command under `kerasbio train`.
        application: What it is used for.
        architectures: Networks that it trains.
        data: What it learns from, without `--data` and with it.
        exports: What the SavedModel takes and gives.
    """

    name: str
    application: str
    architectures: str
    data: str
    exports: str


RECIPES = (
    Recipe(
        "tabular-diagnosis",
        "Tell a diagnosis or a value from a table of measurements",
        "multilayer perceptron",
        "simulated patients of a ward; the Wisconsin table; your own CSV or Parquet",
        "raw columns to probabilities, or to a value with its interval",
    ),
    Recipe(
        "image-diagnosis",
        "Name the finding on a chest radiograph, or the class of any image",
        "LeNet-5, AlexNet, VGG, ResNet",
        "simulated radiographs of 5 classes; your own PNG, JPEG or TIFF, 8 or 16 bit; MedMNIST",
        "raw image of any size to probabilities",
    ),
    Recipe(
        "tumor-segmentation",
        "Outline the lesions of an organ, and find them",
        "U-Net, 3D U-Net, Attention U-Net",
        "simulated CT of the liver; your own NIfTI, DICOM, PNG, TIFF or NumPy with masks",
        "raw scan of any size to a mask and probabilities",
    ),
    Recipe(
        "organ-segmentation",
        "Outline organs on thick slices",
        "3D U-Net, U-Net, Attention U-Net",
        "simulated CT of the abdomen; your own scans with masks, as above",
        "raw scan of any size to a mask and probabilities",
    ),
    Recipe(
        "image-synthesis",
        "Make images like those of a set",
        "DCGAN",
        "simulated radiographs; your own PNG, JPEG or TIFF, 8 or 16 bit",
        "latent point to image",
    ),
    Recipe(
        "gene-network",
        "Tell the pathway of a gene, or the class of any node, from its interactions",
        "graph convolutional network",
        "a simulated gene network; your own nodes.csv and edges.csv",
        "raw features and edges to probabilities",
    ),
    Recipe(
        "adaptive-diagnostics",
        "Choose diagnostic tests one after another, then treat or discharge",
        "DQN",
        "simulated patients; your own tests as CSV",
        "findings to the next action",
    ),
)
