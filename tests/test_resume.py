"""Broken runs go on and end bitwise like runs that were not broken."""

import json
import os
import pickle
import shutil
import signal

import keras
import numpy as np
import pytest

from kerasbio.callbacks import gradient_health
from kerasbio.errors import KerasbioError
from kerasbio.training import checkpointing, files
from kerasbio.training.checkpoint import CheckpointStore
from kerasbio.training.state import collect_state
from tests.tiny_run import STEPS, Stripes, final, in_child, kill_self, tiny_options, train

EPOCHS = 3


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


@pytest.fixture(scope="module")
def at_second_save(tmp_path_factory):
    """A run that was killed as its second save began, and what it was about to save."""
    folder = tmp_path_factory.mktemp("killed")

    def work():
        save = CheckpointStore.save

        def recorded(store, arrays, state, *, best):
            if state["step"] == 2 * STEPS:
                (folder / "saved").write_bytes(pickle.dumps((arrays, state, best)))
                kill_self()
            return save(store, arrays, state, best=best)

        CheckpointStore.save = recorded
        train(tiny_options(folder / "run"))

    assert in_child(work) == -signal.SIGKILL
    return folder


def save_and_die(folder, output, at=-1, when="", log=None):
    """Do that save in a child that is killed at one of its calls; return the exit code."""
    shutil.copytree(folder / "run", output)

    def work():
        arrays, state, best = pickle.loads((folder / "saved").read_bytes())
        killer = Killer(at, when, from_save=1)
        killer.install()
        CheckpointStore(output / "runs/tiny/a/checkpoints").save(arrays, state, best=best)
        if log is not None:
            log.write_text(json.dumps(killer.log))

    return in_child(work)


def content(directory):
    return {str(p.relative_to(directory)): p.read_bytes() for p in files_of(directory)}


def files_of(directory):
    return sorted(p for p in directory.rglob("*") if p.is_file())


def test_killed_at_every_step_of_a_save(uninterrupted, at_second_save, tmp_path):
    log = tmp_path / "log"
    assert save_and_die(at_second_save, tmp_path / "count", log=log) == 0
    calls = json.loads(log.read_text())
    # Five files, the directory, its rename, and the pointer with its own write and rename.
    assert calls.count("write") == 7 and calls.count("rename") == calls.count("replace") == 1
    assert calls.count("fsync") == 10
    points = [
        (number, when)
        for number, name in enumerate(calls)
        for when in (("before", "half") if name == "write" else ("before", "after"))
    ]
    resumed, steps = [], []
    for number, when in points:
        output = tmp_path / f"{number}-{when}"
        code = save_and_die(at_second_save, output, number, when)
        assert code == -signal.SIGKILL, (number, when)
        store = CheckpointStore(output / "runs/tiny/a/checkpoints")
        found = store.newest()
        assert found is not None and store.damaged == []
        steps.append(found.state["step"])
        # What a run goes on from is its directory: one that was tried need not be tried again.
        left = content(output)
        if left not in resumed:
            resumed.append(left)
            assert resume(output) == 0, (number, when)
            assert final(output) == uninterrupted, (number, when)
    # The save counts from the instant in which its directory has its name.
    renamed = points.index((calls.index("rename"), "after"))
    assert steps == [STEPS] * renamed + [2 * STEPS] * (len(points) - renamed)


def test_flipped_byte_falls_back_and_says_so(uninterrupted, tmp_path, capfd):
    assert in_child(lambda: train(tiny_options(tmp_path))) == 0
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
    assert f"resumed from step-{2 * STEPS:09d}" in said
    assert final(tmp_path) == uninterrupted


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


@pytest.mark.parametrize("first", ["the checkpoint", "metrics.csv"])
def test_full_disk_keeps_the_last_checkpoint(tmp_path, capfd, first):
    def work():
        import errno

        write, saves, saved = os.write, [], []
        save = CheckpointStore.save

        def counted(store, *args, **kwargs):
            saves.append(1)
            name = save(store, *args, **kwargs)
            saved.append(name)
            return name

        def full(descriptor, content):
            # From within the second save, or from the first write after the first save.
            if len(saves) == 2 or (first == "metrics.csv" and saved):
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


