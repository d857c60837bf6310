"""How many lesions are found, and how many are invented."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasbio.metrics.bootstrap import WEIGHTS_PER_CHUNK
from kerasbio.metrics.overlap import mask_pair, spacing_of

CRITERIA = ("iou", "coverage")
#: False positives per case at which sensitivity is told.
FROC_RATES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
MISSED = -np.inf


class LesionMatch(NamedTuple):
    """The lesions of a case beside the candidates that a predictor names.

    Attributes:
        volumes: Volume in ml of each lesion, `(lesions,)`.
        confidences: The highest confidence of a candidate that hits the lesion, `(lesions,)`;
            `MISSED`, below all others, where none does.
        false_confidences: Confidences of the candidates that hit no lesion.
    """

    volumes: np.ndarray
    confidences: np.ndarray
    false_confidences: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """Which lesions are hit, `(lesions,)`."""
        return self.confidences > MISSED


def label_lesions(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected components of a mask; voxels that share a corner are connected.

    Returns:
        Integers `(*spatial)`, 0 outside and `k + 1` in component `k`, and how many there are.
    """
    from scipy import ndimage

    return ndimage.label(np.asarray(mask) != 0, np.ones((3,) * np.ndim(mask)))


def lesion_candidates(
    probabilities: np.ndarray, *, share: float = 0.4, lowest: float = 0.1, most: int = 100
) -> tuple[np.ndarray, np.ndarray]:
    """Find lesion candidates in a map of probabilities, and how sure each is.

    A candidate is the region around a peak where the probability is at least `share` of that of
    the peak, which is its confidence; so that faint lesions become candidates too and sharp ones
    do not grow into their surroundings. A region that touches an earlier candidate is its edge,
    and no candidate.

    Reference: [Bosma et al., Semisupervised learning with report-guided pseudo labels for deep
    learning-based prostate cancer detection, 2023](https://doi.org/10.1148/ryai.230031).

    Args:
        probabilities: `(*spatial)`, finite.
        share: Least probability in a candidate over that of its peak, above 0, at most 1.
        lowest: Least probability in a candidate, above 0.
        most: Most candidates that are taken in one region above `lowest`.

    Returns:
        Integers `(*spatial)`, 0 outside and `k + 1` in candidate `k`, and confidences
        `(candidates,)`.

    Raises:
        ValueError: If an argument is out of its range.
    """
    from scipy import ndimage

    probabilities = np.asarray(probabilities)
    if not np.isfinite(probabilities).all():
        raise ValueError(
            "probabilities must be finite. "
            f"Received: {np.count_nonzero(~np.isfinite(probabilities))} that are not"
        )
    if not (0 < share <= 1 and lowest > 0):
        raise ValueError(
            "share must be above 0, at most 1, and lowest above 0. "
            f"Received: share={share}, lowest={lowest}"
        )
    labels = np.zeros(probabilities.shape, np.int32)
    confidences: list[float] = []
    around = np.ones((3,) * probabilities.ndim)
    # A candidate lies in one region above the lowest probability, so each is searched by itself.
    regions, _ = label_lesions(probabilities >= lowest)
    for region, box in enumerate(ndimage.find_objects(regions), 1):
        left = np.where(regions[box] == region, probabilities[box], 0)
        taken = np.zeros(left.shape, bool)
        first = len(confidences)
        while left.max() >= lowest and len(confidences) < first + most:
            peak = left.max()
            parts, _ = ndimage.label(left >= max(share * peak, lowest), around)
            part = parts == parts[np.unravel_index(np.argmax(left), left.shape)]
            left[part] = 0
            if not (ndimage.binary_dilation(part, around) & taken).any():
                confidences.append(float(peak))
                labels[box][part] = len(confidences)
            taken |= part
    return labels, np.array(confidences)


