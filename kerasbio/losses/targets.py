"""Targets and predictions in one form: classes along the last axis."""

from typing import Any

from keras import config, ops

from kerasbio.losses import checks
from kerasbio.losses.base import Loss, Weights

#: Stands for the logarithm of a probability of 0, so that 0 times it is 0.
LOWEST_LOG = -1e9


def values_like(y_true: Any, y_pred: Any, weights: Weights, dtype: str) -> tuple[Any, Any]:
    """Return targets and predictions of one shape.

    A target may lack a last axis of 1. A target without weight may hold anything, even NaN.

    Args:
        y_true: Targets.
        y_pred: Predictions `(batch, *spatial, values)`.
        weights: Weights of samples and voxels.
        dtype: Type of what is returned.

    Raises:
        ValueError: If the shapes differ, or `y_pred` has no axis of values.
    """
    _check_rank(y_pred)
    y_true = ops.convert_to_tensor(y_true, dtype=dtype)
    y_pred = ops.convert_to_tensor(y_pred, dtype=dtype)
    if y_pred.shape[-1] == 1 and len(y_true.shape) == len(y_pred.shape) - 1:
        y_true = ops.expand_dims(y_true, -1)
    checks.require_shape(
        y_true, y_pred, weights.conditions, "y_true must have the shape of y_pred."
    )
    counted = weights.counted(len(y_pred.shape) - 1)
    if counted is not None:
        y_true = ops.where(ops.expand_dims(counted, -1), y_true, 0.0)
    return y_true, y_pred


