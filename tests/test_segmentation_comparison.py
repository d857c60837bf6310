"""Segmenters beside their baselines: scores of a case, means, lesions, what is refused."""

import json

import numpy as np
import pytest

from kerasbio.metrics.lesions import match_lesions
from kerasbio.metrics.overlap import dice_coefficient, relative_volume_error
from kerasbio.metrics.segmentation import class_volumes, segmentation_scores
from kerasbio.metrics.surface import SurfaceDistances
from kerasbio.training.segmentation import compare_segmenters

ORGANS = ("background", "liver", "spleen", "kidney")
LESION = ("background", "lesion")


def labels(seed, shape=(9, 10, 11), classes=4):
    """Blocks of a few voxels of random classes."""
    coarse = np.random.default_rng(seed).integers(0, classes, [-(-n // 3) for n in shape])
    fine = coarse.repeat(3, 0).repeat(3, 1)
    return (fine.repeat(3, 2) if len(shape) == 3 else fine)[tuple(map(slice, shape))]


def test_scores_of_a_case_are_those_of_each_class_alone():
    truth, prediction, spacing = labels(0), labels(1), (2.0, 1.0, 0.5)
    prediction[prediction == 3] = 0
    scores = segmentation_scores(truth, prediction, ORGANS, spacing, tolerance=1.5)
    for k, name in enumerate(ORGANS[1:], 1):
        surfaces = SurfaceDistances(truth == k, prediction == k, spacing)
        assert scores[f"dice_{name}"] == dice_coefficient(truth == k, prediction == k)
        assert scores[f"hd95_{name}"] == surfaces.hausdorff(95)
        assert scores[f"asd_{name}"] == surfaces.average()
        assert scores[f"nsd_{name}"] == surfaces.surface_dice(1.5)
        error = relative_volume_error(truth == k, prediction == k)
        assert scores[f"volume_error_{name}"] == abs(error)
    for kind in ("dice", "iou", "hd95", "asd", "nsd", "volume_error"):
        values = [scores[f"{kind}_{name}"] for name in ORGANS[1:]]
        assert scores[kind] == pytest.approx(np.mean(values))
    assert scores["hd95_kidney"] == pytest.approx(np.linalg.norm((18, 10, 5.5)))
    assert scores["dice_kidney"] == scores["nsd_kidney"] == 0


def test_a_class_in_neither_mask_agrees():
    empty = np.zeros((5, 6), np.uint8)
    scores = segmentation_scores(empty, empty, LESION)
    assert scores["dice"] == scores["iou"] == scores["nsd"] == 1
    assert scores["hd95"] == scores["asd"] == scores["volume_error"] == 0
    some = labels(0, (5, 6), 2).astype(bool)
    assert segmentation_scores(some, some, LESION) == scores


def test_volumes_by_class():
    mask = np.array([[0, 1, 1], [2, 1, 0]])
    volumes = class_volumes(mask, ("background", "a", "b", "c"), (10, 20))
    assert volumes == pytest.approx({"a": 0.6, "b": 0.2, "c": 0})


@pytest.mark.parametrize(
    "truth, prediction, classes, message",
    [
        (np.zeros((3, 3), int), np.zeros((3, 4), int), LESION, "one shape"),
        (np.zeros(3, int), np.zeros(3, int), LESION, "two or three axes"),
        (np.zeros((3, 3), int), np.full((3, 3), 2), LESION, "from 0 to 1. Received: 2 to 2"),
        (np.full((3, 3), -1), np.zeros((3, 3), int), LESION, "truth must be integers from 0"),
        (np.zeros((3, 3)), np.zeros((3, 3), int), LESION, "truth must be integers. Received"),
        (np.zeros((3, 3), int), np.zeros((3, 3), int), LESION[:1], "Received: 1 classes"),
    ],
)
def test_wrong_masks_are_named(truth, prediction, classes, message):
    with pytest.raises(ValueError, match=message):
        segmentation_scores(truth, prediction, classes)


def lesion_cases(count=30, seed=0):
    """Discs of random size and number, probabilities around them, and who each case is of."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[:32, :32]
    truths, maps = [], []
    for _ in range(count):
        truth = np.zeros((32, 32), np.uint8)
        field = 0.2 * random.random((32, 32))
        for _ in range(random.integers(0, 3)):
            centre, radius = random.uniform(6, 26, 2), random.uniform(2, 5)
            distance = np.hypot(rows - centre[0], columns - centre[1])
            truth |= distance <= radius
            field += random.uniform(0.3, 0.8) * np.exp(-((distance / radius) ** 2))
        truths.append(truth)
        maps.append(np.clip(field, 0, 1))
    return truths, maps, np.arange(count) // 2


def compare(truths, maps, subjects, **options):
    predictions = {
        "network": [(p > 0.3).astype(np.uint8) for p in maps],
        "threshold": [(p > 0.15).astype(np.uint8) for p in maps],
        "nothing": [np.zeros_like(t) for t in truths],
    }
    options = {"spacings": (2.0, 1.0), "confidences": {"network": maps}, "repeats": 100} | options
    return predictions, compare_segmenters(
        truths, predictions, subjects=subjects, classes=LESION, **options
    )


def test_scores_are_means_over_all_cases():
    truths, maps, subjects = lesion_cases()
    predictions, found = compare(truths, maps, subjects)
    assert set(found.cases) == {"network", "threshold", "nothing"}
    for predictor, masks in predictions.items():
        rows = [
            segmentation_scores(t, m, LESION, (2.0, 1.0))
            for t, m in zip(truths, masks, strict=True)
        ]
        for name in rows[0]:
            values = [row[name] for row in rows]
            np.testing.assert_array_equal(found.cases[predictor][name], values)
            score = found.scores[predictor][name]
            assert score.value == pytest.approx(np.mean(values))
            assert score.low <= score.value <= score.high
    assert found.monitor == "dice" and found.best_baseline == "nothing"
    difference = found.scores["network"]["dice"].value - found.scores["nothing"]["dice"].value
    assert found.margin.value == pytest.approx(difference)


def test_scores_of_lesions_are_those_of_a_loop():
    truths, maps, subjects = lesion_cases()
    predictions, found = compare(truths, maps, subjects)
    for predictor, masks in predictions.items():
        lesions = hits = false = 0
        dice, named, quiet = [], [], []
        for truth, mask in zip(truths, masks, strict=True):
            match = match_lesions(truth, mask)
            lesions, hits = lesions + len(match.volumes), hits + match.found.sum()
            false += len(match.false_confidences)
            if truth.any():
                dice.append(dice_coefficient(truth, mask))
                named.append(mask.any())
            else:
                quiet.append(not mask.any())
        scores = {name: score.value for name, score in found.scores[predictor].items()}
        assert scores["lesion_sensitivity"] == pytest.approx(hits / lesions)
        assert scores["false_positives_per_case"] == pytest.approx(false / len(truths))
        assert scores["dice_lesion_cases"] == pytest.approx(np.mean(dice))
        assert scores["case_sensitivity"] == pytest.approx(np.mean(named))
        assert scores["case_specificity"] == pytest.approx(np.mean(quiet))
    assert 0.5 < found.scores["network"]["froc"].value < 1
    assert 0.5 < found.scores["network"]["case_auroc"].value <= 1
    assert "froc" not in found.scores["threshold"]
    rates, sensitivities = found.froc("network")
    assert len(rates) > 10 and sensitivities[-1] == sensitivities.max()
    assert found.froc("nothing")[1].tolist() == [0]
    assert len(found.froc("threshold")[0]) == 2


def test_a_missed_case_never_improves_a_mean():
    truths, maps, subjects = lesion_cases(count=12)
    predictions, before = compare(truths, maps, subjects)
    better_if_lower = ("hd95", "asd", "volume_error")
    for case in [i for i, truth in enumerate(truths) if truth.any()]:
        masks = list(predictions["network"])
        masks[case] = np.zeros_like(masks[case])
        after = compare_segmenters(
            truths,
            predictions | {"network": masks},
            subjects=subjects,
            classes=LESION,
            spacings=(2.0, 1.0),
            repeats=1,
        )
        assert after.missed("network")["lesion"] >= 1
        for name, score in after.scores["network"].items():
            if name in ("false_positives_per_case", "case_specificity"):
                continue
            sign = -1 if name.startswith(better_if_lower) else 1
            assert sign * score.value <= sign * before.scores["network"][name].value + 1e-12, name


def test_the_content_is_json_and_counts_what_is_missed():
    truths, maps, subjects = lesion_cases()
    _, found = compare(truths, maps, subjects)
    content = json.loads(found.to_json())
    with_lesion = sum(int(truth.any()) for truth in truths)
    assert content["missed_cases"]["nothing"] == {"lesion": with_lesion}
    assert content["classes"] == list(LESION) and content["tolerance_mm"] == 3
    at = content["sensitivity_at_false_positives_per_case"]
    assert list(at) == ["network"] and list(at["network"])[0] == "0.125"
    assert np.mean(list(at["network"].values())) == pytest.approx(
        found.scores["network"]["froc"].value
    )
    volumes = found.predicted_volumes["threshold"]["lesion"]
    assert volumes == pytest.approx([(p > 0.15).sum() * 2 / 1000 for p in maps])
    assert found.volumes["lesion"] == pytest.approx([t.sum() * 2 / 1000 for t in truths])


def test_several_classes_and_sizes():
    shapes = [(6, 7, 8), (5, 9, 9), (8, 6, 6), (7, 7, 7)]
    truths = [labels(i, s) for i, s in enumerate(shapes)]
    predictions = {
        "network": [
            np.where(labels(i + 9, s) > 0, t, 0)
            for i, (t, s) in enumerate(zip(truths, shapes, strict=True))
        ],
        "atlas": [labels(i + 20, s) for i, s in enumerate(shapes)],
    }
    found = compare_segmenters(
        truths,
        predictions,
        subjects=np.arange(4),
        classes=ORGANS,
        spacings=[(3.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 2.0, 2.0)],
        confidences={"network": [np.zeros(s) for s in shapes]},
        repeats=50,
    )
    assert found.beats_baseline and not found.lesions and not found.candidates
    assert "lesion_sensitivity" not in found.scores["network"]
    expected = segmentation_scores(truths[0], predictions["atlas"][0], ORGANS, (3.0, 1.0, 1.0))
    assert found.cases["atlas"]["hd95_spleen"][0] == expected["hd95_spleen"]
    assert set(json.loads(found.to_json())["missed_cases"]["atlas"]) == set(ORGANS[1:])


def test_cases_without_a_lesion_leave_its_scores_undefined():
    empty = [np.zeros((6, 6), np.uint8)] * 4
    found = compare_segmenters(
        empty,
        {"network": empty, "baseline": empty},
        subjects=np.arange(4),
        classes=LESION,
        confidences={"network": [np.zeros((6, 6))] * 4},
        repeats=20,
    )
    scores = found.scores["network"]
    assert scores["dice"].value == scores["case_specificity"].value == 1
    for name in ("dice_lesion_cases", "lesion_sensitivity", "case_sensitivity", "froc"):
        assert np.isnan(scores[name].value), name
    assert json.loads(found.to_json())["sensitivity_at_false_positives_per_case"] == {}


MASKS = [np.zeros((4, 4), np.uint8)] * 3


@pytest.mark.parametrize(
    "change, message",
    [
        ({"subjects": np.arange(2)}, r"subjects must be.*\(3\). Received: 2"),
        ({"spacings": [(1, 1)] * 2}, "spacings must be"),
        ({"predictions": {"network": MASKS, "baseline": MASKS[:2]}}, "baseline must be"),
        ({"predictions": {"network": MASKS}}, "at least one baseline"),
        ({"predictions": {"network": MASKS, "b": [*MASKS[:2], MASKS[0][1:]]}}, "case 2 of 'b'"),
        ({"confidences": {"other": MASKS}}, r"predictors. Received: \['other'\]"),
        ({"confidences": {"network": MASKS[:1]}}, "network must be"),
        ({"monitor": "hd95_lesion"}, "Received: monitor='hd95_lesion'"),
        ({"monitor": "false_positives_per_case"}, "higher where better"),
        ({"monitor": "froc"}, "froc needs confidences"),
        ({"monitor": "sharpness"}, "Received: monitor='sharpness'"),
        (
            {"tolerance": -1.0, "predictions": {"network": [m + 1 for m in MASKS], "b": MASKS}},
            "tol",
        ),
    ],
)
def test_wrong_arguments_are_named(change, message):
    options = {
        "predictions": {"network": MASKS, "baseline": MASKS},
        "subjects": np.arange(3),
        "classes": LESION,
        "repeats": 2,
    } | change
    with pytest.raises(ValueError, match=message):
        compare_segmenters(MASKS, options.pop("predictions"), **options)
    with pytest.raises(ValueError, match="one or more cases"):
        compare_segmenters([], {"network": [], "b": []}, subjects=[], classes=LESION)
