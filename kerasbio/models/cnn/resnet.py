"""Residual networks in two and three dimensions."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from kerasbio.layers.batch_normalization import BatchNormalization
from kerasbio.layers.convolution import CONVOLUTION
from kerasbio.models.checks import check_positive
from kerasbio.models.cnn.checks import check_choice, check_levels

#: Blocks of each stage by depth.
STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
#: The least depth whose blocks are bottlenecks, and how much wider their output is.
BOTTLENECKS, EXPANSION = 50, 4

#: Layers by the rank of a batch of images or of volumes.
PAD = {4: layers.ZeroPadding2D, 5: layers.ZeroPadding3D}
MAX_POOL = {4: layers.MaxPooling2D, 5: layers.MaxPooling3D}
MEAN = {4: layers.GlobalAveragePooling2D, 5: layers.GlobalAveragePooling3D}


def build_resnet(
    input_shape: tuple[int | None, ...],
    num_classes: int | None,
    *,
    depth: int = 50,
    version: str = "v1",
    stem: str = "7x7",
    filters: Sequence[int] = (64, 128, 256, 512),
    conv_bias: bool = False,
    zero_residual: bool = False,
    batch_norm: bool = True,
    name: str | None = None,
) -> keras.Model:
    """Build a ResNet: 25,557,032 parameters with 50 layers at 3 channels and 1000 classes.

    Activations come after the sums, and a shortcut that changes its size is a convolution of one
    pixel. Borders are padded alike on both sides, as the publication and PyTorch have it; Keras'
    own padding is another one at stride 2. Momentum 0.9 and epsilon 1e-5 are those of the authors.
    Without batch normalization every convolution has a bias.

    `stage1` to `stage4` are the outputs of the stages.

    Reference: [He et al., Deep residual learning for image recognition,
    2016](https://arxiv.org/abs/1512.03385), table 1, shortcuts B.

    Args:
        input_shape: `(height, width, channels)` or `(depth, height, width, channels)`; all but
            the channels may be None.
        num_classes: Number of classes; 1 gives one sigmoid logit, None leaves the head out.
        depth: Layers with weights: 18, 34, 50, 101 or 152.
        version: Where a bottleneck halves its maps: `"v1"` in its first convolution, as
            published, or `"v1.5"` in its second, as PyTorch does.
        stem: `"7x7"` by 2 and max-pooling, as published, or `"3x3"` by 1 for images of about
            32 pixels.
        filters: Maps of the stages; a bottleneck's output has four times as many.
        conv_bias: Whether convolutions have biases though batch normalization follows, as in
            `keras.applications`: 25,636,712 weights in all.
        zero_residual: Whether each block starts as the identity: the last scale of its batch
            normalization, or else its last kernel, is 0.
        batch_norm: Whether batch normalization follows each convolution.
        name: Name of the model; by default `"resnet50"` and the like.

    Returns:
        A `keras.Model` from images `(batch, *sides, channels)` to logits `(batch, num_classes)`;
        without head to maps `(batch, *sides, channels)`, each side a 32nd, rounded up, or an 8th
        with the stem `"3x3"`.

    Raises:
        ValueError: If the shape is not of images or volumes, a size below 1, `depth`, `version`
            or `stem` unknown, or `filters` are not four.
    """
    if len(input_shape) not in (3, 4) or not input_shape[-1] or 0 in input_shape:
        raise ValueError(
            "ResNet needs images (height, width, channels) or volumes (depth, height, width, "
            f"channels) of known channels. Received: input_shape={tuple(input_shape)}"
        )
    check_choice("depth", depth, tuple(STAGES))
    check_choice("version", version, ("v1", "v1.5"))
    check_choice("stem", stem, ("7x7", "3x3"))
    check_positive(num_classes=1 if num_classes is None else num_classes)
    check_levels(filters, 4)
    convolve = functools.partial(
        _convolve, use_bias=conv_bias or not batch_norm, batch_norm=batch_norm
    )
    name = name or f"resnet{depth}"
    inputs = keras.Input(input_shape, name="image")
    if stem == "7x7":
        x = layers.ReLU(name="stem_relu")(convolve(inputs, filters[0], 7, 2, name="stem_conv"))
        # A zero never wins against what a ReLU gives.
        x = PAD[x.ndim](1, name="stem_pad")(x)
        x = MAX_POOL[x.ndim](3, 2, name="stem")(x)
    else:
        x = layers.ReLU(name="stem")(convolve(inputs, filters[0], 3, 1, name="stem_conv"))
    for stage, (maps, count) in enumerate(zip(filters, STAGES[depth], strict=True), 1):
        for index in range(1, count + 1):
            block = f"stage{stage}_block{index}"
            plan = _plan(maps, 2 if stage > 1 and index == 1 else 1, depth, version)
            x = _residual(convolve, x, plan, zero_residual, block)
            last = f"stage{stage}" if index == count else f"{block}_relu"
            x = layers.ReLU(name=last)(x)
    if num_classes is None:
        return keras.Model(inputs, x, name=name)
    x = MEAN[x.ndim](name="pool")(x)
    return keras.Model(inputs, layers.Dense(num_classes, name="logits")(x), name=name)


def _plan(maps: int, strides: int, depth: int, version: str) -> list[tuple[int, int, int]]:
    """Return the convolutions of a block: maps, side of the kernel and stride of each."""
    if depth < BOTTLENECKS:
        return [(maps, 3, strides), (maps, 3, 1)]
    first, second = (strides, 1) if version == "v1" else (1, strides)
    return [(maps, 1, first), (maps, 3, second), (EXPANSION * maps, 1, 1)]


def _residual(
    convolve: Callable[..., Any],
    x: Any,
    plan: Sequence[tuple[int, int, int]],
    zero: bool,
    name: str,
) -> Any:
    shortcut = x
    for index, (maps, size, strides) in enumerate(plan, 1):
        last = index == len(plan)
        x = convolve(x, maps, size, strides, zero=zero and last, name=f"{name}_conv{index}")
        if not last:
            x = layers.ReLU(name=f"{name}_relu{index}")(x)
    strides = math.prod(strides for _, _, strides in plan)
    if strides > 1 or shortcut.shape[-1] != x.shape[-1]:
        shortcut = convolve(shortcut, x.shape[-1], 1, strides, name=f"{name}_shortcut")
    return layers.Add(name=f"{name}_add")([shortcut, x])


def _convolve(
    x: Any,
    maps: int,
    size: int,
    strides: int,
    *,
    use_bias: bool,
    batch_norm: bool,
    zero: bool = False,
    name: str,
) -> Any:
    if strides > 1 and size > 1:
        x = PAD[x.ndim](size // 2, name=f"{name}_pad")(x)
    elif strides > 1:
        # The gradient of a convolution of one pixel with a stride corrupts the heap in oneDNN of
        # TensorFlow 2.21: every other pixel is taken first.
        x = MAX_POOL[x.ndim](1, strides, name=f"{name}_take")(x)
        strides = 1
    x = CONVOLUTION[x.ndim](
        maps,
        size,
        strides,
        padding="valid" if strides > 1 else "same",
        use_bias=use_bias,
        kernel_initializer="zeros" if zero and not batch_norm else "he_normal",
        name=name,
    )(x)
    if not batch_norm:
        return x
    return BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        gamma_initializer="zeros" if zero else "ones",
        name=f"{name}_norm",
    )(x)
