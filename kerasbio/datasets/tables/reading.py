"""Tables of the user, as text."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from kerasbio.errors import KerasbioError


class Table(NamedTuple):
    """The cells of a CSV file, stripped, with where they stand.

    Attributes:
        file: The file.
        columns: Names of the columns.
        rows: The cells of each row.
        lines: The line of the file on which each row ends, counted from 1.
    """

    file: Path
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]

    def cells(self, name: str) -> list[str]:
        """Return the cells of a column."""
        column = self.columns.index(name)
        return [row[column] for row in self.rows]

    def where(self, position: int) -> str:
        """Return file and line of a row, for an error."""
        return f"{self.file}, line {self.lines[position]}"


def read_table(file: Path, known: Collection[str], needed: Collection[str]) -> Table:
    """Read a CSV file with a header, every line of which has as many cells; empty lines are not.

    Args:
        file: The file, in UTF-8 with or without a byte order mark.
        known: Columns that have a meaning, whose names may be in any case.
        needed: Those of them that must be there.

    Returns:
        The table, with at least one row.

    Raises:
        KerasbioError: If the file is no such table; names file, and line or column.
    """
    numbered = iterate_rows(file)
    _, names = next(numbered)
    columns = [name.lower() if name.lower() in known else name for name in names]
    if "" in columns:
        raise no_name(file, columns.index(""))
    for name in needed:
        if name not in columns:
            raise KerasbioError(
                f"{file} lacks the column {name!r} (it has {quoted(', '.join(columns))}): its "
                f"first line must hold {','.join(needed)}, separated by commas"
            )
    check_unique(file, columns)
    filled = [(line, cells) for line, cells in numbered if any(cells)]
    if not filled:
        raise _no_row(file)
    lines, rows = zip(*filled, strict=True)
    return Table(file, columns, list(rows), list(lines))


def iterate_rows(file: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV file, first that of the names, and pass over empty ones.

    Args:
        file: The file, in UTF-8 with or without a byte order mark.
        delimiter: What separates the cells.

    Yields:
        The line on which the row ends, counted from 1, and its cells, stripped.

    Raises:
        KerasbioError: If the file is no CSV, has fewer than two rows, or a row has more or fewer
            cells than the first; names file and line.
    """
    reader = csv.reader(_lines(file), delimiter=delimiter, strict=True)
    width, filled, line = 0, False, 0
    try:
        for raw in reader:
            line, cells = reader.line_num, list(map(str.strip, raw))
            # A row of separators alone is one whose cells are all empty.
            if not any(cells) and (not width or len(cells) < 2):
                continue
            if width and len(cells) != width:
                raise KerasbioError(
                    f"{file}, line {line}: {len(cells)} cells where the first line has {width}: "
                    "give one for each column"
                )
            filled, width = width > 0, len(cells)
            yield line, cells
    except csv.Error as error:
        raise KerasbioError(
            f"{file} is no CSV (row from line {line + 1}: {error}): close its quotes there"
        ) from None
    if not width:
        raise KerasbioError(f"{file} is empty: its first line must name the columns")
    if not filled:
        raise _no_row(file)


def _no_row(file: Path) -> KerasbioError:
    return KerasbioError(f"{file} names its columns and holds no row: add the rows")


def find_delimiter(file: Path) -> str:
    """Return what separates the names of the columns: a comma, a semicolon or a tab.

    Raises:
        KerasbioError: If the file cannot be read as text.
    """
    header = ""
    # A name in quotes may go on in the next line, though hardly for long.
    for line in itertools.islice(_lines(file), 100):
        header += line
        if line.strip(" ,;\t\r\n") and header.count('"') % 2 == 0:
            break
    # Of several that are as frequent, the first.
    return max(",;\t", key=re.sub(r'"[^"]*("|$)', "", header).count)


def _lines(file: Path) -> Iterator[str]:
    """Yield the lines of a text, with their ends."""
    try:
        with open(file, newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            for number, line in enumerate(stream, 1):
                if "\0" in line or not line.isascii():
                    _check_text(file, number, line)
                yield line
    except OSError as error:
        raise KerasbioError(
            f"{file} cannot be read ({error.strerror}): give a CSV file in UTF-8"
        ) from None


def _check_text(file: Path, number: int, line: str) -> None:
    """Raise if a line holds bytes that are no text in UTF-8."""
    if number == 1 and line.startswith(("\udcff\udcfe", "\udcfe\udcff")):
        raise KerasbioError(f"{file} is no CSV in UTF-8 (it is in UTF-16): save it as such")
    if "\0" in line:
        raise KerasbioError(
            f"{file} is no CSV in UTF-8 (NUL bytes in line {number}: UTF-16, or no text at all): "
            "save it as such"
        )
    try:
        line.encode()
    except UnicodeEncodeError as error:
        # surrogateescape hid the byte in the lowest eight bits.
        byte = ord(line[error.start]) & 0xFF
        raise KerasbioError(
            f"{file} is no CSV in UTF-8 (line {number}, character {error.start + 1}: the byte "
            f"0x{byte:02X}): save it as such"
        ) from None


def check_unique(file: Path, columns: Collection[str]) -> None:
    """Raise a KerasbioError if two columns have the same name."""
    for name, count in Counter(columns).most_common(1):
        if count > 1:
            raise KerasbioError(
                f"{file} has {count} columns named {quoted(name)}: rename or remove all but one"
            )


def no_name(file: Path, position: int) -> KerasbioError:
    """Return the error of a column without a name, by its position from 0."""
    return KerasbioError(f"{file}: column {position + 1} has no name: name it or remove it")


def quoted(text: str) -> str:
    """Return a text in quotes on one line, cut where it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
