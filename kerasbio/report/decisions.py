"""How good policies are, and what they do: the comparison and its part of the report."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.environments.diagnosis import Workup
from kerasbio.report.page import Page, format_value
from kerasbio.report.result import Section, display_names, score_section
from kerasbio.training.comparison import NETWORK, ORACLE, Comparison, compare

RANDOM = "random"
MEANINGS = {
    "reward": "Mean reward of a patient",
    "tests": "Tests per patient",
    "missed": "Share in whom disease is missed",
    "overtreated": "Share treated though healthy",
}


@dataclasses.dataclass(frozen=True)
class PolicyComparison(Comparison):
    """What policies come to on the same patients.

    Attributes:
        share_of_gap: How much of the way from chance to the optimum the network has gone, by
            exact expectations.
    """

    share_of_gap: float

    def content(self) -> dict[str, Any]:
        """Return scores and the share of the gap as JSON knows them."""
        return {**super().content(), "share_of_gap": self.share_of_gap}


def greedy_policy(workup: Workup, values: np.ndarray) -> np.ndarray:
    """Return the legal action of the highest value in each state: `(states,)`."""
    return np.where(workup.legal, values, -np.inf).argmax(1)


def compare_policies(
    workup: Workup,
    policies: Mapping[str, np.ndarray],
    count: int,
    *,
    seed: int,
    repeats: int = 1000,
) -> PolicyComparison:
    """Score policies on the same simulated patients.

    Args:
        workup: The problem.
        policies: `(states,)` or `(states, actions)` by predictor, with `"network"`, `"random"`
            and `"oracle"` among them.
        count: Number of patients.
        seed: Seed of patients, results and bootstrap.
        repeats: Draws of the bootstrap.

    Returns:
        The comparison, by mean reward.
    """
    outcomes = {name: workup.simulate(policy, count, seed) for name, policy in policies.items()}

    def statistics(weights: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        total = weights.sum(1)
        return {
            (name, score): weights @ value / total
            for name, outcome in outcomes.items()
            for score, value in outcome._asdict().items()
        }

    found = compare(np.arange(count), statistics, "reward", seed=seed, repeats=repeats)
    return PolicyComparison.extending(found, share_of_gap=share_of_gap(workup, policies))


def decision_sections(
    workup: Workup,
    comparison: PolicyComparison,
    policies: Mapping[str, np.ndarray],
    names: Mapping[str, str],
) -> list[Section]:
    """Return what the report of a policy shows: scores, exact values, and its decisions.

    Args:
        workup: The problem.
        comparison: From `compare_policies`.
        policies: By predictor, as for `compare_policies`.
        names: Display name by predictor.
    """
    shown = display_names(comparison, names)

    def add_exact(page: Page, plots: Path) -> None:
        exact = {name: workup.evaluate(policy) for name, policy in policies.items()}
        page.heading("Exact expectations")
        page.paragraph(
            "Of each policy over all possible patients, by summation and not by simulation. "
            f"{comparison.share_of_gap:.1%} of the gap from chance to the optimum is closed."
        )
        rows = [
            (meaning, *(format_value(float(getattr(exact[p], score))) for p in shown))
            for score, meaning in MEANINGS.items()
        ]
        page.table(["Expectation", *shown.values()], rows)

    def add_decisions(page: Page, plots: Path) -> None:
        best = policies[ORACLE]
        page.heading("What it does")
        page.paragraph(
            "Every situation that the policy comes to, with the probability of the disease there."
        )
        rows = []
        for state in reached(workup, policies[NETWORK]):
            digits = workup.digits[state]
            found = [
                f"{test.name} {('', 'negative', 'positive')[digit]}"
                for test, digit in zip(workup.tests, digits, strict=True)
                if digit
            ]
            rows.append(
                (
                    ", ".join(found) or "at the start",
                    format_value(float(workup.posterior[state])),
                    workup.actions[policies[NETWORK][state]],
                    workup.actions[best[state]],
                )
            )
        columns = ["Findings", "Probability", shown[NETWORK], shown[ORACLE]]
        page.table(columns, rows)

    return [score_section(comparison, names, MEANINGS), add_exact, add_decisions]


def share_of_gap(workup: Workup, policies: Mapping[str, np.ndarray]) -> float:
    """Return how much of the way from chance to the optimum a policy's exact reward has gone."""
    chance, network, best = (
        float(workup.evaluate(policies[name]).reward) for name in (RANDOM, NETWORK, ORACLE)
    )
    return (network - chance) / (best - chance)


def reached(workup: Workup, policy: np.ndarray) -> list[int]:
    """Return the states that a policy `(states,)` comes to, the start first, then by test."""
    found, waiting = [], [0]
    while waiting:
        state = waiting.pop()
        found.append(state)
        action = int(policy[state])
        if action < len(workup.tests):
            step = 3 ** (len(workup.tests) - 1 - action)
            waiting += [state + step, state + 2 * step]
    return found
