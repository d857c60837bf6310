"""A file of MedMNIST: small standardized images with official parts."""

from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.datasets.cases import Case
from kerasbio.datasets.files.array_files import ArrayHeader, map_array, read_headers
from kerasbio.errors import KerasbioError

PARTS = ("train", "val", "test")
ORGANS = (
    "bladder", "left femur", "right femur", "heart", "left kidney", "right kidney", "liver",
    "left lung", "right lung", "pancreas", "spleen",
)  # fmt: skip
#: Names of the classes, which the files do not hold, in the order of the label that MedMNIST
#: documents: https://medmnist.com, version 2.
CLASSES: dict[str, tuple[str, ...]] = {
    "pathmnist": (
        "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle",
        "normal colon mucosa", "cancer-associated stroma", "colorectal adenocarcinoma epithelium",
    ),
    "dermamnist": (
        "actinic keratosis", "basal cell carcinoma", "benign keratosis", "dermatofibroma",
        "melanoma", "melanocytic nevus", "vascular lesion",
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "retinamnist": ("grade 0", "grade 1", "grade 2", "grade 3", "grade 4"),
    "breastmnist": ("malignant", "normal or benign"),
    "bloodmnist": (
        "basophil", "eosinophil", "erythroblast", "immature granulocyte", "lymphocyte",
        "monocyte", "neutrophil", "platelet",
    ),
    "tissuemnist": (
        "collecting duct", "distal convoluted tubule", "glomerular endothelium",
        "interstitial endothelium", "leukocyte", "podocyte", "proximal tubule",
        "thick ascending limb",
    ),
    "organamnist": ORGANS,
    "organcmnist": ORGANS,
    "organsmnist": ORGANS,
    "organmnist3d": (
        "liver", "right kidney", "left kidney", "right femur", "left femur", "bladder", "heart",
        "right lung", "left lung", "spleen", "pancreas",
    ),
    "nodulemnist3d": ("benign", "malignant"),
    "adrenalmnist3d": ("normal", "hyperplasia"),
    "fracturemnist3d": ("buckle", "nondisplaced", "displaced"),
    "vesselmnist3d": ("vessel", "aneurysm"),
    "synapsemnist3d": ("inhibitory", "excitatory"),
}  # fmt: skip


class MedMNISTFile:
    """Images of a file of MedMNIST, to be classified, with the parts that its authors made.

    Images stay on the disk until they are asked for. Attribute `parts` `(cases,)` says of each
    case whether it is for training (0), validation (1) or test (2), and `split` goes by it.
    Classes are named where the file is called as MedMNIST calls it. The file does not say which
    images are of one person: each counts as a subject of its own, which `notes` says.

    Reference: [MedMNIST v2](https://doi.org/10.1038/s41597-022-01721-8)

    Args:
        path: An `.npz` file with `train_images`, `train_labels`, and the same of `val` and
            `test`: images `(n, rows, columns)`, `(n, rows, columns, 3)` or
            `(n, slices, rows, columns)`, labels `(n, 1)` or `(n,)`.

    Raises:
        KerasbioError: If the file is not as expected, or an image may be of several classes.
    """

    input_names: tuple[str, ...] = ("image",)

    def __init__(self, path: Path | str):
        self.path = Path(path)
        if not self.path.is_file():
            raise KerasbioError(
                f"{path} is no file: give a file of MedMNIST, such as bloodmnist.npz"
            )
        headers = read_headers(self.path)
        names = [f"{part}_{kind}" for part in PARTS for kind in ("images", "labels")]
        if lacking := [name for name in names if name not in headers]:
            raise KerasbioError(
                f"{path} lacks {', '.join(lacking)}: give a file of MedMNIST as it was published"
            )
        labels = [_read_labels(self.path, part, headers) for part in PARTS]
        self.images = [map_array(self.path, headers[f"{part}_images"]) for part in PARTS]
        self.shape = _image_shape(self.path, [images.shape for images in self.images])
        self.labels = np.concatenate(labels)
        self.parts = np.repeat(np.arange(3), [len(part) for part in labels])
        self.subjects = np.arange(len(self.labels))
        count = int(self.labels.max()) + 1
        if missing := sorted(set(range(max(2, count))) - set(self.labels.tolist())):
            raise KerasbioError(f"{path} has no image of class {missing[0]}: give the whole file")
        known = CLASSES.get(self.path.stem.lower().split("_")[0], ())
        self.classes = known if len(known) == count else tuple(f"class {k}" for k in range(count))
        self.notes = [
            f"{path} does not say which images are of one person: each counts as a subject of its "
            "own, and the parts are those of its authors."
        ]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        index = range(len(self))[index]
        return {
            "image": self.take("image", [index])[0],
            "label": int(self.labels[index]),
            "subject": self.subjects[index],
        }

    def take(self, name: str, indices: Any) -> np.ndarray:
        """Return `(cases, *spatial, channels)` float32 images of the cases with these indices."""
        if name != "image":
            raise ValueError(f"name must be 'image'. Received: name={name!r}")
        indices = np.asarray(indices)
        result = np.empty((len(indices), *self.shape), np.float32)
        first = 0
        for images in self.images:
            here = np.flatnonzero((indices >= first) & (indices < first + len(images)))
            result[here] = images[indices[here] - first].reshape(len(here), *self.shape)
            first += len(images)
        return result


def _read_labels(path: Path, part: str, headers: dict[str, ArrayHeader]) -> np.ndarray:
    """Return the labels `(cases,)` of a part."""
    shape, count = headers[f"{part}_labels"].shape, headers[f"{part}_images"].shape[:1]
    if len(shape) == 2 and shape[1] > 1:
        raise KerasbioError(
            f"{path} has {shape[1]} labels per image, of which several may hold (as ChestMNIST "
            "has): one class per image is expected"
        )
    if len(shape) not in (1, 2) or shape[:1] != count or not all(shape):
        raise KerasbioError(
            f"{path}, {part}_labels is {shape} and {part}_images has {count} images: one label per "
            "image is expected, and at least one image"
        )
    stored = map_array(path, headers[f"{part}_labels"]).reshape(-1)
    labels = np.asarray(stored, np.int64)
    if not np.array_equal(labels, stored) or labels.min() < 0:
        raise KerasbioError(f"{path}, {part}_labels holds other than class numbers from 0 on")
    return labels


def _image_shape(path: Path, shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape of one image, channels last."""
    first = shapes[0][1:]
    if any(shape[1:] != first for shape in shapes) or len(first) not in (2, 3):
        raise KerasbioError(
            f"{path} has images of shapes {', '.join(str(shape) for shape in shapes)}: images or "
            "volumes of one size are expected"
        )
    return first if len(first) == 3 and first[-1] == 3 else (*first, 1)
