"""A user's own graph: a table of nodes and a table of edges."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from kerasbio.datasets.cases import Case
from kerasbio.datasets.tables.reading import Table, quoted, read_table
from kerasbio.errors import KerasbioError

NODES, EDGES = "nodes.csv", "edges.csv"
#: Largest feature or weight, that of 32 bits.
LARGEST = float(np.finfo(np.float32).max)
#: Nodes of a class that are needed to train, choose and test.
FEWEST = 3


@dataclasses.dataclass(frozen=True)
class Graph:
    """A graph whose nodes are the cases.

    Attributes:
        classes: Names of the classes, sorted.
        labels: `(nodes,)` int64; -1 where the class is unknown.
        subjects: `(nodes,)` identifiers of the nodes.
        features: `(nodes, features)` float32.
        feature_names: Names of the features.
        edges: `(edges, 2)` int64, undirected, `i < j`, each once, sorted.
        weights: `(edges,)` float32, positive.
        notes: What the user should know: what was dropped, merged or is unknown.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    subjects: np.ndarray
    features: np.ndarray
    feature_names: tuple[str, ...]
    edges: np.ndarray
    weights: np.ndarray
    notes: list[str]
    input_names: tuple[str, ...] = ("features",)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Case:
        return {
            "features": self.features[index],
            "label": int(self.labels[index]),
            "subject": self.subjects[index],
        }


def read_graph(path: Path | str, *, labelled: bool = True) -> Graph:
    """Read `nodes.csv` and `edges.csv` of a folder.

    `nodes.csv` has the column `id`, `label` if classes are known, and in every further column a
    numeric feature; `edges.csv` has `source`, `target` and, if known, `weight`. These names may
    be in any case, the files in UTF-8 with or without a byte order mark. An empty label is an
    unknown one. Edges are undirected: one that is named twice, in either direction, is kept once
    with its largest weight; an edge from a node to itself is dropped.

    Args:
        path: The folder.
        labelled: Whether there must be classes to learn from.

    Returns:
        The graph.

    Raises:
        KerasbioError: If the folder or a file is not as expected; names file, line and column.
    """
    folder = Path(path)
    if not folder.exists():
        raise KerasbioError(f"--data {path} does not exist: give a folder with {NODES} and {EDGES}")
    if not folder.is_dir():
        raise KerasbioError(f"--data {path} is a file: give the folder with {NODES} and {EDGES}")
    nodes = _read_part(folder / NODES, ("id", "label"), ("id",))
    index = _index_nodes(nodes)
    features, feature_names = _read_features(nodes)
    classes, labels = _read_labels(nodes, labelled)
    edges = _read_part(folder / EDGES, ("source", "target", "weight"), ("source", "target"))
    pairs, weights, notes = _read_edges(edges, index)
    unknown, alone = int((labels < 0).sum()), len(index) - len(np.unique(pairs))
    if unknown:
        notes.append(f"{nodes.file}: nodes without a label: {unknown} of {len(index)}.")
    if alone:
        notes.append(f"{edges.file}: nodes without an edge: {alone} of {len(index)}.")
    subjects = np.array(list(index))
    return Graph(classes, labels, subjects, features, feature_names, pairs, weights, notes)


def _read_part(file: Path, known: tuple[str, ...], needed: tuple[str, ...]) -> Table:
    """Return one of the two files, which must be there."""
    if not file.is_file():
        wrong = "is a folder" if file.is_dir() else "does not exist"
        raise KerasbioError(f"{file} {wrong}: the folder must hold the files {NODES} and {EDGES}")
    return read_table(file, known, needed)


def _index_nodes(table: Table) -> dict[str, int]:
    """Return the position of every node by its identifier, in the order of the file."""
    index: dict[str, int] = {}
    for position, name in enumerate(table.cells("id")):
        if not name:
            raise KerasbioError(f"{table.where(position)}: the id is empty")
        first = index.setdefault(name, position)
        if first != position:
            raise KerasbioError(
                f"{table.where(position)}: the id {quoted(name)} is that of "
                f"line {table.lines[first]} too: name each node once"
            )
    return index


