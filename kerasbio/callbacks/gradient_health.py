"""How large the gradients are, layer by layer, and what to do where they vanish or explode."""

import keras
import numpy as np
import tensorflow as tf

from kerasbio.callbacks.gradient_clipping import is_clipping
from kerasbio.callbacks.hook import Stage, attach, distinct_paths, hooks_of
from kerasbio.callbacks.remedies import exploding_remedies, vanishing_remedies

POINTS_PER_RUN = 20
LONGEST_INTERVAL = 50
#: Of a layer's gradient to the largest of the same optimizer.
VANISHING_RATIO = 1e-4
#: Of a layer's gradient to its weights, or to 1 where those are smaller.
EXPLODING_RATIO = 1e3


class NormStage(Stage):
    """Measures the norms of gradients and of weights at the steps that are asked for."""

    order = 0

    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.measuring = tf.Variable(False, trainable=False, name="health_measuring")
        self.names: list[str] = []
        empty = tf.zeros([0])
        self.norms = tf.Variable(empty, trainable=False, shape=[None], name="health_norms")
        self.weights = tf.Variable(empty, trainable=False, shape=[None], name="health_weights")
        self.measured = tf.Variable(False, trainable=False, name="health_measured")

    def prepare(self, variables):
        self.names = distinct_paths(variables)
        if self.norms.shape != (len(variables),):
            self.norms.assign(tf.zeros([len(variables)]))
            self.weights.assign(tf.zeros([len(variables)]))

    def __call__(self, gradients, variables):
        def measure():
            for found, tensors in ((self.norms, gradients), (self.weights, variables)):
                found.assign(tf.stack([tf.cast(tf.norm(x), tf.float32) for x in tensors]))
            self.measured.assign(True)

        tf.cond(self.measuring, measure, lambda: None)
        return gradients

    def rest(self):
        self.measuring.assign(False)


class GradientHealth(keras.callbacks.Callback):
    """Record the L2 norm of each layer's gradient, before any clipping, as training goes on.

    The norms come from the gradients that the step computes anyway, at the first step and then
    at 20 points of a run or at every 50th step, whichever is more often. A step that mixed
    precision skips, as its gradients overflowed, is not measured: the next one is.

    `history` holds `(step, {layer: norm})`.

    Args:
        steps_per_epoch: Steps of one epoch; None takes what `fit` knows, or measures every 50th.
    """

    def __init__(self, *, steps_per_epoch: int | None = None):
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.history: list[tuple[int, dict[str, float]]] = []
        #: The norms of the weights at the same points.
        self._weights: list[dict[str, float]] = []
        self._skipped = 0
        self._stages: dict[str, NormStage] = {}
        self._steps = steps_per_epoch or 0
        self._first_batch = 0
        self._clipped = False

    def on_train_begin(self, logs=None):
        self.history, self._weights, self._skipped = [], [], 0
        self._stages = attach(self.model, NormStage)
        self._steps = self.steps_per_epoch or self.params.get("steps") or 0
        total = self._steps * self.params["epochs"]
        points = max(1, total // POINTS_PER_RUN) if total else LONGEST_INTERVAL
        self._interval = min(LONGEST_INTERVAL, points)
        self._step = 0

    def on_epoch_begin(self, epoch, logs=None):
        # Where the steps of an epoch are not known, epochs follow on one another.
        self._before = epoch * self._steps + self._first_batch if self._steps else self._step
        self._last_begin = self._before - 1
        self._first_batch = 0

    def on_train_batch_begin(self, batch, logs=None):
        # A call of the graph may hold several steps: has one been due since the last call began?
        begin = self._before + batch
        self._measuring = begin // self._interval != self._last_begin // self._interval
        self._last_begin = begin
        if self._measuring:
            for stage in self._stages.values():
                stage.measuring.assign(True)
                stage.measured.assign(False)

    def on_train_batch_end(self, batch, logs=None):
        self._step = self._before + batch + 1
        if not self._measuring:
            return
        squares: list[dict[str, float]] = [{}, {}]
        for optimizer, stage in self._stages.items():
            stage.measuring.assign(False)
            if not bool(stage.measured):
                continue
            prefix = f"{optimizer}: " if len(self._stages) > 1 else ""
            for found, norms in zip(squares, (stage.norms, stage.weights), strict=True):
                for name, norm in zip(stage.names, norms.numpy(), strict=True):
                    layer = prefix + name.rsplit("/", 1)[0]
                    found[layer] = found.get(layer, 0.0) + float(norm) ** 2
        if not squares[0]:
            self._skipped += 1
            # The next step makes up for it.
            self._last_begin -= self._interval
            return
        gradients, weights = ({layer: s**0.5 for layer, s in found.items()} for found in squares)
        self.history.append((self._step, gradients))
        self._weights.append(weights)
        self._clipped = any(is_clipping(hook) for hook in hooks_of(self.model).values())

    @property
    def verdict(self) -> str:
        """The layer whose gradient vanishes or explodes, with the remedies that the network has
        not yet got; empty if none does."""
        if self._skipped > len(self.history):
            return (
                f"gradients overflowed in {self._skipped} of the steps looked at: try "
                f"{exploding_remedies(self.model, self._clipped)}, or float32"
            )
        if not self.history:
            return ""
        layers = list(self.history[-1][1])
        points = np.array([[h[1].get(layer, 0.0) for layer in layers] for h in self.history])
        weights = np.array([[w.get(layer, 0.0) for layer in layers] for w in self._weights])
        norms, relative = _typical(points), _typical(points / np.maximum(weights, 1))
        exploding = relative > EXPLODING_RATIO
        if exploding.any():
            worst = int(np.argmax(np.where(exploding, norms, 0)))
            return (
                f"gradients explode in {layers[worst]} (median norm {norms[worst]:.1e}): "
                f"try {exploding_remedies(self.model, self._clipped)}"
            )
        optimizers = [layer.rpartition(": ")[0] for layer in layers]
        for optimizer in dict.fromkeys(optimizers):
            own = [i for i, other in enumerate(optimizers) if other == optimizer]
            largest, smallest = (max(own, key=lambda i: norms[i]), min(own, key=lambda i: norms[i]))
            if norms[smallest] < VANISHING_RATIO * norms[largest]:
                return (
                    f"gradients vanish in {layers[smallest]} (median norm {norms[smallest]:.1e}, "
                    f"beside {norms[largest]:.1e} in {layers[largest]}): "
                    f"try {vanishing_remedies(self.model)}"
                )
        return ""

    def get_state(self) -> dict:
        """Return the history, for a checkpoint."""
        return {
            "history": self.history,
            "weights": self._weights,
            "skipped": self._skipped,
            "interval": self._interval,
            "clipped": self._clipped,
        }

    def set_state(self, state: dict, step: int) -> None:
        """Go on after `step` steps of an earlier run."""
        self._interval, self._clipped = state["interval"], state["clipped"]
        self.history = [(int(s), norms) for s, norms in state["history"]]
        self._weights, self._skipped = list(state["weights"]), state["skipped"]
        self._first_batch = step % self._steps if self._steps else 0


def _typical(points: np.ndarray) -> np.ndarray:
    """Return the median `(layers,)` of points `(points, layers)`, infinite where the last is."""
    middle = np.median(np.where(np.isfinite(points), points, np.inf), axis=0)
    # However late it came, what is not finite does not come back.
    return np.where(np.isfinite(points[-1]), middle, np.inf)
