"""A run of a few seconds that uses all that a long one uses."""

import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

import cloudpickle
import keras
import numpy as np

from kerasbio.datasets.cases import fingerprint, split, to_dataset
from kerasbio.training.checkpoint import CheckpointStore
from kerasbio.training.fit import fit, seed_everything
from kerasbio.training.options import RunOptions
from kerasbio.training.run import open_run, resumed_options

BATCH = 10
STEPS = 4


class Stripes:
    """Noise with a stripe in the rows or in the columns, of 8 x 8 pixels."""

    input_names = ("image",)
    classes = ("rows", "columns")

    def __init__(self, count: int = 60):
        self.labels = np.arange(count) % 2
        self.subjects = np.array([f"s{i}" for i in range(count)])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        random = np.random.default_rng(index)
        image = random.normal(size=(8, 8, 1)).astype(np.float32)
        if self.labels[index]:
            image[:, 3] += 2
        else:
            image[3] += 2
        return {"image": image, "label": self.labels[index], "subject": self.subjects[index]}


def tiny_network() -> keras.Model:
    inputs = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(3, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Activation("tanh", name="tanh")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x), name="tiny")


def tiny_options(output: Path, **changes) -> RunOptions:
    return RunOptions(
        **{
            "epochs": 3,
            "schedule": "cosine",
            "warmup_epochs": 0.5,
            "clip_norm": 0.5,
            "freeze_batch_norm_at": 3,
            "output": str(output),
            "name": "a",
            **changes,
        }
    )


def train(
    options: RunOptions,
    network=tiny_network,
    cases=None,
    callbacks=(),
    metrics=("accuracy",),
    validate=True,
    steps_per_execution=1,
    **settings,
) -> keras.Model:
    """Train the tiny network, or go on with it, and return it with its notes."""
    if options.resume:
        options = resumed_options("tiny", options)
    seed_everything(options.seed)
    cases = cases or Stripes()
    training, validation, _ = split(cases, (2 / 3, 1 / 6, 1 / 6), seed=0)
    with open_run("tiny", options, "tiny", fingerprint(cases)) as run:
        model = network()
        model.compile(
            keras.optimizers.Adam(0.01 * (options.learning_rate or 1)),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=list(metrics),
            steps_per_execution=steps_per_execution,
        )

        def feed(epoch, skip):
            for callback in callbacks:
                callback(model)
            return to_dataset(training, BATCH, 0, epoch, skip)

        held = to_dataset(validation, BATCH) if validate else None
        steps = -(-len(training) // BATCH)
        model.notes = fit(run, model, feed, steps, validation_data=held, **settings)
    return model


def final(output: Path):
    """All that a run ends with: arrays, callback states, and the curve as written."""
    run = output / "runs/tiny/a"
    checkpoint = CheckpointStore(run / "checkpoints").newest()
    assert checkpoint is not None
    arrays = {
        f"{group}/{name}": array.tobytes()
        for group, content in checkpoint.arrays.items()
        for name, array in content.items()
    }
    state = {name: checkpoint.state[name] for name in ("epoch", "step", "best", "callbacks")}
    return arrays, state, (run / "metrics.csv").read_text(), (run / "gradients.csv").read_text()


# Forking a process whose TensorFlow has run an operation can deadlock, as pytest's own has by now.
# The fork server has TensorFlow imported and nothing run.
FORK_SERVER = multiprocessing.get_context("forkserver")
FORK_SERVER.set_forkserver_preload(["tests.tiny_run"])


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a child forked afresh and return its exit code, negative for a signal.

    What the child prints is printed again here, so that pytest captures it.
    """
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"{folder}/out", f"{folder}/err"]
        child = FORK_SERVER.Process(target=_run, args=(cloudpickle.dumps(work), *outputs))
        child.start()
        child.join()
        for path, stream in zip(outputs, (sys.stdout, sys.stderr), strict=True):
            stream.write(Path(path).read_text() if os.path.exists(path) else "")
    assert child.exitcode is not None
    return child.exitcode


def _run(work: bytes, out: str, err: str) -> None:
    for descriptor, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    code = 70
    try:
        cloudpickle.loads(work)()
        code = 0
    except SystemExit as error:
        code = int(error.code or 0)
    except BaseException as error:
        code = getattr(error, "exit_code", 71)
        if code == 71:
            traceback.print_exc()
        else:
            print(error, file=sys.stderr)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
