"""How deep a U-Net may be: what is known of a few sizes and spacings."""

import pytest

from kerasbio.models.unet.planning import plan_pooling


@pytest.mark.parametrize(
    ("shape", "spacing", "levels", "plan"),
    [
        # All axes alike.
        ((96, 96), (1, 1), 3, ((2, 2),) * 3),
        ((64, 64, 64), (1.5, 1.5, 1.5), 5, ((2, 2, 2),) * 4),
        # Thick slices are pooled once the others are as coarse.
        ((24, 64, 80), (8, 5, 5), 3, ((2, 2, 2), (2, 2, 2), (1, 2, 2))),
        ((20, 128, 128), (5, 1.25, 1.25), 4, ((1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2))),
        ((20, 128, 128), (5, 1.25, 1.25), 1, ((1, 2, 2),)),
        # An axis of few voxels is left as it is, and says nothing of the others.
        ((3, 32, 32), (1, 1, 1), 3, ((1, 2, 2),) * 3),
        ((6, 32, 32), (0.5, 2, 2), 2, ((1, 2, 2),) * 2),
        ((7, 7), (1, 1), 3, ()),
        ((8, 7), (1, 1), 3, ((2, 1),)),
        ((1, 1, 1), (1, 1, 1), 4, ()),
        # An odd size is padded: 17 becomes 9, then 5.
        ((17, 17), (1, 1), 5, ((2, 2), (2, 2))),
        ((64, 64), (1, 1), 0, ()),
    ],
)
def test_known_plans(shape, spacing, levels, plan):
    assert plan_pooling(shape, spacing, levels) == plan


def test_units_do_not_count():
    shape = (30, 200, 160)
    mm = plan_pooling(shape, (4, 0.9, 0.8), 5)
    assert mm == plan_pooling(shape, (4e-3, 0.9e-3, 0.8e-3), 5)
    # No axis falls below 4 voxels.
    sizes = list(shape)
    for factors in mm:
        sizes = [-(-size // factor) for size, factor in zip(sizes, factors, strict=True)]
    assert min(sizes) >= 4


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((8, 8), (1,)),
        ((8, 0), (1, 1)),
        ((8, 8), (1, 0)),
        ((8, 8), (1, -2)),
        ((8, 8), (1, float("nan"))),
        ((8, 8), (float("nan"), 1)),
        ((), ()),
    ],
)
def test_wrong_arguments_are_named(shape, spacing):
    with pytest.raises(ValueError, match="Received: shape="):
        plan_pooling(shape, spacing, 3)
