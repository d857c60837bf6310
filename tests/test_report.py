"""The report of a run: one file, complete, readable anywhere, and the card beside it."""

import base64
import html.parser
import io
import json
import re
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from kerasbio.metrics import Score
from kerasbio.report import plots
from kerasbio.report.card import write_model_card
from kerasbio.report.classification import (
    absence_notes,
    choose_examples,
    classification_sections,
)
from kerasbio.report.page import Page, format_interval, format_score, format_value
from kerasbio.report.plots import read_history, spread
from kerasbio.report.result import headline
from kerasbio.report.result import write_report as write_any_report
from tests.report_case import (
    CLASSES,
    LAYERS,
    NAMES,
    NOTES,
    SUMMARY,
    fabricate_comparison,
    fabricate_images,
    write_report,
)

VOID = {"br", "hr", "img", "input", "link", "meta"}


class Reader(html.parser.HTMLParser):
    """Collect the text, the attributes and the tags left open of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.words = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, name, value) for name, value in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def values(self, tag, name):
        return [v for t, n, v in self.attributes if (t, n) == (tag, name)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run")
    comparison = fabricate_comparison()
    return write_report(path, comparison), comparison


def without_data(text):
    return re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "data:", text)


def check_page(text):
    """Check what holds for every page of ours, and return its reader."""
    reader = Reader(text)
    assert not reader.open
    bare = without_data(text)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<iframe", bare)
    for tag, name, value in reader.attributes:
        if name in ("src", "href", "srcset", "poster", "data"):
            assert value.startswith("data:"), (tag, name, value[:40])
        assert name not in ("width", "height", "style") and not name.startswith("on")
    widths = re.findall(r"(?<![-\w])(?:min-)?width:[^;}]*?([\d.]+)(px|rem|em|ch)", bare)
    scale = {"px": 1, "rem": 16, "em": 16, "ch": 10}
    assert all(float(number) * scale[unit] <= 360 for number, unit in widths), widths
    assert len(reader.values("img", "alt")) == len(reader.values("img", "src"))
    assert all(len(alt) > 3 for alt in reader.values("img", "alt"))
    return reader


def test_the_page_is_sound_and_needs_no_network(run):
    path, _ = run
    text = path.read_text(encoding="utf-8")
    reader = check_page(text)
    assert text.startswith("<!DOCTYPE html>") and '<html lang="en">' in text
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text
    assert text.count("<h1>") == 1 and text.count("<main>") == 1
    for section in ("Scores", "Confusion matrix", "ROC curves", "Calibration", "Training"):
        assert f"<h2>{section}</h2>" in text
    for _, value in SUMMARY:
        assert value in reader.text
    assert NOTES[0] in reader.text
    assert "kerasbio train image-diagnosis --epochs 12" in reader.text


def test_every_image_decodes_and_shows_something(run):
    path, _ = run
    sources = Reader(path.read_text(encoding="utf-8")).values("img", "src")
    files = {file.read_bytes() for file in (path.parent / "plots").glob("*.png")}
    assert len(sources) == len(files) > 20
    for source in sources:
        content = base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True)
        assert content in files
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("L"), float)
        assert pixels.std() > 3 and min(pixels.shape) >= 300


def test_every_score_of_the_run_is_in_the_page(run):
    path, comparison = run
    text = Reader(path.read_text(encoding="utf-8")).text
    for scores in comparison.scores.values():
        for score in scores.values():
            assert f"{format_value(score.value)} {format_interval(score)}" in text
    assert format_score(comparison.margin, signed=True) in text
    assert headline(comparison, NAMES) in text
    for name in (*CLASSES, *NAMES.values()):
        assert name in text


def test_the_headline_says_both_scores_and_the_margin():
    comparison = fabricate_comparison()
    assert re.fullmatch(
        r"Mean AUROC: LeNet-5 0\.\d\d \(0\.\d\d–0\.\d\d\) beside the best baseline 0\.\d\d "
        r"\(0\.\d\d–0\.\d\d\), \+0\.\d\d \(0\.\d\d to 0\.\d\d\)",
        headline(comparison, NAMES),
    )


def test_every_layer_and_metric_has_its_curve(run):
    path, _ = run
    names = {file.stem for file in (path.parent / "plots").glob("*.png")}
    assert {"metric_loss", "metric_accuracy", "learning_rate", "gradients"} <= names
    history = read_history(path.parent / "gradients.csv")
    assert list(history) == ["step", *LAYERS] and len(history["step"]) >= 20


def test_examples_are_right_and_wrong_as_said():
    comparison = fabricate_comparison()
    right, wrong = choose_examples(comparison)
    decision = comparison.probabilities["network"].argmax(axis=1)
    assert [comparison.labels[case] for case in right] == [0, 1, 2, 3, 4]
    assert all(decision[case] == comparison.labels[case] for case in right)
    confidence = comparison.probabilities["network"].max(axis=1)
    mistakes = np.flatnonzero(decision != comparison.labels)
    assert sorted(confidence[wrong], reverse=True) == confidence[wrong].tolist()
    assert set(wrong) <= set(mistakes) and len(wrong) == 6
    assert confidence[wrong].min() >= np.sort(confidence[mistakes])[-6]


@pytest.mark.parametrize(
    "classes, cases, changes",
    [
        (("a", "b"), 4, {"epochs": 1, "layers": ("dense",)}),
        (tuple(f"class number {k} of a long list" for k in range(20)), 300, {"epochs": 100}),
        (("<b>&amp;", "$x_1$", "肺炎", "a/../b", 'quote"d'), 120, {"layers": ("m/$y$", "m/_z")}),
        (CLASSES, 200, {"layers": tuple(f"net/block{k}/convolution" for k in range(60))}),
    ],
)
def test_odd_runs_are_drawn_without_a_warning(tmp_path, classes, cases, changes):
    comparison = fabricate_comparison(cases, classes, repeats=50)
    path = write_report(tmp_path, comparison, **changes)
    reader = check_page(path.read_text(encoding="utf-8"))
    assert all(" ".join(name.split()) in reader.text for name in classes)
    assert {file.parent for file in tmp_path.rglob("*.png")} == {tmp_path / "plots"}


def test_an_absent_class_and_a_run_without_an_epoch_are_said(tmp_path):
    comparison = fabricate_comparison(200, absent=True, repeats=50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = write_any_report(
            tmp_path,
            title="t",
            summary=[],
            comparison=comparison,
            sections=classification_sections(comparison),
            notes=absence_notes(comparison),
        )
    text = check_page(path.read_text(encoding="utf-8")).text
    assert f"No held-out case is of class {CLASSES[-1]}" in text
    assert "undefined" in text and "there is no curve to show" in text
    with pytest.raises(ValueError, match=r"one per case \(200\). Received: 3"):
        classification_sections(comparison, images=fabricate_images(3))


def test_a_page_escapes_what_it_is_given(tmp_path):
    evil = '<script>alert("1")</script> & co'
    page = Page(evil, headline=evil, eyebrow=evil, detail=evil).heading(evil).paragraph(evil)
    page.note(evil).facts([(evil, evil)]).code(evil).footer(evil)
    page.table([evil, evil], [evil, (evil, Score(0.5, 0.4, 0.6))], caption=evil)
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(tmp_path / "a.png")
    page.figure(tmp_path / "a.png", evil, title=evil)
    reader = Reader(page.write(tmp_path / "page.html").read_text(encoding="utf-8"))
    assert not reader.open and reader.text.count(evil) == 19
    assert "0.500 0.400–0.600" in reader.text


def test_scores_are_written_as_a_reader_wants_them():
    assert format_score(Score(0.9312, 0.9118, 0.9476)) == "0.931 (0.912–0.948)"
    assert format_score(Score(-0.02, -0.05, 0.01), 2, signed=True) == "−0.02 (−0.05 to 0.01)"
    assert format_score(Score(0.114, 0.08, 0.14), 2, signed=True) == "+0.11 (0.08 to 0.14)"
    nan = float("nan")
    assert format_score(Score(nan, nan, nan)) == "undefined"
    assert format_score(Score(0.5, nan, nan)) == "0.500"
    # Of any unit: a difference that two digits would hide, an error of millions.
    assert format_score(Score(-0.0004, -0.003, 0.0017), 2) == "0.000 (−0.003 to 0.002)"
    assert format_score(Score(352134.1, 3e5, 4e5)) == "352,134 (300,000–400,000)"
    assert format_score(Score(4.2e-7, 4e-7, 5e-7)) == "0.0000004 (0.0000004–0.0000005)"


def test_labels_are_spread_and_keep_their_order():
    random = np.random.default_rng(0)
    for _ in range(50):
        positions = random.uniform(size=6).tolist()
        places = np.array(spread(positions, 0.1))
        order = np.argsort(positions)
        assert np.diff(places[order]).min() >= 0.1 - 1e-9
        assert places.mean() == pytest.approx(np.mean(positions))
    assert spread([0.1, 0.5, 0.9], 0.1) == pytest.approx([0.1, 0.5, 0.9])


def test_history_with_gaps_is_read_as_nan(tmp_path):
    (tmp_path / "m.csv").write_text("epoch,loss\n1,\n2,0.5\n")
    history = read_history(tmp_path / "m.csv")
    np.testing.assert_array_equal(history["loss"], [np.nan, 0.5])
    assert read_history(tmp_path / "none.csv") == {}


def test_the_card_holds_scores_signature_limits_and_commands(tmp_path):
    comparison = fabricate_comparison()
    path = write_model_card(
        tmp_path / "model_card.md",
        title="Image diagnosis with LeNet-5",
        name="image-diagnosis",
        headline=headline(comparison, NAMES),
        signature={
            "inputs": {"image": "float32 (batch, height, width, 1), raw intensities"},
            "outputs": {"probabilities": "float32 (batch, 5): a|b"},
        },
        scores=comparison.scores,
        data="2,400 simulated radiographs.",
        limits=["The data are simulated: no clinical performance is implied."],
        export_path="saved_models/image-diagnosis/1",
        example={"image": np.ones((64, 64, 1))},
        names=NAMES,
        files="radiograph.png",
    )
    text = path.read_text(encoding="utf-8")
    for scores in comparison.scores.values():
        for name, score in scores.items():
            assert f"`{name}`" in text and format_score(score) in text
    assert headline(comparison, NAMES) in text and "a\\|b" in text
    assert '-v "$PWD/saved_models/image-diagnosis:/models/image-diagnosis"' in text
    assert "kerasbio predict saved_models/image-diagnosis/1 radiograph.png" in text
    assert "curl -d @request.json" in text and "no clinical performance" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    program = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    request = program[program.index("inputs =") : program.index("with open")]
    names = {"np": np, "json": json}
    compile(program, "model_card.md", "exec")
    exec(request, names)
    assert np.shape(json.loads(names["body"])["inputs"]["image"]) == (1, 64, 64, 1)


def test_a_loss_with_a_peak_is_drawn_by_its_logarithm(tmp_path, monkeypatch):
    painted = []
    monkeypatch.setattr(plots, "draw", lambda path, paint: painted.append(paint))
    axes = Figure().subplots(1, 3)
    peak, rise = np.array([900.0, 2.0, np.nan, 0.5]), np.array([0.001, 0.2, 0.7, 0.8])
    history = {"epoch": np.arange(1, 5), "loss": peak, "dice": rise, "val_loss": peak * np.nan}
    for name in ("loss", "dice"):
        plots.plot_metric(tmp_path / "x.png", history, name)
    plots.plot_metric(tmp_path / "x.png", history | {"loss": peak * np.nan}, "loss")
    for paint, one in zip(painted, axes, strict=True):
        paint(one)
    assert [one.get_yscale() for one in axes] == ["log", "linear", "linear"]
    assert axes[0].yaxis.get_major_formatter()(100, 0) == "10²"
