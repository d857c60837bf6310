"""Class weights that make up for rare classes."""

import numpy as np
from numpy.typing import ArrayLike


def balanced_class_weights(labels: ArrayLike, num_classes: int) -> np.ndarray:
    """Return weights `(num_classes,)` under which every class weighs alike in all the labels.

    A class that makes up a share s of the labels weighs 1 / (s `num_classes`).

    Reference: [King and Zeng, Logistic regression in rare events data,
    2001](https://doi.org/10.1093/oxfordjournals.pan.a004868).

    Args:
        labels: Whole numbers from 0 to `num_classes` - 1, of any shape: classes of samples, masks.
        num_classes: Number of classes.

    Raises:
        ValueError: If a class does not occur, or a label is none of the classes.
    """
    if not isinstance(num_classes, int | np.integer) or num_classes < 1:
        raise ValueError(f"num_classes must be at least 1. Received: num_classes={num_classes}")
    found, counts = np.unique(np.asarray(labels), return_counts=True)
    strange = [value for value in found.tolist() if value not in range(num_classes)]
    if strange:
        raise ValueError(
            f"labels must be whole numbers from 0 to {num_classes - 1}. "
            f"Received: {', '.join(map(str, strange[:10]))}"
        )
    missing = sorted(set(range(num_classes)) - set(found.tolist()))
    if missing:
        raise ValueError(
            f"each of {num_classes} classes must occur in labels. "
            f"Received: none of class {', '.join(map(str, missing))}"
        )
    return counts.sum() / (num_classes * counts)
