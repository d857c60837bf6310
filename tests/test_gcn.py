"""The graph convolutional network against its formula, and what holds for any weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.datasets.gene_network import GeneNetwork
from kerasbio.datasets.nodes import element, split_nodes
from kerasbio.layers.adjacency import normalize_adjacency
from kerasbio.models.graph import build_gcn

NODES, FEATURES, CLASSES = 9, 4, 3


@pytest.fixture
def graph():
    random = np.random.default_rng(0)
    edges = np.argwhere(np.triu(random.uniform(size=(NODES - 1, NODES - 1)) < 0.4, 1))
    weights = random.uniform(0.5, 2, len(edges)).astype(np.float32)
    return edges, weights, random.normal(size=(NODES, FEATURES)).astype(np.float32)


def dense(edges, weights):
    """D^-1/2 (A + I) D^-1/2, with loops; the last node is isolated."""
    adjacency = np.eye(NODES)
    for (i, j), weight in zip(edges, weights, strict=True):
        adjacency[i, j] += weight
        adjacency[j, i] += weight
    root = np.diag(adjacency.sum(1) ** -0.5)
    return root @ adjacency @ root


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = build_gcn((FEATURES,), CLASSES, hidden=(5,))
    random = np.random.default_rng(1)
    for weight in model.weights:
        if weight.trainable:
            weight.assign(random.normal(size=weight.shape))
    return model


def answer(model, features, edges, weights):
    adjacency = normalize_adjacency(tf.constant(edges), tf.constant(weights), len(features))
    return model({"node_features": tf.constant(features), "adjacency": adjacency}).numpy()


def test_the_adjacency_is_normalized(graph):
    edges, weights, _ = graph
    found = tf.sparse.to_dense(normalize_adjacency(tf.constant(edges), tf.constant(weights), NODES))
    np.testing.assert_allclose(found, dense(edges, weights), rtol=1e-6)


def test_it_is_its_formula(graph, model):
    edges, weights, features = graph
    adjacency = dense(edges, weights)
    first, second = (w.numpy() for w in model.trainable_weights)
    hidden = np.maximum(adjacency @ features @ first, 0)
    expected = adjacency @ hidden @ second
    np.testing.assert_allclose(answer(model, features, edges, weights), expected, rtol=1e-4)


def test_the_order_of_the_nodes_does_not_matter(graph, model):
    edges, weights, features = graph
    order = np.random.default_rng(2).permutation(NODES)
    place = np.argsort(order)
    found = answer(model, features[order], place[edges], weights)
    np.testing.assert_allclose(found, answer(model, features, edges, weights)[order], atol=1e-5)


def test_without_edges_it_is_dense_layers(graph, model):
    _, _, features = graph
    first, second = (w.numpy() for w in model.trainable_weights)
    expected = np.maximum(features @ first, 0) @ second
    none = np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
    np.testing.assert_allclose(answer(model, features, *none), expected, rtol=1e-4)


def test_biases_are_an_option():
    assert build_gcn((1433,), 7, use_bias=True).count_params() == 23_063


def test_the_penalty_is_half_the_squares_of_the_first_kernel(model):
    expected = 5e-4 / 2 * (model.trainable_weights[0].numpy() ** 2).sum()
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)


def test_nodes_are_split_and_weighed():
    graph = GeneNetwork(200, seed=1)
    graph.labels = np.where(np.arange(200) < 20, -1, graph.labels)
    parts = split_nodes(graph, (0.2, 0.1, 0.7), seed=0)
    assert sorted(np.concatenate(parts)) == list(range(20, 200))
    for part in parts:
        assert set(graph.labels[part]) == set(range(5))
    _, labels, weights = element(None, graph.labels, parts[0])
    assert labels.min() == 0 and np.flatnonzero(weights).tolist() == parts[0].tolist()
    # The loss of all nodes, weighed, is the mean over those that count.
    logits = np.random.default_rng(0).normal(size=(200, 5))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = float(loss(labels, logits, sample_weight=weights))
    assert found == pytest.approx(float(loss(labels[parts[0]], logits[parts[0]])), rel=1e-5)
