"""Writing files so that a crash at any instant leaves the old or the new, never half of one."""

import errno
import os
import shutil
from pathlib import Path

TEMPORARY = ".tmp-"


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error, of Python or of TensorFlow, says that no space is left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "No space left on device" in str(error)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a new file and flush it to the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_directory(path: Path) -> None:
    """Flush the names in a directory to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of an old one in one instant."""
    temporary = path.with_name(TEMPORARY + path.name)
    try:
        write_bytes(temporary, content)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    flush_directory(path.parent)


def write_directory(path: Path, files: dict[str, bytes]) -> None:
    """Make a directory with its files appear in one instant.

    Args:
        path: The directory; what stood there is replaced.
        files: Content by file name.
    """
    temporary = path.with_name(TEMPORARY + path.name)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        for name, content in files.items():
            write_bytes(temporary / name, content)
        flush_directory(temporary)
        if path.exists():
            shutil.rmtree(path)
        os.rename(temporary, path)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    flush_directory(path.parent)


def remove_temporary(directory: Path) -> None:
    """Remove what a crash left half-written in a directory."""
    for path in directory.glob(TEMPORARY + "*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
