"""Simulated patients on a ward whose risk lies in what physicians compute from the numbers."""

import numpy as np

from kerasbio.datasets.tables.tabular import TabularCases

#: Cases drawn together: case `i` is the same however many there are.
BLOCK = 1000
#: Columns with mean and standard deviation of the normal variable behind each.
NORMAL = {
    "age": (62.0, 15.0),  # years
    "bicarbonate": (24.0, 4.5),  # mmol/L
    "breathing": (0.0, 4.0),  # mmHg of PaCO2 beside what Winters' formula expects
    "albumin": (3.8, 0.6),  # g/dL
    "anion_gap": (12.0, 3.0),  # mmol/L, at an albumin of 4 g/dL
    "sodium": (139.0, 4.0),  # mmol/L
    "potassium": (4.2, 0.6),  # mmol/L
    "calcium": (9.4, 0.6),  # mg/dL, at an albumin of 4 g/dL
    "osmolal_gap": (5.0, 6.0),  # mOsm/kg
    "heart_rate": (88.0, 18.0),  # per minute
    "systolic": (125.0, 22.0),  # mmHg
    "temperature": (37.2, 0.7),  # °C
}
#: Columns with median and standard deviation of the logarithm.
LOGNORMAL = {
    "glucose": (120.0, 0.45),  # mg/dL
    "urea": (17.0, 0.5),  # mg/dL of urea nitrogen
    "creatinine": (0.9, 0.4),  # mg/dL
    "lactate": (1.5, 0.5),  # mmol/L
    "platelets": (230.0, 0.35),  # per nL
    "overdose": (1.0, 0.5),  # dose over that which the kidneys clear
}
#: Digits after the point with which each column is recorded.
RECORDED = {
    "age": 0,
    "sodium": 1,
    "potassium": 2,
    "chloride": 1,
    "bicarbonate": 1,
    "albumin": 2,
    "calcium": 2,
    "glucose": 0,
    "urea": 1,
    "osmolality": 1,
    "creatinine": 2,
    "paco2": 1,
    "lactate": 1,
    "heart_rate": 0,
    "systolic": 0,
    "dose": 0,
    "temperature": 1,
    "platelets": 0,
}
#: Share of temperatures and of platelets that nobody took. Neither bears on the risk, so that the
#: best possible score is the same with all of them.
SHARE_MISSING = 0.1
#: mg/day of the drug that 1 mL/min of filtration clears.
CLEARANCE = 10.0
#: Logit of the risk without any burden, and how steeply it rises with that.
BASE, SLOPE = -1.6, 1.6
CAUSES = ("logit",)


