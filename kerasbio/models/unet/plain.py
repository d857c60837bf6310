"""The U-Net and the 3D U-Net."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerasbio.models.unet.checks import check_arguments, check_choice, check_valid_sides
from kerasbio.models.unet.parts import (
    double_convolution,
    head,
    image_input,
    join,
    pool,
    upsample,
)


def build_unet(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    filters: Sequence[int] = (64, 128, 256, 512, 1024),
    padding: str = "valid",
    batch_norm: bool = False,
    upsampling: str = "transpose",
    pool_sizes: Sequence[int | Sequence[int]] | None = None,
    dropout: float = 0.5,
    residual: bool = False,
    name: str = "unet",
) -> keras.Model:
    """Build the U-Net: 31,030,658 parameters from one channel to two classes.

    Each level has two convolutions without padding, so that 572 x 572 pixels become 388 x 388: the
    centre, 92 pixels from each border. It has no batch normalization; the two deepest levels of
    the contracting path end in dropout, as in the authors' release.

    Reference: [Ronneberger et al., U-Net: convolutional networks for biomedical image
    segmentation, 2015](https://doi.org/10.1007/978-3-319-24574-4_28), figure 1.

    Args:
        input_shape: `(height, width, channels)`, or `(depth, height, width, channels)` of a
            volume. With `padding="same"` any sides, None for unknown ones.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        filters: Maps of each level, finest first.
        padding: `"valid"`, or `"same"` for an output of the sides of the input.
        batch_norm: Whether batch normalization comes before each ReLU.
        upsampling: `"transpose"`, or `"resize"` for linear interpolation, which leaves no
            checkerboard and needs `padding="same"`.
        pool_sizes: Factors of each pooling, finest first, a number or one per axis; 2 if None.
            `(1, 2, 2)` spares the slices of a scan with thick ones.
        dropout: Share dropped at the end of the two deepest levels.
        residual: Whether the input of each pair of convolutions is added to their output (He et
            al. 2016).
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, *sides, channels)` to logits `(batch, *output sides,
        num_classes)`.

    Raises:
        ValueError: If a side does not fit a network without padding (it names the nearest that
            do), or an argument is none of those above.
    """
    pools = check_arguments(input_shape, num_classes, filters, pool_sizes)
    _check_form(input_shape, pools, padding, upsampling)
    form: dict[str, Any] = {"padding": padding, "batch_norm": batch_norm, "residual": residual}
    inputs = x = image_input(input_shape)
    skips = []
    for level, width in enumerate(filters):
        last = level == len(pools)
        block = "bottom" if last else f"down{level}"
        x = double_convolution(x, (width, width), name=block, **form)
        if dropout and level >= len(pools) - 1:
            x = layers.Dropout(dropout, name=f"{block}_dropout")(x)
        if not last:
            skips.append(x)
            x = pool(x, pools[level], f"{block}_pool")
    for level in reversed(range(len(pools))):
        width = filters[level]
        x = upsample(x, width, pools[level], method=upsampling, name=f"up{level}_upsample")
        x = join(skips[level], x, f"up{level}_concat")
        x = double_convolution(x, (width, width), name=f"up{level}", **form)
    return keras.Model(inputs, head(x, num_classes), name=name)


def build_unet_3d(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    filters: Sequence[int] = (64, 128, 256, 512),
    padding: str = "valid",
    batch_norm: bool = True,
    upsampling: str = "transpose",
    pool_sizes: Sequence[int | Sequence[int]] | None = None,
    residual: bool = False,
    name: str = "unet_3d",
) -> keras.Model:
    """Build the 3D U-Net: 19,069,955 parameters from three channels to three classes.

    The figure is that of the publication, which leaves out batch normalization; with it there are
    19,074,627. Maps are doubled before each pooling, not after, and upsampling keeps their number
    and has no bias. 132 x 132 x 116 voxels become 44 x 44 x 28. The publication normalizes by the
    statistics of the batch at hand in prediction too, as its batches are of one volume; this
    network by the moving ones.

    Reference: [Çiçek et al., 3D U-Net: learning dense volumetric segmentation from sparse
    annotation, 2016](https://doi.org/10.1007/978-3-319-46723-8_49), figure 2.

    Args:
        input_shape: `(depth, height, width, channels)`. With `padding="same"` any sides, None for
            unknown ones.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        filters: Maps at the end of each level, finest first; even numbers.
        padding: `"valid"`, or `"same"` for an output of the sides of the input.
        batch_norm: Whether batch normalization comes before each ReLU.
        upsampling: `"transpose"`, or `"resize"` for linear interpolation, which leaves no
            checkerboard and needs `padding="same"`.
        pool_sizes: Factors of each pooling, finest first, a number or one per axis; 2 if None.
            `(1, 2, 2)` spares the slices of a scan with thick ones.
        residual: Whether the input of each pair of convolutions is added to their output (He et
            al. 2016).
        name: Name of the model.

    Returns:
        A `keras.Model` from volumes `(batch, depth, height, width, channels)` to logits
        `(batch, *output sides, num_classes)`.

    Raises:
        ValueError: If a side does not fit a network without padding (it names the nearest that
            do), or an argument is none of those above.
    """
    pools = check_arguments(input_shape, num_classes, filters, pool_sizes, ranks=(3,))
    _check_form(input_shape, pools, padding, upsampling)
    if any(width % 2 for width in filters):
        raise ValueError(f"filters must be even. Received: filters={tuple(filters)}")
    form: dict[str, Any] = {"padding": padding, "batch_norm": batch_norm, "residual": residual}
    inputs = x = image_input(input_shape)
    skips = []
    for level, width in enumerate(filters):
        last = level == len(pools)
        block = "bottom" if last else f"down{level}"
        x = double_convolution(x, (width // 2, width), name=block, **form)
        if not last:
            skips.append(x)
            x = pool(x, pools[level], f"{block}_pool")
    for level in reversed(range(len(pools))):
        width = filters[level]
        x = upsample(
            x,
            x.shape[-1],
            pools[level],
            method=upsampling,
            use_bias=False,
            name=f"up{level}_upsample",
        )
        x = join(skips[level], x, f"up{level}_concat")
        x = double_convolution(x, (width, width), name=f"up{level}", **form)
    return keras.Model(inputs, head(x, num_classes), name=name)


def _check_form(input_shape: Any, pools: Any, padding: str, upsampling: str) -> None:
    check_choice(("valid", "same"), padding=padding)
    check_choice(("transpose", "resize"), upsampling=upsampling)
    if (padding, upsampling) == ("valid", "resize"):
        # What is interpolated at a border would depend on where a tile ends.
        raise ValueError(
            "upsampling='resize' needs padding='same'. Received: padding='valid', "
            "upsampling='resize'"
        )
    check_valid_sides(input_shape, pools, padding)
