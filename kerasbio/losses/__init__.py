"""Losses on logits by default, with integer or one-hot labels, voxel weights and masks.

Predictions of classes are `(batch, *spatial, classes)`: one sigmoid logit, or two or more softmax
logits.
"""

from kerasbio.losses.boundary import Boundary as Boundary
from kerasbio.losses.class_weights import balanced_class_weights as balanced_class_weights
from kerasbio.losses.combination import Combined as Combined
from kerasbio.losses.combination import DiceCrossentropy as DiceCrossentropy
from kerasbio.losses.crossentropy import BinaryCrossentropy as BinaryCrossentropy
from kerasbio.losses.crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from kerasbio.losses.crossentropy import Focal as Focal
from kerasbio.losses.crossentropy import NegativeLogLikelihood as NegativeLogLikelihood
from kerasbio.losses.divergence import GaussianKLDivergence as GaussianKLDivergence
from kerasbio.losses.divergence import KLDivergence as KLDivergence
from kerasbio.losses.divergence import gaussian_kl_divergence as gaussian_kl_divergence
from kerasbio.losses.overlap import Dice as Dice
from kerasbio.losses.overlap import FocalTversky as FocalTversky
from kerasbio.losses.overlap import GeneralizedDice as GeneralizedDice
from kerasbio.losses.overlap import Tversky as Tversky
from kerasbio.losses.regression import Huber as Huber
from kerasbio.losses.regression import MeanAbsoluteError as MeanAbsoluteError
from kerasbio.losses.regression import MeanSquaredError as MeanSquaredError
