"""Exports that TensorFlow Serving takes: a SavedModel is published only through the gate."""

from kerasbio.export.saved_model import export_classifier as export_classifier
from kerasbio.export.saved_model import export_model as export_model
from kerasbio.export.segmenters import export_segmenter as export_segmenter
from kerasbio.export.tables import export_table_model as export_table_model
from kerasbio.export.tasks import export_generator as export_generator
from kerasbio.export.tasks import export_node_classifier as export_node_classifier
from kerasbio.export.tasks import export_policy as export_policy
from kerasbio.export.tasks import export_regressor as export_regressor
