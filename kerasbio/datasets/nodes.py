"""Nodes of one graph as cases: split, and weighed as `fit` wants it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasbio.datasets.cases import Cases, Subset, split


def split_nodes(graph: Cases, fractions: Sequence[float], seed: int) -> tuple[np.ndarray, ...]:
    """Split the nodes whose class is known, with each class in each part in proportion.

    Args:
        graph: A graph whose nodes are cases; label -1 means that the class is unknown.
        fractions: Share of the nodes in each part; they sum to 1.
        seed: Seed of the shuffle.

    Returns:
        The sorted indices of the nodes of each part.

    Raises:
        KerasbioError: If a class has fewer nodes than there are parts.
    """
    labelled = np.flatnonzero(np.asarray(graph.labels) >= 0)
    parts = split(Subset(graph, labelled), fractions, seed)
    return tuple(np.sort(labelled[part.indices]) for part in parts)


def element(inputs: Any, labels: np.ndarray, part: np.ndarray) -> tuple[Any, np.ndarray, Any]:
    """Return the one element of a data set that trains, or validates, on some nodes of a graph.

    Args:
        inputs: What the network takes of the whole graph.
        labels: `(nodes,)` integers.
        part: Indices of the nodes that count.

    Returns:
        Inputs, labels and weights `(nodes,)`. Keras divides a weighted loss by the number of
        nodes and not by the sum of the weights, so that weights are such that both agree.
    """
    weights = np.zeros(len(labels), np.float32)
    weights[part] = len(labels) / len(part)
    return inputs, np.maximum(labels, 0), weights