class ClassLoss(Loss):
    """A loss of predicted classes.

    Args:
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.
    """

    def __init__(self, *, from_logits: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.from_logits = from_logits

    def get_config(self) -> dict:
        return {**super().get_config(), "from_logits": self.from_logits}

    def binary(self, y_true: Any, y_pred: Any, weights: Weights) -> tuple[Any, Any]:
        """Return targets and predictions, each of one yes-or-no question per last axis.

        Raises:
            ValueError: If shapes differ, or a target or probability is not within 0 and 1.
        """
        tolerance = checks.tolerance(y_pred)
        y_true, y_pred = values_like(y_true, y_pred, weights, self.dtype)
        _require_unit(y_true, weights, tolerance, "y_true must be", nan=False)
        if not self.from_logits:
            line = "y_pred under from_logits=False must be"
            _require_unit(y_pred, weights, tolerance, line, nan=True)
        return y_true, y_pred

    def classes(self, y_true: Any, y_pred: Any, weights: Weights) -> tuple[Any, Any]:
        """Return targets as distributions `(batch, *spatial, classes)`, and predictions.

        With one logit there is one class, and the target is its probability.

        Args:
            y_true: Integers `(batch, *spatial)` or `(batch, *spatial, 1)`, or distributions of
                the shape of `y_pred`.
            y_pred: `(batch, *spatial, classes)`.
            weights: Weights of samples and voxels; what has none is not checked.

        Raises:
            ValueError: If shapes do not fit, or values are no labels or no probabilities.
        """
        _check_rank(y_pred)
        classes = y_pred.shape[-1]
        if classes == 1:
            return self.binary(y_true, y_pred, weights)
        if classes is None:
            raise ValueError(
                "y_pred must have a known number of classes. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        tolerance = checks.tolerance(y_true, y_pred)
        y_true = ops.convert_to_tensor(y_true, dtype=self.dtype)
        y_pred = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        if len(y_true.shape) == len(y_pred.shape) - 1:
            y_true = _from_labels(y_true, y_pred, weights)
        else:
            checks.require_shape(y_true, y_pred, weights.conditions, _EXPECTED)
            counted = weights.counted(len(y_pred.shape) - 1)
            if counted is not None:
                y_true = ops.where(ops.expand_dims(counted, -1), y_true, 0.0)
            require_distribution(
                y_true, weights, tolerance, "y_true of the shape of y_pred must", nan=False
            )
        if not self.from_logits:
            self._require_probabilities(y_pred, weights, tolerance)
        return y_true, y_pred

    def _require_probabilities(self, y_pred: Any, weights: Weights, tolerance: float) -> None:
        line = "y_pred under from_logits=False must"
        require_distribution(y_pred, weights, tolerance, line, nan=True)

    def probabilities(self, y_pred: Any) -> Any:
        """Return the probabilities of prepared predictions."""
        if not self.from_logits:
            return y_pred
        return ops.sigmoid(y_pred) if y_pred.shape[-1] == 1 else ops.softmax(y_pred, axis=-1)

    def log_probabilities(self, y_pred: Any) -> Any:
        """Return log-probabilities of two or more classes; one logit gives (negative, positive)."""
        if y_pred.shape[-1] == 1:
            if self.from_logits:
                pair = [ops.log_sigmoid(-y_pred), ops.log_sigmoid(y_pred)]
            else:
                pair = [_log(1 - y_pred), _log(y_pred)]
            return ops.concatenate(pair, axis=-1)
        if not self.from_logits:
            return _log(y_pred)
        return ops.maximum(ops.log_softmax(y_pred, axis=-1), LOWEST_LOG)


def both_classes(y_true: Any) -> Any:
    """Return targets of two or more classes; one class gives (negative, positive)."""
    if y_true.shape[-1] > 1:
        return y_true
    return ops.concatenate([1 - y_true, y_true], axis=-1)


_EXPECTED = (
    "y_true must hold integer labels (batch, *spatial) or (batch, *spatial, 1), or distributions "
    "of the shape of y_pred."
)


def _check_rank(y_pred: Any) -> None:
    if len(y_pred.shape) < 2:
        raise ValueError(
            "y_pred must be (batch, *spatial, values). "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )


def _from_labels(labels: Any, y_pred: Any, weights: Weights) -> Any:
    counted = weights.counted(len(labels.shape))
    classes = y_pred.shape[-1]
    checks.require_shape(labels, y_pred[..., 0], weights.conditions, _EXPECTED)
    if counted is not None:
        labels = ops.where(counted, labels, 0.0)
    if 0 not in labels.shape:
        lowest, highest = ops.min(labels), ops.max(labels)
        whole = ops.all(labels == ops.floor(labels))
        valid = ops.logical_and(whole, ops.logical_and(lowest >= 0, highest <= classes - 1))
        checks.require(
            valid,
            weights.conditions,
            f"y_true must hold whole numbers from 0 to {classes - 1}, one of {classes} classes.",
            lowest=lowest,
            highest=highest,
        )
    return ops.one_hot(ops.cast(labels, "int32"), classes, dtype=labels.dtype)


def _require_unit(x: Any, weights: Weights, tolerance: float, subject: str, *, nan: bool) -> None:
    """Refuse the loss unless `x` is within 0 and 1 wherever it counts."""
    if 0 in x.shape:
        return
    counted = weights.counted(len(x.shape) - 1)
    if counted is not None:
        x = ops.where(ops.expand_dims(counted, -1), x, 0.0)
    outside = ops.logical_or(x < -tolerance, x > 1 + tolerance)
    if not nan:
        outside = ops.logical_or(outside, ops.isnan(x))
    checks.require(
        ops.logical_not(ops.any(outside)),
        weights.conditions,
        f"{subject} probabilities within 0 and 1.",
        lowest=ops.min(x),
        highest=ops.max(x),
    )


def require_distribution(
    x: Any, weights: Weights, tolerance: float, subject: str, *, nan: bool
) -> None:
    """Refuse the loss unless `x` sums to 1 along the classes wherever it counts."""
    if 0 in x.shape:
        return
    counted = weights.counted(len(x.shape) - 1)
    total, least = ops.sum(x, axis=-1), ops.min(x, axis=-1)
    if counted is not None:
        total, least = ops.where(counted, total, 1.0), ops.where(counted, least, 0.0)
    wrong = ops.logical_or(least < -tolerance, ops.abs(total - 1) > tolerance)
    if not nan:
        wrong = ops.logical_or(wrong, ops.isnan(total))
    checks.require(
        ops.logical_not(ops.any(wrong)),
        weights.conditions,
        f"{subject} hold probabilities within 0 and 1 that sum to 1 over the classes.",
        lowest=ops.min(least),
        lowest_sum=ops.min(total),
        highest_sum=ops.max(total),
    )


def _log(x: Any) -> Any:
    return ops.log(ops.maximum(x, config.epsilon()))
