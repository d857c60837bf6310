"""What losses of whole regions share: voxels are weighted inside the sums over an image."""

from typing import Any

from keras import ops

from kerasbio.losses.base import Weights, expand
from kerasbio.losses.targets import ClassLoss


class RegionLoss(ClassLoss):
    """A loss with one value per image, or one per batch, from sums over all voxels.

    Voxel weights and Keras' mask act inside the sums: a voxel of weight 0 does not count, and
    an image without any other has the loss 0. Weights of samples act on the loss of each image,
    or inside the sums where these run over the batch.

    Args:
        include_background: Whether class 0 counts.
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.
    """

    #: Whether sums run over the batch, too.
    batch = False

    def __init__(
        self,
        *,
        include_background: bool = True,
        from_logits: bool = True,
        **kwargs: Any,
    ):
        super().__init__(from_logits=from_logits, **kwargs)
        self.include_background = include_background

    def regions(self, y_true: Any, y_pred: Any, weights: Weights) -> tuple[Any, Any, Any]:
        """Return targets, probabilities `(batch, *spatial, classes)` and weights or None.

        The weights are `(batch, *spatial, 1)`, axes of 1 where they are those of samples.

        Raises:
            ValueError: If there is no spatial axis, no class is left, shapes do not fit, or values
                are no labels or no probabilities.
        """
        shape = tuple(y_pred.shape)
        if len(shape) < 3:
            raise ValueError(
                f"{type(self).__name__} takes images (batch, *spatial, classes). "
                f"Received: y_pred.shape={shape}"
            )
        if shape[-1] == 1 and not self.include_background:
            raise ValueError(
                "include_background=False leaves no class of one sigmoid logit: use True, or two "
                f"softmax logits. Received: y_pred.shape={shape}"
            )
        y_true, y_pred = self.classes(y_true, y_pred, weights)
        y_pred = self.probabilities(y_pred)
        if not self.include_background:
            y_true, y_pred = y_true[..., 1:], y_pred[..., 1:]
        voxels = weights.inside()
        if self.batch and weights.samples is not None:
            samples = expand(weights.samples, len(shape) - 1)
            voxels = samples if voxels is None else samples * voxels
        return y_true, y_pred, None if voxels is None else ops.expand_dims(voxels, -1)

    def total(self, x: Any, voxels: Any) -> Any:
        """Return sums `(batch, classes)` over the voxels, `(1, classes)` over the batch, too."""
        x = x if voxels is None else x * voxels
        # float32 loses a sum over a volume, which is millions of terms long; one over an axis fits.
        dtype, x = x.dtype, ops.sum(x, axis=1)
        x = ops.cast(x, "float64")
        x = ops.sum(x, axis=tuple(range(1, len(x.shape) - 1)))
        x = ops.sum(x, axis=0, keepdims=True) if self.batch else x
        return ops.cast(x, dtype)

    def reduce(self, values: Any, weights: Weights) -> Any:
        if self.batch:
            return self._reduce(values)
        mask = weights.mask
        if mask is not None:
            # An image that is masked altogether is none.
            counted = ops.any(mask > 0, axis=tuple(range(1, len(mask.shape))))
            mask = ops.cast(counted, mask.dtype)
        return self._reduce(values, weights.samples, mask)
