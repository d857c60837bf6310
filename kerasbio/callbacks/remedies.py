"""What helps where gradients vanish or explode, of that which a network has not yet got."""

from typing import Any

import keras

from kerasbio.activations import ACTIVATIONS, OF_ROWS

#: Activations through which a gradient vanishes; the step passes it on.
SATURATING = {
    name
    for name, activation in ACTIVATIONS.items()
    if activation.saturates == "both sides" and name not in (*OF_ROWS, "step")
}
NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)
#: Layers, and operations such as `x + h`, by which a signal goes round others.
MERGES = {"Add", "Concatenate"}
#: Cells through which gradients pass without a gate.
PLAIN = (keras.layers.SimpleRNN, keras.layers.SimpleRNNCell)
RECURRENT = (keras.layers.RNN, *PLAIN)
GATED = "a gated cell (LSTM or GRU)"


def vanishing_remedies(model: keras.Model) -> str:
    """Return what to try where gradients of a network, or of a trainer's, vanish."""
    operations = _hidden_operations(model)
    if any(isinstance(each, PLAIN) for each in operations):
        return _listed([GATED, "an orthogonal recurrent initializer"])
    if any(isinstance(each, RECURRENT) for each in operations):
        return _listed(["shorter sequences", "layer normalization"])
    found = []
    if any(_activation(each) in SATURATING for each in operations):
        found.append("another activation (ReLU with He initialization)")
    if not any(isinstance(each, NORMALIZATIONS) for each in operations):
        found.append("batch normalization")
    if not any(type(each).__name__ in MERGES for each in operations):
        found.append("residual connections")
    return _listed(found or ["another initialization", "a leaky activation"])


def exploding_remedies(model: keras.Model, clipped: bool) -> str:
    """Return what to try where gradients of a network, or of a trainer's, explode.

    Args:
        model: The network, or a trainer of several.
        clipped: Whether gradients are clipped already.
    """
    operations = _hidden_operations(model)
    found = [] if clipped else ["gradient clipping"]
    if any(isinstance(each, PLAIN) for each in operations):
        found.append(GATED)
    elif not any(isinstance(each, (*NORMALIZATIONS, *RECURRENT)) for each in operations):
        found.append("batch normalization")
    return _listed([*found, "smaller initial weights", "a lower rate"])


def _hidden_operations(model: keras.Model) -> list[Any]:
    """Return layers and operations, but for those that give the answers of a network."""
    found: list[Any] = list(model._flatten_layers())
    tops = list(getattr(model, "networks", {}).values()) or [model]
    nested = [each for each in found if isinstance(each, keras.Model)]
    for network in (*tops, *nested):
        found += getattr(network, "operations", [])
    outputs = keras.tree.flatten([getattr(each, "outputs", None) or [] for each in tops])
    answers = [each._keras_history.operation for each in outputs]
    return [each for each in found if all(each is not answer for answer in answers)]


def _activation(operation: Any) -> str:
    activation = getattr(getattr(operation, "activation", None), "__name__", "")
    return activation or type(operation).__name__.lower()


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
