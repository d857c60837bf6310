"""Networks of agents."""

from collections.abc import Sequence

import keras
from keras import layers

from kerasbio.blocks import dense_block
from kerasbio.models.checks import check_features, check_positive


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
        activation: Name of the activation of the hidden layers, of
            `kerasbio.activations.ACTIVATIONS`.
        batch_norm: Whether batch normalization follows each hidden layer's affine part.
        name: Name of the model.

    Returns:
        A `keras.Model` from features `(batch, features)` to the value of each action
        `(batch, num_actions)`: as unbounded as logits.

    Raises:
        ValueError: If `input_shape` is not one number, or `num_actions` is below 1.
    """
    check_features("a Q-network", input_shape)
    check_positive(num_actions=num_actions)
    inputs = x = keras.Input(input_shape, name="features")
    for level, units in enumerate(hidden):
        x = dense_block(
            x, units, activation=activation, batch_norm=batch_norm, name=f"hidden{level}"
        )
    return keras.Model(inputs, layers.Dense(num_actions, name="values")(x), name=name)
