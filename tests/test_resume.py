"""Broken runs go on and end bitwise like runs that were not broken."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from kerasbio.training import checkpointing, files
from kerasbio.training.checkpoint import CheckpointStore
from tests.tiny_run import STEPS, in_child, kill_self, tiny_options, train

EPOCHS = 3


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


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    output = tmp_path_factory.mktemp("uninterrupted")
    assert in_child(lambda: train(tiny_options(output))) == 0
    return final(output)


def resume(output, **changes):
    return in_child(
        lambda: train(tiny_options(output, resume=True, given=tuple(changes), **changes))
    )


def test_same_seed_same_run(uninterrupted, tmp_path):
    assert in_child(lambda: train(tiny_options(tmp_path))) == 0
    assert final(tmp_path) == uninterrupted


@pytest.mark.parametrize(
    ("number", "code", "step"), [(signal.SIGINT, 130, 6), (signal.SIGTERM, 143, 9)]
)
def test_signal_saves_and_resumes_bitwise(uninterrupted, tmp_path, capfd, number, code, step):
    def work():
        taken = 0
        original = checkpointing.Checkpointing.on_train_batch_end

        def signalled(self, batch, logs=None):
            nonlocal taken
            taken += 1
            if taken == step:
                os.kill(os.getpid(), number)
            original(self, batch, logs)

        checkpointing.Checkpointing.on_train_batch_end = signalled
        train(tiny_options(tmp_path))

    assert in_child(work) == code
    said = capfd.readouterr().err
    assert f"epoch {step // STEPS + 1}, batch {step % STEPS}" in said and "--resume" in said
    assert resume(tmp_path) == 0
    assert final(tmp_path) == uninterrupted


CALLS = ("write", "fsync", "rename", "replace")


class Killer:
    """Count the calls of a save, and kill the process before, within or after one of them."""

    def __init__(self, at: int = -1, when: str = "", from_save: int = 2):
        self.at, self.when, self.from_save = at, when, from_save
        self.saves, self.count, self.log = 0, 0, []

    def install(self):
        save = CheckpointStore.save

        def counted(store, *args, **kwargs):
            self.saves += 1
            try:
                return save(store, *args, **kwargs)
            finally:
                self.saves = -abs(self.saves) if self.saves >= self.from_save else self.saves

        CheckpointStore.save = counted
        real = {name: getattr(os, name) for name in CALLS}

        def wrapped(name):
            def call(*args, **kwargs):
                if self.saves != self.from_save:
                    return real[name](*args, **kwargs)
                number, self.count = self.count, self.count + 1
                self.log.append(name)
                if number == self.at and self.when == "before":
                    kill_self()
                if number == self.at and self.when == "half":
                    real[name](args[0], bytes(args[1])[: len(args[1]) // 2])
                    kill_self()
                result = real[name](*args, **kwargs)
                if number == self.at and self.when == "after":
                    kill_self()
                return result

            return call

        files.os = type("WatchedOS", (), {"__getattr__": lambda _, name: getattr(os, name)})()
        for name in CALLS:
            setattr(files.os, name, wrapped(name))


def test_killed_at_every_step_of_a_save(uninterrupted, tmp_path):
    log = tmp_path / "log"

    def count():
        killer = Killer()
        killer.install()
        train(tiny_options(tmp_path / "count"))
        log.write_text(json.dumps(killer.log))

    assert in_child(count) == 0
    calls = json.loads(log.read_text())
    # Five files, the directory, its rename, and the pointer with its own write and rename.
    assert calls.count("write") == 7 and calls.count("rename") == calls.count("replace") == 1
    assert calls.count("fsync") == 10
    points = [
        (number, when)
        for number, name in enumerate(calls)
        for when in (("before", "half") if name == "write" else ("before", "after"))
    ]
    for number, when in points:
        output = tmp_path / f"{number}-{when}"

        def work(output=output, number=number, when=when):
            Killer(number, when).install()
            train(tiny_options(output))

        assert in_child(work) == -signal.SIGKILL, (number, when)
        store = CheckpointStore(output / "runs/tiny/a/checkpoints")
        found = store.newest()
        assert found is not None and found.state["step"] in (STEPS, 2 * STEPS)
        assert store.damaged == []
        assert resume(output) == 0, (number, when)
        assert final(output) == uninterrupted, (number, when)


def test_flipped_byte_falls_back_and_says_so(uninterrupted, tmp_path, capfd):
    assert in_child(lambda: train(tiny_options(tmp_path, epochs=2, schedule="constant"))) == 0
    directory = tmp_path / "runs/tiny/a/checkpoints"
    newest = CheckpointStore(directory).names()[-1]
    path = directory / newest / "weights.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    def work():
        model = train(tiny_options(tmp_path, resume=True))
        print("notes:", model.notes)

    assert in_child(work) == 0
    said = capfd.readouterr().out
    assert f"checkpoint {newest} is damaged: weights.npz differs" in said
    assert f"resumed from step-{STEPS:09d}" in said


@pytest.mark.parametrize("damage", ["truncate", "empty", "missing", "manifest", "state"])
def test_damaged_files_are_found(uninterrupted, tmp_path, damage):
    store = CheckpointStore(tmp_path)
    arrays = {"weights": {"0:kernel": np.arange(6.0)}}
    for step in (1, 2):
        store.save(arrays, {"step": step, "epoch": step}, best=None)
    directory = tmp_path / "step-000000002"
    weights = directory / "weights.npz"
    match damage:
        case "truncate":
            weights.write_bytes(weights.read_bytes()[:-9])
        case "empty":
            weights.write_bytes(b"")
        case "missing":
            weights.unlink()
        case "manifest":
            (directory / "manifest.json").write_text("[1")
        case "state":
            (directory / "state.json").write_text("{}")
    assert store.newest().name == "step-000000001"
    assert "step-000000002 is damaged" in store.damaged[0]


def test_full_disk_keeps_the_last_checkpoint(tmp_path, capfd):
    def work():
        import errno

        write, saves = os.write, []
        save = CheckpointStore.save

        def counted(store, *args, **kwargs):
            saves.append(1)
            return save(store, *args, **kwargs)

        def full(descriptor, content):
            if len(saves) == 2:
                write(descriptor, bytes(content)[:50])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(descriptor, content)

        CheckpointStore.save = counted
        files.os = type("FullOS", (), {"__getattr__": lambda _, name: getattr(os, name)})()
        files.os.write = full
        train(tiny_options(tmp_path))

    assert in_child(work) == 1
    said = capfd.readouterr().err
    assert "the disk is full" in said and f"step-{STEPS:09d} is kept" in said
    directory = tmp_path / "runs/tiny/a/checkpoints"
    assert not list(directory.glob(".tmp-*"))
    assert CheckpointStore(directory).newest().state["step"] == STEPS


def test_more_epochs_go_on_by_the_rule(tmp_path, capfd):
    assert in_child(lambda: train(tiny_options(tmp_path, epochs=2))) == 0
    before = final(tmp_path)[1]["callbacks"]["schedule"]["factors"]

    def work():
        model = train(tiny_options(tmp_path, epochs=4, resume=True, given=("epochs",)))
        print("notes:", model.notes)

    assert in_child(work) == 0
    assert "8 steps were planned and now 16 are; the factor had reached" in capfd.readouterr().out
    after = final(tmp_path)[1]["callbacks"]["schedule"]["factors"]
    assert after[:8] == before and len(after) == 16
    assert after[8] == pytest.approx(before[-1], rel=0.05)
    rows = final(tmp_path)[2].splitlines()
    assert len(rows) == 5


def test_a_finished_run_resumes_to_itself(uninterrupted, tmp_path):
    assert in_child(lambda: train(tiny_options(tmp_path))) == 0
    assert resume(tmp_path) == 0
    assert final(tmp_path) == uninterrupted
