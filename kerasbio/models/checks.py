"""Checks of arguments that builders share."""

from collections.abc import Sequence


def check_features(network: str, input_shape: Sequence[int | None]) -> None:
    """Raise a `ValueError` unless a shape is `(features,)`.

    Args:
        network: What the network is called, with its article.
        input_shape: The shape.
    """
    if len(input_shape) != 1 or not input_shape[0] or input_shape[0] < 1:
        raise ValueError(
            f"{network} needs the number of features, (features,). "
            f"Received: input_shape={tuple(input_shape)}"
        )


def check_positive(**arguments: int) -> None:
    """Raise a `ValueError` that names the first argument below 1."""
    for name, value in arguments.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1. Received: {name}={value}")
