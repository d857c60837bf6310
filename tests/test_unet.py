"""The U-Nets against their published figures and the released networks, and their geometry."""

import ast
import math
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from kerasbio.layers.crop_like import CropLike
from kerasbio.layers.linear_upsampling import LinearUpsampling
from kerasbio.models import unet
from kerasbio.models.unet import (
    build_attention_unet,
    build_equal_resolution_attention_unet,
    build_nested_unet,
    build_unet,
    build_unet_3d,
)
from kerasbio.models.unet.attention import equal_resolution_gate, grid_gate
from kerasbio.models.unet.checks import nearest_valid_sides, valid_side

SMALL = (4, 8, 16, 32, 64)
#: Every builder as it takes any sides.
PADDED = {
    "unet": (build_unet, {"padding": "same"}),
    "unet_variant": (
        build_unet,
        {"padding": "same", "upsampling": "resize", "residual": True, "batch_norm": True},
    ),
    "unet_3d": (build_unet_3d, {"padding": "same"}),
    "unet_3d_variant": (
        build_unet_3d,
        {"padding": "same", "upsampling": "resize", "residual": True, "batch_norm": False},
    ),
    "attention": (build_attention_unet, {}),
    "attention_two_gates": (build_attention_unet, {"gates": 2, "deep_supervision": False}),
    "equal_resolution": (build_equal_resolution_attention_unet, {}),
    "nested": (build_nested_unet, {"batch_norm": True}),
}
by_padded = pytest.mark.parametrize(("build", "keywords"), PADDED.values(), ids=PADDED)


def seeded(model):
    """Give every weight values that depend on its path alone."""
    for weight in model.weights:
        random = np.random.default_rng(zlib.crc32(weight.path.encode()))
        value = random.normal(size=weight.shape)
        if weight.name == "kernel":
            value *= math.sqrt(2 / math.prod(weight.shape[:-1]))
        elif weight.name in ("gamma", "moving_variance"):
            value = 1 + 0.2 * abs(value)
        else:
            value *= 0.1
        weight.assign(value)
    return model


def noise(*shape):
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def same_weights(target, source):
    assert [w.path for w in target.weights] == [w.path for w in source.weights]
    target.set_weights(source.get_weights())
    return target


def outputs_of(model, names, x):
    tensors = {name: model.get_layer(name).output for name in names}
    values = keras.Model(model.input, tensors)(x)
    return [np.array(values[name]) for name in names]


@pytest.fixture
def no_draws(monkeypatch):
    """Let weights of large networks begin at 0, which takes no time."""
    monkeypatch.setattr(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None, **_: keras.ops.zeros(shape, dtype),
    )


# The publications' figures, or counts of the released code: Ronneberger et al. 2015; Çiçek et al.
# 2016 without batch normalization; Oktay et al.'s unet_CT_{single_att,multi_att,}_dsv_3D;
# LeeJunHyun's AttU_Net; the figure in the comment above Zhou et al.'s released network.
@pytest.mark.parametrize(
    ("build", "arguments", "keywords", "parameters"),
    [
        (build_unet, ((572, 572, 1), 2), {}, 31_030_658),
        (build_unet, ((None, None, 1), 1), {"padding": "same"}, 31_030_593),
        (build_unet, ((188, 188, 3), 1), {}, 31_031_745),
        (build_unet, ((None, None, 3), 2), {"padding": "same"}, 31_031_810),
        (build_unet_3d, ((116, 132, 132, 3), 3), {"batch_norm": False}, 19_069_955),
        (build_attention_unet, ((None, None, None, 1), 4), {}, 6_214_151),
        (build_attention_unet, ((None, None, None, 1), 4), {"gates": 2}, 6_473_322),
        (build_attention_unet, ((None, None, None, 1), 4), {"gates": 0}, 5_888_004),
        (build_equal_resolution_attention_unet, ((None, None, 3), 1), {}, 34_878_573),
        (build_nested_unet, ((None, None, 1), 1), {}, 9_041_601),
    ],
)
def test_published_parameter_counts(no_draws, build, arguments, keywords, parameters):
    model = build(*arguments, **keywords)
    assert sum(math.prod(w.shape) for w in model.trainable_weights) == parameters


