"""One row per builder: what it is called with in the tests, and what it must give."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from kerasbio.models.cnn import build_lenet5


class BuilderCase(NamedTuple):
    """A builder with small arguments.

    Attributes:
        build: The builder.
        arguments: Positional arguments; all sizes differ, to catch swapped axes.
        keywords: Keyword arguments.
        output_shape: Shape of the output without the batch.
        rejected: `(arguments, words of the error)` that the builder refuses.
    """

    build: Callable[..., keras.Model]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    output_shape: tuple[int | None, ...]
    rejected: tuple[tuple[tuple[Any, ...], str], ...] = ()


CASES = {
    "lenet5": BuilderCase(
        build_lenet5,
        ((33, 37, 2), 3),
        {},
        (3,),
        (
            (((31, 40, 1), 3), r"at least 32 x 32 pixels. Received: input_shape=\(31, 40, 1\)"),
            (((32, 32), 3), r"Received: input_shape=\(32, 32\)"),
            (((None, 32, 1), 3), "Received: input_shape"),
            (((32, 32, 1), 0), "Received: num_classes=0"),
        ),
    ),
    "lenet5_batch_norm": BuilderCase(
        build_lenet5, ((32, 34, 1), 1), {"batch_norm": True, "activation": "relu"}, (1,)
    ),
}
