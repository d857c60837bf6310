"""Segmentation of files with an exported model: a mask on the grid of each file."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasbio.datasets.files.channels import find_scans, open_channels
from kerasbio.datasets.files.image_files import to_channels
from kerasbio.datasets.files.volume_files import (
    check_mask_path,
    mask_ending,
    write_mask_like,
)
from kerasbio.datasets.files.volumes import Volume, VolumeFile
from kerasbio.datasets.resampling import resample_image, resample_mask
from kerasbio.errors import KerasbioError
from kerasbio.serving.predict import load_version
from kerasbio.serving.versions import describe


class ServedSegmenter(NamedTuple):
    """An exported segmentation network, ready to answer.

    Attributes:
        path: Directory of the version.
        prepare: Function that prepares a whole scan; None where `function` takes raw ones.
        function: Function from windows, prepared where they must be, to logits.
        rank: Spatial axes: 2 of images, 3 of volumes.
        channels: Channels of the input.
        classes: Names of the classes, background first.
        spacing: Size in mm of the voxels that it was trained on; None where it does not matter.
        window: Voxels along each axis that it sees at a time; None takes all at once.
        multiple: What windows begin at a multiple of, which is what the network pools by.
        smallest: Voxels of the smallest component that is kept of a mask.
        loaded: What keeps the function alive.
    """

    path: Path
    prepare: Callable[[np.ndarray], np.ndarray] | None
    function: Callable[[np.ndarray], np.ndarray]
    rank: int
    channels: int
    classes: tuple[str, ...]
    spacing: tuple[float, ...] | None
    window: tuple[int, ...] | None
    multiple: int | None
    smallest: int
    loaded: Any


def is_segmenter(path: Path) -> bool:
    """Return whether an exported model segments images or volumes."""
    return describe(path).get("task") == "segmentation"


def open_segmenter(path: Path | str) -> ServedSegmenter:
    """Load one version of an exported segmentation network.

    Args:
        path: Directory of the version. Its `kerasbio.json` says `classes`, background first,
            `spacing` in mm or null, and `window` in voxels or null; and may say of what
            `multiple` windows should begin.

    Returns:
        The network.

    Raises:
        KerasbioError: If it is no SavedModel, or no such network.
    """
    path = Path(path)
    loaded, _ = load_version(path)
    if not is_segmenter(path) or "logits" not in loaded.signatures:
        raise KerasbioError(f"{path} does not segment: give the export of a segmentation")
    # What is standardized is the whole scan, not each of its windows.
    prepare = loaded.signatures.get("prepare")
    function = loaded.signatures["logits" if prepare is None else "prepared_logits"]
    inputs = function.structured_input_signature[1]
    shapes = [spec.shape for spec in inputs.values()]
    if len(shapes) != 1 or shapes[0].rank not in (4, 5) or shapes[0][-1] is None:
        raise KerasbioError(f"{path} takes {', '.join(inputs)}, not one image: call it by its API")
    found, rank = describe(path), shapes[0].rank - 2
    classes = tuple(found.get("classes") or ())
    spacing, window = (tuple(found.get(key) or ()) or None for key in ("spacing", "window"))
    logits = next(iter(function.structured_outputs.values())).shape[-1]
    fits = all(given is None or len(given) == rank for given in (spacing, window))
    # One logit is that of a sigmoid.
    if len(classes) < 2 or logits not in (None, 1 if len(classes) == 2 else None, len(classes)):
        raise KerasbioError(
            f"{path} says classes {classes} of {logits} logits: export it anew, with the "
            "background first"
        )
    if not fits:
        raise KerasbioError(
            f"{path} says spacing {spacing} and window {window} of an input of {rank} axes: "
            "export it anew"
        )
    return ServedSegmenter(
        path,
        None if prepare is None else _call(prepare),
        _call(function),
        rank,
        int(shapes[0][-1]),
        classes,
        spacing,
        window,
        found.get("multiple"),
        int(found.get("smallest") or 0),
        loaded,
    )


def _call(signature: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Return a signature of one input and one output as a function of arrays."""
    import tensorflow as tf

    (name,) = signature.structured_input_signature[1]

    def function(images: np.ndarray) -> np.ndarray:
        answer = signature(**{name: tf.constant(images, tf.float32)})
        return next(iter(answer.values())).numpy()

    return function


