"""Losses of the overlap between predicted and true regions."""

from typing import Any

import keras
from keras import ops

from kerasbio.losses.base import Weights
from kerasbio.losses.checks import number
from kerasbio.losses.region import RegionLoss

WEIGHTINGS = ("square", "simple", "uniform")


class Overlap(RegionLoss):
    """A loss from the sums of overlap, prediction and target of each class.

    Args:
        batch: Whether sums run over the batch, too.
        include_background: Whether class 0 counts.
        smooth: Added to numerator and denominator, in voxels: a class that is absent from target
            and prediction has the loss 0.
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.
    """

    def __init__(
        self,
        *,
        batch: bool = False,
        include_background: bool = True,
        smooth: float = 1e-5,
        from_logits: bool = True,
        **kwargs: Any,
    ):
        super().__init__(include_background=include_background, from_logits=from_logits, **kwargs)
        self.batch = batch
        self.smooth = number("smooth", smooth)

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        y_true, y_pred, voxels = self.regions(y_true, y_pred, weights)
        overlap = self.total(y_true * y_pred, voxels)
        if self.squares():
            y_true, y_pred = ops.square(y_true), ops.square(y_pred)
        return self.loss(overlap, self.total(y_pred, voxels), self.total(y_true, voxels))

    def squares(self) -> bool:
        """Return whether predictions and targets are squared before they are summed."""
        return False

    def loss(self, overlap: Any, predicted: Any, true: Any) -> Any:
        """Return losses `(batch,)` from sums `(batch, classes)`."""
        raise NotImplementedError

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "batch": self.batch,
            "include_background": self.include_background,
            "smooth": self.smooth,
        }


@keras.saving.register_keras_serializable(package="kerasbio")
class Dice(Overlap):
    """Soft Dice loss, 1 - 2 sum(p t) / (sum(p) + sum(t)), mean over the classes.

    Predictions are `(batch, *spatial, classes)`; targets are integers `(batch, *spatial)` or
    `(batch, *spatial, 1)`, or distributions of the shape of the predictions. There is one value
    per image, `(batch,)`, and one in all, `(1,)`, with `batch`. Voxels are weighted inside the
    sums.

    Reference: [Milletari et al., V-Net, 2016](https://arxiv.org/abs/1606.04797), section 3, which
    squares the sums below.

    Args:
        batch: Whether sums run over the batch, of one replica, too: steadier where a class is
            absent from many images.
        include_background: Whether class 0 counts.
        squared: Whether the sums in the denominator are of squares.
        jaccard: Whether to divide by the union: the Jaccard loss.
        smooth: Added to numerator and denominator, in voxels.
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If `smooth` is not above 0; when called, if there is no spatial axis or no
            class is left, shapes do not fit, or values are no labels or no probabilities.
    """

    def __init__(
        self,
        *,
        batch: bool = False,
        include_background: bool = True,
        squared: bool = False,
        jaccard: bool = False,
        smooth: float = 1e-5,
        from_logits: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            batch=batch,
            include_background=include_background,
            smooth=smooth,
            from_logits=from_logits,
            **kwargs,
        )
        self.squared = squared
        self.jaccard = jaccard

    def squares(self) -> bool:
        return self.squared

    def loss(self, overlap: Any, predicted: Any, true: Any) -> Any:
        below = predicted + true
        if self.jaccard:
            below = 2 * (below - overlap)
        return ops.mean(1 - (2 * overlap + self.smooth) / (below + self.smooth), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "squared": self.squared, "jaccard": self.jaccard}


