"""From the raw numbers and texts of a table to what a network sees."""

import dataclasses
from typing import Any

import keras
import numpy as np

from kerasbio.datasets.cells import MISSING
from kerasbio.datasets.table_encoding import BEND, LARGEST, TableEncoding


@keras.saving.register_keras_serializable(package="kerasbio")
class PrepareTable(keras.layers.Layer):
    """Impute, scale and encode the raw columns of a table inside a graph.

    TensorFlow alone: no other backend of Keras knows texts.

    Args:
        encoding: The `TableEncoding`, or a dict of its attributes.

    Shapes: numbers `(batch, numeric columns)` float32, nan where missing, and texts `(batch,
    categorical columns)`, empty where missing, to features `(batch, width)` float32.
    """

    def __init__(self, encoding: TableEncoding | dict[str, Any], **kwargs: Any):
        super().__init__(**kwargs)
        self.encoding = TableEncoding(**encoding) if isinstance(encoding, dict) else encoding

    def call(self, numbers, texts):
        import tensorflow as tf

        encoding = self.encoding
        median, gain = tf.constant(encoding.median), tf.constant(encoding.gain)
        missing = ~tf.math.is_finite(numbers)
        scaled = (tf.where(missing, median, numbers) - median) * gain
        scaled = tf.clip_by_value(scaled, -LARGEST, LARGEST)
        parts = [scaled / tf.sqrt(1 + tf.square(scaled / BEND))]
        texts = tf.strings.strip(texts)
        absent = tf.reduce_any(texts[..., None] == tf.constant(sorted(MISSING)), axis=-1)
        for column, known in enumerate(encoding.values):
            found = texts[:, column, None] == tf.constant(known, tf.string)
            parts.append(tf.cast(found, tf.float32))
            if encoding.others[column]:
                other = ~tf.reduce_any(found, axis=1) & ~absent[:, column]
                parts.append(tf.cast(other[:, None], tf.float32))
        lacking = np.flatnonzero(encoding.lacking)
        missing = tf.concat([missing, absent], axis=1)
        parts.append(tf.cast(tf.gather(missing, lacking, axis=1), tf.float32))
        return tf.concat(parts, axis=1)

    def compute_output_shape(self, numbers_shape, texts_shape):
        return (numbers_shape[0], self.encoding.width)

    def get_config(self):
        return {**super().get_config(), "encoding": dataclasses.asdict(self.encoding)}
