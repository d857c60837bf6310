"""Forward and backward propagation of a multilayer perceptron in NumPy, to be read and checked.

It is what Keras does to a plain `build_mlp`, without batch normalization, dropout or residual
connections, in float64: `model.get_weights()` are the weights here.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

#: A loss takes outputs and targets to its value and its gradient by the outputs.
Loss = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def _sigmoid(z: np.ndarray) -> np.ndarray:
    # 1 / (1 + exp(-z)), without overflow.
    return np.exp(-np.logaddexp(0, -z))


#: Each activation and its derivative, as functions of the pre-activation.
ACTIVATIONS: dict[str, tuple[Callable, Callable]] = {
    "linear": (lambda z: z, lambda z: np.ones_like(z)),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z)),
    "silu": (
        lambda z: z * _sigmoid(z),
        lambda z: _sigmoid(z) + z * _sigmoid(z) * _sigmoid(-z),
    ),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
}


class Layer(NamedTuple):
    """What one layer was given and what it made of it.

    Attributes:
        kernel: `(features, units)`.
        activation: Name of the activation.
        inputs: `(batch, features)`.
        pre_activations: `(batch, units)`, `inputs @ kernel + bias`.
        outputs: `(batch, units)`, the activation of `pre_activations`.
    """

    kernel: np.ndarray
    activation: str
    inputs: np.ndarray
    pre_activations: np.ndarray
    outputs: np.ndarray


class Gradients(NamedTuple):
    """The gradient of a loss.

    Attributes:
        weights: By kernel, bias, kernel, bias ..., in their shapes.
        inputs: By the inputs of each layer, `(batch, features)`; the first is that by `x`.
    """

    weights: list[np.ndarray]
    inputs: list[np.ndarray]


def forward(
    weights: Sequence[np.ndarray], x: np.ndarray, *, activation: str = "tanh"
) -> list[Layer]:
    """Compute each layer from the one before it.

    Args:
        weights: Kernel `(features, units)` and bias `(units,)` of each layer in turn.
        x: `(batch, features)`.
        activation: Name of the activation of the hidden layers; the last layer is linear.

    Returns:
        The layers from first to last: `[-1].outputs` are the outputs of the network.

    Raises:
        ValueError: If the activation is unknown or shapes do not fit.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {', '.join(ACTIVATIONS)}. "
            f"Received: activation={activation!r}"
        )
    inputs = np.asarray(x, np.float64)
    _check_shapes(weights, inputs)
    record = []
    for i in range(0, len(weights), 2):
        kernel, bias = (np.asarray(w, np.float64) for w in weights[i : i + 2])
        name = activation if i + 2 < len(weights) else "linear"
        z = inputs @ kernel + bias
        outputs = ACTIVATIONS[name][0](z)
        record.append(Layer(kernel, name, inputs, z, outputs))
        inputs = outputs
    return record


def backward(record: Sequence[Layer], gradient: np.ndarray) -> Gradients:
    """Carry the gradient of a loss from the outputs back to every weight: the chain rule.

    Reference: [Rumelhart, Hinton and Williams, Learning representations by back-propagating
    errors, 1986](https://doi.org/10.1038/323533a0).

    Args:
        record: What `forward` returned.
        gradient: `(batch, outputs)`, the gradient of the loss by the outputs.

    Returns:
        The gradient by the weights and by the inputs of each layer.
    """
    by_weights: list[np.ndarray] = []
    by_inputs: list[np.ndarray] = []
    for layer in reversed(record):
        derivative = ACTIVATIONS[layer.activation][1]
        delta = gradient * derivative(layer.pre_activations)
        by_weights = [layer.inputs.T @ delta, delta.sum(axis=0), *by_weights]
        gradient = delta @ layer.kernel.T
        by_inputs = [gradient, *by_inputs]
    return Gradients(by_weights, by_inputs)


