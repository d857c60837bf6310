"""Activations that Keras lacks."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
def step(x: Any) -> Any:
    """Return 1 where a number is above 0, and 0 elsewhere.

    Its slope is 0 wherever it has one, so that nothing could be learned through it. The gradient
    is therefore that of the identity: the straight-through estimator.

    Reference: [Bengio et al., Estimating or propagating gradients through stochastic neurons,
    2013](https://arxiv.org/abs/1308.3432), section 4.

    Args:
        x: Finite numbers of any shape.

    Returns:
        Zeros and ones of the shape and type of `x`.
    """
    x = ops.convert_to_tensor(x)
    # The difference is 0 in value and has the gradient.
    return ops.cast(x > 0, x.dtype) + (x - ops.stop_gradient(x))
