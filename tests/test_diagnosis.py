"""The diagnostic work-up: exact values, against independent sums and simulation."""

import itertools

import numpy as np
import pytest

from kerasbio.environments.diagnosis import PULMONARY_EMBOLISM, DiagnosticTest, Workup
from kerasbio.environments.diagnosis_files import read_tests
from kerasbio.errors import KerasbioError
from kerasbio.report.decisions import compare_policies, greedy_policy, reached, share_of_gap


@pytest.mark.parametrize(
    ("prior", "value"), [(0.1, -8.4806), (0.2, -9.7072), (0.3, -10.9338), (0.5, -11.35)]
)
def test_the_optimum_is_the_published_one(prior, value):
    workup = Workup(prior=prior)
    values, policy = workup.solve()
    assert values[0] == pytest.approx(value, abs=5e-5)
    assert float(workup.evaluate(policy).reward) == pytest.approx(values[0])


def test_what_the_optimum_does():
    workup = Workup()
    policy = workup.solve()[1]
    assert [workup.actions[policy[s]] for s in reached(workup, policy)][0] == "D-dimer"
    assert float(workup.evaluate(policy).tests) == pytest.approx(1.666)
    chosen, fixed = workup.best_fixed_policy()
    assert [PULMONARY_EMBOLISM[i].name for i in chosen] == ["CT angiography"]
    assert float(workup.evaluate(fixed).reward) == pytest.approx(-11.68)


def brute_force(workup, policy):
    """The reward of a policy, patient by patient, over all diseases and results."""
    total = 0.0
    for ill in (0, 1):
        weight = workup.prior if ill else 1 - workup.prior
        for results in itertools.product((1, 2), repeat=len(workup.tests)):
            chance, reward, done = weight, 0.0, [0] * len(workup.tests)
            for test, result in zip(workup.tests, results, strict=True):
                positive = test.sensitivity if ill else 1 - test.specificity
                chance *= positive if result == 2 else 1 - positive
            while True:
                state = int(np.flatnonzero((workup.digits == done).all(1))[0])
                action = int(policy[state])
                if action >= len(workup.tests):
                    break
                done[action] = results[action]
                reward -= workup.tests[action].cost
            treated = action == len(workup.tests)
            reward -= workup.missed * ill * (not treated)
            reward -= workup.overtreated * (1 - ill) * treated
            total += chance * reward
    return total


def test_exact_values_are_the_sum_over_all_patients():
    random = np.random.default_rng(0)
    workup = Workup(prior=0.35, missed=70, overtreated=20)
    for _ in range(20):
        policy = greedy_policy(workup, random.normal(size=workup.legal.shape))
        assert float(workup.evaluate(policy).reward) == pytest.approx(brute_force(workup, policy))
    values, policy = workup.solve()
    assert brute_force(workup, policy) == pytest.approx(values[0])


def test_tests_that_are_never_wrong():
    # What they contradict one another in cannot come about, and must not spoil what can.
    screen, biopsy = DiagnosticTest("screen", 1, 0.5, 1), DiagnosticTest("biopsy", 0.9, 1, 5)
    workup = Workup((screen, biopsy), 0.2)
    values, policy = workup.solve()
    assert np.isfinite(values).all()
    assert brute_force(workup, policy) == pytest.approx(values[0])
    assert np.isfinite(float(workup.evaluate(workup.random_policy()).reward))
    chosen, fixed = workup.best_fixed_policy()
    everything = [
        float(workup.evaluate(workup._fixed_policy(s)).reward) for s in ((), (0,), (1,), (0, 1))
    ]
    assert float(workup.evaluate(fixed).reward) == max(everything) <= values[0]


def test_no_policy_beats_the_solution():
    workup = Workup()
    random = np.random.default_rng(1)
    best = workup.solve()[0][0]
    for _ in range(200):
        policy = greedy_policy(workup, random.normal(size=workup.legal.shape))
        assert float(workup.evaluate(policy).reward) <= best + 1e-9


