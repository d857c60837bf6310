"""A user's own diagnostic tests, from a table."""

from collections.abc import Sequence
from pathlib import Path

from kerasbio.datasets.tables.reading import Table, read_table
from kerasbio.environments.diagnosis import MOST_TESTS, DiagnosticTest
from kerasbio.errors import KerasbioError

COLUMNS = ("name", "sensitivity", "specificity", "cost")


def read_tests(path: Path | str) -> tuple[DiagnosticTest, ...]:
    """Read tests from a CSV file with the columns name, sensitivity, specificity and cost.

    Raises:
        KerasbioError: If the file is not as expected; names the file and the line.
    """
    table = read_table(Path(path), COLUMNS, COLUMNS)
    surplus = [name for name in table.columns if name not in COLUMNS]
    if surplus:
        raise KerasbioError(
            f"{path} has the column {surplus[0]!r}: its columns must be {','.join(COLUMNS)}"
        )
    if len(table.rows) > MOST_TESTS:
        raise KerasbioError(f"{path} holds {len(table.rows)} tests: 1 to {MOST_TESTS} are expected")
    tests = [_read_test(table, position) for position in range(len(table.rows))]
    _check_names(table.file, [test.name for test in tests])
    return tuple(tests)


def _read_test(table: Table, position: int) -> DiagnosticTest:
    row = dict(zip(table.columns, table.rows[position], strict=True))
    if not row["name"]:
        raise KerasbioError(f"{table.where(position)}: the name is missing")
    values = []
    for column in COLUMNS[1:]:
        try:
            value = float(row[column])
        except ValueError:
            value = float("nan")
        high = float("inf") if column == "cost" else 1.0
        if not 0 <= value <= high or value == float("inf"):
            wanted = "a number from 0 on" if column == "cost" else "a number from 0 to 1"
            raise KerasbioError(
                f"{table.where(position)}: {column} is {row[column]!r}, not {wanted}"
            )
        values.append(value)
    return DiagnosticTest(row["name"], *values)


def _check_names(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1 or name in ("treat", "discharge"):
            raise KerasbioError(f"{path}: the name {name!r} is taken: give each test its own")
