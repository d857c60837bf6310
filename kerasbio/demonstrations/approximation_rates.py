"""How the learning rate and the number of updates decide whether a network learns the tent map."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasbio.demonstrations.approximation import (
    count_parameters,
    matched_width,
    tent_map,
    unexplained_variance,
)
from kerasbio.demonstrations.approximation_studies import (
    CAPACITY,
    DEEP,
    RATE,
    SAMPLES,
    UPDATES,
    middles,
    sample,
)
from kerasbio.demonstrations.ensemble import Learner


class RateStudy(NamedTuple):
    """What a shallow and a deep network leave of a tent map at each rate and number of updates.

    `by_rate` is the unexplained variance `(2, rates, seeds)` after `updates`, one hidden layer
    first. `by_updates` `(3, budgets, seeds)` is that of one layer, of the deep network, and of one
    layer whose corners are spread over the domain at first, each after `budgets` updates at its
    own best rate of those `tuned`: `best` `(3, budgets)`, by the median over seeds.
    """

    folds: int
    depths: tuple[int, int]
    widths: tuple[int, int]
    parameters: tuple[int, int]
    seeds: int
    rates: tuple[float, ...]
    updates: int
    budgets: tuple[int, ...]
    tuned: tuple[float, ...]
    by_rate: np.ndarray
    by_updates: np.ndarray
    best: np.ndarray


class TentClaim(NamedTuple):
    """How many seeds bear out that depth pays on a tent map, at one rate for both networks."""

    rate: float
    seeds: int
    deep_succeeds: int
    shallow_fails: int
    shallow_least: float
    shallow_least_at_any_rate: float


def rate_study(
    rates: Sequence[float] = (0.001, 0.003, 0.01, 0.02, RATE, 0.04, 0.06, 0.1),
    budgets: Sequence[int] = (100, 200, UPDATES, 1000, 2000),
    *,
    tuned: Sequence[float] = (0.01, RATE, 0.1),
    folds: int = 3,
    seeds: int = 10,
    updates: int = UPDATES,
    seed: int = 0,
) -> RateStudy:
    """Tune the rate of one hidden layer and of the deep network of equal capacity.

    What it shows is that depth learns the teeth in fewer updates at most rates, not that one
    layer cannot learn them: at a large rate, or where its corners are spread at first, it does.

    Args:
        rates: Rates to try with `updates`.
        budgets: Numbers of updates to compare, multiples of 50.
        tuned: Rates to try with each of the budgets.
        folds: Folds of the tent map.
        seeds: Number of seeds.
        updates: Number of updates of the comparison by rate.
        seed: The first of the seeds.
    """
    target, tests = tent_map(folds), middles(4 * SAMPLES)
    samples = np.stack([sample(target, seed + i) for i in range(seeds)], axis=1)
    truth = target.at(tests)
    widths = (matched_width(CAPACITY, 1), matched_width(CAPACITY, DEEP))
    shallow = Learner(middles(SAMPLES), samples, seeds, widths[0], 1, seed)
    deep = Learner(middles(SAMPLES), samples, seeds, widths[1], DEEP, seed)

    def leave(learned: Learner, steps: int, rate: float, spread: bool = False) -> np.ndarray:
        learned.train(steps, rate, spread=spread)
        return unexplained_variance(truth, learned(tests).T)

    found = np.array(
        [
            [[leave(learned, steps, rate, spread) for rate in tuned] for steps in budgets]
            for learned, spread in ((shallow, False), (deep, False), (shallow, True))
        ]
    )
    best = np.median(found, axis=-1).argmin(-1)
    return RateStudy(
        folds,
        (1, DEEP),
        widths,
        (count_parameters(widths[0], 1), count_parameters(widths[1], DEEP)),
        seeds,
        tuple(rates),
        updates,
        tuple(budgets),
        tuple(tuned),
        np.array(
            [[leave(learned, updates, rate) for rate in rates] for learned in (shallow, deep)]
        ),
        np.take_along_axis(found, best[..., None, None], axis=2)[:, :, 0],
        np.asarray(tuned)[best],
    )


def tent_claim(study: RateStudy, rate: float = RATE) -> TentClaim:
    """Count seeds: the deep network leaves at most 0.01 unexplained, one layer at least 0.1."""
    shallow, deep = study.by_rate[:, list(study.rates).index(rate)]
    return TentClaim(
        rate,
        study.seeds,
        int((deep <= 0.01).sum()),
        int((shallow >= 0.1).sum()),
        float(shallow.min()),
        float(study.by_rate[0].min()),
    )
