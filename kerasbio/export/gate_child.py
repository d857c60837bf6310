"""Load a SavedModel as TensorFlow Serving does and compare its answers; run by path.

Usage: gate_child.py SAVED_MODEL EXAMPLES.npz. The last line of standard error says what differs.
"""

import sys

# TensorFlow imports Keras where it can; a server has neither Keras nor us.
for name in ("keras", "tf_keras", "kerasbio"):
    sys.modules[name] = None  # type: ignore[assignment]

import os  # noqa: E402

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

WARMUP = "assets.extra/tf_serving_warmup_requests"


def replay(path, run):
    """Send the warm-up requests first, as a server does: one that fails would bar the model."""
    from tensorflow_serving.apis import prediction_log_pb2

    for record in tf.compat.v1.io.tf_record_iterator(os.path.join(path, WARMUP)):
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        given = {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()}
        run(request.model_spec.signature_name, given)


def check(path, examples):
    """Compare what the export at `path` answers with the outputs among `examples`."""
    given = {k.split("/", 1)[1]: v for k, v in examples.items() if k.startswith("in/")}
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.loader.load(session, ["serve"], path)

        def run(name, inputs):
            signature = graph.signature_def[name]
            feeds = {signature.inputs[key].name: inputs[key] for key in signature.inputs}
            return session.run({k: t.name for k, t in signature.outputs.items()}, feeds)

        if os.path.exists(os.path.join(path, WARMUP)):
            replay(path, run)
        names = {key.split("/")[1] for key in examples if key.startswith("out/")}
        for name in sorted(names):
            for key, found in run(name, given).items():
                wanted = examples[f"out/{name}/{key}"]
                if not same(found, wanted, examples.get(f"rounded/{name}/{key}")):
                    sys.exit(f"output {key} of {name} differs from that of the Keras model")
            if not examples[f"batched/{name}"]:
                continue
            first = {key: value[:1] for key, value in given.items()}
            for key, found in run(name, first).items():
                wanted = examples[f"out/{name}/{key}"]
                rounded = examples.get(f"rounded/{name}/{key}", wanted)
                if not same(found, wanted[:1], rounded[:1]):
                    sys.exit(f"output {key} of {name} depends on the other cases of a batch")


def same(found, wanted, rounded=None):
    """Whether an answer has the shape and, within 1e-5, the values that it should have.

    Where rounding of the inputs changes it more, within four times of that, and 1e-3.
    """
    if found.shape != wanted.shape:
        return False
    if found.dtype.kind in "OS":
        return found.astype(np.bytes_).tolist() == wanted.tolist()
    if found.dtype.kind in "iu":
        # One voxel in ten thousand may lie between two classes.
        return np.count_nonzero(found != wanted) <= 1e-4 * wanted.size
    # The rounding of a sum is in proportion to what is summed, not to what is left of it.
    largest = np.max(np.abs(wanted), initial=1.0, where=np.isfinite(wanted))
    closest = 1e-5
    if rounded is not None and rounded.shape == wanted.shape:
        with np.errstate(invalid="ignore"):
            change = np.abs(rounded - wanted)
        change = np.max(change, initial=0.0, where=np.isfinite(change))
        closest = np.clip(4 * change / largest, closest, 1e-3)
    return np.allclose(found, wanted, rtol=0, atol=closest * largest, equal_nan=True)


if __name__ == "__main__":
    with np.load(sys.argv[2], allow_pickle=False) as archive:
        check(sys.argv[1], dict(archive))
