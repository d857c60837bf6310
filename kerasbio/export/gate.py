"""What a SavedModel must keep to before it may be served."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kerasbio.errors import KerasbioError

DTYPES = (tf.float32, tf.int32, tf.int64, tf.string)
#: Operations that need Python, XLA, a GPU or other workers, where a stock server has none.
REFUSED = re.compile(
    r"^(Eager)?PyFunc(Stateless)?$|^Xla|^Cudnn|^Collective|^Nccl|^_?Send$|^_?Recv$|^_Xla"
)
#: In a signature these would let a request change the model that answers the next one.
CHANGING = re.compile(r"^Assign|^Resource(Scatter|Apply)|^Scatter(?!Nd$)")
CHILD = Path(__file__).with_name("gate_child.py")


def check_files(path: Path, batched: dict[str, bool]) -> None:
    """Check signatures, operations and devices of a SavedModel, all its functions included.

    Args:
        path: Directory of the SavedModel.
        batched: For each signature, whether its outputs must have a batch dimension.

    Raises:
        KerasbioError: Names the first rule that is broken, and where.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    if "serve" not in graph.meta_info_def.tags or "serving_default" not in graph.signature_def:
        raise _broken("tag serve and signature serving_default", "one is missing")
    for name, needs_batch in batched.items():
        definition = graph.signature_def[name]
        for kind, tensors in (("input", definition.inputs), ("output", definition.outputs)):
            for key, tensor in tensors.items():
                dtype = tf.dtypes.as_dtype(tensor.dtype)
                if dtype not in DTYPES:
                    raise _broken(
                        "float32, int32, int64 or string", f"{kind} {key} is {dtype.name}"
                    )
                sizes = [d.size for d in tensor.tensor_shape.dim]
                unknown = tensor.tensor_shape.unknown_rank
                if needs_batch and kind == "output" and (unknown or sizes[:1] != [-1]):
                    shape = "of unknown rank" if unknown else sizes
                    raise _broken("a batch dimension", f"output {key} of {name} is {shape}")
    for name in batched:
        for where, node in _reached(graph, name):
            if CHANGING.match(node.op):
                raise _broken("signatures that change nothing", f"{node.op} in {where}")
    nodes = [("the graph", node) for node in graph.graph_def.node]
    for function in graph.graph_def.library.function:
        nodes += [(function.signature.name, node) for node in function.node_def]
        if function.attr["_XlaMustCompile"].b:
            raise _broken("no _XlaMustCompile", f"function {function.signature.name} has it")
    for where, node in nodes:
        if REFUSED.match(node.op):
            raise _broken("operations of a stock server", f"{node.op} in {where}")
        if node.attr["_XlaMustCompile"].b:
            raise _broken("no _XlaMustCompile", f"{node.op} in {where} has it")
        if "/job:" in node.device or "/task:" in node.device:
            raise _broken("no absolute device", f"{node.name} in {where} is on {node.device}")


def _reached(graph: Any, signature: str) -> Iterator[tuple[str, Any]]:
    """Give all nodes that a signature's outputs depend on, those in its functions among them."""
    functions = {f.signature.name: f for f in graph.graph_def.library.function}
    nodes = {node.name: node for node in graph.graph_def.node}
    outputs = graph.signature_def[signature].outputs.values()
    waiting = [tensor.name.split(":")[0] for tensor in outputs]
    seen, called = set(waiting), set[str]()
    while waiting:
        node = nodes[waiting.pop()]
        yield "the graph", node
        inputs = {name.lstrip("^").split(":")[0] for name in node.input} - seen
        seen |= inputs
        waiting += inputs
        names = _called(node)
        while names:
            name = names.pop()
            if name in called or name not in functions:
                continue
            called.add(name)
            for inner in functions[name].node_def:
                yield name, inner
                names += _called(inner)


def _called(node: Any) -> list[str]:
    """Return the names of the functions among a node's attributes."""
    values = list(node.attr.values())
    functions = [each for value in values for each in (value.func, *value.list.func)]
    return [function.name for function in functions if function.name]


def check_in_fresh_process(
    path: Path,
    examples: dict[str, np.ndarray],
    expected: dict[str, dict[str, np.ndarray]],
    batched: dict[str, bool],
    rounding: dict[str, dict[str, np.ndarray]],
) -> None:
    """Load a SavedModel as TensorFlow Serving would, without Keras, and compare its answers.

    Args:
        path: Directory of the SavedModel.
        examples: Inputs by name.
        expected: What each signature must answer, within 1e-5 of its largest number.
        batched: For each signature, whether the first example alone must be answered as among
            the others.
        rounding: What each signature answers here where inputs are rounded otherwise; where that
            differs more from `expected`, by up to 1e-3, so may the answer.

    Raises:
        KerasbioError: If it does not load or answers otherwise.
    """
    with tempfile.TemporaryDirectory() as folder:
        arrays = {f"in/{key}": value for key, value in examples.items()}
        for kind, answers in (("out", expected), ("rounded", rounding)):
            for name, outputs in answers.items():
                arrays.update({f"{kind}/{name}/{key}": value for key, value in outputs.items()})
        arrays.update({f"batched/{name}": np.array(value) for name, value in batched.items()})
        plain: dict[str, Any] = {key: _plain(value) for key, value in arrays.items()}
        np.savez(Path(folder) / "examples.npz", **plain)
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        child = subprocess.run(
            [sys.executable, "-P", str(CHILD), str(path), str(Path(folder) / "examples.npz")],
            capture_output=True,
            text=True,
            env=environment,
        )
    if child.returncode:
        lines = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
        raise _broken("loads and answers alike without Keras", lines[-1])


def _plain(value: np.ndarray) -> np.ndarray:
    return value.astype(np.bytes_) if value.dtype == object else value


def _broken(rule: str, found: str) -> KerasbioError:
    return KerasbioError(f"the export gate asks for {rule}: {found}; nothing was published")
