"""The optimizers that recipes offer, at the rates that the field starts from."""

import keras


def make_optimizer(
    name: str, learning_rate: float = 1.0, *, weight_decay: float | None = None
) -> keras.optimizers.Optimizer:
    """Return an optimizer at its default rate times a factor.

    Args:
        name: `"sgd"` (rate 0.01), `"momentum"` (rate 0.01, momentum 0.9) or `"adam"` (rate
            0.001).
        learning_rate: Factor on the default rate, above 0.
        weight_decay: Share by which weights shrink at each update, times the rate; decoupled from
            the gradient ([Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101)).

    Returns:
        A Keras optimizer.

    Raises:
        ValueError: If the name is unknown or the factor is not positive.
    """
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be above 0. Received: {learning_rate}")
    match name:
        case "sgd":
            return keras.optimizers.SGD(0.01 * learning_rate, weight_decay=weight_decay)
        case "momentum":
            return keras.optimizers.SGD(
                0.01 * learning_rate, momentum=0.9, weight_decay=weight_decay
            )
        case "adam":
            return keras.optimizers.Adam(0.001 * learning_rate, weight_decay=weight_decay)
    raise ValueError(f"optimizer must be sgd, momentum or adam. Received: {name!r}")
