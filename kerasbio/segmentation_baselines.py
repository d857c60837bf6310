"""What one would try before a segmentation network: intensity thresholds, a voxel classifier."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasbio.inference.components import remove_small_components

#: Standard deviations in voxels of the smoothing before thresholds, to choose from.
SMOOTHINGS = (0.0, 1.0, 2.0)
#: Powers of the prior of a class: 1 decides for the most probable class, 0 as if all were equal.
PRIOR_POWERS = (1.0, 0.75, 0.5, 0.25, 0.0)
#: Smallest components to keep, in voxels, to choose from.
SMALLEST = (0, 8, 32)
#: Cells of the intensity scale, between its extremes in training.
CELLS = 128
#: Widths in voxels of the filters of the voxel classifier.
SCALES = (1.0, 2.0, 4.0)
#: Most voxels that it is fitted to; most cases, and voxels of them, that settings are chosen on.
VOXELS, CHOSEN_ON, CHOSEN_VOXELS = 40_000, 40, 600_000


class VoxelSegmenter:
    """Tells the class of each voxel by itself, then drops small components.

    Args:
        posterior: From an image `(*spatial, channels)` to probabilities `(*spatial, classes)`.
        priors: `(classes,)`, share of the voxels.
        power: Power of the prior that decisions are made with.
        smallest: Voxels of the smallest component that is kept.
    """

    def __init__(
        self,
        posterior: Callable[[np.ndarray], np.ndarray],
        priors: np.ndarray,
        power: float = 1.0,
        smallest: int = 0,
    ):
        self.posterior, self.priors = posterior, priors
        self.power, self.smallest = power, smallest

    def predict_proba(self, image: np.ndarray) -> np.ndarray:
        """Return probabilities `(*spatial, classes)` of an image `(*spatial, channels)`."""
        return self.posterior(image)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the mask `(*spatial)` that probabilities give."""
        mask = np.argmax(probabilities * self.priors ** (self.power - 1), axis=-1)
        return remove_small_components(mask, (1.0,) * mask.ndim, self.smallest)


def fit_thresholds(
    images: Sequence[np.ndarray], masks: Sequence[np.ndarray], num_classes: int, seed: int = 0
) -> VoxelSegmenter:
    """Fit the best thresholds of a smoothed intensity.

    For each cell of the intensity scale the share of each class is counted, which is the best that
    any number of thresholds can do. Smoothing, prior and smallest component are those of the best
    mean Dice on training cases.

    Args:
        images: `(*spatial, channels)` each, of training cases; the first channel is used.
        masks: `(*spatial)` integers each.
        num_classes: Number of values of the masks.
        seed: Seed of the choice of cases.

    Returns:
        The fitted segmenter.
    """
    order = np.random.default_rng(seed).permutation(len(images))
    chosen = order[: _affordable(masks, order)]
    images, masks = [images[i] for i in chosen], [masks[i] for i in chosen]
    return max(
        (
            _tune(_histogram(images, masks, num_classes, smoothing), images, masks, num_classes)
            for smoothing in SMOOTHINGS
        ),
        key=lambda found: found[0],
    )[1]


