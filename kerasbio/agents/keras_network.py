"""A Keras 3 model where tf-agents expects a network of its own."""

from typing import Any

import keras
from tf_agents.networks import network


class KerasNetwork(network.Network):
    """A functional Keras model behind the interface of tf-agents.

    Args:
        input_tensor_spec: Of the features that the model takes.
        model: The model; it is built.
        name: Name of the network.
    """

    def __init__(self, input_tensor_spec: Any, model: keras.Model, name: str = "KerasNetwork"):
        super().__init__(input_tensor_spec=input_tensor_spec, state_spec=(), name=name)
        self._model = model
        self.built = True

    @property
    def variables(self) -> list[Any]:
        # tf-agents assigns to variables of TensorFlow, and not to those of Keras.
        return [v.value for v in self._model.variables]

    @property
    def losses(self) -> list[Any]:
        return self._model.losses

    def call(self, observation, step_type=None, network_state=(), training=False):
        """Return the model's outputs `(batch, ...)` and no state."""
        return self._model(observation, training=training), network_state
