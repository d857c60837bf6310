"""A user's own diagnostic tests, from a table."""

from collections.abc import Sequence
from pathlib import Path

from kerasbio.datasets.tables import read_csv
from kerasbio.environments.diagnosis import MOST_TESTS, DiagnosticTest
from kerasbio.errors import KerasbioError

COLUMNS = ("name", "sensitivity", "specificity", "cost")


def read_tests(path: Path | str) -> tuple[DiagnosticTest, ...]:
    """Read tests from a CSV file with the columns name, sensitivity, specificity and cost.

    Raises:
        KerasbioError: If the file is not as expected; names the file and the line.
    """
    path = Path(path)
    columns, rows = read_csv(path)
    if sorted(columns) != sorted(COLUMNS):
        raise KerasbioError(
            f"{path} has the columns {', '.join(columns) or 'none'}: name them {','.join(COLUMNS)}"
        )
    if not 1 <= len(rows) <= MOST_TESTS:
        raise KerasbioError(f"{path} holds {len(rows)} tests: 1 to {MOST_TESTS} are expected")
    tests = [_read_test(path, number, row) for number, row in enumerate(rows, 2)]
    _check_names(path, [test.name for test in tests])
    return tuple(tests)


def _read_test(path: Path, number: int, row: dict[str, str]) -> DiagnosticTest:
    where = f"{path}, line {number}"
    name = (row["name"] or "").strip()
    if not name:
        raise KerasbioError(f"{where}: the name is missing")
    values = []
    for column in COLUMNS[1:]:
        try:
            value = float(row[column] or "")
        except ValueError:
            value = float("nan")
        high = float("inf") if column == "cost" else 1.0
        if not 0 <= value <= high or value == float("inf"):
            wanted = "a number from 0 on" if column == "cost" else "a number from 0 to 1"
            raise KerasbioError(f"{where}: {column} is {row[column]!r}, not {wanted}")
        values.append(value)
    return DiagnosticTest(name, *values)


def _check_names(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1 or name in ("treat", "discharge"):
            raise KerasbioError(f"{path}: the name {name!r} is taken: give each test its own")
