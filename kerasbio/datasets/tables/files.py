"""A user's own table: CSV or Parquet, one row per case."""

import difflib
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasbio.datasets.tables.cells import MISSING, parse_numbers
from kerasbio.datasets.tables.chunks import is_parquet, iterate_chunks, numeric_columns
from kerasbio.datasets.tables.columns import Column, Target, Values, why_useless
from kerasbio.datasets.tables.reading import find_delimiter, quoted
from kerasbio.datasets.tables.tabular import TabularCases
from kerasbio.errors import KerasbioError

#: Columns of which a note is given.
MOST_NOTES = 20


def read_tabular(
    file: Path | str,
    target: str,
    *,
    subject: str | None = None,
    task: str | None = None,
    decimal: str = "",
) -> TabularCases:
    """Read a table that has the target in one column and the inputs in all others.

    A column is numeric if at least nine of ten cells that are there are numbers, otherwise it
    holds categories. Columns that tell nothing are left out: empty and constant ones, those that
    count the rows, and texts that nearly all differ. The file is read twice in chunks, so that
    no more is in memory than a chunk and the arrays.

    Args:
        file: A CSV file in UTF-8, separated by commas, semicolons or tabs, or a Parquet file.
        target: The column that is to be told. Rows without it are left out.
        subject: The column of who a row is of; None takes each row as a subject of its own.
        task: `"classification"`, `"regression"`, or None: regression if the target has more than
            ten numbers.
        decimal: How numbers are written, see `parse_numbers`.

    Returns:
        The cases.

    Raises:
        KerasbioError: If the table is not as expected; names file, and line or column.
    """
    if task not in (None, "classification", "regression") or decimal not in ("", ".", ","):
        raise ValueError(f"task or decimal unknown. Received: task={task!r}, decimal={decimal!r}")
    file, notes = Path(file), []
    columns, answer = _learn_columns(file, target, subject, decimal)
    labels, kept, classes = answer.settle(task)
    if not is_parquet(file) and (mark := find_delimiter(file)) != ",":
        notes.append(f"The cells are separated by {'semicolons' if mark == ';' else 'tabs'}.")
    if not classes and answer.note:
        notes.append(f"column {quoted(target)}: {answer.note}")
    if count := int((~kept).sum()):
        rows = "1 row is" if count == 1 else f"{count:,} rows are"
        notes.append(f"{rows} left out, without {quoted(target)}.")
    reasons = {name: column.reason for name, column in columns.items()}
    numeric = [n for n, column in columns.items() if column.numeric and not reasons[n]]
    categorical = [n for n in columns if n not in numeric and not reasons[n]]
    inputs = _fill(file, numeric, categorical, kept, decimal, subject)
    numbers, categories, values, subjects = inputs
    reasons |= {n: why_useless(numbers[:, k]) for k, n in enumerate(numeric)}
    reasons |= {n: why_useless(categories[:, k], values[k]) for k, n in enumerate(categorical)}
    notes += _tell(columns, reasons)
    told = [k for k, n in enumerate(numeric) if not reasons[n]]
    named = [k for k, n in enumerate(categorical) if not reasons[n]]
    width = len(told) + len(named)
    if not width:
        raise KerasbioError(
            f"{file} has no column to tell {quoted(target)} from: all others are empty, constant, "
            "identifiers or row numbers"
        )
    if width > len(numbers):
        notes.append(
            f"The table has more columns ({width:,}) than rows ({len(numbers):,}): the network "
            "can fit noise; trust only held-out scores."
        )
    return TabularCases(
        numeric=[numeric[k] for k in told],
        numbers=_keep(numbers, told),
        categorical=[categorical[k] for k in named],
        categories=_keep(categories, named),
        values=[values[k] for k in named],
        target=target,
        labels=labels[kept],
        subjects=subjects,
        classes=classes,
        decimal=decimal,
        notes=notes,
    )


