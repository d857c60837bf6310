"""Callbacks that every architecture shares; they act on any compiled `keras.Model`."""

from kerasbio.callbacks.batch_normalization_control import (
    BatchNormalizationControl as BatchNormalizationControl,
)
from kerasbio.callbacks.gradient_clipping import GradientClipping as GradientClipping
from kerasbio.callbacks.gradient_health import GradientHealth as GradientHealth
from kerasbio.callbacks.learning_rate_schedule import LearningRateSchedule as LearningRateSchedule
from kerasbio.callbacks.normalization import (
    reestimate_batch_normalization as reestimate_batch_normalization,
)
