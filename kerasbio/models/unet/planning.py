"""How deep a U-Net may be for images of some size and spacing."""

from collections.abc import Sequence

#: Fewest voxels of an axis at the bottom, and how much coarser an axis is that is not yet pooled.
SMALLEST, COARSER = 4, 2.0


def plan_pooling(
    shape: Sequence[int], spacing: Sequence[float], levels: int
) -> tuple[tuple[int, ...], ...]:
    """Return the factors of each pooling, so that voxels become alike on all axes.

    An axis whose voxels are twice as long as the shortest, or that would fall below 4 voxels, is
    spared; where all are, there are fewer levels.

    Reference: the rules of [Isensee et al., nnU-Net,
    2021](https://doi.org/10.1038/s41592-020-01008-z), for anisotropic spacing.

    Args:
        shape: Voxels per spatial axis.
        spacing: Length of a voxel per spatial axis, in one unit.
        levels: Most poolings.

    Returns:
        One factor, 1 or 2, per axis and pooling, finest first.

    Raises:
        ValueError: If shape and spacing are not of one length, or not above 0.
    """
    sizes, lengths = list(shape), list(spacing)
    if (
        len(sizes) != len(lengths)
        or not sizes
        or min(sizes) < 1
        or not all(length > 0 for length in lengths)
    ):
        raise ValueError(
            "shape and spacing must be above 0 and of one length. "
            f"Received: shape={tuple(shape)}, spacing={tuple(spacing)}"
        )
    plan: list[tuple[int, ...]] = []
    for _ in range(levels):
        roomy = [size >= 2 * SMALLEST for size in sizes]
        least = min((v for v, fits in zip(lengths, roomy, strict=True) if fits), default=0.0)
        factors = [
            2 if fits and length < COARSER * least else 1
            for length, fits in zip(lengths, roomy, strict=True)
        ]
        if max(factors) == 1:
            break
        plan.append(tuple(factors))
        sizes = [-(-size // factor) for size, factor in zip(sizes, factors, strict=True)]
        lengths = [length * factor for length, factor in zip(lengths, factors, strict=True)]
    return tuple(plan)
