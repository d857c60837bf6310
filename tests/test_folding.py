"""Batch normalization inside the layers before it."""

import keras
import numpy as np
import pytest
from keras import layers

import kerasbio
from kerasbio.export.saved_model import fold_alike
from kerasbio.inference import fold_batch_normalization
from tests.cases import CASES, inputs_of


def randomize(model):
    """Give a model the weights and the moving statistics of no initializer."""
    random = np.random.default_rng(0)
    for weight in model.weights:
        value = random.normal(scale=0.3, size=weight.shape)
        positive = weight.name in ("gamma", "moving_variance")
        weight.assign(abs(value) + 0.5 if positive else value)
    return model


def left(model):
    return [x.name for x in model.layers if isinstance(x, layers.BatchNormalization)]


def assert_folded(model, folded, inputs):
    expected = np.asarray(model(inputs))
    np.testing.assert_allclose(folded(inputs), expected, atol=1e-5 * abs(expected).max(), rtol=0)


@pytest.mark.parametrize("name", CASES)
def test_every_builder_predicts_what_it_did(name):
    case = CASES[name]
    model = randomize(case.build(*case.arguments, **case.keywords))
    before = model.get_weights()
    folded = fold_batch_normalization(model)
    assert_folded(model, folded, inputs_of(model))
    assert (folded is model) == (left(folded) == left(model))
    # Graph convolutions and the maps of 1998 that see few others are none of Keras' sums.
    assert not left(folded) or name.startswith(("gcn", "lenet5_1998"))
    assert [x.name for x in folded.inputs] == [x.name for x in model.inputs]
    for weight, value in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("settings", [{}, {"scale": False}, {"center": False}])
@pytest.mark.parametrize("transposed", [False, True])
def test_kinds_of_convolution(rank, settings, transposed):
    kind = getattr(layers, f"Conv{rank}D{'Transpose' if transposed else ''}")
    model = keras.Sequential([keras.Input((5,) * rank + (3,)), kind(4, 2, use_bias=False)])
    model.add(layers.BatchNormalization(**settings))
    randomize(model)
    folded = fold_batch_normalization(model)
    assert not left(folded)
    assert_folded(model, folded, np.random.default_rng(1).normal(size=(2, *model.input_shape[1:])))


class Derived(layers.Conv2D):
    """It may change the kernel in a way of its own."""


def connected(kind):
    """Return a model whose batch normalization cannot be folded, and why."""
    inputs = keras.Input((6, 6, 2))
    convolution = layers.Conv2D(3, 3, padding="same", name="convolution")
    normalization = layers.BatchNormalization(name="normalization")
    if kind == "maps that are used twice":
        maps = convolution(inputs)
        return keras.Model(inputs, layers.Add()([maps, normalization(maps)]))
    if kind == "maps that are an output":
        maps = convolution(inputs)
        return keras.Model(inputs, [maps, normalization(maps)])
    if kind == "a convolution that is called twice":
        maps = convolution(inputs)
        other = convolution(layers.ReLU()(inputs))
        return keras.Model(inputs, layers.Add()([normalization(maps), other]))
    if kind == "a normalization that is called twice":
        other = layers.Conv2D(3, 1)(inputs)
        return keras.Model(
            inputs, layers.Add()([normalization(convolution(inputs)), normalization(other)])
        )
    if kind == "an activation between":
        convolution.activation = keras.activations.relu
        return keras.Model(inputs, normalization(convolution(inputs)))
    if kind == "another axis":
        other = layers.BatchNormalization(axis=1)
        return keras.Model(inputs, other(convolution(inputs)))
    if kind == "a derived layer":
        return keras.Model(inputs, normalization(Derived(3, 3)(inputs)))
    if kind == "half precision":
        half = layers.Conv2D(3, 3, dtype="mixed_float16")(inputs)
        return keras.Model(inputs, normalization(half))
    return keras.Model(inputs, normalization(inputs))


@pytest.mark.parametrize(
    "kind",
    [
        "maps that are used twice",
        "maps that are an output",
        "a convolution that is called twice",
        "a normalization that is called twice",
        "an activation between",
        "another axis",
        "half precision",
        "a derived layer",
        "no layer before",
    ],
)
def test_what_cannot_be_folded_stays(kind):
    model = connected(kind)
    assert fold_batch_normalization(model) is model


def test_a_model_without_a_graph_stays():
    class Written(keras.Model):
        def call(self, x):
            return x

    model = Written()
    assert fold_batch_normalization(model) is model


class Doubled(layers.BatchNormalization):
    """It does something else."""

    def call(self, x, training=None, mask=None):
        return 2 * super().call(x)


class Shifted(keras.Model):
    """A model of a graph that does something besides."""

    def call(self, x, training=None, mask=None):
        return super().call(x) + 1


class Remembering(layers.Layer):
    """It keeps a number that its configuration does not tell."""

    def call(self, x):
        return x * getattr(self, "factor", 1.0)


def with_layer(layer):
    inputs = keras.Input((8, 8, 1))
    x = layers.BatchNormalization()(layers.Conv2D(3, 3)(layer(inputs)))
    return randomize(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))


def test_a_layer_that_cannot_be_made_anew():
    model = with_layer(layers.Lambda(lambda x: x + 1))
    assert fold_batch_normalization(model) is model


def test_classes_that_compute_in_a_way_of_their_own():
    inputs = keras.Input((6, 6, 2))
    maps = layers.Conv2D(3, 3)(inputs)
    for model in (
        keras.Model(inputs, Doubled()(maps)),
        Shifted(inputs, layers.BatchNormalization()(maps)),
    ):
        assert fold_batch_normalization(model) is model


def test_adapted_normalization_and_a_call_by_keyword():
    standardize = layers.Normalization()
    images = np.random.default_rng(0).normal(3, 2, (4, 8, 8, 1)).astype("float32")
    standardize.adapt(images)
    inputs = keras.Input((8, 8, 1), name="image")
    maps = layers.Conv2D(3, 3)(standardize(inputs))
    model = keras.Model({"image": inputs}, {"maps": layers.BatchNormalization()(inputs=maps)})
    folded = fold_batch_normalization(model)
    assert folded.name == model.name and not left(folded)
    found, expected = (m({"image": images})["maps"] for m in (folded, model))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_beside_the_kernel():
    inputs = keras.Input((4,))
    adapted = layers.Dense(3)
    model = keras.Model(inputs, layers.BatchNormalization()(adapted(inputs)))
    adapted.enable_lora(2)
    assert fold_batch_normalization(model) is model


def test_an_export_answers_as_the_model_that_was_trained():
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    remembering = Remembering()
    model = with_layer(remembering)
    assert fold_alike(model, images) is not model
    remembering.factor = 2.0
    assert fold_alike(model, images) is model


def test_nested_models_keep_theirs():
    inner = randomize(kerasbio.build_unet((8, 8, 1), 2, filters=(3, 4), padding="same",
                                          batch_norm=True))  # fmt: skip
    inputs = keras.Input((8, 8, 1))
    maps = layers.BatchNormalization()(layers.Conv2D(1, 3, padding="same")(inputs))
    model = randomize(keras.Model(inputs, inner(maps)))
    folded = fold_batch_normalization(model)
    assert_folded(model, folded, np.random.default_rng(1).normal(size=(2, 8, 8, 1)))
    assert not left(folded) and left(folded.get_layer(inner.name)) == left(inner)
    # Grad-CAM and the like still find each layer's only use.
    assert inner.get_layer("logits").output is not None
