"""`kerasbio predict SAVED_MODEL INPUT...`."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import click

from kerasbio.cli.table import print_table
from kerasbio.errors import KerasbioError
from kerasbio.quiet import import_tensorflow
from kerasbio.serving.versions import describe, exports_of, versions


@click.command()
@click.argument("saved_model", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    help="Default: a table, or what the name of --output ends in.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write csv or json to this file; masks to this file or folder.",
)
def predict(
    saved_model: Path, inputs: tuple[Path, ...], form: str | None, output: Path | None
) -> None:
    """Predict on files with an exported model.

    SAVED_MODEL is a version (saved_models/NAME/1), the folder above it (its highest version
    answers, as in TensorFlow Serving) or the folder of a run. Files are images; scans (NIfTI, the
    folder of a DICOM series, PNG, TIFF, NumPy), or folders of them, whose masks are written as
    NAME_mask on the grid of the scan, by default beside where you are, and whose channels may be
    files of their own, NAME_0000, NAME_0001, ...; or one CSV or Parquet table with the columns of
    the training in any order, whose rows are written with their predictions.
    """
    path = find_version(saved_model)
    if describe(path).get("task") == "segmentation":
        import_tensorflow()
        _show(_segment(path, inputs, output), form or "table")
        return
    if form is None:
        ends = output.suffix.lower() if output else ""
        form = "table" if output is None else "json" if ends == ".json" else "csv"
    if output is not None and form == "table":
        raise click.UsageError("--output needs --format csv or --format json")
    if output is not None and output.exists():
        raise KerasbioError(f"{output} exists: choose another --output")
    if output is not None and not output.parent.is_dir():
        raise KerasbioError(f"{output.parent} is no folder: make it, or choose another --output")

    import_tensorflow()
    rows = _predict(path, inputs, whole=form != "table")
    if output is None:
        _show(rows, form)
        return
    write = _write_json if form == "json" else _write_csv
    try:
        with output.open("x", encoding="utf-8", newline="") as file:
            count = write(rows, file)
    except BaseException:
        # Half of the predictions must not pass for all.
        output.unlink(missing_ok=True)
        raise
    click.echo(f"{output}: {count:,} predictions of {path}")


def _show(rows: Iterator[dict[str, Any]], form: str) -> None:
    if form == "table":
        found = list(rows)
        print_table(list(found[0]), [[_cell(value) for value in row.values()] for row in found])
        return
    write = _write_json if form == "json" else _write_csv
    write(rows, sys.stdout)


def _segment(path: Path, inputs: tuple[Path, ...], output: Path | None) -> Iterator[dict[str, Any]]:
    """Write the mask of each scan, and yield what it holds."""
    from kerasbio.datasets.files.channels import find_scans
    from kerasbio.serving.predict_volume import open_segmenter, segment_file, segment_files

    model = open_segmenter(path)
    if output is not None and output.suffix and not output.is_dir():
        scans = find_scans(inputs, model.channels)
        if len(scans) > 1:
            raise click.UsageError("give one scan at a time, or a folder as --output")
        yield segment_file(model, scans[0][1], output)
        return
    yield from segment_files(model, inputs, output or Path())


def _predict(path: Path, inputs: tuple[Path, ...], whole: bool) -> Iterator[dict[str, Any]]:
    """Yield what there is to show of each input, with the rows of a table if `whole`."""
    from kerasbio.serving.predict import open_saved_model, predict_files
    from kerasbio.serving.predict_table import open_table_model, predict_table, takes_table

    if not takes_table(path):
        yield from predict_files(open_saved_model(path), list(inputs))
        return
    if len(inputs) > 1:
        raise click.UsageError("give one table at a time")
    notes: list[str] = []
    for row in predict_table(open_table_model(path), inputs[0], notes.append):
        kind, number = row.where.split()
        yield {**(row.cells if whole else {kind: number}), **row.predictions}
    for note in notes:
        click.echo(f"note: {note}", err=True)


def find_version(path: Path) -> Path:
    """Return the SavedModel that a path means: itself, its highest version, or a run's export.

    Raises:
        KerasbioError: If there is none.
    """
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        raise KerasbioError(f"{path} is not a folder: give one that holds a SavedModel")
    found = exports_of(path) if (path / "options.json").is_file() else versions(path)
    if not found:
        raise KerasbioError(
            f"{path} holds no SavedModel: give saved_models/NAME/VERSION, or a run with an export"
        )
    return found[-1]


def _cell(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _write_json(rows: Iterator[dict[str, Any]], file: TextIO) -> int:
    found = list(rows)
    file.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
    return len(found)


def _write_csv(rows: Iterator[dict[str, Any]], file: TextIO) -> int:
    count = 0
    for count, row in enumerate(rows, 1):
        if count == 1:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return count
