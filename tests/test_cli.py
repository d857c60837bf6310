"""The command line: quick help, the nearest name, one line for an error."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from kerasbio.catalogue import BUILDERS
from kerasbio.cli.main import main
from kerasbio.recipes import RECIPES

KERASBIO = str(Path(sys.executable).with_name("kerasbio"))
HEAVY = ("tensorflow", "keras", "tf_keras", "numpy", "rich", "matplotlib")
#: Runs the command and says on the last line what it loaded and what processor time it took.
CHILD = f"""
import os, sys
from kerasbio.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    loaded = [name for name in {HEAVY} if name in sys.modules]
    times = os.times()
    print(end.code, times.user + times.system, *loaded)
"""


def kerasbio(*words, cwd=None, environment=()):
    return subprocess.run(
        [KERASBIO, *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **dict(environment)},
    )


def observed(*words):
    """Return what a command said, its exit code, its processor time and what it loaded."""
    done = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *said, last = done.stdout.splitlines()
    code, seconds, *loaded = last.split()
    return "\n".join(said), int(code), float(seconds), loaded


def commands(command, path=()):
    """Give the words of every command, groups among them."""
    yield path
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


LIGHT = [(*path, "--help") for path in commands(main)]
LIGHT += [("recipes",), ("models",), ("completion", "bash"), ("--version",)]


def allowed_seconds():
    """0.3 s of processor time, where Python and click alone take at most 0.1; else in proportion.

    A machine that others crowd counts their time as ours.
    """
    code = "import os, click; times = os.times(); print(times.user + times.system)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return 0.3 * max(1.0, float(done.stdout) / 0.1)


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_light_commands_load_nothing_and_are_quick(words):
    for _ in range(3):
        allowed = allowed_seconds()
        said, code, seconds, loaded = observed(*words)
        assert said and code == 0 and loaded == []
        if seconds < allowed:
            return
    pytest.fail(f"{seconds:.2f} s of processor time, three times; {allowed:.2f} are allowed")


def test_listings_are_complete():
    models, recipes = kerasbio("models").stdout, kerasbio("recipes").stdout
    for row in BUILDERS:
        (line,) = (
            line for line in models.splitlines() if line.split()[:2] == [row.name, row.network]
        )
        assert f"{row.parameters:,}" in line and row.reference in line
    for recipe in RECIPES:
        (line,) = (line for line in recipes.splitlines() if line.split()[0] == recipe.name)
        assert recipe.application in line and recipe.exports in line
    assert [recipe.name for recipe in RECIPES] == list(main.commands["train"].commands)


def test_every_recipe_takes_the_shared_options():
    shared = {
        "epochs", "batch_size", "samples", "learning_rate", "optimizer", "schedule",
        "warmup_epochs", "clip_norm", "clip_variable_norm", "clip_value", "batch_norm",
        "clip_adaptive", "freeze_batch_norm_at", "batch_norm_momentum", "reestimate_batch_norm",
        "seed", "data", "output", "name", "resume", "dry_run",
    }  # fmt: skip
    for command in main.commands["train"].commands.values():
        assert shared <= {parameter.name for parameter in command.params}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["trian"], "'train'"),
        (["zzz"], "there are recipes, models"),
        (["train", "image-diagnosys"], "'image-diagnosis'"),
        (["train", "image-diagnosis", "--epoch", "1"], "--epochs"),
        (["train", "image-diagnosis", "--sed", "1"], "--seed"),
        (["train", "image-diagnosis", "--schedule", "cosin"], "cosine"),
        (["predict"], "Missing argument"),
        (["train", "image-diagnosis", "--learning-rate", "nan"], "not a finite number"),
        (["train", "image-diagnosis", "--learning-rate", "inf"], "not a finite number"),
        (["train", "image-diagnosis", "--learning-rate", "0"], "not in the range"),
        (["train", "image-diagnosis", "--learning-rate", "-1"], "not in the range"),
        (["train", "image-diagnosis", "--epochs", "0"], "not in the range"),
        (["train", "image-diagnosis", "--shading", "nan"], "not a finite number"),
        (["train", "image-diagnosis", "--difficulty", "nan"], "not a finite number"),
        (["train", "image-diagnosis", "--clip-norm", "1", "--clip-value", "1"], "--clip-value"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_command_lines_say_what_is_right(tmp_path, words, hint):
    done = kerasbio(*words, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert hint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_traceback_only_for_who_asks(tmp_path):
    plain = kerasbio("predict", "absent", "image.png", cwd=tmp_path)
    assert plain.returncode == 1
    assert plain.stderr == "Error: absent is not a folder: give one that holds a SavedModel\n"
    debug = kerasbio("--debug", "predict", "absent", "image.png", cwd=tmp_path)
    assert debug.returncode == 1 and "Traceback" in debug.stderr
    assert debug.stderr.splitlines()[-1] == plain.stderr.strip()


def test_doctor(tmp_path):
    done = kerasbio("doctor", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"], done.stderr) == (0, True, "")
    assert [check["name"] for check in found["checks"]] == [
        "Python", "TensorFlow", "Keras", "Spektral", "tf-agents", "oneDNN", "legacy Keras",
        "memory", "disk", "writing", "ten steps of LeNet-5",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_doctor_sees_the_users_environment(tmp_path):
    environment = {"TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "jax"}
    done = kerasbio("doctor", cwd=tmp_path, environment=environment)
    assert re.search("^legacy Keras +warning +TF_USE_LEGACY_KERAS=1$", done.stdout, re.MULTILINE)
    assert "legacy Keras: unset it" in done.stdout
    assert "KERAS_BACKEND=jax" in done.stdout and "unset KERAS_BACKEND" in done.stdout


def test_doctor_finds_what_is_wrong(tmp_path, monkeypatch):
    from kerasbio.cli import checks

    assert checks.check_python((3, 10, 1)).status == "failed"
    assert checks.check_python((3, 14, 0)).remedy == "use Python 3.11, 3.12 or 3.13"
    monkeypatch.setattr(checks, "memory", lambda: (8 * 2**30, 2**29))
    assert checks.check_memory().status == "failed"
    monkeypatch.setattr(checks, "check_spektral", lambda: __import__("absent_package"))
    monkeypatch.setattr(checks, "check_fit", lambda: checks.Check("fit", "ok", ""))
    by_name = {check.name: check for check in checks.run_checks()}
    assert by_name["Spektral"].status == "failed" and "absent_package" in by_name["Spektral"].detail
    monkeypatch.setitem(sys.modules, "tf_agents", None)
    assert "pip install --no-deps tf-agents" in checks.check_agents().remedy
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert checks.check_onednn().status == "ok"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell):
    assert "_KERASBIO_COMPLETE" in kerasbio("completion", shell).stdout


def test_completion_completes():
    words = {"_KERASBIO_COMPLETE": "bash_complete", "COMP_WORDS": "kerasbio tr", "COMP_CWORD": "1"}
    assert kerasbio(environment=words).stdout.split(",")[-1].strip() == "train"
    words |= {"COMP_WORDS": "kerasbio train image", "COMP_CWORD": "2"}
    assert "image-diagnosis" in kerasbio(environment=words).stdout
