"""How the numbers and categories of a table become features, in NumPy."""

import dataclasses
from collections.abc import Sequence

import numpy as np

#: Where a scaled number is bent off: none comes further than this from the median.
BEND = 3.0
#: What a scaled number is cut to before: its square must be finite.
LARGEST_SCALED = 1e4
#: A column that varies by less is taken for constant.
SMALLEST_SPREAD = 1e-30
#: Values of a column that have a feature each, the most frequent ones.
MOST_FEATURES = 32
#: Cases that such a value has at least, in a table that is large enough.
FEWEST_CASES = 5


@dataclasses.dataclass(frozen=True)
class TableEncoding:
    """How the columns of a table become features, learned from training cases alone.

    A number is taken from the median and divided by the interquartile range, then bent by
    x / sqrt(1 + (x / 3)²), so that an outlier weighs little (Holzmüller et al., RealMLP, 2024,
    arXiv:2407.04491); a missing one is the median. A category is one feature for each of its
    frequent values and, where there were rare ones, one for all others. Where training cases
    lack a column, a feature says so. A value that was never seen is among the others, or no
    feature at all.

    Attributes:
        median: `(numeric columns,)`.
        gain: `(numeric columns,)`, one over the interquartile range; 0 where nothing varies.
        values: The frequent values of each categorical column, the most frequent first.
        others: For each categorical column, whether a feature stands for all other values.
        lacking: For each column, numbers first, whether a feature says that it is missing.
    """

    median: tuple[float, ...]
    gain: tuple[float, ...]
    values: tuple[tuple[str, ...], ...]
    others: tuple[bool, ...]
    lacking: tuple[bool, ...]

    @property
    def width(self) -> int:
        """Number of features."""
        categories = sum(len(known) for known in self.values)
        return len(self.median) + categories + sum(self.others) + sum(self.lacking)

    def groups(self) -> list[list[int]]:
        """Return which features stand for each column, numbers first."""
        found = [[place] for place in range(len(self.median))]
        stop = len(found)
        for known, other in zip(self.values, self.others, strict=True):
            start, stop = stop, stop + len(known) + other
            found.append(list(range(start, stop)))
        for place in np.flatnonzero(self.lacking):
            found[place].append(stop)
            stop += 1
        return found

    def encode(self, numbers: np.ndarray, slots: np.ndarray) -> np.ndarray:
        """Return the features of cases, as `PrepareTable` gives them.

        Args:
            numbers: `(cases, numeric columns)` float32, nan where missing.
            slots: `(cases, categorical columns)`, from `slots`.

        Returns:
            `(cases, width)` float32.
        """
        numbers = np.asarray(numbers, np.float32)
        median, gain = np.array(self.median, np.float32), np.array(self.gain, np.float32)
        missing = ~np.isfinite(numbers)
        with np.errstate(over="ignore"):
            scaled = (np.where(missing, median, numbers) - median) * gain
        scaled = np.clip(scaled, -LARGEST_SCALED, LARGEST_SCALED)
        parts = [scaled / np.sqrt(1 + np.square(scaled / np.float32(BEND)))]
        for column, known in enumerate(self.values):
            kept = len(known) + self.others[column]
            parts.append(slots[:, column, None] == np.arange(kept))
        missing = np.concatenate([missing, slots < 0], axis=1)
        parts.append(missing[:, np.array(self.lacking, bool)])
        return np.concatenate(parts, axis=1, dtype=np.float32)

    def slots(self, categories: np.ndarray, values: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the place of each category among the frequent values of its column.

        Args:
            categories: `(cases, categorical columns)` places among `values`, -1 where missing.
            values: The values of each categorical column.

        Returns:
            `(cases, categorical columns)`: rare and unseen values come right after the frequent
            ones; what is missing is -1.
        """
        slots = np.full(categories.shape, -1, np.int32)
        for column, known in enumerate(self.values):
            place = {value: slot for slot, value in enumerate(known)}
            found = [place.get(value, len(known)) for value in values[column]]
            # The last one is for -1.
            slots[:, column] = np.array([*found, -1])[categories[:, column]]
        return slots


def fit_encoding(
    numbers: np.ndarray, categories: np.ndarray, values: Sequence[Sequence[str]]
) -> TableEncoding:
    """Learn how the columns of a table become features.

    Args:
        numbers: `(cases, numeric columns)` of training cases, nan where missing.
        categories: `(cases, categorical columns)` places among `values`, -1 where missing.
        values: The values of each categorical column.

    Returns:
        The encoding.
    """
    finite = np.isfinite(numbers)
    ranks = np.full((5, numbers.shape[1]), np.nan)
    for column in range(numbers.shape[1]):
        present = numbers[finite[:, column], column]
        if len(present):
            ranks[:, column] = np.quantile(present.astype(np.float64), (0, 0.25, 0.5, 0.75, 1))
    spread = np.where(ranks[3] > ranks[1], ranks[3] - ranks[1], (ranks[4] - ranks[0]) / 2)
    # So that float32 holds it.
    gain = np.divide(1, spread, out=np.zeros_like(spread), where=spread > SMALLEST_SPREAD)
    kept, others = [], []
    fewest = min(FEWEST_CASES, max(1, len(numbers) // 50))
    for column, known in enumerate(values):
        codes = categories[:, column]
        counts = np.bincount(codes[codes >= 0], minlength=len(known))
        order = np.argsort(-counts, kind="stable")[:MOST_FEATURES]
        frequent = order[counts[order] >= fewest]
        kept.append(tuple(known[place] for place in frequent))
        others.append(bool(counts.sum() > counts[frequent].sum()))
    lacking = np.any(np.concatenate([~finite, categories < 0], axis=1), axis=0)
    return TableEncoding(
        tuple(np.nan_to_num(ranks[2]).tolist()),
        tuple(gain.tolist()),
        tuple(kept),
        tuple(others),
        tuple(bool(column) for column in lacking),
    )
