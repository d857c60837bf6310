"""The Dice score as a Keras metric, for the progress of a training."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasbio")
class DiceScore(keras.metrics.Metric):
    """Mean Dice score of the foreground classes over all voxels seen, of decisions.

    Voxels of all cases are counted together, so that it is smoother from epoch to epoch than a
    mean over cases, which `compare_segmenters` gives. A class that is neither there nor predicted
    counts as 1.

    `y_true` is `(batch, *spatial)` integers; `y_pred` `(batch, *spatial, classes)` logits or
    probabilities of two or more classes, or `(batch, *spatial, 1)` logits of one.

    Args:
        num_classes: Number of values of the mask, the background among them.
        name: Name of the metric.
        dtype: As in `keras.metrics.Metric`.

    Raises:
        ValueError: If `num_classes` is below 2.
    """

    def __init__(self, num_classes: int, *, name: str = "dice", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        if num_classes < 2:
            raise ValueError(f"num_classes must be at least 2. Received: num_classes={num_classes}")
        self.num_classes = num_classes
        self.common, self.sizes = (
            self.add_variable((num_classes,), "zeros", name=name) for name in ("common", "sizes")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count voxels; `sample_weight` is `(batch,)` or `(batch, *spatial)`."""
        one = y_pred.shape[-1] == 1
        decision = ops.cast(y_pred[..., 0] > 0, "int32") if one else ops.argmax(y_pred, axis=-1)
        truth = ops.one_hot(ops.cast(y_true, "int32"), self.num_classes, dtype=self.dtype)
        guess = ops.one_hot(decision, self.num_classes, dtype=self.dtype)
        weight = ops.ones((), self.dtype)
        if sample_weight is not None:
            weight = ops.cast(sample_weight, self.dtype)
            for _ in range(len(truth.shape) - len(weight.shape)):
                weight = ops.expand_dims(weight, -1)
        axes = tuple(range(len(truth.shape) - 1))
        self.common.assign(self.common + ops.sum(weight * truth * guess, axis=axes))
        self.sizes.assign(self.sizes + ops.sum(weight * (truth + guess), axis=axes))

    def result(self) -> Any:
        """Return the mean over the foreground classes."""
        common, sizes = self.common[1:], self.sizes[1:]
        empty = ops.equal(sizes, 0)
        return ops.mean(ops.where(empty, 1.0, 2 * common / ops.where(empty, 1.0, sizes)))

    def get_config(self) -> dict:
        return {"name": self.name, "dtype": self.dtype, "num_classes": self.num_classes}
