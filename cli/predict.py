"""`kerasbio predict SAVED_MODEL INPUT...`."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import click

from kerasbio.cli.table import print_table
from kerasbio.errors import KerasbioError
from kerasbio.quiet import import_tensorflow
from kerasbio.serving.versions import exports_of, versions


@click.command()
@click.argument("saved_model", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "csv", "json"]),
)
@click.option("--output", type=click.Path(path_type=Path), help="Write csv or json to this file.")
def predict(saved_model: Path, inputs: tuple[Path, ...], form: str, output: Path | None) -> None:
    """Predict on files with an exported model.

    SAVED_MODEL is a version (saved_models/NAME/1), the folder above it (its highest version
    answers, as in TensorFlow Serving) or the folder of a run.
    """
    if output is not None and form == "table":
        raise click.UsageError("--output needs --format csv or --format json")
    if output is not None and output.exists():
        raise KerasbioError(f"{output} exists: choose another --output")
    if output is not None and not output.parent.is_dir():
        raise KerasbioError(f"{output.parent} is no folder: make it, or choose another --output")
    path = find_version(saved_model)

    import_tensorflow()
    from kerasbio.serving.predict import open_saved_model, predict_files

    rows = predict_files(open_saved_model(path), list(inputs))
    if form == "table":
        print_table(list(rows[0]), [[_cell(value) for value in row.values()] for row in rows])
        return
    text = json.dumps(rows, indent=2) + "\n" if form == "json" else _csv(rows)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text)
        click.echo(f"{output}: {len(rows)} predictions of {path}")


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


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
