"""One factor per step, on the rate of every optimizer."""

import keras
import numpy as np
import tensorflow as tf

from kerasbio.callbacks.hook import Stage, attach

KINDS = ("constant", "step", "cosine")
#: A schedule ends here and not at 0, so that a run whose epochs grow can still learn.
FINAL_FACTOR = 0.01


class RateStage(Stage):
    """Multiplies the base rate of an optimizer by the factor of its step."""

    order = 3

    def __init__(self, optimizer):
        super().__init__(optimizer)
        if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                "LearningRateSchedule multiplies a constant rate: compile the optimizer with a "
                f"number. Received: learning_rate={optimizer._learning_rate}"
            )
        self.active = tf.Variable(False, trainable=False, name="schedule_active")
        self.step = tf.Variable(0, trainable=False, dtype=tf.int64, name="schedule_step")
        self.base = tf.Variable(0.0, trainable=False, name="schedule_base")
        self.factors = tf.Variable([1.0], trainable=False, shape=[None], name="schedule_factors")

    def __call__(self, gradients, variables):
        def follow():
            last = tf.size(self.factors, out_type=tf.int64) - 1
            factor = tf.gather(self.factors, tf.minimum(self.step, last))
            rate = self.optimizer._learning_rate
            rate.assign(tf.cast(self.base * factor, rate.dtype))
            self.step.assign_add(1)

        tf.cond(self.active, follow, lambda: None)
        return gradients

    def rest(self):
        if not bool(self.active):
            return
        self.active.assign(False)
        factors = self.factors.numpy()
        factor = factors[min(max(int(self.step) - 1, 0), len(factors) - 1)]
        rate = self.optimizer._learning_rate
        # Unless the user has set another rate since.
        if np.isclose(float(rate), float(self.base) * float(factor), rtol=1e-6, atol=0):
            rate.assign(self.base)


class LearningRateSchedule(keras.callbacks.Callback):
    """Multiply each optimizer's own rate by one factor per step.

    The factor rises linearly during the warm-up and then stays (`"constant"`), falls to a
    tenth after half and to a hundredth after three quarters of the epochs (`"step"`), or falls
    along a half cosine to a hundredth at the end (`"cosine"`). The end of `fit` gives each
    optimizer its own rate back.

    Where a resumed run has more epochs than were planned, the factor reached is kept and goes
    on: constant and step stay, a cosine begins anew from there to a hundredth; `rule` says so. A
    warm-up is finished first, and the schedule is then that of all the epochs.

    Reference: [Loshchilov and Hutter, SGDR, 2017](https://arxiv.org/abs/1608.03983) (cosine);
    [Goyal et al., Accurate, large minibatch SGD, 2017](https://arxiv.org/abs/1706.02677)
    (warm-up).

    Args:
        kind: `"constant"`, `"step"` or `"cosine"`.
        warmup_epochs: Epochs of linear rise from 0; a fraction is allowed.
        steps_per_epoch: Steps of one epoch; None takes what `fit` knows.

    Raises:
        ValueError: If `kind` is unknown or `warmup_epochs` is negative.
    """

    def __init__(
        self,
        kind: str = "cosine",
        *,
        warmup_epochs: float = 0,
        steps_per_epoch: int | None = None,
    ):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}. Received: kind={kind!r}")
        if warmup_epochs < 0:
            raise ValueError(f"warmup_epochs must be at least 0. Received: {warmup_epochs}")
        self.kind = kind
        self.warmup_epochs = warmup_epochs
        self.steps_per_epoch = steps_per_epoch
        self.factors = np.ones(1, np.float32)
        self.rule = ""
        self._steps = 0
        self._done = 0

    def on_train_begin(self, logs=None):
        steps = self.steps_per_epoch or self.params.get("steps")
        if not steps:
            raise ValueError(
                "the number of steps per epoch is unknown: pass steps_per_epoch to "
                "LearningRateSchedule. Received: steps_per_epoch=None"
            )
        # A step of an agent holds several updates.
        self._steps = steps * getattr(self.model, "updates_per_step", 1)
        self.factors = self._plan(self.params["epochs"] * self._steps)
        self.rule = ""
        for stage in attach(self.model, RateStage).values():
            stage.base.assign(stage.optimizer._learning_rate)
            stage.active.assign(True)
            stage.factors.assign(self.factors)

    def on_epoch_begin(self, epoch, logs=None):
        for stage in attach(self.model, RateStage).values():
            stage.step.assign(epoch * self._steps + self._done)
        self._done = 0

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            stage = next(iter(attach(self.model, RateStage).values()))
            logs["learning_rate"] = float(stage.optimizer._learning_rate)

    def on_train_end(self, logs=None):
        for stage in attach(self.model, RateStage).values():
            stage.rest()

    def _plan(self, total: int) -> np.ndarray:
        step = np.arange(total)
        warmup = round(self.warmup_epochs * self._steps)
        factors = np.ones(total)
        if self.kind == "step":
            factors = np.select([step >= 0.75 * total, step >= 0.5 * total], [0.01, 0.1], 1.0)
        elif self.kind == "cosine":
            factors = _cosine(1.0, max(total - warmup, 1), np.maximum(step - warmup, 0))
        if warmup:
            factors = factors * np.minimum((step + 1) / warmup, 1)
        return factors.astype(np.float32)

    def get_state(self) -> dict:
        """Return what a resumed run needs: the factors that were planned and the own rates."""
        bases = {n: float(s.base) for n, s in attach(self.model, RateStage).items()}
        return {"factors": [float(f) for f in self.factors], "bases": bases, "rule": self.rule}

    def set_state(self, state: dict, step: int) -> None:
        """Go on with the factors of an earlier run, of which `step` steps are done."""
        planned = np.asarray(state["factors"], np.float32)
        more = len(self.factors) - len(planned)
        done = step * getattr(self.model, "updates_per_step", 1)
        self._done = done % self._steps
        self.rule = state["rule"]
        if more > 0:
            factor = planned[min(max(done - 1, 0), len(planned) - 1)]
            if done < round(self.warmup_epochs * self._steps):
                following, how = self.factors[done:], f"the warm-up, then {self.kind} over all"
            elif self.kind == "cosine":
                rest = np.arange(1, len(self.factors) - done + 1)
                following = _cosine(float(factor), len(rest), rest)
                how = f"a cosine from there to {FINAL_FACTOR}"
            else:
                following = np.full(len(self.factors) - done, factor)
                how = "constant from there"
            self.factors = np.concatenate([planned[:done], following]).astype(np.float32)
            self.rule = (
                f"{len(planned)} steps were planned and now {len(self.factors)} are; the factor "
                f"had reached {factor:.4g} and goes on: {how}"
            )
        else:
            self.factors = planned
        for name, stage in attach(self.model, RateStage).items():
            stage.base.assign(state["bases"][name])
            stage.factors.assign(self.factors)


def _cosine(start: float, total: int, step: np.ndarray) -> np.ndarray:
    end = min(start, FINAL_FACTOR)
    return end + (start - end) * (1 + np.cos(np.pi * np.minimum(step / total, 1))) / 2
