"""Scores of a segmenter on held-out subjects beside its baselines and the best possible."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasbio.metrics.lesions import (
    FROC_RATES,
    LesionMatch,
    froc_curve,
    froc_sensitivity,
    lesion_candidates,
    match_lesions,
)
from kerasbio.metrics.ranking import rank_cases
from kerasbio.metrics.segmentation import (
    LOWER_IS_BETTER,
    TOLERANCE,
    class_volumes,
    segmentation_scores,
)
from kerasbio.training.comparison import Comparison, compare

FALSE_POSITIVES = "false_positives_per_case"
FROM_MAPS = ("froc", "case_auroc")


@dataclasses.dataclass(frozen=True)
class SegmentationComparison(Comparison):
    """What a segmenter and those it is measured against score on the same held-out cases.

    Attributes:
        classes: Names of the values of the masks, the background first.
        tolerance: Distance in mm up to which a surface counts as right.
        volumes: True volume in ml of each class but the background, `(cases,)` each.
        predicted_volumes: The same by predictor.
        cases: By predictor, every score of `segmentation_scores` in each case, `(cases,)` each.
        lesion: Name of the class whose connected components are lesions; None where there is none.
        lesions: By predictor, the lesions of each case beside the components of its mask; empty
            where no class is one of lesions.
        candidates: The same beside the candidates in its map of probabilities, of the predictors
            that have one.
    """

    classes: tuple[str, ...]
    tolerance: float
    volumes: dict[str, np.ndarray]
    predicted_volumes: dict[str, dict[str, np.ndarray]]
    cases: dict[str, dict[str, np.ndarray]]
    lesion: str | None
    lesions: dict[str, tuple[LesionMatch, ...]]
    candidates: dict[str, tuple[LesionMatch, ...]]

    def froc(self, predictor: str) -> tuple[np.ndarray, np.ndarray]:
        """Return a predictor's corners of the free-response ROC curve, as `froc_curve` does.

        A predictor without a map of probabilities has one corner besides `(0, 0)`.
        """
        return froc_curve(self.candidates.get(predictor) or self.lesions[predictor])

    def missed(self, predictor: str) -> dict[str, int]:
        """Return in how many cases a predictor leaves out each class that is there."""
        return {
            name: int(np.count_nonzero((true > 0) & (self.predicted_volumes[predictor][name] == 0)))
            for name, true in self.volumes.items()
        }

    def content(self) -> dict[str, Any]:
        """Return scores, classes and sensitivities at rates of false positives as JSON knows."""
        sensitivities = {
            name: {str(r): float(s) for r, s in zip(FROC_RATES, froc_sensitivity(m), strict=True)}
            for name, m in self.candidates.items()
            if any(len(match.volumes) for match in m)
        }
        return {
            **super().content(),
            "classes": list(self.classes),
            "tolerance_mm": self.tolerance,
            "missed_cases": {name: self.missed(name) for name in self.cases},
            "sensitivity_at_false_positives_per_case": sensitivities,
        }


def compare_segmenters(
    truths: Sequence[np.ndarray],
    predictions: Mapping[str, Sequence[np.ndarray]],
    *,
    subjects: np.ndarray,
    classes: Sequence[str],
    spacings: Any = None,
    lesion: str | None = None,
    confidences: Mapping[str, Sequence[np.ndarray]] | None = None,
    monitor: str = "dice",
    tolerance: float = TOLERANCE,
    seed: int = 0,
    repeats: int = 1000,
) -> SegmentationComparison:
    """Score segmenters on the same cases, with paired intervals by bootstrap over subjects.

    Each is scored by the means over all cases of `segmentation_scores`, in which a missed
    structure scores worst and no case is left out. Where a class is one of lesions, each its own
    component, there are besides: `dice_lesion_cases`, its mean Dice over the cases with a lesion;
    `lesion_sensitivity`, the share of all lesions that are found, and
    `false_positives_per_case`, both as in `match_lesions`; `case_sensitivity`, the share of the
    cases with a lesion in which one is predicted, and `case_specificity`, the share of the
    others in which nothing is. Maps of probabilities add `froc`, the mean sensitivity over
    `FROC_RATES`, and `case_auroc`, by the highest probability in each case.

    Args:
        truths: Masks `(*spatial)` of integers below `len(classes)`, one per case, of any size.
        predictions: The same by predictor: `"network"`, one baseline or more under any name, and
            optionally `"oracle"`.
        subjects: `(cases,)`, who each case is of; a subject is drawn with all its cases.
        classes: Names of the values of the masks, the background first.
        spacings: Voxel size in mm per axis, of all cases or one of each; 1 mm if None.
        lesion: Name of the class of lesions; the one beside the background where there is one.
        confidences: Probabilities `(*spatial)` of the class of lesions, one per case, by predictor;
            a predictor may be left out. Ignored where no class is one of lesions.
        monitor: Name of the score that decides, higher where better.
        tolerance: Distance in mm up to which a surface counts as right.
        seed: Seed of the bootstrap.
        repeats: Draws of the bootstrap.

    Returns:
        The `SegmentationComparison`.

    Raises:
        ValueError: If the network or the baselines are missing, `monitor` is no such score, or
            shapes or values do not fit.
    """
    subjects, classes = np.asarray(subjects), tuple(classes)
    spaces = list(spacings) if np.ndim(spacings) == 2 else [spacings] * len(truths)
    lesion = classes[1] if lesion is None and len(classes) == 2 else lesion
    if lesion is not None and lesion not in classes[1:]:
        raise ValueError(f"lesion must be one of {classes[1:]}. Received: lesion={lesion!r}")
    maps = dict(confidences or {}) if lesion else {}
    _check(len(truths), {"subjects": subjects, "spacings": spaces}, predictions, maps, monitor)
    cases = {n: _score(n, truths, m, classes, spaces, tolerance) for n, m in predictions.items()}
    lesions, candidates = {}, {}
    if lesion:
        number = classes.index(lesion)
        marked = _marked(truths, number)
        lesions = {
            name: tuple(map(match_lesions, marked, _marked(masks, number), spaces))
            for name, masks in predictions.items()
        }
        candidates = {name: _match_candidates(marked, maps[name], spaces) for name in maps}
    volumes = _volumes(truths, classes, spaces)
    predicted = {n: _volumes(masks, classes, spaces) for n, masks in predictions.items()}
    statistics = functools.partial(
        _statistics, cases, lesion, volumes, predicted, lesions, candidates, maps
    )
    return SegmentationComparison.extending(
        compare(subjects, statistics, monitor, seed=seed, repeats=repeats),
        classes=classes,
        tolerance=tolerance,
        volumes=volumes,
        predicted_volumes=predicted,
        cases=cases,
        lesion=lesion,
        lesions=lesions,
        candidates=candidates,
    )


def _statistics(
    cases: Mapping[str, Mapping[str, np.ndarray]],
    lesion: str | None,
    volumes: Mapping[str, np.ndarray],
    predicted: Mapping[str, Mapping[str, np.ndarray]],
    lesions: Mapping[str, Sequence[LesionMatch]],
    candidates: Mapping[str, Sequence[LesionMatch]],
    maps: Mapping[str, Sequence[np.ndarray]],
    weights: np.ndarray,
) -> dict[tuple[str, str], np.ndarray]:
    """The scores of every predictor, `(draws,)` each, of weights `(draws, cases)`."""
    found: dict[tuple[str, str], Any] = {}
    for name, scores in cases.items():
        table = np.stack(list(scores.values()), axis=1)
        means = weights @ table / weights.sum(axis=-1, keepdims=True)
        own = dict(zip(scores, np.moveaxis(means, -1, 0), strict=True))
        if lesion:
            present, positive = volumes[lesion] > 0, predicted[name][lesion] > 0
            dice = scores[f"dice_{lesion}"]
            own |= _lesion_scores(lesions[name], dice, present, positive, weights)
            if name in maps:
                own |= _candidate_scores(candidates[name], maps[name], present, weights)
        found |= {(name, score): value for score, value in own.items()}
    return found


def _score(
    name: str,
    truths: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    classes: Sequence[str],
    spacings: Sequence[Any],
    tolerance: float,
) -> dict[str, np.ndarray]:
    """The scores of all cases, `(cases,)` each."""
    rows = []
    for case, (truth, mask, spacing) in enumerate(zip(truths, masks, spacings, strict=True)):
        try:
            rows.append(segmentation_scores(truth, mask, classes, spacing, tolerance=tolerance))
        except ValueError as error:
            raise ValueError(f"case {case} of {name!r}: {error}") from error
    return {score: np.array([row[score] for row in rows]) for score in rows[0]}


def _marked(masks: Sequence[np.ndarray], number: int) -> list[np.ndarray]:
    return [np.asarray(mask) == number for mask in masks]


def _match_candidates(
    truths: Sequence[np.ndarray], maps: Sequence[np.ndarray], spacings: Sequence[Any]
) -> tuple[LesionMatch, ...]:
    matches = []
    for truth, probabilities, spacing in zip(truths, maps, spacings, strict=True):
        labels, sure = lesion_candidates(probabilities)
        matches.append(match_lesions(truth, labels, spacing, confidences=sure))
    return tuple(matches)


def _lesion_scores(
    matches: Sequence[LesionMatch],
    dice: np.ndarray,
    present: np.ndarray,
    positive: np.ndarray,
    weights: np.ndarray,
) -> dict[str, Any]:
    """Scores of lesions and of cases that have them, `(draws,)` each; undefined ones are nan."""

    def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
        total = weights @ whole
        return weights @ part / np.where(total > 0, total, np.nan)

    everyone = np.ones(len(present))
    return {
        "dice_lesion_cases": share(dice * present, present),
        "lesion_sensitivity": share(
            np.array([np.count_nonzero(match.found) for match in matches]),
            np.array([len(match.volumes) for match in matches]),
        ),
        FALSE_POSITIVES: share(
            np.array([len(match.false_confidences) for match in matches]), everyone
        ),
        "case_sensitivity": share(present & positive, present),
        "case_specificity": share(~present & ~positive, ~present),
    }


def _candidate_scores(
    candidates: Sequence[LesionMatch],
    maps: Sequence[np.ndarray],
    present: np.ndarray,
    weights: np.ndarray,
) -> dict[str, Any]:
    """Scores of maps of probabilities, `(draws,)` each."""
    peaks = np.array([np.max(probabilities) for probabilities in maps])
    return {
        "froc": froc_sensitivity(candidates, weights=weights).mean(axis=-1),
        "case_auroc": rank_cases(present, peaks, weights).area(),
    }


def _volumes(
    masks: Sequence[np.ndarray], classes: Sequence[str], spacings: Sequence[Any]
) -> dict[str, np.ndarray]:
    """Volume in ml of each class but the background, `(cases,)` each."""
    rows = [class_volumes(m, classes, s) for m, s in zip(masks, spacings, strict=True)]
    return {name: np.array([row[name] for row in rows]) for name in classes[1:]}


def _check(
    cases: int,
    others: Mapping[str, Any],
    predictions: Mapping[str, Any],
    maps: Mapping[str, Any],
    monitor: str,
) -> None:
    for name, values in (*others.items(), *predictions.items(), *maps.items()):
        if len(values) != cases or not cases:
            raise ValueError(
                f"{name} must be of one or more cases, as many as truths ({cases}). "
                f"Received: {len(values)}"
            )
    if not set(maps) <= set(predictions):
        raise ValueError(
            "confidences must be those of predictors. "
            f"Received: {sorted(set(maps) - set(predictions))}"
        )
    if monitor == FALSE_POSITIVES or monitor.startswith(LOWER_IS_BETTER):
        raise ValueError(
            f"monitor must be a score that is higher where better. Received: monitor={monitor!r}"
        )
    if monitor in FROM_MAPS and set(maps) != set(predictions):
        raise ValueError(f"{monitor} needs confidences of all predictors. Received: {sorted(maps)}")
