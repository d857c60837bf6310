"""Exports of generators, of classifiers of nodes, and of policies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasbio.export.saved_model import Signature, classifier_answers, export_model, fold_alike
from kerasbio.layers.adjacency import normalize_adjacency


def export_regressor(
    model: keras.Model,
    directory: Path | str,
    *,
    examples: np.ndarray,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a model that answers the `value` it gives for `features`.

    Args:
        model: From features `(batch, features)` to values `(batch, values)`.
        directory: Where versions lie.
        examples: `(examples, features)` float32 for the gate.
        metadata: What else `kerasbio.json` says.

    Returns:
        The directory of the new version.

    Raises:
        KerasbioError: As `export_model`.
    """
    return _export_answer(model, directory, "features", "value", examples, metadata)


def export_generator(
    generator: keras.Model,
    directory: Path | str,
    *,
    examples: np.ndarray,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a generator that answers an `image` to a `latent` point.

    Args:
        generator: From latent points `(batch, latent)` to images.
        directory: Where versions lie.
        examples: `(examples, latent)` float32 points for the gate.
        metadata: What else `kerasbio.json` says.

    Returns:
        The directory of the new version.

    Raises:
        KerasbioError: As `export_model`.
    """
    return _export_answer(generator, directory, "latent", "image", examples, metadata)


def export_node_classifier(
    model: keras.Model,
    directory: Path | str,
    *,
    classes: Sequence[str],
    examples: Mapping[str, np.ndarray],
    scale: tuple[np.ndarray, np.ndarray],
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a classifier of the nodes of a graph, which is given by its edges.

    Inputs are `node_features` `(nodes, features)`, raw; `edges` `(edges, 2)` int64, each
    undirected edge once; and `weights` `(edges,)`. The adjacency is normalized inside. A request
    is one graph: it has no batch, so that TensorFlow Serving takes it in column format alone.

    Args:
        model: From a dict of `node_features` and sparse `adjacency` to logits.
        directory: Where versions lie.
        classes: Names of the classes.
        examples: The inputs of a graph by name, for the gate.
        scale: Means and deviations of the features `(features,)`.
        metadata: What else `kerasbio.json` says.

    Returns:
        The directory of the new version.

    Raises:
        KerasbioError: As `export_model`.
    """
    mean, deviation = (tf.constant(value, tf.float32) for value in scale)

    def head(raw):
        features = raw["node_features"]
        adjacency = normalize_adjacency(raw["edges"], raw["weights"], tf.shape(features)[0])
        inputs = {"node_features": (features - mean) / deviation, "adjacency": adjacency}
        return model(inputs, training=False)

    specs = {
        "node_features": tf.TensorSpec((None, len(scale[0])), tf.float32, name="node_features"),
        "edges": tf.TensorSpec((None, 2), tf.int64, name="edges"),
        "weights": tf.TensorSpec((None,), tf.float32, name="weights"),
    }
    signatures = {
        name: Signature(answer, specs, batched=False)
        for name, answer in classifier_answers(head).items()
    }
    described = {**(metadata or {}), "classes": list(classes)}
    return export_model(model, directory, signatures, dict(examples), described)


def export_policy(
    model: keras.Model,
    directory: Path | str,
    *,
    actions: Sequence[str],
    scale: float,
    examples: np.ndarray,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a policy over findings that answers the `action` to take and all `values`.

    Args:
        model: From findings `(batch, tests)`, 0 where a test is not done, to the values of the
            tests and of the other actions.
        directory: Where versions lie.
        actions: Names of the actions: the tests first, each of which is done once at most.
        scale: By what the model's values are larger than rewards.
        examples: `(examples, tests)` float32 findings for the gate.
        metadata: What else `kerasbio.json` says.

    Returns:
        The directory of the new version.

    Raises:
        KerasbioError: As `export_model`.
    """

    def values(findings):
        found = tf.cast(model(findings, training=False), tf.float32)
        return {"logits": found}

    def action(findings):
        found = values(findings)["logits"] / scale
        ends = tf.ones((tf.shape(findings)[0], len(actions) - findings.shape[1]), tf.bool)
        legal = tf.concat([tf.equal(findings, 0), ends], axis=1)
        best = tf.argmax(tf.where(legal, found, found.dtype.min), axis=1)
        return {
            "action": best,
            "name": tf.gather(tf.constant(list(actions)), best),
            "values": found,
        }

    spec = {"findings": tf.TensorSpec((None, examples.shape[-1]), tf.float32, name="findings")}
    signatures = {"serving_default": Signature(action, spec), "logits": Signature(values, spec)}
    described = {**(metadata or {}), "actions": list(actions)}
    return export_model(model, directory, signatures, {"findings": examples}, described)


def _export_answer(
    model: keras.Model,
    directory: Path | str,
    given: str,
    answered: str,
    examples: np.ndarray,
    metadata: Mapping[str, Any] | None,
) -> Path:
    """Export a model of one vector that answers what it gives, under these two names."""
    model = fold_alike(model, examples)

    def answer(**inputs):
        return {answered: tf.cast(model(inputs[given], training=False), tf.float32)}

    spec = tf.TensorSpec((None, examples.shape[-1]), tf.float32, name=given)
    signatures = {"serving_default": Signature(answer, {given: spec})}
    return export_model(model, directory, signatures, {given: examples}, metadata)
