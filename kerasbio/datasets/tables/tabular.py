"""Tables in memory: numbers and categories of each case, as they were measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasbio.datasets.cases import Case
from kerasbio.datasets.tables.encoding import TableEncoding


class TabularCases:
    """The rows of a table as cases, 4 bytes per cell.

    Args:
        numeric: Names of the columns of numbers.
        numbers: `(cases, numeric columns)`, in the units of the table; nan where missing.
        categorical: Names of the columns of categories.
        categories: `(cases, categorical columns)` integers: place of the value among `values`,
            -1 where missing.
        values: The values of each categorical column.
        target: Name of what is to be told.
        labels: `(cases,)` integers below `len(classes)`, or the values to regress on.
        subjects: `(cases,)`; None takes each case as a subject of its own.
        classes: Names of the classes; empty for regression.
        cause: `(cases, causes)` of each label, where they are known.
        decimal: How numbers are written in the file: `"."`, `","`, or `""` for plain numbers.
        notes: What the user should know of the table.

    Raises:
        ValueError: If lengths do not fit.
    """

    input_names: tuple[str, ...] = ("numbers", "categories")

    def __init__(
        self,
        *,
        numeric: Sequence[str],
        numbers: np.ndarray,
        categorical: Sequence[str] = (),
        categories: np.ndarray | None = None,
        values: Sequence[Sequence[str]] = (),
        target: str,
        labels: np.ndarray,
        subjects: np.ndarray | None = None,
        classes: Sequence[str] = (),
        cause: np.ndarray | None = None,
        decimal: str = "",
        notes: Sequence[str] = (),
    ):
        count = len(labels)
        self.numeric, self.categorical = tuple(numeric), tuple(categorical)
        self.numbers = np.asarray(numbers, np.float32)
        codes = np.empty((count, 0)) if categories is None else categories
        self.categories = np.asarray(codes, np.int32)
        self.values = tuple(tuple(known) for known in values)
        self.target, self.labels, self.classes = target, np.asarray(labels), tuple(classes)
        self.subjects = np.arange(count) if subjects is None else np.asarray(subjects)
        self.cause, self.decimal, self.notes = cause, decimal, tuple(notes)
        wanted = [(count, len(self.numeric)), (count, len(self.categorical)), (count,)]
        found = [self.numbers.shape, self.categories.shape, self.subjects.shape]
        if wanted != found or len(self.values) != len(self.categorical):
            raise ValueError(
                f"numbers, categories and subjects must be of shapes {wanted}, with the values of "
                f"each categorical column. Received: {found}, values of {len(self.values)} columns"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns that are inputs, numbers first."""
        return self.numeric + self.categorical

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        case: dict[str, Any] = {name: self.take(name, index) for name in self.input_names}
        case |= {"label": self.labels[index], "subject": self.subjects[index]}
        return case if self.cause is None else {**case, "cause": self.cause[index]}

    def subset(self, indices: np.ndarray) -> "TabularCases":
        """Return the table of the cases with these indices."""
        return TabularCases(
            numeric=self.numeric,
            numbers=self.numbers[indices],
            categorical=self.categorical,
            categories=self.categories[indices],
            values=self.values,
            target=self.target,
            labels=self.labels[indices],
            subjects=self.subjects[indices],
            classes=self.classes,
            cause=None if self.cause is None else self.cause[indices],
            decimal=self.decimal,
            notes=self.notes,
        )

    def take(self, name: str, indices: Any) -> np.ndarray:
        """Return an input, or the cause, of the cases with these indices."""
        return getattr(self, name)[indices]


class EncodedCases:
    """A table as a network sees it: features, made when they are asked for.

    Args:
        cases: The table.
        encoding: How its columns become features.
        scale: Mean and standard deviation by which values to regress on are standardized; None
            leaves labels as they are.
    """

    input_names: tuple[str, ...] = ("features",)

    def __init__(
        self,
        cases: TabularCases,
        encoding: TableEncoding,
        scale: tuple[float, float] | None = None,
    ):
        self.cases, self.encoding = cases, encoding
        self._slots = encoding.slots(cases.categories, cases.values)
        self.classes, self.subjects, self.labels = cases.classes, cases.subjects, cases.labels
        if scale is not None:
            self.labels = (cases.labels - scale[0]) / scale[1]

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Case:
        case = self.cases[index]
        return {**case, "label": self.labels[index], "features": self.take("features", [index])[0]}

    def take(self, name: str, indices: Any) -> np.ndarray:
        """Return the features, or what else there is, of the cases with these indices."""
        if name != "features":
            return self.cases.take(name, indices)
        return self.encoding.encode(self.cases.numbers[indices], self._slots[indices])


def load_wisconsin() -> TabularCases:
    """Return the Wisconsin table of breast cancer: 569 aspirates, 30 measures of their nuclei.

    Means, standard errors and extremes of ten measures of the nuclei of each image, and whether
    the mass was malignant (212 of 569), as scikit-learn carries it.

    Source: [Street, Wolberg and Mangasarian, Nuclear feature extraction for breast tumor
    diagnosis, 1993](https://doi.org/10.1117/12.148698).
    """
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    return TabularCases(
        numeric=[str(name) for name in found.feature_names],
        numbers=found.data,
        target="diagnosis",
        # There 0 is malignant.
        labels=1 - found.target,
        classes=("benign", "malignant"),
    )
