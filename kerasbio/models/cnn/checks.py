"""Checks of arguments that convolutional classifiers share."""

from collections.abc import Sequence


def check_images(network: str, input_shape: Sequence[int | None], least: int) -> None:
    """Raise a `ValueError` unless a shape is `(height, width, channels)` of enough pixels.

    Args:
        network: What the network is called.
        input_shape: The shape.
        least: Pixels per side that the network needs.
    """
    known = [size or 0 for size in input_shape]
    if len(known) != 3 or min(known[:2]) < least or known[2] < 1:
        raise ValueError(
            f"{network} needs images (height, width, channels) of at least {least} x {least} "
            f"pixels. Received: input_shape={tuple(input_shape)}"
        )


def check_levels(filters: Sequence[int], levels: int) -> None:
    """Raise a `ValueError` unless there is a positive number of maps for each level."""
    if len(filters) != levels or min(filters) < 1:
        raise ValueError(
            f"filters must be {levels} positive numbers. Received: filters={tuple(filters)}"
        )


def check_choice(argument: str, value: object, choices: Sequence[object]) -> None:
    """Raise a `ValueError` unless a value is one of some."""
    if value not in choices:
        words = " or ".join(map(repr, choices)) if len(choices) == 2 else str(tuple(choices))
        raise ValueError(f"{argument} must be one of {words}. Received: {argument}={value!r}")
