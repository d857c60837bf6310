"""Spektral's graph convolution on Keras 3."""

import keras
from spektral.layers import GCNConv


@keras.saving.register_keras_serializable(package="kerasbio")
class GraphConvolution(GCNConv):
    """Graph convolution: `activation(adjacency @ features @ kernel + bias)`.

    Spektral's layer; Keras 3 passes it `[None, None]` as mask where there is none, which it
    takes for one.

    Reference: [Kipf and Welling, Semi-supervised classification with graph convolutional networks,
    2017](https://arxiv.org/abs/1609.02907).

    Shapes: features `(nodes, size)` and a normalized adjacency `(nodes, nodes)`, dense or sparse,
    to `(nodes, channels)`; both with a batch in front where the graph is dense.
    """

    def call(self, inputs, mask=None):
        if mask is not None and all(each is None for each in mask):
            mask = None
        return super().call(inputs, mask=mask)
