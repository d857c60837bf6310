"""The report of a segmentation, of images and of volumes, and where a classifier looks."""

import warnings

import keras
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from kerasbio.metrics.segmentation import SEGMENTATION_SCORES
from kerasbio.models.cnn import build_alexnet, build_lenet5, build_resnet
from kerasbio.report import result
from kerasbio.report.explanations import _last_stage, explanation_section
from kerasbio.report.page import format_interval, format_score, format_value
from kerasbio.report.result import LESION_SCORES, headline
from kerasbio.report.segmentation import HeldOut, segmentation_sections
from kerasbio.training.evaluation import compare_classifiers
from kerasbio.training.segmentation import compare_segmenters
from tests.report_case import fabricate_images, fabricate_probabilities, write_history
from tests.test_report import check_page

NAMES = {"network": "U-Net", "thresholds": "thresholds", "voxel_classifier": "voxel classifier"}
ORGANS = ("background", "liver", "spleen", "kidneys")
LESIONS = ("background", "liver", "lesion")


def blobs(random, shape, classes, sharpness):
    """A field in steps, one per class, and what a predictor of some sharpness makes of it."""
    field = ndimage.gaussian_filter(random.normal(size=shape), [s / 10 for s in shape])
    truth = np.digitize(field, np.quantile(field, np.linspace(0.6, 0.97, classes - 1)))
    noise = ndimage.gaussian_filter(random.normal(size=shape), 1.5)
    guess = np.where(noise > sharpness * noise.std(), 0, truth)
    return field.astype(np.float32), truth.astype(np.uint8), guess.astype(np.uint8)


def fabricate(classes, shape, spacing, lesion=None, cases=24):
    """Return a comparison of fabricated masks, and the held-out cases."""
    random = np.random.default_rng(0)
    images, truths, maps = [], [], []
    masks = {name: [] for name in NAMES}
    for case in range(cases):
        image, truth, _ = blobs(random, shape, len(classes), 0)
        if lesion and case % 4 == 0:
            truth[truth == len(classes) - 1] = 1
        images.append(image[..., None])
        truths.append(truth)
        for name, sharpness in zip(NAMES, (2.0, 1.0, 1.5), strict=True):
            noise = ndimage.gaussian_filter(random.normal(size=shape), 1.5)
            masks[name].append(np.where(noise > sharpness * noise.std(), 0, truth).astype(np.uint8))
        sure = (truth == len(classes) - 1) * 0.6 + 0.3 * random.random(shape)
        maps.append(sure.astype(np.float16))
    comparison = compare_segmenters(
        truths, masks, subjects=np.arange(cases), classes=classes, spacings=spacing, lesion=lesion,
        confidences=dict.fromkeys(NAMES, maps) if lesion else None,
        monitor=f"dice_{lesion}" if lesion else "dice", repeats=50,
    )  # fmt: skip
    labels = random.integers(0, len(classes), 900)
    sureness = fabricate_probabilities(labels, len(classes), 1.2, 1)
    spacings = [spacing] * cases
    return comparison, HeldOut(images, truths, masks["network"], spacings, sureness, labels)


