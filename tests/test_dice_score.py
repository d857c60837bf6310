"""The Dice score of training: counts of all voxels, class by class."""

import keras
import numpy as np
import pytest

from kerasbio.losses import DiceCrossentropy
from kerasbio.metrics.dice_score import DiceScore

RANDOM = np.random.default_rng(0)


def reference(truths, decisions, weights, num_classes):
    """Count voxel by voxel."""
    common, sizes = np.zeros(num_classes), np.zeros(num_classes)
    for truth, guess, weight in zip(truths, decisions, weights, strict=True):
        for t, g, w in zip(truth.ravel(), guess.ravel(), weight.ravel(), strict=True):
            sizes[t] += w
            sizes[g] += w
            common[t] += w * (t == g)
    scores = [1 if size == 0 else 2 * c / size for c, size in zip(common, sizes, strict=True)]
    return np.mean(scores[1:])


@pytest.mark.parametrize("spatial", [(7, 5), (3, 4, 5)])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_several_batches_are_one_count(spatial, num_classes):
    metric = DiceScore(num_classes)
    truths, decisions = [], []
    for batch in (2, 3, 1):
        truth = RANDOM.integers(0, num_classes, (batch, *spatial))
        logits = RANDOM.normal(size=(batch, *spatial, num_classes)).astype(np.float32)
        metric.update_state(truth, logits)
        truths += list(truth)
        decisions += list(logits.argmax(-1))
        ones = [np.ones(spatial)] * len(truths)
        assert float(metric.result()) == pytest.approx(
            reference(truths, decisions, ones, num_classes), abs=1e-6
        )
    metric.reset_state()
    assert float(metric.result()) == 1


@pytest.mark.parametrize("whole", [True, False], ids=["cases", "voxels"])
def test_weights_of_cases_and_of_voxels(whole):
    truth = RANDOM.integers(0, 3, (4, 5, 6))
    logits = RANDOM.normal(size=(4, 5, 6, 3)).astype(np.float32)
    weight = RANDOM.uniform(0, 2, (4,) if whole else (4, 5, 6)).astype(np.float32)
    metric = DiceScore(3)
    metric.update_state(truth, logits, weight)
    each = np.broadcast_to(weight[:, None, None] if whole else weight, truth.shape)
    expected = reference(truth, logits.argmax(-1), each, 3)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-6)
    assert abs(expected - reference(truth, logits.argmax(-1), np.ones_like(each), 3)) > 1e-3


def test_one_logit_is_of_a_sigmoid():
    truth = RANDOM.integers(0, 2, (3, 5, 6))
    logits = RANDOM.normal(size=(3, 5, 6, 1)).astype(np.float32)
    one, two = DiceScore(2), DiceScore(2)
    one.update_state(truth, logits)
    two.update_state(truth, np.concatenate([0 * logits, logits], -1))
    assert float(one.result()) == pytest.approx(float(two.result()))


def test_what_is_nowhere_counts_as_one_and_what_is_missed_as_nothing():
    truth = np.zeros((1, 4, 4), int)
    truth[0, 0] = 1
    guess = np.eye(4, dtype=np.float32)[np.zeros_like(truth)]
    metric = DiceScore(4)
    metric.update_state(truth, guess)
    assert float(metric.result()) == pytest.approx(2 / 3)


def test_masks_of_any_integer_kind_and_with_a_channel():
    truth = RANDOM.integers(0, 3, (2, 5, 6))
    logits = RANDOM.normal(size=(2, 5, 6, 3)).astype(np.float32)
    found = []
    for kind in (np.uint8, np.int64, np.float32):
        metric = DiceScore(3)
        metric.update_state(truth.astype(kind), logits)
        found.append(float(metric.result()))
    assert len(set(found)) == 1


def test_in_fit_and_in_a_saved_model(tmp_path):
    images = RANDOM.normal(size=(20, 6, 7, 1)).astype(np.float32)
    masks = (images[..., 0] > 0.5).astype(np.int32) + (images[..., 0] > 1.5)
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    model.compile(
        keras.optimizers.Adam(0.1),
        DiceCrossentropy(),
        metrics=[DiceScore(3)],
        weighted_metrics=[DiceScore(3, name="weighted")],
    )
    weights = RANDOM.uniform(size=20).astype(np.float32)
    history = model.fit(
        images, masks, batch_size=8, epochs=3, sample_weight=weights, verbose=0
    ).history
    assert len(history["dice"]) == 3 and history["dice"][-1] > history["dice"][0]
    found = model.evaluate(
        images, masks, batch_size=6, sample_weight=weights, verbose=0, return_dict=True
    )
    decisions = model.predict(images, verbose=0).argmax(-1)
    assert found["dice"] == pytest.approx(
        reference(masks, decisions, np.ones(masks.shape), 3), abs=1e-6
    )
    each = np.broadcast_to(weights[:, None, None], masks.shape)
    assert found["weighted"] == pytest.approx(reference(masks, decisions, each, 3), abs=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.evaluate(images, masks, verbose=0, return_dict=True)["dice"] == pytest.approx(
        found["dice"]
    )


def test_wrong_arguments_are_named():
    for count in (1, 0, -2):
        with pytest.raises(ValueError, match=f"Received: num_classes={count}"):
            DiceScore(count)
    copy = DiceScore.from_config(DiceScore(5, name="d").get_config())
    assert (copy.num_classes, copy.name) == (5, "d")
