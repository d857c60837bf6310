"""Arrays of NumPy files, mapped from the disk rather than read."""

import shutil
import struct
import tempfile
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.lib import format as npy

from kerasbio.datasets.files.volumes import reason
from kerasbio.errors import KerasbioError

#: What NumPy, zipfile and zlib make of a broken file, the header of an array being Python text.
ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    SyntaxError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


class ArrayHeader(NamedTuple):
    """An array of an `.npz` file of which only the header is read.

    Attributes:
        member: Its entry in the archive.
        shape: Its shape.
        fortran: Whether its first axis runs fastest.
        dtype: Its type.
        offset: Bytes before its values in the entry.
    """

    member: zipfile.ZipInfo
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    offset: int


def read_headers(path: Path) -> dict[str, ArrayHeader]:
    """Return the arrays of an `.npz` file by name, without their values.

    Raises:
        KerasbioError: If it is no such file, is cut off, or holds Python objects.
    """
    headers = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if not member.filename.endswith(".npy"):
                    continue
                with archive.open(member) as file:
                    first = npy.read_magic(file) == (1, 0)
                    read = npy.read_array_header_1_0 if first else npy.read_array_header_2_0
                    shape, fortran, dtype = read(file)
                    offset = file.tell()
                name = member.filename.removesuffix(".npy")
                headers[name] = ArrayHeader(member, shape, fortran, dtype, offset)
    except ERRORS as error:
        raise _unreadable(path, error) from None
    for name, header in headers.items():
        if header.dtype.kind not in "biuf":
            raise KerasbioError(
                f"{path}, array {name!r} holds {header.dtype}: numbers are expected"
            )
        count = int(np.prod([int(side) for side in header.shape], dtype=object))
        if header.offset + count * header.dtype.itemsize != header.member.file_size:
            raise KerasbioError(f"{path}, array {name!r} is cut off: copy the file again")
    return headers


def map_array(path: Path, header: ArrayHeader) -> np.ndarray:
    """Return an array of an `.npz` file without reading it into memory.

    Where it lies uncompressed it is mapped in place; otherwise it is unpacked to a temporary file
    that goes when the array goes.

    Raises:
        KerasbioError: If it cannot be unpacked.
    """
    order: Literal["C", "F"] = "F" if header.fortran else "C"
    member = header.member
    if not all(header.shape):
        return np.empty(header.shape, header.dtype)
    try:
        if member.compress_type == zipfile.ZIP_STORED:
            with path.open("rb") as file:
                # Of the entry's own header: how long its name and its extra field are.
                file.seek(member.header_offset + 26)
                start = member.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))
            start += int(header.offset)
            return np.memmap(path, header.dtype, "r", start, header.shape, order)
        with tempfile.TemporaryFile() as whole:
            with zipfile.ZipFile(path) as archive, archive.open(member) as packed:
                packed.read(header.offset)
                shutil.copyfileobj(packed, whole, 2**18)
            whole.flush()
            return np.memmap(whole, header.dtype, "r", 0, header.shape, order)
    except ERRORS as error:
        raise _unreadable(path, error) from None


def map_file(path: Path) -> np.ndarray:
    """Return the array of an `.npy` file without reading it into memory.

    Raises:
        KerasbioError: If it is no such file, is cut off, or holds no numbers.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ERRORS as error:
        raise _unreadable(path, error) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        raise KerasbioError(f"{path} holds no array of numbers: save one with numpy.save")
    return array


def _unreadable(path: Path, error: BaseException) -> KerasbioError:
    return KerasbioError(f"{path} cannot be read ({reason(error)}): copy or save it again")
