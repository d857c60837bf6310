"""Networks on graphs."""

from collections.abc import Sequence

import keras
from keras import layers

from kerasbio.layers.graph_convolution import GraphConvolution
from kerasbio.models.checks import check_features, check_positive


def build_gcn(
    input_shape: tuple[int],
    num_classes: int,
    *,
    hidden: Sequence[int] = (16,),
    dropout: float = 0.5,
    l2: float = 5e-4,
    use_bias: bool = False,
    batch_norm: bool = False,
    name: str = "gcn",
) -> keras.Model:
    """Build the graph convolutional network of Kipf and Welling: 23,040 parameters on Cora.

    Dropout comes before every convolution, ReLU after every hidden one. The penalty is on the
    first kernel alone and is half the sum of its squares, as in the code of the authors.

    Reference: [Kipf and Welling, Semi-supervised classification with graph convolutional networks,
    2017](https://arxiv.org/abs/1609.02907), and its code gcn.

    Args:
        input_shape: `(features,)` of a node.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        hidden: Channels of each hidden convolution.
        dropout: Share of the features that is dropped.
        l2: Factor of the penalty.
        use_bias: Whether the convolutions have biases, as they have in many later
            implementations: 23,063 parameters on Cora.
        batch_norm: Whether batch normalization follows each hidden convolution.
        name: Name of the model.

    Returns:
        A `keras.Model` from a dict of `node_features` `(nodes, features)` and the sparse
        `adjacency` `(nodes, nodes)`, as `normalize_adjacency` gives it, to logits
        `(nodes, num_classes)`.

    Raises:
        ValueError: If `input_shape` is not one number, or `num_classes` is below 1.
    """
    check_features("a graph convolutional network", input_shape)
    check_positive(num_classes=num_classes)
    features = keras.Input(input_shape, name="node_features")
    adjacency = keras.Input((None,), sparse=True, name="adjacency")
    x = features
    for level, channels in enumerate((*hidden, num_classes)):
        last = level == len(hidden)
        x = layers.Dropout(dropout, name=f"dropout{level}")(x)
        x = GraphConvolution(
            channels,
            use_bias=use_bias,
            kernel_regularizer=None if level else keras.regularizers.L2(l2 / 2),
            name="logits" if last else f"convolution{level}",
        )([x, adjacency])
        if not last:
            if batch_norm:
                x = layers.BatchNormalization(name=f"convolution{level}_norm")(x)
            x = layers.ReLU(name=f"relu{level}")(x)
    inputs = {"node_features": features, "adjacency": adjacency}
    return keras.Model(inputs, x, name=name)