def test_more_epochs_go_on_by_the_rule(tmp_path):
    assert in_child(lambda: train(tiny_options(tmp_path, epochs=2))) == 0
    before = final(tmp_path)[1]["callbacks"]["schedule"]["factors"]

    def work():
        # So that there is something to say of the gradients.
        gradient_health.VANISHING_RATIO = 2.0
        notes = train(tiny_options(tmp_path, epochs=4, resume=True, given=("epochs",))).notes
        assert "8 steps were planned and now 16 are; the factor had reached" in notes[0]
        assert "vanish in" in notes[1]
        # What was found holds where nothing is left to do.
        assert train(tiny_options(tmp_path, resume=True)).notes == notes

    assert in_child(work) == 0
    after = final(tmp_path)[1]["callbacks"]["schedule"]["factors"]
    assert after[:8] == before and len(after) == 16
    assert after[8] == pytest.approx(before[-1], rel=0.05)
    rows = final(tmp_path)[2].splitlines()
    assert len(rows) == 5


def test_a_finished_run_resumes_to_itself(uninterrupted, tmp_path):
    assert in_child(lambda: train(tiny_options(tmp_path))) == 0
    assert resume(tmp_path) == 0
    assert final(tmp_path) == uninterrupted


@pytest.mark.parametrize("count", [30, 90])
def test_other_data_are_refused(tmp_path, count):
    train(tiny_options(tmp_path, epochs=1))
    changed = tiny_options(tmp_path, resume=True, epochs=2, given=("epochs",))
    said = f"began with 60 cases of 60 subjects, and there are {count} cases of {count} subjects"
    with pytest.raises(KerasbioError, match=said):
        train(changed, cases=Stripes(count))


def test_a_time_limit_ends_a_run_once(tmp_path, capfd):
    train(tiny_options(tmp_path, minutes=1e-6))
    before = final(tmp_path)
    assert before[1]["epoch"] == 1
    train(tiny_options(tmp_path, resume=True))
    assert final(tmp_path) == before
    train(tiny_options(tmp_path, resume=True, minutes=9.0, given=("minutes",)))
    assert final(tmp_path)[1]["epoch"] == EPOCHS


class WorseAndWorse(keras.metrics.Metric):
    """Rises with every validation, so that the first epoch is the best."""

    def __init__(self):
        super().__init__(name="worse")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, *_, **__):
        self.count.assign_add(1)

    def result(self):
        return keras.ops.copy(self.count)

    def reset_state(self):
        pass


def test_the_best_epoch_outlives_newer_ones(tmp_path):
    model = train(
        tiny_options(tmp_path, epochs=4), metrics=[WorseAndWorse()], monitor=("val_worse", "min")
    )
    store = CheckpointStore(tmp_path / "runs/tiny/a/checkpoints")
    assert store.newest().state["best"] == store.names()[0] == f"step-{STEPS:09d}"
    assert len(store.names()) == 3
    kept = store.load(store.names()[0]).arrays["weights"].values()
    for weight, expected in zip(model.variables, kept, strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected)


def test_without_validation_the_newest_is_the_best(tmp_path):
    model = train(tiny_options(tmp_path), validate=False)
    newest = CheckpointStore(tmp_path / "runs/tiny/a/checkpoints").newest()
    assert newest.state["best"] == newest.name == f"step-{EPOCHS * STEPS:09d}"
    for weight, expected in zip(model.variables, newest.arrays["weights"].values(), strict=True):
        np.testing.assert_array_equal(weight.numpy(), expected)


def test_a_monitor_that_is_no_log_is_told(tmp_path):
    with pytest.raises(ValueError, match="monitor must be one of .*val_loss.*'val_auc'"):
        train(tiny_options(tmp_path, epochs=1), monitor=("val_auc", "max"))


def test_the_loss_scale_is_part_of_the_state():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), initial_scale=8.0)
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)
    names = [name.split(":")[1] for name in collect_state(model)["optimizers"]]
    assert {"dynamic_scale", "step_counter", "learning_rate"} <= set(names)


def test_more_epochs_finish_the_warm_up_first(tmp_path):
    def broken():
        original = checkpointing.Checkpointing.on_epoch_end

        def signalled(self, epoch, logs=None):
            os.kill(os.getpid(), signal.SIGINT)
            original(self, epoch, logs)

        checkpointing.Checkpointing.on_epoch_end = signalled
        train(tiny_options(tmp_path, warmup_epochs=2.0))

    assert in_child(broken) == 130
    more = {"epochs": 6, "resume": True, "given": ("epochs",)}
    model = train(tiny_options(tmp_path, **more))
    assert any("the warm-up, then cosine over all" in note for note in model.notes)
    factors = final(tmp_path)[1]["callbacks"]["schedule"]["factors"]
    np.testing.assert_allclose(factors[:9], [*np.arange(1, 9) / 8, 1], rtol=1e-6)
    assert len(factors) == 6 * STEPS and factors[-1] < 0.05