@pytest.mark.parametrize("kind", ["solution", "random"])
def test_simulation_agrees_with_the_exact_values(kind):
    workup = Workup()
    policy = workup.solve()[1] if kind == "solution" else workup.random_policy()
    found = workup.simulate(policy, 60_000, seed=3)
    for exact, drawn in zip(workup.evaluate(policy), found, strict=True):
        error = drawn.std() / np.sqrt(len(drawn))
        assert abs(drawn.mean() - float(exact)) < 4 * error + 1e-9


def test_patients_are_the_same_for_every_policy():
    workup = Workup()
    treat = np.full(len(workup.digits), 3)
    discharge = np.full(len(workup.digits), 4)
    one, other = (workup.simulate(p, 500, seed=7) for p in (treat, discharge))
    # Who is treated though healthy is exactly who is not missed when discharged.
    np.testing.assert_array_equal(one.overtreated, 1 - other.missed)


def test_policies_are_compared_on_paired_patients():
    workup = Workup()
    policies = {
        "network": workup.solve()[1],
        "fixed": workup.best_fixed_policy()[1],
        "random": workup.random_policy(),
        "oracle": workup.solve()[1],
    }
    found = compare_policies(workup, policies, 3000, seed=0, repeats=200)
    assert found.best_baseline == "fixed" and found.monitor == "reward"
    assert found.scores["network"] == found.scores["oracle"]
    assert share_of_gap(workup, policies) == pytest.approx(1)
    assert share_of_gap(workup, {**policies, "network": policies["random"]}) == pytest.approx(0)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Received: prior=1"):
        Workup(prior=1.0)
    with pytest.raises(ValueError, match="tests must be 1 to 8. Received: 9"):
        Workup(tests=(DiagnosticTest("a", 0.9, 0.9, 1),) * 9)
    workup = Workup()
    with pytest.raises(ValueError, match="does not allow"):
        workup.evaluate(np.zeros(len(workup.digits), np.int64))


def test_a_table_of_tests_is_read(tmp_path):
    path = tmp_path / "tests.csv"
    path.write_text("Cost,name, Sensitivity,specificity\n2,strip,0.8,0.9\n5.5,culture,1,0.99\n")
    assert read_tests(path) == (
        DiagnosticTest("strip", 0.8, 0.9, 2),
        DiagnosticTest("culture", 1, 0.99, 5.5),
    )


HEAD = "name,sensitivity,specificity,cost\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "name,cost\na,1\n",
            "lacks the column 'sensitivity' (it has 'name, cost'): its first line must hold name",
        ),
        (HEAD, "holds no row"),
        (HEAD + "a,1,1,1\n" * 9, "holds 9 tests"),
        (HEAD + "a,0,9,0,9,3\n", "line 2: 6 cells where the first line has 4"),
        (HEAD[:-1] + ",note\na,1,1,1,x\n", "has the column 'note'"),
        (HEAD + "a,1.2,1,1\n", "line 2: sensitivity is '1.2', not a number from 0 to 1"),
        (HEAD + "a,nan,1,1\n", "sensitivity is 'nan'"),
        (HEAD + "a,0.9,1,\n", "cost is '', not a number from 0 on"),
        (HEAD + "a,0.9,1,inf\n", "cost is 'inf'"),
        (HEAD + ",0.9,1,1\n", "the name is missing"),
        (HEAD + "a,1,1,1\na,1,1,1\n", "the name 'a' is taken"),
        (HEAD + "treat,1,1,1\n", "the name 'treat' is taken"),
        ("\xff", "no CSV in UTF-8"),
    ],
)
def test_a_wrong_table_is_told_in_a_line(tmp_path, text, words):
    path = tmp_path / "tests.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(KerasbioError) as error:
        read_tests(path)
    assert words in str(error.value) and "\n" not in str(error.value)
    assert "tests.csv" in str(error.value)


def test_an_absent_table():
    with pytest.raises(KerasbioError, match="cannot be read"):
        read_tests("absent.csv")
