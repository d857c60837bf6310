"""What helps where gradients vanish or explode, of that which a network has not yet got."""

import keras

from kerasbio.activations import ACTIVATIONS, OF_ROWS

SATURATING = {
    name
    for name, activation in ACTIVATIONS.items()
    if activation.saturates == "both sides" and name not in OF_ROWS
}
NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)
MERGES = (keras.layers.Add, keras.layers.Concatenate)
#: Cells through which gradients pass without a gate.
RECURRENT = (keras.layers.SimpleRNN, keras.layers.SimpleRNNCell)
GATED = "a gated cell (LSTM or GRU)"


def vanishing_remedies(model: keras.Model) -> str:
    """Return what to try where gradients of a network, or of a trainer's, vanish."""
    layers = model._flatten_layers()
    if any(isinstance(each, RECURRENT) for each in layers):
        return _listed([GATED, "an orthogonal recurrent initializer"])
    found = []
    if any(_activation(each) in SATURATING for each in layers):
        found.append("another activation (ReLU with He initialization)")
    found += _structure(layers)
    return _listed(found or ["another initialization", "a leaky activation"])


def exploding_remedies(model: keras.Model, clipped: bool) -> str:
    """Return what to try where gradients of a network, or of a trainer's, explode.

    Args:
        model: The network, or a trainer of several.
        clipped: Whether gradients are clipped already.
    """
    layers = model._flatten_layers()
    found = [] if clipped else ["gradient clipping"]
    if any(isinstance(each, RECURRENT) for each in layers):
        found.append(GATED)
    elif not any(isinstance(each, (*NORMALIZATIONS, keras.layers.RNN)) for each in layers):
        found.append("batch normalization")
    return _listed([*found, "smaller initial weights", "a lower rate"])


def _structure(layers: list[keras.layers.Layer]) -> list[str]:
    found = []
    if not any(isinstance(each, NORMALIZATIONS) for each in layers):
        found.append("batch normalization")
    if not any(isinstance(each, MERGES) for each in layers):
        found.append("residual connections")
    return found


def _activation(layer: keras.layers.Layer) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def _listed(words: list[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
