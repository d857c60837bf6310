"""Checkpoints on disk: whole, verified, at least two of them."""

import dataclasses
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.training.files import remove_temporary, replace_file, write_directory

Arrays = dict[str, np.ndarray]
MANIFEST = "manifest.json"
STATE = "state.json"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        name: Name of its directory.
        arrays: Groups of arrays, such as `"weights"` and `"optimizers"`, by name.
        state: The rest, as JSON knows it: `epoch` and `batch` done, states of callbacks.
    """

    name: str
    arrays: dict[str, Arrays]
    state: dict[str, Any]


class CheckpointStore:
    """The checkpoints of one run, newest by step and not by the clock.

    Args:
        directory: Where they lie; made if absent.
        keep: How many of the newest to keep, beside the best.
    """

    def __init__(self, directory: Path, keep: int = 2):
        self.directory = directory
        self.keep = keep
        #: One line for each checkpoint that was found damaged and passed over.
        self.damaged: list[str] = []

    def names(self) -> list[str]:
        """Return the names of all checkpoints, oldest first."""
        return sorted(p.name for p in self.directory.glob("step-*") if p.is_dir())

    def save(self, arrays: dict[str, Arrays], state: dict[str, Any], *, best: str | None) -> str:
        """Write a checkpoint and remove those that are no longer needed.

        Args:
            arrays: Groups of arrays by name.
            state: What else to keep, with `step` and `epoch`.
            best: Name of the checkpoint to keep whatever its age; None makes it this one.

        Returns:
            The name of the checkpoint.
        """
        name = self.name_of(state)
        state = {**state, "best": best or name}
        files = {f"{group}.npz": _pack(content) for group, content in arrays.items()}
        files[STATE] = json.dumps(state).encode()
        hashes = {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
        files[MANIFEST] = json.dumps(hashes, indent=2).encode()
        write_directory(self.directory / name, files)
        replace_file(self.directory / "latest", name.encode())
        for old in self.names()[: -self.keep]:
            if old not in (state["best"], name):
                shutil.rmtree(self.directory / old)
        return name

    @staticmethod
    def name_of(state: dict[str, Any]) -> str:
        """Return the name under which a state is saved."""
        return f"step-{state['step']:09d}"

    def load(self, name: str) -> Checkpoint:
        """Read and verify one checkpoint.

        Raises:
            ValueError: If a file is missing or differs from what was written.
        """
        directory = self.directory / name
        try:
            hashes = json.loads((directory / MANIFEST).read_bytes())
            files = {file: (directory / file).read_bytes() for file in hashes}
            for file, content in files.items():
                if hashlib.sha256(content).hexdigest() != hashes[file]:
                    raise ValueError(f"{file} differs from what was written")
            state = json.loads(files.pop(STATE))
            arrays = {file.removesuffix(".npz"): _unpack(data) for file, data in files.items()}
        except (OSError, ValueError, KeyError, AttributeError, zipfile.BadZipFile) as error:
            raise ValueError(f"checkpoint {name} is damaged: {error}") from error
        return Checkpoint(name, arrays, state)

    def newest(self) -> Checkpoint | None:
        """Return the newest checkpoint that verifies, or None if there is none."""
        remove_temporary(self.directory)
        self.damaged = []
        for name in reversed(self.names()):
            try:
                return self.load(name)
            except ValueError as error:
                self.damaged.append(str(error))
        return None


def _pack(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    # Positional names: a path of Keras may hold any character.
    names = np.array(list(arrays), dtype=np.str_)
    np.savez(buffer, names, *arrays.values())
    return buffer.getvalue()


def _unpack(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        names = archive["arr_0"]
        return {str(name): archive[f"arr_{i + 1}"] for i, name in enumerate(names)}
