"""The losses against NumPy and SciPy, known answers, extremes, weights, files and bad input."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, softmax

from kerasbio import losses
from kerasbio.losses.distance import signed_distance
from tests import loss_references as references


class Case(NamedTuple):
    """A loss, its reference `(targets, predictions)` and the shapes of predictions it takes."""

    loss: type
    settings: dict
    reference: Callable
    shapes: list
    kind: str = "classes"

    @property
    def region(self):
        return self.kind == "region"

    def make(self, **more):
        return self.loss(**{**self.settings, **more})


VALUES = [(4, 3), (2, 3, 4, 2), (5, 1)]
BINARY = [(5, 1), (4, 3), (2, 3, 4, 1)]
MANY = [(6, 3), (2, 3, 4, 3), (2, 3, 2, 4, 3)]
CLASSES = [(5, 1), (2, 3, 4, 1), *MANY]
IMAGES = [(2, 5, 4, 3), (3, 7, 2), (2, 3, 4, 5, 3)]
REGIONS = [*IMAGES, (2, 5, 4, 1), (2, 3, 4, 5, 1)]
THREE = [0.5, 2.0, 1.5]


def values(loss, reference, **settings):
    return Case(loss, settings, partial(reference, **settings), VALUES, "values")


def region(loss, reference, shapes=REGIONS, also=None, **settings):
    return Case(
        loss, settings, partial(reference, **{**settings, **(also or {})}), shapes, "region"
    )


def generalized(weighting, power, **settings):
    reference = partial(references.generalized_dice, power=power, **settings)
    settings = {"weighting": weighting, **settings}
    return Case(losses.GeneralizedDice, settings, reference, REGIONS, "region")


def spaced(spacing, shapes, **settings):
    reference = partial(references.boundary, spacing=spacing, **settings)
    return Case(losses.Boundary, {"spacing": spacing, **settings}, reference, shapes, "region")


FOREGROUND = {"include_background": False}
CASES = {
    "mse": values(losses.MeanSquaredError, references.squared),
    "mae": values(losses.MeanAbsoluteError, references.absolute),
    "huber": values(losses.Huber, references.huber, delta=0.7),
    "gaussian": Case(
        losses.GaussianKLDivergence, {}, references.gaussian_kl, [(4, 2), (3, 6)], "values"
    ),
    "binary": Case(losses.BinaryCrossentropy, {}, references.binary, BINARY, "binary"),
    "binary-weighted": Case(
        losses.BinaryCrossentropy,
        {"class_weights": [0.5, 3]},
        partial(references.binary, weights=[0.5, 3]),
        BINARY,
        "binary",
    ),
    "categorical": Case(losses.CategoricalCrossentropy, {}, references.categorical, MANY),
    "categorical-weighted": Case(
        losses.CategoricalCrossentropy,
        {"class_weights": THREE},
        partial(references.categorical, weights=THREE),
        MANY,
    ),
    "nll": Case(losses.NegativeLogLikelihood, {}, references.categorical, MANY),
    "nll-weighted": Case(
        losses.NegativeLogLikelihood,
        {"class_weights": THREE},
        partial(references.categorical, weights=THREE),
        MANY,
    ),
    "kl": Case(losses.KLDivergence, {}, references.divergence, CLASSES),
    "focal": Case(losses.Focal, {}, partial(references.focal, gamma=2), CLASSES),
    "focal-weighted": Case(
        losses.Focal,
        {"gamma": 0.5, "class_weights": THREE},
        partial(references.focal, gamma=0.5, weights=THREE),
        MANY,
    ),
    "focal-one-logit": Case(
        losses.Focal,
        {"gamma": 1.0, "class_weights": [0.75, 0.25]},
        partial(references.focal, gamma=1, weights=[0.75, 0.25]),
        [(5, 1), (2, 3, 4, 1)],
    ),
    "dice": region(losses.Dice, references.dice),
    "dice-batch": region(losses.Dice, references.dice, batch=True),
    "dice-foreground": region(losses.Dice, references.dice, IMAGES, **FOREGROUND),
    "dice-squared": region(losses.Dice, references.dice, squared=True),
    "dice-jaccard": region(losses.Dice, references.dice, jaccard=True, smooth=0.1),
    "dice-all": region(
        losses.Dice, references.dice, IMAGES,
        batch=True, squared=True, jaccard=True, **FOREGROUND,
    ),
    "generalized": generalized("square", 2),
    "generalized-simple": generalized("simple", 1, batch=True),
    "generalized-uniform": generalized("uniform", 0),
    "tversky": region(losses.Tversky, references.tversky, alpha=0.2, beta=0.9),
    "tversky-all": region(
        losses.Tversky, references.tversky, IMAGES, alpha=0.6, beta=0.3, batch=True, **FOREGROUND
    ),
    "focal-tversky": region(
        losses.FocalTversky, references.tversky, alpha=0.3, beta=0.7, gamma=0.75
    ),
    "boundary": spaced(1.0, REGIONS),
    "boundary-2d": spaced([0.7, 2.5], [(2, 5, 4, 3), (2, 5, 4, 1)]),
    "boundary-3d": spaced([3.0, 0.5, 0.8], [(2, 3, 4, 5, 3)], **FOREGROUND),
}  # fmt: skip
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
PROBABILISTIC = {n: c for n, c in CASES.items() if c.kind != "values"}
OF_CLASSES = pytest.mark.parametrize("case", PROBABILISTIC.values(), ids=PROBABILISTIC)
OUTPUTS = pytest.mark.parametrize(
    ("case", "from_logits"),
    [
        pytest.param(case, from_logits, id=f"{name}-{from_logits}")
        for name, case in CASES.items()
        for from_logits in ((None,) if case.kind == "values" else (True, False))
    ],
)
REGIONAL = {n: c for n, c in CASES.items() if c.region}
OVERLAPS = {n: c for n, c in REGIONAL.items() if c.loss is not losses.Boundary}
OF_REGIONS = pytest.mark.parametrize("case", REGIONAL.values(), ids=REGIONAL)


def draw(case, shape, labels="soft", seed=0):
    """Return float64 targets as a loss takes them, the same as distributions, and logits."""
    random = np.random.default_rng([seed, *shape])
    logits = random.normal(size=shape)
    if case.kind == "values":
        targets = random.normal(size=shape)
        return targets, targets, logits
    if shape[-1] == 1 or case.kind == "binary":
        soft = random.uniform(size=shape)
        hard = (soft > 0.5).astype(float)
        given = {"integers": hard[..., 0] if shape[-1] == 1 else hard, "soft": soft}
        return given.get(labels, hard), soft if labels == "soft" else hard, logits
    soft = random.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    hard = np.eye(shape[-1])[soft.argmax(-1)]
    integers = soft.argmax(-1).astype(np.int64)
    given = {"integers": integers, "column": integers[..., None], "one-hot": hard, "soft": soft}
    return given[labels], soft if labels == "soft" else hard, logits


def result_shape(case, shape):
    """Return the shape before the reduction."""
    if case.settings.get("batch"):
        return (1,)
    return shape[:1] if case.region else shape[:-1]


def predict(case, logits, from_logits):
    """Return what the loss and what the reference is given as predictions."""
    if case.kind == "values":
        return logits, logits
    binary = logits.shape[-1] == 1 or case.kind == "binary"
    probabilities = expit(logits) if binary else softmax(logits, -1)
    if from_logits:
        return logits, probabilities
    likelihood = case.loss is losses.NegativeLogLikelihood
    return log_softmax(logits, -1) if likelihood else probabilities, probabilities


@pytest.mark.parametrize("labels", ["integers", "column", "one-hot", "soft"])
@OUTPUTS
def test_reference(case, from_logits, labels):
    settings = {} if from_logits is None else {"from_logits": from_logits}
    for shape in case.shapes:
        given, targets, logits = draw(case, shape, labels)
        predictions, probabilities = predict(case, logits, from_logits)
        expected = case.reference(targets, probabilities)
        exact = case.make(reduction="none", dtype="float64", **settings)
        # Distances are float32 in any case, and GeneralizedDice's reference is not smoothed.
        rtol = 1e-4 if case.loss in (losses.Boundary, losses.GeneralizedDice) else 1e-7
        np.testing.assert_allclose(exact(given, predictions), expected, rtol, rtol)
        single = case.make(**settings)
        value = single(given.astype(np.float32), predictions.astype(np.float32))
        assert value.dtype == "float32"
        assert float(value) == pytest.approx(expected.mean(), rel=2e-4, abs=1e-6)
        by_sample = single.call(given, predictions.astype(np.float32))
        assert by_sample.shape == expected.shape == result_shape(case, shape)


@OUTPUTS
def test_gradient_by_finite_differences(case, from_logits):
    settings = {} if from_logits is None else {"from_logits": from_logits}
    loss = case.make(dtype="float64", **settings)
    for shape in (case.shapes[0], case.shapes[-1]):
        given, _, logits = draw(case, shape)
        predictions = predict(case, logits, from_logits)[0]
        _, slope = gradient(loss, given, predictions)
        for step in 1e-6 * np.random.default_rng(1).normal(size=(3, *shape)):
            up, down = loss(given, predictions + step), loss(given, predictions - step)
            expected = float(up - down) / 2
            assert (slope.numpy() * step).sum() == pytest.approx(expected, rel=1e-5, abs=1e-13)


def gradient(loss, given, predictions, weight=None, mask=None):
    """Return the loss and its gradient by the predictions."""
    predictions = tf.convert_to_tensor(predictions)
    if mask is not None:
        predictions._keras_mask = tf.constant(mask)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = loss(given, predictions, weight)
    return value, tape.gradient(value, predictions)


@pytest.mark.parametrize(
    ("predicted", "loss_type"),
    [("float32", "float32"), ("float16", "float16"), ("bfloat16", "float32")],
)
@ALL
def test_extremes_are_finite(case, predicted, loss_type):
    shape = case.shapes[0]
    given, _, logits = draw(case, shape, "integers")
    # Slopes of exp(log variance) soon pass what float16 can hold.
    far = 8 if (case.loss, predicted) == (losses.GaussianKLDivergence, "float16") else 1e4
    extremes = [np.where(logits > 0, far, -far), np.full(shape, far), np.full(shape, -far)]
    sure = np.zeros(shape)
    sure[..., 0] = 1
    outputs = [(True, x) for x in extremes]
    if case.loss is losses.NegativeLogLikelihood:
        outputs += [(False, np.where(sure > 0, 0, -np.inf))]
    elif case.kind != "values":
        outputs += [(False, sure), (False, np.roll(sure, 1, -1))]
    for from_logits, x in outputs:
        settings = {} if case.kind == "values" else {"from_logits": from_logits}
        loss = case.make(dtype=loss_type, **settings)
        value, slope = gradient(loss, given, tf.cast(x, predicted))
        assert np.isfinite(value.numpy()) and slope.dtype == predicted
        assert np.isfinite(tf.cast(slope, "float32").numpy()).all()


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
@ALL
def test_what_does_not_count_gives_zero_and_no_gradient(case, reduction):
    for shape in case.shapes[:2]:
        given, _, logits = draw(case, shape)
        loss = case.make(reduction=reduction)
        batch, points = np.zeros(shape[:1]), np.zeros(shape[:-1])
        for weight, mask in [(batch, None), (points, None), (None, points > 0)]:
            value, slope = gradient(loss, given, logits.astype(np.float32), weight, mask)
            assert float(value) == 0 and not slope.numpy().any()
        empty, none = gradient(loss, given[:0], logits[:0].astype(np.float32))
        assert empty.shape == () and float(empty) == 0 and none.shape == (0, *shape[1:])


@OF_REGIONS
def test_uncounted_voxels_are_as_if_cut_off(case):
    for shape in case.shapes[:3]:
        given, _, logits = draw(case, shape, "one-hot", seed=2)
        counted = np.zeros(shape[:-1])
        cut = (slice(None), slice(1, None), *[slice(None, -1)] * (len(shape) - 3))
        counted[cut] = 1
        expected, slope = gradient(case.make(), given[cut], logits[cut])
        wrong = np.where(counted[..., None] > 0, given, np.nan)
        for weight, mask in [(counted, None), (counted[..., None], None), (None, counted > 0)]:
            value, found = gradient(case.make(), wrong, logits, weight, mask)
            assert float(value) == pytest.approx(float(expected), rel=1e-5)
            np.testing.assert_allclose(found.numpy()[cut], slope, 1e-4, 1e-7)
            assert not found.numpy()[counted == 0].any()


@pytest.mark.parametrize("case", OVERLAPS.values(), ids=OVERLAPS)
def test_weights_inside_the_sums_count_voxels_as_often(case):
    shape = (2, 5, 4, 3)
    given, _, logits = draw(case, shape, "one-hot", seed=3)
    often = np.ones(5, int)
    often[2] = 3
    weight = np.broadcast_to(often[:, None], shape[:-1])
    repeated = [np.repeat(x, often, axis=1) for x in (given, logits)]
    loss = case.make(dtype="float64")
    assert float(loss(given, logits, weight)) == pytest.approx(float(loss(*repeated)))


@OF_REGIONS
def test_weights_of_samples(case):
    given, _, logits = draw(case, (3, *case.shapes[0][1:]), "integers")
    single = case.make(dtype="float64", reduction="none")
    weight = np.array([1.0, 0.0, 2.0])
    found = case.make(dtype="float64")(given, logits, weight)
    if case.settings.get("batch"):
        chosen = [0, 2, 2]
        expected = single(given[chosen], logits[chosen])[0]
    else:
        expected = (single(given, logits).numpy() * weight).mean()
    assert float(found) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]
)
@pytest.mark.parametrize("masked", [False, True])
def test_reductions_are_those_of_keras(reduction, masked):
    random = np.random.default_rng(4)
    given, found, weight = (
        random.normal(size=(3, 4, 5, 2)),
        random.normal(size=(3, 4, 5, 2)),
        random.uniform(size=(3, 4, 5)),
    )
    mask = random.uniform(size=(3, 4, 5)) > 0.4 if masked else None
    ours, keras_loss = (
        c(reduction=reduction, dtype="float64")
        for c in (losses.MeanSquaredError, keras.losses.MeanSquaredError)
    )
    by_sample = np.broadcast_to(weight[:, :1, :1], (3, 4, 5))
    for mine, theirs in [
        (None, None),
        (weight, weight),
        (weight[..., None], weight),
        (weight[:, 0, 0], by_sample),
    ]:
        np.testing.assert_allclose(
            gradient(ours, given, found, mine, mask)[0],
            gradient(keras_loss, given, found, theirs, mask)[0],
        )


def test_huber_is_half_the_squared_error_or_delta_times_the_absolute():
    given, _, found = draw(CASES["mse"], (50, 3))
    wide, narrow = losses.Huber(1e30), losses.Huber(1e-5)
    assert float(wide(given, found)) == pytest.approx(losses.MeanSquaredError()(given, found) / 2)
    absolute = float(losses.MeanAbsoluteError()(given, found))
    assert float(narrow(given, found)) == pytest.approx(1e-5 * absolute, rel=1e-4)


def test_equalities():
    given, _, logits = draw(CASES["dice"], (2, 6, 5, 3), "integers")

    def same(loss, other):
        np.testing.assert_allclose(loss(given, logits), other(given, logits), rtol=1e-6)

    same(losses.Tversky(0.5, 0.5, smooth=5e-6), losses.Dice())
    same(losses.FocalTversky(0.3, 0.7, gamma=1.0), losses.Tversky(0.3, 0.7))
    same(
        losses.Focal(gamma=0.0, reduction="none"), losses.CategoricalCrossentropy(reduction="none")
    )
    same(losses.KLDivergence(), losses.CategoricalCrossentropy())
    same(losses.Boundary(np.array([2.0, 2.0])), losses.Boundary(2.0))


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize(
    "reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"]
)
def test_dice_crossentropy_is_the_sum(classes, reduction):
    given, _, logits = draw(CASES["dice"], (2, 6, 5, classes), "integers")
    switches = {"squared": True, "jaccard": True, "smooth": 0.1, "include_background": classes == 1}
    loss = losses.DiceCrossentropy(0.5, 2.0, reduction=reduction, **switches)
    entropy = losses.BinaryCrossentropy if classes == 1 else losses.CategoricalCrossentropy
    parts = [losses.Dice(reduction=reduction, **switches), entropy(reduction=reduction)]
    combined = losses.Combined(parts, [0.5, 2.0])
    weight = np.random.default_rng(5).uniform(size=(2, 6, 5))
    for given_weight in (None, weight, weight[:, 0, 0]):
        overlap, cross = (part(given, logits, given_weight).numpy() for part in parts)
        expected = 0.5 * overlap + 2 * (cross.mean((1, 2)) if reduction == "none" else cross)
        np.testing.assert_allclose(loss(given, logits, given_weight), expected, rtol=1e-6)
        np.testing.assert_allclose(combined(given, logits, given_weight), expected, rtol=1e-6)
    assert loss.call(given, logits).shape == (2,)


def test_keras_losses_can_be_combined():
    given, _, found = draw(CASES["mse"], (4, 3))
    parts = [keras.losses.MeanSquaredError(), losses.MeanAbsoluteError()]
    expected = 2 * parts[0](given, found) + 3 * parts[1](given, found)
    assert float(losses.Combined(parts, [2, 3])(given, found)) == pytest.approx(float(expected))


def test_gaussian_divergence_by_monte_carlo():
    random = np.random.default_rng(6)
    mean, log, prior_mean, prior_log = random.normal(scale=0.5, size=(4, 3))
    z = mean + np.exp(log / 2) * random.normal(size=(200_000, 3))

    def log_density(mean, log):
        return -((z - mean) ** 2 / np.exp(log) + log).sum(-1) / 2

    ratios = log_density(mean, log) - log_density(prior_mean, prior_log)
    found = losses.gaussian_kl_divergence(mean, log, prior_mean, prior_log)
    assert float(found) == pytest.approx(ratios.mean(), abs=4 * ratios.std() / np.sqrt(len(z)))
    normal = losses.GaussianKLDivergence()(np.zeros((1, 6)), np.concatenate([mean, log])[None])
    assert float(normal) == pytest.approx(float(losses.gaussian_kl_divergence(mean, log)))


def test_dice_of_two_spheres_tends_to_the_analytic_value():
    def error(voxel, shift):
        places = (np.arange(round(3.6 / voxel)) + 0.5) * voxel - 1.8
        x, y, z = np.meshgrid(places, places, places, indexing="ij")
        one, other = ((x - s) ** 2 + y**2 + z**2 <= 1 for s in (-shift / 2, shift / 2))
        found = losses.Dice(from_logits=False)(one[None], other[None, ..., None])
        shared = np.pi * (4 + shift) * (2 - shift) ** 2 / 12
        return abs(float(found) - (1 - shared / (4 * np.pi / 3)))

    shifts = (0.3, 0.5, 0.7, 0.9, 1.1, 1.3)
    worst = [max(error(voxel, shift) for shift in shifts) for voxel in (0.4, 0.2, 0.05)]
    assert worst[0] > worst[1] > worst[2] and worst[2] < 3e-3


@pytest.mark.parametrize(
    ("shape", "spacing"), [((9,), [2.0]), ((5, 7), [0.5, 3]), ((4, 5, 6), [1, 2, 0.3])]
)
@pytest.mark.parametrize("density", [0.05, 0.5, 0.95])
def test_distance(shape, spacing, density):
    random = np.random.default_rng([7, *shape])
    inside = random.uniform(size=(3, *shape, 2)) < density
    inside[0, ..., 0], inside[0, ..., 1] = False, True
    inside.reshape(3, -1, 2)[1:, :2] = np.eye(2, dtype=bool)
    expected = np.zeros(inside.shape)
    for b in (1, 2):
        for c in (0, 1):
            expected[b, ..., c] = references.signed_distance(inside[b, ..., c], spacing)
            naive = references.naive_distance(inside[b, ..., c], spacing)
            np.testing.assert_allclose(expected[b, ..., c], naive)
    signature = tf.TensorSpec([None] * inside.ndim, tf.bool)
    unknown = tf.function(lambda x: signed_distance(x, spacing), input_signature=[signature])
    compiled = tf.function(lambda x: signed_distance(x, spacing), jit_compile=True)
    for function in (lambda x: signed_distance(x, spacing), unknown, compiled):
        np.testing.assert_allclose(function(tf.constant(inside)), expected, rtol=1e-5)


def test_distance_of_a_large_image():
    inside = np.zeros((1, 150, 130, 1), bool)
    inside[0, 20:60, 30:100, 0] = True
    expected = references.signed_distance(inside[0, ..., 0], [1, 1])
    np.testing.assert_allclose(signed_distance(inside, [1, 1])[0, ..., 0], expected, rtol=1e-6)


def test_balanced_class_weights():
    labels = np.array([[0, 0, 0], [2, 1, 0]])
    np.testing.assert_allclose(losses.balanced_class_weights(labels, 3), [0.5, 2, 2])
    with pytest.raises(ValueError, match="each of 5 classes.*none of class 3, 4"):
        losses.balanced_class_weights(labels, 5)
    for wrong in ([0, 1, 2], [0, 1, -1], [0, 1, 0.5], [0, 1, np.nan]):
        with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
            losses.balanced_class_weights(wrong, 2)


def compiled_model(loss, shape, **settings):
    """Return a linear model with outputs of a shape, compiled."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape[1:]), keras.layers.Dense(shape[-1])])
    model.compile(keras.optimizers.Adam(0.02), loss, **settings)
    return model


