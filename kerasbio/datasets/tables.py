"""Tables of the user, as text."""

import csv
from collections import Counter
from collections.abc import Collection
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
    rows, lines = [], []
    try:
        with open(file, newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            for cells in reader:
                cells = [cell.strip() for cell in cells]
                if any(cells):
                    rows.append(cells)
                    lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise KerasbioError(f"{file} is no CSV in UTF-8 ({error}): save it as such") from None
    except OSError as error:
        raise KerasbioError(
            f"{file} cannot be read ({error.strerror}): give a CSV file in UTF-8"
        ) from None
    if not rows:
        raise KerasbioError(f"{file} is empty: its first line must name the columns")
    columns = [name.lower() if name.lower() in known else name for name in rows[0]]
    _check_columns(file, columns, needed)
    for cells, line in zip(rows, lines, strict=True):
        if len(cells) != len(columns):
            raise KerasbioError(
                f"{file}, line {line}: {len(cells)} cells where the first line has {len(columns)}: "
                "give one for each column"
            )
    if len(rows) == 1:
        raise KerasbioError(f"{file} names its columns and holds no row: add the rows")
    return Table(file, columns, rows[1:], lines[1:])


def _check_columns(file: Path, columns: list[str], needed: Collection[str]) -> None:
    if "" in columns:
        position = columns.index("") + 1
        raise KerasbioError(f"{file}: column {position} has no name: name it or remove it")
    for name in needed:
        if name not in columns:
            raise KerasbioError(
                f"{file} lacks the column {name!r} (it has {quoted(', '.join(columns))}): its "
                f"first line must hold {','.join(needed)}, separated by commas"
            )
    name, count = Counter(columns).most_common(1)[0]
    if count > 1:
        raise KerasbioError(
            f"{file} has {count} columns named {quoted(name)}: rename or remove all but one"
        )


def quoted(text: str) -> str:
    """Return a text in quotes on one line, cut where it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
