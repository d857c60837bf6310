"""A training step of LeNet-5 beside PyTorch: equal weights, equal outputs, equal steps."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness import THREADS, compare

BATCH, STEPS, CLASSES = 128, 40, 10
random = np.random.default_rng(0)
IMAGES = random.normal(size=(BATCH, 32, 32, 1)).astype(np.float32)
LABELS = random.integers(CLASSES, size=BATCH)


def grouped(folder: Path) -> Callable[[], None]:
    return ours(folder, steps_per_execution=8)


def ours(folder: Path, steps_per_execution: int = 1) -> Callable[[], None]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    from kerasbio import build_lenet5

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(0)
    model = build_lenet5((32, 32, 1), CLASSES)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(0.001)
    model.compile(optimizer, loss, steps_per_execution=steps_per_execution)
    data = tf.data.Dataset.from_tensors((IMAGES, LABELS)).repeat(STEPS)
    weights = {f"w{i}": w for i, w in enumerate(model.get_weights())}
    before = model.predict(IMAGES, verbose=0)
    model.train_on_batch(IMAGES, LABELS)
    np.savez(
        folder / "lenet5.npz", before=before, after=model.predict(IMAGES, verbose=0), **weights
    )
    return lambda: model.fit(data, verbose=0, shuffle=False)


def pytorch(compiled: bool) -> Callable[[Path], Callable[[], None]]:
    def side(folder: Path) -> Callable[[], None]:
        import torch
        from torch import nn

        torch.set_num_threads(THREADS)
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(),
            nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, CLASSES),
        )  # fmt: skip
        shared = np.load(folder / "lenet5.npz")
        with torch.no_grad():
            for i, parameter in enumerate(model.parameters()):
                value = shared[f"w{i}"]
                axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]
                parameter.copy_(torch.from_numpy(value.transpose(axes).copy()))
        images = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy())
        labels = torch.from_numpy(LABELS)
        loss = nn.CrossEntropyLoss()
        # The epsilon of Keras; without it the steps differ.
        optimizer = torch.optim.Adam(model.parameters(), 0.001, eps=1e-7)
        network = torch.compile(model) if compiled else model

        def step() -> None:
            optimizer.zero_grad()
            loss(network(images), labels).backward()
            optimizer.step()

        for name in ("before", "after"):
            np.testing.assert_allclose(model(images).detach().numpy(), shared[name], atol=1e-3)
            step()

        def block() -> None:
            for _ in range(STEPS):
                step()

        return block

    return side


if __name__ == "__main__":
    compare(
        f"LeNet-5, training step, 32 x 32 x 1, batch {BATCH}, Adam, {THREADS} threads",
        {
            "kerasbio": ours,
            "kerasbio, 8 steps a call": grouped,
            "PyTorch": pytorch(False),
            "PyTorch, compiled": pytorch(True),
        },
        STEPS,
    )
