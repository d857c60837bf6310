"""Gradient clipping that any compiled model can switch on, change and switch off."""

import keras
import tensorflow as tf

from kerasbio.callbacks.hook import Stage, attach

MODES = ("norm", "variable_norm", "value")


class ClippingStage(Stage):
    """Clips gradients to limits that may change between steps."""

    order = 2

    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.mode = tf.Variable(-1, trainable=False, name="clipping_mode")
        self.limit = tf.Variable(0.0, trainable=False, name="clipping_limit")

    def __call__(self, gradients, variables):
        branches = [
            lambda: tf.clip_by_global_norm(gradients, self.limit)[0],
            lambda: [tf.clip_by_norm(g, self.limit) for g in gradients],
            lambda: [tf.clip_by_value(g, -self.limit, self.limit) for g in gradients],
            lambda: [tf.identity(g) for g in gradients],
        ]
        off = len(MODES)
        mode = tf.where(self.mode < 0, off, self.mode)
        return tf.switch_case(mode, branches)

    def rest(self):
        self.mode.assign(-1)


class GradientClipping(keras.callbacks.Callback):
    """Limit the gradients of every optimizer of a model, inside the graph.

    Acts from the next step of any `fit`, the second as the first, and ends with the `fit`, even
    with one that was broken off. Give exactly one limit.

    Reference: [Pascanu et al., On the difficulty of training recurrent neural networks,
    2013](https://arxiv.org/abs/1211.5063), for the global norm.

    Args:
        norm: Largest L2 norm of all gradients of an optimizer together.
        variable_norm: Largest L2 norm of each variable's gradient.
        value: Largest absolute value of each element.

    Raises:
        ValueError: If not exactly one limit is given, or it is not above 0.
    """

    def __init__(
        self,
        *,
        norm: float | None = None,
        variable_norm: float | None = None,
        value: float | None = None,
    ):
        super().__init__()
        limits = {"norm": norm, "variable_norm": variable_norm, "value": value}
        given = {name: limit for name, limit in limits.items() if limit is not None}
        if len(given) != 1 or not min(given.values()) > 0:
            raise ValueError(
                "give exactly one of norm, variable_norm and value, above 0. "
                f"Received: norm={norm}, variable_norm={variable_norm}, value={value}"
            )
        ((self.mode, self.limit),) = given.items()

    def on_train_begin(self, logs=None):
        for stage in attach(self.model, ClippingStage).values():
            stage.mode.assign(MODES.index(self.mode))
            stage.limit.assign(self.limit)

    def on_train_end(self, logs=None):
        for stage in attach(self.model, ClippingStage).values():
            stage.rest()
