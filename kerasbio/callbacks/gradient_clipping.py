"""Gradient clipping that any compiled model can switch on, change and switch off."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from kerasbio.callbacks.hook import OptimizerHook, Stage, attach

MODES = ("norm", "variable_norm", "value", "adaptive")
#: Steps whose norms an adaptive limit is a percentile of.
HISTORY = 1000
SMALLEST = 1e-30


class ClippingStage(Stage):
    """Clips gradients to limits that may change between steps."""

    order = 2

    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.mode = tf.Variable(-1, trainable=False, name="clipping_mode")
        self.limit = tf.Variable(0.0, trainable=False, name="clipping_limit")
        self.seen = tf.Variable(0, trainable=False, dtype=tf.int64, name="clipping_seen")
        norms = tf.fill([HISTORY], float("inf"))
        self.norms = tf.Variable(norms, trainable=False, name="clipping_norms")

    def __call__(self, gradients, variables):
        branches = [
            lambda: tf.clip_by_global_norm(gradients, self.limit)[0],
            lambda: [tf.clip_by_norm(g, self.limit) for g in gradients],
            lambda: [tf.clip_by_value(g, -self.limit, self.limit) for g in gradients],
            lambda: tf.clip_by_global_norm(gradients, self._percentile(gradients))[0],
            lambda: [tf.identity(g) for g in gradients],
        ]
        off = len(MODES)
        mode = tf.where(self.mode < 0, off, self.mode)
        return tf.switch_case(mode, branches)

    def _percentile(self, gradients):
        """Remember the norm of this step and return the percentile of those remembered."""
        norm = tf.cast(tf.linalg.global_norm(gradients), tf.float32)
        known = tf.cast(tf.math.is_finite(norm), tf.int64)
        place = self.seen % HISTORY
        kept = tf.where(known > 0, norm, self.norms[place])
        norms = self.norms.assign(tf.tensor_scatter_nd_update(self.norms, [[place]], [kept]))
        count = tf.minimum(self.seen.assign_add(known), HISTORY)
        ranked = tf.sort(norms)
        rank = self.limit / 100 * tf.cast(count - 1, tf.float32)
        below = tf.cast(tf.maximum(rank, 0.0), tf.int64)
        low = ranked[below]
        high = ranked[tf.minimum(below + 1, tf.maximum(count - 1, 0))]
        # Nothing is clipped before the first finite norm.
        between = low + (high - low) * (rank - tf.cast(below, tf.float32))
        # A percentile of 0, as of batches that are masked altogether, would divide by 0.
        return tf.where(count > 0, tf.maximum(between, SMALLEST), float("inf"))

    def remembered(self) -> np.ndarray:
        """Return the norms `(steps,)` that the percentile is of, the oldest first."""
        norms, seen = self.norms.numpy(), int(self.seen)
        return norms[:seen] if seen <= HISTORY else np.roll(norms, -(seen % HISTORY))

    def remember(self, norms: Sequence[float]) -> None:
        """Go on from norms that `remembered` returned."""
        empty = np.full(HISTORY - len(norms), np.inf)
        self.norms.assign(np.concatenate([norms, empty]).astype(np.float32))
        self.seen.assign(len(norms))

    def rest(self):
        self.mode.assign(-1)


def is_clipping(hook: OptimizerHook) -> bool:
    """Return whether the gradients of an optimizer are being clipped."""
    stage = hook.stages.get(ClippingStage)
    return isinstance(stage, ClippingStage) and int(stage.mode) >= 0


class GradientClipping(keras.callbacks.Callback):
    """Limit the gradients of every optimizer of a model, inside the graph.

    Acts from the next step of any `fit`, the second as the first, and ends with the `fit`, even
    with one that was broken off. Give exactly one limit.

    Reference: [Pascanu et al., On the difficulty of training recurrent neural networks,
    2013](https://arxiv.org/abs/1211.5063), for the global norm; [Seetharaman et al., AutoClip,
    2020](https://arxiv.org/abs/2007.14469), for the adaptive limit.

    Args:
        norm: Largest L2 norm of all gradients of an optimizer together.
        variable_norm: Largest L2 norm of each variable's gradient.
        value: Largest absolute value of each element.
        adaptive: Percentile, up to 100, of the global norms of the last 1,000 steps, this one
            among them, that the global norm is limited to: no scale need be known beforehand,
            but the norm of the first step is taken as it comes.

    Raises:
        ValueError: If not exactly one limit is given, it is not above 0, or a percentile is
            above 100.
    """

    def __init__(
        self,
        *,
        norm: float | None = None,
        variable_norm: float | None = None,
        value: float | None = None,
        adaptive: float | None = None,
    ):
        super().__init__()
        limits = dict(zip(MODES, (norm, variable_norm, value, adaptive), strict=True))
        given = {name: limit for name, limit in limits.items() if limit is not None}
        if len(given) != 1 or not 0 < min(given.values()) < float("inf"):
            received = ", ".join(f"{name}={limit}" for name, limit in limits.items())
            raise ValueError(
                f"give exactly one of {', '.join(MODES)}, above 0 and finite. Received: {received}"
            )
        ((self.mode, self.limit),) = given.items()
        if self.mode == "adaptive" and self.limit > 100:
            raise ValueError(f"adaptive is a percentile, up to 100. Received: adaptive={adaptive}")

    def on_train_begin(self, logs=None):
        for stage in attach(self.model, ClippingStage).values():
            stage.remember([])
            stage.mode.assign(MODES.index(self.mode))
            stage.limit.assign(self.limit)

    def on_train_end(self, logs=None):
        for stage in attach(self.model, ClippingStage).values():
            stage.rest()

    def get_state(self) -> dict:
        """Return the norms that an adaptive limit follows, for a checkpoint."""
        stages = attach(self.model, ClippingStage).items()
        return {"norms": {name: stage.remembered().tolist() for name, stage in stages}}

    def set_state(self, state: dict, step: int) -> None:
        """Go on with the norms of an earlier run."""
        for name, stage in attach(self.model, ClippingStage).items():
            stage.remember(state["norms"][name])
