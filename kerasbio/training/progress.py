"""What a run tells while it trains: a bar on a terminal, a line per epoch elsewhere."""

import csv
import io
import sys
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerasbio.callbacks import GradientHealth
from kerasbio.training.files import replace_file


class Progress(keras.callbacks.Callback):
    """Print one line per epoch, with a bar below it where standard error is a terminal."""

    def __init__(self, epochs: int, steps_per_epoch: int | None):
        super().__init__()
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.first_batch = 0
        self._bar: Any = None

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.monotonic()
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(
                f"epoch {epoch + 1}/{self.epochs}", total=self.steps_per_epoch
            )
            self._bar.update(self._task, completed=self.first_batch)
        self.first_batch = 0

    def on_train_batch_end(self, batch, logs=None):
        if self._bar is not None:
            self._bar.advance(self._task)

    def on_epoch_end(self, epoch, logs=None):
        self.close()
        scores = "  ".join(f"{name} {value:.4g}" for name, value in (logs or {}).items())
        seconds = time.monotonic() - self._start
        print(f"epoch {epoch + 1}/{self.epochs}  {scores}  {seconds:.1f} s", flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Journal(keras.callbacks.Callback):
    """Keep the history of a run in `metrics.csv`, `gradients.csv` and TensorBoard events.

    Args:
        path: The run's directory.
        steps_per_epoch: Steps of one epoch.
        health: Whose history goes to `gradients.csv`.
    """

    def __init__(self, path: Path, steps_per_epoch: int, health: GradientHealth):
        super().__init__()
        self.path = path
        self.steps_per_epoch = steps_per_epoch
        self.health = health
        self.rows: list[dict[str, Any]] = []
        self._events = tf.summary.create_file_writer(str(path / "events"))

    def on_epoch_end(self, epoch, logs=None):
        logs = {name: float(value) for name, value in (logs or {}).items()}
        rate = logs.pop("learning_rate", float("nan"))
        step = (epoch + 1) * self.steps_per_epoch
        self.rows.append({"epoch": epoch + 1, "step": step, "learning_rate": rate, **logs})
        _write_csv(self.path / "metrics.csv", self.rows)
        points = [{"step": step, **norms} for step, norms in self.health.history]
        _write_csv(self.path / "gradients.csv", points)
        with self._events.as_default(step):
            for name, value in {**logs, "learning_rate": rate}.items():
                tf.summary.scalar(name, value)
        self._events.flush()

    def get_state(self) -> dict:
        """Return the rows so far, for a checkpoint."""
        return {"rows": self.rows}

    def set_state(self, state: dict, step: int) -> None:
        """Go on after `step` steps of an earlier run."""
        self.rows = [dict(row) for row in state["rows"]]


class TimeLimit(keras.callbacks.Callback):
    """Begin no epoch that would, at the pace of the last one, end after some minutes."""

    def __init__(self, minutes: float):
        super().__init__()
        self.minutes = minutes
        self._begin = time.monotonic()

    def get_state(self) -> dict:
        """Return the time that was used, for a checkpoint."""
        return {"seconds": time.monotonic() - self._begin}

    def set_state(self, state: dict, step: int) -> None:
        """Go on with the time that an earlier run has left."""
        self._begin = time.monotonic() - state["seconds"]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_begin = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        if now + (now - self._epoch_begin) > self._begin + self.minutes * 60:
            self.model.stop_training = True


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[-1]), restval="", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(path, text.getvalue().encode())
