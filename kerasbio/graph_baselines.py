"""What one would try before a graph network: labels that spread along the edges."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasbio.metrics.classification import auroc

ALPHAS = (0.5, 0.8, 0.9, 0.99)
FOLDS = 3
TOLERANCE = 1e-6


def label_propagation(
    edges: np.ndarray,
    weights: np.ndarray,
    num_nodes: int,
    known: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    alpha: float = 0.9,
    iterations: int = 10_000,
) -> np.ndarray:
    """Spread the known labels along the edges of a graph.

    Reference: [Zhou et al., Learning with local and global consistency,
    2004](https://papers.nips.cc/paper/2506-learning-with-local-and-global-consistency): repeats
    `F = alpha S F + (1 - alpha) Y` with `S = D^-1/2 W D^-1/2`, until further rounds would add
    about a millionth to each node at most; each row is then divided by its sum.

    Args:
        edges: `(edges, 2)` integers, undirected; an edge named twice counts twice.
        weights: `(edges,)` positive weights.
        num_nodes: Number of nodes.
        known: `(nodes,)` bool, or the indices of the nodes whose labels may be used.
        labels: `(nodes,)` integers; only those of the known nodes are read.
        num_classes: Number of classes.
        alpha: Share that a node takes from its neighbours, above 0 and below 1.
        iterations: Largest number of rounds.

    Returns:
        `(nodes, classes)` float64 probabilities. A node that no known label reaches gets the
        shares of the classes among the known labels.

    Raises:
        ValueError: If an argument is out of its range, or no label is known.
    """
    labels = np.asarray(labels)
    nodes = _check(edges, weights, num_nodes, known, labels, num_classes)
    if not 0 < alpha < 1 or iterations < 1:
        raise ValueError(
            "alpha must lie between 0 and 1 and iterations be at least 1. Received: "
            f"alpha={alpha}, iterations={iterations}"
        )
    adjacency = _normalized_adjacency(edges, weights, num_nodes)
    start = np.zeros((num_nodes, num_classes))
    start[nodes, labels[nodes]] = 1
    spread = _spread(adjacency, (1 - alpha) * start, alpha, iterations)
    total = spread.sum(axis=1, keepdims=True)
    shares = np.bincount(labels[nodes], minlength=num_classes) / len(nodes)
    return np.where(total > 0, spread / np.where(total > 0, total, 1), shares)


def choose_alpha(
    edges: np.ndarray,
    weights: np.ndarray,
    num_nodes: int,
    known: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    alphas: Sequence[float] = ALPHAS,
    seed: int = 0,
    criterion: str = "log_loss",
) -> float:
    """Choose `alpha` of `label_propagation` by cross-validation among the known nodes.

    Three folds, stratified by class; the labels of one are hidden and predicted from the other
    two. With fewer than two known nodes in each class there is nothing to validate on: the
    middle one is taken.

    The log loss prefers a low alpha, as a higher one draws all probabilities to the shares of
    the classes, even where it ranks the nodes better: choose by what the comparison is scored on.

    Args:
        edges: `(edges, 2)` integers, undirected.
        weights: `(edges,)` positive weights.
        num_nodes: Number of nodes.
        known: `(nodes,)` bool, or the indices of the nodes whose labels may be used.
        labels: `(nodes,)` integers; only those of the known nodes are read.
        num_classes: Number of classes.
        alphas: What to choose from.
        seed: Seed of the folds.
        criterion: `"log_loss"`, or `"auroc"` for the mean area over classes and folds.

    Returns:
        The best alpha; the first of several.

    Raises:
        ValueError: If an argument is out of its range, or no label is known.
    """
    labels = np.asarray(labels)
    nodes = _check(edges, weights, num_nodes, known, labels, num_classes)
    if criterion not in ("log_loss", "auroc") or not len(alphas):
        raise ValueError(
            "criterion must be 'log_loss' or 'auroc', and alphas not be empty. Received: "
            f"criterion={criterion!r}, alphas={tuple(alphas)}"
        )
    if np.max(np.bincount(labels[nodes])) < 2:
        return alphas[len(alphas) // 2]
    # Dealt out one by one in the order of the classes, each fold gets its share of each.
    order = np.random.default_rng(seed).permutation(nodes)
    order = order[np.argsort(labels[order], kind="stable")]
    losses = np.zeros(len(alphas))
    for fold in range(min(FOLDS, len(order))):
        held = np.arange(len(order)) % FOLDS == fold
        truth = labels[order[held]]
        for k, alpha in enumerate(alphas):
            p = label_propagation(
                edges, weights, num_nodes, order[~held], labels, num_classes, alpha
            )[order[held]]
            if criterion == "log_loss":
                losses[k] -= np.log(np.maximum(p[np.arange(len(p)), truth], 1e-12)).sum()
            else:
                # A class that the fold lacks has no area.
                losses[k] -= np.nansum([auroc(truth == c, p[:, c]) for c in range(num_classes)])
    return alphas[int(np.argmin(losses))]


def normalize_class_mass(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Scale the classes so that each has its share of the known labels over all nodes.

    Where labels spread far, one class draws most nodes to itself though the order of the nodes
    within each class is right; this mends the decisions.

    Reference: [Zhu et al., Semi-supervised learning using Gaussian fields and harmonic functions,
    2003](https://www.aaai.org/Papers/ICML/2003/ICML03-118.pdf),
    section 4.

    Args:
        probabilities: `(nodes, classes)`, as `label_propagation` gives them.
        labels: `(known,)` integers, the known labels.

    Returns:
        `(nodes, classes)` probabilities.
    """
    shares = np.bincount(labels, minlength=probabilities.shape[1]) / len(labels)
    mass = probabilities.sum(axis=0)
    scaled = probabilities * (shares / np.where(mass > 0, mass, 1))
    return scaled / scaled.sum(axis=1, keepdims=True)


def _spread(adjacency: Any, source: np.ndarray, alpha: float, iterations: int) -> np.ndarray:
    """Return the fixed point of `F = alpha adjacency F + source`."""
    spread = source
    for _ in range(iterations):
        previous, spread = spread, alpha * (adjacency @ spread) + source
        # Relative to each node, or labels would stop short of those that are far away.
        change = (spread - previous).sum(axis=1)
        if np.all(change <= TOLERANCE * (1 - alpha) * spread.sum(axis=1)):
            break
    return spread


def _normalized_adjacency(edges: np.ndarray, weights: np.ndarray, num_nodes: int) -> Any:
    """Return the sparse `D^-1/2 W D^-1/2`, with rows of zeros for isolated nodes."""
    from scipy import sparse

    one, other = np.asarray(edges).reshape(-1, 2).T
    degrees = np.bincount(one, weights, num_nodes) + np.bincount(other, weights, num_nodes)
    scale = 1 / np.sqrt(np.where(degrees > 0, degrees, 1))
    values = np.asarray(weights) * scale[one] * scale[other]
    half = sparse.csr_array((values, (one, other)), (num_nodes, num_nodes))
    return (half + half.T).tocsr()


def _check(
    edges: np.ndarray,
    weights: np.ndarray,
    num_nodes: int,
    known: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
) -> np.ndarray:
    """Return the indices of the known nodes, once everything is in its range."""
    if np.ndim(edges) != 2 or np.shape(edges)[1] != 2 or np.shape(weights) != (len(edges),):
        raise ValueError(
            "edges must be (edges, 2) and weights (edges,). Received: "
            f"shapes {np.shape(edges)} and {np.shape(weights)}"
        )
    if len(edges) and not (0 <= np.min(edges) and np.max(edges) < num_nodes):
        raise ValueError(
            f"edges must name nodes from 0 to {num_nodes - 1}. Received: "
            f"{np.min(edges)} to {np.max(edges)}"
        )
    if not np.all((np.asarray(weights) > 0) & np.isfinite(weights)):
        raise ValueError("weights must be positive and finite. Received: others among them")
    if np.shape(labels) != (num_nodes,):
        raise ValueError(f"labels must be ({num_nodes},). Received: shape {np.shape(labels)}")
    known = np.asarray(known)
    if known.dtype == bool:
        known = np.flatnonzero(known) if known.shape == (num_nodes,) else np.array([num_nodes])
    nodes = np.unique(known)
    if not (len(nodes) and 0 <= nodes[0] and nodes[-1] < num_nodes):
        raise ValueError(
            f"known must be ({num_nodes},) bool, or indices of at least one node. Received: {known}"
        )
    found = labels[nodes]
    if not (0 <= found.min() and found.max() < num_classes):
        raise ValueError(
            f"known labels must be from 0 to {num_classes - 1}. Received: "
            f"{found.min()} to {found.max()}"
        )
    return nodes
