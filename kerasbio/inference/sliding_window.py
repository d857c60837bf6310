"""Segmentation of images larger than what a network takes at once, in bounded memory."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from kerasbio.errors import KerasbioError
from kerasbio.inference.blending import BLENDS, blended_slices, read_window, tiles
from kerasbio.inference.network import Network, read_network
from kerasbio.models.checks import check_positive

#: Voxels of small windows that a network is given together.
AT_ONCE = 2**15


def sliding_window(
    model: Callable,
    image: np.ndarray,
    window: int | Sequence[int],
    *,
    overlap: float = 0.5,
    blend: str = "gaussian",
    flips: Sequence[int] = (),
    batch_size: int | None = None,
    multiple: int | None = None,
    probabilities: bool = False,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Segment an image window by window, blending the logits where windows overlap.

    Windows advance along the first axis, and labels are written as soon as no later window
    reaches them: what is kept is as thick as one window. A sum of logits with weights is linear.
    So where the network ends in a convolution of one pixel, what goes into that convolution is
    blended, if it is narrower than the logits, and the convolution is applied to what is
    finished: however many the classes, the memory is that of its input.

    Past its borders the image is mirrored. A network of unpadded convolutions, which answers for
    the middle of a window, is given such margins (overlap-tile).

    References: [Ronneberger et al., U-Net, 2015](https://arxiv.org/abs/1505.04597), figure 2;
    [Isensee et al., nnU-Net, 2021](https://doi.org/10.1038/s41592-020-01008-z), which weighs
    windows by a Gaussian.

    Args:
        model: A `keras.Model` of one input and one output, or any function from float32 windows
            `(batch, *window, channels)` to logits `(batch, *tile, classes)`, where one logit is
            that of a sigmoid. Of a SavedModel:
            `lambda x: loaded.signatures["logits"](image=tf.constant(x))["logits"]`.
        image: `(*spatial, channels)` of two or three spatial axes, in memory or a memory map.
        window: Size of a window along each axis, one number for all or one for each.
        overlap: Least share of a window that the next covers too, from 0 to below 1.
        blend: `"gaussian"`, with a standard deviation of an eighth of the window, or
            `"constant"`.
        flips: Spatial axes along which the image is mirrored as well, in all combinations; the
            mean of all counts.
        batch_size: Windows at a time; by default as many as hold 32,768 voxels, or one.
        multiple: Every window begins at a multiple of this. By default what the network pools
            by, so that away from the borders each window sees what a pass over the whole image
            sees; 1 where the graph is not known.
        probabilities: Whether to return probabilities; they take memory for every class.
        out: Where to write the answer, such as a memory map.

    Returns:
        `(*spatial)` labels, uint8 or, beyond 256 classes, uint16; or `(*spatial, classes)`
        float32 probabilities.

    Raises:
        ValueError: If an argument is out of range or does not fit the network or the image.
        KerasbioError: If the image or an answer of the network is not finite.
    """
    rank = np.ndim(image) - 1
    if rank not in (2, 3) or 0 in image.shape:
        raise ValueError(
            "image must be (*spatial, channels) with two or three spatial axes, none of them "
            f"empty. Received: image of shape {np.shape(image)}"
        )
    window = (window,) * rank if isinstance(window, int | np.integer) else tuple(window)
    _check(rank, window, overlap, blend, flips)
    window = tuple(int(size) for size in window)
    batch_size = max(1, AT_ONCE // math.prod(window)) if batch_size is None else batch_size
    check_positive(batch_size=batch_size, multiple=1 if multiple is None else multiple)
    network = read_network(model, rank)
    _check_finite(image)
    multiples = network.pooling if multiple is None else (multiple,) * rank
    tile, channels = _answer_shape(network, image, window)
    if any(a < b for a, b in zip(tile, multiples, strict=True)):
        raise ValueError(
            f"a window must answer for at least {multiples} pixels, which the network pools by, "
            f"and this one answers for {tile}: give larger ones. Received: window={window}"
        )
    axes = [
        tiles(size, length, overlap, step, blend)
        for size, length, step in zip(image.shape, tile, multiples, strict=False)
    ]
    slices = blended_slices(
        lambda windows: _predict(network, windows, flips), image, window, axes, batch_size
    )
    result = _result(image.shape[:-1], network.classes(channels), probabilities, out)
    for i, features in enumerate(slices):
        result[i] = _answer(network.logits(features), probabilities)
    return result


def _check(rank: int, window: tuple, overlap: float, blend: str, flips: Sequence[int]) -> None:
    whole = all(isinstance(size, int | np.integer) and size > 0 for size in window)
    if len(window) != rank or not whole:
        raise ValueError(
            f"window must be {rank} whole numbers of at least 1, as the last axis of image is that "
            f"of channels. Received: window={window}"
        )
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap must be from 0 to below 1. Received: overlap={overlap}")
    if blend not in BLENDS:
        raise ValueError(f"blend must be one of {', '.join(BLENDS)}. Received: blend={blend!r}")
    if len(set(flips)) != len(flips) or not set(flips) <= set(range(rank)):
        raise ValueError(
            f"flips must be different axes from 0 to {rank - 1}. Received: flips={tuple(flips)}"
        )


def _check_finite(image: np.ndarray) -> None:
    if np.issubdtype(image.dtype, np.integer):
        return
    # One slice at a time: a memory map may be larger than the memory.
    for i, plane in enumerate(image):
        finite = np.isfinite(plane)
        if not finite.all():
            where = (i, *(int(x) for x in np.argwhere(~finite)[0][:-1]))
            raise KerasbioError(
                f"the image is not finite at {where}: mend or replace such values before it is "
                "segmented"
            )


def _answer_shape(
    network: Network, image: np.ndarray, window: tuple[int, ...]
) -> tuple[tuple[int, ...], int]:
    """Return the spatial shape of the answer to a window, and its number of channels."""
    given = (1, *window, image.shape[-1])
    if network.body is None:
        shape = network.predict(read_window(image, (0,) * len(window), window)[None]).shape
    else:
        expected = network.body.inputs[0].shape
        if any(a not in (None, b) for a, b in zip(expected[1:], given[1:], strict=True)):
            raise ValueError(
                f"the network takes {expected[1:]}. Received: window={window} of an image of "
                f"{image.shape[-1]} channel(s)"
            )
        shape = network.body.compute_output_shape(given)
    tile = tuple(shape[1:-1])
    margins = [a - b for a, b in zip(window, tile, strict=False)]
    if len(shape) != len(given) or min(margins) < 0 or any(m % 2 for m in margins) or 0 in shape:
        raise ValueError(
            "the network must give logits (batch, *spatial, classes) for a window or for its "
            f"middle. Received: {tuple(shape)} for window={window}"
        )
    return tile, shape[-1]


def _result(
    spatial: tuple[int, ...], classes: int, probabilities: bool, out: np.ndarray | None
) -> np.ndarray:
    shape = (*spatial, classes) if probabilities else spatial
    kind = np.float32 if probabilities else np.uint8 if classes <= 256 else np.uint16
    if out is None:
        return np.empty(shape, kind)
    if out.shape != shape or out.dtype != kind:
        raise ValueError(
            f"out must be {np.dtype(kind).name} of shape {shape}. "
            f"Received: {out.dtype.name} of shape {out.shape}"
        )
    return out


def _predict(network: Network, windows: np.ndarray, flips: Sequence[int]) -> np.ndarray:
    """Return what the network gives for windows, averaged over their mirror images."""
    mirrored = [
        tuple(axis + 1 for axis in axes)
        for count in range(len(flips) + 1)
        for axes in itertools.combinations(flips, count)
    ]

    def mirror(axes: tuple[int, ...]) -> np.ndarray:
        answer = network.predict(np.flip(windows, axes))
        if not np.isfinite(answer).all():
            raise KerasbioError(
                "the network gives values that are not finite: its training diverged, or the "
                "image has another scale than what it was trained on"
            )
        return np.flip(answer, axes)

    total = functools.reduce(np.add, map(mirror, mirrored))
    return total / np.float32(len(mirrored)) if flips else total


def _answer(logits: np.ndarray, probabilities: bool) -> np.ndarray:
    """Return labels or probabilities of logits `(..., classes)`; one logit is of a sigmoid."""
    if logits.shape[-1] == 1:
        # A sigmoid that does not overflow.
        return (1 + np.tanh(logits / 2)) / 2 if probabilities else logits[..., 0] > 0
    if not probabilities:
        return logits.argmax(-1)
    found = np.exp(logits - logits.max(-1, keepdims=True))
    return found / found.sum(-1, keepdims=True)
