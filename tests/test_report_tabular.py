"""What a report shows of regression, of the importance of columns and of several splits."""

import warnings

import numpy as np
import pytest
from PIL import Image

from kerasbio.metrics import Score, interval_radius
from kerasbio.report.page import Page, format_score, format_value
from kerasbio.report.result import score_label, write_report
from kerasbio.report.tabular import importance_section, regression_sections, repeats_section
from kerasbio.training.regression import compare_regressors
from tests.report_case import write_history
from tests.test_report import check_page

NAMES = {"network": "Network of columns", "ridge": "Ridge regression", "oracle": "Best possible"}
LONG = "a name as long as those of laboratories, in mg/dL, number "


def compare(cases=300, scale=1.0, radii=("network", "ridge")):
    random = np.random.default_rng(0)
    values = random.normal(size=2 * cases)
    predictions = {
        name: scale * (values + random.normal(0, error, 2 * cases))
        for name, error in (("network", 0.5), ("ridge", 1.0), ("oracle", 0.2))
    }
    values = scale * values
    predictions["ridge"][0] = 1e3 * scale
    return compare_regressors(
        values[:cases],
        np.arange(cases) // 2,
        {name: p[:cases] for name, p in predictions.items()},
        {name: interval_radius((predictions[name] - values)[cases:]) for name in radii},
        repeats=50,
    )


def splits(count, predictors=("ridge", "network", "trees", "oracle")):
    random = np.random.default_rng(count)
    means = {"network": 0.8, "ridge": 0.7, "trees": 0.75, "oracle": 0.9}
    return [{p: random.normal(means[p], 0.03) for p in predictors} for _ in range(count)]


def show(path, *sections):
    """Write a page of these sections, a warning being an error, and return its text."""
    page = Page("t")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for section in sections:
            section(page, path / "plots")
    return check_page(page.write(path / "page.html").read_text(encoding="utf-8")).text


def plots(path):
    """Return the names of the plots, all of which show something."""
    files = sorted((path / "plots").glob("*.png"))
    for file in files:
        pixels = np.asarray(Image.open(file).convert("L"), float)
        assert pixels.std() > 3 and min(pixels.shape) >= 200, file.name
    return [file.stem for file in files]


def test_a_report_of_regression_holds_every_score(tmp_path):
    comparison = compare()
    write_history(tmp_path)
    path = write_report(
        tmp_path,
        title="Regression",
        summary=[],
        comparison=comparison,
        sections=regression_sections(comparison, NAMES),
        names=NAMES,
    )
    text = check_page(path.read_text(encoding="utf-8")).text
    for scores in comparison.scores.values():
        for score in scores.values():
            # In the table the interval stands without brackets.
            assert format_score(score).replace("(", "").replace(")", "") in text
    assert format_score(comparison.margin, signed=True) in text and "R²: Network of columns" in text
    for words in ("Coverage of 90 % intervals", "Width of 90 % intervals", "R², share"):
        assert words in text
    assert "Predictions beyond the axes are drawn at their edge" in text


@pytest.mark.parametrize("cases, scale", [(4, 1.0), (20, 1e5), (300, 1e-6), (20_000, 1e8)])
def test_any_number_of_cases_of_any_size_is_drawn(tmp_path, cases, scale):
    show(tmp_path, *regression_sections(compare(cases, scale)))
    kinds = ("agreement", "coverage")
    assert plots(tmp_path) == [f"{kind}_{p}" for kind in kinds for p in ("baseline", "network")]


def test_values_that_are_all_the_same_still_have_axes(tmp_path):
    values = np.full(10, 3.0)
    predictions = {"network": values, "mean": values}
    comparison = compare_regressors(values, np.arange(10), predictions, {}, repeats=10)
    assert "R² undefined" in show(tmp_path, *regression_sections(comparison))


def test_only_those_with_intervals_have_their_coverage_shown(tmp_path):
    text = show(tmp_path / "one", *regression_sections(compare(radii=["network"]), NAMES))
    assert "coverage_network" in plots(tmp_path / "one") and "Coverage of intervals" in text
    assert "coverage_baseline" not in plots(tmp_path / "one")
    text = show(tmp_path / "none", *regression_sections(compare(radii=[]), NAMES))
    assert plots(tmp_path / "none") == ["agreement_baseline", "agreement_network"]
    assert "intervals" not in text and "Width" not in text


@pytest.mark.parametrize("count", [1, 2, 20])
def test_the_importance_of_columns_is_drawn_and_the_largest_told(tmp_path, count):
    importance = {
        f"{LONG}{i} <b>$x$" if i % 2 else f"c{i}": Score(0.2 - i / 50, 0.1 - i / 50, 0.3 - i / 50)
        for i in range(count)
    }
    text = show(tmp_path, importance_section(importance, "Mean AUROC", columns=7000))
    assert plots(tmp_path) == ["importance"]
    assert f"Shown are the {count} largest of 7,000 columns." in text
    assert f"Largest: c0 {format_score(importance['c0'])}" in text
    assert "(Mean AUROC)" in text and "stand in for one another" in text
    assert "Shown are" not in show(tmp_path, importance_section(importance, "R²", count))


def test_importance_that_is_undefined_is_drawn_too(tmp_path):
    nan = float("nan")
    show(tmp_path, importance_section({"a": Score(nan, nan, nan), "b": Score(0, nan, nan)}, "R²"))
    assert plots(tmp_path) == ["importance"]


@pytest.mark.parametrize("count", [2, 3, 12])
def test_splits_are_told_by_mean_spread_and_margin(tmp_path, count):
    rows = splits(count)
    text = show(tmp_path, repeats_section(rows, NAMES, "Mean AUROC"))
    assert plots(tmp_path) == ["splits"]
    margin = np.array([row["network"] - row["trees"] for row in rows])
    told = [
        format_value(margin.mean(), signed=True),
        format_value(margin.std(ddof=1)),
        format_value(margin.min(), signed=True),
        format_value(margin.max(), signed=True),
    ]
    table = text.split("Highest")[1].split("Mean AUROC by split")[0]
    assert table.split("better than Trees by")[1].replace(" ", "") == "".join(told)
    places = [table.index(name) for name in (*NAMES.values(), "Trees")]
    assert places[0] < places[1] < places[3] < places[2]
    assert f"on {count} random splits" in text


def test_where_lower_is_better_the_margin_is_turned(tmp_path):
    rows = [{"network": 1.0, "ridge": 2.0, "trees": 1.5}] * 3
    text = show(tmp_path, repeats_section(rows, {}, "Error", lower_is_better=True))
    assert "Network, better than Trees by" in text and "+0.500" in text


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "two splits or more"),
        (splits(1), "two splits or more"),
        ([{"network": 1, "ridge": 2}, {"network": 1}], "all of the same predictors"),
        (splits(2, ["network", "oracle"]), "at least one baseline"),
        (splits(2, ["ridge"]), "'network'"),
    ],
)
def test_wrong_splits_are_named(rows, message):
    with pytest.raises(ValueError, match=message):
        repeats_section(rows, NAMES, "Mean AUROC")


def test_scores_of_regression_have_their_labels():
    assert score_label("r2") == "R²"
    assert score_label("coverage_95") == "Coverage of 95 % intervals"
    assert score_label("width_90") == "Width of 90 % intervals"
