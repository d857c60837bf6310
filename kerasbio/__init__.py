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
    from kerasbio.datasets.augmentation import Augmentation as Augmentation
    from kerasbio.datasets.cases import split as split
    from kerasbio.datasets.cases import to_dataset as to_dataset
    from kerasbio.datasets.files.graph_files import read_graph as read_graph
    from kerasbio.datasets.files.image_folder import ImageFolder as ImageFolder
    from kerasbio.datasets.files.medmnist import MedMNISTFile as MedMNISTFile
    from kerasbio.datasets.files.segmentation_folder import SegmentationFolder as SegmentationFolder
    from kerasbio.datasets.files.volume_files import open_volume as open_volume
    from kerasbio.datasets.files.volume_files import read_mask as read_mask
    from kerasbio.datasets.files.volume_files import read_volume as read_volume
    from kerasbio.datasets.files.volume_files import write_mask_like as write_mask_like
    from kerasbio.datasets.gene_network import GeneNetwork as GeneNetwork
    from kerasbio.datasets.patches import PatchSampler as PatchSampler
    from kerasbio.datasets.phantoms.abdominal_ct import AbdominalCT as AbdominalCT
    from kerasbio.datasets.phantoms.brain_mri import BrainMRI as BrainMRI
    from kerasbio.datasets.phantoms.histology import Histology as Histology
    from kerasbio.datasets.phantoms.radiographs import Radiographs as Radiographs
    from kerasbio.datasets.resampling import resample_image as resample_image
    from kerasbio.datasets.resampling import resample_mask as resample_mask
    from kerasbio.datasets.tables.clinical_table import ClinicalTable as ClinicalTable
    from kerasbio.datasets.tables.encoding import fit_encoding as fit_encoding
    from kerasbio.datasets.tables.files import read_tabular as read_tabular
    from kerasbio.datasets.tables.tabular import TabularCases as TabularCases
    from kerasbio.datasets.tables.tabular import load_wisconsin as load_wisconsin
    from kerasbio.environments.batched import CartPole as CartPole
    from kerasbio.environments.batched import DiagnosisEnvironment as DiagnosisEnvironment
    from kerasbio.environments.diagnosis import Workup as Workup
    from kerasbio.export import export_classifier as export_classifier
    from kerasbio.export import export_generator as export_generator
    from kerasbio.export import export_model as export_model
    from kerasbio.export import export_node_classifier as export_node_classifier
    from kerasbio.export import export_policy as export_policy
    from kerasbio.export import export_regressor as export_regressor
    from kerasbio.export import export_segmenter as export_segmenter
    from kerasbio.export import export_table_model as export_table_model
    from kerasbio.inference.attention import attention_auroc as attention_auroc
    from kerasbio.inference.components import fill_holes as fill_holes
    from kerasbio.inference.components import keep_largest_component as keep_largest_component
    from kerasbio.inference.components import remove_small_components as remove_small_components
    from kerasbio.inference.folding import fold_batch_normalization as fold_batch_normalization
    from kerasbio.inference.grad_cam import grad_cam as grad_cam
    from kerasbio.inference.sliding_window import sliding_window as sliding_window
    from kerasbio.layers.adjacency import normalize_adjacency as normalize_adjacency
    from kerasbio.layers.prepare_images import PrepareImages as PrepareImages
    from kerasbio.layers.prepare_scans import PrepareScans as PrepareScans
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
    from kerasbio.metrics.classification import brier_score as brier_score
    from kerasbio.metrics.classification import classification_scores as classification_scores
    from kerasbio.metrics.classification import (
        expected_calibration_error as expected_calibration_error,
    )
    from kerasbio.metrics.dice_score import DiceScore as DiceScore
    from kerasbio.metrics.kernel_distance import KernelDistance as KernelDistance
    from kerasbio.metrics.lesions import froc_curve as froc_curve
    from kerasbio.metrics.lesions import froc_sensitivity as froc_sensitivity
    from kerasbio.metrics.lesions import lesion_candidates as lesion_candidates
    from kerasbio.metrics.lesions import match_lesions as match_lesions
    from kerasbio.metrics.overlap import dice_coefficient as dice_coefficient
    from kerasbio.metrics.overlap import intersection_over_union as intersection_over_union
    from kerasbio.metrics.overlap import volume_error as volume_error
    from kerasbio.metrics.ranking import average_precision as average_precision
    from kerasbio.metrics.ranking import sensitivity_at_specificity as sensitivity_at_specificity
    from kerasbio.metrics.regression import regression_scores as regression_scores
    from kerasbio.metrics.segmentation import segmentation_scores as segmentation_scores
    from kerasbio.metrics.surface import SurfaceDistances as SurfaceDistances
    from kerasbio.metrics.surface import average_surface_distance as average_surface_distance
    from kerasbio.metrics.surface import hausdorff_distance as hausdorff_distance
    from kerasbio.metrics.surface import normalized_surface_dice as normalized_surface_dice
    from kerasbio.models.agent import build_q_network as build_q_network
    from kerasbio.models.cnn import build_alexnet as build_alexnet
    from kerasbio.models.cnn import build_alexnet_single_tower as build_alexnet_single_tower
    from kerasbio.models.cnn import build_lenet5 as build_lenet5
    from kerasbio.models.cnn import build_lenet5_1998 as build_lenet5_1998
    from kerasbio.models.cnn import build_resnet as build_resnet
    from kerasbio.models.cnn import build_vgg as build_vgg
    from kerasbio.models.gan import build_dcgan_discriminator as build_dcgan_discriminator
    from kerasbio.models.gan import build_dcgan_generator as build_dcgan_generator
    from kerasbio.models.graph import build_gcn as build_gcn
    from kerasbio.models.perceptron import build_mlp as build_mlp
    from kerasbio.models.perceptron import build_perceptron as build_perceptron
    from kerasbio.models.unet import build_attention_unet as build_attention_unet
    from kerasbio.models.unet import (
        build_equal_resolution_attention_unet as build_equal_resolution_attention_unet,
    )
    from kerasbio.models.unet import build_nested_unet as build_nested_unet
    from kerasbio.models.unet import build_unet as build_unet
    from kerasbio.models.unet import build_unet_3d as build_unet_3d
    from kerasbio.models.unet import plan_pooling as plan_pooling
    from kerasbio.optimizers import ScheduleFreeAdamW as ScheduleFreeAdamW
    from kerasbio.optimizers import make_optimizer as make_optimizer
    from kerasbio.perceptron_rule import PerceptronTrainer as PerceptronTrainer
    from kerasbio.saving import load_model as load_model
    from kerasbio.serving.predict import open_saved_model as open_saved_model
    from kerasbio.serving.predict import predict_files as predict_files
    from kerasbio.serving.predict_table import open_table_model as open_table_model
    from kerasbio.serving.predict_table import predict_table as predict_table
    from kerasbio.serving.predict_volume import open_segmenter as open_segmenter
    from kerasbio.serving.predict_volume import segment_file as segment_file
    from kerasbio.serving.predict_volume import segment_files as segment_files
    from kerasbio.training.importance import permutation_importance as permutation_importance
    from kerasbio.training.segmentation import compare_segmenters as compare_segmenters
    from kerasbio.training.trainer import Trainer as Trainer

