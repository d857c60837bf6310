"""From the raw numbers and texts of a table to what a network sees."""

import dataclasses
from typing import Any

import keras
import numpy as np

from kerasbio.datasets.tables.cells import MISSING
from kerasbio.datasets.tables.encoding import BEND, LARGEST_SCALED, TableEncoding

#: Blanks at either end of a text, those that `str.strip` of Python takes away.
BLANK = r"[\s\x0b\x{1c}-\x{1f}\x{85}\p{Z}]+"
BLANKS = f"^{BLANK}|{BLANK}$"


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
        scaled = tf.clip_by_value(scaled, -LARGEST_SCALED, LARGEST_SCALED)
        parts = [scaled / tf.sqrt(1 + tf.square(scaled / BEND))]
        texts = tf.strings.regex_replace(texts, BLANKS, "")
        absent = tf.reduce_any(texts[..., None] == tf.constant(sorted(MISSING)), axis=-1)
        if encoding.values:
            parts.append(self._categories(texts, absent))
        missing = tf.concat([missing, absent], axis=1)
        lacking = np.flatnonzero(encoding.lacking)
        parts.append(tf.cast(tf.gather(missing, lacking, axis=1), tf.float32))
        return tf.concat(parts, axis=1)

    def _categories(self, texts, absent):
        """Return the features of the categories, of all columns at once."""
        import tensorflow as tf

        encoding = self.encoding
        most = max(len(known) for known in encoding.values)
        # What pads a row stands for a missing value, which no text here is.
        padded = [[*known, *[""] * (most - len(known))] for known in encoding.values]
        found = (texts[..., None] == tf.constant(padded, tf.string, (len(padded), most))) & ~absent[
            ..., None
        ]
        other = ~tf.reduce_any(found, axis=-1) & ~absent
        every = tf.concat([found, other[..., None]], axis=-1)
        columns = enumerate(zip(encoding.values, encoding.others, strict=True))
        places = [
            column * (most + 1) + slot
            for column, (known, other) in columns
            for slot in [*range(len(known)), *[most] * other]
        ]
        flat = tf.reshape(every, (-1, len(padded) * (most + 1)))
        return tf.cast(tf.gather(flat, np.array(places, np.int32), axis=1), tf.float32)

    def compute_output_shape(self, numbers_shape, texts_shape):
        return (numbers_shape[0], self.encoding.width)

    def get_config(self):
        return {**super().get_config(), "encoding": dataclasses.asdict(self.encoding)}
