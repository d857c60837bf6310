"""The four shapes of training, each as small as it can be and with all that a large one has."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasbio.adversarial import AdversarialTrainer
from kerasbio.agents.dqn import DQNTrainer
from kerasbio.callbacks.hook import optimizers_of
from kerasbio.datasets.cases import split, to_dataset
from kerasbio.environments.batched import DiagnosisEnvironment
from kerasbio.environments.diagnosis import Workup
from kerasbio.layers.adjacency import normalize_adjacency
from kerasbio.models.gan import build_dcgan_discriminator, build_dcgan_generator
from kerasbio.models.graph import build_gcn
from kerasbio.training.fit import fit, seed_everything
from kerasbio.training.options import RunOptions
from kerasbio.training.run import open_run, resumed_options
from tests.tiny_run import BATCH, Stripes, tiny_network

Optimizer = Callable[[], keras.optimizers.Optimizer]


class Shape(NamedTuple):
    """A compiled model with what `fit` of kerasbio takes."""

    model: keras.Model
    feed: Callable[[Any, int], tf.data.Dataset]
    steps: int
    validation: tf.data.Dataset | None


def plain(optimizer: Optimizer) -> Shape:
    training, validation, _ = split(Stripes(), (2 / 3, 1 / 6, 1 / 6), seed=0)
    model = tiny_network()
    model.compile(optimizer(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))

    def feed(epoch, skip):
        return to_dataset(training, BATCH, 0, epoch, skip)

    return Shape(model, feed, 4, to_dataset(validation, BATCH))


def adversarial(optimizer: Optimizer) -> Shape:
    training, _, _ = split(Stripes(), (2 / 3, 1 / 6, 1 / 6), seed=0)
    generator = build_dcgan_generator((16, 16, 1), latent_size=3, filters=(4, 2))
    images = keras.Input((16, 16, 1), name="image")
    x = keras.layers.Dropout(0.2, name="dropout")(images)
    for layer in build_dcgan_discriminator((16, 16, 1), filters=(2, 3)).layers[1:]:
        x = layer(x)
    discriminator = keras.Model(images, x, name="discriminator")
    model = AdversarialTrainer(generator, discriminator, monitor=("generator_loss", "min"))
    model.compile({"generator": optimizer(), "discriminator": optimizer()})

    def feed(epoch, skip):
        batches = to_dataset(training, BATCH, 0, epoch, skip)
        return batches.map(lambda x, _: tf.tanh(tf.tile(x, (1, 2, 2, 1))))

    return Shape(model, feed, 4, None)


def graph(optimizer: Optimizer) -> Shape:
    random = np.random.default_rng(0)
    nodes, features = 30, 4
    pairs = np.argwhere(np.triu(random.uniform(size=(nodes, nodes)) < 0.15, 1))
    weights = tf.ones(len(pairs))
    labels = np.arange(nodes) % 3
    inputs = {
        "node_features": random.normal(size=(nodes, features)).astype(np.float32),
        "adjacency": normalize_adjacency(tf.constant(pairs), weights, nodes),
    }
    inputs["node_features"] = tf.constant(inputs["node_features"])
    known = (np.arange(nodes) < 20).astype(np.float32)
    model = build_gcn((features,), 3, hidden=(5,), batch_norm=True)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer(), loss, weighted_metrics=["accuracy"])

    def feed(epoch, skip):
        return tf.data.Dataset.from_tensors((inputs, labels, known)).repeat(4).skip(skip)

    return Shape(model, feed, 4, tf.data.Dataset.from_tensors((inputs, labels, 1 - known)))


def agent(optimizer: Optimizer) -> Shape:
    workup = Workup()
    inputs = keras.Input((3,), name="findings")
    x = keras.layers.Dense(6, name="hidden")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.2, name="dropout")(keras.layers.ReLU(name="relu")(x))
    network = keras.Model(inputs, keras.layers.Dense(5, name="values")(x))
    environment = DiagnosisEnvironment(workup, batch_size=4, seed=5)
    model = DQNTrainer(
        network, environment, batch_size=8, updates_per_step=2, memory=100, reward_scale=0.01,
        target_period=3, exploration_updates=6, episodes=10,
    )  # fmt: skip
    model.compile({"q_network": optimizer()})

    def feed(epoch, skip):
        return tf.data.Dataset.range(4).skip(skip)

    return Shape(model, feed, 4, tf.data.Dataset.range(1))


SHAPES = {"plain": plain, "adversarial": adversarial, "graph": graph, "agent": agent}


def trained_of(model: keras.Model) -> dict[str, list[Any]]:
    """Return the variables that each optimizer trains."""
    trained = getattr(model, "trained", None)
    return trained or dict.fromkeys(optimizers_of(model), model.trainable_variables)


def train_shape(name: str, options: RunOptions, spoil=None) -> keras.Model:
    """Train a shape in a run's directory, or go on with it, and return its model."""
    if options.resume:
        options = resumed_options("tiny", options)
    seed_everything(options.seed)
    rate = 0.01 * (options.learning_rate or 1)
    shape = SHAPES[name](lambda: keras.optimizers.Adam(rate))
    if spoil:
        spoil(shape.model)
    with open_run("tiny", options, "tiny") as run:
        shape.model.notes = fit(
            run, shape.model, shape.feed, shape.steps, validation_data=shape.validation
        )
    return shape.model