SAVED = {
    **{n: (c.make(name="mine", dtype="float64"), c) for n, c in CASES.items()},
    "combined": (
        losses.Combined(
            [losses.Dice(squared=True), losses.Boundary([2.0, 1.0]), keras.losses.Hinge()],
            [1, 0.01, 2],
        ),
        CASES["dice"],
    ),
    "dice-crossentropy": (
        losses.DiceCrossentropy(0.5, 2.0, batch=True, squared=True, reduction="sum"),
        CASES["dice"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("loss", "case"), SAVED.values(), ids=SAVED)
def test_a_compiled_model_is_loaded_with_its_loss(loss, case, tmp_path):
    shape = case.shapes[0]
    given, _, inputs = draw(case, shape, "one-hot")
    model = compiled_model(loss, shape)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss) and loaded.loss.get_config() == loss.get_config()
    outputs = model(inputs)
    assert float(loaded.loss(given, outputs)) == pytest.approx(float(loss(given, outputs)))


FITTED = {
    "mse": CASES["mse"],
    "gaussian": CASES["gaussian"],
    "binary": CASES["binary"],
    "categorical": CASES["categorical-weighted"],
    "kl": CASES["kl"],
    "focal": CASES["focal"],
}


@pytest.mark.parametrize(
    ("case", "jit"),
    [
        *((c, False) for c in FITTED.values()),
        (FITTED["categorical"], True),
        (FITTED["binary"], True),
    ],
    ids=[*FITTED, "categorical-compiled", "binary-compiled"],
)
def test_fit_of_a_dense_model(case, jit):
    shape = (32, *case.shapes[0][1:])
    given, _, inputs = draw(case, shape, "integers")
    model = compiled_model(case.make(), shape, jit_compile=jit)
    history = model.fit(inputs, given, batch_size=16, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


SEGMENTING = {
    "dice": losses.Dice(),
    "generalized": losses.GeneralizedDice(),
    "focal-tversky": losses.FocalTversky(),
    "boundary": losses.Combined([losses.Dice(), losses.Boundary()], [1, 0.01]),
    "dice-crossentropy": losses.DiceCrossentropy(include_background=False),
}


@pytest.mark.parametrize(
    ("loss", "jit"),
    [
        *((x, False) for x in SEGMENTING.values()),
        (SEGMENTING["boundary"], True),
        (SEGMENTING["dice-crossentropy"], True),
    ],
    ids=[*SEGMENTING, "boundary-compiled", "dice-crossentropy-compiled"],
)
def test_fit_of_a_convolutional_model_to_integer_masks(loss, jit):
    random = np.random.default_rng(8)
    images = random.normal(size=(8, 12, 10, 1)).astype(np.float32)
    masks = (images[..., 0] > 0).astype(np.int32) + (images[..., 0] > 1)
    keras.utils.set_random_seed(0)
    policy = "float32" if jit else "mixed_float16"
    layers = [keras.layers.Conv2D(4, 3, padding="same", activation="relu", dtype=policy),
              keras.layers.Conv2D(3, 1, dtype=policy)]  # fmt: skip
    model = keras.Sequential([keras.Input((None, None, 1)), *layers])
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=jit)
    weights = np.ones((8, 12, 10, 1), np.float32)
    history = model.fit(images, masks, 4, 5, 0, sample_weight=weights).history["loss"]
    assert history[-1] < history[0]


ONE = np.zeros((2, 4, 1))
TWO = np.zeros((2, 4, 2))
LINE = np.zeros((3, 3))
LABELS = np.zeros((2, 4), int)
MSE, CE, NLL = losses.MeanSquaredError, losses.CategoricalCrossentropy, losses.NegativeLogLikelihood
BCE, KL, GAUSSIAN = losses.BinaryCrossentropy, losses.KLDivergence, losses.GaussianKLDivergence
PROBABILITIES = {"from_logits": False}
# Targets, predictions and the line that says what is wrong.
SHAPES = {
    "broadcast": (MSE(), LINE[:, :1], LINE, r"shape of y_pred.*\(3, 1\) and \(3, 3\)"),
    "flat": (MSE(), np.zeros(3), np.zeros(3), r"y_pred must be \(batch.*\(3,\)"),
    "odd": (GAUSSIAN(), LINE, LINE, r"as many means.*\(3, 3\)"),
    "labels": (BCE(), LINE[:, 0], LINE, r"shape of y_pred.*\(3,\) and \(3, 3\)"),
    "one logit": (CE(), LABELS, ONE, "use BinaryCrossentropy"),
    "one log-probability": (NLL(), LABELS, ONE, "use BinaryCrossentropy"),
    "one-hot of others": (KL(), np.zeros((2, 4, 3)), TWO, r"integer labels.*\(2, 4, 3\)"),
    "other voxels": (losses.Dice(), LABELS[:, :3], TWO, r"integer labels.*\(2, 3\)"),
    "no spatial axis": (losses.Dice(), LINE[:, 0], LINE, r"images \(batch, \*spatial, classes\)"),
    "no class left": (losses.Dice(**FOREGROUND), LABELS, ONE, "leaves no class"),
    "spacing": (losses.Boundary([1.0, 1.0]), LABELS, TWO, "each of 1 spatial axes"),
    "class weights": (losses.Focal(class_weights=THREE), LABELS, TWO, "each of 2.*3 numbers"),
}
VALUES_LIKE = {
    "label": (CE(), LABELS + 2, TWO, "whole numbers from 0 to 1.*highest=2"),
    "negative": (losses.Dice(), LABELS - 1, TWO, "whole numbers from 0 to 1.*lowest=-1"),
    "fraction": (losses.Focal(), LABELS + 0.5, TWO, "whole numbers.*0.5"),
    "nan": (losses.Boundary(), LABELS * np.nan, TWO, "whole numbers"),
    "sum": (KL(), TWO + 0.4, TWO, "y_true.*sum to 1.*highest_sum=0.8"),
    "nan soft": (KL(), TWO * np.nan, TWO, "y_true.*sum to 1"),
    "binary": (BCE(), ONE + 2, ONE, "y_true.*within 0 and 1.*highest=2"),
    "binary nan": (losses.Dice(), ONE * np.nan, ONE, "y_true.*within 0 and 1"),
    "logits": (losses.Dice(**PROBABILITIES), LABELS, TWO + 3, "y_pred under.*highest_sum=6"),
    "below": (CE(**PROBABILITIES), LABELS, TWO + [-1, 2], "y_pred under.*lowest=-1"),
    "one": (losses.Focal(**PROBABILITIES), LABELS, ONE + 1.5, "y_pred under.*highest=1.5"),
    "log": (NLL(**PROBABILITIES), LABELS, TWO, "exp.*highest_sum=2"),
}


def symbolic(array, known=True):
    return tf.TensorSpec(array.shape if known else [None] * array.ndim, array.dtype)


@pytest.mark.parametrize(("loss", "given", "found", "line"), SHAPES.values(), ids=SHAPES)
def test_wrong_shapes(loss, given, found, line):
    with pytest.raises(ValueError, match=line):
        loss(given, found)
    with pytest.raises(ValueError, match=line):
        tf.function(loss).get_concrete_function(symbolic(given), symbolic(found))


@pytest.mark.parametrize(("loss", "given", "found", "line"), VALUES_LIKE.values(), ids=VALUES_LIKE)
def test_wrong_values(loss, given, found, line):
    with pytest.raises(ValueError, match=line):
        loss(given, found)
    with pytest.raises(tf.errors.InvalidArgumentError, match=line.split(".*")[0]):
        tf.function(loss)(given, found)
    # What has no weight may hold anything.
    assert float(loss(given, found, np.zeros(2))) == 0


@pytest.mark.parametrize("name", ["label", "nan", "binary", "logits"])
def test_wrong_values_under_a_compiler_without_assertions(name):
    """The loss is no number, and nothing is learned from it."""
    loss, given, found, _ = VALUES_LIKE[name]
    value, slope = tf.function(partial(gradient, loss), jit_compile=True)(given, found)
    assert np.isnan(value) and not slope.numpy().any()


def test_sizes_unknown_in_a_graph_are_asserted():
    signature = [tf.TensorSpec([None, None], "float32"), tf.TensorSpec([None, None, 2], "float32")]
    function = tf.function(losses.CategoricalCrossentropy(), input_signature=signature)
    assert float(function(np.zeros((3, 4)), np.zeros((3, 4, 2)))) == pytest.approx(np.log(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="integer labels.*differ in axis 1"):
        function(np.zeros((3, 1)), np.zeros((3, 4, 2)))


@pytest.mark.parametrize("weight", [np.ones(3), np.ones((2, 3)), np.ones((2, 4, 2)), np.ones(())])
@pytest.mark.parametrize("loss", [losses.CategoricalCrossentropy(), losses.Dice()])
def test_wrong_weights(loss, weight):
    with pytest.raises(ValueError, match=r"sample_weight must be \(batch,\).*Received: shape"):
        loss(LABELS, TWO, weight)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_rounded_probabilities_are_accepted(half):
    rounded = tf.nn.softmax(tf.cast(np.random.default_rng(9).normal(size=(200, 50)), half))
    expected = losses.CategoricalCrossentropy()(
        np.zeros(200), tf.math.log(tf.cast(rounded, "float32"))
    )
    found = losses.CategoricalCrossentropy(from_logits=False)(np.zeros(200), rounded)
    assert float(found) == pytest.approx(float(expected), rel=2e-2)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: losses.Huber(0), "delta must be finite and above 0.*delta=0"),
        (lambda: losses.Focal(-1), "gamma must be finite and at least 0"),
        (lambda: losses.FocalTversky(gamma=0), "gamma must be finite and above 0"),
        (lambda: losses.Tversky(-1, 1), "alpha=-1"),
        (lambda: losses.Dice(smooth=0), "smooth must be finite and above 0"),
        (lambda: losses.GeneralizedDice("cubic"), "square, simple, uniform.*'cubic'"),
        (lambda: losses.Boundary(0), "spacing must be finite and above 0"),
        (lambda: losses.BinaryCrossentropy(class_weights=[1]), "each of 2 classes.*1 numbers"),
        (lambda: losses.CategoricalCrossentropy(class_weights=[1, -1]), "at least 0"),
        (lambda: losses.Combined([]), "one or more"),
        (lambda: losses.Combined([losses.Dice()], [1, 2]), "each of 1 losses.*2 numbers"),
        (lambda: losses.Combined([losses.Dice(), losses.Dice(reduction="sum")]), "one reduction"),
        (lambda: losses.Dice(reduction="median"), "reduction"),
    ],
)
def test_wrong_settings(make, line):
    with pytest.raises(ValueError, match=line):
        make()


