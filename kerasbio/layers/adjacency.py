"""From the edges of a graph to what a graph convolution multiplies by."""

from typing import Any

import tensorflow as tf


def normalize_adjacency(edges: Any, weights: Any, num_nodes: Any) -> tf.SparseTensor:
    """Return the symmetrically normalized adjacency of an undirected graph, with self-loops.

    Reference: [Kipf and Welling 2017](https://arxiv.org/abs/1609.02907), the renormalization
    D^-1/2 (A + I) D^-1/2, where D holds the row sums of A + I.

    Args:
        edges: `(edges, 2)` int64, each undirected edge once and no self-loop.
        weights: `(edges,)` float32, above 0.
        num_nodes: Number of nodes.

    Returns:
        A sparse matrix `(num_nodes, num_nodes)`, in the order that TensorFlow's products ask for.
    """
    num_nodes = tf.cast(num_nodes, tf.int64)
    nodes = tf.range(num_nodes)
    rows = tf.concat([edges[:, 0], edges[:, 1], nodes], 0)
    columns = tf.concat([edges[:, 1], edges[:, 0], nodes], 0)
    values = tf.concat([weights, weights, tf.ones_like(nodes, tf.float32)], 0)
    degree = tf.math.unsorted_segment_sum(values, rows, num_nodes)
    root = tf.math.rsqrt(degree)
    values = values * tf.gather(root, rows) * tf.gather(root, columns)
    shape = tf.stack([num_nodes, num_nodes])
    return tf.sparse.reorder(tf.SparseTensor(tf.stack([rows, columns], 1), values, shape))