def match_lesions(
    truth: np.ndarray,
    candidates: np.ndarray,
    spacing: Sequence[float] | None = None,
    *,
    confidences: np.ndarray | None = None,
    criterion: str = "iou",
    least: float = 0.1,
) -> LesionMatch:
    """Match the lesions of a case with the candidates that a predictor names.

    A lesion is found if a candidate hits it; further candidates that hit it count neither for nor
    against, and a candidate may hit several. A candidate that hits none is a false positive.

    Reference: [Setio et al., LUNA16, 2017](https://doi.org/10.1016/j.media.2017.06.015), for
    the counting.

    Args:
        truth: `(*spatial)` integers or booleans; connected components of what is not 0 are the
            lesions, voxels that share a corner being connected.
        candidates: The same, of the prediction. With `confidences`, `k + 1` marks candidate `k`.
        spacing: Voxel size in mm per axis, 1 mm if None. A mask of two axes is 1 mm thick.
        confidences: `(candidates,)`, finite, as from `lesion_candidates`; None takes connected
            components as candidates, with confidence 1.
        criterion: Of what a candidate must have a share to hit: `"iou"`, intersection over union
            with the lesion; `"coverage"`, the part of the lesion within the candidate.
        least: The least share, 0 to 1; at 0 any common voxel is a hit.

    Returns:
        The `LesionMatch`.

    Raises:
        ValueError: If an argument does not fit.
    """
    if criterion not in CRITERIA or not 0 <= least <= 1:
        raise ValueError(
            f"criterion must be one of {', '.join(CRITERIA)} and least 0 to 1. "
            f"Received: criterion={criterion!r}, least={least}"
        )
    mask_pair(truth, candidates)
    lesions, count = label_lesions(truth)
    if confidences is None:
        candidates, named = label_lesions(candidates)
        sure = np.ones(named)
    else:
        sure = np.asarray(confidences, np.float64)
        named = len(sure)
        if not np.isfinite(sure).all() or np.max(candidates, initial=0) > named:
            raise ValueError(
                "confidences must be finite and one for each candidate. "
                f"Received: {named} for candidates up to {np.max(candidates, initial=0)}"
            )
    pairs = lesions.astype(np.int64) * (named + 1) + candidates
    counted = np.bincount(pairs.ravel(), minlength=(count + 1) * (named + 1))
    common = counted.reshape(count + 1, named + 1)
    sizes, others = common.sum(axis=1)[1:, None], common.sum(axis=0)[None, 1:]
    common = common[1:, 1:]
    whole = sizes + others - common if criterion == "iou" else sizes
    hits = (common > 0) & (common >= least * whole)
    best = np.where(hits, sure, MISSED).max(axis=1, initial=MISSED)
    voxel = float(np.prod(spacing_of(spacing, np.ndim(truth)))) / 1000
    return LesionMatch(sizes[:, 0] * voxel, best, sure[~hits.any(axis=0)])


def froc_curve(matches: Sequence[LesionMatch]) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of the free-response ROC curve, from `(0, 0)`.

    Args:
        matches: One of each case.

    Returns:
        False positives per case and share of the lesions that are found, among candidates of at
        least each confidence, `(corners,)` each; shares are nan where there is no lesion.

    Raises:
        ValueError: If there is no case.
    """
    _check_cases(matches)
    return _curve(matches, np.ones(len(matches)))


def froc_sensitivity(
    matches: Sequence[LesionMatch],
    rates: Sequence[float] = FROC_RATES,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return which share of the lesions is found at given rates of false positives.

    Nothing is interpolated: the confidence asked for is the lowest one that keeps the rate.

    Args:
        matches: One of each case.
        rates: False positives per case.
        weights: `(..., cases)`, not negative; None weighs all alike.

    Returns:
        Sensitivities `(..., rates)`, nan where there is no lesion.

    Raises:
        ValueError: If there is no case.
    """
    _check_cases(matches)
    weights = np.ones(len(matches)) if weights is None else np.asarray(weights, np.float64)
    draws = weights.reshape(-1, len(matches))
    size = len(draws) * sum(map(len, (c for m in matches for c in m[1:])))
    found = []
    for part in np.array_split(draws, 1 + size // WEIGHTS_PER_CHUNK):
        false, shares = _curve(matches, part)
        last = [np.count_nonzero(false <= rate + 1e-9, axis=-1) - 1 for rate in rates]
        found.append(np.take_along_axis(shares, np.stack(last, axis=-1), axis=-1))
    return np.concatenate(found).reshape(*weights.shape[:-1], len(last))


def _curve(matches: Sequence[LesionMatch], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    numbers = [(len(match.confidences), len(match.false_confidences)) for match in matches]
    lesion_of, false_of = (np.repeat(np.arange(len(matches)), n) for n in np.transpose(numbers))
    hit = np.concatenate([match.confidences for match in matches])
    false = np.concatenate([match.false_confidences for match in matches])
    total = weights[..., lesion_of].sum(axis=-1, keepdims=True)
    lesion_of, hit = lesion_of[hit > MISSED], hit[hit > MISSED]
    events = np.concatenate([hit, false])
    order = np.argsort(-events, kind="stable")
    last_of_tie = np.append(np.diff(events[order]) != 0, True)[: len(order)]
    is_hit = order < len(hit)
    gained = weights[..., np.concatenate([lesion_of, false_of])[order].astype(int)]
    curves = []
    for chosen, whole in ((~is_hit, weights.sum(axis=-1, keepdims=True)), (is_hit, total)):
        steps = np.cumsum(gained * chosen, axis=-1)[..., last_of_tie]
        steps = np.concatenate([np.zeros((*steps.shape[:-1], 1)), steps], axis=-1)
        known = np.where(whole > 0, whole, np.nan)
        curves.append(steps / known)
    return curves[0], curves[1]


def _check_cases(matches: Sequence[LesionMatch]) -> None:
    if not len(matches):
        raise ValueError("matches must be of one case or more. Received: 0 matches")
