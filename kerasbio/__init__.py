"""Keras networks for biomedicine: exact builders, shared callbacks, training, serving.

Every public name can be imported from here; TensorFlow and Keras load with the first of them.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from kerasbio.activations import get_activation as get_activation
    from kerasbio.activations import sparsemax as sparsemax
    from kerasbio.activations import step as step
    from kerasbio.adversarial import AdversarialTrainer as AdversarialTrainer
    from kerasbio.agents.dqn import DQNTrainer as DQNTrainer
    from kerasbio.callbacks import BatchNormalizationControl as BatchNormalizationControl
    from kerasbio.callbacks import GradientClipping as GradientClipping
    from kerasbio.callbacks import GradientHealth as GradientHealth
    from kerasbio.callbacks import LearningRateSchedule as LearningRateSchedule
    from kerasbio.callbacks import reestimate_batch_normalization as reestimate_batch_normalization
    from kerasbio.datasets.cases import split as split
    from kerasbio.datasets.cases import to_dataset as to_dataset
    from kerasbio.datasets.clinical_table import ClinicalTable as ClinicalTable
    from kerasbio.datasets.gene_network import GeneNetwork as GeneNetwork
    from kerasbio.datasets.graph_files import read_graph as read_graph
    from kerasbio.datasets.image_folder import ImageFolder as ImageFolder
    from kerasbio.datasets.radiographs import Radiographs as Radiographs
    from kerasbio.datasets.table_encoding import fit_encoding as fit_encoding
    from kerasbio.datasets.table_files import read_tabular as read_tabular
    from kerasbio.datasets.tabular import TabularCases as TabularCases
    from kerasbio.datasets.tabular import load_wisconsin as load_wisconsin
    from kerasbio.environments.batched import CartPole as CartPole
    from kerasbio.environments.batched import DiagnosisEnvironment as DiagnosisEnvironment
    from kerasbio.environments.diagnosis import Workup as Workup
    from kerasbio.export import export_classifier as export_classifier
    from kerasbio.export import export_generator as export_generator
    from kerasbio.export import export_model as export_model
    from kerasbio.export import export_node_classifier as export_node_classifier
    from kerasbio.export import export_policy as export_policy
    from kerasbio.export import export_regressor as export_regressor
    from kerasbio.export import export_table_model as export_table_model
    from kerasbio.layers.adjacency import normalize_adjacency as normalize_adjacency
    from kerasbio.layers.prepare_images import PrepareImages as PrepareImages
    from kerasbio.layers.prepare_table import PrepareTable as PrepareTable
    from kerasbio.losses import BinaryCrossentropy as BinaryCrossentropy
    from kerasbio.losses import Boundary as Boundary
    from kerasbio.losses import CategoricalCrossentropy as CategoricalCrossentropy
    from kerasbio.losses import Combined as Combined
    from kerasbio.losses import Dice as Dice
    from kerasbio.losses import DiceCrossentropy as DiceCrossentropy
    from kerasbio.losses import Focal as Focal
    from kerasbio.losses import FocalTversky as FocalTversky
    from kerasbio.losses import GaussianKLDivergence as GaussianKLDivergence
    from kerasbio.losses import GeneralizedDice as GeneralizedDice
    from kerasbio.losses import Huber as Huber
    from kerasbio.losses import KLDivergence as KLDivergence
    from kerasbio.losses import MeanAbsoluteError as MeanAbsoluteError
    from kerasbio.losses import MeanSquaredError as MeanSquaredError
    from kerasbio.losses import NegativeLogLikelihood as NegativeLogLikelihood
    from kerasbio.losses import Tversky as Tversky
    from kerasbio.losses import balanced_class_weights as balanced_class_weights
    from kerasbio.losses import gaussian_kl_divergence as gaussian_kl_divergence
    from kerasbio.metrics.bootstrap import bootstrap_by_subject as bootstrap_by_subject
    from kerasbio.metrics.classification import auroc as auroc
    from kerasbio.metrics.classification import classification_scores as classification_scores
    from kerasbio.metrics.classification import (
        expected_calibration_error as expected_calibration_error,
    )
    from kerasbio.metrics.kernel_distance import KernelDistance as KernelDistance
    from kerasbio.metrics.regression import regression_scores as regression_scores
    from kerasbio.models.agent import build_q_network as build_q_network
    from kerasbio.models.cnn import build_lenet5 as build_lenet5
    from kerasbio.models.gan import build_dcgan_discriminator as build_dcgan_discriminator
    from kerasbio.models.gan import build_dcgan_generator as build_dcgan_generator
    from kerasbio.models.graph import build_gcn as build_gcn
    from kerasbio.models.perceptron import build_mlp as build_mlp
    from kerasbio.models.perceptron import build_perceptron as build_perceptron
    from kerasbio.optimizers import ScheduleFreeAdamW as ScheduleFreeAdamW
    from kerasbio.optimizers import make_optimizer as make_optimizer
    from kerasbio.perceptron_rule import PerceptronTrainer as PerceptronTrainer
    from kerasbio.saving import load_model as load_model
    from kerasbio.serving.predict import open_saved_model as open_saved_model
    from kerasbio.serving.predict import predict_files as predict_files
    from kerasbio.serving.predict_table import open_table_model as open_table_model
    from kerasbio.serving.predict_table import predict_table as predict_table
    from kerasbio.training.importance import permutation_importance as permutation_importance
    from kerasbio.training.trainer import Trainer as Trainer

_MODULES = {
    "AdversarialTrainer": "kerasbio.adversarial",
    "BatchNormalizationControl": "kerasbio.callbacks",
    "BinaryCrossentropy": "kerasbio.losses",
    "Boundary": "kerasbio.losses",
    "CartPole": "kerasbio.environments.batched",
    "CategoricalCrossentropy": "kerasbio.losses",
    "ClinicalTable": "kerasbio.datasets.clinical_table",
    "Combined": "kerasbio.losses",
    "DQNTrainer": "kerasbio.agents.dqn",
    "DiagnosisEnvironment": "kerasbio.environments.batched",
    "Dice": "kerasbio.losses",
    "DiceCrossentropy": "kerasbio.losses",
    "Focal": "kerasbio.losses",
    "FocalTversky": "kerasbio.losses",
    "GaussianKLDivergence": "kerasbio.losses",
    "GeneNetwork": "kerasbio.datasets.gene_network",
    "GeneralizedDice": "kerasbio.losses",
    "GradientClipping": "kerasbio.callbacks",
    "GradientHealth": "kerasbio.callbacks",
    "Huber": "kerasbio.losses",
    "ImageFolder": "kerasbio.datasets.image_folder",
    "KLDivergence": "kerasbio.losses",
    "KernelDistance": "kerasbio.metrics.kernel_distance",
    "LearningRateSchedule": "kerasbio.callbacks",
    "MeanAbsoluteError": "kerasbio.losses",
    "MeanSquaredError": "kerasbio.losses",
    "NegativeLogLikelihood": "kerasbio.losses",
    "PerceptronTrainer": "kerasbio.perceptron_rule",
    "PrepareImages": "kerasbio.layers.prepare_images",
    "PrepareTable": "kerasbio.layers.prepare_table",
    "Radiographs": "kerasbio.datasets.radiographs",
    "ScheduleFreeAdamW": "kerasbio.optimizers",
    "TabularCases": "kerasbio.datasets.tabular",
    "Trainer": "kerasbio.training.trainer",
    "Tversky": "kerasbio.losses",
    "Workup": "kerasbio.environments.diagnosis",
    "auroc": "kerasbio.metrics.classification",
    "balanced_class_weights": "kerasbio.losses",
    "bootstrap_by_subject": "kerasbio.metrics.bootstrap",
    "build_dcgan_discriminator": "kerasbio.models.gan",
    "build_dcgan_generator": "kerasbio.models.gan",
    "build_gcn": "kerasbio.models.graph",
    "build_lenet5": "kerasbio.models.cnn",
    "build_mlp": "kerasbio.models.perceptron",
    "build_perceptron": "kerasbio.models.perceptron",
    "build_q_network": "kerasbio.models.agent",
    "classification_scores": "kerasbio.metrics.classification",
    "expected_calibration_error": "kerasbio.metrics.classification",
    "export_classifier": "kerasbio.export",
    "export_generator": "kerasbio.export",
    "export_model": "kerasbio.export",
    "export_node_classifier": "kerasbio.export",
    "export_policy": "kerasbio.export",
    "export_regressor": "kerasbio.export",
    "export_table_model": "kerasbio.export",
    "fit_encoding": "kerasbio.datasets.table_encoding",
    "gaussian_kl_divergence": "kerasbio.losses",
    "get_activation": "kerasbio.activations",
    "load_model": "kerasbio.saving",
    "load_wisconsin": "kerasbio.datasets.tabular",
    "make_optimizer": "kerasbio.optimizers",
    "normalize_adjacency": "kerasbio.layers.adjacency",
    "open_saved_model": "kerasbio.serving.predict",
    "open_table_model": "kerasbio.serving.predict_table",
    "permutation_importance": "kerasbio.training.importance",
    "predict_files": "kerasbio.serving.predict",
    "predict_table": "kerasbio.serving.predict_table",
    "read_graph": "kerasbio.datasets.graph_files",
    "read_tabular": "kerasbio.datasets.table_files",
    "reestimate_batch_normalization": "kerasbio.callbacks",
    "regression_scores": "kerasbio.metrics.regression",
    "sparsemax": "kerasbio.activations",
    "split": "kerasbio.datasets.cases",
    "step": "kerasbio.activations",
    "to_dataset": "kerasbio.datasets.cases",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'kerasbio' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
