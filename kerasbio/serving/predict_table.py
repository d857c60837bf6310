"""Predictions of an exported model on the rows of a table; Keras is not needed."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasbio.datasets.tables.cells import Cells, parse_numbers, tell_missing
from kerasbio.datasets.tables.chunks import Chunk, iterate_chunks
from kerasbio.datasets.tables.reading import quoted
from kerasbio.errors import KerasbioError
from kerasbio.serving.predict import load_version
from kerasbio.serving.versions import describe

#: Cells of which none is a number before a column is taken for a wrong one.
FEW_CELLS = 10
#: Columns that an error or a note names.
NAMED = 10


class ServedTable(NamedTuple):
    """An exported model of a table, ready to answer.

    Attributes:
        path: Directory of the version.
        function: Its `serving_default`.
        columns: For each column, as a dict, its name `column`, the name of its `input`, and its
            `kind`: `"number"` or `"category"`.
        target: What is told.
        classes: Names of the classes; empty for regression.
        decimal: How numbers are written, as in `parse_numbers`.
        loaded: What keeps the function alive.
    """

    path: Path
    function: Any
    columns: tuple[dict[str, str], ...]
    target: str
    classes: tuple[str, ...]
    decimal: str
    loaded: Any


class PredictedRow(NamedTuple):
    """A row of a table with what a model makes of it.

    Attributes:
        where: `"line 7"` of a CSV file, `"row 7"` of a Parquet file.
        cells: The row as it stands in the file, by column.
        predictions: For a classifier `predicted_TARGET` and `probability_CLASS` of each class;
            for a regression `predicted_TARGET` and, where the model knows an interval,
            `low_TARGET` and `high_TARGET`.
    """

    where: str
    cells: dict[str, Any]
    predictions: dict[str, Any]


def prediction_names(target: str, classes: Sequence[str]) -> list[str]:
    """Return the names of the columns that predictions may have."""
    ends = [f"probability_{name}" for name in classes] or [f"low_{target}", f"high_{target}"]
    return [f"predicted_{target}", *ends]


def takes_table(path: Path) -> bool:
    """Return whether an exported model takes the columns of a table."""
    return "columns" in describe(path)


def open_table_model(path: Path | str) -> ServedTable:
    """Load one version of an exported model of a table.

    Args:
        path: Directory of the version.

    Returns:
        The model.

    Raises:
        KerasbioError: If it is no SavedModel, or no such model.
    """
    path = Path(path)
    loaded, function = load_version(path)
    if not takes_table(path):
        raise KerasbioError(f"{path} takes no table: it does not say which columns it takes")
    found = describe(path)
    columns = tuple(found["columns"])
    classes = tuple(found["classes"])
    return ServedTable(path, function, columns, found["target"], classes, found["decimal"], loaded)


def predict_table(
    model: ServedTable, file: Path | str, say: Callable[[str], None] = lambda note: None
) -> Iterator[PredictedRow]:
    """Yield the rows of a table with their predictions, a chunk at a time.

    Args:
        model: From `open_table_model`.
        file: CSV or Parquet with the columns of the training, in any order. Others are passed on.
        say: Called with what the user should know: columns that the model does not use, and
            cells that are no numbers, which count as missing.

    Yields:
        The rows, in their order.

    Raises:
        KerasbioError: If the file cannot be read, lacks a column, or a column of numbers holds
            something else; names the column.
    """
    import tensorflow as tf

    wrong: dict[str, tuple[int, list[str]]] = {}
    numeric = {column["column"] for column in model.columns if column["kind"] == "number"}
    first_chunk = True
    for chunk in iterate_chunks(Path(file), lambda name: name not in numeric):
        if first_chunk:
            _check_columns(model, file, chunk.columns, say)
        cells = dict(zip(chunk.columns, chunk.cells, strict=True))
        inputs = {}
        for column in model.columns:
            name = column["column"]
            if column["kind"] == "category":
                inputs[column["input"]] = tf.constant(list(cells[name]), tf.string)
                continue
            numbers, bad = parse_numbers(cells[name], model.decimal)
            inputs[column["input"]] = tf.constant(numbers, tf.float32)
            places = np.flatnonzero(bad).tolist()
            if not places:
                continue
            count, named = wrong.get(name, (0, []))
            for place in places[: NAMED - len(named)]:
                named.append(f"{quoted(str(cells[name][place]))} in {chunk.lines[place]}")
            if first_chunk and len(places) > FEW_CELLS and not np.isfinite(numbers).any():
                raise KerasbioError(
                    f"{file}, column {quoted(name)} holds numbers in the training and here "
                    f"{named[0]}: write it as there"
                )
            wrong[name] = count + len(places), named
        first_chunk = False
        yield from _rows(model, chunk, model.function(**inputs))
    for name, (count, named) in wrong.items():
        say(f"column {quoted(name)}: {tell_missing(count, named)}")


def _rows(model: ServedTable, chunk: Chunk, answer: dict[str, Any]) -> Iterator[PredictedRow]:
    target = model.target
    found: dict[str, list[Any]] = {}
    if model.classes:
        probabilities = answer["probabilities"].numpy()
        best = probabilities.argmax(axis=1)
        found[f"predicted_{target}"] = [model.classes[k] for k in best]
        for k, name in enumerate(model.classes):
            found[f"probability_{name}"] = probabilities[:, k].tolist()
    else:
        names = {"value": "predicted", "low": "low", "high": "high"}
        found = {
            f"{new}_{target}": answer[key].numpy().tolist()
            for key, new in names.items()
            if key in answer
        }
    columns = [_plain(cells) for cells in chunk.cells]
    for row, where in enumerate(chunk.lines):
        cells = {name: column[row] for name, column in zip(chunk.columns, columns, strict=True)}
        yield PredictedRow(where, cells, {name: values[row] for name, values in found.items()})


def _plain(cells: Cells) -> list[Any]:
    """Return cells as Python has them, None for a missing number of Parquet."""
    if isinstance(cells, np.ndarray):
        return [None if np.isnan(cell) else cell for cell in cells.tolist()]
    return list(cells)


def _check_columns(
    model: ServedTable, file: Path | str, names: list[str], say: Callable[[str], None]
) -> None:
    known = [column["column"] for column in model.columns]
    if lacking := [name for name in known if name not in names]:
        raise KerasbioError(
            f"{file} lacks {_list(lacking)}, which {model.path} takes: add the column, with empty "
            "cells where it is not known"
        )
    if taken := [name for name in prediction_names(model.target, model.classes) if name in names]:
        raise KerasbioError(f"{file} has {_list(taken)} already: rename or remove it")
    if surplus := [name for name in names if name not in known]:
        say(f"the model does not use {_list(surplus)} of {file}, which stays as it is")


def _list(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    named = ", ".join(quoted(name) for name in names[:NAMED])
    return f"the column{'s'[: len(names) != 1]} {named}{more}"
