"""The optimizers that recipes offer, at the rates that the field starts from."""

import keras


def make_optimizer(name: str, learning_rate: float = 1.0) -> keras.optimizers.Optimizer:
    """Return an optimizer at its default rate times a factor.

    Args:
        name: `"sgd"` (rate 0.01), `"momentum"` (rate 0.01, momentum 0.9) or `"adam"` (rate
            0.001).
        learning_rate: Factor on the default rate, above 0.

    Returns:
        A Keras optimizer.

    Raises:
        ValueError: If the name is unknown or the factor is not positive.
    """
    if learning_rate <= 0:
        raise ValueError(f"learning_rate must be above 0. Received: {learning_rate}")
    match name:
        case "sgd":
            return keras.optimizers.SGD(0.01 * learning_rate)
        case "momentum":
            return keras.optimizers.SGD(0.01 * learning_rate, momentum=0.9)
        case "adam":
            return keras.optimizers.Adam(0.001 * learning_rate)
    raise ValueError(f"optimizer must be sgd, momentum or adam. Received: {name!r}")
