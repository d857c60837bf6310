"""What computes by other kernels than Keras: the same numbers, and saved as Keras' own."""

import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.layers.batch_normalization import BatchNormalization
from kerasbio.layers.convolution import NARROW, POSITIONS, Conv2D, Conv3D
from kerasbio.optimizers import Adam, AdamW, make_optimizer

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
RANDOM = np.random.default_rng(0)


def outcome(layer, x, weights, training):
    """Return outputs, gradients and state of a layer that was called once."""
    if not layer.built:
        layer.build(x.shape)
    layer.set_weights(weights)
    x = tf.constant(x)

    @tf.function
    def call(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x, training=training) if training else layer(x)
            loss = tf.reduce_sum(outputs**3)
        return outputs, tape.gradient(loss, [x, *(w.value for w in layer.trainable_weights)])

    outputs, gradients = call(x)
    return [outputs, *gradients, *layer.get_weights()]


def assert_alike(ours, theirs, x, training=None):
    theirs.build(x.shape)
    weights = [RANDOM.uniform(0.5, 1.5, w.shape) for w in theirs.weights]
    for mine, other in zip(
        outcome(ours, x, weights, training), outcome(theirs, x, weights, training), strict=True
    ):
        # Sums of cubes are large where many positions count.
        scale = max(1.0, float(np.abs(other).max()))
        np.testing.assert_allclose(mine / scale, other / scale, **CLOSE)


@pytest.mark.parametrize("shape", [(4, 6, 5, 3), (2, 3, 4, 5, 3), (5, 3), (1, 1, 1, 3)])
@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9, "epsilon": 1e-5}, {"scale": False}])
def test_batch_normalization(shape, settings):
    x = RANDOM.normal(1, 2, shape).astype(np.float32)
    for training in (True, False):
        ours, theirs = BatchNormalization(**settings), keras.layers.BatchNormalization(**settings)
        assert_alike(ours, theirs, x, training)


@pytest.mark.parametrize(
    "settings", [{"axis": 1}, {"dtype": "mixed_float16"}, {"dtype": "float64"}]
)
def test_batch_normalization_that_keras_does(settings):
    x = RANDOM.normal(1, 2, (4, 6, 5, 3)).astype(np.float32)
    ours, theirs = BatchNormalization(**settings), keras.layers.BatchNormalization(**settings)
    theirs.build(x.shape)
    ours.build(x.shape)
    outputs = [layer(x, training=True) for layer in (ours, theirs)]
    assert outputs[0].dtype == outputs[1].dtype
    np.testing.assert_array_equal(*outputs)


def test_masked_batch_normalization():
    x = RANDOM.normal(1, 2, (4, 6, 5, 3)).astype(np.float32)
    mask = RANDOM.random((4, 6, 5)) < 0.5
    layers = [BatchNormalization(), keras.layers.BatchNormalization()]
    np.testing.assert_array_equal(*(layer(x, training=True, mask=mask) for layer in layers))


def test_batch_normalization_far_from_0_under_xla():
    x = RANDOM.normal(-1000, 1, (8, 16, 16, 4)).astype(np.float32)
    layer = BatchNormalization()
    layer.build(x.shape)
    outputs = tf.function(lambda x: layer(x, training=True), jit_compile=True)(tf.constant(x))
    expected = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + layer.epsilon)
    np.testing.assert_allclose(outputs, expected, atol=1e-2)


def test_batch_normalization_of_unknown_shape():
    layer = BatchNormalization()
    layer.build((None, None, None, 3))
    anything = tf.TensorSpec((None, None, None, None))
    graph = tf.function(lambda x: layer(x, training=True)).get_concrete_function(anything)
    assert "FusedBatchNormV3" in {operation.type for operation in graph.graph.get_operations()}
    assert np.isfinite(graph(tf.ones((2, 3, 3, 3)))).all()


def test_frozen_batch_normalization_keeps_its_statistics():
    layer = BatchNormalization()
    x = RANDOM.normal(size=(4, 6, 5, 3)).astype(np.float32)
    layer.build(x.shape)
    layer.trainable = False
    layer(x, training=True)
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))


