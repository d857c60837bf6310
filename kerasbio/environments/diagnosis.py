"""Which test to do next, when to treat, when to let go: the problem and its exact solution."""

import dataclasses
import functools
import itertools
from typing import NamedTuple

import numpy as np

#: The tables of states grow as three to the power of the tests.
MOST_TESTS = 8


class DiagnosticTest(NamedTuple):
    """A test with two results.

    Attributes:
        name: What it is called.
        sensitivity: Probability of a positive result in the ill.
        specificity: Probability of a negative result in the healthy.
        cost: What it costs, in the unit of the losses.
    """

    name: str
    sensitivity: float
    specificity: float
    cost: float

    def describe(self) -> str:
        """Return the test in words."""
        return (
            f"{self.name}: sensitivity {self.sensitivity:g}, specificity {self.specificity:g}, "
            f"cost {self.cost:g}"
        )


#: Work-up of a suspected pulmonary embolism: pooled sensitivities and specificities of the
#: meta-analysis behind the ASH guideline (Blood Advances 2020). Costs are relative, ours.
PULMONARY_EMBOLISM = (
    DiagnosticTest("D-dimer", 0.97, 0.41, 1.0),
    DiagnosticTest("ultrasound", 0.49, 0.96, 3.0),
    DiagnosticTest("CT angiography", 0.94, 0.98, 10.0),
)


class Outcome(NamedTuple):
    """What a policy comes to, one entry per patient or their exact means.

    Attributes:
        reward: Minus the costs of tests and mistakes.
        tests: Number of tests.
        missed: Whether an ill patient was let go.
        overtreated: Whether a healthy patient was treated.
    """

    reward: np.ndarray
    tests: np.ndarray
    missed: np.ndarray
    overtreated: np.ndarray


