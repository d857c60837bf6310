"""What a model that trains in a way of its own tells callbacks, checkpoints and reports."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf


class Trainer(keras.Model):
    """Networks that one step trains together, driven by `fit` like any model.

    A subclass takes networks that are ready made and writes `train_step`, in which every update
    goes through `minimize`. Where `fit` is given validation data it writes `test_step` too.

    Attributes:
        networks: The networks by name.
        optimizers: The optimizers by name, once compiled; `optimizer` is the first of them.
        monitor: Name of the log that says which epoch is best, and `"min"` or `"max"`.
        updates_per_step: Updates that each optimizer takes in one step.

    Args:
        networks: The networks by name.
        name: Name of the model.
    """

    monitor = ("val_loss", "min")
    updates_per_step = 1

    def __init__(self, networks: Mapping[str, keras.Model], name: str):
        super().__init__(name=name)
        self.networks = dict(networks)
        self.optimizers: dict[str, keras.optimizers.Optimizer] = {}
        self.built = True

    @property
    def trained(self) -> dict[str, list[Any]]:
        """Variables that each optimizer trains, by its name: by default those of its network."""
        return {name: network.trainable_variables for name, network in self.networks.items()}

    @property
    def state(self) -> dict[str, tf.Variable]:
        """What a checkpoint must hold beside weights and optimizers, by name."""
        return {}

    def compile(self, optimizers: Mapping[str, keras.optimizers.Optimizer], **settings: Any):
        """Configure training.

        Args:
            optimizers: One for each name in `trained`.
            **settings: As for any Keras model, such as `steps_per_execution`.

        Raises:
            ValueError: If a name is missing or unknown.
        """
        if set(optimizers) != set(self.trained):
            raise ValueError(
                f"optimizers must be those of {', '.join(self.trained)}. "
                f"Received: {', '.join(optimizers) or 'none'}"
            )
        # Without one Keras would make an RMSprop of its own.
        super().compile(next(iter(optimizers.values())), **settings)
        self.optimizers = dict(optimizers)
        for name, variables in self.trained.items():
            self.optimizers[name].build(variables)

    def minimize(self, name: str, loss: Callable[[], Any]) -> Any:
        """Take one step of an optimizer down the gradient of a loss, and return the loss.

        Args:
            name: Name of the optimizer.
            loss: Function that computes it; other updates may take place within.
        """
        optimizer, variables = self.optimizers[name], self.trained[name]
        with tf.GradientTape() as tape:
            value = loss()
            scaled = optimizer.scale_loss(value)
        optimizer.apply(tape.gradient(scaled, variables), variables)
        return value

    def call(self, inputs, training=False):
        """Answer as the first of the networks does."""
        return next(iter(self.networks.values()))(inputs, training=training)
