"""From a trained network to an answer about a whole image: windows, cleaning, explanation."""

from kerasbio.inference.components import fill_holes as fill_holes
from kerasbio.inference.components import keep_largest_component as keep_largest_component
from kerasbio.inference.components import remove_small_components as remove_small_components
from kerasbio.inference.folding import fold_batch_normalization as fold_batch_normalization
from kerasbio.inference.grad_cam import grad_cam as grad_cam
from kerasbio.inference.sliding_window import sliding_window as sliding_window
