"""Requests that a server replays before a version goes live."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

WARMUP = "tf_serving_warmup_requests"


def write_warmup(
    extra: Path, name: str, signatures: dict[str, Any], examples: dict[str, np.ndarray]
) -> bool:
    """Write one request per signature, with the first example.

    Args:
        extra: The `assets.extra` directory of a SavedModel.
        name: Name under which the model is served.
        signatures: Signatures by name, each with its `inputs` and `batched`.
        examples: Inputs by name.

    Returns:
        Whether it was written: the extra `serve` brings the format.
    """
    if importlib.util.find_spec("tensorflow_serving") is None:
        return False
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    with tf.io.TFRecordWriter(str(extra / WARMUP)) as writer:
        for signature_name, signature in signatures.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = name
            request.model_spec.signature_name = signature_name
            for key in signature.inputs:
                value = examples[key][:1] if signature.batched else examples[key]
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictLog(request=request)
            record = prediction_log_pb2.PredictionLog(predict_log=log)
            writer.write(record.SerializeToString())
    return True
