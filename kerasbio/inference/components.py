"""Cleaning of segmentations by connected components."""

from collections.abc import Iterator, Sequence

import numpy as np


def keep_largest_component(
    labels: np.ndarray, classes: Sequence[int] | None = None, *, connectivity: int | None = None
) -> np.ndarray:
    """Keep the largest connected component of each class; the others become background.

    Args:
        labels: `(*spatial)` integers of two or three axes; 0 is background.
        classes: Which classes are cleaned; all but the background by default.
        connectivity: How many axes may differ between neighbours: 1 where only faces (edges in
            two dimensions) connect, up to the number of axes, the default, where corners do too.

    Returns:
        The cleaned labels. Of components of one size the first in the array is kept.

    Raises:
        ValueError: If an argument is out of range.
    """
    cleaned = _checked(labels, classes, connectivity)
    for _, box, components, sizes in _components(cleaned, classes, connectivity):
        cleaned[box][(components > 0) & (components != np.argmax(sizes) + 1)] = 0
    return cleaned


def remove_small_components(
    labels: np.ndarray,
    spacing: Sequence[float],
    minimum: float,
    classes: Sequence[int] | None = None,
    *,
    connectivity: int | None = None,
) -> np.ndarray:
    """Turn the connected components below a volume into background.

    Args:
        labels: `(*spatial)` integers of two or three axes; 0 is background.
        spacing: Millimetres per pixel along each axis.
        minimum: Least volume in mm³ (1 ml is 1,000 mm³), or least area in mm² in two dimensions,
            of what is kept.
        classes: Which classes are cleaned; all but the background by default.
        connectivity: As in `keep_largest_component`.

    Returns:
        The cleaned labels.

    Raises:
        ValueError: If an argument is out of range.
    """
    cleaned = _checked(labels, classes, connectivity)
    sides = np.asarray(spacing, float)
    if sides.shape != (cleaned.ndim,) or not np.all((sides > 0) & (sides < np.inf)):
        raise ValueError(
            f"spacing must be {cleaned.ndim} lengths in mm above 0. Received: spacing={spacing}"
        )
    if not 0 <= minimum < np.inf:
        raise ValueError(f"minimum must be finite and at least 0. Received: minimum={minimum}")
    found = _components(cleaned, classes, connectivity) if minimum else ()
    for _, box, components, sizes in found:
        # A component of exactly the least volume is kept, whatever the product rounds to.
        small = sizes * sides.prod() < minimum * (1 - 1e-9)
        cleaned[box][np.concatenate([[False], small])[components]] = 0
    return cleaned


def fill_holes(labels: np.ndarray, classes: Sequence[int] | None = None) -> np.ndarray:
    """Give background that one class encloses to that class.

    A hole is background from which no path over faces (edges in two dimensions) leads to the
    border of the array without crossing the class. What lies inside several classes goes to the
    innermost; other classes inside a class stay as they are.

    Args:
        labels: `(*spatial)` integers of two or three axes; 0 is background.
        classes: Which classes are filled; all but the background by default.

    Returns:
        The filled labels.

    Raises:
        ValueError: If an argument is out of range.
    """
    from scipy import ndimage

    filled = _checked(labels, classes)
    background = filled == 0
    holes = []
    for number, box in _boxes(filled, classes):
        region = ndimage.binary_fill_holes(filled[box] == number)
        holes.append((np.count_nonzero(region), number, box, region & background[box]))
    # From the largest to the smallest: what encloses another class is larger than it.
    for _, number, box, hole in sorted(holes, key=lambda found: -found[0]):
        filled[box][hole] = number
    return filled


def _checked(
    labels: np.ndarray, classes: Sequence[int] | None, connectivity: int | None = None
) -> np.ndarray:
    """Return a copy of labels, of whole numbers from 0 on in two or three axes."""
    labels = np.array(labels)
    whole = np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool
    if labels.ndim not in (2, 3) or not whole or labels.min(initial=0) < 0:
        raise ValueError(
            "labels must be whole numbers of at least 0 in two or three axes. "
            f"Received: {labels.dtype.name} of shape {labels.shape}"
        )
    if classes is not None and not all(number >= 1 for number in classes):
        raise ValueError(f"classes must be at least 1. Received: classes={tuple(classes)}")
    if connectivity is not None and connectivity not in range(1, labels.ndim + 1):
        raise ValueError(
            f"connectivity must be from 1 to {labels.ndim}. Received: connectivity={connectivity}"
        )
    return labels


def _boxes(
    labels: np.ndarray, classes: Sequence[int] | None
) -> Iterator[tuple[int, tuple[slice, ...]]]:
    """Yield the classes that are present, each with the box that holds it."""
    from scipy import ndimage

    boxes = ndimage.find_objects(labels.astype(np.int32, copy=False)) if labels.size else []
    for number, box in enumerate(boxes, start=1):
        if box is not None and (classes is None or number in classes):
            yield number, box


def _components(
    labels: np.ndarray, classes: Sequence[int] | None, connectivity: int | None
) -> Iterator[tuple[int, tuple[slice, ...], np.ndarray, np.ndarray]]:
    """Yield for each class its box, its components numbered from 1, and their sizes."""
    from scipy import ndimage

    structure = ndimage.generate_binary_structure(labels.ndim, connectivity or labels.ndim)
    for number, box in _boxes(labels, classes):
        components, _ = ndimage.label(labels[box] == number, structure)
        yield number, box, components, np.bincount(components.ravel())[1:]
