"""Many networks of one architecture, trained side by side in one model."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasbio.callbacks import LearningRateSchedule
from kerasbio.datasets.batches import without_tuning

#: Updates that are made in one call of the train function.
STRIDE = 50


@keras.saving.register_keras_serializable(package="kerasbio")
class EnsembleDense(keras.layers.Layer):
    """An affine layer and an activation for each member of an ensemble.

    Shapes: `(members, batch, features)` to `(members, batch, units)`.

    Args:
        members: Number of members.
        units: Number of units of each.
        activation: Activation.
    """

    def __init__(self, members: int, units: int, *, activation: str = "linear", **kwargs: Any):
        super().__init__(**kwargs)
        self.members, self.units = members, units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        shape = (self.members, input_shape[-1], self.units)
        self.kernel = self.add_weight(shape=shape, initializer="he_normal", name="kernel")
        bias = (self.members, 1, self.units)
        self.bias = self.add_weight(shape=bias, initializer="zeros", name="bias")

    def call(self, inputs):
        return self.activation(ops.matmul(inputs, self.kernel) + self.bias)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        own = {"members": self.members, "units": self.units, "activation": activation}
        return {**super().get_config(), **own}


def build_ensemble(members: int, *, width: int, depth: int) -> keras.Model:
    """Build and compile `members` networks of rectified units from one number to one number.

    Each is a `build_mlp((1,), 1, width=width, depth=depth)`. The loss is the sum of the members'
    mean squared errors, so that the gradient of a member is that of its own error; the optimizer
    is Adam, which treats each weight by itself.

    Returns:
        A `keras.Model` from `(batch, 1)` to `(batch, members)`.
    """
    inputs = keras.Input((1,), name="x")
    x = ops.repeat(ops.expand_dims(inputs, 0), members, axis=0)
    for level in range(depth):
        x = EnsembleDense(members, width, activation="relu", name=f"hidden{level}")(x)
    x = EnsembleDense(members, 1, name="outputs")(x)
    model = keras.Model(inputs, ops.transpose(ops.squeeze(x, -1)), name="ensemble")
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, summed_squares, jit_compile=True, steps_per_execution=STRIDE)
    return model


@keras.saving.register_keras_serializable(package="kerasbio")
def summed_squares(values: Any, predictions: Any) -> Any:
    """Return the sum over members of the mean squared error, from two `(batch, members)`."""
    return ops.sum(ops.mean(ops.square(predictions - values), axis=0))


def initial_weights(
    width: int, depth: int, seeds: Sequence[int], *, spread: bool = False
) -> list[np.ndarray]:
    """Draw the weights of an ensemble, each member's from its own seed.

    Kernels are He normal, that of the outputs Glorot uniform, biases 0: as `build_mlp` does with
    `kernel_initializer="he_normal"`.

    Args:
        width: Units of each hidden layer.
        depth: Number of hidden layers.
        seeds: One number for each member.
        spread: Whether the first biases are such that the corners of the first layer lie anywhere
            on the domain [-1, 1], rather than all at 0.

    Returns:
        Kernels `(members, features, units)` and biases `(members, 1, units)` in turn, float32.
    """
    sizes = [1, *[width] * depth, 1]
    members = []
    for seed in seeds:
        states = np.random.SeedSequence(seed).generate_state(depth + 2)
        weights: list[np.ndarray] = []
        for level, (features, units) in enumerate(zip(sizes, sizes[1:], strict=False)):
            kind = keras.initializers.HeNormal
            if level == depth:
                kind = keras.initializers.GlorotUniform
            kernel = ops.convert_to_numpy(kind(seed=int(states[level]))((features, units)))
            weights += [kernel, np.zeros((1, units), np.float32)]
        if spread:
            corners = np.random.default_rng(states[-1]).uniform(-1, 1, (1, width))
            weights[1] = (-weights[0] * corners).astype(np.float32)
        members.append(weights)
    return [np.stack(weights) for weights in zip(*members, strict=True)]


def train_ensemble(
    model: keras.Model,
    weights: Sequence[np.ndarray],
    x: np.ndarray,
    values: np.ndarray,
    *,
    updates: int,
    rate: float,
) -> None:
    """Train an ensemble from given weights, on the whole data in each update.

    The rate goes through one cycle. Nothing is left of earlier training, and
    nothing is traced anew.

    Args:
        model: From `build_ensemble`.
        weights: From `initial_weights`.
        x: `(points,)`.
        values: `(points, members)`.
        updates: Number of updates, a multiple of 50.
        rate: Learning rate of Adam.

    Raises:
        ValueError: If `updates` is no multiple of 50.
    """
    if updates < STRIDE or updates % STRIDE:
        raise ValueError(f"updates must be a multiple of {STRIDE}. Received: updates={updates}")
    for variable in model.optimizer.variables:
        variable.assign(ops.zeros_like(variable))
    model.optimizer.learning_rate = rate
    model.set_weights(weights)
    data = (np.asarray(x, np.float32)[:, None], np.asarray(values, np.float32))
    model.fit(
        without_tuning(tf.data.Dataset.from_tensors(data).repeat(updates)),
        steps_per_epoch=updates,
        shuffle=False,
        verbose=0,
        callbacks=[LearningRateSchedule("one-cycle")],
    )


class Learner:
    """An ensemble that learns samples, each column scaled to its own mean and deviation.

    Args:
        places: `(points,)`, from 0 to 1; the networks see them scaled to [-1, 1].
        samples: `(points, members)`, column by column for each seed of a target, then the next.
        seeds: Number of seeds of each target.
        width: Units of each hidden layer.
        depth: Number of hidden layers.
        seed: The first of the seeds.
    """

    def __init__(
        self,
        places: np.ndarray,
        samples: np.ndarray,
        seeds: int,
        width: int,
        depth: int,
        seed: int = 0,
    ):
        self.mean, self.scale = samples.mean(0), samples.std(0)
        self.x, self.values = 2 * places - 1, (samples - self.mean) / self.scale
        self.width, self.depth = width, depth
        members = samples.shape[1]
        self.seeds = [seed + member % seeds for member in range(members)]
        self.model = build_ensemble(members, width=width, depth=depth)

    def train(self, updates: int, rate: float, *, spread: bool = False) -> None:
        """Train from the initial weights, as `train_ensemble` does."""
        weights = initial_weights(self.width, self.depth, self.seeds, spread=spread)
        train_ensemble(self.model, weights, self.x, self.values, updates=updates, rate=rate)

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Return `(points, members)` at places `(points,)` from 0 to 1, in the unit of samples."""
        scaled = (2 * places[:, None] - 1).astype(np.float32)
        return self.model(scaled).numpy() * self.scale + self.mean
