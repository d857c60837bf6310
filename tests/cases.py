"""One row per builder: what it is called with in the tests, and what it must give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasbio.export import (
    export_classifier,
    export_generator,
    export_model,
    export_node_classifier,
    export_policy,
    export_regressor,
    export_segmenter,
)
from kerasbio.export.saved_model import Signature
from kerasbio.layers.adjacency import normalize_adjacency
from kerasbio.layers.prepare_scans import PrepareScans
from kerasbio.models.agent import build_q_network
from kerasbio.models.cnn import (
    build_alexnet,
    build_alexnet_single_tower,
    build_lenet5,
    build_lenet5_1998,
    build_resnet,
    build_vgg,
)
from kerasbio.models.gan import build_dcgan_discriminator, build_dcgan_generator
from kerasbio.models.graph import build_gcn
from kerasbio.models.perceptron import build_mlp, build_perceptron
from kerasbio.models.unet import (
    build_attention_unet,
    build_equal_resolution_attention_unet,
    build_nested_unet,
    build_unet,
    build_unet_3d,
)

#: Cases in a batch; of a graph these are its nodes.
COUNT = 3
EDGES = np.array([[0, 1], [1, 2]])


def as_classifier(model: keras.Model, path: Path) -> Path:
    """Export as a classifier of what the model itself takes."""
    classes = [str(k) for k in range(model.output_shape[-1])]
    return export_classifier(
        model, path, prepare=None, classes=classes, examples=_examples(model), metadata={}
    )


def as_function(model: keras.Model, path: Path) -> Path:
    """Export as what it is: from images to its output."""
    (tensor,) = model.inputs
    inputs = {tensor.name: tf.TensorSpec(tensor.shape, tf.float32, name=tensor.name)}
    answer = Signature(lambda **given: {"output": model(given[tensor.name])}, inputs)
    return export_model(model, path, {"serving_default": answer}, {tensor.name: _examples(model)})


def as_generator(model: keras.Model, path: Path) -> Path:
    """Export as a generator."""
    return export_generator(model, path, examples=_examples(model))


def as_node_classifier(model: keras.Model, path: Path) -> Path:
    """Export as a classifier of the nodes of a graph."""
    size = next(i.shape[-1] for i in model.inputs if i.name == "node_features")
    graph = {
        "node_features": np.random.default_rng(0).normal(size=(COUNT, size)).astype(np.float32),
        "edges": EDGES,
        "weights": np.array([1.0, 2.0], np.float32),
    }
    classes = [str(k) for k in range(model.output_shape[-1])]
    scale = (np.full(size, 0.5), np.full(size, 2.0))
    return export_node_classifier(model, path, classes=classes, examples=graph, scale=scale)


def as_regressor(model: keras.Model, path: Path) -> Path:
    """Export as a model of values."""
    return export_regressor(model, path, examples=_examples(model))


def as_segmenter(model: keras.Model, path: Path) -> Path:
    """Export as a segmenter of scans of any size, which the layers of padded networks take."""
    (tensor,) = model.inputs
    free = keras.Input((*(None for _ in tensor.shape[1:-1]), tensor.shape[-1]), name=tensor.name)
    return export_segmenter(
        keras.models.clone_model(model, free),
        path,
        prepare=PrepareScans(),
        classes=[str(k) for k in range(max(2, model.output_shape[-1]))],
        examples=_examples(model),
    )


def as_policy(model: keras.Model, path: Path) -> Path:
    """Export as a policy."""
    actions = [f"action {k}" for k in range(model.output_shape[-1])]
    return export_policy(model, path, actions=actions, scale=0.01, examples=_examples(model))


def _examples(model: keras.Model) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype(np.float32)


def inputs_of(model: keras.Model) -> Any:
    """Return random inputs of three cases, as the model takes them."""
    random = np.random.default_rng(0)
    inputs = {}
    for tensor in model.inputs:
        if tensor.sparse:
            inputs[tensor.name] = normalize_adjacency(tf.constant(EDGES), tf.ones(2), COUNT)
        else:
            value = random.normal(size=(COUNT, *tensor.shape[1:]))
            inputs[tensor.name] = tf.constant(value, tf.float32)
    return inputs if len(inputs) > 1 else next(iter(inputs.values()))


class BuilderCase(NamedTuple):
    """A builder with small arguments.

    Attributes:
        build: The builder.
        arguments: Positional arguments; all sizes differ, to catch swapped axes.
        keywords: Keyword arguments.
        output_shape: Shape of the output without the batch.
        rejected: `(arguments, words of the error)` that the builder refuses.
        export: How its SavedModel is written.
    """

    build: Callable[..., keras.Model]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    output_shape: tuple[int | None, ...]
    rejected: tuple[tuple[tuple[Any, ...], str], ...] = ()
    export: Callable[[keras.Model, Path], Path] = as_classifier


CASES = {
    "perceptron": BuilderCase(
        build_perceptron,
        ((4,),),
        {},
        (1,),
        ((((4, 5),), r"Received: input_shape=\(4, 5\)"),),
        as_regressor,
    ),
    "mlp": BuilderCase(
        build_mlp,
        ((5,), 3),
        {"width": 7, "dropout": 0.1},
        (3,),
        (
            (((None,), 3), r"Received: input_shape=\(None,\)"),
            (((5,), 0), "Received: num_outputs=0"),
        ),
    ),
    "mlp_deep": BuilderCase(
        build_mlp,
        ((5,), 2),
        {"width": 6, "depth": 4, "activation": "tanh", "batch_norm": True, "residual": True},
        (2,),
        (),
        as_regressor,
    ),
    "lenet5": BuilderCase(
        build_lenet5,
        ((33, 37, 2), 3),
        {},
        (3,),
        (
            (((31, 40, 1), 3), r"at least 32 x 32 pixels. Received: input_shape=\(31, 40, 1\)"),
            (((32, 32), 3), r"Received: input_shape=\(32, 32\)"),
            (((None, 32, 1), 3), "Received: input_shape"),
            (((32, 32, 1), 0), "Received: num_classes=0"),
        ),
    ),
    "lenet5_batch_norm": BuilderCase(
        build_lenet5, ((32, 34, 1), 1), {"batch_norm": True, "activation": "relu"}, (1,)
    ),
    "lenet5_1998": BuilderCase(
        build_lenet5_1998,
        ((33, 37, 2), 10),
        {},
        (10,),
        (
            (((32, 32, 1), 3), "Received: num_classes=3"),
            (((32, 31, 1), 10), r"at least 32 x 32 pixels. Received: input_shape=\(32, 31, 1\)"),
        ),
        as_function,
    ),
    "lenet5_1998_batch_norm": BuilderCase(
        build_lenet5_1998, ((32, 32, 1), 10), {"batch_norm": True}, (10,), (), as_function
    ),
    "alexnet": BuilderCase(
        build_alexnet,
        ((67, 76, 2), 3),
        {"filters": (4, 6, 8, 10, 12), "units": 9},
        (3,),
        (
            (((66, 67, 3), 2), r"at least 67 x 67 pixels. Received: input_shape=\(66, 67, 3\)"),
            (((None, 227, 3), 2), "Received: input_shape"),
            (((227, 227), 2), "Received: input_shape"),
            (((227, 227, 3), 0), "Received: num_classes=0"),
        ),
    ),
    "alexnet_batch_norm": BuilderCase(
        build_alexnet,
        ((67, 68, 1), 1),
        {"filters": (4, 6, 8, 10, 12), "units": 9, "groups": 1, "batch_norm": True},
        (1,),
    ),
    "alexnet_single_tower": BuilderCase(
        build_alexnet_single_tower,
        ((63, 64, 1), 2),
        {"filters": (4, 5, 6, 7, 8), "units": 9},
        (2,),
        (
            (((62, 64, 1), 2), r"at least 63 x 63 pixels. Received: input_shape=\(62, 64, 1\)"),
            (((64, 64, 1), 0), "Received: num_classes=0"),
        ),
    ),
    "vgg11": BuilderCase(
        build_vgg,
        ((32, 69, 2), 3),
        {"depth": 11, "filters": (3, 4, 5, 6, 7), "units": 9},
        (3,),
        (
            (((31, 32, 1), 2), r"at least 32 x 32 pixels. Received: input_shape=\(31, 32, 1\)"),
            (((None, None, 1), 2), r"Received: input_shape=\(None, None, 1\)"),
            (((32, 32, 1), 0), "Received: num_classes=0"),
        ),
    ),
    "vgg16_batch_norm": BuilderCase(
        build_vgg,
        ((33, 32, 1), 2),
        {"filters": (3, 4, 5, 6, 7), "head": "pool", "batch_norm": True, "dropout": 0.0},
        (2,),
    ),
    "vgg13_features": BuilderCase(
        build_vgg,
        ((34, 65, 1), None),
        {"depth": 13, "filters": (3, 4, 5, 6, 7)},
        (1, 2, 7),
        (),
        as_function,
    ),
    "resnet18": BuilderCase(
        build_resnet,
        ((33, 38, 2), 3),
        {"depth": 18, "filters": (3, 4, 5, 6)},
        (3,),
        (
            (((32, 32), 2), r"Received: input_shape=\(32, 32\)"),
            (((32, 32, None), 2), r"Received: input_shape=\(32, 32, None\)"),
            (((0, 32, 1), 2), r"Received: input_shape=\(0, 32, 1\)"),
            (((32, 32, 1), 0), "Received: num_classes=0"),
        ),
    ),
    "resnet50": BuilderCase(
        build_resnet,
        ((17, 18, 1), 2),
        {"stem": "3x3", "version": "v1.5", "filters": (3, 4, 5, 6)},
        (2,),
    ),
    "resnet18_3d": BuilderCase(
        build_resnet,
        ((17, 19, 22, 1), 2),
        {"depth": 18, "filters": (2, 3, 4, 5), "batch_norm": False},
        (2,),
    ),
    "resnet18_3d_features": BuilderCase(
        build_resnet,
        ((9, 10, 17, 1), None),
        {"depth": 18, "filters": (2, 3, 4, 5), "stem": "3x3", "conv_bias": True},
        (2, 2, 3, 5),
        (),
        as_function,
    ),
    "unet": BuilderCase(
        build_unet,
        ((20, 28, 2), 3),
        {"filters": (3, 4)},
        (4, 12, 3),
        (
            (((570, 572, 1), 2), "nearest that fits is 556 or 572; .*Received: input_shape"),
            (((None, 572, 1), 2), r"Received: input_shape=\(None, 572, 1\)"),
            (((572, 572), 2), r"Received: input_shape=\(572, 572\)"),
            (((572, 572, 1), 0), "Received: num_classes=0"),
        ),
        as_function,
    ),
    "unet_same": BuilderCase(
        build_unet,
        ((9, 14, 1), 1),
        {
            "filters": (3, 4, 5),
            "padding": "same",
            "batch_norm": True,
            "upsampling": "resize",
            "residual": True,
        },
        (9, 14, 1),
        (),
        as_segmenter,
    ),
    "unet_3d": BuilderCase(
        build_unet_3d,
        ((7, 10, 13, 2), 3),
        {
            "filters": (4, 6, 8),
            "padding": "same",
            "batch_norm": True,
            "pool_sizes": ((1, 2, 2), 2),
        },
        (7, 10, 13, 3),
        (
            (((132, 132, 130, 3), 2), "axis 2 the nearest that fits is 124 or 132"),
            (((132, 132, 3), 2), r"Received: input_shape=\(132, 132, 3\)"),
            (((132, 132, 132, 3), 0), "Received: num_classes=0"),
        ),
        as_segmenter,
    ),
    "attention_unet": BuilderCase(
        build_attention_unet,
        ((6, 9, 8, 1), 3),
        {"filters": (4, 5, 6), "batch_norm": True},
        (6, 9, 8, 3),
        (
            (((16, 1), 2), r"Received: input_shape=\(16, 1\)"),
            (((16, 16, 1), 0), "Received: num_classes=0"),
        ),
        as_segmenter,
    ),
    "attention_unet_two_gates": BuilderCase(
        build_attention_unet,
        ((9, 12, 1), 1),
        {"filters": (4, 5, 6), "gates": 2, "deep_supervision": False, "batch_norm": False},
        (9, 12, 1),
        (),
        as_segmenter,
    ),
    "equal_resolution_attention_unet": BuilderCase(
        build_equal_resolution_attention_unet,
        ((9, 12, 2), 3),
        {"filters": (4, 6, 8), "batch_norm": True},
        (9, 12, 3),
        (
            (((16, 1), 2), r"Received: input_shape=\(16, 1\)"),
            (((16, 16, 1), 0), "Received: num_classes=0"),
        ),
        as_segmenter,
    ),
    "nested_unet": BuilderCase(
        build_nested_unet,
        ((9, 12, 2), 3),
        {"filters": (3, 4, 5)},
        (9, 12, 3),
        (
            (((16, 1), 2), r"Received: input_shape=\(16, 1\)"),
            (((16, 16, 1), 0), "Received: num_classes=0"),
        ),
        as_segmenter,
    ),
    "dcgan_generator": BuilderCase(
        build_dcgan_generator,
        ((16, 16, 2),),
        {"latent_size": 5, "filters": (4, 3)},
        (16, 16, 2),
        (
            (((48, 48, 1),), r"must be \(64, 64, channels\).*Received: output_shape=\(48, 48, 1\)"),
            (((32, 32, 1),), "3 filters give 32 pixels"),
            (((64, 32, 1),), "Received: output_shape"),
        ),
        as_generator,
    ),
    "dcgan_discriminator": BuilderCase(
        build_dcgan_discriminator,
        ((16, 16, 2),),
        {"filters": (3, 4), "batch_norm": False},
        (1,),
        ((((64, 32, 1),), r"Received: input_shape=\(64, 32, 1\)"), (((64, 64),), "Received")),
    ),
    "gcn": BuilderCase(
        build_gcn,
        ((4,), 3),
        {"hidden": (5,), "dropout": 0.2},
        (3,),
        (
            (((4, 5), 3), r"Received: input_shape=\(4, 5\)"),
            (((4,), 0), "Received: num_classes=0"),
        ),
        as_node_classifier,
    ),
    "gcn_deep": BuilderCase(
        build_gcn, ((4,), 1), {"hidden": (5, 6), "batch_norm": True}, (1,), (), as_node_classifier
    ),
    "q_network": BuilderCase(
        build_q_network,
        ((3,), 5),
        {"hidden": (7, 6)},
        (5,),
        (
            (((3, 2), 5), r"Received: input_shape=\(3, 2\)"),
            (((3,), 0), "Received: num_actions=0"),
        ),
        as_policy,
    ),
}
