"""Checks of the arguments of the U-Nets, and the sizes that fit those without padding."""

import itertools
from collections.abc import Sequence

from kerasbio.models.checks import check_positive


def check_arguments(
    input_shape: Sequence[int | None],
    num_classes: int,
    filters: Sequence[int],
    pool_sizes: Sequence[int | Sequence[int]] | None,
    ranks: Sequence[int] = (2, 3),
) -> list[tuple[int, ...]]:
    """Check what all U-Nets take, and return the factors of each pooling.

    Args:
        input_shape: `(*sides, channels)`; None for an unknown side.
        num_classes: Number of classes.
        filters: Maps of each level, finest first.
        pool_sizes: Of each pooling, finest first: one factor, or one per axis; None for 2.
        ranks: Numbers of sides that are allowed.

    Returns:
        One factor per axis of each pooling, finest first.

    Raises:
        ValueError: If one of them is wrong.
    """
    rank = len(input_shape) - 1
    sides = ["height, width", "depth, height, width"][min(ranks) - 2 :]
    if (
        rank not in ranks
        or not input_shape[-1]
        or any(n is not None and n < 1 for n in input_shape)
    ):
        forms = " or ".join(f"({names}, channels)" for names in sides)
        raise ValueError(
            f"input_shape must be {forms}, sides of at least 1 or None. "
            f"Received: input_shape={tuple(input_shape)}"
        )
    check_positive(num_classes=num_classes)
    if len(filters) < 2 or min(filters) < 1:
        raise ValueError(
            f"filters must be at least two numbers above 0. Received: filters={tuple(filters)}"
        )
    given = [2] * (len(filters) - 1) if pool_sizes is None else pool_sizes
    pools = [(each,) * rank if isinstance(each, int) else tuple(each) for each in given]
    if len(pools) != len(filters) - 1 or any(len(p) != rank or min(p) < 1 for p in pools):
        raise ValueError(
            f"pool_sizes must be {len(filters) - 1} numbers, one fewer than filters, or tuples of "
            f"{rank} numbers. Received: pool_sizes={pool_sizes}"
        )
    return pools


def check_choice(choices: Sequence[str], **arguments: str) -> None:
    """Raise a `ValueError` that names the first argument that is none of the choices."""
    for name, value in arguments.items():
        if value not in choices:
            allowed = " or ".join(repr(choice) for choice in choices)
            raise ValueError(f"{name} must be {allowed}. Received: {name}={value!r}")


def check_valid_sides(
    input_shape: Sequence[int | None], pools: Sequence[tuple[int, ...]], padding: str
) -> None:
    """Raise a `ValueError` if a network without padding cannot take an image of these sides.

    Args:
        input_shape: `(*sides, channels)`.
        pools: Factors of each pooling, finest first.
        padding: `"valid"`, or `"same"`, which takes any.
    """
    if padding == "same":
        return
    for axis, side in enumerate(input_shape[:-1]):
        factors = [each[axis] for each in pools]
        if side is None or not valid_side(side, factors):
            near = " or ".join(str(n) for n in nearest_valid_sides(side or 1, factors))
            raise ValueError(
                f"Without padding each pooling must divide its side: on axis {axis} the nearest "
                f"that fits is {near}; padding='same' takes any side. "
                f"Received: input_shape={tuple(input_shape)}"
            )


def valid_side(side: int, factors: Sequence[int]) -> int:
    """Return the side of the output of a U-Net without padding.

    Args:
        side: Of the input.
        factors: Of each pooling along this axis, finest first.

    Returns:
        Pixels of the output; 0 if the input does not fit.
    """
    for factor in factors:
        side -= 4
        if side <= 0 or side % factor:
            return 0
        side //= factor
    side -= 4
    for factor in reversed(factors):
        side = side * factor - 4
    return max(side, 0)


def nearest_valid_sides(side: int, factors: Sequence[int]) -> list[int]:
    """Return the next smaller side that fits, if there is one, and the next larger."""
    below = next((n for n in range(side - 1, 0, -1) if valid_side(n, factors)), None)
    above = next(n for n in itertools.count(side + 1) if valid_side(n, factors))
    return [above] if below is None else [below, above]