def _read_features(table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
    chosen = [k for k, name in enumerate(table.columns) if name not in ("id", "label")]
    if not chosen:
        raise KerasbioError(
            f"{table.file} has no column of features (it has {', '.join(table.columns)}): add one"
        )
    features = np.empty((len(table.rows), len(chosen)), np.float32)
    for position, cells in enumerate(table.rows):
        try:
            numbers = np.array([float(cells[k]) for k in chosen])
        except ValueError:
            numbers = np.array([np.nan])
        # The comparison is false for NaN.
        if not np.all(np.abs(numbers) <= LARGEST):
            wrong = next(k for k in chosen if np.isnan(_number(cells[k])))
            raise _no_number(table, position, wrong, "finite")
        features[position] = numbers
    return features, tuple(table.columns[k] for k in chosen)


def _number(cell: str) -> float:
    """Return the number in a cell as 32 bits hold it; nan where they hold none."""
    try:
        number = float(cell)
    except ValueError:
        return np.nan
    return float(np.float32(number)) if abs(number) <= LARGEST else np.nan


def _no_number(table: Table, position: int, column: int, kind: str) -> KerasbioError:
    """Return the error of a cell that does not hold the number which is expected."""
    cell = table.rows[position][column]
    return KerasbioError(
        f"{table.where(position)}, column {quoted(table.columns[column])}: "
        f"{quoted(cell) if cell else 'an empty cell'} is no {kind} number: write one, with a "
        "point for the decimals"
    )


def _read_labels(table: Table, labelled: bool) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the classes, and each node's, -1 where it is unknown."""
    names = [""] * len(table.rows)
    if "label" in table.columns:
        names = table.cells("label")
    elif labelled:
        raise KerasbioError(f"{table.file} lacks the column 'label': add it, to learn from")
    counts = Counter(name for name in names if name)
    classes = tuple(sorted(counts))
    if labelled and len(classes) < 2:
        found = f"only the class {quoted(classes[0])}" if classes else "no label"
        raise KerasbioError(f"{table.file} holds {found}: at least two classes are needed")
    if labelled:
        name = min(classes, key=lambda name: counts[name])
        if counts[name] < FEWEST:
            raise KerasbioError(
                f"class {quoted(name)} in {table.file} has {counts[name]} node(s): at least "
                f"{FEWEST} are needed to train, choose and test"
            )
    number = {name: k for k, name in enumerate(classes)}
    return classes, np.array([number.get(name, -1) for name in names], np.int64)


def _read_edges(table: Table, index: dict[str, int]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the edges `(edges, 2)`, their weights, and notes on what was dropped or merged."""
    ends = np.empty((len(table.rows), 2), np.int64)
    for end, name in enumerate(("source", "target")):
        for position, cell in enumerate(table.cells(name)):
            node = index.get(cell)
            if node is None:
                raise KerasbioError(
                    f"{table.where(position)}, column '{name}': "
                    f"{quoted(cell)} is no id of {NODES}: add the node or remove the edge"
                )
            ends[position, end] = node
    weights = _read_weights(table)
    notes = [
        f"{table.file}: the column {quoted(name)} is not used."
        for name in table.columns
        if name not in ("source", "target", "weight")
    ]
    loops = ends[:, 0] == ends[:, 1]
    if loops.all():
        raise KerasbioError(f"{table.file} joins no two nodes: add an edge from one to another")
    ends, weights = ends[~loops], weights[~loops]
    pairs, where = np.unique(np.sort(ends, axis=1), axis=0, return_inverse=True)
    directed = len(np.unique(ends, axis=0))
    for count, what in (
        (int(loops.sum()), "edges from a node to itself, dropped"),
        (len(ends) - directed, "edges named again in the same direction, merged"),
        (directed - len(pairs), "edges named in both directions, merged"),
    ):
        if count:
            notes.append(f"{table.file}: {what}: {count}.")
    least, largest = np.full(len(pairs), np.inf), np.zeros(len(pairs), np.float32)
    np.minimum.at(least, where.ravel(), weights)
    np.maximum.at(largest, where.ravel(), weights)
    if unequal := int((least < largest).sum()):
        notes.append(
            f"{table.file}: edges with several weights, the largest of which was kept: {unequal}."
        )
    return pairs, largest, notes


def _read_weights(table: Table) -> np.ndarray:
    """Return the weight of every line, one where there is no such column."""
    weights = np.ones(len(table.rows), np.float32)
    if "weight" not in table.columns:
        return weights
    column = table.columns.index("weight")
    for position, cell in enumerate(table.cells("weight")):
        number = _number(cell)
        if not number > 0:
            raise _no_number(table, position, column, "positive and finite")
        weights[position] = number
    return weights
