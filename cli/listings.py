"""`kerasbio recipes` and `kerasbio models`: tables of constants."""

import difflib
from collections.abc import Sequence

import click

from kerasbio.catalogue import BUILDERS, BuilderRow
from kerasbio.cli.table import print_table
from kerasbio.errors import KerasbioError
from kerasbio.quiet import import_tensorflow
from kerasbio.recipes import RECIPES

#: What the figures of the catalogue are called where they are verified.
FIGURES = {
    "parameters": "trainable",
    "without_batch_norm": "trainable without batch normalization",
    "keras_total": "Keras total",
    "output_shape": "output",
    "macs": "multiply-accumulates",
}


@click.command()
def recipes() -> None:
    """List the applications that can be trained."""
    print_table(("recipe", "application", "architectures", "data", "exports"), RECIPES)


@click.command()
@click.argument("name", required=False)
@click.option("--verify", is_flag=True, help="Build each network and count what is listed.")
def models(name: str | None, verify: bool) -> None:
    """List the networks that can be built in Keras code: all, or those of NAME.

    NAME is a network, what names of networks begin with (resnet), or a builder. With --verify each
    is built, one at a time, and its parameters, output and multiply-accumulates are counted beside
    what is recorded: the multiplications of one case by the kernels of convolutions and dense
    layers. Exit code 1 if any differs.
    """
    rows = _chosen(name)
    if verify:
        _verify(rows)
        return
    cells = [
        (
            row.name,
            row.network,
            row.family,
            "x".join(map(str, row.arguments[0])),
            "maps" if None in row.arguments else next(iter(row.arguments[1:]), ""),
            _keywords(row),
            f"{row.parameters:,}",
            row.reference,
        )
        for row in rows
    ]
    columns = "builder network family shape outputs options parameters reference"
    print_table(columns.split(), cells)


def _chosen(name: str | None) -> Sequence[BuilderRow]:
    rows = [row for row in BUILDERS if name in (None, row.name, row.network)]
    rows = rows or [row for row in BUILDERS if row.network.startswith(name or "")]
    if rows:
        return rows
    names = [*dict.fromkeys(row.name for row in BUILDERS), *(row.network for row in BUILDERS)]
    near = difflib.get_close_matches(name or "", names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "kerasbio models lists them"
    raise click.UsageError(f"no network or builder {name!r}: {hint}", click.get_current_context())


def _verify(rows: Sequence[BuilderRow]) -> None:
    import_tensorflow()
    from kerasbio.counting import verify

    wrong = []
    for row in rows:
        words = [*map(repr, row.arguments), *filter(None, [_keywords(row)])]
        click.echo(f"{row.network}: {row.name}({', '.join(words)})")
        for figure, expected, got in verify(row):
            word = "ok" if got == expected else "DIFFERS"
            click.echo(
                f"  {FIGURES[figure]:<37}  expected {_text(expected)}, got {_text(got)}  {word}"
            )
            if got != expected:
                wrong.append(f"{row.network} ({FIGURES[figure]})")
    if wrong:
        raise KerasbioError(f"not as listed: {', '.join(wrong)}")
    click.echo(f"all {len(rows)} as listed" if len(rows) > 1 else "as listed")


def _keywords(row: BuilderRow) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in row.keywords.items())


def _text(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
