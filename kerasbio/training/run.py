"""The directory of a run: made once, locked while it is written, never overwritten."""

import dataclasses
import errno
import fcntl
import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from kerasbio.errors import KerasbioError
from kerasbio.training.files import replace_file
from kerasbio.training.options import RunOptions

#: Options that a resumed run may change.
FREE = ("resume", "name", "output", "minutes", "given")
PACKAGES = ("kerasbio", "tensorflow", "keras", "numpy", "scikit-learn", "tf-agents", "spektral")


class Run:
    """One run of a recipe in `OUTPUT/runs/RECIPE/NAME/`.

    Args:
        path: The directory of the run; it exists.
        recipe: Name of the recipe.
        options: The resolved options.

    Raises:
        KerasbioError: If another process is at work in the directory.
    """

    def __init__(self, path: Path, recipe: str, options: RunOptions):
        self.path = path
        self.recipe = recipe
        self.options = options
        self._lock = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            # The kernel drops the lock with its process: a lock is never stale.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._lock, 20, 0).decode() or "unknown"
            os.close(self._lock)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise KerasbioError(
                    f"{path} cannot be locked ({error.strerror}): choose an --output on another "
                    "file system"
                ) from None
            raise KerasbioError(
                f"{path} is in use by process {owner}: wait for it or choose another --name"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    @property
    def name(self) -> str:
        return self.path.name

    def close(self) -> None:
        """Give the lock back."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def write(self, name: str, content: str) -> Path:
        """Write a text file of the run in one instant and return its path."""
        path = self.path / name
        replace_file(path, content.encode())
        return path


def open_run(
    recipe: str, options: RunOptions, architecture: str, data: dict[str, Any] | None = None
) -> Run:
    """Make the directory of a new run, or open that of one to resume.

    Args:
        recipe: Name of the recipe.
        options: The options, resolved: no None that the recipe could fill.
        architecture: Start of the default name, which is numbered from 1.
        data: What tells the data from others, as `fingerprint` of the cases gives it.

    Returns:
        The run, locked.

    Raises:
        KerasbioError: If the name is taken, the folder cannot be written, the run is in use, or
            it began with other data.
    """
    if options.resume:
        run = Run(_find(recipe, options), recipe, options)
        _check_data(run, data or {})
    else:
        try:
            run = Run(_make(recipe, options, architecture), recipe, options)
        except OSError as error:
            raise _unwritable(options, error) from error
    try:
        if not options.resume:
            run.write("command.txt", shlex.join(["kerasbio", *sys.argv[1:]]) + "\n")
            run.write("data.json", json.dumps(data or {}, indent=2) + "\n")
        run.write("environment.json", json.dumps(_environment(options.seed), indent=2) + "\n")
        run.write("options.json", options.to_json())
    except OSError as error:
        run.close()
        if not options.resume:
            shutil.rmtree(run.path, ignore_errors=True)
        raise _unwritable(options, error) from error
    return run


def resumed_options(recipe: str, options: RunOptions) -> RunOptions:
    """Return the options of the run to resume, with what the user typed checked against them.

    Raises:
        KerasbioError: If there is no such run, or a typed option differs from the run's; more
            epochs are allowed.
    """
    path = _find(recipe, options)
    stored = json.loads((path / "options.json").read_text())
    # As they come back from the file.
    typed = json.loads(json.dumps({**dataclasses.asdict(options), **options.extra}))
    known = {**stored, **stored["extra"]}
    differences = []
    for name in options.given:
        if name in FREE or name not in known or typed[name] == known[name]:
            continue
        if name == "epochs" and typed[name] > known[name]:
            continue
        flag = name.replace("_", "-")
        differences.append(f"--{flag} was {known[name]} and is now {typed[name]}")
    if differences:
        raise KerasbioError(
            f"{path.name} cannot be resumed with other options ({'; '.join(differences)}): "
            "leave them out, or start a new run without --resume"
        )
    if "epochs" in options.given:
        stored["epochs"] = options.epochs
    kept = {name: getattr(options, name) for name in FREE}
    if "minutes" not in options.given:
        kept["minutes"] = stored["minutes"]
    return RunOptions(**{**stored, **kept, "name": path.name})


def _unwritable(options: RunOptions, error: OSError) -> KerasbioError:
    return KerasbioError(
        f"cannot write in {Path(options.output).resolve()} ({error.strerror}): "
        "choose another folder with --output"
    )


def _check_data(run: Run, data: dict[str, Any]) -> None:
    try:
        before = json.loads((run.path / "data.json").read_text())
    except (OSError, ValueError):
        before = {}
    if before == data:
        return
    run.close()
    # The split follows from the data: subjects of the training would come into the test.
    said = [found.get("described", "unknown data") for found in (before, data)]
    raise KerasbioError(
        f"{run.path.name} cannot be resumed with other data (it began with {said[0]}, and there "
        f"are {said[1]}): restore them, or start a new run without --resume"
    )


def _make(recipe: str, options: RunOptions, architecture: str) -> Path:
    parent = Path(options.output) / "runs" / recipe
    parent.mkdir(parents=True, exist_ok=True)
    if options.name:
        path = parent / options.name
        if path.parent.resolve() != parent.resolve():
            raise KerasbioError(f"--name {options.name!r} must be a plain name without '/'")
        try:
            path.mkdir()
        except FileExistsError:
            raise KerasbioError(
                f"run {options.name} exists in {parent}: choose another --name; training goes on "
                "with --resume"
            ) from None
        return path
    number = 1
    while True:
        path = parent / f"{architecture}-{number}"
        try:
            path.mkdir()
            return path
        except FileExistsError:
            number += 1


def _find(recipe: str, options: RunOptions) -> Path:
    parent = Path(options.output) / "runs" / recipe
    runs = [p.parent for p in parent.glob("*/options.json")]
    if options.name:
        runs = [p for p in runs if p.name == options.name]
    if not runs:
        what = f"run {options.name}" if options.name else "run"
        raise KerasbioError(f"no {what} to resume in {parent}: leave --resume out to start one")
    return max(runs, key=lambda p: (p / "options.json").stat().st_mtime_ns)


def _environment(seed: int) -> dict[str, Any]:
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "seed": seed,
        "packages": versions,
    }
