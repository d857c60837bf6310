"""The simulated ward against what its documentation says."""

import numpy as np
import pytest
from scipy import stats

from kerasbio.datasets.tables.clinical_table import (
    BASE,
    BLOCK,
    SLOPE,
    ClinicalTable,
    burden,
    filtration,
)
from kerasbio.metrics import auroc


@pytest.fixture(scope="module")
def table():
    return ClinicalTable(20_000, seed=3)


def column(table, name):
    return table.numbers[:, table.numeric.index(name)].astype(np.float64)


def test_a_case_is_a_function_of_seed_and_place(table):
    fewer = ClinicalTable(BLOCK + 7, seed=3)
    np.testing.assert_array_equal(fewer.numbers, table.numbers[: BLOCK + 7])
    np.testing.assert_array_equal(fewer.labels, table.labels[: BLOCK + 7])
    assert (ClinicalTable(100, seed=4).numbers != table.numbers[:100]).any()


def test_moments_are_those_documented(table):
    for name, mean, spread in (("sodium", 139, 4), ("albumin", 3.8, 0.6), ("potassium", 4.2, 0.6)):
        found = column(table, name)
        assert found.mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(len(found)))
        assert found.std() == pytest.approx(spread, rel=0.03)
    for name, median, spread in (("glucose", 120, 0.45), ("lactate", 1.5, 0.5)):
        logs = np.log(column(table, name))
        assert np.median(logs) == pytest.approx(np.log(median), abs=0.03)
        assert logs.std() == pytest.approx(spread, rel=0.05)
    winters = column(table, "paco2") - 1.5 * column(table, "bicarbonate") - 8
    assert winters.mean() == pytest.approx(0, abs=0.15) and winters.std() == pytest.approx(
        4, rel=0.03
    )
    assert np.isnan(table.numbers).mean(axis=0).nonzero()[0].tolist() == [
        table.numeric.index("temperature"),
        table.numeric.index("platelets"),
    ]
    assert np.isnan(column(table, "platelets")).mean() == pytest.approx(0.1, abs=0.01)


def test_labels_are_drawn_from_the_risk(table):
    """Calibrated in the large and in tenths: no better score than that of the cause is possible."""
    risk = 1 / (1 + np.exp(-table.cause[:, 0]))
    for part in np.array_split(np.argsort(risk), 10):
        expected, count = risk[part].mean(), len(part)
        spread = np.sqrt((risk[part] * (1 - risk[part])).sum()) / count
        assert table.labels[part].mean() == pytest.approx(expected, abs=4 * spread)
    assert auroc(table.labels, risk) == pytest.approx(0.933, abs=0.006)


def test_the_risk_follows_from_the_recorded_numbers(table):
    known = {name: column(table, name) for name in table.numeric}
    known["female"] = (table.categories[:, 0] == 0).astype(float)
    np.testing.assert_allclose(BASE + SLOPE * burden(known), table.cause[:, 0], atol=2e-3)


def test_each_column_alone_says_little(table):
    for name in table.numeric:
        found = column(table, name)
        known = ~np.isnan(found)
        assert abs(auroc(table.labels[known], found[known]) - 0.5) < 0.12, name
    for name in ("lactate", "temperature", "platelets"):
        found = column(table, name)
        known = ~np.isnan(found)
        test = stats.mannwhitneyu(
            found[known & (table.labels == 1)], found[known & (table.labels == 0)]
        )
        assert test.pvalue > 1e-3, name


def test_filtration_is_that_of_ckd_epi_2021():
    # By hand from Inker et al., NEJM 2021: a man of 50 at 1.0, a woman of 60 at 0.6 mg/dL.
    assert filtration(1.0, 50, 0) == pytest.approx(142 * (1 / 0.9) ** -1.2 * 0.9938**50)
    assert filtration(0.6, 60, 1) == pytest.approx(142 * (0.6 / 0.7) ** -0.241 * 0.9938**60 * 1.012)
    assert filtration(1.0, 50, 0) == pytest.approx(92, abs=1)


def test_difficulty_lowers_the_best_score():
    scores = [
        auroc(t.labels, t.cause[:, 0])
        for t in (ClinicalTable(5000, difficulty=d) for d in (0.5, 1, 4))
    ]
    assert scores[0] > scores[1] + 0.02 > scores[2] + 0.1
    with pytest.raises(ValueError, match="difficulty above 0"):
        ClinicalTable(5, difficulty=0)