@dataclasses.dataclass(frozen=True)
class Workup:
    """One disease, some tests, and the losses of the two mistakes.

    A state says of each test whether it is not done (0), negative (1) or positive (2), as digits
    of a number in base three, the first test first. Actions are the tests in their order, then
    to treat, then to discharge; a test is done once at most. Given the disease, tests are
    independent.

    Args:
        tests: The tests, at most 8.
        prior: Probability of the disease before any test.
        missed: Loss where an ill patient is discharged.
        overtreated: Loss where a healthy patient is treated.

    Raises:
        ValueError: If a number is out of its range.
    """

    tests: tuple[DiagnosticTest, ...] = PULMONARY_EMBOLISM
    prior: float = 0.2
    missed: float = 100.0
    overtreated: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.tests) <= MOST_TESTS:
            raise ValueError(f"tests must be 1 to {MOST_TESTS}. Received: {len(self.tests)}")
        if not 0 < self.prior < 1 or not min(self.missed, self.overtreated) > 0:
            raise ValueError(
                "prior must lie between 0 and 1, and both losses above 0. Received: "
                f"prior={self.prior}, missed={self.missed}, overtreated={self.overtreated}"
            )

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of the actions."""
        return (*(test.name for test in self.tests), "treat", "discharge")

    @functools.cached_property
    def digits(self) -> np.ndarray:
        """`(states, tests)` integers: 0 not done, 1 negative, 2 positive."""
        return np.array(list(itertools.product(range(3), repeat=len(self.tests))))

    @property
    def findings(self) -> np.ndarray:
        """`(states, tests)` float32, what an agent sees: 0 not done, -1 negative, 1 positive."""
        return np.array([0, -1, 1], np.float32)[self.digits]

    @property
    def legal(self) -> np.ndarray:
        """`(states, actions)` bool: which actions a state allows."""
        ends = np.ones((len(self.digits), 2), bool)
        return np.concatenate([self.digits == 0, ends], axis=1)

    @functools.cached_property
    def posterior(self) -> np.ndarray:
        """`(states,)`, the probability of the disease in each state.

        A state that perfect tests make impossible has the prior.
        """
        ill, healthy = self._likelihoods
        ill, healthy = self.prior * ill, (1 - self.prior) * healthy
        known = np.full(len(ill), self.prior)
        return np.divide(ill, ill + healthy, out=known, where=ill + healthy > 0)

    @property
    def _likelihoods(self) -> tuple[np.ndarray, np.ndarray]:
        sensitivity = np.array([test.sensitivity for test in self.tests])
        specificity = np.array([test.specificity for test in self.tests])
        one = np.ones_like(sensitivity)
        ill = np.stack([one, 1 - sensitivity, sensitivity])
        healthy = np.stack([one, specificity, 1 - specificity])
        column = np.arange(len(self.tests))
        return ill[self.digits, column].prod(1), healthy[self.digits, column].prod(1)

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the best expected reward of each state `(states,)` and its action `(states,)`.

        By dynamic programming, from the states in which all tests are done.
        """
        values = np.zeros(len(self.digits))
        policy = np.zeros(len(self.digits), np.int64)
        for state in self._backwards():
            found = self._action_values(state, values)
            policy[state] = np.argmax(found)
            values[state] = found[policy[state]]
        return values, policy

    def evaluate(self, policy: np.ndarray) -> Outcome:
        """Return the exact expectations under a policy, at the start.

        Args:
            policy: `(states,)` actions, or `(states, actions)` probabilities.

        Returns:
            An `Outcome` of scalars; `missed` and `overtreated` are probabilities.

        Raises:
            ValueError: If the policy takes an action that its state does not allow.
        """
        policy = np.asarray(policy)
        if policy.ndim == 1:
            policy = np.eye(len(self.actions))[policy]
        if np.any(policy[~self.legal] > 0):
            raise ValueError("policy takes an action that its state does not allow")
        table = np.zeros((4, len(self.digits)))
        for state in self._backwards():
            illness = self.posterior[state]
            for action in map(int, np.flatnonzero(policy[state])):
                if action < len(self.tests):
                    found = self._expected(state, action, table)
                    found += np.array([-self.tests[action].cost, 1, 0, 0])
                elif action == len(self.tests):
                    wrong = 1 - illness
                    found = np.array([-self.overtreated * wrong, 0, 0, wrong])
                else:
                    found = np.array([-self.missed * illness, 0, illness, 0])
                table[:, state] += policy[state, action] * found
        return Outcome(*table[:, 0])

    def random_policy(self) -> np.ndarray:
        """Return the policy `(states, actions)` that takes every legal action alike."""
        return self.legal / self.legal.sum(1, keepdims=True)

    def best_fixed_policy(self) -> tuple[tuple[int, ...], np.ndarray]:
        """Return the best set of tests to do whatever they show, and its policy `(states,)`."""
        every = range(len(self.tests))
        sets = [s for count in range(len(every) + 1) for s in itertools.combinations(every, count)]
        policies = {chosen: self._fixed_policy(chosen) for chosen in sets}
        best = max(sets, key=lambda chosen: float(self.evaluate(policies[chosen]).reward))
        return best, policies[best]

    def simulate(self, policy: np.ndarray, count: int, seed: int) -> Outcome:
        """Follow a policy on simulated patients, the same for every policy of a seed.

        Args:
            policy: As for `evaluate`.
            count: Number of patients.
            seed: Seed of the patients, of all their test results, and of random actions.

        Returns:
            An `Outcome` of arrays `(count,)`.
        """
        random = np.random.default_rng(seed)
        ill = random.uniform(size=count) < self.prior
        rates = [np.where(ill, t.sensitivity, 1 - t.specificity) for t in self.tests]
        positive = random.uniform(size=(count, len(self.tests))) < np.stack(rates, axis=1)
        policy = np.asarray(policy)
        if policy.ndim == 1:
            policy = np.eye(len(self.actions))[policy]
        state, reward, tests = np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
        action, active = np.zeros(count, np.int64), np.ones(count, bool)
        place = 3 ** np.arange(len(self.tests))[::-1]
        costs = np.array([test.cost for test in self.tests])
        while active.any():
            drawn = random.uniform(size=(count, 1)) > np.cumsum(policy[state], axis=1)
            action = np.where(active, drawn.sum(1).clip(max=len(self.actions) - 1), action)
            active &= action < len(self.tests)
            at, done = np.flatnonzero(active), action[active]
            reward[at] -= costs[done]
            tests[at] += 1
            state[at] += place[done] * (1 + positive[at, done])
        missed = ill & (action == len(self.tests) + 1)
        overtreated = ~ill & (action == len(self.tests))
        reward -= self.missed * missed + self.overtreated * overtreated
        return Outcome(reward, tests, missed.astype(float), overtreated.astype(float))

    def _backwards(self) -> np.ndarray:
        """Return the states, those in which more is done before those that lead to them."""
        return np.argsort(-(self.digits > 0).sum(1), kind="stable")

    def _expected(self, state: int, test: int, table: np.ndarray) -> np.ndarray:
        """Return what `table` (..., states) holds on average after a test."""
        step = 3 ** (len(self.tests) - 1 - test)
        illness = self.posterior[state]
        sensitivity, specificity = self.tests[test].sensitivity, self.tests[test].specificity
        positive = illness * sensitivity + (1 - illness) * (1 - specificity)
        return positive * table[..., state + 2 * step] + (1 - positive) * table[..., state + step]

    def _action_values(self, state: int, values: np.ndarray) -> np.ndarray:
        illness = self.posterior[state]
        found = np.full(len(self.actions), -np.inf)
        for test in map(int, np.flatnonzero(self.digits[state] == 0)):
            found[test] = self._expected(state, test, values) - self.tests[test].cost
        found[-2:] = -self.overtreated * (1 - illness), -self.missed * illness
        return found

    def _fixed_policy(self, chosen: tuple[int, ...]) -> np.ndarray:
        ends = self.overtreated * (1 - self.posterior) > self.missed * self.posterior
        policy = len(self.tests) + ends.astype(np.int64)
        for test in reversed(chosen):
            policy[self.digits[:, test] == 0] = test
        return policy
