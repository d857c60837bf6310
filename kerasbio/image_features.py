"""Hand-made features of images, and the space in which they are points."""

import numpy as np

GREY_LEVELS = 16
OFFSETS = ((0, 1), (1, 0), (1, 1), (1, -1))
DISTANCES = (1, 3)
ORIENTATIONS = 9
CHUNK = 256
#: Deviations beyond which a feature is cut.
DEVIATIONS = 4.0
#: Features of each kind, in the order of `image_features`.
FEATURE_GROUPS = (256, 13, 32, 160, 576)
COLOUR_BLOCKS = 8


def feature_groups(channels: int) -> tuple[int, ...]:
    """Return the number of features of each kind, of which colour is the last."""
    colour = channels * (COLOUR_BLOCKS**2 + FEATURE_GROUPS[1])
    return (*FEATURE_GROUPS, colour) if channels > 1 else FEATURE_GROUPS


def image_features(images: np.ndarray) -> np.ndarray:
    """Return classical features of images: pixels, intensity, texture and orientation.

    Args:
        images: `(images, height, width, channels)`. Height and width at least 16 pixels.

    Returns:
        `(images, features)` float32: of the mean over the channels its pixels averaged to
        16 x 16, moments and percentiles, grey-level co-occurrence, local binary patterns and
        gradient orientations; where there are several channels also how each differs from that
        mean, averaged to 8 x 8, with moments and percentiles.
    """
    # In chunks: co-occurrence takes some forty times the memory of the images.
    chunks = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    return np.concatenate([_features(chunk) for chunk in chunks])


def _features(images: np.ndarray) -> np.ndarray:
    images = np.asarray(images, np.float32)
    grey = images.mean(axis=-1)
    parts = [
        _blocks(grey, 16).reshape(len(grey), -1),
        _intensity(grey),
        cooccurrence_features(grey),
        local_binary_patterns(grey),
        oriented_gradients(grey),
    ]
    if images.shape[-1] > 1:
        for channel in np.moveaxis(images - grey[..., None], -1, 0):
            blocks = _blocks(channel, COLOUR_BLOCKS).reshape(len(grey), -1)
            parts += [blocks, _intensity(channel)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def cooccurrence_features(grey: np.ndarray) -> np.ndarray:
    """Return contrast, homogeneity, energy and correlation of grey-level co-occurrence.

    Reference: [Haralick et al., Textural features for image classification,
    1973](https://doi.org/10.1109/TSMC.1973.4309314).

    Args:
        grey: `(images, height, width)`; each image is cut into 16 levels of equal width between
            its 1st and 99th percentile.

    Returns:
        `(images, 32)`: four measures at four directions and distances of 1 and 3 pixels.
    """
    low, high = np.percentile(grey, (1, 99), axis=(1, 2))[..., None, None]
    levels = (grey - low) / np.maximum(high - low, 1e-12) * GREY_LEVELS
    levels = np.clip(levels, 0, GREY_LEVELS - 1).astype(np.int64)
    found = [
        _cooccurrence(levels, dy * distance, dx * distance)
        for distance in DISTANCES
        for dy, dx in OFFSETS
    ]
    return np.concatenate(found, axis=1)


def _cooccurrence(levels: np.ndarray, dy: int, dx: int) -> np.ndarray:
    count, height, width = levels.shape
    first = levels[:, : height - dy, max(0, -dx) : width - max(0, dx)]
    second = levels[:, dy:, max(0, dx) : width + min(0, dx)]
    index = np.arange(count)[:, None, None] * GREY_LEVELS**2 + first * GREY_LEVELS + second
    pairs = np.bincount(index.ravel(), minlength=count * GREY_LEVELS**2)
    table = pairs.reshape(count, GREY_LEVELS, GREY_LEVELS).astype(float)
    table += table.transpose(0, 2, 1)
    table /= table.sum(axis=(1, 2), keepdims=True)
    i, j = np.indices((GREY_LEVELS, GREY_LEVELS))
    mean = (table * i).sum((1, 2))
    variance = (table * i**2).sum((1, 2)) - mean**2
    product = (table * i * j).sum((1, 2)) - mean**2
    return np.stack(
        [
            (table * (i - j) ** 2).sum((1, 2)),
            (table / (1 + (i - j) ** 2)).sum((1, 2)),
            np.sqrt((table**2).sum((1, 2))),
            np.where(variance > 1e-12, product / np.maximum(variance, 1e-12), 1.0),
        ],
        axis=1,
    )


def local_binary_patterns(grey: np.ndarray) -> np.ndarray:
    """Return histograms of rotation-invariant uniform local binary patterns.

    Reference: [Ojala et al., Multiresolution gray-scale and rotation invariant texture
    classification, 2002](https://doi.org/10.1109/TPAMI.2002.1017623), 8 neighbours, radius 1.

    Args:
        grey: `(images, height, width)`.

    Returns:
        `(images, 4 * 4 * 10)`: shares of the ten patterns in each of 4 x 4 parts. Patterns 0 to
        8 are the number of brighter neighbours of a uniform pattern, 9 is all others.
    """
    height, width = grey.shape[1:]
    centre = grey[:, 1:-1, 1:-1]
    ring = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
    bits = np.stack(
        [grey[:, 1 + y : height - 1 + y, 1 + x : width - 1 + x] >= centre for y, x in ring]
    )
    changes = (bits != np.roll(bits, 1, axis=0)).sum(0)
    patterns = np.where(changes <= 2, bits.sum(0), 9)
    return _histograms(patterns, np.ones(patterns.shape), 10, 4).reshape(len(grey), -1)


def oriented_gradients(grey: np.ndarray) -> np.ndarray:
    """Return histograms of oriented gradients.

    Reference: [Dalal and Triggs, 2005](https://doi.org/10.1109/CVPR.2005.177), unsigned, 9
    bins, each part normalized by its own length.

    Args:
        grey: `(images, height, width)`.

    Returns:
        `(images, 8 * 8 * 9)`: shares of the orientations, weighted by magnitude, in 8 x 8 parts.
    """
    dy, dx = np.gradient(grey, axis=(1, 2))
    angle = np.arctan2(dy, dx) % np.pi
    bins = np.minimum((angle / np.pi * ORIENTATIONS).astype(int), ORIENTATIONS - 1)
    found = _histograms(bins, np.hypot(dy, dx), ORIENTATIONS, 8)
    found /= np.sqrt((found**2).sum(-1, keepdims=True)) + 1e-6
    return found.reshape(len(grey), -1)


def _histograms(values: np.ndarray, weights: np.ndarray, bins: int, parts: int) -> np.ndarray:
    """Return `(images, parts, parts, bins)` weighted shares of small integers."""
    count, height, width = values.shape
    row = np.arange(height) * parts // height
    column = np.arange(width) * parts // width
    cell = row[:, None] * parts + column[None, :]
    index = (np.arange(count)[:, None, None] * parts**2 + cell) * bins + values
    total = np.bincount(index.ravel(), weights.ravel(), minlength=count * parts**2 * bins)
    area = np.bincount(cell.ravel(), minlength=parts**2).reshape(parts, parts, 1)
    return total.reshape(count, parts, parts, bins) / area


def _blocks(grey: np.ndarray, side: int) -> np.ndarray:
    rows = np.arange(side) * grey.shape[1] // side
    columns = np.arange(side) * grey.shape[2] // side
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=1), columns, axis=2)
    ones = np.ones((1, *grey.shape[1:]), np.float32)
    return sums / np.add.reduceat(np.add.reduceat(ones, rows, axis=1), columns, axis=2)


