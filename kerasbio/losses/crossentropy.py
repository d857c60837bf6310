"""Losses from the log-probability of the true class, one value per sample or voxel."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from kerasbio.losses.base import Weights
from kerasbio.losses.checks import check_class_weights, number, numbers
from kerasbio.losses.targets import LOWEST_LOG, ClassLoss, both_classes, require_distribution

#: One number for each class, by its index where it is a dict.
ClassWeights = Sequence[float] | Mapping[int, float]


class _Weighted(ClassLoss):
    def __init__(self, *, class_weights: ClassWeights | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.class_weights = None
        if class_weights is not None:
            self.class_weights = numbers("class_weights", class_weights)

    def crossentropy(self, y_true: Any, log_probabilities: Any) -> Any:
        """Return `(...)` from targets and log-probabilities `(..., classes)`."""
        check_class_weights(self.class_weights, y_true.shape[-1])
        if self.class_weights is not None:
            y_true = y_true * ops.convert_to_tensor(self.class_weights, dtype=y_true.dtype)
        return -ops.sum(y_true * log_probabilities, axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "class_weights": self.class_weights}


@keras.saving.register_keras_serializable(package="kerasbio")
class BinaryCrossentropy(_Weighted):
    """Cross-entropy of sigmoid outputs: one class, or several labels that do not exclude others.

    Predictions are `(batch, *spatial, labels)`, targets 0, 1 or between of the same shape, or
    without the last axis where it is 1. The mean is taken over the last axis.

    Args:
        class_weights: Weights (negative, positive) of each label's two classes.
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If `class_weights` are not two; when called, if shapes differ, or a target or
            probability is not within 0 and 1.
    """

    def __init__(
        self,
        *,
        class_weights: ClassWeights | None = None,
        from_logits: bool = True,
        **kwargs: Any,
    ):
        super().__init__(class_weights=class_weights, from_logits=from_logits, **kwargs)
        check_class_weights(self.class_weights, 2)

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        y_true, y_pred = self.binary(y_true, y_pred, weights)
        log = self.log_probabilities(ops.expand_dims(y_pred, -1))
        pairs = self.crossentropy(both_classes(ops.expand_dims(y_true, -1)), log)
        return ops.mean(pairs, axis=-1)


@keras.saving.register_keras_serializable(package="kerasbio")
class CategoricalCrossentropy(_Weighted):
    """Cross-entropy of softmax outputs.

    Predictions are `(batch, *spatial, classes)`; targets are integers `(batch, *spatial)` or
    `(batch, *spatial, 1)`, or distributions of the shape of the predictions.

    Args:
        class_weights: One weight per class, multiplied with the target; see
            `balanced_class_weights`. The mean does not divide by them.
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If a class weight is below 0; when called, if there is only one logit, the
            class weights are not as many as the classes, shapes do not fit, or values are no
            labels or no probabilities.
    """

    def __init__(
        self,
        *,
        class_weights: ClassWeights | None = None,
        from_logits: bool = True,
        **kwargs: Any,
    ):
        super().__init__(class_weights=class_weights, from_logits=from_logits, **kwargs)

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        if y_pred.shape[-1:] == (1,):
            raise ValueError(
                f"{type(self).__name__} needs 2 or more classes along the last axis: use "
                f"BinaryCrossentropy. Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        y_true, y_pred = self.classes(y_true, y_pred, weights)
        return self.crossentropy(y_true, self.log_probabilities(y_pred))


@keras.saving.register_keras_serializable(package="kerasbio")
class NegativeLogLikelihood(CategoricalCrossentropy):
    """Negative log-likelihood of the true class, for outputs of log-softmax.

    As `CategoricalCrossentropy`, except that without `from_logits` predictions are
    log-probabilities; one of minus infinity counts as -1e9.

    Args:
        class_weights: One weight per class, multiplied with the target.
        from_logits: Whether predictions are logits, which are normalized here, else
            log-probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: As `CategoricalCrossentropy`.
    """

    def log_probabilities(self, y_pred: Any) -> Any:
        if self.from_logits:
            return super().log_probabilities(y_pred)
        return ops.maximum(y_pred, LOWEST_LOG)

    def _require_probabilities(self, y_pred: Any, weights: Weights, tolerance: float) -> None:
        require_distribution(
            ops.exp(y_pred),
            weights,
            tolerance,
            "exp(y_pred) under from_logits=False must",
            nan=True,
        )


@keras.saving.register_keras_serializable(package="kerasbio")
class Focal(_Weighted):
    """Cross-entropy in which what is classified well counts less: times `(1 - p) ** gamma`.

    p is the probability of the true class, so that `gamma` 0 is cross-entropy. One logit, or
    softmax classes; shapes as in `CategoricalCrossentropy`.

    Reference: [Lin et al., Focal loss for dense object detection,
    2017](https://arxiv.org/abs/1708.02002), equation 5.

    Args:
        gamma: Focusing exponent, at least 0.
        class_weights: One weight per class, (negative, positive) for one logit: the alpha of the
            publication, which takes (0.75, 0.25).
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If `gamma` or a class weight is below 0; when called, if the class weights are
            not as many as the classes, shapes do not fit, or values are no labels or no
            probabilities.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        *,
        class_weights: ClassWeights | None = None,
        from_logits: bool = True,
        **kwargs: Any,
    ):
        super().__init__(class_weights=class_weights, from_logits=from_logits, **kwargs)
        self.gamma = number("gamma", gamma, or_zero=True)

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        y_true, y_pred = self.classes(y_true, y_pred, weights)
        log = self.log_probabilities(y_pred)
        # The floor keeps the slope finite where p is 1; the logarithm is 0 there.
        rest = ops.maximum(-ops.expm1(log), 1e-12)
        return self.crossentropy(both_classes(y_true), ops.power(rest, self.gamma) * log)

    def get_config(self) -> dict:
        return {**super().get_config(), "gamma": self.gamma}
