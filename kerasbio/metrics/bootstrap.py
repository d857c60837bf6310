"""Intervals of scores by resampling subjects."""

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np

Key = TypeVar("Key", bound=Hashable)
WEIGHTS_PER_CHUNK = 2**22


class Score(NamedTuple):
    """A score with its 95 % interval; nan where it is undefined."""

    value: float
    low: float
    high: float


def bootstrap_by_subject(
    subjects: np.ndarray,
    statistics: Callable[[np.ndarray], Mapping[Key, np.ndarray]],
    repeats: int = 1000,
    seed: int = 0,
    *,
    raised_by_noise: Collection[Key] = (),
) -> dict[Key, Score]:
    """Give statistics their 95 % percentile intervals by drawing subjects with replacement.

    All cases of a subject are drawn together. All statistics see the same draws, so that a
    difference computed inside `statistics` is paired.

    Args:
        subjects: `(cases,)`, who each case is of.
        statistics: Function from weights of the cases `(draws, cases)`, how often each was
            drawn, to a dict of arrays `(draws,)`.
        repeats: Number of draws.
        seed: Seed of the draws.
        raised_by_noise: Statistics, not negative, that noise can only raise, such as a
            calibration error. Every draw repeats their bias, so that their percentiles lie too
            high: the interval is moved down by the bias that the draws show, and reaches once
            more as far down at its lower end.

    Returns:
        A `Score` for each statistic. Draws in which it is undefined are left out of the
        interval, which is nan where there are fewer than two subjects.

    Raises:
        ValueError: If there is no case, or `repeats` is below 1.
    """
    names, members = np.unique(np.asarray(subjects), return_inverse=True)
    if not len(names) or repeats < 1:
        raise ValueError(
            "cases and repeats must be at least 1. "
            f"Received: {len(members)} cases, repeats={repeats}"
        )
    random = np.random.default_rng(seed)
    shares = np.full(len(names), 1 / len(names))
    values = statistics(np.ones((1, len(members))))
    drawn: dict[Key, list[np.ndarray]] = {name: [] for name in values}
    chunk = max(1, WEIGHTS_PER_CHUNK // len(members))
    for start in range(0, repeats, chunk):
        counts = random.multinomial(len(names), shares, size=min(chunk, repeats - start))
        for name, results in statistics(counts[:, members].astype(np.float64)).items():
            drawn[name].append(results)
    scores = {}
    for name, value in values.items():
        known = np.concatenate(drawn[name])
        known = known[~np.isnan(known)]
        if len(names) < 2 or not len(known) or np.isnan(value[0]):
            scores[name] = Score(float(value[0]), float("nan"), float("nan"))
        else:
            scores[name] = _interval(float(value[0]), known, name in raised_by_noise)
    return scores


def _interval(value: float, drawn: np.ndarray, raised_by_noise: bool) -> Score:
    low, high = np.quantile(drawn, (0.025, 0.975))
    if raised_by_noise:
        bias = max(0.0, float(drawn.mean()) - value)
        low, high = max(0.0, min(low - bias, 2 * value - high)), high - bias
    return Score(value, float(low), float(high))
