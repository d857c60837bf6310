"""One factor per step, on the rate of every optimizer."""

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from kerasbio.callbacks.hook import Stage, attach
from kerasbio.names import SCHEDULES

#: A schedule ends here and not at 0, so that a run whose epochs grow can still learn.
FINAL_FACTOR = 0.01
#: A one-cycle schedule begins at this factor and rises for this share of the steps.
FIRST_FACTOR, RISE = 0.04, 0.3
#: What the factor is multiplied by on a plateau.
PLATEAU_FACTOR = 0.1


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
        self.scale = tf.Variable(1.0, trainable=False, name="schedule_scale")

    def __call__(self, gradients, variables):
        def follow():
            last = tf.size(self.factors, out_type=tf.int64) - 1
            factor = tf.gather(self.factors, tf.minimum(self.step, last))
            rate = self.optimizer._learning_rate
            rate.assign(tf.cast(self.base * factor * self.scale, rate.dtype))
            self.step.assign_add(1)

        tf.cond(self.active, follow, lambda: None)
        return gradients

    def rest(self):
        if not bool(self.active):
            return
        self.active.assign(False)
        factors = self.factors.numpy()
        factor = factors[min(max(int(self.step) - 1, 0), len(factors) - 1)] * float(self.scale)
        rate = self.optimizer._learning_rate
        # Unless the user has set another rate since.
        if np.isclose(float(rate), float(self.base) * float(factor), rtol=1e-6, atol=0):
            rate.assign(self.base)


