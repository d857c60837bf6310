"""How far two sets of images are apart, as distributions."""

import functools

import numpy as np

DEGREE = 3


class KernelDistance:
    """Squared maximum mean discrepancy between two sets of features, by its unbiased estimate.

    The kernel is `(x @ y / features + 1) ** 3`. The estimate is 0 on average where both sets are
    of one distribution, and may be below 0 by chance.

    Reference: [Gretton et al., A kernel two-sample test,
    2012](https://jmlr.org/papers/v13/gretton12a.html), equation 3; the kernel is that of [Binkowski
    et al., Demystifying MMD GANs, 2018](https://arxiv.org/abs/1801.01401).

    Args:
        first: `(cases, features)`, at least two cases.
        second: `(cases, features)`, at least two cases.

    Raises:
        ValueError: If shapes do not fit, or a set has fewer than two cases.
    """

    def __init__(self, first: np.ndarray, second: np.ndarray):
        if first.ndim != 2 or first.shape[1:] != second.shape[1:]:
            raise ValueError(
                "first and second must be (cases, features) with as many features. "
                f"Received: shapes {first.shape} and {second.shape}"
            )
        if min(len(first), len(second)) < 2:
            raise ValueError(
                f"both sets need two cases. Received: {len(first)} and {len(second)} cases"
            )
        self.first, self.second = first, second

    @functools.cached_property
    def _kernels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        own = [_kernel(x, x) for x in (self.first, self.second)]
        for kernel in own:
            # No case is compared with itself, however often it is drawn.
            np.fill_diagonal(kernel, 0)
        return own[0], own[1], _kernel(self.first, self.second)

    def __call__(
        self, first_weights: np.ndarray | None = None, second_weights: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the distance `(...)`, nan where fewer than two cases of a set have weight.

        Args:
            first_weights: `(..., cases)`, how often each case was drawn; None takes each once.
            second_weights: The same of the second set.
        """
        one = np.ones(len(self.first)) if first_weights is None else np.asarray(first_weights)
        other = np.ones(len(self.second)) if second_weights is None else np.asarray(second_weights)
        first, second, cross = self._kernels
        between = ((one @ cross) * other).sum(-1) / (one.sum(-1) * other.sum(-1))
        return _within(first, one) + _within(second, other) - 2 * between


def _within(kernel: np.ndarray, weights: np.ndarray) -> np.ndarray:
    pairs = weights.sum(-1) ** 2 - (weights**2).sum(-1)
    total = ((weights @ kernel) * weights).sum(-1)
    return np.where(pairs > 0, total / np.where(pairs > 0, pairs, 1), np.nan)


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first @ second.T / first.shape[1] + 1) ** DEGREE
