"""A network beside its baselines and the best possible, with paired intervals."""

import dataclasses
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np

from kerasbio.metrics.bootstrap import Score, bootstrap_by_subject

NETWORK = "network"
ORACLE = "oracle"
#: Stands for a predictor beside them while all are resampled together.
MARGIN = "margin"
Key = tuple[str, str]
#: From weights of the cases `(draws, cases)` to the scores `(draws,)` of every predictor.
Statistics = Callable[[np.ndarray], Mapping[Key, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a network and those it is measured against score on the same held-out cases.

    Attributes:
        subjects: `(cases,)`, who each held-out case is of.
        scores: The scores of each predictor with their 95 % intervals: of `"network"`, of the
            baselines and, where the best possible is known, of `"oracle"`.
        monitor: Name of the score that decides.
        best_baseline: The baseline with the best score of that name.
        margins: How far the network is better than each baseline, paired by subject.
    """

    subjects: np.ndarray
    scores: dict[str, dict[str, Score]]
    monitor: str
    best_baseline: str
    margins: dict[str, Score]

    @classmethod
    def extending(cls, found: "Comparison", **own: Any) -> Self:
        """Return a comparison of this class: what is found, and what the class adds to it."""
        general = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
        return cls(**general, **own)

    @property
    def margin(self) -> Score:
        """How far the network is better than the best baseline."""
        return self.margins[self.best_baseline]

    @property
    def beats_baseline(self) -> bool:
        """Whether the whole interval of the margin lies above 0."""
        return self.margin.low > 0

    def content(self) -> dict[str, Any]:
        """Return all scores as JSON knows them; what is undefined is None."""
        return {
            "cases": len(self.subjects),
            "subjects": len(np.unique(self.subjects)),
            "monitor": self.monitor,
            "best_baseline": self.best_baseline,
            "margin": _plain(self.margin),
            "margins": {name: _plain(margin) for name, margin in self.margins.items()},
            "beats_baseline": self.beats_baseline,
            "scores": {
                predictor: {name: _plain(score) for name, score in scores.items()}
                for predictor, scores in self.scores.items()
            },
        }

    def to_json(self) -> str:
        """Return `content` as JSON."""
        return json.dumps(self.content(), indent=2, allow_nan=False) + "\n"


def compare(
    subjects: np.ndarray,
    statistics: Statistics,
    monitor: str,
    *,
    lower_is_better: bool = False,
    raised_by_noise: Collection[Key] = (),
    seed: int = 0,
    repeats: int = 1000,
) -> Comparison:
    """Score predictors on the same cases, with paired intervals by bootstrap over subjects.

    Args:
        subjects: `(cases,)`, who each case is of; a subject is drawn with all its cases.
        statistics: Function from weights `(draws, cases)` to scores `(draws,)`, by predictor and
            name of the score: of `"network"`, one baseline or more, and optionally `"oracle"`.
        monitor: Name of the score that decides.
        lower_is_better: Whether it is better where it is lower.
        raised_by_noise: Scores that noise can only raise, as in `bootstrap_by_subject`.
        seed: Seed of the bootstrap.
        repeats: Draws of the bootstrap.

    Returns:
        The `Comparison`.

    Raises:
        ValueError: If the network or the baselines are missing, or `monitor` is no score.
    """
    sign = -1.0 if lower_is_better else 1.0
    points = statistics(np.ones((1, len(subjects))))
    baselines = _baselines(points, monitor)
    best = _best(baselines, points, monitor, sign)

    def with_margins(weights: np.ndarray) -> dict[Key, np.ndarray]:
        found = dict(statistics(weights))
        for name in baselines:
            found[MARGIN, name] = sign * (found[NETWORK, monitor] - found[name, monitor])
        return found

    found = bootstrap_by_subject(
        subjects, with_margins, repeats, seed, raised_by_noise=raised_by_noise
    )
    margins = {name: found.pop((MARGIN, name)) for name in baselines}
    scores: dict[str, dict[str, Score]] = {predictor: {} for predictor, _ in found}
    for (predictor, name), score in found.items():
        scores[predictor][name] = score
    return Comparison(np.asarray(subjects), scores, monitor, best, margins)


def _baselines(points: Mapping[Key, np.ndarray], monitor: str) -> list[str]:
    predictors = list(dict.fromkeys(predictor for predictor, _ in points))
    baselines = [name for name in predictors if name not in (NETWORK, ORACLE)]
    if NETWORK not in predictors or not baselines:
        raise ValueError(
            "scores must be those of 'network' and at least one baseline. "
            f"Received: {sorted(predictors)}"
        )
    if (NETWORK, monitor) not in points:
        known = sorted(name for predictor, name in points if predictor == NETWORK)
        raise ValueError(
            f"monitor must be one of the scores {', '.join(known)}. Received: monitor={monitor!r}"
        )
    return baselines


def _best(
    baselines: Sequence[str], points: Mapping[Key, np.ndarray], monitor: str, sign: float
) -> str:
    worst = float("-inf")
    values = {name: sign * float(points[name, monitor][0]) for name in baselines}
    return max(baselines, key=lambda name: worst if math.isnan(values[name]) else values[name])


def _plain(score: Score) -> dict[str, Any]:
    return {key: None if math.isnan(v) else v for key, v in score._asdict().items()}