def fit_voxel_classifier(
    images: Sequence[np.ndarray], masks: Sequence[np.ndarray], num_classes: int, seed: int = 0
) -> VoxelSegmenter:
    """Fit gradient-boosted trees to filters of several widths and to the place in the image.

    It is what interactive tools of the field fit to a user's strokes. Prior and smallest component
    are chosen on training cases that it was not fitted to.

    Args:
        images: `(*spatial, channels)` each, of training cases.
        masks: `(*spatial)` integers each.
        num_classes: Number of values of the masks.
        seed: Seed of the choice of cases and voxels.

    Returns:
        The fitted segmenter.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(seed)
    order = random.permutation(len(images))
    held = order[: max(1, min(_affordable(masks, order), len(order) // 4))]
    fit = order[len(held) :] if len(order) > len(held) else order
    columns, targets = [], []
    share = max(1, VOXELS // (num_classes * len(fit)))
    for i in fit:
        features, labels = voxel_features(images[i]), masks[i].ravel()
        # As many voxels of each class: a lesion is a thousandth of a scan.
        places = [np.flatnonzero(labels == k) for k in range(num_classes)]
        taken = np.concatenate([random.permutation(place)[:share] for place in places])
        columns.append(features[taken])
        targets.append(labels[taken])
    # A round is a tree for each class: with many classes fewer of them, each of more weight.
    rounds = max(25, 180 // num_classes)
    model = HistGradientBoostingClassifier(
        learning_rate=5 / rounds, max_iter=rounds, max_leaf_nodes=31, random_state=seed
    )
    target = np.concatenate(targets)
    # More threads than free cores wait for one another: ten times slower was measured.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(np.concatenate(columns), target)
    sampled = np.bincount(target, minlength=num_classes) / len(target)
    counts = np.stack([np.bincount(masks[i].ravel(), minlength=num_classes) for i in fit]).sum(0)
    priors = np.maximum(counts / counts.sum(), 1e-9)
    known = model.classes_

    def posterior(image: np.ndarray) -> np.ndarray:
        found = np.zeros((image[..., 0].size, num_classes))
        with threadpool_limits(1, user_api="openmp"):
            found[:, known] = model.predict_proba(voxel_features(image)) / sampled[known]
        found *= priors
        found /= found.sum(axis=1, keepdims=True)
        return found.reshape(*image.shape[:-1], num_classes)

    segmenter = VoxelSegmenter(posterior, priors)
    _, best = _tune(segmenter, [images[i] for i in held], [masks[i] for i in held], num_classes)
    return best


def voxel_features(image: np.ndarray) -> np.ndarray:
    """Return `(voxels, features)` float32 of an image `(*spatial, channels)`.

    For each channel: the intensity, and for each width its Gaussian mean, gradient magnitude,
    Laplacian and standard deviation; then the place of the voxel, from 0 to 1 per axis.
    """
    from scipy import ndimage

    columns = []
    for channel in np.moveaxis(np.asarray(image, np.float32), -1, 0):
        columns.append(channel)
        squared = channel**2
        for width in SCALES:
            mean = ndimage.gaussian_filter(channel, width)
            columns.append(mean)
            columns.append(ndimage.gaussian_gradient_magnitude(channel, width))
            columns.append(ndimage.gaussian_laplace(channel, width))
            variance = ndimage.gaussian_filter(squared, width) - mean**2
            columns.append(np.sqrt(np.maximum(variance, 0)))
    axes = [np.linspace(0, 1, size, dtype=np.float32) for size in image.shape[:-1]]
    columns += np.meshgrid(*axes, indexing="ij")
    return np.stack([column.ravel() for column in columns], axis=1)


def _histogram(
    images: Sequence[np.ndarray], masks: Sequence[np.ndarray], num_classes: int, smoothing: float
) -> VoxelSegmenter:
    from scipy import ndimage

    def smooth(image: np.ndarray) -> np.ndarray:
        channel = np.asarray(image[..., 0], np.float32)
        return ndimage.gaussian_filter(channel, smoothing) if smoothing else channel

    smoothed = [smooth(image) for image in images]
    low = min(float(image.min()) for image in smoothed)
    high = max(float(image.max()) for image in smoothed)
    scale = CELLS / max(high - low, 1e-12)

    def cells(image: np.ndarray) -> np.ndarray:
        return np.clip((image - low) * scale, 0, CELLS - 1).astype(np.intp)

    counts = np.zeros((CELLS, num_classes))
    for image, mask in zip(smoothed, masks, strict=True):
        np.add.at(counts, (cells(image).ravel(), mask.ravel()), 1)
    # Neighbouring cells speak for one another where a cell holds few voxels.
    counts = ndimage.gaussian_filter1d(counts, 1.0, axis=0)
    priors = np.maximum(counts.sum(axis=0) / counts.sum(), 1e-9)
    # An empty cell knows no more than that.
    counts += 1e-9 * priors
    table = counts / counts.sum(axis=1, keepdims=True)
    return VoxelSegmenter(lambda image: table[cells(smooth(image))], priors)


def _affordable(masks: Sequence[np.ndarray], order: np.ndarray) -> int:
    """Return how many cases, in this order, settings are chosen on: at least two."""
    total = np.cumsum([masks[i].size for i in order[:CHOSEN_ON]])
    return max(2, int(np.searchsorted(total, CHOSEN_VOXELS, side="right")))


def _tune(
    segmenter: VoxelSegmenter,
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    num_classes: int,
) -> tuple[float, VoxelSegmenter]:
    """Return the best mean Dice and the segmenter with the settings that give it."""
    probabilities = [segmenter.posterior(image) for image in images]
    best: tuple[float, Any] = (-1.0, None)
    for power in PRIOR_POWERS:
        for smallest in SMALLEST:
            made = VoxelSegmenter(segmenter.posterior, segmenter.priors, power, smallest)
            scores = [
                _dice(mask, made.decide(p), num_classes)
                for p, mask in zip(probabilities, masks, strict=True)
            ]
            if np.mean(scores) > best[0]:
                best = (float(np.mean(scores)), made)
    return best


def _dice(truth: np.ndarray, guess: np.ndarray, num_classes: int) -> float:
    pairs = truth.ravel().astype(np.intp) * num_classes + guess.ravel()
    pairs = np.bincount(pairs, minlength=num_classes**2)
    table = pairs.reshape(num_classes, num_classes)
    both = table.sum(axis=0) + table.sum(axis=1)
    scores = np.where(both > 0, 2 * np.diag(table) / np.maximum(both, 1), 1.0)
    return float(scores[1:].mean())
