"""The page of a demonstration: what it shows, its figures, and how to do it again."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerasbio.report.page import Cell, Page
from kerasbio.report.sections import add_provenance
from kerasbio.training.files import replace_file


class Figure(NamedTuple):
    """A figure of a demonstration: the PNG file, a title, what to see in it, and its place."""

    path: Path
    title: str
    caption: str
    grid: str = "pair"


class Table(NamedTuple):
    """A table of a demonstration, with what it holds."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str


#: What a section holds, in order; a text is a paragraph.
Block = str | Figure | Table


def write_demonstration(
    run_path: Path,
    *,
    title: str,
    headline: str,
    facts: Sequence[tuple[str, str]],
    sections: Mapping[str, Sequence[Block]],
    results: Any,
) -> Path:
    """Write `report.html` and `results.json` into the directory of a run.

    Args:
        run_path: The run's directory; figures lie in its folder `plots/`.
        title: Title of the page.
        headline: What was found, in a sentence.
        facts: What was done, as names with values.
        sections: What each section holds, by its heading.
        results: The measured numbers: records and arrays; what is not finite becomes null.

    Returns:
        The path of `report.html`.
    """
    page = Page(title, eyebrow="kerasbio demonstration", headline=headline)
    page.heading("What was done").facts(facts)
    for heading, blocks in sections.items():
        page.heading(heading)
        for block in blocks:
            match block:
                case Figure():
                    page.figure(block.path, block.caption, title=block.title, grid=block.grid)
                case Table():
                    page.table(block.columns, block.rows, caption=block.caption)
                case _:
                    page.paragraph(block)
    add_provenance(page, run_path, "the options, the numbers as results.json")
    page.footer("Written by kerasbio. This page is one file: it needs no network and no script.")
    content = json.dumps(_plain(results), indent=2, allow_nan=False) + "\n"
    replace_file(run_path / "results.json", content.encode())
    return page.write(run_path / "report.html")


def _plain(value: Any) -> Any:
    match value:
        case np.ndarray():
            return _plain(value.tolist())
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return _plain(value._asdict())
        case list() | tuple():
            return [_plain(each) for each in value]
        case float():
            return value if math.isfinite(value) else None
    return value