def _intensity(grey: np.ndarray) -> np.ndarray:
    flat = grey.reshape(len(grey), -1)
    mean, deviation = flat.mean(1), flat.std(1) + 1e-12
    centred = (flat - mean[:, None]) / deviation[:, None]
    moments = [mean, deviation, (centred**3).mean(1), (centred**4).mean(1)]
    percentiles = np.percentile(flat, (1, 5, 10, 25, 50, 75, 90, 95, 99), axis=1)
    return np.concatenate([np.stack(moments), percentiles]).T


class FeatureSpace:
    """The features of `image_features`, standardized, with every kind of feature alike heavy.

    Pixels, intensity, two kinds of texture, orientation and, in colour images, colour count the
    same, however many features each has; what lies beyond four deviations counts as four.
    Nothing in it was learned by a network, so that it favours none.

    Args:
        images: `(images, height, width, channels)`, whose means and deviations are the scale.
    """

    def __init__(self, images: np.ndarray):
        features = image_features(images).astype(np.float64)
        self.mean = features.mean(0)
        self.deviation = features.std(0)
        # What never varies among the images says nothing about how far others are from them.
        self.used = self.deviation > 1e-6
        total, groups = features.shape[1], feature_groups(images.shape[-1])
        shares = [np.full(n, total / (len(groups) * n)) for n in groups]
        self.scale = np.sqrt(np.concatenate(shares)) / np.where(self.used, self.deviation, 1.0)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return `(images, features)` float64 of images like those it was made from."""
        centred = image_features(images).astype(np.float64) - self.mean
        # Beyond the reach of real images one feature alone would decide a distance.
        reach = DEVIATIONS * np.where(self.used, self.deviation, 0.0)
        return (np.clip(centred, -reach, reach) * self.scale)[:, self.used]
