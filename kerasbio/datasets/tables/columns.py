"""What is learned of the columns of a table, chunk by chunk."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from kerasbio.datasets.tables.cells import MISSING, Cells, parse_numbers, tell_missing
from kerasbio.datasets.tables.reading import quoted
from kerasbio.errors import KerasbioError

#: Values of a column from which on it is no category, and classes that are too many.
MOST_VALUES, MOST_CLASSES = 10_000, 100
#: Values of a numeric target up to which they are classes.
FEW_VALUES = 10
#: Cells up to which a column is not suspected to name or to count the rows.
FEW_CELLS = 20
#: Cells that are quoted in a note or an error.
QUOTED = 5
#: How each decimal mark is explained, and what separates thousands beside it.
OPTIONS = {
    ".": "--decimal . (a decimal point, commas between thousands)",
    ",": "--decimal , (a decimal comma, points between thousands)",
}
THOUSANDS = {".": ",", ",": "."}
#: What may be a number whose thousands are parted by points.
GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")


class Values:
    """Numbers the values of a column in the order in which they come."""

    def __init__(self) -> None:
        first = dict.fromkeys(MISSING, -1)
        self._codes = defaultdict(itertools.count().__next__, first)

    @property
    def known(self) -> list[str]:
        """The values so far."""
        return list(self._codes)[len(MISSING) :]

    @property
    def full(self) -> bool:
        """Whether there are more values than a category has; no further ones are learned."""
        return len(self._codes) - len(MISSING) > MOST_VALUES

    def encode(self, cells: Iterable[str], count: int) -> np.ndarray:
        """Return the number of each of `count` cells, -1 where missing or once it is full."""
        if self.full:
            return np.full(count, -1, np.int32)
        return np.fromiter(map(self._codes.__getitem__, cells), np.int32, count)

    def sort(self, codes: np.ndarray) -> list[str]:
        """Return the values in order, and change all codes to their places there."""
        known = self.known
        order = sorted(range(len(known)), key=known.__getitem__)
        # The last one is for -1.
        ranks = np.full(len(known) + 1, -1, np.int32)
        ranks[order] = np.arange(len(known))
        codes[:] = ranks[codes]
        return [known[place] for place in order]


class Column:
    """Learns in which way a column is to be read.

    Args:
        where: The file and the name of the column, for errors.
        decimal: How numbers are written, see `parse_numbers`.
    """

    def __init__(self, where: str, decimal: str):
        self.where, self.decimal = where, decimal
        self.text = False
        self.rows = self.present = self.numbers = 0
        self.wrong: list[str] = []
        self._counts_up, self._last = True, np.nan
        self._readable: Counter[str] = Counter()
        self._example: dict[str, str] = {}
        # Whether a point may part thousands, an example, and the largest number without one.
        self._grouped, self._point, self._whole = decimal == "", "", -np.inf

    def learn(self, cells: Cells, lines: Sequence[str]) -> np.ndarray:
        """Take in the next cells, and where they stand; return the numbers in them."""
        numbers, wrong = parse_numbers(cells, self.decimal)
        count = int(np.isfinite(numbers).sum())
        self.numbers += count
        self.present += count + int(wrong.sum())
        for row in np.flatnonzero(wrong)[: QUOTED - len(self.wrong)]:
            self.wrong.append(f"{quoted(str(cells[row]))} in {lines[row]}")
        # The comparison is false for NaN.
        steps = np.diff(numbers, prepend=self._last if self.rows else numbers[:1] - 1)
        self._counts_up = self._counts_up and bool((steps == 1).all())
        self.rows, self._last = self.rows + len(numbers), numbers[-1]
        if not isinstance(cells, np.ndarray):
            self.text = True
            self._try_others(cells, lines, count, wrong)
            if self._grouped:
                self._try_thousands(cells, numbers, lines)
        return numbers

    def _try_others(
        self, cells: Sequence[str], lines: Sequence[str], count: int, wrong: np.ndarray
    ) -> None:
        """Count the cells that another decimal mark would make numbers."""
        for other in OPTIONS.keys() - {self.decimal}:
            if wrong.any():
                readable = np.isfinite(parse_numbers(cells, other)[0])
                self._readable[other] += int(readable.sum())
                for row in np.flatnonzero(wrong & readable)[:1]:
                    where = f"{quoted(cells[row])} in {lines[row]}"
                    self._example.setdefault(other, where)
            elif THOUSANDS[other] not in "".join(cells):
                # The rule, and far quicker: these numbers are the same with either mark.
                self._readable[other] += count

    def _try_thousands(
        self, cells: Sequence[str], numbers: np.ndarray, lines: Sequence[str]
    ) -> None:
        """Look if points are only where one that parts thousands would be."""
        point = np.array(["." in cell for cell in cells], bool)
        places = np.flatnonzero(point & np.isfinite(numbers)).tolist()
        self._grouped = all(GROUPED.fullmatch(cells[place]) for place in places)
        if len(places) and not self._point:
            self._point = f"{quoted(cells[places[0]])} in {lines[places[0]]}"
        self._whole = max(
            self._whole, np.max(numbers, where=~point & np.isfinite(numbers), initial=-np.inf)
        )

    @property
    def numeric(self) -> bool:
        """Whether nearly all cells that are there are numbers."""
        return not self.text or (self.present > 0 and self._suffices(self.numbers))

    def _suffices(self, count: int) -> bool:
        return 10 * count >= 9 * self.present

    def check_decimal(self) -> None:
        """Raise a KerasbioError if the column is numeric only with another decimal mark."""
        options = [o for o in OPTIONS if o in self._example and self._suffices(self._readable[o])]
        if options and not self.numeric:
            kind = f"number with --decimal {self.decimal}" if self.decimal else "plain number"
            raise KerasbioError(
                f"{self.where}: {self._example[options[0]]} is no {kind}: give "
                + " or ".join(OPTIONS[other] for other in options)
                + (", whichever it means" if len(options) > 1 else "")
            )

    @property
    def reason(self) -> str:
        """Why the column is of no use, as far as is known; empty if it may be."""
        if not self.present:
            return "it is empty throughout"
        if self.numeric and self._counts_up and self.rows > FEW_CELLS:
            return "it counts the rows, a row number"
        return ""

    @property
    def note(self) -> str:
        """What of a column of numbers, or of many, is none or may be another; empty if nothing."""
        count = self.present - self.numbers
        if self._grouped and self._point and 0 <= self._whole < 1000 and not count:
            return (
                f"the point in cells such as {self._point} is taken for that of decimals: if it "
                "parts thousands, give --decimal ,."
            )
        if not count or 2 * self.numbers < self.present:
            return ""
        more = [f"--decimal {o}" for o in OPTIONS if self._readable[o] > self.numbers]
        hint = f" ({' or '.join(more)} would read more of them)" if more else ""
        if self.numeric:
            return f"{tell_missing(count, self.wrong)}{hint}."
        dots = " and more" if count > len(self.wrong) else ""
        return (
            f"{self.numbers / self.present:.0%} of its cells are numbers, of 90 % that make a "
            f"column of numbers, so that it is one of texts: {', '.join(self.wrong)}{dots}{hint}."
        )


def why_useless(column: np.ndarray, values: Sequence[str] | None = None) -> str:
    """Return why a column is of no use; empty if it may be.

    Args:
        column: Numbers, nan where missing; or places among `values`, -1 where missing.
        values: The values of a column of categories.
    """
    present = ~np.isnan(column) if values is None else column >= 0
    count = int(present.sum())
    if not count:
        return "it is empty throughout"
    # False for NaN, and so for a number that is sometimes missing.
    if (column == column[0]).all():
        return "it is the same throughout" + (", to seven digits" if values is None else "")
    if values is not None and len(values) > MOST_VALUES:
        return f"it holds more than {MOST_VALUES:,} texts, an identifier or free text"
    if values is not None and count > FEW_CELLS and 2 * len(values) > count:
        return f"it holds {len(values):,} texts in {count:,} cells, an identifier or free text"
    return ""


class Labels(NamedTuple):
    """The target of the rows of a table.

    Attributes:
        labels: `(rows,)` int64 places among `classes`, or float32 values.
        kept: `(rows,)` bool, whether there is a label.
        classes: Names of the classes; empty for regression.
    """

    labels: np.ndarray
    kept: np.ndarray
    classes: tuple[str, ...]


class Target(Column):
    """Learns the target, whose labels it keeps, from texts alone.

    Args:
        where: The file and the name of the column, for errors.
        decimal: How numbers are written, see `parse_numbers`.
    """

    def __init__(self, where: str, decimal: str):
        super().__init__(where, decimal)
        self._values = Values()
        self._chunks: list[tuple[np.ndarray, np.ndarray]] = []

    def learn(self, cells: Cells, lines: Sequence[str]) -> np.ndarray:
        """Take in the next cells, and where they stand; return the numbers in them."""
        numbers = super().learn(cells, lines)
        self._chunks.append((numbers, self._values.encode(cells, len(cells))))
        return numbers

    def settle(self, task: str | None) -> Labels:
        """Return the labels of all rows.

        Args:
            task: `"classification"`, `"regression"`, or None: regression if there are more than a
                few numbers.

        Raises:
            KerasbioError: If there is nothing to learn from.
        """
        if not self.present:
            raise KerasbioError(
                f"{self.where} is empty throughout: name a target that is known in some rows"
            )
        numbers, codes = (np.concatenate(parts) for parts in zip(*self._chunks, strict=True))
        distinct = len(np.unique(numbers[np.isfinite(numbers)]))
        if task is None:
            many = self.numeric and distinct > FEW_VALUES
            task = "regression" if many else "classification"
        if task == "classification":
            return self._classes(codes)
        if not self.numeric:
            raise KerasbioError(
                f"{self.where}: {self.present - self.numbers:,} of {self.present:,} cells are no "
                f"numbers ({', '.join(self.wrong)}): name a target of numbers, or give "
                "--task classification"
            )
        if distinct == 1:
            raise KerasbioError(
                f"{self.where} holds one value only: name a target that differs between rows"
            )
        return Labels(numbers.astype(np.float32), np.isfinite(numbers), ())

    def _classes(self, codes: np.ndarray) -> Labels:
        values = self._values.known
        numbers, wrong = parse_numbers(values, self.decimal)
        # "1" and "1.0" are one class, where all are numbers.
        keys: list = values if wrong.any() else numbers.tolist()
        names: dict = {}
        for key, value in zip(keys, values, strict=True):
            names.setdefault(key, value)
        if len(names) == 1:
            raise KerasbioError(
                f"{self.where} holds one class only, {quoted(values[0])}: at least two are needed"
            )
        if len(names) > MOST_CLASSES or self._values.full:
            count = f"more than {MOST_VALUES:,}" if self._values.full else f"{len(names):,}"
            advice = "give --task regression" if self.numeric else "is it the right column?"
            raise KerasbioError(
                f"{self.where} holds {count} classes, of which at most {MOST_CLASSES} can be "
                f"told apart: {advice}"
            )
        order = sorted(names)
        place = {key: number for number, key in enumerate(order)}
        # The last one is for -1.
        labels = np.array([*(place[key] for key in keys), -1])[codes]
        return Labels(labels, codes >= 0, tuple(names[key] for key in order))
