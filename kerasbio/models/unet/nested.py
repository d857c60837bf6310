"""The nested U-Net."""

from collections.abc import Sequence

import keras
from keras import layers

from kerasbio.models.unet.checks import check_arguments
from kerasbio.models.unet.parts import convolution, head, image_input, join, pool, upsample


def build_nested_unet(
    input_shape: tuple[int | None, ...],
    num_classes: int,
    *,
    filters: Sequence[int] = (32, 64, 128, 256, 512),
    batch_norm: bool = False,
    pool_sizes: Sequence[int | Sequence[int]] | None = None,
    dropout: float = 0.5,
    name: str = "nested_unet",
) -> keras.Model:
    """Build UNet++: 9,041,601 parameters from one channel to one class.

    Node `x{level}_{column}` sees all nodes of its level before it and, upsampled, the node below;
    column 0 is the contracting path and the logits come from the last column. This is the
    network of the authors' release without deep supervision, but for its weight decay of 1e-4.

    Reference: [Zhou et al., UNet++: a nested U-Net architecture for medical image segmentation,
    2018](https://arxiv.org/abs/1807.10165), figure 1, and its code UNetPlusPlus.

    Args:
        input_shape: `(height, width, channels)`, or `(depth, height, width, channels)` of a
            volume. Any sides, None for unknown ones.
        num_classes: Number of classes; 1 gives one sigmoid logit.
        filters: Maps of each level, finest first.
        batch_norm: Whether batch normalization comes before each ReLU.
        pool_sizes: Factors of each pooling, finest first, a number or one per axis; 2 if None.
        dropout: Share dropped after each convolution of a node.
        name: Name of the model.

    Returns:
        A `keras.Model` from images `(batch, *sides, channels)` to logits `(batch, *sides,
        num_classes)`.

    Raises:
        ValueError: If an argument is none of those above.
    """
    pools = check_arguments(input_shape, num_classes, filters, pool_sizes)

    def node(x, width, name):
        for index in range(2):
            conv = f"{name}_conv{index}"
            x = convolution(x, width, batch_norm=batch_norm, name=conv)
            x = layers.Dropout(dropout, name=f"{conv}_dropout")(x) if dropout else x
        return x

    inputs = x = image_input(input_shape)
    # Of each level, its nodes from left to right.
    nodes = []
    for level, width in enumerate(filters):
        x = pool(x, pools[level - 1], f"x{level}_pool") if level else x
        x = node(x, width, f"x{level}_0")
        nodes.append([x])
    for column in range(1, len(filters)):
        for level in range(len(filters) - column):
            block = f"x{level}_{column}"
            below = nodes[level + 1][-1]
            x = upsample(
                below, filters[level], pools[level], method="transpose", name=f"{block}_upsample"
            )
            before = nodes[level]
            skip = layers.Concatenate(name=f"{block}_skips")(before) if column > 1 else before[0]
            before.append(node(join(skip, x, f"{block}_concat"), filters[level], block))
    return keras.Model(inputs, head(nodes[0][-1], num_classes), name=name)
