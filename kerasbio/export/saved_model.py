"""Write a SavedModel, put it through the gate, and make it appear as the next version."""

import contextlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasbio.errors import KerasbioError
from kerasbio.export.gate import check_files, check_in_fresh_process
from kerasbio.export.warmup import write_warmup
from kerasbio.inference.folding import fold_batch_normalization
from kerasbio.serving.versions import DESCRIPTION, next_version
from kerasbio.training.files import flush_directory

STAGING = ".staging-"
STALE_AFTER = 24 * 3600


class Signature(NamedTuple):
    """One way to call an exported model.

    Attributes:
        function: From tensors by keyword to a dict of tensors.
        inputs: Shape and type of each input.
        batched: Whether dimension 0 of every output counts cases; graph signatures, which are
            called in column format only, have no such dimension.
    """

    function: Callable[..., dict[str, Any]]
    inputs: dict[str, tf.TensorSpec]
    batched: bool = True


def export_model(
    model: keras.Model,
    directory: Path | str,
    signatures: dict[str, Signature],
    examples: dict[str, np.ndarray],
    metadata: Mapping[str, Any] | None = None,
    resources: Sequence[Any] = (),
) -> Path:
    """Export a model as the next version in a directory, if it passes the gate.

    Args:
        model: The model whose variables the signatures use.
        directory: Where versions lie: `directory/1`, `directory/2`, ...
        signatures: The ways to call it; `serving_default` is one.
        examples: Inputs by name for which every signature must answer, in a fresh process
            without Keras, what it answers here; also the warm-up requests.
        metadata: What `kerasbio.json` says beside versions and inputs.
        resources: What else the signatures use and TensorFlow must track: variables of a
            preparation, lookup tables.

    Returns:
        The directory of the new version.

    Raises:
        KerasbioError: If a rule of the gate is broken, or the disk refuses; nothing is published
            and nothing that was there is touched.
    """
    directory = Path(directory)
    staging = None
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _sweep(directory)
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=directory))
        # A temporary directory is for its owner alone; a server runs as another user.
        staging.chmod(0o755)
        expected, rounding = _write(model, staging, signatures, examples, resources)
        described = staging / DESCRIPTION
        described.parent.mkdir()
        described.write_text(json.dumps(_describe(signatures, metadata or {}), indent=2))
        write_warmup(described.parent, directory.name, signatures, examples)
        batched = {name: signature.batched for name, signature in signatures.items()}
        check_files(staging, batched)
        check_in_fresh_process(staging, examples, expected, batched, rounding)
        return _publish(staging, directory)
    except (OSError, tf.errors.OpError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise KerasbioError(
            f"cannot export to {directory} ({reason[:200]}): nothing was published; "
            "free some space or choose another --output"
        ) from error
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


def _sweep(directory: Path) -> None:
    """Remove what a killed export has left behind."""
    for path in directory.glob(STAGING + "*"):
        # Another process may be sweeping too.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > STALE_AFTER:
                shutil.rmtree(path, ignore_errors=True)


def export_classifier(
    model: keras.Model,
    directory: Path | str,
    *,
    prepare: keras.layers.Layer | None,
    classes: Sequence[str],
    examples: np.ndarray,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Export a classifier that answers `probabilities` to raw inputs, and `logits` on request.

    Args:
        model: From one input to logits `(batch, classes)`, or `(batch, 1)` for one sigmoid.
        directory: Where versions lie.
        prepare: Layer from raw inputs of any size to the model's input; None where they are one.
        classes: Names of the classes.
        examples: `(examples, ...)` raw inputs of one size.
        metadata: What else `kerasbio.json` says.

    Returns:
        The directory of the new version.

    Raises:
        KerasbioError: As `export_model`.
    """
    (tensor,) = model.inputs
    shape = (
        tensor.shape if prepare is None else (None,) * (len(tensor.shape) - 1) + tensor.shape[-1:]
    )
    dtype = tf.as_dtype(tensor.dtype if prepare is None else "float32")
    spec = {tensor.name: tf.TensorSpec(shape, dtype, name=tensor.name)}
    examples = np.asarray(examples, dtype.as_numpy_dtype)
    network = fold_alike(model, examples if prepare is None else prepare(examples))

    def head(inputs: Mapping[str, Any]) -> Any:
        x = inputs[tensor.name]
        return network(x if prepare is None else prepare(x), training=False)

    return export_model(
        network,
        directory,
        {name: Signature(answer, spec) for name, answer in classifier_answers(head).items()},
        {tensor.name: examples},
        {**(metadata or {}), "classes": list(classes)},
        [] if prepare is None else [variable.value for variable in prepare.variables],
    )


#: Functions of inputs by keyword to a dict of outputs, by signature.
Answers = dict[str, Callable[..., dict[str, Any]]]


def classifier_answers(head: Callable[[Mapping[str, Any]], Any]) -> Answers:
    """Return what a classifier answers: `probabilities` by default, `logits` on request.

    Args:
        head: From inputs by name to logits `(batch, classes)`, or `(batch, 1)` for one sigmoid.
    """

    def logits(**inputs: Any) -> dict[str, Any]:
        return {"logits": tf.cast(head(inputs), tf.float32)}

    def probabilities(**inputs: Any) -> dict[str, Any]:
        raw = logits(**inputs)["logits"]
        return {"probabilities": tf.sigmoid(raw) if raw.shape[-1] == 1 else tf.nn.softmax(raw)}

    return {"serving_default": probabilities, "logits": logits}


def fold_alike(model: keras.Model, inputs: Any) -> keras.Model:
    """Return a network with its batch normalization folded, if it answers examples as before.

    Args:
        model: A network of one output.
        inputs: What it takes, for a few examples.

    Returns:
        The folded network; the model itself where a layer keeps what its configuration and its
        weights do not tell.
    """
    folded = fold_batch_normalization(model)
    if folded is model:
        return model
    expected = np.asarray(model(inputs, training=False))
    try:
        found = np.asarray(folded(inputs, training=False))
    except (TypeError, ValueError, tf.errors.OpError):
        return model
    # Many times what rounding does to a deep network, and far from what another state would do.
    close = 1e-3 * np.max(np.abs(expected), initial=1.0, where=np.isfinite(expected))
    alike = np.allclose(found, expected, rtol=0, atol=close, equal_nan=True)
    return folded if alike else model


def _write(
    model: keras.Model,
    path: Path,
    signatures: dict[str, Signature],
    examples: dict[str, np.ndarray],
    resources: Sequence[Any],
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, np.ndarray]]]:
    """Write the SavedModel.

    Returns:
        What each signature answers to the examples, eagerly, and to the same examples with the
        last bit of each number changed: a deep network cannot be compared more closely. What
        differs between two calls of its own is not in the latter.
    """
    functions: dict[str, Any] = {}
    expected: dict[str, dict[str, np.ndarray]] = {}
    rounding: dict[str, dict[str, np.ndarray]] = {}
    for name, signature in signatures.items():
        given = {key: examples[key] for key in signature.inputs}
        expected[name] = _answer(signature, given)
        again = _answer(signature, given)
        steady = [k for k, v in expected[name].items() if v.tobytes() == again[k].tobytes()]
        # A signature may refuse other inputs than the examples.
        with contextlib.suppress(ValueError, tf.errors.OpError):
            rounded = _answer(signature, {k: _round_otherwise(v) for k, v in given.items()})
            rounding[name] = {key: rounded[key] for key in steady}
        traced = tf.function(signature.function).get_concrete_function(**signature.inputs)
        functions[name] = traced
    holder = tf.Module()
    # The variables alone: a Keras object would bring traces, names and losses of its own.
    holder.state = [variable.value for variable in model.variables]
    holder.resources = list(resources)
    tf.saved_model.save(holder, str(path), signatures=functions)
    return expected, rounding


def _answer(signature: Signature, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    found = signature.function(**{key: tf.constant(value) for key, value in given.items()})
    return {key: value.numpy() for key, value in found.items()}


def _round_otherwise(values: np.ndarray) -> np.ndarray:
    """Return numbers of which each is the next one up or down."""
    values = np.asarray(values)
    if values.dtype.kind != "f":
        return values
    ends = np.array([-np.inf, np.inf], values.dtype)
    return np.nextafter(values, np.random.default_rng(0).choice(ends, values.shape))


def _describe(signatures: dict[str, Signature], metadata: Mapping[str, Any]) -> dict[str, Any]:
    inputs = {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in signatures["serving_default"].inputs.items()
    }
    versions = {name: importlib.metadata.version(name) for name in ("kerasbio", "tensorflow")}
    return {**metadata, "inputs": inputs, **versions}


def _publish(staging: Path, directory: Path) -> Path:
    for path in sorted(staging.rglob("*")):
        if path.is_dir():
            flush_directory(path)
        else:
            with open(path, "rb") as file:
                os.fsync(file.fileno())
    flush_directory(staging)
    while True:
        target = next_version(directory)
        try:
            # Fails where another export has just taken the number: its folder is not empty.
            os.rename(staging, target)
        except OSError:
            if target.exists():
                continue
            raise
        flush_directory(directory)
        return target
