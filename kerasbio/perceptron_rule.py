"""The perceptron learning rule, driven by `fit`."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from kerasbio.training.trainer import Trainer


class PerceptronTrainer(Trainer):
    """Train a perceptron by its rule: a case that is decided wrong is added or taken away.

    In each step `w += sum((label - decision) x)` over the batch, and the bias alike. On separable
    data the rule ends: with a batch of 1 after at most `(R / g)**2` mistakes, where `R` is the
    largest norm of a case and `g` the distance of the nearest one to a plane through 0 that
    separates them, both with a feature of 1 added for the bias; with a batch of B after at most
    B times as many. `fit` takes features and labels `(batch,)` or `(batch, 1)`, 0 or 1. The logs
    are `mistakes`, a sum over the epoch, and `accuracy`.

    Reference: [Rosenblatt 1958](https://doi.org/10.1037/h0042519); the bound: Novikoff, On
    convergence proofs on perceptrons, 1962.

    Args:
        perceptron: From `build_perceptron`: its step passes the gradient on as it comes, so that
            half the squared error has the rule as its gradient.
        name: Name of the model.
    """

    monitor = ("val_accuracy", "max")

    def __init__(self, perceptron: keras.Model, *, name: str = "perceptron_trainer"):
        super().__init__({"perceptron": perceptron}, name)
        self._mistakes = keras.metrics.Sum(name="mistakes")
        self._accuracy = keras.metrics.Mean(name="accuracy")

    def compile(
        self,
        optimizers: Mapping[str, keras.optimizers.Optimizer] | None = None,
        **settings: Any,
    ):
        """Configure training.

        Args:
            optimizers: The optimizer of `"perceptron"`; by default descent at rate 1.
            **settings: As for any Keras model.
        """
        super().compile(optimizers or {"perceptron": keras.optimizers.SGD(1.0)}, **settings)

    def train_step(self, data):
        """Take one step of the rule on a batch."""
        return self._step(data, lambda loss: self.minimize("perceptron", loss), training=True)

    def test_step(self, data):
        """Count the mistakes on a batch."""
        return self._step(data, lambda loss: loss(), training=False)

    def _step(self, data, take, training):
        x, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        labels = tf.reshape(tf.cast(labels, tf.float32), [-1])
        weights = 1.0 if weights is None else tf.cast(weights, tf.float32)
        found = []

        def loss():
            error = labels - tf.reshape(self(x, training=training), [-1])
            found.append(tf.abs(error))
            return tf.reduce_sum(weights * tf.square(error)) / 2

        take(loss)
        self._mistakes.update_state(found[0])
        self._accuracy.update_state(1 - found[0])
        return {metric.name: metric.result() for metric in (self._mistakes, self._accuracy)}
