"""Labels spread as Zhou et al. (2004) say, and alpha is chosen from the known labels alone."""

import numpy as np
import pytest

from kerasbio.graph_baselines import choose_alpha, label_propagation, normalize_class_mass


def random_graph(nodes=30, count=70, classes=3, seed=0):
    random = np.random.default_rng(seed)
    edges = np.sort(random.integers(0, nodes, (count, 2)), axis=1)
    edges = np.unique(edges[edges[:, 0] < edges[:, 1]], axis=0)
    weights = random.uniform(0.2, 3, len(edges)).astype(np.float32)
    known = np.zeros(nodes, bool)
    known[random.choice(nodes, nodes // 3, replace=False)] = True
    return edges, weights, nodes, known, random.integers(0, classes, nodes), classes


def dense(edges, weights, nodes):
    matrix = np.zeros((nodes, nodes))
    matrix[edges[:, 0], edges[:, 1]] = weights
    return matrix + matrix.T


def blocks(nodes=150, seed=0):
    """Return a graph of three groups with ten times as many edges within as between."""
    random = np.random.default_rng(seed)
    labels = np.arange(nodes) % 3
    chance = np.where(labels[:, None] == labels, 0.1, 0.01)
    edges = np.argwhere(np.triu(random.random((nodes, nodes)) < chance, 1))
    known = random.random(nodes) < 0.3
    return edges, np.ones(len(edges)), nodes, known, labels, 3


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.99])
def test_closed_form(alpha):
    edges, weights, nodes, known, labels, classes = random_graph()
    matrix = dense(edges, weights, nodes)
    scale = 1 / np.sqrt(matrix.sum(1))
    start = np.eye(classes)[labels] * known[:, None]
    solved = np.linalg.solve(np.eye(nodes) - alpha * scale[:, None] * matrix * scale, start)
    expected = solved / solved.sum(1, keepdims=True)
    found = label_propagation(edges, weights, nodes, known, labels, classes, alpha)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_agrees_with_scikit_learn():
    from sklearn.semi_supervised import LabelSpreading

    edges, weights, nodes, known, labels, classes = random_graph(seed=3)
    matrix = dense(edges, weights, nodes)
    peer = LabelSpreading(kernel=lambda x, y: matrix, alpha=0.8, max_iter=2000, tol=1e-12)
    peer.fit(np.zeros((nodes, 1)), np.where(known, labels, -1))
    found = label_propagation(edges, weights, nodes, known, labels, classes, 0.8)
    known_classes = found[:, peer.classes_]
    np.testing.assert_allclose(known_classes, peer.label_distributions_, rtol=1e-5, atol=1e-12)


def test_what_no_label_reaches_gets_the_shares_of_the_known():
    edges = np.array([[0, 1], [1, 2], [4, 5]])
    labels = np.array([0, 0, 1, 9, 9, 9])
    p = label_propagation(edges, np.ones(3), 6, np.array([0, 1, 2]), labels, 3)
    np.testing.assert_allclose(p[3:], [[2 / 3, 1 / 3, 0]] * 3)
    np.testing.assert_allclose(p.sum(1), 1)


def test_a_label_reaches_the_end_of_a_long_path():
    edges = np.stack([np.arange(199), np.arange(1, 200)], 1)
    labels = np.zeros(200, np.int64)
    labels[0] = 1
    p = label_propagation(edges, np.ones(199), 200, [0], labels, 2, alpha=0.5)
    np.testing.assert_allclose(p, [[0, 1]] * 200)


def test_order_of_nodes_and_edges_does_not_matter():
    edges, weights, nodes, known, labels, classes = random_graph(seed=5)
    p = label_propagation(edges, weights, nodes, known, labels, classes)
    order = np.random.default_rng(0).permutation(nodes)
    place = np.argsort(order)
    moved = label_propagation(
        place[edges][::-1, ::-1], weights[::-1], nodes, known[order], labels[order], classes
    )
    np.testing.assert_allclose(moved, p[order], rtol=1e-5, atol=1e-12)


