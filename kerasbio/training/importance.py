"""How much each column of a table matters to a model."""

from collections.abc import Callable, Sequence

import numpy as np

from kerasbio.metrics.bootstrap import Score, bootstrap_by_subject

#: From numbers `(cases, p)` and categories `(cases, q)` to predictions `(cases, ...)`.
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]
#: From predictions and weights `(draws, cases)` to scores `(draws,)`, higher where better.
Scorer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def permutation_importance(
    predict: Predict,
    numbers: np.ndarray,
    categories: np.ndarray,
    columns: Sequence[str],
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
    column, and the choice does not lift what is measured. The intervals are of the subjects, not
    of the permutations; both scores of a difference see the same draws.

    References: [Breiman, Random forests, 2001](https://doi.org/10.1023/A:1010933404324), section
    10; [Fisher, Rudin and Dominici, All models are wrong, but many are useful,
    2019](https://jmlr.org/papers/v20/18-760.html).

    Args:
        predict: Function from numbers and categories to predictions of the same cases.
        numbers: `(cases, p)`; nan where missing, which is shuffled along.
        categories: `(cases, q)` integers.
        columns: Names of the `p + q` columns, numbers first.
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
        ValueError: If shapes do not fit, names repeat, or a number is below 1.
    """
    numbers, categories = np.asarray(numbers), np.asarray(categories)
    _check(numbers, categories, columns, subjects, min(permutations, shown))

    # One copy, of which a column is shuffled and put back: copying a wide table takes its time.
    tables, width = (numbers.copy(), categories.copy()), numbers.shape[1]

    def shuffled(column: int, permutation: int) -> np.ndarray:
        order = np.random.default_rng((seed, column, permutation)).permutation(len(subjects))
        place = tables[0][:, column] if column < width else tables[1][:, column - width]
        kept = place.copy()
        place[:] = kept[order]
        predictions = np.array(predict(*tables))
        place[:] = kept
        return predictions

    original = np.array(predict(*tables))
    chosen = list(range(len(columns)))
    if len(chosen) > shown:
        once = np.ones((1, len(subjects)))
        left = [float(score(shuffled(column, permutations), once)[0]) for column in chosen]
        chosen = np.argsort(left, kind="stable")[:shown].tolist()

    found = {}
    for column in chosen:
        changed = [shuffled(column, permutation) for permutation in range(permutations)]

        def fall(weights: np.ndarray, changed: list[np.ndarray] = changed) -> dict[str, np.ndarray]:
            before = score(original, weights)
            # The mean of the differences: where nothing changed it is 0 and no rounding error.
            return {"fall": np.mean([before - score(after, weights) for after in changed], axis=0)}

        found[columns[column]] = bootstrap_by_subject(subjects, fall, repeats, seed)["fall"]
    return dict(sorted(found.items(), key=lambda item: np.nan_to_num(-item[1].value, nan=np.inf)))


def _check(
    numbers: np.ndarray,
    categories: np.ndarray,
    columns: Sequence[str],
    subjects: np.ndarray,
    least: int,
) -> None:
    count = len(subjects)
    if not (numbers.ndim == categories.ndim == 2 and len(numbers) == len(categories) == count):
        raise ValueError(
            f"numbers and categories must be ({count}, columns), one row per subject of a case. "
            f"Received: shapes {numbers.shape} and {categories.shape}"
        )
    width = numbers.shape[1] + categories.shape[1]
    if len(set(columns)) != len(columns) or len(columns) != width:
        raise ValueError(
            f"columns must be {width} different names. "
            f"Received: {len(columns)}, {len(set(columns))} of them different"
        )
    if least < 1:
        raise ValueError(
            f"permutations and shown must be at least 1. Received: {least} as the lesser"
        )
