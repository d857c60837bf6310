"""Losses of predicted quantities, a mean over the last axis."""

from typing import Any

import keras
from keras import ops

from kerasbio.losses.base import Loss, Weights
from kerasbio.losses.checks import number
from kerasbio.losses.targets import values_like


class _Deviation(Loss):
    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        y_true, y_pred = values_like(y_true, y_pred, weights, self.dtype)
        return ops.mean(self.penalty(y_pred - y_true), axis=-1)

    def penalty(self, error: Any) -> Any:
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="kerasbio")
class MeanSquaredError(_Deviation):
    """Mean squared error over the last axis.

    Predictions are `(batch, *spatial, values)`, targets of the same shape, or without the last
    axis where it is 1. Another shape raises and is never broadcast.

    Args:
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: When called, if the shapes differ.
    """

    def penalty(self, error: Any) -> Any:
        return ops.square(error)


@keras.saving.register_keras_serializable(package="kerasbio")
class MeanAbsoluteError(_Deviation):
    """Mean absolute error over the last axis; shapes as in `MeanSquaredError`.

    Args:
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: When called, if the shapes differ.
    """

    def penalty(self, error: Any) -> Any:
        return ops.abs(error)


@keras.saving.register_keras_serializable(package="kerasbio")
class Huber(_Deviation):
    """Half the squared error up to `delta`, linear beyond; shapes as in `MeanSquaredError`.

    Half the mean squared error for a large `delta`, `delta` times the mean absolute error for a
    small one.

    Reference: [Huber, Robust estimation of a location parameter,
    1964](https://doi.org/10.1214/aoms/1177703732).

    Args:
        delta: Error from which on the penalty is linear, in the unit of the target.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If `delta` is not above 0; when called, if the shapes differ.
    """

    def __init__(self, delta: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.delta = number("delta", delta)

    def penalty(self, error: Any) -> Any:
        error = ops.abs(error)
        # In this form no delta overflows.
        quadratic = ops.minimum(error, self.delta)
        return quadratic * (error - quadratic / 2)

    def get_config(self) -> dict:
        return {**super().get_config(), "delta": self.delta}
