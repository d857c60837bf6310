"""What the field measures, in NumPy, with intervals by bootstrap over subjects."""

from kerasbio.metrics.bootstrap import Score as Score
from kerasbio.metrics.bootstrap import bootstrap_by_subject as bootstrap_by_subject
from kerasbio.metrics.classification import auroc as auroc
from kerasbio.metrics.classification import calibration_curve as calibration_curve
from kerasbio.metrics.classification import classification_scores as classification_scores
from kerasbio.metrics.classification import confusion_matrix as confusion_matrix
from kerasbio.metrics.classification import (
    expected_calibration_error as expected_calibration_error,
)
from kerasbio.metrics.classification import roc_curve as roc_curve
from kerasbio.metrics.regression import coverage as coverage
from kerasbio.metrics.regression import interval_radius as interval_radius
from kerasbio.metrics.regression import regression_scores as regression_scores