def segment_files(
    model: ServedSegmenter, files: Sequence[Path | str], folder: Path | str
) -> Iterator[dict[str, Any]]:
    """Segment files into a folder, as `NAME_mask.nii.gz`, `.png` or `.npy`.

    Args:
        model: From `open_segmenter`.
        files: See `find_scans` and `segment_file`.
        folder: Where the masks go; it is made where there is none.

    Yields:
        The row of each scan, once its mask is written.

    Raises:
        KerasbioError: As `find_scans` and `segment_file`, and if two scans have the same name; of
            what headers and names tell, before the first is segmented.
    """
    folder, scans = Path(folder), find_scans(files, model.channels)
    names = [name for name, _ in scans]
    for place, (name, given) in enumerate(scans):
        if name in names[:place]:
            raise KerasbioError(
                f"{scans[names.index(name)][1][0]} and {given[0]} would both go to "
                f"{folder / name}_mask: rename one"
            )
    folder.mkdir(parents=True, exist_ok=True)
    outputs = []
    for name, given in scans:
        # Opened anew below: of a picture all is read.
        opened = _open_fitting(model, given)
        outputs.append(folder / f"{name}_mask{mask_ending(opened)}")
        check_mask_path(outputs[-1], len(opened.shape))
    for (_, given), output in zip(scans, outputs, strict=True):
        yield _segment_opened(model, _open_fitting(model, given), output)


def segment_file(
    model: ServedSegmenter, file: Path | str | Sequence[Path | str], output: Path | str
) -> dict[str, Any]:
    """Segment a file and write its mask on the file's own grid.

    The file is brought to the voxels of the training where it says how large its own are,
    segmented window by window, and its mask is brought back. A network of images segments a volume
    slice by slice.

    Args:
        model: From `open_segmenter`.
        file: NIfTI, the folder of a DICOM series, PNG, JPEG, TIFF or NumPy, of any size; or
            several, one per channel in the order of the training.
        output: A new file; see `write_mask_like`.

    Returns:
        `file`, `output` and, for each class but the background, its volume as `"CLASS ml"`, or
        `"CLASS voxels"` of an image or where the size of a voxel is not known.

    Raises:
        ValueError: If no file is given.
        KerasbioError: If the file cannot be read or does not fit the network, or the mask cannot
            be written; names the file.
    """
    files = [file] if isinstance(file, Path | str) else file
    if not files:
        raise ValueError("file must be a file or several. Received: none")
    opened = _open_fitting(model, files)
    check_mask_path(Path(output), len(opened.shape))
    return _segment_opened(model, opened, Path(output))


def _open_fitting(model: ServedSegmenter, files: Sequence[Path | str]) -> VolumeFile:
    """Open a scan, if the network takes such."""
    opened = open_channels(files)
    if len(opened.shape) < model.rank:
        kinds = {2: "an image", 3: "a volume"}
        raise KerasbioError(
            f"{opened.path} is {kinds[len(opened.shape)]} and {model.path} takes "
            f"{kinds[model.rank]}"
        )
    # Pictures may be grey or in colour.
    grey = len(opened.shape) == 2 and {opened.channels, model.channels} == {1, 3}
    if opened.channels != model.channels and not grey:
        more = (
            f": give all, as NAME_0000 to NAME_{model.channels - 1:04d}"
            if opened.channels < model.channels
            else ""
        )
        raise KerasbioError(
            f"{opened.path} has {opened.channels} channel(s) and {model.path} takes "
            f"{model.channels}{more}"
        )
    return opened


def _segment_opened(model: ServedSegmenter, opened: VolumeFile, output: Path) -> dict[str, Any]:
    volume = opened.read()
    mask = segment_volume(model, volume)
    write_mask_like(mask, volume, output)
    counts = np.bincount(mask.ravel(), minlength=len(model.classes))
    row: dict[str, Any] = {"file": str(opened.path), "output": str(output)}
    for name, count in list(zip(model.classes, counts.tolist(), strict=True))[1:]:
        if volume.voxel_volume is None:
            row[f"{name} voxels"] = count
        else:
            row[f"{name} ml"] = round(count * volume.voxel_volume, 3)
    return row


def segment_volume(model: ServedSegmenter, volume: Volume) -> np.ndarray:
    """Return the mask `(*spatial)` of a volume on its own grid.

    Args:
        model: From `open_segmenter`.
        volume: From `read_volume`, of as many channels as the model takes, and as many axes or one
            more.
    """
    image = to_channels(volume.values, model.channels)
    old, new = volume.spacing, model.spacing
    if old is not None and new is not None:
        new = (*old[: len(old) - model.rank], *new)
        image = resample_image(image, old, new)
    if image.ndim - 1 > model.rank:
        mask = np.stack([_segment(model, plane) for plane in image])
    else:
        mask = _segment(model, image)
    if old is not None and new is not None:
        mask = resample_mask(mask, new, old, volume.values.shape[:-1])
    return mask


def _segment(model: ServedSegmenter, image: np.ndarray) -> np.ndarray:
    from kerasbio.inference.components import remove_small_components
    from kerasbio.inference.sliding_window import sliding_window

    if model.prepare is not None:
        image = model.prepare(image[None])[0]
    window = model.window or image.shape[:-1]
    # An axis of few voxels may be pooled less than the others.
    multiple = model.multiple if min(window) >= (model.multiple or 1) else 1
    mask = sliding_window(model.function, image, window, multiple=multiple)
    return remove_small_components(mask, (1.0,) * mask.ndim, model.smallest)