def test_published_geometry_of_the_unet(no_draws):
    model = build_unet((572, 572, 1), 2)
    sides = {
        name: model.get_layer(name).output.shape[1]
        for name in ("down0_conv1", "down3_conv1", "bottom_conv1", "up3_upsample", "logits")
    }
    # Figure 1 of the publication.
    assert sides == {
        "down0_conv1": 568,
        "down3_conv1": 64,
        "bottom_conv1": 28,
        "up3_upsample": 56,
        "logits": 388,
    }
    convolutions = [
        x for x in model.layers if isinstance(x, layers.Conv2D | layers.Conv2DTranspose)
    ]
    assert len(convolutions) == 23
    # Each output voxel of a convolution, or input voxel of a transposed one, takes the kernel once.
    count = 0
    for layer in convolutions:
        once = layer.input if isinstance(layer, layers.Conv2DTranspose) else layer.output
        count += math.prod(once.shape[1:-1]) * math.prod(layer.kernel.shape)
    assert round(count / 1e9, 2) == 150.43
    assert [x.name for x in model.layers if isinstance(x, layers.Dropout)] == [
        "down3_dropout",
        "bottom_dropout",
    ]


def test_published_geometry_of_the_3d_unet(no_draws):
    model = build_unet_3d((116, 132, 132, 3), 3)
    assert model.output_shape == (None, 28, 44, 44, 3)
    # Figure 2: maps are doubled before pooling, and joined 256 + 512, 128 + 256, 64 + 128.
    widths = {x.name: x.filters for x in model.layers if isinstance(x, layers.Conv3D)}
    assert [widths[f"down{k}_conv{i}"] for k in range(3) for i in range(2)] == [
        32,
        64,
        64,
        128,
        128,
        256,
    ]
    assert (widths["bottom_conv0"], widths["bottom_conv1"]) == (256, 512)
    joined = [model.get_layer(f"up{k}_concat").output.shape[-1] for k in (2, 1, 0)]
    assert joined == [768, 384, 192]
    assert not any(model.get_layer(f"up{k}_upsample").use_bias for k in range(3))
    relus = [x for x in model.layers if isinstance(x, layers.Activation)]
    assert len(relus) == 14
    before = [x.input._keras_history.operation for x in relus]
    assert all(isinstance(x, layers.BatchNormalization) for x in before)


def test_he_initialization():
    keras.utils.set_random_seed(0)
    model = build_unet((None, None, 64), 2, filters=(64, 128), padding="same")
    for name in ("down0_conv0", "bottom_conv1", "up0_conv0"):
        kernel = model.get_layer(name).kernel
        assert np.std(kernel) == pytest.approx(
            math.sqrt(2 / math.prod(kernel.shape[:-1])), rel=0.02
        )
        assert not np.any(model.get_layer(name).bias)


