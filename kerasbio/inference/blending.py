"""Where windows lie in an image, how much each counts, and their weighted sum."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

BLENDS = ("gaussian", "constant")


class Tile(NamedTuple):
    """The stretch of an axis that one window answers for.

    Attributes:
        start: First position.
        weights: `(tile,)` float32, how much this tile counts at each position; over all tiles of
            the axis they sum to 1.
    """

    start: int
    weights: np.ndarray


def tiles(size: int, tile: int, overlap: float, multiple: int, blend: str) -> list[Tile]:
    """Cover an axis with tiles at even distances.

    Args:
        size: Length of the axis.
        tile: Length of a tile.
        overlap: Least share of a tile that the next one covers too, where `multiple` allows.
        multiple: Every start is a multiple of this.
        blend: `"gaussian"` weighs with a standard deviation of an eighth of the tile,
            `"constant"` with the same everywhere.

    Returns:
        The tiles from first to last; the last may reach past the end.
    """
    stride = max(multiple, int(tile * (1 - overlap) + 1e-6) // multiple * multiple)
    last = -(-max(size - tile, 0) // multiple)
    count = -(-last * multiple // stride)
    starts = [i * last // max(count, 1) * multiple for i in range(count + 1)]
    bell = np.ones(tile)
    if blend == "gaussian":
        bell = np.exp(-0.5 * ((np.arange(tile) - (tile - 1) / 2) / (tile / 8)) ** 2)
    total = np.zeros(starts[-1] + tile)
    for start in starts:
        total[start : start + tile] += bell
    return [
        Tile(start, (bell / total[start : start + tile]).astype(np.float32)) for start in starts
    ]


def read_window(image: np.ndarray, starts: Sequence[int], window: Sequence[int]) -> np.ndarray:
    """Return a window of an image, which is mirrored where the window reaches past it.

    Args:
        image: `(*spatial, channels)`.
        starts: First position along each axis, below 0 before the image.
        window: Size along each axis.

    Returns:
        `(*window, channels)` float32.
    """
    positions = []
    for start, length, size in zip(starts, window, image.shape, strict=False):
        turn = max(2 * size - 2, 1)
        there = np.arange(start, start + length) % turn
        positions.append(np.minimum(there, turn - there) if size > 1 else there)
    return np.asarray(image[np.ix_(*positions)], np.float32)


def blended_slices(
    predict: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    window: Sequence[int],
    axes: Sequence[Sequence[Tile]],
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Blend the answers to all windows of an image, keeping a slab as thick as a tile.

    Args:
        predict: From windows `(batch, *window, channels)` to `(batch, *tile, features)`.
        image: `(*spatial, channels)`.
        window: Size of a window; tiles are its middle.
        axes: The tiles of each axis.
        batch_size: Windows of a batch.

    Yields:
        `(*spatial[1:], features)` for each position of the first axis in turn, valid until the
        next is asked for.
    """
    tile = [len(axis[0].weights) for axis in axes]
    margins = [(a - b) // 2 for a, b in zip(window, tile, strict=True)]
    extent = [axis[-1].start + length for axis, length in zip(axes[1:], tile[1:], strict=True)]
    inside = tuple(slice(size) for size in image.shape[1:-1])
    places = list(itertools.product(*axes[1:]))
    slab = np.empty(0)
    for row, following in itertools.zip_longest(axes[0], axes[0][1:]):
        for begin in range(0, len(places), batch_size):
            batch = [(row, *place) for place in places[begin : begin + batch_size]]
            corners = [[t.start - m for t, m in zip(p, margins, strict=True)] for p in batch]
            windows = np.stack([read_window(image, corner, window) for corner in corners])
            answers = predict(windows)
            if not slab.size:
                slab = np.zeros((tile[0], *extent, answers.shape[-1]), np.float32)
            for place, answer in zip(batch, answers, strict=True):
                where = [slice(t.start, t.start + len(t.weights)) for t in place[1:]]
                weights = functools.reduce(np.multiply.outer, [t.weights for t in place])
                slab[(slice(None), *where)] += answer * weights[..., None]
        finished = following.start - row.start if following else len(image) - row.start
        for i in range(finished):
            yield slab[i][inside]
        for i in range(tile[0]):
            # One at a time: NumPy would copy all to move them by less than their length.
            slab[i] = slab[i + finished] if i + finished < tile[0] else 0
