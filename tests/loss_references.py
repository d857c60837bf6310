"""The losses once more, in NumPy and SciPy, from their definitions: loops, float64."""

import itertools

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.special import xlogy
from scipy.stats import entropy


def squared(t, p):
    return ((t - p) ** 2).mean(-1)


def absolute(t, p):
    return abs(t - p).mean(-1)


def huber(t, p, delta):
    error = abs(t - p)
    return np.where(error <= delta, error**2 / 2, delta * error - delta**2 / 2).mean(-1)


def gaussian_kl(t, p):
    (m, a), (mean, log) = np.split(t, 2, -1), np.split(p, 2, -1)
    return 0.5 * (a - log + (np.exp(log) + (mean - m) ** 2) / np.exp(a) - 1).sum(-1)


def pair(x):
    return np.concatenate([1 - x, x], -1) if x.shape[-1] == 1 else x


def binary(t, p, weights=(1, 1)):
    return -(weights[1] * xlogy(t, p) + weights[0] * xlogy(1 - t, 1 - p)).mean(-1)


def categorical(t, p, weights=None):
    """SciPy's entropy plus divergence where no class weighs more."""
    if weights is None:
        return entropy(t, axis=-1) + entropy(t, p, axis=-1)
    return -(np.array(weights) * xlogy(t, p)).sum(-1)


def divergence(t, p):
    return entropy(pair(t), pair(p), axis=-1)


def focal(t, p, gamma, weights=None):
    t, p = pair(t), pair(p)
    return -((1 if weights is None else np.array(weights)) * t * (1 - p) ** gamma * np.log(p)).sum(
        -1
    )


def regions(t, p, batch=False, include_background=True):
    """Yield, per image or once, the pairs (target, prediction) of each class."""
    classes = range(0 if include_background else 1, t.shape[-1])
    if batch:
        t, p = t[None], p[None]
    for target, prediction in zip(t, p, strict=True):
        yield [(target[..., c], prediction[..., c]) for c in classes]


def dice(t, p, squared=False, jaccard=False, smooth=1e-5, **which):
    def one(t, p):
        power = 2 if squared else 1
        below = (p**power).sum() + (t**power).sum()
        if jaccard:
            below = 2 * (below - (p * t).sum())
        return 1 - (2 * (p * t).sum() + smooth) / (below + smooth)

    return np.array([np.mean([one(*c) for c in image]) for image in regions(t, p, **which)])


def generalized_dice(t, p, power, **which):
    """Without smoothing; absent classes weigh as the smallest present one."""
    values = []
    for image in regions(t, p, **which):
        volumes = np.array([target.sum() for target, _ in image])
        volumes = np.where(volumes > 0, volumes, min([v for v in volumes if v > 0], default=1))
        weights = 1 / volumes**power
        above = sum(w * (t * p).sum() for w, (t, p) in zip(weights, image, strict=True))
        below = sum(w * (t + p).sum() for w, (t, p) in zip(weights, image, strict=True))
        values.append(1 - 2 * above / below)
    return np.array(values)


def tversky(t, p, alpha, beta, gamma=1, smooth=1e-5, **which):
    def one(t, p):
        hit, false, missed = (t * p).sum(), ((1 - t) * p).sum(), (t * (1 - p)).sum()
        return (1 - (hit + smooth) / (hit + alpha * false + beta * missed + smooth)) ** gamma

    return np.array([np.mean([one(*c) for c in image]) for image in regions(t, p, **which)])


def signed_distance(inside, spacing):
    if inside.all() or not inside.any():
        return np.zeros(inside.shape)
    outer = distance_transform_edt(~inside, sampling=spacing)
    return outer - distance_transform_edt(inside, sampling=spacing)


def naive_distance(inside, spacing):
    """By the definition: every pair of voxels."""
    places = np.array(list(itertools.product(*map(range, inside.shape)))) * np.array(spacing)
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    flat = inside.ravel()
    nearest = [apart[i][flat != flat[i]].min() * (-1 if flat[i] else 1) for i in range(flat.size)]
    return np.array(nearest).reshape(inside.shape)


def boundary(t, p, spacing, **which):
    values = []
    for image in regions(t, p, **which):
        sizes = np.broadcast_to(spacing, image[0][0].ndim)
        values.append(np.mean([p * signed_distance(t >= 0.5, sizes) for t, p in image]))
    return np.array(values)
