"""How a callback changes what batch normalization does, and estimates its statistics anew."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import tensorflow as tf

from kerasbio.callbacks.hook import build_state, hooks_of, optimizers_of, rest


def normalizations(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the batch normalizations of a model, at any depth."""
    layers = model._flatten_layers()
    return [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]


def replace_call(
    layer: keras.layers.BatchNormalization, make: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    """Let `make`, a function of the layer's own call, say what the layer does when called.

    The graph of the train function must be made anew for it to count.

    Raises:
        ValueError: If the call is replaced already.
    """
    own = layer.call
    if hasattr(own, "replaced"):
        raise ValueError(
            f"{layer.name} is under another control: give fit one BatchNormalizationControl with "
            "all settings"
        )
    inner = make(own)

    def call(inputs, training=None, mask=None):
        return inner(inputs, training=training, mask=mask)

    call.replaced = True  # type: ignore[attr-defined]
    layer.call = call


def restore_call(layer: keras.layers.BatchNormalization) -> bool:
    """Give a layer its own call back; return whether it had another."""
    replaced = hasattr(layer.call, "replaced")
    if replaced:
        del layer.call
    return replaced


@contextlib.contextmanager
def momentum_of(layer: keras.layers.BatchNormalization, momentum: Any) -> Iterator[None]:
    """Let a layer be called with another momentum, which may be a variable."""
    own = layer.momentum
    # Past Keras' tracking, which would take a variable for one of the layer's.
    layer.__dict__["momentum"] = momentum
    try:
        yield
    finally:
        layer.__dict__["momentum"] = own


class _Statistics:
    """The mean and the variance of all that a layer normalizes, summed in double precision."""

    def __init__(self, layer: keras.layers.BatchNormalization):
        self.layer = layer
        zeros = tf.zeros(layer.moving_mean.shape, tf.float64)
        self.count = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self.sum = tf.Variable(zeros, trainable=False)
        self.squares = tf.Variable(zeros, trainable=False)

    def gather(self, normalize: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that normalizes and adds what it saw."""

        def call(inputs, training, mask):
            if not (training and self.layer.trainable):
                return normalize(inputs, training=training, mask=mask)
            # Without momentum the statistics of this batch are those that move.
            with momentum_of(self.layer, 0.0):
                outputs = normalize(inputs, training=True, mask=mask)
            mean = tf.cast(self.layer.moving_mean.value, tf.float64)
            variance = tf.cast(self.layer.moving_variance.value, tf.float64)
            seen = tf.size(inputs) / tf.shape(inputs)[self.layer.axis]
            if mask is not None:
                seen = tf.math.count_nonzero(mask, dtype=tf.int32)
            seen = tf.cast(seen, tf.float64)
            self.count.assign_add(seen)
            self.sum.assign_add(seen * mean)
            self.squares.assign_add(seen * (variance + mean**2))
            return outputs

        return call

    def assign(self) -> None:
        """Give the layer the statistics, unless it never normalized a batch."""
        if not float(self.count):
            return
        layer, mean = self.layer, self.sum / self.count
        variance = tf.maximum(self.squares / self.count - mean**2, 0.0)
        layer.moving_mean.assign(tf.cast(mean, layer.moving_mean.dtype))
        layer.moving_variance.assign(tf.cast(variance, layer.moving_variance.dtype))
        if layer.renorm:
            deviation = tf.sqrt(variance + layer.epsilon)
            layer.moving_stddev.assign(tf.cast(deviation, layer.moving_stddev.dtype))


def reestimate_batch_normalization(model: keras.Model, data: Iterable[Any]) -> None:
    """Give batch normalization the mean and the variance of its inputs over training data.

    Moving averages lag behind weights that learn and hold the last batches above all; these are
    exact for the weights as they are. Steps of training are gone through without an update, so
    that it works for whatever `fit` trains; nothing but the moving statistics is changed. Layers
    that are not trainable keep theirs.

    Reference: [Wu and Johnson, Rethinking "batch" in batch normalization,
    2021](https://arxiv.org/abs/2105.07576), section 3.

    Args:
        model: A compiled model that was built.
        data: The batches of one epoch, as `fit` takes them.

    Raises:
        ValueError: If the model is not compiled or not built, or there is no batch, or no end of
            them.
    """
    layers = normalizations(model)
    if not layers:
        return
    if not model.compiled or not all(layer.built for layer in layers):
        raise ValueError(f"compile and build {model.name} before its statistics are estimated")
    if isinstance(data, tf.data.Dataset) and data.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("data must be the batches of one epoch. Received: a data set without end")
    batches = iter(data)
    first = next(batches, None)
    if first is None:
        raise ValueError("data must hold at least one batch. Received: none, or none any more")
    build_state(model, first)
    found = [_Statistics(layer) for layer in layers]
    # A callback that still clips or sets rates would take these steps for its own.
    rest(model)
    hooks = hooks_of(model).values()
    step = model.train_step
    if not model.run_eagerly:
        step = tf.function(step, autograph=False, reduce_retracing=True)
    with _unchanged(model):
        try:
            for hook in hooks:
                hook.updating = False
            for each in found:
                replace_call(each.layer, each.gather)
            model.make_train_function(force=True)
            for batch in itertools.chain([first], batches):
                step(batch)
        finally:
            for hook in hooks:
                hook.updating = True
            for each in found:
                restore_call(each.layer)
            model.make_train_function(force=True)
    for each in found:
        each.assign()


@contextlib.contextmanager
def _unchanged(model: keras.Model) -> Iterator[None]:
    optimizers = [v for each in optimizers_of(model).values() for v in each.variables]
    trainer = getattr(model, "state", None) or {}
    variables = [*model.variables, *optimizers, *trainer.values(), *model.metrics_variables]
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
