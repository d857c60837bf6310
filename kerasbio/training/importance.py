"""How much each column of a table matters to a model."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from kerasbio.metrics.bootstrap import Score, bootstrap_by_subject

#: From features `(cases, width)` to predictions `(cases, ...)`.
Predict = Callable[[np.ndarray], np.ndarray]
#: From predictions and weights `(draws, cases)` to scores `(draws,)`, higher where better.
Scorer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def permutation_importance(
    predict: Predict,
    features: np.ndarray,
    groups: Mapping[str, Sequence[int]],
    subjects: np.ndarray,
    score: Scorer,
    *,
    permutations: int = 5,
    shown: int = 20,
    seed: int = 0,
    repeats: int = 1000,
) -> dict[str, Score]:
    """Measure by how much a score falls when one column is shuffled over the cases.

    Where there are more than `shown` columns, one permutation of each tells which are the
    largest, and other permutations then measure those: a wide table costs one prediction per
    column. They are the largest of many on the same cases, and some are so by chance. The
    intervals are of the subjects, not of the permutations; both scores of a difference see the
    same draws.

    References: [Breiman, Random forests, 2001](https://doi.org/10.1023/A:1010933404324), section
    10; [Fisher, Rudin and Dominici, All models are wrong, but many are useful,
    2019](https://jmlr.org/papers/v20/18-760.html).

    Args:
        predict: Function from features to predictions of the same cases.
        features: `(cases, width)`.
        groups: Which features stand for each column; they are shuffled together.
        subjects: `(cases,)`, who each case is of; a subject is drawn with all its cases.
        score: Function from predictions and weights `(draws, cases)` to scores `(draws,)`, higher
            where better.
        permutations: How many shuffles the importance is the mean of.
        shown: How many columns are measured at most.
        seed: Seed of the permutations, together with the place of the column, and of the draws.
        repeats: Draws of the bootstrap.

    Returns:
        The importance of each column measured, with its 95 % interval, the largest first.

    Raises:
        ValueError: If shapes do not fit, or a number is below 1.
    """
    features = np.asarray(features)
    if features.ndim != 2 or len(features) != len(subjects) or permutations < 1 or shown < 1:
        raise ValueError(
            f"features must be ({len(subjects)}, width), one row per subject of a case, and "
            f"permutations and shown at least 1. Received: shape {features.shape}, "
            f"permutations={permutations}, shown={shown}"
        )
    # One copy, of which a column is shuffled and put back: copying a wide table takes its time.
    table, names = features.copy(), list(groups)

    def shuffled(column: int, permutation: int) -> np.ndarray:
        order = np.random.default_rng((seed, column, permutation)).permutation(len(table))
        places = list(groups[names[column]])
        kept = table[:, places]
        table[:, places] = kept[order]
        predictions = np.array(predict(table))
        table[:, places] = kept
        return predictions

    original = np.array(predict(table))
    chosen = list(range(len(names)))
    if len(chosen) > shown:
        once = np.ones((1, len(table)))
        left = [float(score(shuffled(column, permutations), once)[0]) for column in chosen]
        chosen = np.argsort(left, kind="stable")[:shown].tolist()

    found = {}
    for column in chosen:
        changed = [shuffled(column, permutation) for permutation in range(permutations)]

        def fall(weights: np.ndarray, changed: list[np.ndarray] = changed) -> dict[str, np.ndarray]:
            before = score(original, weights)
            # The mean of the differences: where nothing changed it is 0 and no rounding error.
            return {"fall": np.mean([before - score(after, weights) for after in changed], axis=0)}

        found[names[column]] = bootstrap_by_subject(subjects, fall, repeats, seed)["fall"]
    return dict(sorted(found.items(), key=lambda item: np.nan_to_num(-item[1].value, nan=np.inf)))