_NAMES = {
    "kerasbio.activations": ("get_activation", "sparsemax", "step"),
    "kerasbio.adversarial": ("AdversarialTrainer",),
    "kerasbio.agents.dqn": ("DQNTrainer",),
    "kerasbio.callbacks": (
        "BatchNormalizationControl",
        "GradientClipping",
        "GradientHealth",
        "LearningRateSchedule",
        "reestimate_batch_normalization",
    ),
    "kerasbio.datasets.augmentation": ("Augmentation",),
    "kerasbio.datasets.cases": ("split", "to_dataset"),
    "kerasbio.datasets.files.graph_files": ("read_graph",),
    "kerasbio.datasets.files.image_folder": ("ImageFolder",),
    "kerasbio.datasets.files.medmnist": ("MedMNISTFile",),
    "kerasbio.datasets.files.segmentation_folder": ("SegmentationFolder",),
    "kerasbio.datasets.files.volume_files": (
        "open_volume",
        "read_mask",
        "read_volume",
        "write_mask_like",
    ),
    "kerasbio.datasets.gene_network": ("GeneNetwork",),
    "kerasbio.datasets.patches": ("PatchSampler",),
    "kerasbio.datasets.phantoms.abdominal_ct": ("AbdominalCT",),
    "kerasbio.datasets.phantoms.brain_mri": ("BrainMRI",),
    "kerasbio.datasets.phantoms.histology": ("Histology",),
    "kerasbio.datasets.phantoms.radiographs": ("Radiographs",),
    "kerasbio.datasets.resampling": ("resample_image", "resample_mask"),
    "kerasbio.datasets.tables.clinical_table": ("ClinicalTable",),
    "kerasbio.datasets.tables.encoding": ("fit_encoding",),
    "kerasbio.datasets.tables.files": ("read_tabular",),
    "kerasbio.datasets.tables.tabular": ("TabularCases", "load_wisconsin"),
    "kerasbio.environments.batched": ("CartPole", "DiagnosisEnvironment"),
    "kerasbio.environments.diagnosis": ("Workup",),
    "kerasbio.export": (
        "export_classifier",
        "export_generator",
        "export_model",
        "export_node_classifier",
        "export_policy",
        "export_regressor",
        "export_segmenter",
        "export_table_model",
    ),
    "kerasbio.inference.attention": ("attention_auroc",),
    "kerasbio.inference.components": (
        "fill_holes",
        "keep_largest_component",
        "remove_small_components",
    ),
    "kerasbio.inference.folding": ("fold_batch_normalization",),
    "kerasbio.inference.grad_cam": ("grad_cam",),
    "kerasbio.inference.sliding_window": ("sliding_window",),
    "kerasbio.layers.adjacency": ("normalize_adjacency",),
    "kerasbio.layers.prepare_images": ("PrepareImages",),
    "kerasbio.layers.prepare_scans": ("PrepareScans",),
    "kerasbio.layers.prepare_table": ("PrepareTable",),
    "kerasbio.losses": (
        "BinaryCrossentropy",
        "Boundary",
        "CategoricalCrossentropy",
        "Combined",
        "Dice",
        "DiceCrossentropy",
        "Focal",
        "FocalTversky",
        "GaussianKLDivergence",
        "GeneralizedDice",
        "Huber",
        "KLDivergence",
        "MeanAbsoluteError",
        "MeanSquaredError",
        "NegativeLogLikelihood",
        "Tversky",
        "balanced_class_weights",
        "gaussian_kl_divergence",
    ),
    "kerasbio.metrics.bootstrap": ("bootstrap_by_subject",),
    "kerasbio.metrics.classification": (
        "auroc",
        "brier_score",
        "classification_scores",
        "expected_calibration_error",
    ),
    "kerasbio.metrics.dice_score": ("DiceScore",),
    "kerasbio.metrics.kernel_distance": ("KernelDistance",),
    "kerasbio.metrics.lesions": (
        "froc_curve",
        "froc_sensitivity",
        "lesion_candidates",
        "match_lesions",
    ),
    "kerasbio.metrics.overlap": ("dice_coefficient", "intersection_over_union", "volume_error"),
    "kerasbio.metrics.ranking": ("average_precision", "sensitivity_at_specificity"),
    "kerasbio.metrics.regression": ("regression_scores",),
    "kerasbio.metrics.segmentation": ("segmentation_scores",),
    "kerasbio.metrics.surface": (
        "SurfaceDistances",
        "average_surface_distance",
        "hausdorff_distance",
        "normalized_surface_dice",
    ),
    "kerasbio.models.agent": ("build_q_network",),
    "kerasbio.models.cnn": (
        "build_alexnet",
        "build_alexnet_single_tower",
        "build_lenet5",
        "build_lenet5_1998",
        "build_resnet",
        "build_vgg",
    ),
    "kerasbio.models.gan": ("build_dcgan_discriminator", "build_dcgan_generator"),
    "kerasbio.models.graph": ("build_gcn",),
    "kerasbio.models.perceptron": ("build_mlp", "build_perceptron"),
    "kerasbio.models.unet": (
        "build_attention_unet",
        "build_equal_resolution_attention_unet",
        "build_nested_unet",
        "build_unet",
        "build_unet_3d",
        "plan_pooling",
    ),
    "kerasbio.optimizers": ("ScheduleFreeAdamW", "make_optimizer"),
    "kerasbio.perceptron_rule": ("PerceptronTrainer",),
    "kerasbio.saving": ("load_model",),
    "kerasbio.serving.predict": ("open_saved_model", "predict_files"),
    "kerasbio.serving.predict_table": ("open_table_model", "predict_table"),
    "kerasbio.serving.predict_volume": ("open_segmenter", "segment_file", "segment_files"),
    "kerasbio.training.importance": ("permutation_importance",),
    "kerasbio.training.segmentation": ("compare_segmenters",),
    "kerasbio.training.trainer": ("Trainer",),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'kerasbio' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    hidden = {"Any", "TYPE_CHECKING", "importlib"}
    return sorted({*globals(), *_MODULES} - hidden)