CONVOLUTIONS = [
    ((3, 2, 2, 5), {"kernel_size": 3, "padding": "same"}),
    ((3, 4, 4, 5), {"kernel_size": 3, "padding": "same", "strides": 2}),
    ((3, 3, 5, 2), {"kernel_size": (2, 3), "padding": "same", "strides": (2, 3)}),
    ((3, 5, 5, 2), {"kernel_size": 5}),
    ((3, 6, 5, 2), {"kernel_size": 5, "use_bias": False}),
    ((3, 1, 1, 4), {"kernel_size": 1, "activation": "relu"}),
    ((3, 5, 5, 4), {"kernel_size": 3, "dilation_rate": 2}),
    ((3, 2, 2, 4), {"kernel_size": 3, "padding": "same", "groups": 2}),
    ((3, 7, 7, 2), {"kernel_size": 3}),
    ((2, 2, 1, 2, 3), {"kernel_size": 3, "padding": "same"}),
    ((2, 4, 3, 2, 3), {"kernel_size": (3, 2, 1), "strides": (2, 1, 2)}),
    ((2, 3, 3, 3, 4), {"kernel_size": (2, 3, 4), "padding": "same"}),
    ((2, 4, 3, 3, 4), {"kernel_size": (3, 2, 3), "padding": "same", "strides": (1, 2, 3)}),
]


@pytest.mark.parametrize(("shape", "settings"), CONVOLUTIONS)
def test_convolution(shape, settings):
    assert_alike_convolutions(40, shape, settings)


@pytest.mark.parametrize("filters", [1, 3, NARROW, NARROW + 1])
@pytest.mark.parametrize(
    ("shape", "kernel_size"),
    [
        ((3, 6, 8, 2), 3),
        ((3, 7, 6, 12), (3, 5)),
        ((2, 4, 5, 6, 3), 3),
        ((2, 3, 5, 6, 10), (1, 3, 5)),
        ((3, 8, 5, 2), 3),
        ((3, 5, 8, 2), (2, 3)),
        ((3, 5, 8, 2), (3, 1)),
    ],
)
def test_convolution_of_few_maps(filters, shape, kernel_size):
    settings = {"kernel_size": kernel_size, "padding": "same"}
    assert_alike_convolutions(filters, shape, settings)
    assert_alike_convolutions(filters, shape, settings | {"use_bias": False, "strides": 2})
    assert_alike_convolutions(filters, shape, settings | {"padding": "valid"})


def assert_alike_convolutions(filters, shape, settings):
    pair = (Conv2D, keras.layers.Conv2D) if len(shape) == 4 else (Conv3D, keras.layers.Conv3D)
    ours, theirs = (kind(filters, **settings) for kind in pair)
    assert_alike(ours, theirs, RANDOM.normal(size=shape).astype(np.float32))


def test_few_maps_are_computed_in_pairs():
    def strides(filters, channels=16, width=8, **settings):
        layer = Conv2D(filters, 3, padding="same", **settings)
        layer.build((None, 8, width, channels))
        given = tf.TensorSpec((None, 8, width, channels), layer.compute_dtype)
        operations = tf.function(layer).get_concrete_function(given).graph.get_operations()
        return [list(each.get_attr("strides")) for each in operations if each.type == "Conv2D"]

    assert strides(NARROW) == [[1, 1, 2, 1]]
    for plain in (
        strides(NARROW + 1),
        strides(NARROW, width=7),
        strides(NARROW, width=None),
        strides(NARROW, dtype="mixed_float16"),
    ):
        assert plain == [[1, 1, 1, 1]]


def few_maps(sides=(4, 8)):
    """Return a narrow layer, that of Keras with the same weights, and what they take."""
    rank = len(sides)
    pair = (Conv2D, keras.layers.Conv2D) if rank == 2 else (Conv3D, keras.layers.Conv3D)
    ours, theirs = (kind(2, 3, padding="same") for kind in pair)
    x = tf.constant(RANDOM.normal(size=(1, *sides, 2)), tf.float32)
    for layer in (ours, theirs):
        layer.build(x.shape)
    ours.set_weights(theirs.get_weights())
    return ours, theirs, x


@pytest.mark.parametrize("sides", [(4, 8), (3, 4, 6)])
def test_second_derivatives_of_few_maps(sides):
    ours, theirs, x = few_maps(sides)

    def curvatures(layer):
        by = [x, layer.kernel.value, layer.bias.value]
        with tf.GradientTape(persistent=True) as outer:
            outer.watch(by)
            with tf.GradientTape() as inner:
                inner.watch(by)
                loss = tf.reduce_sum(layer(x) ** 3)
            slopes = inner.gradient(loss, by)
            sums = [tf.reduce_sum(slope**2) for slope in slopes]
        return [outer.gradient(total, each) for total in sums for each in by]

    for mine, other in zip(curvatures(ours), curvatures(theirs), strict=True):
        scale = float(np.abs(other).max())
        np.testing.assert_allclose(mine / scale, other / scale, atol=1e-5)


