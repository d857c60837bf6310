"""One HTML page that carries all it shows and opens anywhere, offline, without scripts."""

import base64
import math
import re
from collections.abc import Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from kerasbio.metrics.bootstrap import Score
from kerasbio.report.style import STYLE
from kerasbio.training.files import replace_file

Cell = str | Score
# What stands in brackets with a digit, such as an interval, is not broken over two lines.
BRACKETS = re.compile(r"\([^()]{0,24}\d[^()]{0,24}\)")
GRIDS = {"figure": "figures", "pair": "figures pair", "tile": "tiles"}


def format_score(score: Score, digits: int = 3, *, signed: bool = False) -> str:
    """Return `"0.931 (0.912–0.948)"`, or `"+0.11 (0.08 to 0.14)"` where `signed`."""
    digits = _digits(score, digits)
    interval = format_interval(score, digits, signed=signed)
    return format_value(score.value, digits, signed=signed) + (f" ({interval})" if interval else "")


def format_value(value: float, digits: int = 3, *, signed: bool = False) -> str:
    """Return a number with a true minus sign, `"undefined"` where it is nan."""
    if math.isnan(value):
        return "undefined"
    text = f"{value:+z,.{digits}f}" if signed else f"{value:z,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def format_interval(score: Score, digits: int = 3, *, signed: bool = False) -> str:
    """Return `"0.912–0.948"`, `"0.08 to 0.14"` where `signed` or below 0, `""` if undefined."""
    if math.isnan(score.low):
        return ""
    between = " to " if signed or score.low < 0 else "\N{EN DASH}"
    return between.join(format_value(bound, digits) for bound in (score.low, score.high))


def _digits(score: Score, digits: int) -> int:
    """Return how many digits show a score of any unit: more where it is tiny, fewer where large."""
    largest = max((abs(x) for x in score if math.isfinite(x)), default=0.0)
    if not largest:
        return digits
    power = math.floor(math.log10(largest))
    return max(0, digits - min(power + digits, 0) - max(power - 1, 0))


class Page:
    """A page, built from top to bottom; every text is escaped.

    Figures that follow one another stand side by side where there is room.

    Args:
        title: Title of the page.
        eyebrow: A few words above the title.
        headline: The sentence to remember, below the title.
        detail: A softer sentence below the headline.
    """

    def __init__(self, title: str, *, eyebrow: str = "", headline: str = "", detail: str = ""):
        self.title = title
        self._footer = ""
        self._blocks: list[tuple[str, str]] = []
        lines = [("eyebrow", eyebrow), ("", title), ("headline", headline), ("soft", detail)]
        self._header = "\n".join(
            f"<h1>{escape(text)}</h1>" if not name else f'<p class="{name}">{_text(text)}</p>'
            for name, text in lines
            if text
        )

    def heading(self, text: str, level: int = 2) -> "Page":
        """Begin a section (level 2) or a part of one (level 3)."""
        return self._add("block", f"<h{level}>{escape(text)}</h{level}>")

    def paragraph(self, text: str) -> "Page":
        """Add a paragraph."""
        return self._add("block", f"<p>{_text(text)}</p>")

    def note(self, text: str) -> "Page":
        """Add a remark that must not be missed."""
        return self._add("block", f'<aside class="note"><p>{escape(text)}</p></aside>')

    def facts(self, pairs: Sequence[tuple[str, str]]) -> "Page":
        """Add a list of names with what each is."""
        items = "\n".join(
            f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>" for name, value in pairs
        )
        return self._add("block", f"<dl>\n{items}\n</dl>")

    def code(self, text: str) -> "Page":
        """Add a command or a program."""
        return self._add("block", f'<pre tabindex="0"><code>{escape(text.strip())}</code></pre>')

    def footer(self, text: str) -> "Page":
        """Set the last line of the page."""
        self._footer = f"<footer>{escape(text)}</footer>"
        return self

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Cell] | str], *, caption: str = ""
    ) -> "Page":
        """Add a table that scrolls inside its own box where it is too wide.

        Args:
            columns: Heads of the columns.
            rows: Cells of each row, the first of which names the row; a row that is a single
                text heads the rows that follow.
            caption: What the table holds.
        """
        heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
        body = "\n".join(_row(row, len(columns)) for row in rows)
        title = f"<caption>{escape(caption)}</caption>" if caption else ""
        label = escape(caption or "Table")
        return self._add(
            "block",
            f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">'
            f"<table>{title}\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
            "</div>",
        )

    def figure(
        self, path: Path, caption: str, *, title: str = "", alt: str = "", grid: str = "figure"
    ) -> "Page":
        """Add a PNG file.

        Args:
            path: The file; its content becomes part of the page.
            caption: The text below it.
            title: A few words in bold before the caption.
            alt: What the picture shows, for those who do not see it; the title and the caption
                where empty.
            grid: `"figure"` for three in a row on a wide screen, `"pair"` for two, `"tile"` for
                six.
        """
        data = base64.b64encode(Path(path).read_bytes()).decode("ascii")
        bold = f"<strong>{escape(title)}</strong> " if title else ""
        described = escape(alt or f"{title} {caption}".strip())
        return self._add(
            grid,
            f'<figure><img src="data:image/png;base64,{data}" alt="{described}">'
            f"<figcaption>{bold}{_text(caption)}</figcaption></figure>",
        )

    def write(self, path: Path) -> Path:
        """Write the page and return its path."""
        parts = []
        for kind, blocks in groupby(self._blocks, key=lambda block: block[0]):
            content = "\n".join(html for _, html in blocks)
            grid = GRIDS.get(kind)
            parts.append(f'<div class="{grid}">\n{content}\n</div>' if grid else content)
        body = "\n".join(parts)
        html = (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
            f"<header>\n{self._header}\n</header>\n{body}\n{self._footer}\n</main>\n</body>\n</html>\n"
        )
        replace_file(Path(path), html.encode())
        return Path(path)

    def _add(self, kind: str, html: str) -> "Page":
        self._blocks.append((kind, html))
        return self


def _text(text: str) -> str:
    return BRACKETS.sub(lambda match: f'<span class="whole">{match[0]}</span>', escape(text))


def _row(row: Sequence[Cell] | str, width: int) -> str:
    if isinstance(row, str):
        return f'<tr class="group"><th colspan="{width}" scope="rowgroup">{escape(row)}</th></tr>'
    cells = "".join(f"<td>{_cell(cell)}</td>" for cell in row[1:])
    return f'<tr><th scope="row">{_cell(row[0])}</th>{cells}</tr>'


def _cell(cell: Cell) -> str:
    if not isinstance(cell, Score):
        return escape(str(cell))
    digits = _digits(cell, 3)
    value = f'<span class="value">{format_value(cell.value, digits)}</span>'
    interval = format_interval(cell, digits)
    return f'{value} <span class="interval">{interval}</span>' if interval else value
