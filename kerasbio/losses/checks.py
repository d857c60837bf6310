"""Checks of what losses are given: shapes at once, values where they can be read."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

#: How far probabilities may be from a sum of 1; half types round to 3 digits or fewer.
TOLERANCE = 1e-3
HALF_TOLERANCE = 2e-2
HALF_TYPES = ("float16", "bfloat16")


def tolerance(*tensors: Any) -> float:
    """Return how far from 1 a sum of probabilities in the types of these tensors may be."""
    half = any(keras.backend.standardize_dtype(x.dtype) in HALF_TYPES for x in tensors)
    return HALF_TOLERANCE if half else TOLERANCE


def require(valid: Any, conditions: list, line: str, **received: Any) -> None:
    """Refuse a loss unless a condition holds.

    Eager TensorFlow raises a `ValueError`, a TensorFlow graph fails with an assertion. A compiler
    (XLA) drops assertions, and other backends have none: so outside eager TensorFlow the
    condition is noted as well, for the loss to be NaN.

    Args:
        valid: Scalar, true where all is well.
        conditions: Gets `valid`, unless it was settled eagerly.
        line: What was expected, one sentence.
        **received: Scalars that say what came instead.

    Raises:
        ValueError: Eagerly, if `valid` is false.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if tf.executing_eagerly():
            if not bool(valid):
                values = ", ".join(f"{name}={float(x):g}" for name, x in received.items())
                raise ValueError(f"{line} Received: {values}")
            return
        parts = [part for name, x in received.items() for part in (f"{name}=", x)]
        tf.debugging.Assert(valid, [f"{line} Received:", *parts])
    conditions.append(valid)


def compatible(shape: tuple, other: tuple) -> bool:
    """Return whether two static shapes can be the same; None is an unknown size."""
    return len(shape) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(shape, other, strict=True)
    )


def require_shape(tensor: Any, other: Any, conditions: list, line: str) -> None:
    """Refuse a loss unless a tensor has the shape of another.

    Args:
        tensor: Any tensor.
        other: What has the shape.
        conditions: As in `require`.
        line: What was expected, one sentence.

    Raises:
        ValueError: If the static shapes differ; sizes known only in a graph are asserted there.
    """
    if not compatible(tuple(tensor.shape), tuple(other.shape)):
        raise ValueError(f"{line} Received: shapes {tuple(tensor.shape)} and {tuple(other.shape)}")
    for axis, (size, known) in enumerate(zip(tensor.shape, other.shape, strict=True)):
        if size is None or known is None:
            found, expected = ops.shape(tensor)[axis], ops.shape(other)[axis]
            equal, where = ops.equal(found, expected), f"{line} They differ in axis {axis}."
            require(equal, conditions, where, first=found, second=expected)


def number(name: str, value: Any, *, or_zero: bool = False) -> float:
    """Return a setting as a number that is above 0, or at least 0 with `or_zero`.

    Raises:
        ValueError: If it is not, or not finite.
    """
    fits = isinstance(value, int | float | np.number) and 0 <= value < np.inf
    if not fits or not (value or or_zero):
        least = "at least" if or_zero else "above"
        raise ValueError(f"{name} must be finite and {least} 0. Received: {name}={value!r}")
    return float(value)


def numbers(name: str, values: Any) -> list[float]:
    """Return weights as numbers, in the order of their keys where they are a dict from 0 on.

    Raises:
        ValueError: If they are no flat sequence of finite numbers of at least 0.
    """
    given = values
    if isinstance(values, Mapping) and set(values) == set(range(len(values))):
        values = [values[key] for key in range(len(values))]
    try:
        found = np.asarray(values, float)
    except (TypeError, ValueError):
        found = np.empty(())
    if isinstance(values, str) or found.ndim != 1 or not np.all((0 <= found) & (found < np.inf)):
        raise ValueError(
            f"{name} must be a sequence of finite numbers of at least 0. Received: {name}={given!r}"
        )
    return found.tolist()


def check_class_weights(class_weights: list[float] | None, classes: int) -> None:
    """Raise a `ValueError` unless there is one class weight per class."""
    if class_weights is not None and len(class_weights) != classes:
        raise ValueError(
            f"class_weights must hold one number for each of {classes} classes. "
            f"Received: {len(class_weights)} numbers"
        )