def _learn_columns(
    file: Path, target: str, subject: str | None, decimal: str
) -> tuple[dict[str, Column], Target]:
    """Read the file once, and return what is learned of the inputs, and of the target."""
    columns: dict[str, Column] = {}
    # What Parquet holds as a number is written in no way, though its text names a class.
    plain = target in numeric_columns(file)
    answer = Target(f"{file}, column {quoted(target)}", "" if plain else decimal)
    for chunk in iterate_chunks(file, lambda name: name == target):
        if not columns:
            _check_option(file, chunk.columns, "--target", target)
            if subject is not None:
                _check_option(file, chunk.columns, "--subject", subject)
            if subject == target:
                raise KerasbioError(
                    f"--target and --subject are both {quoted(target)}: name two columns"
                )
            columns = {n: Column(f"{file}, column {quoted(n)}", decimal) for n in chunk.columns}
            columns[target] = answer
        for name, cells in zip(chunk.columns, chunk.cells, strict=True):
            if name != subject:
                columns[name].learn(cells, chunk.lines)
    for column in columns.values():
        column.check_decimal()
    return {n: c for n, c in columns.items() if n not in (target, subject)}, answer


def _check_option(file: Path, columns: list[str], option: str, name: str) -> None:
    """Raise if the column that an option names is not there."""
    if name not in columns:
        alike = {column.lower(): column for column in columns}
        close = difflib.get_close_matches(name.lower(), alike, 1)
        advice = f"did you mean {quoted(alike[close[0]])}?" if close else "name one of them"
        raise KerasbioError(
            f"{file} lacks the column {quoted(name)} of {option} (it has "
            f"{quoted(', '.join(columns))}): {advice}"
        )


class _Inputs(NamedTuple):
    """The arrays of the rows that are kept."""

    numbers: np.ndarray
    categories: np.ndarray
    values: list[list[str]]
    subjects: np.ndarray | None


def _fill(
    file: Path,
    numeric: list[str],
    categorical: list[str],
    kept: np.ndarray,
    decimal: str,
    subject: str | None,
) -> _Inputs:
    """Read the file again, into arrays."""
    count, read, stop = int(kept.sum()), 0, 0
    numbers = np.empty((count, len(numeric)), np.float32)
    categories = np.empty((count, len(categorical)), np.int32)
    values = [Values() for _ in categorical]
    # A subject is told from others by its number, in the order in which they come.
    numbered: dict[str, int] = {}
    subjects = np.empty(count, np.int64)
    for chunk in iterate_chunks(file, lambda name: name == subject):
        rows = kept[read : read + len(chunk.lines)]
        read += len(chunk.lines)
        cells = dict(zip(chunk.columns, chunk.cells, strict=True))
        if read > len(kept) or not cells.keys() >= {*numeric, *categorical}:
            read = -1
            break
        part = slice(stop, stop + int(rows.sum()))
        stop = part.stop
        for place, name in enumerate(numeric):
            numbers[part, place] = parse_numbers(cells[name], decimal)[0][rows]
        for place, name in enumerate(categorical):
            chosen = itertools.compress(cells[name], rows)
            categories[part, place] = values[place].encode(chosen, stop - part.start)
        if subject is not None:
            for name, line in itertools.compress(
                zip(cells[subject], chunk.lines, strict=True), rows
            ):
                if name in MISSING:
                    raise KerasbioError(
                        f"{file}, {line}, column {quoted(subject)}: the subject is missing: say "
                        "who each row is of"
                    )
            chosen = itertools.compress(cells[subject], rows)
            subjects[part] = [numbered.setdefault(name, len(numbered)) for name in chosen]
    if read != len(kept):
        raise KerasbioError(f"{file} changed while it was read: start again once it is complete")
    known = [values[place].sort(categories[:, place]) for place in range(len(categorical))]
    return _Inputs(numbers, categories, known, None if subject is None else subjects)


def _keep(array: np.ndarray, places: list[int]) -> np.ndarray:
    """Return some columns of an array, moved to its front rather than copied."""
    for new, place in enumerate(places):
        if new != place:
            array[:, new] = array[:, place]
    return array[:, : len(places)]


def _tell(columns: dict[str, Column], reasons: dict[str, str]) -> list[str]:
    """Return notes on the columns that are left out or hold cells that are no numbers."""
    notes = []
    for name, column in columns.items():
        if reasons[name]:
            half = f" {column.note}" if column.note and not column.numeric else ""
            notes.append(f"column {quoted(name)} is left out: {reasons[name]}.{half}")
        elif column.note:
            notes.append(f"column {quoted(name)}: {column.note}")
    if (more := len(notes) - MOST_NOTES) > 0:
        notes[MOST_NOTES:] = [f"{more:,} more columns are left out or hold such cells."]
    return notes
