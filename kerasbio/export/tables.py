"""Exports of models of tables, which take each column by its name, as it was measured."""

import keyword
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasbio.datasets.tables.encoding import TableEncoding
from kerasbio.datasets.tables.tabular import TabularCases
from kerasbio.export.saved_model import (
    Answers,
    Signature,
    classifier_answers,
    export_model,
    fold_alike,
)
from kerasbio.layers.prepare_table import PrepareTable


class Regressand(NamedTuple):
    """What the output of a regression means.

    Attributes:
        mean: By what the values were centred.
        deviation: By what they were divided.
        radius: Half width of the interval about a value; None where none is known.
        level: How often the interval is to hold the truth.
    """

    mean: float
    deviation: float
    radius: float | None = None
    level: float | None = None


def export_table_model(
    model: keras.Model,
    directory: Path | str,
    *,
    table: TabularCases,
    prepare: PrepareTable,
    values: Regressand | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a model that takes raw columns: float32, nan where missing, or texts, empty there.

    A classifier answers `probabilities`, and the raw head as the signature `logits`; a regression
    answers `value` and, where an interval is known, its ends `low` and `high`.

    Args:
        model: From features `(batch, features)` to logits, or to `(batch, 1)` standardized values.
        directory: Where versions lie.
        table: The table, for names of columns and classes.
        prepare: From its columns to the features.
        values: What the output of a regression means; None for a classifier.
        metadata: What else `kerasbio.json` says.

    Returns:
        The directory of the new version.

    Raises:
        KerasbioError: As `export_model`.
    """
    keys = input_keys(table.columns)
    numeric = [keys[name] for name in table.numeric]
    categorical = [keys[name] for name in table.categorical]

    def features(inputs: Mapping[str, Any]) -> Any:
        batch = tf.shape(next(iter(inputs.values())))[0]
        numbers = [inputs[key] for key in numeric]
        texts = [inputs[key] for key in categorical]
        return prepare(
            tf.stack(numbers, axis=1) if numbers else tf.zeros((batch, 0)),
            tf.stack(texts, axis=1) if texts else tf.fill((batch, 0), ""),
        )

    examples = example_inputs(table, prepare.encoding)
    network = fold_alike(model, features({key: tf.constant(v) for key, v in examples.items()}))

    def outputs(inputs: Mapping[str, Any]) -> Any:
        return network(features(inputs), training=False)

    answers = classifier_answers(outputs) if values is None else _value_answers(outputs, values)
    specs = {key: tf.TensorSpec((None,), tf.float32, name=key) for key in numeric}
    specs |= {key: tf.TensorSpec((None,), tf.string, name=key) for key in categorical}
    signatures = {name: Signature(answer, specs) for name, answer in answers.items()}
    described = {
        **(metadata or {}),
        "target": table.target,
        "classes": list(table.classes),
        "level": None if values is None else values.level,
        "decimal": table.decimal,
        "columns": [
            {"column": name, "input": keys[name], "kind": kind}
            for kind, names in (("number", table.numeric), ("category", table.categorical))
            for name in names
        ],
    }
    return export_model(network, directory, signatures, examples, described)


def _value_answers(outputs: Callable[[Mapping[str, Any]], Any], values: Regressand) -> Answers:
    def value(**inputs: Any) -> dict[str, Any]:
        found = tf.cast(outputs(inputs), tf.float32)[:, 0] * values.deviation + values.mean
        if values.radius is None:
            return {"value": found}
        return {"value": found, "low": found - values.radius, "high": found + values.radius}

    return {"serving_default": value}


def example_inputs(table: TabularCases, encoding: TableEncoding) -> dict[str, np.ndarray]:
    """Return three made-up cases as an exported model takes them; no one of the table is shown.

    The first has medians and frequent values, the second nothing, the third larger numbers and
    values that were never seen.

    Args:
        table: The table, for the names of its columns.
        encoding: What was learned of its columns.

    Returns:
        One array `(3,)` for each input.
    """
    keys = input_keys(table.columns)
    found: dict[str, np.ndarray] = {}
    for name, median, gain in zip(table.numeric, encoding.median, encoding.gain, strict=True):
        more = median + 1 / gain if gain else median
        found[keys[name]] = np.array([f"{median:.4g}", "nan", f"{more:.4g}"], np.float32)
    for name, known in zip(table.categorical, encoding.values, strict=True):
        texts = [known[0] if known else "", "", "a value that was never seen"]
        found[keys[name]] = np.array([text.encode() for text in texts], object)
    return found


def input_keys(columns: Sequence[str]) -> dict[str, str]:
    """Return a name for the input of each column: letters, digits and `_`, all different.

    The name of a column does not depend on the others' order: where it says too little, or is
    another's, a checksum of the column's own name follows.
    """
    plain = {column: _plain_key(column) for column in columns}
    # TensorFlow takes names that differ in case alone for the same.
    taken = Counter(key.lower() for key in plain.values())
    exact = Counter(key.lower() for column, key in plain.items() if key == column)
    keys = {}
    for column, key in plain.items():
        own = taken[key.lower()] == 1 or (key == column and exact[key.lower()] == 1)
        keys[column] = (
            key if own and key else f"{key or 'column'}_{zlib.crc32(column.encode()):08x}"
        )
    return keys


def _plain_key(column: str) -> str:
    """Return the ASCII letters and digits of a name, without accents; empty if there are none."""
    bare = unicodedata.normalize("NFKD", column.replace("ß", "ss"))
    bare = "".join(letter for letter in bare if not unicodedata.combining(letter))
    key = re.sub(r"\W+", "_", bare, flags=re.ASCII).strip("_")
    reserved = key[:1].isdigit() or keyword.iskeyword(key) or key == "self"
    return f"column_{key}" if reserved else key
