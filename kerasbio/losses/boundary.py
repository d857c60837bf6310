"""The boundary loss."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasbio.losses.base import Weights
from kerasbio.losses.checks import number, numbers
from kerasbio.losses.distance import signed_distance
from kerasbio.losses.region import RegionLoss


@keras.saving.register_keras_serializable(package="kerasbio")
class Boundary(RegionLoss):
    """Mean of probability times signed distance to the true boundary, in mm.

    Distances are taken in the graph from the target, where a class has at least half of a voxel:
    from the centre of a voxel to that of the nearest one on the other side. They are negative
    inside, and 0 for a class that is absent from an image or fills it. The mean
    is over voxels and classes. The least value is below 0. Alone it leads to empty predictions:
    add it to an overlap loss with a small weight, `Combined([Dice(), Boundary()], [1, 0.01])`.
    Shapes as in `Dice`, one value per image.

    Voxels that are masked or of weight 0 are on neither side of a boundary.

    Reference: [Kervadec et al., Boundary loss for highly unbalanced segmentation,
    2019](https://arxiv.org/abs/1812.07032).

    Args:
        spacing: Size of a voxel in mm, one number or one per spatial axis.
        include_background: Whether class 0 counts; the publication leaves it out.
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: If a spacing is not above 0; when called, if there are not as many as spatial
            axes, or as `Dice`.
    """

    def __init__(
        self,
        spacing: float | Sequence[float] = 1.0,
        *,
        include_background: bool = True,
        from_logits: bool = True,
        **kwargs: Any,
    ):
        super().__init__(include_background=include_background, from_logits=from_logits, **kwargs)
        sizes = numbers("spacing", np.atleast_1d(np.asarray(spacing)))
        self.spacing: Any = [number("spacing", size) for size in sizes]
        if np.ndim(spacing) == 0:
            (self.spacing,) = self.spacing
        elif not sizes:
            raise ValueError(f"spacing must be at least one number. Received: spacing={spacing}")

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        y_true, y_pred, voxels = self.regions(y_true, y_pred, weights)
        spatial = len(y_pred.shape) - 2
        spacing = self.spacing if isinstance(self.spacing, list) else [self.spacing] * spatial
        if len(spacing) != spatial:
            raise ValueError(
                f"spacing must be one number or one for each of {spatial} spatial axes. "
                f"Received: spacing={self.spacing}"
            )
        if voxels is None:
            voxels = ops.ones_like(y_true[..., :1])
        voxels = ops.broadcast_to(voxels, ops.shape(y_true[..., :1]))
        distance = signed_distance(y_true >= 0.5, spacing, voxels != 0)
        distance = ops.stop_gradient(ops.cast(distance, self.dtype))
        total = self.total(y_pred * distance, voxels)
        mean = ops.divide_no_nan(total, self.total(voxels, None))
        return ops.mean(mean, axis=-1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "spacing": self.spacing,
            "include_background": self.include_background,
        }