def mean_squared_error(outputs: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean squared error and its gradient.

    Args:
        outputs: `(batch, outputs)`.
        y: True values `(batch, outputs)`.

    Returns:
        The loss, and its gradient by `outputs`.

    Raises:
        ValueError: If the shapes differ.
    """
    y = _as_shaped(y, outputs)
    return float(((outputs - y) ** 2).mean()), 2 * (outputs - y) / outputs.size


def sigmoid_cross_entropy(logits: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean cross-entropy of two classes and its gradient.

    Args:
        logits: `(batch, 1)`, or one column for each of several yes-or-no labels.
        y: Labels 0 or 1 of the same shape.

    Returns:
        The loss, and its gradient by `logits`: the sigmoid less the label, over their number.

    Raises:
        ValueError: If the shapes differ.
    """
    y = _as_shaped(y, logits)
    loss = (np.logaddexp(0, logits) - y * logits).mean()
    return float(loss), (_sigmoid(logits) - y) / logits.size


def softmax_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the mean cross-entropy of several classes and its gradient.

    Args:
        logits: `(batch, classes)`.
        labels: Number of the true class, `(batch,)`.

    Returns:
        The loss, and its gradient by `logits`: the softmax less 1 at the true class, over the
        number of cases.

    Raises:
        ValueError: If `labels` is not one whole number below the number of classes per case.
    """
    labels = np.asarray(labels)
    count, classes = logits.shape
    if labels.shape != (count,) or not np.isin(labels, range(classes)).all():
        raise ValueError(
            f"labels must be {count} whole numbers from 0 to {classes - 1}. "
            f"Received: labels={labels}"
        )
    log_softmax = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    truth = np.eye(classes)[labels.astype(int)]
    return float(-(truth * log_softmax).sum() / count), (np.exp(log_softmax) - truth) / count


def sgd_epoch(
    weights: Sequence[np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    *,
    loss: Loss,
    learning_rate: float = 0.01,
    batch_size: int = 32,
    activation: str = "tanh",
) -> tuple[list[np.ndarray], float]:
    """Take one step down the gradient of each batch, in the order of the cases.

    Args:
        weights: Kernel and bias of each layer in turn; they are left as they are.
        x: `(cases, features)`.
        y: The targets of `loss`, by case.
        loss: `mean_squared_error`, `sigmoid_cross_entropy`, `softmax_cross_entropy` or a function
            like them.
        learning_rate: Share of the gradient that is subtracted.
        batch_size: Cases of a batch; the last may have fewer.
        activation: Name of the activation of the hidden layers.

    Returns:
        The weights after the epoch, and the mean loss of the cases as their batches came.

    Raises:
        ValueError: If `x` and `y` are not as many cases, or as `forward` and `loss` do.
    """
    if len(x) != len(y):
        raise ValueError(f"x and y must be as many cases. Received: {len(x)} and {len(y)}")
    weights, total = [np.asarray(w, np.float64) for w in weights], 0.0
    for begin in range(0, len(x), batch_size):
        batch = slice(begin, begin + batch_size)
        record = forward(weights, x[batch], activation=activation)
        value, gradient = loss(record[-1].outputs, y[batch])
        gradients = backward(record, gradient).weights
        weights = [w - learning_rate * g for w, g in zip(weights, gradients, strict=True)]
        total += value * len(x[batch])
    return weights, total / len(x)


def _check_shapes(weights: Sequence[np.ndarray], x: np.ndarray) -> None:
    shapes = [np.shape(w) for w in weights]
    features = x.shape[1:]
    fits = len(shapes) > 0 and len(shapes) % 2 == 0 and len(features) == 1
    for kernel, bias in zip(shapes[::2], shapes[1::2], strict=False):
        fits = fits and len(kernel) == 2 and kernel[:1] == features and kernel[1:] == bias
        features = bias
    if not fits:
        raise ValueError(
            "weights must be a kernel (features, units) and a bias (units,) for each layer, the "
            f"first for x (batch, features). Received: shapes {shapes} and x of shape {x.shape}"
        )


def _as_shaped(y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    # NumPy would stretch (batch,) against (batch, 1) to a square.
    y = np.asarray(y, np.float64)
    if y.shape != outputs.shape:
        raise ValueError(
            f"y must have the shape of the outputs, {outputs.shape}. Received: shape {y.shape}"
        )
    return y
