"""The simulated gene network keeps to its theory, to its seed and to its difficulty."""

import numpy as np
import pytest

from kerasbio.baselines import fit_oracle
from kerasbio.datasets.cases import split
from kerasbio.datasets.gene_network import (
    CLASSES,
    CONDITIONS,
    DECAY,
    DEPARTURE,
    DEPTH,
    HILL,
    LIBRARY,
    MEAN_DEGREE,
    PROGRAMME,
    GeneNetwork,
    dropout_probability,
    steady_state,
)
from kerasbio.graph_baselines import label_propagation
from kerasbio.metrics.classification import auroc


@pytest.fixture(scope="module")
def network():
    return GeneNetwork(seed=1)


@pytest.fixture(scope="module")
def known(network):
    """Return which fifth of the genes of each pathway has a known label."""
    random, known = np.random.default_rng(5), np.zeros(len(network), bool)
    for k in range(len(CLASSES)):
        members = np.flatnonzero(network.labels == k)
        known[random.choice(members, len(members) // 5, replace=False)] = True
    return known


def macro_auroc(labels, p):
    return np.mean([auroc(labels == k, p[:, k]) for k in range(len(CLASSES))])


def regression_score(x, labels, known):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=300))
    model.fit(x[known], labels[known])
    return macro_auroc(labels[~known], model.predict_proba(x[~known]))


def propagation_score(network, known):
    p = label_propagation(
        network.edges, network.weights, len(network), known, network.labels, len(CLASSES)
    )
    return macro_auroc(network.labels[~known], p[~known])


def adjacency(network):
    matrix = np.zeros((len(network), len(network)), np.float32)
    matrix[network.edges[:, 0], network.edges[:, 1]] = 1
    return matrix + matrix.T


def test_a_network_is_a_function_of_its_seed(network):
    again, other = GeneNetwork(seed=1), GeneNetwork(seed=2)
    for name in ("labels", "subjects", "features", "edges", "cause"):
        np.testing.assert_array_equal(getattr(again, name), getattr(network, name))
    assert np.any(other.labels != network.labels) and np.any(other.features != network.features)


def test_shapes_and_types(network):
    count = len(network)
    assert count == 2000 and len(set(network.subjects)) == count
    assert network.features.shape == (count, CONDITIONS) == (count, len(network.feature_names))
    assert network.cause.shape == (count, len(network.cause_names))
    assert network.labels.dtype == network.edges.dtype == np.int64
    assert network.features.dtype == network.cause.dtype == network.weights.dtype == np.float32
    assert np.isfinite(network.features).all() and network.features.min() == 0
    assert np.isfinite(network.cause).all()
    np.testing.assert_array_equal(np.bincount(network.labels), [400] * len(CLASSES))
    case = network[7]
    np.testing.assert_array_equal(case["features"], network.features[7])
    assert case["label"] == network.labels[7] and case["subject"] == "GENE00008"


def test_edges_are_pairs_each_once(network):
    edges = network.edges
    assert np.all(edges[:, 0] < edges[:, 1]) and 0 <= edges.min() and edges.max() < len(network)
    assert len(np.unique(edges, axis=0)) == len(edges) == len(network.weights)
    assert np.all(network.weights == 1)


def test_edges_follow_the_block_model(network):
    # The number between two genes is Poisson; one edge is seen where it is not zero.
    labels, pathways = network.labels, len(CLASSES)
    same = labels[:, None] == labels
    rate = np.where(
        same, (1 - network.mixing) / pathways, network.mixing / (pathways * (pathways - 1))
    )
    rate = rate * MEAN_DEGREE * len(network) * np.outer(network.propensities, network.propensities)
    np.fill_diagonal(rate, 0)
    seen = 1 - np.exp(-rate)
    expected, across = seen.sum() / 2, seen[~same].sum() / 2
    found = labels[network.edges]
    assert len(network.edges) == pytest.approx(expected, abs=4 * np.sqrt(expected))
    mixed = (found[:, 0] != found[:, 1]).sum()
    assert mixed == pytest.approx(across, abs=4 * np.sqrt(across))
    degrees, mean = np.bincount(network.edges.ravel(), minlength=len(network)), seen.sum(1)
    assert np.mean((degrees - mean) ** 2 / mean) == pytest.approx(1, abs=0.15)


def test_degrees_are_heavy_tailed(network):
    degrees = np.bincount(network.edges.ravel(), minlength=len(network))
    assert degrees.mean() == pytest.approx(MEAN_DEGREE, rel=0.05)
    assert degrees.max() > 8 * degrees.mean() and degrees.var() > 4 * degrees.mean()


def test_neighbours_in_the_cause(network):
    expected = adjacency(network) @ np.eye(len(CLASSES))[network.labels]
    np.testing.assert_array_equal(network.cause[:, : len(CLASSES)], expected)
    np.testing.assert_allclose(
        np.exp(network.cause[:, len(CLASSES) :]), network.expression, rtol=1e-5
    )


def test_regulators(network):
    own, other = network.regulators.T
    assert network.is_regulator.mean() == pytest.approx(0.1)
    assert network.is_regulator[own].all() and network.is_regulator[other].all()
    assert np.all(network.labels[own] == network.labels)
    assert np.all(network.labels[other] != network.labels)


