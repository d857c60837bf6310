"""Predictions of an exported model on files; TensorFlow is enough, Keras is not needed."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasbio.datasets.files.image_files import read_image, to_channels
from kerasbio.errors import KerasbioError
from kerasbio.serving.versions import describe

BATCH = 32


class Served(NamedTuple):
    """An exported classifier, ready to answer."""

    path: Path
    function: Any
    input_name: str
    channels: int
    shape: tuple[int | None, ...]
    classes: tuple[str, ...] | None
    loaded: Any


def open_saved_model(path: Path | str) -> Served:
    """Load one version of an exported model.

    Args:
        path: Directory of the version.

    Returns:
        The model.

    Raises:
        KerasbioError: If it is no SavedModel, or does not take one image.
    """
    path = Path(path)
    loaded, function = load_version(path)
    if "probabilities" not in function.structured_outputs:
        raise KerasbioError(f"{path} has no serving_default that answers probabilities")
    inputs = function.structured_input_signature[1]
    shapes = [spec.shape for spec in inputs.values()]
    if len(shapes) != 1 or shapes[0].rank != 4 or shapes[0][-1] not in (1, 3):
        raise KerasbioError(f"{path} takes {', '.join(inputs)}, not one image: call it by its API")
    shape = tuple(shapes[0].as_list())
    classes = tuple(describe(path).get("classes") or ()) or None
    return Served(path, function, next(iter(inputs)), int(shape[-1]), shape, classes, loaded)


def load_version(path: Path) -> tuple[Any, Any]:
    """Load one version of an exported model, and return it with its `serving_default`.

    Raises:
        KerasbioError: If it is no SavedModel, or has no such signature.
    """
    import tensorflow as tf

    if not (path / "saved_model.pb").is_file():
        raise KerasbioError(f"{path} is no SavedModel: give the folder that holds saved_model.pb")
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "unknown reason"
        raise KerasbioError(f"{path} cannot be loaded ({first}): export it anew") from error
    function = loaded.signatures.get("serving_default")
    if function is None:
        raise KerasbioError(f"{path} has no serving_default: export it anew")
    return loaded, function


def predict_files(model: Served, files: Sequence[Path | str]) -> list[dict[str, Any]]:
    """Predict on image files.

    Args:
        model: From `open_saved_model`.
        files: PNG, JPEG or TIFF files of any size.

    Returns:
        For each file `file`, the most probable `class`, and the probability of each class.

    Raises:
        KerasbioError: If a file cannot be read or does not fit the model; names the file.
    """
    import tensorflow as tf

    rows: list[dict[str, Any]] = []
    for names, images in _batches(model, files):
        answer = model.function(**{model.input_name: tf.constant(images)})["probabilities"].numpy()
        if answer.shape[-1] == 1:
            answer = np.concatenate([1 - answer, answer], axis=-1)
        classes = model.classes
        if classes is None or len(classes) != answer.shape[-1]:
            classes = tuple(f"class {k}" for k in range(answer.shape[-1]))
        for name, row in zip(names, answer, strict=True):
            found = {column(key): float(p) for key, p in zip(classes, row, strict=True)}
            rows.append({"file": name, "class": classes[int(np.argmax(row))], **found})
    return rows


def column(name: str) -> str:
    """Return the key of a class's probability, which `file` and `class` themselves cannot be."""
    return f"class {name}" if name in ("file", "class") else name


def _batches(model: Served, files: Sequence[Path | str]) -> Iterator[tuple[list[str], np.ndarray]]:
    """Give files of one size together, in their order, a bounded number at a time."""
    names: list[str] = []
    images: list[np.ndarray] = []
    for file in files:
        image = to_channels(read_image(file), model.channels)
        wanted = model.shape[1:3]
        if any(w not in (None, side) for w, side in zip(wanted, image.shape[:2], strict=True)):
            raise KerasbioError(
                f"{file} has {image.shape[0]} x {image.shape[1]} pixels and {model.path} takes "
                f"{wanted[0]} x {wanted[1]}: resize it"
            )
        if images and (image.shape != images[0].shape or len(images) == BATCH):
            yield names, np.stack(images)
            names, images = [], []
        names.append(str(file))
        images.append(image)
    if images:
        yield names, np.stack(images)
