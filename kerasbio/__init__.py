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
    from kerasbio.datasets.cases import split as split
    from kerasbio.datasets.cases import to_dataset as to_dataset
    from kerasbio.datasets.image_folder import ImageFolder as ImageFolder
    from kerasbio.datasets.radiographs import Radiographs as Radiographs
    from kerasbio.export import export_classifier as export_classifier
    from kerasbio.export import export_model as export_model
    from kerasbio.layers.prepare_images import PrepareImages as PrepareImages
    from kerasbio.metrics.bootstrap import bootstrap_by_subject as bootstrap_by_subject
    from kerasbio.metrics.classification import auroc as auroc
    from kerasbio.metrics.classification import classification_scores as classification_scores
    from kerasbio.metrics.classification import (
        expected_calibration_error as expected_calibration_error,
    )
    from kerasbio.models.cnn import build_lenet5 as build_lenet5
    from kerasbio.optimizers import make_optimizer as make_optimizer
    from kerasbio.serving.predict import open_saved_model as open_saved_model
    from kerasbio.serving.predict import predict_files as predict_files

_MODULES = {
    "BatchNormalizationControl": "kerasbio.callbacks",
    "GradientClipping": "kerasbio.callbacks",
    "GradientHealth": "kerasbio.callbacks",
    "LearningRateSchedule": "kerasbio.callbacks",
    "ImageFolder": "kerasbio.datasets.image_folder",
    "PrepareImages": "kerasbio.layers.prepare_images",
    "Radiographs": "kerasbio.datasets.radiographs",
    "auroc": "kerasbio.metrics.classification",
    "bootstrap_by_subject": "kerasbio.metrics.bootstrap",
    "build_lenet5": "kerasbio.models.cnn",
    "classification_scores": "kerasbio.metrics.classification",
    "expected_calibration_error": "kerasbio.metrics.classification",
    "export_classifier": "kerasbio.export",
    "export_model": "kerasbio.export",
    "make_optimizer": "kerasbio.optimizers",
    "open_saved_model": "kerasbio.serving.predict",
    "predict_files": "kerasbio.serving.predict",
    "split": "kerasbio.datasets.cases",
    "to_dataset": "kerasbio.datasets.cases",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'kerasbio' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
