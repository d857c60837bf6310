"""What the cells of a table say: missing, a number, or a text."""

import itertools
import re
from collections.abc import Sequence

import numpy as np

#: Texts that stand for a missing value.
MISSING = frozenset(
    ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "?", ".", "-"]
)
#: Cells of a column: stripped texts, or numbers with nan where missing.
Cells = Sequence[str] | np.ndarray
#: Largest number, that of 32 bits.
LARGEST = float(np.finfo(np.float32).max)
#: All that a plain number is made of.
PLAIN = "0123456789+-.eE"
SPACES = " '\u2019\u00a0\u2009\u202f"
_SWAP = str.maketrans(",.", ".,")
_GROUPED = re.compile(
    rf"[+-]?(?:\d{{1,3}}([,{SPACES}])\d{{3}}(?:\1\d{{3}})*(?:\.\d*)?|\d+\.?\d*|\.\d+)"
    r"(?:[eE][+-]?\d+)?",
    re.ASCII,
)
_TO_PLAIN = str.maketrans("", "", "," + SPACES)


def parse_numbers(cells: Cells, decimal: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers in the cells of a column.

    Args:
        cells: Stripped texts, or numbers with nan where missing.
        decimal: How numbers are written in texts. `""`: plain, with a point for the decimals and
            nothing between the thousands. `"."`: also with commas, spaces or apostrophes between
            groups of three digits. `","`: a comma for the decimals and, between groups of three
            digits, points, spaces or apostrophes.

    Returns:
        `(cells,)` float64, nan where there is no number that 32 bits hold, and `(cells,)` bool,
        whether the cell is there nonetheless.
    """
    if isinstance(cells, np.ndarray):
        numbers, present = cells.astype(np.float64), ~np.isnan(cells)
    else:
        numbers, present = np.full(len(cells), np.nan), np.ones(len(cells), bool)
        if not MISSING.isdisjoint(cells):
            present = np.array([cell not in MISSING for cell in cells], bool)
            cells = list(itertools.compress(cells, present))
        numbers[present] = _parse(cells, decimal)
    with np.errstate(invalid="ignore"):
        wrong = present & ~(np.abs(numbers) <= LARGEST)
    numbers[wrong] = np.nan
    return numbers, wrong


def tell_missing(count: int, named: Sequence[str]) -> str:
    """Return what is said of `count` cells that are no numbers, the first of which are named."""
    what = "1 cell is no number and counts"
    if count > 1:
        what = f"{count:,} cells are no numbers and count"
    return f"{what} as missing: {', '.join(named)}{' and more' if count > len(named) else ''}"


def _parse(texts: Sequence[str], decimal: str) -> np.ndarray:
    """Return the numbers in texts, nan or infinite where there is none."""
    if decimal == ",":
        # From here on a point is the decimal mark.
        texts = [t.translate(_SWAP) if "." in t else t.replace(",", ".") for t in texts]
    # `float` reads "1_000" and "inf" too, but nothing wrong that is made of these characters.
    if not "".join(texts).strip(PLAIN):
        try:
            return np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            pass
    # Texts that are no measurements come again and again.
    known = {text: _parse_one(text, decimal != "") for text in set(texts)}
    return np.fromiter(map(known.__getitem__, texts), np.float64, len(texts))


def _parse_one(text: str, grouped: bool) -> float:
    if grouped:
        text = text.translate(_TO_PLAIN) if _GROUPED.fullmatch(text) else ""
    try:
        return np.nan if text.strip(PLAIN) else float(text)
    except ValueError:
        return np.nan