class LearningRateSchedule(keras.callbacks.Callback):
    """Multiply each optimizer's own rate by one factor per step.

    The factor rises linearly during the warm-up and then goes by its kind:

    - `"constant"`: it stays.
    - `"step"`: a tenth after half and a hundredth after three quarters of the epochs.
    - `"exponential"`: by the same share in each step, to a hundredth at the end.
    - `"cosine"`: along a half cosine to a hundredth at the end.
    - `"one-cycle"`: from a 25th up along a half cosine in the first 30 % of the steps, then
      down along another to a hundredth. Momentum is not cycled.
    - `"plateau"`: a tenth, and at last a hundredth, each time that `monitor` has not become
      better for `patience` epochs.

    The end of `fit` gives each optimizer its own rate back.

    Where a resumed run has more epochs than were planned, the factor reached is kept and goes
    on: constant, step and plateau stay, the others fall from there to a hundredth, along a cosine
    or exponentially; `rule` says so. A warm-up, and the rise of one cycle, is finished first, and
    the schedule is then that of all the epochs.

    Reference: [Loshchilov and Hutter, SGDR, 2017](https://arxiv.org/abs/1608.03983) (cosine);
    [Smith and Topin, Super-convergence, 2017](https://arxiv.org/abs/1708.07120) (one-cycle);
    [Goyal et al., Accurate, large minibatch SGD, 2017](https://arxiv.org/abs/1706.02677)
    (warm-up).

    Args:
        kind: One of the kinds above.
        warmup_epochs: Epochs of linear rise from 0; a fraction is allowed.
        steps_per_epoch: Steps of one epoch; None takes what `fit` knows.
        monitor: Name of the log that a plateau is of, and `"min"` or `"max"`. None takes the
            `monitor` of a trainer, or else `("val_loss", "min")`.
        patience: Epochs without a better value that make a plateau.

    Raises:
        ValueError: If `kind` is unknown, `warmup_epochs` is negative, or `patience` is below 1.
    """

    def __init__(
        self,
        kind: str = "cosine",
        *,
        warmup_epochs: float = 0,
        steps_per_epoch: int | None = None,
        monitor: tuple[str, str] | None = None,
        patience: int = 5,
    ):
        super().__init__()
        if kind not in SCHEDULES:
            raise ValueError(f"kind must be one of {', '.join(SCHEDULES)}. Received: kind={kind!r}")
        if not warmup_epochs >= 0:
            raise ValueError(f"warmup_epochs must be at least 0. Received: {warmup_epochs}")
        if patience < 1:
            raise ValueError(f"patience must be at least 1. Received: patience={patience}")
        self.kind = kind
        self.warmup_epochs = warmup_epochs
        self.steps_per_epoch = steps_per_epoch
        self.monitor = monitor
        self.patience = patience
        self.factors = np.ones(1, np.float32)
        self.rule = ""
        self._steps = 0
        self._done = 0
        self._plateau, self._missing = _Plateau(), ""

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
        self._plateau, self._missing = _Plateau(), ""
        for stage in attach(self.model, RateStage).values():
            stage.base.assign(stage.optimizer._learning_rate)
            stage.active.assign(True)
            stage.factors.assign(self.factors)

    def on_epoch_begin(self, epoch, logs=None):
        for stage in attach(self.model, RateStage).values():
            stage.step.assign(epoch * self._steps + self._done)
            stage.scale.assign(self._plateau.scale)
        self._done = 0

    def on_epoch_end(self, epoch, logs=None):
        if self.kind == "plateau":
            self._watch(logs or {})
        if logs is not None:
            stage = next(iter(attach(self.model, RateStage).values()))
            logs["learning_rate"] = float(stage.optimizer._learning_rate)

    def on_train_end(self, logs=None):
        for stage in attach(self.model, RateStage).values():
            stage.rest()
        if self._missing and self._plateau.best == float("inf"):
            raise ValueError(f"the monitor of a plateau must be {self._missing}")

    def _watch(self, logs):
        default = getattr(self.model, "monitor", None) or ("val_loss", "min")
        name, mode = self.monitor or default
        self._missing = "" if name in logs else f"one of {', '.join(logs)}. Received: {name!r}"
        if self._missing:
            # Of an epoch that is not validated nothing is known.
            return
        value = float(logs[name]) * (1 if mode == "min" else -1)
        self._plateau = self._plateau.after(value, self.patience)

    @property
    def _warmup(self) -> int:
        return math.ceil(self.warmup_epochs * self._steps)

    def _plan(self, total: int) -> np.ndarray:
        step = np.arange(total)
        warmup = self._warmup
        share = np.maximum(step - warmup, 0) / max(total - warmup, 1)
        factors = np.ones(total)
        match self.kind:
            case "step":
                factors = np.select([step >= 0.75 * total, step >= 0.5 * total], [0.01, 0.1], 1.0)
            case "exponential":
                factors = FINAL_FACTOR**share
            case "cosine":
                factors = _cosine(1.0, FINAL_FACTOR, share)
            case "one-cycle":
                rising = _cosine(FIRST_FACTOR, 1.0, share / RISE)
                falling = _cosine(1.0, FINAL_FACTOR, (share - RISE) / (1 - RISE))
                factors = np.where(share < RISE, rising, falling)
        if warmup:
            factors = factors * np.minimum((step + 1) / warmup, 1)
        return factors.astype(np.float32)

    def get_state(self) -> dict:
        """Return what a resumed run needs: the factors that were planned and the own rates."""
        bases = {n: float(s.base) for n, s in attach(self.model, RateStage).items()}
        factors = [float(f) for f in self.factors]
        plateau = self._plateau._asdict()
        return {"factors": factors, "bases": bases, "rule": self.rule, "plateau": plateau}

    def set_state(self, state: dict, step: int) -> None:
        """Go on with the factors of an earlier run, of which `step` steps are done."""
        planned = np.asarray(state["factors"], np.float32)
        done = step * getattr(self.model, "updates_per_step", 1)
        self._done = done % self._steps
        self._plateau = _Plateau(**state["plateau"])
        self.rule = state["rule"]
        if len(self.factors) > len(planned):
            self._extend(planned, done)
        else:
            self.factors = planned
        for name, stage in attach(self.model, RateStage).items():
            stage.base.assign(state["bases"][name])
            stage.factors.assign(self.factors)

    def _extend(self, planned: np.ndarray, done: int) -> None:
        factor = float(planned[min(max(done - 1, 0), len(planned) - 1)])
        left = len(self.factors) - done
        share = np.arange(1, left + 1) / max(left, 1)
        end = min(factor, FINAL_FACTOR)
        following: np.ndarray
        rising: float = self._warmup
        if self.kind == "one-cycle":
            rising += RISE * (len(planned) - self._warmup)
        if done < rising:
            first = "warm-up" if done < self._warmup else "rise"
            following, how = self.factors[done:], f"the {first}, then {self.kind} over all"
        elif self.kind in ("cosine", "one-cycle"):
            following = _cosine(factor, end, share)
            how = f"a cosine from there to {FINAL_FACTOR}"
        elif self.kind == "exponential":
            following = factor * (end / factor) ** share
            how = f"exponential from there to {FINAL_FACTOR}"
        else:
            following = np.full(left, factor)
            how = "by plateaus" if self.kind == "plateau" else "constant from there"
        self.factors = np.concatenate([planned[:done], following]).astype(np.float32)
        self.rule = (
            f"{len(planned)} steps were planned and now {len(self.factors)} are; the factor "
            f"had reached {factor * self._plateau.scale:.4g} and goes on: {how}"
        )


class _Plateau(NamedTuple):
    """The best value so far, the epochs since, and the factor that plateaus have led to."""

    best: float = float("inf")
    waited: int = 0
    scale: float = 1.0

    def after(self, value: float, patience: int) -> "_Plateau":
        """Return what is known after another epoch, of which less is better."""
        if value < self.best:
            return _Plateau(value, 0, self.scale)
        if self.waited + 1 < patience:
            return _Plateau(self.best, self.waited + 1, self.scale)
        return _Plateau(self.best, 0, max(self.scale * PLATEAU_FACTOR, FINAL_FACTOR))


def _cosine(start: float, end: float, share: np.ndarray) -> np.ndarray:
    return end + (start - end) * (1 + np.cos(np.pi * np.clip(share, 0, 1))) / 2
