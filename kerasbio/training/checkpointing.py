"""When a run saves its state, and how it takes up where it stopped."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasbio.errors import Interrupted, KerasbioError
from kerasbio.training.checkpoint import Checkpoint, CheckpointStore
from kerasbio.training.state import STATES, collect_state, restore_state


class Checkpointing(keras.callbacks.Callback):
    """Save after every epoch, and after the running step when a signal came.

    Comes last in the list of callbacks, so that it sees what the others have made of an epoch.

    Args:
        store: Where checkpoints go.
        others: Callbacks with a state, by name: `get_state()` and `set_state(state, step)`.
        steps_per_epoch: Steps of one epoch.
        monitor: Name of the log that says which epoch is best, and `"min"` or `"max"`. Where no
            epoch is validated and the name is that of a validation, the newest is best.
        resumed: The checkpoint to go on from.
    """

    def __init__(
        self,
        store: CheckpointStore,
        others: dict[str, Any],
        steps_per_epoch: int,
        monitor: tuple[str, str],
        resumed: Checkpoint | None,
    ):
        super().__init__()
        self.store = store
        self.others = others
        self.steps_per_epoch = steps_per_epoch
        self.monitor = monitor
        self.resumed = resumed
        self.best = resumed.state["best"] if resumed else None
        self.best_value = resumed.state["best_value"] if resumed else None
        self.first_batch = resumed.state["batch"] if resumed else 0
        self.signal: int | None = None
        self._states = resumed.state["callbacks"] if resumed else None
        self._step = resumed.state["step"] if resumed else 0

    def on_train_begin(self, logs=None):
        if self.resumed is not None:
            try:
                restore_state(self.model, self.resumed.arrays, STATES)
            except ValueError as error:
                raise KerasbioError(
                    f"checkpoint {self.resumed.name} does not fit: {error}; resume with the "
                    "version and options that wrote it"
                ) from error
        if self._states is not None:
            for name, callback in self.others.items():
                if name in self._states:
                    callback.set_state(self._states[name], self._step)

    def on_epoch_begin(self, epoch, logs=None):
        if self.resumed is not None and self.first_batch:
            # fit has just reset the metrics; those of the broken epoch go on.
            restore_state(self.model, self.resumed.arrays, ["metrics"])
        self.resumed = None

    def on_train_batch_end(self, batch, logs=None):
        done = self.first_batch + batch + 1
        # The last step of an epoch leaves to on_epoch_end what belongs to the epoch.
        if self.signal is not None and done < self.steps_per_epoch:
            epoch = self._step // self.steps_per_epoch
            self._save(epoch, done)
            self._leave(f"epoch {epoch + 1}, batch {done}")
        self._batch = done

    def on_epoch_end(self, epoch, logs=None):
        if self._is_best(logs or {}):
            self.best = None
        self.first_batch = 0
        self._save(epoch + 1, 0)
        if self.signal is not None:
            self._leave(f"epoch {epoch + 1}")

    def _is_best(self, logs: dict[str, Any]) -> bool:
        name, mode = self.monitor
        if name not in logs:
            if name.startswith("val_") and not any(other.startswith("val_") for other in logs):
                return True
            raise ValueError(
                f"monitor must be one of {', '.join(logs)}. Received: monitor={name!r}"
            )
        value = float(logs[name])
        if not np.isfinite(value):
            return self.best is None
        sign = 1 if mode == "min" else -1
        if self.best_value is not None and sign * value >= sign * self.best_value:
            return False
        self.best_value = value
        return True

    def _save(self, epoch: int, batch: int) -> None:
        step = epoch * self.steps_per_epoch + batch
        states = {name: callback.get_state() for name, callback in self.others.items()}
        state = {
            "epoch": epoch,
            "batch": batch,
            "step": step,
            "steps_per_epoch": self.steps_per_epoch,
            # An epoch that is broken by a signal does not end the training.
            "ended": self.signal is None and self.model.stop_training,
            "best_value": self.best_value,
            "callbacks": states,
        }
        name = self.store.save(collect_state(self.model), state, best=self.best)
        self.best = self.best or name
        self._states, self._step = states, step

    def _leave(self, where: str) -> None:
        number = self.signal or signal.SIGINT
        raise Interrupted(
            f"stopped by {signal.Signals(number).name} after {where}; the state is saved: go on "
            "with --resume",
            number,
        )

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM end the step and save; a second signal ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in numbers}

        def note(number: int, frame: Any) -> None:
            self.signal = number
            for each in numbers:
                signal.signal(each, before[each])

        for number in numbers:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number in numbers:
                signal.signal(number, before[number])