def test_steady_state_is_where_the_equation_stands_still(network):
    genes = np.flatnonzero(~network.is_regulator)[:50]
    levels = network.expression[network.regulators[genes]]
    response = 1 / (1 + (levels.mean(-1, keepdims=True) / levels) ** HILL)
    own, other, leak = network.production[genes].T[..., None]
    x = np.zeros((len(genes), CONDITIONS))
    for _ in range(400):
        x += 0.1 * (own * response[:, 0] + other * response[:, 1] + leak - DECAY * x)
    np.testing.assert_allclose(network.expression[genes], x, rtol=1e-9)


def test_a_constant_regulator_gives_half_of_the_largest_production():
    found = steady_state(np.array([[2.0, 1.0, 0.5]]), np.full((1, 2, 3), 7.0))
    np.testing.assert_allclose(found, [[(1 + 0.5 + 0.5) / DECAY] * 3])


def test_activity_of_regulators_is_log_normal():
    logs = []
    for seed in range(10):
        network = GeneNetwork(500, seed=seed)
        logs.append(np.log(network.expression[network.is_regulator]))
    values = np.concatenate(logs)
    spread = np.sqrt(PROGRAMME**2 + DEPARTURE**2)
    assert values.mean() == pytest.approx(np.log(1.5 / DECAY), abs=0.05)
    assert values.std() == pytest.approx(spread, rel=0.05)
    standard = (values - values.mean()) / values.std()
    assert (standard**3).mean() == pytest.approx(0, abs=0.25)
    assert (standard**4).mean() == pytest.approx(3, abs=0.5)


def test_measurement_has_the_moments_of_its_theory():
    network = GeneNetwork(100, seed=0)
    draws = np.array(
        [np.expm1(network.measure(np.random.default_rng(k)).astype(float)) for k in range(1500)]
    )
    # Library sizes are integrated by Gauss and Hermite.
    nodes, shares = np.polynomial.hermite_e.hermegauss(40)
    sizes = np.exp(LIBRARY * nodes - LIBRARY**2 / 2)[:, None, None]
    shares = (shares / shares.sum())[:, None, None]
    means = DEPTH * sizes * network.expression
    kept = 1 - dropout_probability(means)
    first = (shares * kept * means).sum(0)
    second = (shares * kept * (means + means**2)).sum(0)
    assert (draws.mean(0) / first).mean() == pytest.approx(1, abs=0.01)
    assert ((draws**2).mean(0) / second).mean() == pytest.approx(1, abs=0.03)
    zeros = (shares * (1 - kept * (1 - np.exp(-means)))).sum(0)
    assert (draws == 0).mean() == pytest.approx(zeros.mean(), abs=0.005)


def test_dropout_is_logistic_in_the_log_of_the_mean():
    means = np.array([0.01, 0.1, 0.5, 2.0, 30.0])
    p = dropout_probability(means)
    assert p[2] == pytest.approx(0.5)
    slope = np.diff(np.log(p / (1 - p))) / np.diff(np.log(means))
    np.testing.assert_allclose(slope, -1.5)


def test_network_and_expression_together_beat_either(network, known):
    x, matrix = network.features, adjacency(network)
    means = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    near = means @ x
    own = regression_score(x, network.labels, known)
    spread = propagation_score(network, known)
    both = regression_score(np.hstack([x, near, means @ near]), network.labels, known)
    assert 0.75 < own < 0.88 and 0.75 < spread < 0.88
    assert both > max(own, spread) + 0.05


def test_who_knows_the_causes_knows_the_pathway(network, known):
    oracle = fit_oracle(network.cause[known], network.labels[known])
    p = oracle.predict_proba(network.cause[~known])
    assert macro_auroc(network.labels[~known], p) > 0.97


def test_difficulty_mixes_the_pathways_and_adds_noise(network, known):
    easy, hard = (GeneNetwork(seed=1, difficulty=d) for d in (0.5, 2.0))
    np.testing.assert_array_equal(easy.labels, hard.labels)
    mixing = [np.ptp(g.labels[g.edges], axis=1).astype(bool).mean() for g in (easy, hard)]
    assert mixing == pytest.approx([easy.mixing, hard.mixing], abs=0.03)
    assert easy.mixing < network.mixing < hard.mixing < 0.8
    own = [regression_score(g.features, g.labels, known) for g in (easy, network, hard)]
    spread = [propagation_score(g, known) for g in (easy, network, hard)]
    for scores in (own, spread):
        assert scores[0] > scores[1] + 0.03 > scores[2] + 0.06


def test_genes_can_be_split(network):
    parts = split(network, (0.2, 0.2, 0.6), seed=0)
    assert [len(part) for part in parts] == [400, 400, 1200]
    assert parts[0].stack("features").shape == (400, CONDITIONS)


def test_smallest_network():
    network = GeneNetwork(100, difficulty=100)
    assert set(network.labels) == set(range(5)) and np.isfinite(network.cause).all()


@pytest.mark.parametrize(
    "wrong", [{"num_genes": 99}, {"difficulty": 0}, {"difficulty": np.inf}, {"difficulty": np.nan}]
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match="Received: num_genes="):
        GeneNetwork(**wrong)
