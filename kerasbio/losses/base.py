"""What the losses share: float32 inside, weights by sample or by voxel, Keras' reductions."""

from typing import Any, NamedTuple

import keras
from keras import ops

from kerasbio.losses.checks import HALF_TYPES, compatible, require_shape


class Weights(NamedTuple):
    """How much each sample or voxel counts, None where all count alike; and what must hold.

    Attributes:
        samples: `(batch,)`.
        voxels: `(batch, *spatial)`.
        mask: `(batch, *spatial)`, 1 where Keras' mask is true and 0 elsewhere.
        conditions: Scalars found in a graph; where one is false the loss is NaN.
    """

    conditions: list
    samples: Any = None
    voxels: Any = None
    mask: Any = None

    def inside(self) -> Any:
        """Return voxel weights times mask, or None."""
        if self.voxels is None or self.mask is None:
            return self.mask if self.voxels is None else self.voxels
        return self.voxels * self.mask

    def counted(self, rank: int) -> Any:
        """Return what counts at all, as booleans that fit `(batch, *spatial)`, or None.

        Args:
            rank: Number of axes of `(batch, *spatial)`.
        """
        inside = self.inside()
        if self.samples is None:
            return None if inside is None else inside != 0
        samples = expand(self.samples, rank)
        return (samples if inside is None else samples * inside) != 0


class Loss(keras.losses.Loss):
    """A loss per sample or voxel, computed in float32 or more, then reduced as Keras does.

    Half types overflow in a sum over a volume, so a loss of half `dtype` computes and returns
    float32.

    Args:
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Type of the computation; None is Keras' float type.
    """

    def __init__(
        self,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=full_precision(dtype))

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss.

        Args:
            y_true: Targets.
            y_pred: Predictions; its Keras mask, where it has one, is honoured.
            sample_weight: `(batch,)`, or `(batch, *spatial)` with or without a last axis of 1.
        """
        mask = getattr(y_pred, "_keras_mask", None)
        with keras.name_scope(self.name):
            y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
            weights = self._weights(sample_weight, mask, y_pred)
            return self.reduce(self._checked_values(y_true, y_pred, weights), weights)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample or voxel, all of weight 1."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        return self._checked_values(y_true, y_pred, Weights([]))

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        """Return the loss of each sample or voxel, in the loss's own type."""
        raise NotImplementedError

    def _checked_values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        values = self.values(y_true, y_pred, weights)
        for valid in weights.conditions:
            values = ops.where(valid, values, float("nan"))
        return values

    def reduce(self, values: Any, weights: Weights) -> Any:
        """Return the reduced loss of `(batch, *spatial)` values."""
        weight = weights.voxels
        if weights.samples is not None:
            weight = ops.broadcast_to(expand(weights.samples, len(values.shape)), ops.shape(values))
        return self._reduce(values, weight, weights.mask)

    def _reduce(self, values: Any, weight: Any = None, mask: Any = None) -> Any:
        if values.shape[0] == 0 and self.reduction not in (None, "none"):
            return ops.sum(values)
        if mask is not None:
            values._keras_mask = ops.broadcast_to(mask, ops.shape(values)) > 0
        keras_loss = _Computed(reduction=self.reduction, dtype=self.dtype)
        return keras_loss(values, values, sample_weight=weight)

    def _weights(self, sample_weight: Any, mask: Any, y_pred: Any) -> Weights:
        conditions: list = []
        weight = mask_weight = None
        if sample_weight is not None:
            weight = _fit("sample_weight", sample_weight, y_pred, self.dtype, conditions)
        if mask is not None:
            mask_weight = _fit("the mask of y_pred", mask, y_pred, self.dtype, conditions)
            mask_weight = expand(mask_weight, len(y_pred.shape) - 1)
        if weight is not None and len(weight.shape) == 1:
            return Weights(conditions, samples=weight, mask=mask_weight)
        return Weights(conditions, voxels=weight, mask=mask_weight)

    def get_config(self) -> dict:
        return {**super().get_config(), "dtype": self.dtype}


class _Computed(keras.losses.Loss):
    """Keras' own reduction of values that are computed already."""

    def call(self, y_true, y_pred):
        return y_pred


def full_precision(dtype: Any) -> str:
    """Return the name of a floating-point type, float32 for the half types."""
    name = keras.dtype_policies.get(dtype or keras.config.floatx()).compute_dtype
    if not name.startswith(("float", "bfloat")):
        raise ValueError(f"dtype must be of floating-point numbers. Received: dtype={dtype!r}")
    return "float32" if name in HALF_TYPES else name


def expand(x: Any, rank: int) -> Any:
    """Return a tensor with axes of 1 behind its own, `rank` in all."""
    return ops.reshape(x, (*ops.shape(x), *[1] * (rank - len(x.shape))))


def _fit(name: str, weight: Any, y_pred: Any, dtype: str, conditions: list) -> Any:
    """Return a weight as `(batch,)` or as `(batch, *spatial)`."""
    points = tuple(y_pred.shape[:-1])
    weight = received = ops.convert_to_tensor(weight, dtype=dtype)
    rank = len(weight.shape)
    if rank > 1 and weight.shape[-1] == 1 and rank in (2, len(points) + 1):
        weight = ops.squeeze(weight, -1)
    if not any(compatible(tuple(weight.shape), fit) for fit in (points[:1], points)):
        raise ValueError(
            f"{name} must be (batch,) or (batch, *spatial), here {points[:1]} or {points}. "
            f"Received: shape {tuple(received.shape)}"
        )
    # Sizes known only in a graph would be stretched without a word.
    like = y_pred[(Ellipsis, *[0] * (len(y_pred.shape) - len(weight.shape)))]
    require_shape(weight, like, conditions, f"{name} must be (batch,) or (batch, *spatial).")
    return weight
