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
