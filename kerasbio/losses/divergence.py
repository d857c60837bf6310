"""Kullback-Leibler divergences."""

from typing import Any

import keras
from keras import ops

from kerasbio.losses.base import Loss, Weights, full_precision
from kerasbio.losses.targets import ClassLoss, both_classes, values_like

#: Log variances (their differences, too) above this go on along the tangent of exp.
LARGEST_EXPONENT = 40.0


@keras.saving.register_keras_serializable(package="kerasbio")
class KLDivergence(ClassLoss):
    """Divergence of predicted from true probabilities, sum of t log(t / p) over the classes.

    Predictions are `(batch, *spatial, classes)`, where one logit stands for two classes; targets
    are distributions of the same shape, or integers `(batch, *spatial)` or `(batch, *spatial, 1)`.

    Reference: [Kullback and Leibler, On information and sufficiency,
    1951](https://doi.org/10.1214/aoms/1177729694).

    Args:
        from_logits: Whether predictions are logits, else probabilities.
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: When called, if shapes do not fit, or values are no labels or no probabilities.
    """

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        y_true, y_pred = self.classes(y_true, y_pred, weights)
        y_true = both_classes(y_true)
        # 0 log 0 is 0.
        log_true = ops.log(ops.where(y_true > 0, y_true, 1.0))
        return ops.sum(y_true * (log_true - self.log_probabilities(y_pred)), axis=-1)


def gaussian_kl_divergence(
    mean: Any, log_variance: Any, prior_mean: Any = 0.0, prior_log_variance: Any = 0.0
) -> Any:
    """Return the divergence of a diagonal Gaussian from a prior, summed over the latents.

    By default the prior is the standard normal. Log variances, and differences of them, above 40
    go on along the tangent of exp, so that value and slope stay finite.

    Reference: [Kingma and Welling, Auto-encoding variational Bayes,
    2014](https://arxiv.org/abs/1312.6114), appendix B.

    Args:
        mean: `(..., latents)`.
        log_variance: `(..., latents)`, natural logarithm.
        prior_mean: What broadcasts to `(..., latents)`.
        prior_log_variance: What broadcasts to `(..., latents)`.

    Returns:
        Divergences `(...)`, in nats; float32 where the arguments are of half precision.

    Raises:
        ValueError: If there is no axis of latents.
    """
    given = [ops.convert_to_tensor(x) for x in (mean, log_variance, prior_mean, prior_log_variance)]
    if not len(given[0].shape):
        raise ValueError("mean must be (..., latents). Received: a number")
    dtype = full_precision(keras.backend.result_type(*(x.dtype for x in given[:2]), "float16"))
    mean, log_variance, prior_mean, prior_log_variance = (ops.cast(x, dtype) for x in given)
    difference = log_variance - prior_log_variance
    scaled = ops.square(mean - prior_mean) * _exp(-prior_log_variance)
    return ops.sum(scaled + _exp(difference) - 1 - difference, axis=-1) / 2


def _exp(x: Any) -> Any:
    return ops.exp(ops.minimum(x, LARGEST_EXPONENT)) * (1 + ops.relu(x - LARGEST_EXPONENT))


@keras.saving.register_keras_serializable(package="kerasbio")
class GaussianKLDivergence(Loss):
    """Divergence KL(prediction || target) of diagonal Gaussians, summed over the latents.

    Both are `(batch, 2 * latents)`: means, then log variances. A target of zeros is the standard
    normal, the prior of a variational autoencoder. See `gaussian_kl_divergence`.

    Args:
        **kwargs: `reduction`, `name` and `dtype` of `keras.losses.Loss`.

    Raises:
        ValueError: When called, if shapes differ or the last axis is odd.
    """

    def values(self, y_true: Any, y_pred: Any, weights: Weights) -> Any:
        y_true, y_pred = values_like(y_true, y_pred, weights, self.dtype)
        if y_pred.shape[-1] is None or y_pred.shape[-1] % 2:
            raise ValueError(
                "y_pred must hold as many means as log variances, (batch, 2 * latents). "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        return gaussian_kl_divergence(*ops.split(y_pred, 2, -1), *ops.split(y_true, 2, -1))
