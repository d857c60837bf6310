"""U-Nets whose skip connections are weighted by attention."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from kerasbio.layers.crop_like import CropLike
from kerasbio.layers.linear_upsampling import LinearUpsampling
from kerasbio.models.unet.checks import check_arguments
from kerasbio.models.unet.parts import (
    convolution,
    double_convolution,
    head,
    image_input,
    join,
    layer_of_rank,
    pool,
)


def build_attention_unet(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    filters: Sequence[int] = (16, 32, 64, 128, 256),
    gates: int = 1,
    deep_supervision: bool = True,
    batch_norm: bool = True,
    pool_sizes: Sequence[int | Sequence[int]] | None = None,
    name: str = "attention_unet",
) -> keras.Model:
    """Build the Attention U-Net: 6,214,151 parameters from one channel to four classes.

    Every skip connection but the finest passes a gate, which sees what the next coarser level has
    decoded and multiplies each voxel by a coefficient in (0, 1): the output of layer
    `gate1_coefficients`, `gate2_coefficients` and so on, counted from level 0, the finest;
    `gate1_2_coefficients` is that of a second gate. Upsampling is linear, without weights. The
    parameters are those of the authors' release: two gates per connection have 6,473,322, none
    5,888,004.

    Reference: [Oktay et al., Attention U-Net: learning where to look for the pancreas,
    2018](https://arxiv.org/abs/1804.03999), and its code Attention-Gated-Networks.

    Args:
        input_shape: `(depth, height, width, channels)`, or `(height, width, channels)` of an
            image. Any sides, None for unknown ones.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        filters: Maps of each level, finest first.
        gates: Gates per skip connection; 0 leaves a U-Net with linear upsampling.
        deep_supervision: Whether the logits are a mixture of the logits of all levels, not those
            of the finest.
        batch_norm: Whether batch normalization comes before each ReLU and ends each gate.
        pool_sizes: Factors of each pooling, finest first, a number or one per axis; 2 if None.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, *sides, channels)` to logits `(batch, *sides,
        num_classes)`.

    Raises:
        ValueError: If an argument is none of those above.
    """
    pools = check_arguments(input_shape, num_classes, filters, pool_sizes)
    if gates < 0:
        raise ValueError(f"gates must be at least 0. Received: gates={gates}")
    inputs = image_input(input_shape)
    skips, x = _contract(inputs, filters, pools, batch_norm)
    gating = convolution(x, filters[-1], 1, batch_norm=batch_norm, name="gating") if gates else x
    levels: list[Any] = [None] * len(pools)
    for level in reversed(range(len(pools))):
        width, skip = filters[level], skips[level]
        if level and gates:
            names = [f"gate{level}", *(f"gate{level}_{k}" for k in range(2, gates + 1))]
            seen = [grid_gate(skip, gating, pools[level], batch_norm, each) for each in names]
            skip = layers.Concatenate(name=f"gates{level}")(seen) if gates > 1 else seen[0]
            skip = convolution(skip, width, 1, batch_norm=batch_norm, name=f"skip{level}")
        x = LinearUpsampling(pools[level], name=f"up{level}_upsample")(x)
        x = join(skip, x, f"up{level}_concat")
        x = double_convolution(x, (width, width), batch_norm=batch_norm, name=f"up{level}")
        gating = levels[level] = x
    if deep_supervision:
        # One class map per level, each interpolated to the finest.
        for level, features in enumerate(levels):
            part = convolution(features, num_classes, 1, activation=None, name=f"logits{level}")
            if level:
                size = np.prod(pools[:level], axis=0).tolist()
                part = LinearUpsampling(size, name=f"logits{level}_upsample")(part)
                part = CropLike(name=f"logits{level}_crop")([part, inputs])
            levels[level] = part
        x = layers.Concatenate(name="logits_concat")(levels)
    return keras.Model(inputs, head(x, num_classes), name=name)


def build_equal_resolution_attention_unet(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    filters: Sequence[int] = (64, 128, 256, 512, 1024),
    batch_norm: bool = True,
    pool_sizes: Sequence[int | Sequence[int]] | None = None,
    name: str = "equal_resolution_attention_unet",
) -> keras.Model:
    """Build the network that many call Attention U-Net: 34,878,573 parameters, 3 channels, 1 class.

    Its gates compare skip connection and decoded maps at the same resolution, after upsampling by
    nearest neighbours and a convolution; those of `build_attention_unet`, the published network,
    look at the coarser level. Coefficients in (0, 1) are the outputs of the layers
    `gate0_coefficients`, `gate1_coefficients` and so on, level 0 the finest.

    Reference: AttU_Net of github.com/LeeJunHyun/Image_Segmentation, 2018, after [Oktay et al.,
    2018](https://arxiv.org/abs/1804.03999).

    Args:
        input_shape: `(height, width, channels)`, or `(depth, height, width, channels)` of a
            volume. Any sides, None for unknown ones.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        filters: Maps of each level, finest first.
        batch_norm: Whether batch normalization follows each convolution but the last.
        pool_sizes: Factors of each pooling, finest first, a number or one per axis; 2 if None.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, *sides, channels)` to logits `(batch, *sides,
        num_classes)`.

    Raises:
        ValueError: If an argument is none of those above.
    """
    pools = check_arguments(input_shape, num_classes, filters, pool_sizes)
    inputs = image_input(input_shape)
    skips, x = _contract(inputs, filters, pools, batch_norm)
    for level in reversed(range(len(pools))):
        width, skip = filters[level], skips[level]
        nearest = layer_of_rank("UpSampling", x)
        x = nearest(pools[level], name=f"up{level}_upsample")(x)
        x = convolution(x, width, batch_norm=batch_norm, name=f"up{level}_conv")
        x = CropLike(name=f"up{level}_crop")([x, skip])
        skip = equal_resolution_gate(skip, x, batch_norm, f"gate{level}")
        x = join(skip, x, f"up{level}_concat")
        x = double_convolution(x, (width, width), batch_norm=batch_norm, name=f"up{level}")
    return keras.Model(inputs, head(x, num_classes), name=name)


def _contract(
    x: Any, filters: Sequence[int], pools: Sequence[tuple[int, ...]], batch_norm: bool
) -> tuple[list[Any], Any]:
    """Apply the contracting path; return the maps of each level and those of the bottom."""
    skips = []
    for level, size in enumerate(pools):
        widths = (filters[level], filters[level])
        x = double_convolution(x, widths, batch_norm=batch_norm, name=f"down{level}")
        skips.append(x)
        x = pool(x, size, f"down{level}_pool")
    widths = (filters[-1], filters[-1])
    return skips, double_convolution(x, widths, batch_norm=batch_norm, name="bottom")


def grid_gate(x: Any, gating: Any, size: tuple[int, ...], batch_norm: bool, name: str) -> Any:
    """Weight each voxel by how well it agrees with a gating signal of lower resolution.

    `x * up(sigmoid(psi(relu(theta(x) + phi(gating)))))`, then a 1 x 1 convolution: equation 1 of
    Oktay et al. 2018, where theta brings `x` to the grid of the gating signal.

    Args:
        x: `(batch, *sides, channels)`.
        gating: `(batch, *(sides / size, rounded up), any channels)`.
        size: Factor between the two grids, one per axis.
        batch_norm: Whether batch normalization ends the gate.
        name: With which the names of the layers begin; `{name}_coefficients` gives the weights.

    Returns:
        `(batch, *sides, channels)`.
    """
    channels = x.shape[-1]
    theta = convolution(
        x, channels, size, strides=size, use_bias=False, activation=None, name=f"{name}_theta"
    )
    phi = convolution(gating, channels, 1, activation=None, name=f"{name}_phi")
    joint = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([theta, phi]))
    weights = convolution(joint, 1, 1, activation="sigmoid", name=f"{name}_psi")
    weights = LinearUpsampling(size, name=f"{name}_upsample")(weights)
    weights = CropLike(name=f"{name}_coefficients")([weights, x])
    x = layers.Multiply(name=f"{name}_multiply")([x, weights])
    return convolution(
        x, channels, 1, batch_norm=batch_norm, activation=None, name=f"{name}_output"
    )


def equal_resolution_gate(x: Any, gating: Any, batch_norm: bool, name: str) -> Any:
    """Weight each voxel by how well it agrees with a gating signal of the same resolution.

    Args:
        x: `(batch, *sides, channels)`.
        gating: `(batch, *sides, any channels)`.
        batch_norm: Whether batch normalization follows each convolution.
        name: With which the names of the layers begin; `{name}_coefficients` gives the weights.

    Returns:
        `(batch, *sides, channels)`.
    """
    inner = max(1, x.shape[-1] // 2)
    parts = [
        convolution(each, inner, 1, batch_norm=batch_norm, activation=None, name=f"{name}_{part}")
        for part, each in (("gating", gating), ("skip", x))
    ]
    joint = layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")(parts))
    psi = convolution(joint, 1, 1, batch_norm=batch_norm, activation=None, name=f"{name}_psi")
    weights = layers.Activation("sigmoid", name=f"{name}_coefficients")(psi)
    return layers.Multiply(name=f"{name}_multiply")([x, weights])