class ClinicalTable(TabularCases):
    """Patients of an internal ward, of whom some deteriorate within a day.

    Each column alone says little. The risk rises with the distance, to either side, of quantities
    that physicians derive from several columns:

    - PaCO2 less 1.5 bicarbonate + 8, what the lungs should make of it (Winters, 1967);
    - calcium + 0.8 (4 - albumin) (Payne et al., 1973);
    - sodium + 1.6 (glucose - 100) / 100 (Katz, 1973);
    - the dose of a drug over what the kidneys clear, with their filtration by CKD-EPI 2021 (Inker
      et al., 2021);
    - potassium;

    and with the osmolal gap, osmolality - 2 sodium - glucose / 18 - urea / 2.8, most of all where
    the anion gap + 2.5 (4 - albumin) (Figge et al., 1998) is wide as well; with the shock index,
    heart rate over systolic pressure (Allgöwer and Burri, 1967); and with age. Temperature,
    platelets and lactate bear on nothing. The label is drawn from the risk that the recorded
    numbers give, so that one who knew the rule would score best, and `cause` is the logit of that
    risk. The means and spreads are near those of hospital patients; the weights are ours.
    Simulated: no clinical performance is implied.

    Args:
        num_cases: Number of patients, one row each.
        difficulty: Divides how steeply the risk rises.
        seed: Seed of everything; case `i` is a function of `(seed, i)`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    cause_names = CAUSES

    def __init__(self, num_cases: int, *, difficulty: float = 1.0, seed: int = 0):
        if num_cases < 1 or not difficulty > 0:
            raise ValueError(
                "num_cases must be at least 1 and difficulty above 0. "
                f"Received: num_cases={num_cases}, difficulty={difficulty}"
            )
        blocks = [_draw(seed, block) for block in range(-(-num_cases // BLOCK))]
        drawn = {name: np.concatenate([b[name] for b in blocks])[:num_cases] for name in blocks[0]}
        table = _record(drawn)
        logit = BASE + SLOPE / difficulty * burden(table)
        labels = (drawn["fate"] < 1 / (1 + np.exp(-logit))).astype(np.int64)
        for name in ("temperature", "platelets"):
            table[name] = np.where(drawn[f"{name}_missing"] < SHARE_MISSING, np.nan, table[name])
        super().__init__(
            numeric=tuple(RECORDED),
            numbers=np.stack([table[name] for name in RECORDED], axis=1),
            categorical=("sex",),
            categories=table["female"][:, None] == 0,
            values=[("female", "male")],
            target="outcome",
            labels=labels,
            subjects=np.array([f"P{i:06d}" for i in range(num_cases)]),
            classes=("stable", "worse"),
            cause=logit[:, None],
        )


def _draw(seed: int, block: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng((seed, block))
    drawn = {n: random.normal(mean, spread, BLOCK) for n, (mean, spread) in NORMAL.items()}
    for name, (median, spread) in LOGNORMAL.items():
        drawn[name] = median * np.exp(random.normal(0, spread, BLOCK))
    for name in ("female", "temperature_missing", "platelets_missing", "fate"):
        drawn[name] = random.uniform(size=BLOCK)
    return drawn


def _record(drawn: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what stands in the table: each quantity that was drawn, as the laboratory sees it."""
    table = dict(drawn)
    table["age"] = np.clip(drawn["age"], 18, 100)
    table["female"] = (drawn["female"] < 0.5).astype(float)
    table["bicarbonate"] = np.maximum(drawn["bicarbonate"], 6)
    table["paco2"] = np.maximum(1.5 * table["bicarbonate"] + 8 + drawn["breathing"], 10)
    lack = 4 - drawn["albumin"]
    table["calcium"] = drawn["calcium"] - 0.8 * lack
    table["chloride"] = drawn["sodium"] - table["bicarbonate"] - (drawn["anion_gap"] - 2.5 * lack)
    table["osmolality"] = (
        2 * drawn["sodium"] + drawn["glucose"] / 18 + drawn["urea"] / 2.8 + drawn["osmolal_gap"]
    )
    table["creatinine"] = drawn["creatinine"] * np.where(table["female"], 1.0, 1.2)
    cleared = filtration(table["creatinine"], table["age"], table["female"])
    table["dose"] = CLEARANCE * cleared * drawn["overdose"]
    table["systolic"] = np.maximum(drawn["systolic"], 50)
    table["heart_rate"] = np.maximum(drawn["heart_rate"], 30)
    return table | {name: np.round(table[name], digits) for name, digits in RECORDED.items()}


def filtration(creatinine: np.ndarray, age: np.ndarray, female: np.ndarray) -> np.ndarray:
    """Return the estimated filtration of the kidneys in mL/min/1.73 m², by CKD-EPI 2021.

    Args:
        creatinine: In mg/dL.
        age: In years.
        female: 1 for women, 0 for men.
    """
    ratio = creatinine / np.where(female, 0.7, 0.9)
    low = np.minimum(ratio, 1) ** np.where(female, -0.241, -0.302)
    return 142 * low * np.maximum(ratio, 1) ** -1.2 * 0.9938**age * np.where(female, 1.012, 1)


def burden(table: dict[str, np.ndarray]) -> np.ndarray:
    """Return how far the derived quantities of patients are from what they should be.

    A quantity that may be off to either side counts by its square, less the mean of that.
    """
    t = table
    lack = 4 - t["albumin"]
    breathing = (t["paco2"] - 1.5 * t["bicarbonate"] - 8) / 4
    calcium = (t["calcium"] + 0.8 * lack - 9.4) / 0.6
    overdose = np.log(t["dose"] / CLEARANCE / filtration(t["creatinine"], t["age"], t["female"]))
    sodium = (t["sodium"] + 1.6 * (t["glucose"] - 100) / 100 - 139.5) / 4.2
    potassium = (t["potassium"] - 4.2) / 0.6
    gap = (t["osmolality"] - 2 * t["sodium"] - t["glucose"] / 18 - t["urea"] / 2.8 - 5) / 6
    anions = (t["sodium"] - t["chloride"] - t["bicarbonate"] + 2.5 * lack - 12) / 3
    shock = (t["heart_rate"] / t["systolic"] - 0.72) / 0.2
    return (
        1.0 * _either_side(breathing)
        + 0.9 * _either_side(calcium)
        + 1.0 * _either_side(overdose / 0.5)
        + 0.7 * _either_side(sodium)
        + 0.4 * _either_side(potassium)
        + 0.96 * np.maximum(gap, 0)
        + 1.2 * np.maximum(anions, 0) * np.maximum(gap, 0)
        + 0.5 * shock
        + 0.3 * (t["age"] - 62) / 15
    )


def _either_side(z: np.ndarray) -> np.ndarray:
    """Return the square of a standard normal variable, itself brought to mean 0 and deviation 1."""
    return (z**2 - 1) / np.sqrt(2)
