"""Activations by name, with what each does to a signal and to its gradient."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

INF = math.inf


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


@keras.saving.register_keras_serializable(package="kerasbio")
def sparsemax(x: Any) -> Any:
    """Return the point of the probability simplex that is nearest to each row.

    That of Keras 3.15 is another function on TensorFlow: its rows do not sum to 1.

    Reference: [Martins and Astudillo, From softmax to sparsemax,
    2016](https://arxiv.org/abs/1602.02068).

    Args:
        x: Finite numbers `(..., classes)`.

    Returns:
        Probabilities of the shape of `x`, many of them 0.
    """
    x = ops.convert_to_tensor(x)
    largest = ops.flip(ops.sort(x, axis=-1), axis=-1)
    count = ops.cast(ops.arange(1, ops.shape(x)[-1] + 1), x.dtype)
    # The threshold by the largest k is greatest for those k that stay above it.
    threshold = ops.max((ops.cumsum(largest, axis=-1) - 1) / count, axis=-1, keepdims=True)
    return ops.relu(x - threshold)


class Activation(NamedTuple):
    """What a reader wants to know of an activation.

    Attributes:
        formula: Its value f at x.
        derivative: Its derivative at x, where it has one.
        range: Infimum and supremum of its values.
        slope: Infimum and supremum of its derivative.
        saturates: Where the derivative goes to 0: `"both sides"`, `"below"`, `"above"`, `"no"`.
        use: Where it is used.
    """

    formula: str
    derivative: str
    range: tuple[float, float]
    slope: tuple[float, float]
    saturates: str
    use: str


_BOTH, _BELOW, _ABOVE, _NO = "both sides", "below", "above", "no"

#: By the name that Keras has for it. Those of whole rows, such as softmax, have the range and the
#: slope of one number by its own input.
ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation("x", "1", (-INF, INF), (1, 1), _NO, "outputs of a regression, logits"),
    "step": Activation(
        "1 if x > 0, else 0", "0; 1 is passed on", (0, 1), (0, 0), _BOTH,
        "the perceptron; gradient passed straight",
    ),
    "sigmoid": Activation(
        "1 / (1 + exp(−x))", "f (1 − f)", (0, 1), (0, 0.25), _BOTH, "a probability, a gate",
    ),
    "tanh": Activation("tanh x", "1 − f²", (-1, 1), (0, 1), _BOTH, "recurrent states, LeNet-5"),
    "relu": Activation(
        "max(x, 0)", "1 if x > 0, else 0", (0, INF), (0, 1), _BELOW,
        "hidden layers, He initialization",
    ),
    "softmax": Activation(
        "exp(xᵢ) / Σ exp(xⱼ)", "fᵢ (1 − fᵢ)", (0, 1), (0, 0.25), _BOTH,
        "probabilities of classes, attention",
    ),
    "leaky_relu": Activation(
        "x if x > 0, else 0.2 x", "1 if x > 0, else 0.2", (-INF, INF), (0.2, 1), _NO,
        "discriminators; no unit dies",
    ),
    "relu6": Activation(
        "min(max(x, 0), 6)", "1 if 0 < x < 6, else 0", (0, 6), (0, 1), _BOTH,
        "networks of few bits",
    ),
    "elu": Activation(
        "x if x > 0, else exp(x) − 1", "1 if x > 0, else exp x", (-1, INF), (0, 1), _BELOW,
        "means near 0",
    ),
    "celu": Activation(
        "x if x > 0, else exp(x) − 1", "1 if x > 0, else exp x", (-1, INF), (0, 1), _BELOW,
        "ELU, smooth for any scale",
    ),
    "selu": Activation(
        "1.0507 x if x > 0, else 1.7581 (exp(x) − 1)", "1.0507 if x > 0, else 1.7581 exp x",
        (-1.7581, INF), (0, 1.7581), _BELOW,
        "layers that keep mean 0 and variance 1, with LeCun initialization",
    ),
    "gelu": Activation(
        "x Φ(x)", "Φ(x) + x φ(x)", (-0.16997, INF), (-0.1289, 1.1289), _BELOW, "transformers",
    ),
    "silu": Activation(
        "x / (1 + exp(−x))", "σ(x) + f (1 − σ(x))", (-0.27846, INF), (-0.09984, 1.09984), _BELOW,
        "smooth hidden layers",
    ),
    "mish": Activation(
        "x tanh(ln(1 + exp x))", "f / x + x (1 − (f / x)²) σ(x)",
        (-0.30884, INF), (-0.11253, 1.0885), _BELOW, "as SiLU",
    ),
    "softplus": Activation(
        "ln(1 + exp x)", "σ(x)", (0, INF), (0, 1), _BELOW,
        "a value that must be positive, as a scale",
    ),
    "squareplus": Activation(
        "(x + √(x² + 4)) / 2", "f / √(x² + 4)", (0, INF), (0, 1), _BELOW,
        "softplus without an exponential",
    ),
    "softsign": Activation(
        "x / (1 + |x|)", "1 / (1 + |x|)²", (-1, 1), (0, 1), _BOTH, "tanh with slower tails",
    ),
    "exponential": Activation("exp x", "f", (0, INF), (0, INF), _BELOW, "a rate or an odds ratio"),
    "log_sigmoid": Activation(
        "−ln(1 + exp(−x))", "1 − σ(x)", (-INF, 0), (0, 1), _ABOVE, "log-probabilities",
    ),
    "log_softmax": Activation(
        "xᵢ − ln Σ exp(xⱼ)", "1 − exp fᵢ", (-INF, 0), (0, 1), _ABOVE,
        "log-probabilities of classes",
    ),
    "hard_sigmoid": Activation(
        "min(max(x / 6 + 1/2, 0), 1)", "1/6 if |x| < 3, else 0", (0, 1), (0, 1 / 6), _BOTH,
        "gates of few bits",
    ),
    "hard_tanh": Activation(
        "min(max(x, −1), 1)", "1 if |x| < 1, else 0", (-1, 1), (0, 1), _BOTH, "tanh of few bits",
    ),
    "hard_silu": Activation(
        "x hard_sigmoid(x)", "x / 3 + 1/2 if |x| < 3, else f / x",
        (-0.375, INF), (-0.5, 1.5), _BELOW, "SiLU of few bits, MobileNetV3",
    ),
    "soft_shrink": Activation(
        "x ∓ 1/2 if |x| > 1/2, else 0", "1 if |x| > 1/2, else 0", (-INF, INF), (0, 1), _NO,
        "sparse codes, denoising",
    ),
    "hard_shrink": Activation(
        "x if |x| > 1/2, else 0", "1 if |x| > 1/2, else 0", (-INF, INF), (0, 1), _NO,
        "sparse codes",
    ),
    "tanh_shrink": Activation(
        "x − tanh x", "tanh² x", (-INF, INF), (0, 1), _NO, "sparse codes, smooth",
    ),
    "sparse_plus": Activation(
        "0 to −1, (x + 1)² / 4 to 1, then x", "0, then (x + 1) / 2, then 1",
        (0, INF), (0, 1), _BELOW, "softplus with true zeros",
    ),
    "sparse_sigmoid": Activation(
        "min(max((x + 1) / 2, 0), 1)", "1/2 if |x| < 1, else 0", (0, 1), (0, 0.5), _BOTH,
        "gates with true zeros",
    ),
    "sparsemax": Activation(
        "nearest point of the simplex", "1 − 1/n, n of them above 0", (0, 1), (0, 1), _BOTH,
        "attention with true zeros",
    ),
}  # fmt: skip

#: What Keras lacks, or has otherwise.
_OWN = {"step": step, "sparsemax": sparsemax}

#: Those that look at a whole row.
OF_ROWS = ("softmax", "log_softmax", "sparsemax")


def get_activation(activation: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return an activation by its name.

    Args:
        activation: A name of `ACTIVATIONS`, or a function, which is returned as it is.

    Raises:
        ValueError: If the name is unknown.
    """
    if callable(activation):
        return activation
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}. "
            f"Received: activation={activation!r}"
        )
    return _OWN.get(activation) or keras.activations.get(activation)
