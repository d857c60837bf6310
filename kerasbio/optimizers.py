"""The optimizers that recipes offer, at the rates that the field starts from."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from kerasbio.names import OPTIMIZERS
from kerasbio.saved_as import saved_as

# Layers that `build_*` give their answers with: Muon is for hidden matrices.
_OUTPUTS = ["logits", "outputs", "values"]


class _OneKernel(keras.optimizers.Adam):
    """Adam in one kernel of TensorFlow per variable: the same steps but for rounding."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move a variable and its two moments."""
        # Neither has a kernel.
        if self.amsgrad or isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        owned = variable, self._momentums[index], self._velocities[index]
        var, m, v = ((x.value if isinstance(x, keras.Variable) else x).handle for x in owned)
        step = ops.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=var,
            m=m,
            v=v,
            beta1_power=tf.constant(self.beta_1, step.dtype) ** step,
            beta2_power=tf.constant(self.beta_2, step.dtype) ** step,
            lr=ops.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=ops.cast(gradient, variable.dtype),
        )


@saved_as(keras.optimizers.Adam)
class Adam(_OneKernel):
    """Keras' Adam in a third of its time, saved as that.

    Reference: [Kingma and Ba, Adam: a method for stochastic optimization,
    2015](https://arxiv.org/abs/1412.6980), in the form at the end of section 2.
    """


@saved_as(keras.optimizers.AdamW)
class AdamW(_OneKernel, keras.optimizers.AdamW):
    """Keras' Adam with decoupled weight decay in a third of its time, saved as that.

    Reference: [Loshchilov and Hutter, Decoupled weight decay regularization,
    2019](https://arxiv.org/abs/1711.05101).
    """


