"""A training step of a classifier beside PyTorch: equal weights, equal outputs, equal steps."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness import THREADS, Side, compare

BATCH, STEPS = 128, 40


def compare_training_step(
    title: str, build: Callable[[], Any], torch_layers: Callable[[Any], list[Any]], classes: int
) -> None:
    """Time a step of Adam of a network beside that of its twin, alone and in groups.

    Args:
        title: What is timed.
        build: Builds the network, which takes one input and gives logits.
        torch_layers: Function of `torch.nn` that gives the layers of the twin, in order.
        classes: Number of classes.
    """

    def ours(steps_per_execution: int) -> Side:
        return lambda folder: _keras(folder, build, classes, steps_per_execution)

    def peer(compiled: bool) -> Side:
        return lambda folder: _torch(folder, torch_layers, classes, compiled)

    compare(
        f"{title}, training step, batch {BATCH}, Adam, {THREADS} threads",
        {
            "kerasbio": ours(1),
            "kerasbio, 8 steps a call": ours(8),
            "PyTorch": peer(False),
            "PyTorch, compiled": peer(True),
        },
        STEPS,
    )


def _batch(shape: tuple[int, ...], classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(BATCH, *shape)).astype(np.float32)
    return inputs, random.integers(classes, size=BATCH)


def _keras(
    folder: Path, build: Callable[[], Any], classes: int, steps_per_execution: int
) -> Callable[[], None]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    from kerasbio.datasets.batches import without_tuning

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(0)
    model = build()
    inputs, labels = _batch(model.input_shape[1:], classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.001)
    model.compile(optimizer, loss, steps_per_execution=steps_per_execution)
    data = without_tuning(tf.data.Dataset.from_tensors((inputs, labels)).repeat(STEPS))
    weights = {f"w{i}": w for i, w in enumerate(model.get_weights())}
    before = model.predict(inputs, verbose=0)
    model.train_on_batch(inputs, labels)
    after = model.predict(inputs, verbose=0)
    np.savez(folder / "shared.npz", shape=inputs.shape[1:], before=before, after=after, **weights)
    return lambda: model.fit(data, verbose=0, shuffle=False)


def _torch(
    folder: Path, torch_layers: Callable[[Any], list[Any]], classes: int, compiled: bool
) -> Callable[[], None]:
    import torch
    from torch import nn

    torch.set_num_threads(THREADS)
    model = nn.Sequential(*torch_layers(nn))
    shared = np.load(folder / "shared.npz")
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            value = shared[f"w{i}"]
            axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]
            parameter.copy_(torch.from_numpy(value.transpose(axes).copy()))
    images, targets = _batch(tuple(shared["shape"]), classes)
    if images.ndim == 4:
        images = images.transpose(0, 3, 1, 2).copy()
    inputs, labels = torch.from_numpy(images), torch.from_numpy(targets)
    loss = nn.CrossEntropyLoss()
    # Keras adds its epsilon of 1e-7 before it corrects for the first steps: so it is that of the
    # first step here, which is compared.
    optimizer = torch.optim.Adam(model.parameters(), 0.001, eps=1e-7 / (1 - 0.999) ** 0.5)
    network = torch.compile(model) if compiled else model

    def step() -> None:
        optimizer.zero_grad()
        loss(network(inputs), labels).backward()
        optimizer.step()

    for name in ("before", "after"):
        np.testing.assert_allclose(model(inputs).detach().numpy(), shared[name], atol=1e-3)
        step()

    def block() -> None:
        for _ in range(STEPS):
            step()

    return block
