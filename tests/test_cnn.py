"""AlexNet, VGG and ResNet beside independent references; LeNet-5 is in test_lenet5.py."""

import keras
import numpy as np
import pytest

from kerasbio.layers.grouped_convolution import GroupedConv2D
from kerasbio.layers.local_response_normalization import LocalResponseNormalization
from kerasbio.models.cnn import build_alexnet, build_alexnet_single_tower, build_resnet, build_vgg


def convolve(x, kernel):
    """Convolve an image without padding, in NumPy."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    return np.einsum("hwcij,ijco->hwo", windows, kernel)


@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_local_response_normalization_beside_loops(beta):
    x = np.random.default_rng(0).normal(scale=30, size=(2, 3, 4, 7)).astype(np.float32)
    expected = np.empty_like(x)
    for channel in range(7):
        near = x[..., max(0, channel - 2) : channel + 3]
        divisor = (2 + 1e-2 * (near**2).sum(-1)) ** beta
        expected[..., channel] = x[..., channel] / divisor
    layer = LocalResponseNormalization(alpha=1e-2, beta=beta)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)
    copy = LocalResponseNormalization.from_config(layer.get_config())
    np.testing.assert_array_equal(copy(x), layer(x))


def test_local_response_normalization_in_half_precision():
    # The square of 1,000 is beyond float16.
    x = np.full((1, 2, 3), 1000, np.float16)
    outputs = keras.ops.convert_to_numpy(LocalResponseNormalization(size=1, dtype="float16")(x))
    np.testing.assert_allclose(outputs, 1000 / 102**0.75, rtol=1e-3)
    with pytest.raises(ValueError, match="size must be odd. Received: size=4"):
        LocalResponseNormalization(size=4)


def test_grouped_convolution_is_a_full_one_with_zeros():
    random = np.random.default_rng(0)
    x = random.normal(size=(1, 6, 7, 6)).astype(np.float32)
    layer = GroupedConv2D(9, 3, groups=3)
    layer.build(x.shape)
    kernel, bias = random.normal(size=(3, 3, 2, 9)), random.normal(size=9)
    layer.set_weights([kernel, bias])
    full = np.zeros((3, 3, 6, 9))
    for group in range(3):
        inputs, maps = slice(2 * group, 2 * group + 2), slice(3 * group, 3 * group + 3)
        full[:, :, inputs, maps] = kernel[..., maps]
    np.testing.assert_allclose(layer(x)[0], convolve(x[0], full) + bias, rtol=1e-4, atol=1e-4)


def shapes(model, names):
    return {name: model.get_layer(name).output.shape[1:] for name in names.split()}


def test_maps_of_alexnet():
    model = build_alexnet((227, 227, 3), 5, filters=(2, 4, 6, 8, 10), units=7)
    # Krizhevsky et al. 2012, figure 2, and its overlapping pooling.
    sides = shapes(model, "stage1_conv stage1 stage2_conv stage2 stage3 stage4 stage5_relu stage5")
    assert [shape[0] for shape in sides.values()] == [55, 27, 27, 13, 13, 13, 13, 6]
    assert model.get_layer("fc6").kernel.shape == (360, 7)
    # A unit of the first half of a grouped layer never sees the second half before it.
    assert model.get_layer("stage2_conv").kernel.shape == (5, 5, 1, 4)
    assert model.get_layer("stage3").output.shape[-1] == 6
    biases = [np.unique(layer.bias).tolist() for layer in model.layers if hasattr(layer, "bias")]
    assert biases == [[0], [1], [0], [1], [1], [1], [1], [0]]
    kept = build_alexnet((67, 67, 3), 5, kernel_initializer="he_normal", filters=(2,) * 5, units=70)
    assert not any(np.any(layer.bias) for layer in kept.layers if hasattr(layer, "bias"))
    assert np.std(kept.get_layer("fc7").kernel) == pytest.approx((2 / 70) ** 0.5, rel=0.1)
    tower = build_alexnet_single_tower((224, 224, 3), 5, filters=(2, 3, 4, 5, 6), units=7)
    assert [shape[0] for shape in shapes(tower, "stage1_conv stage1 stage2 stage5").values()] == [
        55, 27, 13, 6,
    ]  # fmt: skip


def test_least_sizes_are_those_that_work():
    small = {"filters": (2, 2, 2, 2, 2), "units": 2}
    for build, side in ((build_alexnet, 67), (build_alexnet_single_tower, 63), (build_vgg, 32)):
        model = build((side, side, 1), 2, **small)
        assert shapes(model, "stage5") == {"stage5": (1, 1, 2)}
        with pytest.raises(ValueError, match=f"at least {side} x {side}"):
            build((side - 1, side, 1), 2, **small)


# Logits of the ResNet of MONAI 1.6.1 on PyTorch 2.13 in float64, with its bias_downsample=False,
# v1 by exchanging the strides of two convolutions: weights as `draw` gives them, two images from
# RandomState(1).
PYTORCH = {
    "18": (
        (18, "7x7", "v1", (33, 38, 3), (4, 5, 6, 7)),
        [[0.6726, -3.4602, 0.0693, -2.2844], [0.8361, -4.2321, 0.1228, -2.6086]],
    ),
    "18 small images": (
        (18, "3x3", "v1", (15, 10, 1), (4, 5, 6, 7)),
        [[2.61, -1.3113, 1.3877], [8.0309, -2.8751, 7.7016]],
    ),
    "50 v1": (
        (50, "7x7", "v1", (40, 33, 2), (4, 5, 6, 7)),
        [[385.6627, 238.6014, 137.7807], [391.4579, 201.1863, 135.3991]],
    ),
    "50 v1.5": (
        (50, "7x7", "v1.5", (40, 33, 2), (4, 5, 6, 7)),
        [[513.97, 411.3255, 243.7593], [419.0363, 319.8946, 195.3649]],
    ),
    "18 volumes": (
        (18, "7x7", "v1", (17, 22, 19, 1), (3, 4, 5, 6)),
        [[-0.8917, -1.3669, 1.0359], [-0.3726, -0.8838, 0.8101]],
    ),
}


def draw(model):
    """Give a ResNet random weights, convolution by convolution, shortcuts last in their block."""
    random = np.random.RandomState(0)
    names = [layer.name for layer in model.layers if hasattr(layer, "kernel_size")]
    for name in sorted(names, key=lambda name: (name != "stem_conv", name)):
        *sides, inputs, maps = model.get_layer(name).kernel.shape
        kernel = random.standard_normal((*sides, inputs, maps))
        model.get_layer(name).set_weights([kernel * np.sqrt(2 / (inputs * np.prod(sides)))])
        gamma, beta, mean, variance = (0.1 * random.standard_normal(maps) for _ in range(4))
        statistics = [1 + gamma, beta, mean, np.exp(variance)]
        model.get_layer(f"{name}_norm").set_weights(statistics)
    logits = model.get_layer("logits")
    logits.set_weights([random.standard_normal(weight.shape) for weight in logits.weights])


@pytest.mark.parametrize(("given", "expected"), PYTORCH.values(), ids=PYTORCH)
def test_resnet_beside_pytorch(given, expected):
    depth, stem, version, shape, filters = given
    classes = len(expected[0])
    model = build_resnet(shape, classes, depth=depth, stem=stem, version=version, filters=filters)
    draw(model)
    images = np.random.RandomState(1).standard_normal((2, *shape)).astype(np.float32)
    np.testing.assert_allclose(model(images), expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_blocks_start_as_the_identity(batch_norm):
    model = build_resnet(
        (20, 21, 2), 2, depth=18, filters=(3, 4, 5, 6), zero_residual=True, batch_norm=batch_norm
    )
    names = ("stem", "stage1", "stage1_block2_conv2", "stage2")
    tap = keras.Model(model.input, [model.get_layer(name).output for name in names])
    images = np.random.default_rng(0).normal(size=(2, 20, 21, 2)).astype(np.float32)
    stem, stage1, branch, stage2 = tap(images)
    np.testing.assert_array_equal(stem, stage1)
    assert np.any(branch) == batch_norm and np.any(stage2)


@pytest.mark.parametrize(
    "build",
    [
        lambda shape: build_resnet(shape, 3, depth=18, filters=(3, 4, 5, 6)),
        lambda shape: build_vgg(shape, 3, depth=11, filters=(3, 4, 5, 6, 7), head="pool"),
        lambda shape: build_vgg(shape, None, depth=11, filters=(3, 4, 5, 6, 7)),
    ],
)
def test_images_of_any_size(build):
    free = build((None, None, 1))
    for sides in ((37, 50), (64, 33)):
        fixed = build((*sides, 1))
        fixed.set_weights(free.get_weights())
        images = np.random.default_rng(0).normal(size=(2, *sides, 1)).astype(np.float32)
        np.testing.assert_allclose(free(images), fixed(images), rtol=1e-5, atol=1e-6)


def test_volumes_of_any_size():
    model = build_resnet((None, None, None, 1), None, depth=18, filters=(2, 3, 4, 5))
    assert model.output_shape == (None, None, None, None, 5)
    assert model(np.zeros((1, 33, 40, 64, 1), np.float32)).shape == (1, 2, 2, 2, 5)


@pytest.mark.parametrize(
    ("model", "last", "head"),
    [
        (build_resnet((33, 64, 1), 2, depth=18, filters=(2, 3, 4, 5)), "stage4", "pool"),
        (build_vgg((33, 64, 1), 2, filters=(2, 3, 4, 5, 6), units=7), "stage5", "flatten"),
        (build_alexnet((99, 99, 1), 2, filters=(2,) * 5, units=7), "stage5", "flatten"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_last_maps_have_a_name(model, last, head):
    assert model.layers[-1].name == "logits"
    names = [layer.name for layer in model.layers]
    assert names[names.index(last) + 1] == head
    assert len(model.get_layer(last).output.shape) == 4


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: build_vgg((32, 32, 1), 2, depth=12), r"one of \(11, 13, 16, 19\).*depth=12"),
        (lambda: build_vgg((32, 32, 1), 2, head="mean"), "'dense' or 'pool'.*head='mean'"),
        (lambda: build_vgg((32, 32, 1), 2, filters=(1, 2)), r"filters=\(1, 2\)"),
        (lambda: build_vgg((32, 32, 1), 2, units=0), "units=0"),
        (lambda: build_vgg((None, 31, 1), 2, head="pool"), r"input_shape=\(32, 31, 1\)"),
        (lambda: build_resnet((32, 32, 1), 2, depth=20), "depth=20"),
        (lambda: build_resnet((32, 32, 1), 2, version="v2"), "'v1' or 'v1.5'.*version='v2'"),
        (lambda: build_resnet((32, 32, 1), 2, stem="5x5"), "'7x7' or '3x3'.*stem='5x5'"),
        (lambda: build_resnet((32, 32, 1), 2, filters=(1, 2, 3, 0)), "filters="),
        (lambda: build_alexnet((67, 67, 1), 2, filters=(3, 4, 4, 4, 4)), "multiples of groups, 2"),
        (lambda: build_alexnet((67, 67, 1), 2, groups=0), "groups=0"),
        (lambda: build_alexnet((67, 67, 1), 2, filters=(2, 4, 4, 4)), "5 positive numbers"),
    ],
)
def test_wrong_options(build, words):
    with pytest.raises(ValueError, match=f"{words}|Received: {words}"):
        build()
