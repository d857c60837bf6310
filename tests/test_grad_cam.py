"""Grad-CAM beside closed forms and finite differences."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy import ndimage

from kerasbio.inference import grad_cam
from kerasbio.models.cnn import build_lenet5, build_resnet


def pictures(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def randomize(model, seed=0):
    random = np.random.default_rng(seed)
    model.set_weights(
        [
            np.abs(random.normal(0, 0.4, w.shape)) * random.choice([-1, 1], w.shape)
            for w in model.get_weights()
        ]
    )
    return model


def pooled(rank=2, size=12, classes=3, stride=1, nested=False):
    """Convolution, global average pooling, dense: of which Grad-CAM is the original CAM."""
    conv = layers.Conv2D if rank == 2 else layers.Conv3D
    mean = layers.GlobalAveragePooling2D if rank == 2 else layers.GlobalAveragePooling3D
    inputs = keras.Input((*(size,) * rank, 2))
    maps = conv(5, 3, strides=stride, padding="same", activation="relu", name="maps")
    x = maps(inputs)
    if nested:
        x = keras.Model(inputs, x, name="backbone")(inputs)
    model = keras.Model(inputs, layers.Dense(classes, name="logits")(mean()(x)))
    return randomize(model)


def maps_of(model, images, name="maps"):
    return np.asarray(keras.Model(model.input, model.get_layer(name).output)(images))


def scaled(maps):
    largest = maps.max(axis=tuple(range(1, maps.ndim)), keepdims=True)
    return maps / np.where(largest > 0, largest, 1)


@pytest.mark.parametrize("rank", [2, 3])
def test_before_global_pooling_it_is_the_class_activation_map(rank):
    model, images = pooled(rank), pictures(4, *(12,) * rank, 2)
    kernel = np.asarray(model.get_layer("logits").kernel)
    logits = np.asarray(model(images))
    # Zhou et al. 2016: the maps weighted by the dense layer's weights.
    activation = np.maximum(np.einsum("b...c,ck->kb...", maps_of(model, images), kernel), 0)
    for number in range(3):
        found = grad_cam(model, images, number)
        assert found.shape == (4, *(12,) * rank) and found.dtype == np.float32
        np.testing.assert_allclose(found, scaled(activation[number]), atol=1e-4)
    predicted = logits.argmax(1)
    expected = scaled(activation[predicted, np.arange(4)])
    np.testing.assert_allclose(grad_cam(model, images), expected, atol=1e-4)
    np.testing.assert_allclose(
        grad_cam(model, images, [2, 0, 1, 1])[2], scaled(activation[1])[2], atol=1e-4
    )


def test_one_logit_speaks_for_class_1_and_against_class_0():
    model, images = pooled(classes=1), pictures(6, 12, 12, 2)
    # So that half of the images are of either class.
    model.get_layer("logits").bias.assign_sub(np.median(model(images), axis=0))
    kernel = np.asarray(model.get_layer("logits").kernel)[:, 0]
    evidence = maps_of(model, images) @ kernel
    for number, sign in ((1, 1), (0, -1)):
        expected = scaled(np.maximum(sign * evidence, 0))
        np.testing.assert_allclose(grad_cam(model, images, number), expected, atol=1e-4)
    predicted = np.asarray(model(images))[:, 0] > 0
    assert 0 < predicted.sum() < 6
    both = grad_cam(model, images, predicted.astype(int))
    np.testing.assert_array_equal(grad_cam(model, images), both)


def test_maps_are_interpolated_from_the_middles_of_their_areas():
    model, images = pooled(stride=3), pictures(2, 12, 12, 2)
    kernel = np.asarray(model.get_layer("logits").kernel)
    small = np.maximum(maps_of(model, images) @ kernel[:, 1], 0)
    assert small.shape == (2, 4, 4)
    large = keras.ops.image.resize(small[..., None], (12, 12), interpolation="bilinear")
    np.testing.assert_allclose(
        grad_cam(model, images, 1), scaled(np.asarray(large)[..., 0]), atol=1e-4
    )


def test_weights_are_those_of_finite_differences():
    inputs = keras.Input((9, 7, 1))
    x = layers.Conv2D(3, 3, activation="tanh", name="maps")(inputs)
    tap = x
    x = layers.Conv2D(4, 3, activation="tanh")(x)
    x = layers.Dense(5, activation="tanh")(layers.Flatten()(x))
    model = randomize(keras.Model(inputs, layers.Dense(2)(x)), seed=3)
    image = pictures(1, 9, 7, 1, seed=4)
    maps = maps_of(model, image).astype(np.float64)
    weights = [np.asarray(w, np.float64) for w in model.get_weights()][2:]

    def logit(maps):
        windows = np.lib.stride_tricks.sliding_window_view(maps[0], (3, 3), axis=(0, 1))
        x = np.tanh(np.einsum("hwcij,ijco->hwo", windows, weights[0]) + weights[1])
        x = np.tanh(x.ravel() @ weights[2] + weights[3])
        return (x @ weights[4] + weights[5])[1]

    gradient = np.zeros_like(maps)
    for place in np.ndindex(*maps.shape):
        step = np.zeros_like(maps)
        step[place] = 1e-5
        gradient[place] = (logit(maps + step) - logit(maps - step)) / 2e-5
    expected = np.maximum((gradient.mean((1, 2), keepdims=True) * maps).sum(-1), 0)
    large = keras.ops.image.resize(
        expected[..., None].astype(np.float32), (9, 7), interpolation="bilinear"
    )
    found = grad_cam(model, image, 1, layer="maps")
    np.testing.assert_allclose(found, scaled(np.asarray(large)[..., 0]), atol=1e-4)
    assert tap.shape[1:] == (7, 5, 3)


def test_nested_sequential_and_frozen_models_give_the_same():
    images = pictures(3, 12, 12, 2)
    plain = pooled()
    expected = grad_cam(plain, images, 0)
    nested = pooled(nested=True)
    nested.set_weights(plain.get_weights())
    sequential = keras.Sequential(
        [keras.Input((12, 12, 2)), nested.get_layer("backbone"), *plain.layers[-2:]]
    )
    for model in (nested, sequential):
        for layer in (None, "maps", "backbone"):
            np.testing.assert_allclose(grad_cam(model, images, 0, layer), expected, atol=1e-6)
    plain.trainable = False
    np.testing.assert_allclose(grad_cam(plain, images, 0), expected, atol=1e-6)


def test_dropout_is_off_and_statistics_are_the_moving_ones():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, name="maps")(inputs)
    x = layers.Dropout(0.5)(layers.BatchNormalization()(x))
    model = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    images = pictures(5, 8, 8, 1)
    before = model.get_weights()
    found = grad_cam(model, images, 1, "maps")
    np.testing.assert_array_equal(found, grad_cam(model, images, 1, "maps"))
    # An image's map does not depend on the others, nor on how many there are.
    np.testing.assert_allclose(found[2:3], grad_cam(model, images[2:3], 1, "maps"), atol=1e-6)
    many = grad_cam(model, np.tile(images, (4, 1, 1, 1)), 1, "maps")
    np.testing.assert_allclose(many[10:15], found, atol=1e-6)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_lenet5_is_explained_at_its_last_maps():
    model, images = randomize(build_lenet5((32, 32, 1), 10)), pictures(3, 32, 32, 1)
    found = grad_cam(model, images)
    np.testing.assert_array_equal(found, grad_cam(model, images, layer="s4"))
    assert found.shape == (3, 32, 32) and found.min() >= 0
    assert grad_cam(model, images, layer="c3").shape == (3, 32, 32)
    lit = found.max((1, 2))
    assert set(lit.round(6)) <= {0, 1} and lit.any()


@pytest.mark.parametrize("shape", [(40, 72, 2), (33, 34, 40, 1)])
def test_a_residual_network_is_explained_before_its_pooling(shape):
    sides = shape[:-1]
    model = build_resnet((*(None,) * len(sides), shape[-1]), 3, depth=18, filters=(2, 3, 4, 5))
    images = pictures(1, *shape)
    last = next(x for x in reversed(model.layers) if len(x.output.shape) == images.ndim)
    maps = maps_of(model, images, last.name)[0]
    assert max(maps.shape[:-1]) > 1
    # A mean and a dense layer follow: it is the class activation map.
    number = int(np.argmax(model(images)))
    small = np.maximum(maps @ np.asarray(model.layers[-1].kernel)[:, number], 0)
    places = [(np.arange(n) + 0.5) * m / n - 0.5 for n, m in zip(sides, small.shape, strict=True)]
    grid = np.meshgrid(*places, indexing="ij")
    large = ndimage.map_coordinates(small, grid, order=1, mode="nearest")
    assert large.max() > 0
    np.testing.assert_allclose(grad_cam(model, images)[0], large / large.max(), atol=1e-4)


def test_a_bright_spot_is_found_where_it_is():
    inputs = keras.Input((32, 40, 1))
    x = layers.Conv2D(2, 5, padding="same", activation="relu")(inputs)
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    kernel = np.full((5, 5, 1, 2), 1 / 25)
    model.set_weights([kernel, np.full(2, -0.5), np.eye(2), np.zeros(2)])
    image = np.zeros((1, 32, 40, 1), np.float32)
    image[0, 20:26, 4:10] = 1
    found = grad_cam(model, image, 1)
    row, column = np.unravel_index(found[0].argmax(), (32, 40))
    assert 20 <= row < 26 and 4 <= column < 10
    assert found[0, :12].max() == 0 and found[0, :, 20:].max() == 0


def test_nothing_that_speaks_for_a_class_is_zero_everywhere():
    model = pooled(classes=2)
    kept = model.get_weights()
    kept[2] = np.stack([-np.abs(kept[2][:, 0]), np.abs(kept[2][:, 1])], 1)
    model.set_weights(kept)
    found = grad_cam(model, pictures(2, 12, 12, 2), 0)
    assert found.shape == (2, 12, 12) and not found.any()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"images": pictures(2, 12, 12)}, r"shape \(2, 12, 12\)"),
        ({"images": pictures(2, 12, 12, 3)}, r"takes \(None, 12, 12, 2\)"),
        ({"images": pictures(0, 12, 12, 2)}, r"shape \(0, 12, 12, 2\)"),
        ({"classes": 3}, "from 0 to 2.*classes=3"),
        ({"classes": -1}, "classes=-1"),
        ({"classes": [0, 1, 2]}, "or 2"),
        ({"classes": 0.5}, "classes=0.5"),
        ({"layer": "nowhere"}, "such as maps.*'nowhere'"),
        ({"layer": "logits"}, "layer='logits'"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    given = {"model": pooled(), "images": pictures(2, 12, 12, 2)} | changes
    with pytest.raises(ValueError, match=message):
        grad_cam(**given)


def test_models_that_are_no_classifiers_are_named():
    class Written(keras.Model):
        def call(self, x):
            return keras.ops.mean(x, (1, 2))

    with pytest.raises(ValueError, match="functional or sequential.*Written"):
        grad_cam(Written(), pictures(2, 12, 12, 2))
    inputs = keras.Input((12, 12, 2))
    with pytest.raises(ValueError, match="fit the classifier"):
        grad_cam(keras.Model(inputs, layers.ReLU()(inputs)), pictures(2, 12, 12, 2))
