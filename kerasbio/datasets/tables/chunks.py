"""The rows of a CSV or Parquet file, in chunks."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasbio.datasets.tables.cells import MISSING, Cells
from kerasbio.datasets.tables.reading import (
    check_unique,
    find_delimiter,
    iterate_rows,
    no_name,
    quoted,
)
from kerasbio.errors import KerasbioError

#: Endings of files that are read as Parquet; all others are CSV.
PARQUET = (".parquet", ".pq")
#: Rows of a chunk, and cells, where there are many columns.
ROWS, CELLS = 10_000, 1_000_000


class Chunk(NamedTuple):
    """Some successive rows of a table, column by column.

    Attributes:
        columns: Names of the columns.
        cells: For each column, its stripped texts, `""` where Parquet has none; or, of a numeric
            column of Parquet, float64 with nan where it has none. Both are for `parse_numbers`.
        lines: Where each row stands in the file: `"line 7"` of a CSV, `"row 7"` of a Parquet file.
    """

    columns: list[str]
    cells: list[Cells]
    lines: list[str]


def iterate_chunks(
    file: Path, as_text: Callable[[str], bool] = lambda name: False
) -> Iterator[Chunk]:
    """Yield the rows of a CSV or Parquet file in chunks that fit in memory.

    Empty lines of a CSV file are passed over, and so is a column without a name that is empty, or
    that is the first and counts the rows from 0 or 1, as pandas writes it.

    Args:
        file: The file.
        as_text: Function of a name that says which columns of Parquet to give as texts even if
            they are numeric, such as identifiers.

    Yields:
        The chunks, at least one, each with at least one row.

    Raises:
        KerasbioError: If the file is no such table; names file, and line or column.
    """
    read = _read_parquet(file, as_text) if is_parquet(file) else _read_csv(file)
    rows = 0
    for names, cells, lines in read:
        for position, (name, column) in enumerate(zip(names, cells, strict=True)):
            if name or _is_empty(column) or (position == 0 and _counts_from(column, rows)):
                continue
            raise no_name(file, position)
        rows += len(lines)
        named = [position for position, name in enumerate(names) if name]
        yield Chunk([names[k] for k in named], [cells[k] for k in named], lines)


def _is_empty(column: Cells) -> bool:
    if isinstance(column, np.ndarray):
        return bool(np.isnan(column).all())
    return MISSING.issuperset(column)


def _counts_from(column: Cells, rows: int) -> bool:
    """Return whether a column goes on counting rows, after those before, from 0 or 1."""
    for start in (rows, rows + 1):
        if all(str(cell) == str(start + place) for place, cell in enumerate(column)):
            return True
    return False


def is_parquet(file: Path) -> bool:
    """Return whether a file is read as Parquet, by its ending."""
    return file.suffix.lower() in PARQUET


Part = tuple[Sequence[str], Sequence[Cells], list[str]]


def _chunk_rows(file: Path, names: Sequence[str]) -> int:
    """Return the rows of a chunk, once the names are found to be unique."""
    check_unique(file, [name for name in names if name])
    return max(1, min(ROWS, CELLS // len(names)))


def _read_csv(file: Path) -> Iterator[Part]:
    rows = iterate_rows(file, find_delimiter(file))
    _, names = next(rows)
    count = _chunk_rows(file, names)
    while part := list(itertools.islice(rows, count)):
        yield (
            names,
            list(zip(*(cells for _, cells in part), strict=True)),
            [f"line {line}" for line, _ in part],
        )


def _read_parquet(file: Path, as_text: Callable[[str], bool]) -> Iterator[Part]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise KerasbioError(
            f'{file} is Parquet: to read it, install it with: pip install "kerasbio[data]"'
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(file) as content:
            names = [name.strip() for name in content.schema_arrow.names]
            if not names or not content.metadata.num_rows:
                raise KerasbioError(f"{file} holds no row: add the rows")
            first = 1
            for batch in content.iter_batches(_chunk_rows(file, names)):
                cells = [
                    _from_arrow(f"{file}, column {quoted(name)}", column, as_text(name))
                    for name, column in zip(names, batch.columns, strict=True)
                ]
                lines = [f"row {first + row}" for row in range(batch.num_rows)]
                first += batch.num_rows
                yield names, cells, lines
    except (pyarrow.ArrowException, OSError) as error:
        what = str(error).strip().split("\n")[0]
        raise KerasbioError(
            f"{file} cannot be read as Parquet ({what}): write it anew, or as CSV"
        ) from None


def numeric_columns(file: Path) -> list[str]:
    """Return the names of the columns of a Parquet file that are numbers; none of a CSV file."""
    if not is_parquet(file):
        return []
    first = next(iterate_chunks(file))
    pairs = zip(first.columns, first.cells, strict=True)
    return [name for name, cells in pairs if isinstance(cells, np.ndarray)]


def _from_arrow(where: str, column: Any, as_text: bool) -> Cells:
    """Return the cells of a column of a Parquet file."""
    import pyarrow.compute
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    number = types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)
    if number and not as_text:
        return column.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
    if types.is_boolean(kind):
        # As pandas writes them to CSV.
        column = pyarrow.compute.if_else(column, "True", "False")
    try:
        if types.is_nested(kind):
            raise pyarrow.ArrowInvalid
        column = column.cast(pyarrow.string())
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError):
        raise KerasbioError(
            f"{where} is of type {quoted(str(kind))}: make it numbers or texts, or remove it"
        ) from None
    return [text.strip() for text in pyarrow.compute.fill_null(column, "").to_pylist()]