@keras.saving.register_keras_serializable(package="kerasbio")
class ScheduleFreeAdamW(keras.optimizers.ScheduleFreeAdamW):
    """Keras' optimizer with the steps, the average and the weight decay of the publication.

    Keras 3.15 weighs all steps alike, lets the decay into the average, and on TensorFlow recovers
    the average by a momentum that has moved on.

    Reference: [Defazio et al., The road less scheduled, 2024](https://arxiv.org/abs/2405.15682),
    algorithm 1.
    """

    def build(self, variables):
        """Make the variables, with the sum of squared rates that the average is weighed by."""
        if self.built:
            return
        super().build(variables)
        self._sums = [self.add_variable((), dtype="float32", name="weight_sum") for _ in variables]

    def _apply_weight_decay(self, variables):
        """Leave it to the step, whose point of descent it belongs to."""

    def update_step(self, gradient, variable, learning_rate):
        """Move the point of descent z, its mean x, and the variable y between them."""
        index = self._get_variable_index(variable)
        z, velocity = self._momentums[index], self._velocities[index]
        step = ops.cast(self.iterations + 1, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        rate *= ops.sqrt(1 - ops.power(ops.cast(self.beta_2, variable.dtype), step))
        if self.warmup_steps:
            rate *= ops.minimum(step / self.warmup_steps, 1.0)
        mean = (variable - (1 - self.beta_1) * z) / self.beta_1
        self.assign_add(velocity, (1 - self.beta_2) * (ops.square(gradient) - velocity))
        change = gradient / (ops.sqrt(velocity) + self.epsilon)
        if self.weight_decay is not None and self._use_weight_decay(variable):
            change += self.weight_decay * variable
        moved = z - rate * change
        weight = ops.square(ops.cast(rate, "float32"))
        self.assign_add(self._sums[index], weight)
        share = ops.cast(ops.divide_no_nan(weight, self._sums[index]), variable.dtype)
        mean += (moved - mean) * share
        self.assign(z, moved)
        self.assign(variable, (1 - self.beta_1) * moved + self.beta_1 * mean)


#: Class and settings of each name; what is not set is Keras' own.
SETTINGS: dict[str, tuple[type[keras.optimizers.Optimizer], dict[str, Any]]] = {
    "sgd": (keras.optimizers.SGD, {"learning_rate": 0.01}),
    "momentum": (keras.optimizers.SGD, {"learning_rate": 0.01, "momentum": 0.9}),
    "nesterov": (
        keras.optimizers.SGD,
        {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True},
    ),
    "rmsprop": (keras.optimizers.RMSprop, {"learning_rate": 0.001}),
    "adagrad": (keras.optimizers.Adagrad, {"learning_rate": 0.01}),
    "adadelta": (keras.optimizers.Adadelta, {"learning_rate": 1.0}),
    "adam": (Adam, {"learning_rate": 0.001}),
    "adamax": (keras.optimizers.Adamax, {"learning_rate": 0.001}),
    "nadam": (keras.optimizers.Nadam, {"learning_rate": 0.001}),
    "adamw": (AdamW, {"learning_rate": 0.001, "weight_decay": 0.004}),
    "adafactor": (keras.optimizers.Adafactor, {"learning_rate": 0.01}),
    "ftrl": (keras.optimizers.Ftrl, {"learning_rate": 0.1}),
    "lion": (keras.optimizers.Lion, {"learning_rate": 0.0001}),
    "lamb": (keras.optimizers.Lamb, {"learning_rate": 0.001}),
    "muon": (
        keras.optimizers.Muon,
        {
            "learning_rate": 0.001,
            "weight_decay": None,
            "adam_weight_decay": None,
            "exclude_layers": _OUTPUTS,
        },
    ),
    "schedule_free_adamw": (ScheduleFreeAdamW, {"learning_rate": 0.0025}),
}


def make_optimizer(
    name: str, learning_rate: float = 1.0, *, weight_decay: float | None = None
) -> keras.optimizers.Optimizer:
    """Return an optimizer at its default rate times a factor.

    The rates are those of Keras, except where Keras has 0.001 for whatever it is and the field
    begins elsewhere:

    - `"momentum"` and `"nesterov"` have momentum 0.9, which Keras leaves at 0.
    - `"adagrad"`, 0.01: its steps shrink as squared gradients add up, so they begin larger.
    - `"adadelta"`, 1: the [publication](https://arxiv.org/abs/1212.5701) has no rate, and scales
      each step by the steps before it; a factor of 0.001 all but stops it.
    - `"adafactor"`, 0.01: the largest step relative to the weights in the
      [publication](https://arxiv.org/abs/1804.04235). The rate is a ceiling on `1 / sqrt(step)`,
      so a schedule counts only while it is below that.
    - `"ftrl"`, 0.1: usual for the linear models that it is [made
      for](https://doi.org/10.1145/2487575.2488200). Its first steps draw the initial weights
      towards 0, so it is no choice for a deep network.
    - `"lion"`, 0.0001: its steps are signs, and its [authors](https://arxiv.org/abs/2302.06675)
      advise a third to a tenth of the rate of Adam, and as many times the weight decay.

    `"muon"` treats the kernels of hidden dense layers; biases, embeddings, convolutions and
    layers named `logits`, `outputs` or `values` are left to Adam, as its
    [authors](https://arxiv.org/abs/2502.16982) advise.

    `"schedule_free_adamw"` leaves the weights where Keras does, at the point of its
    [publication](https://arxiv.org/abs/2405.15682) where gradients are taken, nine tenths of the
    way to the average that the publication evaluates.

    Args:
        name: One of `kerasbio.names.OPTIMIZERS`.
        learning_rate: Factor on the default rate, above 0.
        weight_decay: Share by which weights shrink at each update, times the rate (so that one
            value is a thousand times as much for `"adadelta"` as for `"adam"`); decoupled from
            the gradient ([Loshchilov and Hutter, 2019](https://arxiv.org/abs/1711.05101)). None
            is none, except 0.004 for `"adamw"`.

    Returns:
        A Keras optimizer.

    Raises:
        ValueError: If the name is unknown, the factor is not above 0, or the decay is below 0.
    """
    if name not in SETTINGS:
        raise ValueError(f"name must be one of {', '.join(OPTIMIZERS)}. Received: name={name!r}")
    if not 0 < learning_rate < float("inf"):
        raise ValueError(
            f"learning_rate must be above 0 and finite. Received: learning_rate={learning_rate}"
        )
    if weight_decay is not None and not weight_decay >= 0:
        raise ValueError(f"weight_decay must be at least 0. Received: weight_decay={weight_decay}")
    kind, defaults = SETTINGS[name]
    settings = {**defaults, "learning_rate": defaults["learning_rate"] * learning_rate}
    if weight_decay is not None:
        settings["weight_decay"] = weight_decay
        if name == "muon":
            settings["adam_weight_decay"] = weight_decay
    return kind(**settings)
