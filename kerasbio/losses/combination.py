"""Weighted sums of losses."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasbio.losses.base import full_precision
from kerasbio.losses.checks import number, numbers
from kerasbio.losses.crossentropy import BinaryCrossentropy, CategoricalCrossentropy
from kerasbio.losses.overlap import Dice


class WeightedSum(keras.losses.Loss):
    """A weighted sum of losses, each reduced and weighted by sample or voxel on its own.

    Where nothing is reduced, values of voxels are first averaged to one per sample.
    """

    def terms(self, y_pred: Any) -> list[tuple[keras.losses.Loss, float]]:
        """Return the losses of these predictions with their weights."""
        raise NotImplementedError

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the sum; arguments as in the losses."""
        terms = self.terms(y_pred)
        return self._sum((loss(y_true, y_pred, sample_weight), weight) for loss, weight in terms)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the sum of each sample, `(batch,)`."""
        return self._sum((loss.call(y_true, y_pred), w) for loss, w in self.terms(y_pred))

    def _sum(self, values: Any) -> Any:
        return sum(ops.cast(_by_sample(value), self.dtype) * weight for value, weight in values)


def _by_sample(values: Any) -> Any:
    behind = tuple(range(1, len(values.shape)))
    return ops.mean(values, axis=behind) if behind else values


@keras.saving.register_keras_serializable(package="kerasbio")
class Combined(WeightedSum):
    """A weighted sum of any Keras losses, for example `Combined([Dice(), Boundary()], [1, 0.01])`.

    Each loss reduces as it was told, and gets all sample weights and the mask.

    Args:
        losses: Losses, all of one `reduction`.
        weights: One number per loss; None is 1 for each.
        name: Name of the loss.

    Raises:
        ValueError: If there is no loss, something is no `keras.losses.Loss`, reductions differ, or
            weights are not as many as losses.
    """

    def __init__(
        self,
        losses: Sequence[keras.losses.Loss],
        weights: Sequence[float] | None = None,
        *,
        name: str | None = None,
    ):
        if (
            not isinstance(losses, Sequence)
            or not losses
            or not all(isinstance(loss, keras.losses.Loss) for loss in losses)
        ):
            raise ValueError(
                f"losses must be one or more keras.losses.Loss. Received: losses={losses}"
            )
        weights = [1.0] * len(losses) if weights is None else numbers("weights", weights)
        if len(weights) != len(losses):
            raise ValueError(
                f"weights must be one number for each of {len(losses)} losses. "
                f"Received: {len(weights)} numbers"
            )
        reductions = [loss.reduction for loss in losses]
        if len(set(reductions)) > 1:
            raise ValueError(f"losses must be of one reduction. Received: {reductions}")
        dtype = full_precision(losses[0].dtype)
        super().__init__(name=name, reduction=reductions[0], dtype=dtype)
        self.losses = list(losses)
        self.weights = weights

    def terms(self, y_pred: Any) -> list[tuple[keras.losses.Loss, float]]:
        return list(zip(self.losses, self.weights, strict=True))

    def get_config(self) -> dict:
        losses = [keras.saving.serialize_keras_object(loss) for loss in self.losses]
        return {"name": self.name, "losses": losses, "weights": self.weights}

    @classmethod
    def from_config(cls, config: dict) -> "Combined":
        """Return the loss that a configuration describes."""
        losses = [keras.saving.deserialize_keras_object(loss) for loss in config["losses"]]
        return cls(**{**config, "losses": losses})


@keras.saving.register_keras_serializable(package="kerasbio")
class DiceCrossentropy(WeightedSum):
    """Dice loss plus cross-entropy, the usual loss of segmentation.

    The cross-entropy is binary with one logit and categorical otherwise, of all classes,
    unweighted.

    Reference: [Isensee et al., nnU-Net, 2021](https://doi.org/10.1038/s41592-020-01008-z).

    Args:
        dice_weight: Factor of the Dice loss.
        crossentropy_weight: Factor of the cross-entropy.
        batch: As the other switches, of the Dice loss; see `Dice`.
        include_background: Whether class 0 counts in the Dice loss.
        squared: Whether the sums in its denominator are of squares.
        jaccard: Whether to divide by the union.
        smooth: Added to numerator and denominator, in voxels.
        from_logits: Whether predictions are logits, else probabilities.
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Type of the computation; None is Keras' float type.

    Raises:
        ValueError: If a weight is below 0, or as `Dice`.
    """

    def __init__(
        self,
        dice_weight: float = 1.0,
        crossentropy_weight: float = 1.0,
        *,
        batch: bool = False,
        include_background: bool = True,
        squared: bool = False,
        jaccard: bool = False,
        smooth: float = 1e-5,
        from_logits: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=full_precision(dtype))
        settings: dict[str, Any] = {
            "from_logits": from_logits, "reduction": reduction, "dtype": self.dtype
        }  # fmt: skip
        self.dice_weight = number("dice_weight", dice_weight, or_zero=True)
        self.crossentropy_weight = number("crossentropy_weight", crossentropy_weight, or_zero=True)
        self.dice = Dice(
            batch=batch,
            include_background=include_background,
            squared=squared,
            jaccard=jaccard,
            smooth=smooth,
            **settings,
        )
        self.binary = BinaryCrossentropy(**settings)
        self.categorical = CategoricalCrossentropy(**settings)

    def terms(self, y_pred: Any) -> list[tuple[keras.losses.Loss, float]]:
        crossentropy = self.binary if y_pred.shape[-1] == 1 else self.categorical
        return [(self.dice, self.dice_weight), (crossentropy, self.crossentropy_weight)]

    def get_config(self) -> dict:
        return {
            **self.dice.get_config(),
            "name": self.name,
            "dice_weight": self.dice_weight,
            "crossentropy_weight": self.crossentropy_weight,
        }
