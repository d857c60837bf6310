"""Keras networks for biomedicine: exact builders, shared callbacks, training, serving.

Every public name can be imported from here; TensorFlow and Keras load with the first of them.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kerasbio.callbacks import BatchNormalizationControl as BatchNormalizationControl
    from kerasbio.callbacks import GradientClipping as GradientClipping
    from kerasbio.callbacks import GradientHealth as GradientHealth
    from kerasbio.callbacks import LearningRateSchedule as LearningRateSchedule
    from kerasbio.datasets.radiographs import Radiographs as Radiographs
    from kerasbio.layers.prepare_images import PrepareImages as PrepareImages
    from kerasbio.models.cnn import build_lenet5 as build_lenet5
    from kerasbio.optimizers import make_optimizer as make_optimizer

_MODULES = {
    "BatchNormalizationControl": "kerasbio.callbacks",
    "GradientClipping": "kerasbio.callbacks",
    "GradientHealth": "kerasbio.callbacks",
    "LearningRateSchedule": "kerasbio.callbacks",
    "PrepareImages": "kerasbio.layers.prepare_images",
    "Radiographs": "kerasbio.datasets.radiographs",
    "build_lenet5": "kerasbio.models.cnn",
    "make_optimizer": "kerasbio.optimizers",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'kerasbio' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
