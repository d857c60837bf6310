"""What GradientHealth costs: steps that it measures, and the steps between, beside plain steps.

Copies of a network train in turn, in random order, in one process. A second plain copy runs along;
its ratio (A/A) shows what of a difference is noise. A measured step costs what it takes longer
than a plain one, over as many plain steps as it is one of.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from harness import THREADS

BATCH, POLES, GENES = 128, 32, 2000
PLAIN, AGAIN, IDLE, MEASURED = range(4)
#: Factor and form of each of the costs.
RATIO, SHARE = (1, "{:.2f} ({:.2f} to {:.2f})"), (100, "{:+.2f} % ({:+.2f} to {:+.2f})")
COSTS = {"A/A": RATIO, "measured": SHARE, "between": SHARE, "in all": SHARE}

#: Builds a compiled model, and the data of its steps.
Build = Callable[[], tuple[Any, Any]]


class Training:
    """A model in training, step by step as `fit` takes them.

    Args:
        build: Builds the model and its data.
        callbacks: What `fit` would be given.
    """

    def __init__(self, build: Build, *callbacks: Any):
        import keras

        keras.utils.set_random_seed(0)
        self.model, data = build()
        # Builds what the first step builds, and adds the stage.
        self.model.fit(data, verbose=0, shuffle=False, callbacks=list(callbacks))
        self.callbacks = keras.callbacks.CallbackList(
            list(callbacks), add_history=True, model=self.model, epochs=1, steps=None
        )
        self.callbacks.on_train_begin()
        self.callbacks.on_epoch_begin(0)
        self.batches = iter(data.repeat())
        self.number = 0

    def step(self) -> float:
        """Take one step and return its seconds."""
        begin = time.perf_counter()
        self.callbacks.on_train_batch_begin(self.number)
        logs = self.model.train_function(self.batches)
        self.callbacks.on_train_batch_end(self.number, logs)
        seconds = time.perf_counter() - begin
        self.number += 1
        return seconds


def measure(title: str, build: Build, rounds: int) -> None:
    """Time a network's steps of each kind and print what GradientHealth adds to a plain one.

    Args:
        title: Name of the network.
        build: Builds it, with its data.
        rounds: Steps of each kind.
    """
    from kerasbio import GradientHealth
    from kerasbio.callbacks.gradient_health import LONGEST_INTERVAL

    health = GradientHealth()
    watched = Training(build, health)
    sides = {PLAIN: Training(build), AGAIN: Training(build), IDLE: watched, MEASURED: watched}
    for side in sides.values():
        side.step()
    random = np.random.default_rng(0)
    times = np.empty((rounds, len(sides)))
    measured = len(health.history)
    for row in times:
        for kind in random.permutation(len(sides)):
            # The caches hold what the same network left there, as in training.
            sides[kind].step()
            if kind == MEASURED:
                # To the next step that is due.
                watched.number += -watched.number % LONGEST_INTERVAL
            row[kind] = sides[kind].step()
    assert len(health.history) == measured + rounds, "no other step was measured"

    costs = _costs(times, LONGEST_INTERVAL)
    draws = _costs(times[random.integers(rounds, size=(2000, rounds))], LONGEST_INTERVAL)
    intervals = np.percentile(draws, [2.5, 97.5], axis=0)
    plain, _, between, due = 1000 * np.median(times, axis=0)
    shown = [
        f"{name} {form.format(factor * cost, *(factor * ends))}"
        for (name, (factor, form)), cost, ends in zip(
            COSTS.items(), costs, intervals.T, strict=True
        )
    ]
    medians = f"{plain:.3f} / {between:.3f} / {due:.3f} ms"
    print(f"{title:11s} {medians:28s} {'   '.join(shown)}", flush=True)


def _costs(times: np.ndarray, interval: int) -> np.ndarray:
    """Return the costs `(..., 4)`, in plain steps, of times `(..., rounds, kinds)`."""
    plain, again, idle, measured = np.moveaxis(np.median(times, axis=-2), -1, 0)
    mean = ((interval - 1) * idle + measured) / interval
    costs = [again, (measured - plain) / interval, idle - plain, mean - plain]
    return np.stack(costs, axis=-1) / plain[..., None]


def _classifier(build: Callable[[], Any]) -> tuple[Any, Any]:
    import keras
    import tensorflow as tf

    model = build()
    random = np.random.default_rng(0)
    inputs = random.normal(size=(BATCH, *model.input_shape[1:])).astype(np.float32)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.001), loss)
    return model, tf.data.Dataset.from_tensors((inputs, random.integers(10, size=BATCH)))


def mlp() -> tuple[Any, Any]:
    from kerasbio import build_mlp

    return _classifier(lambda: build_mlp((784,), 10))


def lenet5() -> tuple[Any, Any]:
    from kerasbio import build_lenet5

    return _classifier(lambda: build_lenet5((32, 32, 1), 10))


def gcn() -> tuple[Any, Any]:
    import keras
    import tensorflow as tf

    from kerasbio import GeneNetwork, build_gcn, normalize_adjacency
    from kerasbio.datasets.nodes import element, split_nodes

    graph = GeneNetwork(GENES, seed=0)
    scaled = (graph.features - graph.features.mean(0)) / graph.features.std(0)
    adjacency = normalize_adjacency(graph.edges, graph.weights, len(graph))
    inputs = {"node_features": tf.constant(scaled, tf.float32), "adjacency": adjacency}
    training, _ = split_nodes(graph, (0.2, 0.8), seed=0)
    model = build_gcn(scaled.shape[1:], len(graph.classes), hidden=(64,))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, weighted_metrics=["accuracy"])
    return model, tf.data.Dataset.from_tensors(element(inputs, graph.labels, training))


def dqn() -> tuple[Any, Any]:
    """A step holds 50 updates, and where one is measured all are."""
    import keras
    import tensorflow as tf

    from kerasbio import CartPole, DQNTrainer, build_q_network

    model = DQNTrainer(
        build_q_network((4,), 2, hidden=(256, 256)),
        CartPole(batch_size=POLES, seed=0),
        batch_size=64,
        updates_per_step=50,
        memory=100_000 // POLES,
        exploration=(1.0, 0.04),
    )
    model.compile({"q_network": keras.optimizers.Adam(2.3e-3)})
    return model, tf.data.Dataset.range(1)


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from kerasbio.quiet import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    print(f"GradientHealth, {THREADS} threads: plain step / step between / measured step; costs")
    measure("MLP", mlp, 1000)
    measure("LeNet-5", lenet5, 600)
    measure("GCN", gcn, 1000)
    measure("DQN", dqn, 300)
