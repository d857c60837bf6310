"""Networks of agents."""

from collections.abc import Sequence

import keras
from keras import layers


def build_q_network(
    input_shape: tuple[int],
    num_actions: int,
    *,
    hidden: Sequence[int] = (120, 84),
    activation: str = "relu",
    batch_norm: bool = False,
    name: str = "q_network",
) -> keras.Model:
    """Build the multilayer Q-network that CleanRL's DQN uses: 10,934 parameters on cart-pole.

    Reference: [Huang et al., CleanRL, 2022](https://jmlr.org/papers/v23/21-1342.html), dqn.py.

    Args:
        input_shape: `(features,)` of an observation.
        num_actions: Number of actions.
        hidden: Units of each hidden layer.
        activation: Activation of the hidden layers.
        batch_norm: Whether batch normalization follows each hidden layer's affine part.
        name: Name of the model.

    Returns:
        A `keras.Model` from features `(batch, features)` to the value of each action
        `(batch, num_actions)`: as unbounded as logits.

    Raises:
        ValueError: If `input_shape` is not one number, or `num_actions` is below 1.
    """
    if len(input_shape) != 1 or not input_shape[0]:
        raise ValueError(
            "a Q-network needs the number of features of an observation, (features,). "
            f"Received: input_shape={tuple(input_shape)}"
        )
    if num_actions < 1:
        raise ValueError(f"num_actions must be at least 1. Received: num_actions={num_actions}")
    inputs = x = keras.Input(input_shape, name="features")
    for level, units in enumerate(hidden):
        x = layers.Dense(units, name=f"hidden{level}")(x)
        if batch_norm:
            x = layers.BatchNormalization(name=f"hidden{level}_norm")(x)
        x = layers.Activation(activation, name=f"hidden{level}_{activation}")(x)
    return keras.Model(inputs, layers.Dense(num_actions, name="values")(x), name=name)
