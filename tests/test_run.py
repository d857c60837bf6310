"""The directory of a run: nothing is overwritten, nothing is shared, nothing is guessed."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kerasbio.errors import KerasbioError
from kerasbio.training import run as run_module
from kerasbio.training.options import RunOptions
from kerasbio.training.run import Run, open_run, resumed_options


def options(output, **changes):
    return RunOptions(**{"epochs": 3, "output": str(output), "extra": {"size": 64}, **changes})


def test_default_names_are_numbered(tmp_path):
    for number in (1, 2, 3):
        with open_run("r", options(tmp_path), "lenet5") as run:
            assert run.path == tmp_path / f"runs/r/lenet5-{number}"
            names = {p.name for p in run.path.iterdir()}
            assert names >= {"options.json", "command.txt", "environment.json"}
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["seed"] == 0 and environment["packages"]["keras"]


def test_options_in_a_sentence():
    found = RunOptions(
        epochs=9, optimizer="adam", learning_rate=4.0, warmup_epochs=2.0, schedule="cosine",
        batch_size=8, clip_norm=1.0, batch_norm=False, seed=3,
    ).describe()  # fmt: skip
    assert found == (
        "adam at 4 times its own rate, cosine schedule after 2 epochs of warm-up, batches of 8, "
        "at most 9 epochs, batch norm False, clip norm 1.0, seed 3"
    )


def test_explicit_name_collides(tmp_path):
    open_run("r", options(tmp_path, name="a"), "lenet5").close()
    with pytest.raises(KerasbioError, match="run a exists.*another --name.*--resume"):
        open_run("r", options(tmp_path, name="a"), "lenet5")
    with pytest.raises(KerasbioError, match="plain name"):
        open_run("r", options(tmp_path, name="../a"), "lenet5")


def test_second_process_is_refused_and_a_dead_one_leaves_no_lock(tmp_path):
    run = open_run("r", options(tmp_path, name="a"), "lenet5")
    program = (
        "import sys; from kerasbio.training.run import open_run;"
        "from kerasbio.training.options import RunOptions;"
        f"open_run('r', RunOptions(output={str(tmp_path)!r}, name='a', resume=True), 'x');"
        "import os; os._exit(0)"
    )

    def second():
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    refused = second()
    assert refused.returncode == 1
    assert f"is in use by process {os.getpid()}: wait for it or choose" in refused.stderr
    run.close()
    assert second().returncode == 0
    assert second().returncode == 0


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_read_only_output(tmp_path, monkeypatch, number):
    def refuse(self, *args, **kwargs):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(
        KerasbioError, match="cannot write in .*choose another folder with --output"
    ):
        open_run("r", options(tmp_path), "lenet5")


def test_output_that_is_a_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(KerasbioError, match="cannot write in .*--output"):
        open_run("r", options(path), "lenet5")


def test_resume_takes_the_stored_options(tmp_path):
    open_run("r", options(tmp_path, seed=7, clip_norm=2.0, name="a"), "lenet5").close()
    found = resumed_options("r", RunOptions(output=str(tmp_path), resume=True))
    assert (found.seed, found.clip_norm, found.epochs, found.name) == (7, 2.0, 3, "a")
    assert found.extra == {"size": 64} and found.resume


def test_resume_refuses_other_options_with_the_difference(tmp_path):
    open_run("r", options(tmp_path, name="a"), "lenet5").close()
    typed = options(
        tmp_path, resume=True, seed=1, extra={"size": 32}, given=("seed", "size", "resume")
    )
    with pytest.raises(KerasbioError) as error:
        resumed_options("r", typed)
    assert "--seed was 0 and is now 1; --size was 64 and is now 32" in str(error.value)
    fewer = options(tmp_path, resume=True, epochs=2, given=("epochs",))
    with pytest.raises(KerasbioError, match="--epochs was 3 and is now 2"):
        resumed_options("r", fewer)
    more = options(tmp_path, resume=True, epochs=9, given=("epochs",))
    assert resumed_options("r", more).epochs == 9


def test_nothing_to_resume(tmp_path):
    with pytest.raises(KerasbioError, match="no run b to resume.*leave --resume out"):
        resumed_options("r", options(tmp_path, resume=True, name="b"))
    with pytest.raises(KerasbioError, match="no run to resume"):
        open_run("r", options(tmp_path, resume=True), "lenet5")


def test_a_folder_that_fills_up_leaves_no_half_made_run(tmp_path, monkeypatch):
    def full(self, name, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Run, "write", full)
    with pytest.raises(KerasbioError, match="cannot write in .*No space left"):
        open_run("r", options(tmp_path, name="a"), "lenet5")
    assert not (tmp_path / "runs/r/a").exists()


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(run_module.fcntl, "flock", refuse)
    with pytest.raises(KerasbioError, match="cannot be locked .*--output on another file system"):
        open_run("r", options(tmp_path, name="a"), "lenet5")


def test_minutes_are_kept_unless_typed(tmp_path):
    open_run("r", options(tmp_path, name="a", minutes=2.0), "lenet5").close()
    again = options(tmp_path, resume=True)
    assert resumed_options("r", again).minutes == 2.0
    more = options(tmp_path, resume=True, minutes=5.0, given=("minutes",))
    assert resumed_options("r", more).minutes == 5.0