def report(path, comparison, sections):
    write_history(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return result.write_report(
            path, title="U-Net: a test", summary=[("Network", "U-Net")], comparison=comparison,
            sections=sections, notes=[], names=NAMES,
        )  # fmt: skip


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    comparison, held = fabricate(LESIONS, (48, 60), (3.0, 3.0), "lesion")
    path = tmp_path_factory.mktemp("flat")
    return report(path, comparison, segmentation_sections(comparison, NAMES, held)), comparison


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    comparison, held = fabricate(ORGANS, (10, 24, 30), (6.0, 2.0, 2.5))
    path = tmp_path_factory.mktemp("deep")
    return report(path, comparison, segmentation_sections(comparison, NAMES, held)), comparison


@pytest.fixture(params=["flat", "deep"])
def run(request):
    return request.getfixturevalue(request.param)


def test_every_score_of_the_run_is_in_the_page(run):
    path, comparison = run
    text = check_page(path.read_text(encoding="utf-8")).text
    for scores in comparison.scores.values():
        for score in scores.values():
            assert f"{format_value(score.value)} {format_interval(score)}".strip() in text
    assert format_score(comparison.margin, signed=True) in text
    assert headline(comparison, NAMES) in text
    for name in (*comparison.classes[1:], *NAMES.values(), *SEGMENTATION_SCORES.values()):
        assert name in text
    assert all((label in text) == bool(comparison.lesion) for label in LESION_SCORES.values())


def test_every_figure_is_in_the_page_and_shows_something(run):
    path, comparison = run
    reader = check_page(path.read_text(encoding="utf-8"))
    names = {file.stem for file in (path.parent / "plots").glob("*.png")}
    kinds = {"key", "dice", "calibration", *(f"worst_{k}" for k in range(1, 7))}
    kinds |= {f"{kind}_{k}" for kind in ("median", "best") for k in range(1, 4)}
    kinds |= {f"size_{k}" for k in range(1, len(comparison.classes))}
    kinds |= {"froc"} if comparison.lesion else set()
    own = {name for name in names if not name.startswith(("metric", "learning", "gradients"))}
    assert own == kinds
    assert len(reader.values("img", "src")) == len(names)
    for file in (path.parent / "plots").glob("*.png"):
        pixels = np.asarray(Image.open(file).convert("L"), float)
        least = 100 if file.stem == "key" else 300
        assert pixels.std() > 3 and min(pixels.shape) >= least, file.name


def test_the_worst_cases_come_first(run):
    path, comparison = run
    text = check_page(path.read_text(encoding="utf-8")).text
    dice = comparison.cases["network"][comparison.monitor]
    worst = text[text.index("The worst, worst first") : text.index("Around the median")]
    assert worst.split()[4:] == [
        word for case in np.argsort(dice, kind="stable")[:6]
        for word in (str(comparison.subjects[case]), "Dice", f"{dice[case]:.2f}")
    ]  # fmt: skip


def test_sizes_are_in_a_unit_of_their_own(flat, deep):
    # 3 mm pixels: 100 of them are 9 cm².
    _, comparison = flat
    assert comparison.volumes["liver"].max() < 48 * 60 * 9e-3
    for (path, _), unit in ((flat, "cm²"), (deep, "ml")):
        assert (path.parent / "plots/size_1.png").is_file() and unit


@pytest.mark.parametrize("shape", [(20, 24), (6, 16, 20)])
def test_few_odd_cases(tmp_path, shape):
    """Two classes of which one is never there, a constant image, no case with a lesion."""
    classes = ("background", "<b>organ & more of a long name</b>", "lesion")
    images = [np.full((*shape, 1), 7, np.float32)] * 3
    truths = [np.zeros(shape, np.uint8)] * 3
    guess = np.zeros(shape, np.uint8)
    guess[..., 3:9] = 1
    masks = dict.fromkeys(NAMES, [guess, truths[0], truths[0]])
    comparison = compare_segmenters(
        truths, masks, subjects=np.arange(3), classes=classes, lesion="lesion",
        confidences=dict.fromkeys(NAMES, [np.zeros(shape)] * 3), monitor="dice_lesion", repeats=9,
    )  # fmt: skip
    held = HeldOut(
        images, truths, masks["network"], [(1.0,) * len(shape)] * 3, np.zeros((0, 3)), np.zeros(0)
    )
    path = report(tmp_path, comparison, segmentation_sections(comparison, NAMES, held))
    text = check_page(path.read_text(encoding="utf-8")).text
    assert classes[1] in text and "undefined" in text and "Calibration" not in text


@pytest.mark.parametrize(("size", "stage"), [(64, "stage3"), (128, "stage4"), (16, "stage1")])
def test_where_a_residual_network_looks_is_told_by_maps_with_places(size, stage):
    model = build_resnet((size, size, 1), 3, depth=18, filters=(2, 2, 2, 2))
    assert _last_stage(model) == stage
    assert _last_stage(build_lenet5((32, 32, 1), 3)) is None
    # At 67 pixels AlexNet pools its last maps, of 3 x 3 places, to one.
    narrow = build_alexnet((67, 67, 1), 3, filters=(2,) * 5, units=3)
    assert _last_stage(narrow) == "stage5_relu"


def test_where_a_classifier_looks(tmp_path):
    keras.utils.set_random_seed(0)
    model = build_lenet5((32, 32, 1), 3)
    images = fabricate_images(40, 32)
    labels = np.random.default_rng(0).integers(0, 3, 40)
    probabilities = {
        name: fabricate_probabilities(labels, 3, strength, 0)
        for name, strength in (("network", 1.0), ("thresholds", 0.5))
    }
    comparison = compare_classifiers(
        labels, np.arange(40), probabilities, ("well", "ill", "worse"), repeats=20
    )
    path = report(tmp_path, comparison, [explanation_section(model, comparison, images)])
    reader = check_page(path.read_text(encoding="utf-8"))
    assert "Where the network looks" in reader.text
    alts = [alt for alt in reader.values("img", "alt") if alt.startswith("Grad-CAM of an input")]
    assert len(alts) == len(list(tmp_path.glob("plots/cam_*.png"))) >= 4
    wrong = [alt for alt in alts if "taken for" in alt]
    assert wrong and len(wrong) < len(alts)
    for alt in wrong:
        truth, guess = alt.removeprefix("Grad-CAM of an input of class ").split(", taken for ")
        assert truth != guess