def test_only_known_labels_are_read():
    edges, weights, nodes, known, labels, classes = random_graph()
    hidden = np.where(known, labels, -1)
    p = label_propagation(edges, weights, nodes, known, labels, classes)
    np.testing.assert_array_equal(
        label_propagation(edges, weights, nodes, np.flatnonzero(known), hidden, classes), p
    )
    for criterion in ("log_loss", "auroc"):
        chosen = [
            choose_alpha(edges, weights, nodes, known, y, classes, seed=1, criterion=criterion)
            for y in (labels, hidden)
        ]
        assert chosen[0] == chosen[1]


def test_groups_are_found():
    edges, weights, nodes, known, labels, classes = blocks()
    p = label_propagation(edges, weights, nodes, known, labels, classes)
    assert (p.argmax(1) == labels)[~known].mean() > 0.85


@pytest.mark.parametrize("criterion", ["log_loss", "auroc"])
def test_alpha_is_the_best_of_the_folds(criterion):
    from sklearn.metrics import log_loss, roc_auc_score

    edges, weights, nodes, known, labels, classes = blocks(seed=2)
    order = np.random.default_rng(4).permutation(np.flatnonzero(known))
    order = order[np.argsort(labels[order], kind="stable")]
    scores = dict.fromkeys((0.5, 0.8, 0.9, 0.99), 0.0)
    for fold in range(3):
        held, rest = order[fold::3], np.setdiff1d(order, order[fold::3])
        for alpha in scores:
            p = label_propagation(edges, weights, nodes, rest, labels, classes, alpha)[held]
            if criterion == "log_loss":
                scores[alpha] -= log_loss(labels[held], p, normalize=False)
            else:
                scores[alpha] += roc_auc_score(labels[held], p, multi_class="ovr")
    found = choose_alpha(edges, weights, nodes, known, labels, classes, seed=4, criterion=criterion)
    assert found == max(scores, key=scores.get)


def test_alpha_without_anything_to_validate_on():
    edges, weights, nodes, _, labels, classes = blocks()
    assert choose_alpha(edges, weights, nodes, [0, 1, 2], labels, classes) == 0.9
    assert choose_alpha(edges, weights, nodes, [0, 3], labels, classes) in (0.5, 0.8, 0.9, 0.99)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"edges": np.zeros((3, 3), int)}, r"edges must be \(edges, 2\)"),
        ({"edges": np.array([[0, 6]]), "weights": np.ones(1)}, "nodes from 0 to 5"),
        ({"weights": np.array([1.0, 0.0])}, "weights must be positive"),
        ({"weights": np.array([1.0, np.nan])}, "weights must be positive"),
        ({"known": np.zeros(6, bool)}, "known must be"),
        ({"known": np.ones(5, bool)}, "known must be"),
        ({"known": [-1]}, "known must be"),
        ({"labels": np.zeros(5, int)}, r"labels must be \(6,\)"),
        ({"labels": np.full(6, 2)}, "known labels must be from 0 to 1"),
        ({"alpha": 1.0}, "alpha must lie"),
        ({"iterations": 0}, "iterations be at least 1"),
    ],
)
def test_wrong_arguments(wrong, words):
    given = {
        "edges": np.array([[0, 1], [1, 2]]),
        "weights": np.ones(2),
        "num_nodes": 6,
        "known": [0, 1],
        "labels": np.zeros(6, int),
        "num_classes": 2,
    }
    with pytest.raises(ValueError, match=f"{words}.*Received: "):
        label_propagation(**{**given, **wrong})


def test_each_class_gets_its_mass():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet((8, 2, 1), 500)
    labels = np.repeat([0, 1, 2], (5, 3, 2))
    found = normalize_class_mass(probabilities, labels)
    np.testing.assert_allclose(found.sum(1), 1)
    # Within a row the classes are weighed by share over mass, and no row is treated otherwise.
    factor = found / probabilities
    factor /= factor[:, :1]
    expected = np.array([0.5, 0.3, 0.2]) / probabilities.sum(0)
    np.testing.assert_allclose(factor, np.tile(expected / expected[0], (500, 1)))
    np.testing.assert_allclose(found.mean(0), [0.5, 0.3, 0.2], atol=0.03)


@pytest.mark.parametrize("wrong", [{"criterion": "accuracy"}, {"alphas": ()}])
def test_wrong_choice(wrong):
    with pytest.raises(ValueError, match="criterion must be .*Received: criterion="):
        choose_alpha(*blocks(), **wrong)
