"""What one would try before a deep network: hand-made features and logistic regression."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasbio.image_features import image_features

REGULARIZATIONS = (1e-4, 1e-3, 1e-2, 1e-1)
FOLDS = 3


class ImageBaseline:
    """Logistic regression on `image_features`."""

    def __init__(self, model: Any, regularization: float):
        self.model = model
        #: Inverse strength of the L2 penalty that cross-validation chose.
        self.regularization = regularization

    def predict_proba(self, images: np.ndarray) -> np.ndarray:
        """Return probabilities `(images, classes)`."""
        return self.model.predict_proba(image_features(images))


def fit_image_baseline(
    images: np.ndarray, labels: np.ndarray, subjects: np.ndarray, seed: int = 0
) -> ImageBaseline:
    """Fit logistic regression to features, its penalty chosen by cross-validation by subject.

    Args:
        images: `(images, height, width, channels)`.
        labels: `(images,)` integers; every class is present.
        subjects: `(images,)`; no subject is in two folds.
        seed: Seed of the folds.

    Returns:
        The fitted baseline.
    """
    features = image_features(images)
    model, strength = fit_regression(features, labels, subjects, REGULARIZATIONS, seed)
    return ImageBaseline(model, strength)


def fit_regression(
    features: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray,
    strengths: Sequence[float],
    seed: int = 0,
) -> tuple[Any, float]:
    """Fit logistic regression, its penalty chosen by cross-validation by subject.

    With one subject in a class there is nothing to validate on: the middle penalty is taken.

    Args:
        features: `(cases, features)`.
        labels: `(cases,)` integers; every class is present.
        subjects: `(cases,)`; no subject is in two folds.
        strengths: Inverse strengths of the L2 penalty to choose from.
        seed: Seed of the folds.

    Returns:
        The fitted model, with `predict_proba(features)`, and the strength chosen.
    """
    folds = subject_folds(labels, subjects, seed)
    best = choose_strength(fit_logistic, features, labels, folds, strengths)
    return fit_logistic(best, features, labels), best


def choose_strength(
    fit: Callable[[float, np.ndarray, np.ndarray], Any],
    features: np.ndarray,
    labels: np.ndarray,
    folds: Sequence[tuple[np.ndarray, np.ndarray]],
    strengths: Sequence[float],
) -> float:
    """Return the strength with the least loss on what was held out; the middle one without folds.

    Args:
        fit: Function of a strength, features and labels that returns a fitted model.
        features: `(cases, features)`.
        labels: `(cases,)`, integers or values.
        folds: Indices to fit on and indices held out, of each fold.
        strengths: To choose from.
    """
    if not len(folds):
        return strengths[len(strengths) // 2]
    losses = np.zeros(len(strengths))
    for seen, held in folds:
        for k, strength in enumerate(strengths):
            model = fit(strength, features[seen], labels[seen])
            losses[k] += _losses(model, features[held], labels[held]).sum()
    return strengths[int(np.argmin(losses))]


def _losses(model: Any, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the negative logarithm of the probability of each label, or the squared error."""
    if not hasattr(model, "predict_proba"):
        return np.square(model.predict(features) - labels)
    known = np.searchsorted(model.classes_, labels)
    probabilities = model.predict_proba(features)[np.arange(len(labels)), known]
    return -np.log(np.maximum(probabilities, 1e-12))


def subject_folds(
    labels: np.ndarray, subjects: np.ndarray, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds to choose by: no subject is in two, and every class is in each part to fit.

    Args:
        labels: `(cases,)` integers.
        subjects: `(cases,)`, who each case is of.
        seed: Seed of the folds.

    Returns:
        Indices to fit on and indices held out, of each fold; none where a class has one subject.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    names = np.unique(labels)
    count = min(FOLDS, *(len(np.unique(subjects[labels == k])) for k in names))
    if count < 2:
        return []
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    folds = splitter.split(labels, labels, subjects)
    return [(fit, held) for fit, held in folds if len(np.unique(labels[fit])) == len(names)]


def fit_oracle(causes: np.ndarray, labels: np.ndarray) -> Any:
    """Fit logistic regression to the true causes: what one who saw them could tell.

    No image shows the causes without noise: this is a bound that no reader of images reaches.

    Args:
        causes: `(cases, causes)`, what the generator drew.
        labels: `(cases,)` integers.

    Returns:
        A model with `predict_proba(causes)`.
    """
    return fit_logistic(10.0, causes, labels)


class PixelGaussian:
    """A Gaussian with the mean and the covariance of the pixels of some images.

    Args:
        images: `(images, height, width, channels)` in [-1, 1].
    """

    def __init__(self, images: np.ndarray):
        self.shape = images.shape[1:]
        flat = images.reshape(len(images), -1).astype(np.float64)
        self.mean = flat.mean(0)
        # As good a root of the covariance as its factor, however many pixels there are.
        self.root = (flat - self.mean) / np.sqrt(len(flat) - 1)

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Return `(count, height, width, channels)` float32 images, cut to [-1, 1]."""
        drawn = np.random.default_rng(seed).normal(size=(count, len(self.root)))
        images = np.clip(self.mean + drawn @ self.root, -1, 1)
        return images.reshape(count, *self.shape).astype(np.float32)


def fit_logistic(strength: float, features: np.ndarray, labels: np.ndarray) -> Any:
    """Fit logistic regression to standardized features; `strength` is the inverse penalty."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = LogisticRegression(C=strength, max_iter=300, tol=1e-3)
    return make_pipeline(StandardScaler(), model).fit(features, labels)