def test_sums_over_a_large_volume_are_exact():
    side = 160
    labels = np.random.default_rng(0).integers(2, size=(1, side, side, side))
    p = np.full((1, side, side, side, 2), (0.7, 0.3), np.float32)
    found = float(losses.Dice(from_logits=False)(labels, p))
    counts = np.bincount(labels.ravel())
    overlap, total = counts * (0.7, 0.3), side**3 * np.array([0.7, 0.3]) + counts
    assert found == pytest.approx(1 - np.mean(2 * overlap / total), abs=1e-6)


@pytest.mark.parametrize(
    "loss",
    [
        losses.Dice(),
        losses.Tversky(),
        losses.Boundary(),
        losses.CategoricalCrossentropy(),
        losses.DiceCrossentropy(),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_an_image_that_is_masked_altogether_is_none(loss):
    random = np.random.default_rng(0)
    labels = random.integers(3, size=(4, 5, 6))
    logits = tf.constant(random.normal(size=(4, 5, 6, 3)), tf.float32)
    alone = float(loss(labels[1:3], logits[1:3]))
    for mask in ([False, True, True, False], np.isin(np.arange(4), (1, 2))[:, None, None]):
        masked = tf.identity(logits)
        shape = (4,) if np.ndim(mask) == 1 else (4, 5, 6)
        masked._keras_mask = tf.broadcast_to(tf.constant(mask), shape)
        assert float(loss(labels, masked)) == pytest.approx(alone, rel=1e-5)


def test_class_weights_by_the_index_of_the_class():
    labels, logits = np.array([0, 1, 1]), np.zeros((3, 2), np.float32)
    by_key = losses.CategoricalCrossentropy(class_weights={1: 5.0, 0: 1.0})
    assert by_key.class_weights == [1.0, 5.0]
    assert float(by_key(labels, logits)) == pytest.approx(11 / 3 * np.log(2))
    for wrong in ({1: 1.0, 2: 2.0}, "123", 2.0, [[1, 2]], [1, None], [np.nan, 1]):
        with pytest.raises(ValueError, match="class_weights must be a sequence of finite numbers"):
            losses.CategoricalCrossentropy(class_weights=wrong)


def test_divergence_of_gaussians_in_half_precision_and_of_plain_numbers():
    for mean, log_variance in ((300.0, 0.0), (0.0, 12.0)):
        halves = (tf.constant([x], tf.float16) for x in (mean, log_variance))
        expected = (mean**2 + np.exp(log_variance) - 1 - log_variance) / 2
        assert float(losses.gaussian_kl_divergence(*halves)) == pytest.approx(expected, rel=1e-3)
    assert float(losses.gaussian_kl_divergence([0.0, 0.0], [0, 0])) == 0
    with pytest.raises(ValueError, match="latents"):
        losses.gaussian_kl_divergence(0.0, 0.0)


@pytest.mark.parametrize(
    "loss", [losses.CategoricalCrossentropy(), losses.Focal(), losses.KLDivergence()]
)
def test_a_class_that_is_ruled_out(loss):
    logits = tf.constant([[0.5, -np.inf, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(np.array([0]), logits)
    assert float(value) == pytest.approx(float(loss(np.array([0]), logits.numpy()[:, ::2])))
    assert np.isfinite(tape.gradient(value, logits)).all()


def test_weights_of_unknown_size_are_not_stretched():
    unknown = [None, None, None]
    signature = [
        tf.TensorSpec(unknown, tf.int64),
        tf.TensorSpec([*unknown, 3]),
        tf.TensorSpec(unknown),
    ]
    loss = tf.function(losses.CategoricalCrossentropy(), input_signature=signature, autograph=False)
    labels, logits = np.zeros((2, 4, 4), int), np.zeros((2, 4, 4, 3), np.float32)
    assert float(loss(labels, logits, np.ones((2, 4, 4), np.float32))) == pytest.approx(np.log(3))
    with pytest.raises(tf.errors.InvalidArgumentError, match="sample_weight must be"):
        loss(labels, logits, np.ones((1, 4, 4), np.float32))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.Dice(smooth=np.inf), "smooth must be finite and above 0"),
        (lambda: losses.Dice(smooth="a"), "smooth must be finite and above 0"),
        (lambda: losses.Boundary(np.inf), "spacing must be"),
        (lambda: losses.Boundary([]), "spacing must be at least one"),
        (lambda: losses.Boundary("a"), "spacing must be"),
        (lambda: losses.Tversky(0, 0), "not both 0"),
        (lambda: losses.Tversky(np.inf), "alpha and beta must be finite"),
        (lambda: losses.FocalTversky(gamma=np.inf), "gamma must be finite"),
        (lambda: losses.Focal(None), "gamma must be"),
        (lambda: losses.Huber("a"), "delta must be finite and above 0"),
        (lambda: losses.Combined(losses.Dice()), "losses must be one or more"),
        (lambda: losses.Combined([losses.Dice()], 2.0), "weights must be a sequence"),
        (lambda: losses.DiceCrossentropy(np.nan), "dice_weight must be"),
        (lambda: losses.Dice(dtype="int32"), "dtype must be of floating-point"),
        (lambda: losses.balanced_class_weights([0, 1], -1), "num_classes must be at least 1"),
    ],
)
def test_settings_that_would_lead_nowhere(make, words):
    with pytest.raises(ValueError, match=words):
        make()