# Logits in PyTorch 2.13 with these weights and this input: the first, the middle and the last of
# them, and the mean of their absolute values. Attention-Gated-Networks and Image_Segmentation are
# the authors' files, their filters divided by 16; for the others torch.nn.functional was called
# layer by layer.
@pytest.mark.parametrize(
    ("build", "arguments", "keywords", "expected"),
    [
        (
            build_attention_unet,
            ((16, 32, 16, 1), 4),
            {"filters": SMALL},
            [-0.0957, 0.24055, 1.14125, 1.480445],
        ),
        (
            build_attention_unet,
            ((16, 32, 16, 1), 4),
            {"filters": SMALL, "gates": 2},
            [-0.26705, 0.04366, 0.90618, 1.314483],
        ),
        (
            build_attention_unet,
            ((16, 16, 32, 1), 4),
            {"filters": SMALL, "gates": 0},
            [-0.42893, -0.36677, 1.81088, 1.557934],
        ),
        (
            build_equal_resolution_attention_unet,
            ((32, 48, 3), 1),
            {"filters": SMALL},
            [-0.17639, -0.3683, -0.14302, 0.377881],
        ),
        (
            build_unet,
            ((188, 204, 1), 2),
            {"filters": SMALL},
            [-2.34314, -1.59308, 0.23404, 0.841733],
        ),
        (
            build_unet_3d,
            ((44, 44, 52, 2), 3),
            {"filters": (4, 8, 16)},
            [-1.89312, 0.62444, 0.73026, 0.68006],
        ),
    ],
)
def test_logits_beside_pytorch(build, arguments, keywords, expected):
    model = seeded(build(*arguments, **keywords))
    logits = np.array(model(noise(2, *arguments[0]))).ravel()
    got = [logits[0], logits[logits.size // 2], logits[-1], abs(logits).mean()]
    np.testing.assert_allclose(got, expected, atol=5e-5)


def interpolate(x, size):
    """Interpolate linearly between the centres of cells, one axis after the other."""
    for axis, factor in enumerate(size, 1):
        cells = x.shape[axis]
        at = (np.arange(cells * factor) + 0.5) / factor - 0.5
        x = np.apply_along_axis(lambda v, n=cells, at=at: np.interp(at, np.arange(n), v), axis, x)
    return x


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [(2, 2), (3, 1), (2, 2, 2), (1, 2, 3), (4, 1, 1), (8, 8, 8)])
def test_linear_upsampling(size, known):
    shape = (3, 4, 5)[: len(size)]
    inputs = keras.Input((*(shape if known else [None] * len(shape)), 2))
    model = keras.Model(inputs, LinearUpsampling(size)(inputs))
    x = noise(2, *shape, 2)
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(y, interpolate(x, size), atol=1e-6)
    if known:
        assert model.output_shape == (None, *y.shape[1:])
    else:
        assert model.output_shape == (None, *[None] * len(shape), 2)


def test_crop_like_cuts_the_end():
    x = noise(2, 6, 8, 3)
    np.testing.assert_array_equal(CropLike()([x, noise(1, 5, 8, 1)]), x[:, :5])


@pytest.mark.parametrize("factors", [[2], [2, 2], [1, 2, 3], [2, 2, 2, 2]])
def test_sides_without_padding(factors):
    filters = (1,) * (len(factors) + 1)
    sides = [n for n in range(1, 220) if valid_side(n, factors)]
    for side in sides[:3]:
        model = build_unet((side, side, 1), 1, filters=filters, pool_sizes=factors)
        assert model.output_shape[1:3] == (valid_side(side, factors),) * 2
    # All that fit differ by multiples of the product of the factors.
    assert np.all(np.diff(sides) == math.prod(factors))
    assert nearest_valid_sides(sides[1] + 1, factors)[0] == sides[1]
    assert nearest_valid_sides(1, factors) == sides[:1]


def test_five_levels_without_padding_fit_12_modulo_16():
    assert [n for n in range(1, 600) if valid_side(n, [2] * 4)] == list(range(188, 600, 16))


def test_without_padding_a_shifted_image_gives_shifted_logits():
    model = seeded(build_unet((188, 188, 1), 2, filters=(2, 3, 4, 5, 6)))
    image = noise(1, 204, 220, 1)
    # The same output pixels come from two tiles, 16 and 32 pixels apart.
    wide = seeded(build_unet((204, 220, 1), 2, filters=(2, 3, 4, 5, 6)))(image)
    for down, right in ((0, 0), (16, 32), (16, 0)):
        tile = model(image[:, down : down + 188, right : right + 188])
        expected = wide[:, down : down + 4, right : right + 4]
        np.testing.assert_allclose(tile, expected, atol=1e-5)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("build", [build_unet, build_unet_3d])
def test_padding_matters_only_near_the_border(build, residual):
    keywords = {"filters": (4, 6, 8), "batch_norm": True, "residual": residual}
    rank = 3 if build is build_unet_3d else 2
    valid = seeded(build((*(44, 52, 44)[:rank], 1), 2, **keywords))
    same = same_weights(build((*[None] * rank, 1), 2, padding="same", **keywords), valid)
    x = noise(1, *(48, 56, 48)[:rank], 1)
    # Two pixels into a padded image the poolings of both networks see the same pairs.
    inner = (slice(None), *[slice(2, -2)] * rank)
    centre = (slice(None), *[slice(22, -22)] * rank)
    np.testing.assert_allclose(same(x)[centre], valid(x[inner]), atol=1e-5)


@by_padded
def test_every_side_is_kept(build, keywords):
    ranks = (3,) if build is build_unet_3d else (2, 3)
    for rank in ranks:
        model = seeded(build((*[None] * rank, 2), 3, filters=(2, 4, 6), **keywords))
        assert model.output_shape == (None, *[None] * rank, 3)
        # As it is served: one graph for all sides.
        graph = tf.function(model, [tf.TensorSpec((None, *[None] * rank, 2))])
        for sides in ((1, 1, 1), (9, 4, 7)):
            x = noise(1, *sides[:rank], 2)
            y = graph(x)
            assert y.shape == (1, *sides[:rank], 3)
        known = same_weights(build((*sides[:rank], 2), 3, filters=(2, 4, 6), **keywords), model)
        assert known.output_shape == (None, *sides[:rank], 3)
        np.testing.assert_allclose(known(x), y, atol=1e-5)


@by_padded
def test_slices_are_spared_where_wanted(build, keywords):
    pools = [(1, 2, 2), (2, 2, 3)]
    model = build((5, 24, 18, 1), 2, filters=(4, 6, 8), pool_sizes=pools, **keywords)
    assert model.output_shape == (None, 5, 24, 18, 2)
    pooled = [x.output.shape[1:-1] for x in model.layers if isinstance(x, layers.MaxPooling3D)]
    assert pooled == [(5, 12, 9), (3, 6, 3)]


@by_padded
def test_the_last_layer_is_a_pointwise_convolution(build, keywords):
    # Sliding windows blend the maps before it.
    last = build((8, 8, 8, 1), 3, filters=(4, 6), **keywords).layers[-1]
    assert (last.name, last.kernel_size, last.activation) == (
        "logits",
        (1, 1, 1),
        keras.activations.linear,
    )


def dense(x, weights, name):
    y = x @ weights[f"{name}/kernel"].reshape(x.shape[-1], -1)
    return y + weights.get(f"{name}/bias", 0)


def normalize(x, weights, name):
    mean, variance, gamma, beta = (
        weights[f"{name}_norm/{part}"]
        for part in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("size", [(2, 2), (2, 2, 2), (1, 2, 2)])
def test_grid_gate(size):
    rank = len(size)
    grid = (2, 3, 4)[:rank]
    sides = tuple(n * s for n, s in zip(grid, size, strict=True))
    skip, gating = keras.Input((*sides, 3)), keras.Input((*grid, 5))
    model = seeded(keras.Model([skip, gating], grid_gate(skip, gating, size, True, "gate")))
    x, g = noise(2, *sides, 3), noise(2, *grid, 5)
    weights = {w.path: w.numpy() for w in model.weights}
    # Cells of `size` voxels, each a row: a convolution whose stride is its kernel.
    cells = x.reshape(2, *(n for pair in zip(grid, size, strict=True) for n in pair), 3)
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    cells = cells.transpose(order).reshape(2, *grid, -1)
    theta = cells @ weights["gate_theta/kernel"].reshape(cells.shape[-1], 3)
    joint = np.maximum(theta + dense(g, weights, "gate_phi"), 0)
    coefficients = interpolate(sigmoid(dense(joint, weights, "gate_psi")), size)
    expected = normalize(dense(x * coefficients, weights, "gate_output"), weights, "gate_output")
    np.testing.assert_allclose(model([x, g]), expected, atol=1e-5)


def test_equal_resolution_gate():
    skip, gating = keras.Input((4, 5, 6)), keras.Input((4, 5, 8))
    model = seeded(keras.Model([skip, gating], equal_resolution_gate(skip, gating, True, "gate")))
    x, g = noise(2, 4, 5, 6), noise(2, 4, 5, 8)
    weights = {w.path: w.numpy() for w in model.weights}

    def part(value, name):
        return normalize(dense(value, weights, name), weights, name)

    joint = np.maximum(part(g, "gate_gating") + part(x, "gate_skip"), 0)
    np.testing.assert_allclose(model([x, g]), x * sigmoid(part(joint, "gate_psi")), atol=1e-5)


def test_attention_coefficients_of_every_level():
    model = seeded(build_attention_unet((16, 16, 17, 1), 2, filters=SMALL, gates=2))
    names = [x.name for x in model.layers if x.name.endswith("_coefficients")]
    assert sorted(names) == sorted(
        f"gate{level}{second}_coefficients" for level in (1, 2, 3) for second in ("", "_2")
    )
    x = noise(2, 16, 16, 17, 1)
    for name, value in zip(names, outputs_of(model, names, x), strict=True):
        sides = model.get_layer(f"down{name[4]}_conv1").output.shape[1:-1]
        assert value.shape == (2, *sides, 1)
        assert 0 < value.min() < value.max() < 1
    equal = seeded(build_equal_resolution_attention_unet((16, 17, 1), 2, filters=SMALL))
    names = [f"gate{level}_coefficients" for level in range(4)]
    for name, value in zip(names, outputs_of(equal, names, noise(2, 16, 17, 1)), strict=True):
        assert value.shape == (2, *equal.get_layer(f"down{name[4]}_conv1").output.shape[1:-1], 1)
        assert 0 < value.min() < value.max() < 1


def test_a_closed_gate_keeps_the_skip_connection_out():
    model = seeded(build_attention_unet((8, 8, 1), 2, filters=(4, 6, 8)))
    model.get_layer("gate1_psi").bias.assign([-1e9])
    x = noise(1, 8, 8, 1)
    skip = outputs_of(model, ["gate1_coefficients", "skip1"], x)
    assert not skip[0].any()
    # What is left is the same at every pixel.
    assert np.ptp(skip[1], axis=(1, 2)).max() < 1e-6


def test_deep_supervision_mixes_all_levels():
    model = seeded(build_attention_unet((16, 16, 1), 3, filters=(4, 6, 8)))
    parts = outputs_of(model, ["up1_conv1_relu", "logits_concat"], noise(1, 16, 16, 1))
    weights = {w.path: w.numpy() for w in model.weights}
    assert parts[1].shape[-1] == 6
    expected = interpolate(dense(parts[0], weights, "logits1"), (2, 2))
    np.testing.assert_allclose(parts[1][..., 3:], expected, atol=1e-5)


def test_a_residual_block_begins_at_its_input():
    model = seeded(build_unet((8, 8, 4), 2, filters=(4, 6), padding="same", residual=True))
    layer = model.get_layer("down0_conv1")
    layer.set_weights([np.zeros(w.shape) for w in layer.weights])
    x = noise(1, 8, 8, 4)
    np.testing.assert_allclose(outputs_of(model, ["down0_relu"], x)[0], np.maximum(x, 0))
    # Where the numbers of maps differ there is a projection, and only there.
    shortcuts = [x.name for x in model.layers if x.name.endswith("_shortcut")]
    assert shortcuts == ["bottom_shortcut", "up0_shortcut"]


def test_resizing_commutes_with_the_pointwise_convolution():
    model = seeded(build_unet((8, 8, 1), 2, filters=(4, 6), padding="same", upsampling="resize"))
    x = noise(1, 8, 8, 1)
    below, up = outputs_of(model, ["bottom_conv1_relu", "up0_upsample_resize"], x)
    weights = {w.path: w.numpy() for w in model.weights}
    np.testing.assert_allclose(
        up, dense(interpolate(below, (2, 2)), weights, "up0_upsample"), atol=1e-5
    )


def test_nodes_of_the_nested_unet():
    model = build_nested_unet((16, 16, 1), 1, filters=(2, 3, 4, 5))
    # A node sees all before it on its level and one from below: figure 1 of the publication.
    for level, width in enumerate((2, 3, 4)):
        for column in range(1, 4 - level):
            joined = model.get_layer(f"x{level}_{column}_concat").output.shape[-1]
            assert joined == (column + 1) * width
    # Pruned at column 1, the two deepest levels are not needed.
    pruned = keras.Model(model.input, model.get_layer("x0_1_conv1_relu").output)
    assert {x.name[:2] for x in pruned.layers if x.name.startswith("x")} == {"x0", "x1"}


RANK = "input_shape must be (height, width, channels) or (depth, height, width, channels)"
WRONG = [
    (build_unet, (570, 572, 1), {}, "axis 0 the nearest that fits is 556 or 572"),
    (build_unet, (572, 9, 1), {}, "axis 1 the nearest that fits is 188"),
    (build_unet, (None, 572, 1), {}, "Received: input_shape=(None, 572, 1)"),
    (build_unet, (572, 572), {}, RANK),
    (build_unet, (572, 572, None), {}, RANK),
    (build_unet, (0, 572, 1), {}, "Received: input_shape=(0, 572, 1)"),
    (build_unet, (1, 1, 1, 1, 1), {}, RANK),
    (build_unet, (8, 8, 1), {"padding": "full"}, "'valid' or 'same'. Received: padding='full'"),
    (build_unet, (8, 8, 1), {"upsampling": "x"}, "'transpose' or 'resize'. Received: upsampling"),
    (build_unet, (8, 8, 1), {"upsampling": "resize"}, "needs padding='same'. Received"),
    (build_unet, (8, 8, 1), {"filters": (4,)}, "Received: filters=(4,)"),
    (build_unet, (8, 8, 1), {"filters": (4, 0)}, "Received: filters=(4, 0)"),
    (build_unet, (8, 8, 1), {"pool_sizes": [2, 2]}, "pool_sizes must be 4 numbers"),
    (build_unet, (8, 8, 1), {"pool_sizes": [(2, 2, 2)] * 4}, "tuples of 2 numbers. Received"),
    (build_unet, (8, 8, 1), {"pool_sizes": [2, 2, 2, 0]}, "Received: pool_sizes=[2, 2, 2, 0]"),
    (build_unet_3d, (132, 132, 3), {}, "must be (depth, height, width, channels), sides"),
    (build_unet_3d, (116, 132, 130, 3), {}, "axis 2 the nearest that fits is 124 or 132"),
    (build_unet_3d, (8, 8, 8, 1), {"filters": (4, 5), "padding": "same"}, "filters must be even"),
    (build_attention_unet, (8, 1), {}, RANK),
    (build_attention_unet, (8, 8, 1), {"gates": -1}, "Received: gates=-1"),
    (build_equal_resolution_attention_unet, (8, 1), {}, RANK),
    (build_nested_unet, (8, 8, 1), {"filters": ()}, "Received: filters=()"),
]


@pytest.mark.parametrize(("build", "input_shape", "keywords", "words"), WRONG)
def test_wrong_arguments(build, input_shape, keywords, words):
    with pytest.raises(ValueError) as error:
        build(input_shape, 2, **keywords)
    assert words in str(error.value)


@by_padded
def test_no_classes_are_refused(build, keywords):
    with pytest.raises(ValueError, match="Received: num_classes=0"):
        build((8, 8, 8, 1), 0, **keywords)


def test_half_precision_is_kept():
    assert LinearUpsampling((2, 2), dtype="float16")(noise(1, 2, 3, 1)).dtype == "float16"


def test_another_backend_can_build_them():
    package = Path(unet.__file__).parent
    layers_of_ours = package.parents[1] / "layers"
    paths = [*package.glob("*.py"), layers_of_ours / "crop_like.py"]
    for path in [*paths, layers_of_ours / "linear_upsampling.py"]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [each.name for each in node.names] + [getattr(node, "module", "")]
                assert not any(name.startswith("tensorflow") for name in names), path