def test_gradients_of_unknown_shape_reach_few_maps():
    ours, theirs, x = few_maps()

    @tf.function
    def slope(layer):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = layer(x)
        above = tf.py_function(lambda y: 2 * y, [outputs], tf.float32)
        return tape.gradient(outputs, x, output_gradients=above)

    np.testing.assert_allclose(slope(ours), slope(theirs), atol=1e-5)


def test_few_maps_without_activation():
    ours, theirs, x = few_maps()
    ours.activation = None
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)


def test_tiny_maps_are_a_product():
    def operations(side, filters=64):
        layer = Conv2D(filters, 3, padding="same")
        layer.build((None, side, side, 2))
        graph = tf.function(layer).get_concrete_function(tf.TensorSpec((None, side, side, 2)))
        return {operation.type for operation in graph.graph.get_operations()}

    side = int(POSITIONS**0.5)
    assert "Conv2D" not in operations(side)
    assert "Conv2D" in operations(side + 1) and "Conv2D" in operations(None)
    assert "Conv2D" in operations(side, filters=side**2 - 1)


OPTIMIZERS = [
    (Adam, keras.optimizers.Adam, {}),
    (Adam, keras.optimizers.Adam, {"beta_1": 0.5, "epsilon": 1e-3, "clipnorm": 0.1}),
    (Adam, keras.optimizers.Adam, {"amsgrad": True}),
    (Adam, keras.optimizers.Adam, {"use_ema": True, "gradient_accumulation_steps": 2}),
    (AdamW, keras.optimizers.AdamW, {"weight_decay": 0.1}),
]


def trained(optimizer, dtype="float32"):
    random = np.random.default_rng(1)
    kernel = keras.Variable(random.normal(size=(4, 3)), dtype=dtype)
    table = keras.Variable(random.normal(size=(5, 3)), dtype=dtype)
    optimizer.build([kernel, table])

    @tf.function
    def step(x, rows):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((x @ kernel.value - tf.gather(table.value, rows)) ** 2)
        optimizer.apply(tape.gradient(loss, [kernel.value, table.value]), [kernel, table])

    for _ in range(8):
        step(tf.constant(random.normal(size=(2, 4)), dtype), tf.constant([1, 3]))
    return [np.asarray(kernel), np.asarray(table), *(np.asarray(v) for v in optimizer.variables)]


@pytest.mark.parametrize(("ours", "theirs", "settings"), OPTIMIZERS)
def test_optimizer(ours, theirs, settings):
    for mine, other in zip(
        trained(ours(0.01, **settings)), trained(theirs(0.01, **settings)), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_step_is_one_kernel():
    variable = keras.Variable([1.0, 2.0])
    optimizer = make_optimizer("adamw")
    optimizer.build([variable])
    step = tf.function(lambda: optimizer.apply([tf.ones(2)], [variable])).get_concrete_function()
    operations = [operation.type for operation in step.graph.get_operations()]
    assert operations.count("ResourceApplyAdam") == 1 and "Sqrt" not in operations


def test_optimizer_in_double_precision():
    ours, theirs = trained(Adam(0.01), "float64"), trained(keras.optimizers.Adam(0.01), "float64")
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)


def test_saved_as_layers_and_optimizers_of_keras(tmp_path):
    x = keras.Input((2, 2, 3))
    model = keras.Model(x, BatchNormalization()(Conv2D(4, 3, padding="same")(x)))
    model.compile(make_optimizer("adam"), "mse")
    model.train_on_batch(np.ones((2, 2, 2, 3)), np.ones((2, 2, 2, 4)))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    kinds = [type(layer) for layer in loaded.layers[1:]]
    assert kinds == [keras.layers.Conv2D, keras.layers.BatchNormalization]
    assert type(loaded.optimizer) is keras.optimizers.Adam
    assert type(keras.optimizers.deserialize(keras.optimizers.serialize(AdamW()))) is (
        keras.optimizers.AdamW
    )


@pytest.mark.parametrize(
    "made", [Conv2D(4, 3), Conv3D(4, 3), BatchNormalization(), Adam(0.1), AdamW(0.1)]
)
def test_pickled_as_of_keras(made):
    again = pickle.loads(pickle.dumps(made))
    assert type(again).__name__ == type(made).__name__ and isinstance(made, type(again))
    assert again.get_config() == made.get_config()