@keras.saving.register_keras_serializable(package="kerasbio")
class GeneralizedDice(Overlap):
    """Dice loss of all classes together, each weighted by the inverse of its true volume.

    Weights are relative to that of the smallest class present, which absent classes get as well;
    so `smooth` means the same in volumes of any size. Shapes as in `Dice`.

    Reference: [Sudre et al., Generalised Dice overlap as a deep learning loss function,
    2017](https://arxiv.org/abs/1707.03237).

    Args:
        weighting: `"square"` for the inverse squared volume of the publication, `"simple"` for the
            inverse volume, `"uniform"` for none.
        batch: Whether sums and volumes run over the batch, too.
        include_background: Whether class 0 counts.
        smooth: Added to numerator and denominator, in voxels of the smallest class.
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If `weighting` is unknown, or as `Dice`.
    """

    def __init__(self, weighting: str = "square", **kwargs: Any):
        super().__init__(**kwargs)
        if weighting not in WEIGHTINGS:
            raise ValueError(
                f"weighting must be one of {', '.join(WEIGHTINGS)}. "
                f"Received: weighting={weighting!r}"
            )
        self.weighting = weighting

    def loss(self, overlap: Any, predicted: Any, true: Any) -> Any:
        power = {"square": 2, "simple": 1, "uniform": 0}[self.weighting]
        infinite = float("inf")
        least = ops.where(true > 0, true, infinite)
        least = ops.min(least, axis=-1, keepdims=True, initial=infinite)
        least = ops.where(ops.isinf(least), 1.0, least)
        weight = (least / ops.where(true > 0, true, least)) ** power
        overlap = ops.sum(weight * overlap, axis=-1)
        both = ops.sum(weight * (predicted + true), axis=-1)
        return 1 - (2 * overlap + self.smooth) / (both + self.smooth)

    def get_config(self) -> dict:
        return {**super().get_config(), "weighting": self.weighting}


@keras.saving.register_keras_serializable(package="kerasbio")
class Tversky(Overlap):
    """Tversky loss, 1 - TP / (TP + alpha FP + beta FN), mean over the classes.

    With `alpha` and `beta` of 0.5 it is the Dice loss of twice the `smooth`. Shapes as in `Dice`.

    Reference: [Salehi et al., Tversky loss function for image segmentation,
    2017](https://arxiv.org/abs/1706.05721).

    Args:
        alpha: Weight of false positives.
        beta: Weight of false negatives.
        **kwargs: `batch`, `include_background`, `smooth` and `from_logits` of `Dice`; `reduction`,
            `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If `alpha` or `beta` is below 0, or both are 0, or as `Dice`.
    """

    def __init__(self, alpha: float = 0.3, beta: float = 0.7, **kwargs: Any):
        super().__init__(**kwargs)
        if not (0 <= alpha < float("inf") and 0 <= beta < float("inf") and alpha + beta > 0):
            raise ValueError(
                "alpha and beta must be finite and at least 0, and not both 0. "
                f"Received: alpha={alpha}, beta={beta}"
            )
        self.alpha = float(alpha)
        self.beta = float(beta)

    def loss(self, overlap: Any, predicted: Any, true: Any) -> Any:
        return ops.mean(1 - self.index(overlap, predicted, true), axis=-1)

    def index(self, overlap: Any, predicted: Any, true: Any) -> Any:
        """Return the Tversky index of each class."""
        errors = self.alpha * (predicted - overlap) + self.beta * (true - overlap)
        return (overlap + self.smooth) / (overlap + errors + self.smooth)

    def get_config(self) -> dict:
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta}


@keras.saving.register_keras_serializable(package="kerasbio")
class FocalTversky(Tversky):
    """Focal Tversky loss, (1 - TI) ** gamma, mean over the classes; TI is the Tversky index.

    Abraham and Khan write 1 / gamma for the exponent and take 4/3: `gamma` 0.75 here. They weigh
    misses by 0.7 and false alarms by 0.3, as the defaults do. Shapes as in `Dice`.

    Reference: [Abraham and Khan, A novel focal Tversky loss function,
    2019](https://arxiv.org/abs/1810.07842).

    Args:
        alpha: Weight of false positives.
        beta: Weight of false negatives.
        gamma: Exponent, above 0.
        **kwargs: As in `Tversky`.

    Raises:
        ValueError: If `gamma` is not above 0, or as `Tversky`.
    """

    def __init__(self, alpha: float = 0.3, beta: float = 0.7, gamma: float = 0.75, **kwargs: Any):
        super().__init__(alpha, beta, **kwargs)
        self.gamma = number("gamma", gamma)

    def loss(self, overlap: Any, predicted: Any, true: Any) -> Any:
        miss = 1 - self.index(overlap, predicted, true)
        # A power below 1 is infinitely steep at 0: linear from there to epsilon.
        steepness = ops.power(ops.maximum(miss, keras.config.epsilon()), self.gamma - 1)
        return ops.mean(miss * steepness, axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "gamma": self.gamma}
