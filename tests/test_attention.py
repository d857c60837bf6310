"""Whether gates look at the target: answers known from gates that are made by hand."""

import keras
import numpy as np
import pytest

from kerasbio.inference.attention import attention_auroc, attention_coefficients, gate_layers
from kerasbio.models.unet import build_attention_unet, build_unet
from kerasbio.report.attention import attention_sections
from kerasbio.report.page import Page

SIDES = (24, 36)


def gated(*levels, rank=2):
    """Return a model whose gate of level k is the mean, or one minus it, over 2 ** k pixels."""
    inputs = keras.Input((None,) * rank + (1,))
    pool = keras.layers.AveragePooling2D if rank == 2 else keras.layers.AveragePooling3D
    kept = []
    for level, inverted in levels:
        x = pool(2**level, name=f"pool{level}")(inputs)
        kept.append(
            keras.layers.Rescaling(
                -1.0 if inverted else 1.0, float(inverted), name=f"gate{level}_coefficients"
            )(x)
        )
    outputs = [keras.layers.Flatten()(x) for x in kept]
    return keras.Model(inputs, outputs)


def discs(count=4, value=2):
    random = np.random.default_rng(0)
    rows, columns = np.ogrid[: SIDES[0], : SIDES[1]]
    masks = []
    for _ in range(count):
        centre = random.uniform((7, 7), (17, 29))
        masks.append(value * (np.hypot(rows - centre[0], columns - centre[1]) < 4))
    return [(mask > 0).astype(np.float32)[..., None] for mask in masks], masks


def test_a_gate_that_is_the_mask_attends_and_its_opposite_is_inverted():
    images, masks = discs()
    areas = attention_auroc(gated((0, False), (1, True)), images, masks, 2, dilation=0)
    assert list(areas) == ["gate0_coefficients", "gate1_coefficients"]
    np.testing.assert_array_equal(areas["gate0_coefficients"], 1)
    np.testing.assert_array_equal(areas["gate1_coefficients"], 0)


def test_a_gate_that_is_constant_is_a_half():
    images, masks = discs()
    (areas,) = attention_auroc(
        gated((0, False)), [0 * image for image in images], masks, 2
    ).values()
    np.testing.assert_array_equal(areas, 0.5)


def test_the_target_is_grown_and_any_voxel_of_a_cell_counts():
    mask = np.zeros((8, 8), int)
    mask[3, 5] = 1
    image = mask[..., None].astype(np.float32)
    # A cross of five pixels touches three cells of 2 x 2, one of which is bright: against 13 dark
    # cells it wins, and the two others draw.
    areas = attention_auroc(gated((1, False)), [image], [mask], 1, dilation=1)
    assert areas["gate1_coefficients"][0] == pytest.approx((1 + 2 * 0.5) / 3)
    areas = attention_auroc(gated((1, False)), [image], [mask], 1, dilation=0)
    assert areas["gate1_coefficients"][0] == 1


def test_sides_that_the_grid_does_not_divide():
    mask = np.zeros((9, 13), int)
    mask[8, 12] = 1
    model = gated((1, False))
    # 9 x 13 becomes 4 x 6: the last cell reaches to the border.
    areas = attention_auroc(model, [mask[..., None].astype(np.float32)], [mask], 1, dilation=0)
    assert areas["gate1_coefficients"][0] == 0.5


def test_without_a_target_or_without_anything_else_it_is_undefined():
    image = np.zeros((*SIDES, 1), np.float32)
    empty, full = np.zeros(SIDES, int), np.ones(SIDES, int)
    (areas,) = attention_auroc(gated((0, False)), [image] * 2, [empty, full], 1).values()
    assert np.isnan(areas).all()


def test_gates_of_the_builder():
    model = build_attention_unet((None, None, 1), 2, filters=(4, 6, 8), gates=2)
    names = gate_layers(model)
    image = np.random.default_rng(0).normal(size=(17, 22, 1)).astype(np.float32)
    found = attention_coefficients(model, image)
    assert list(found) == names == ["gate1_coefficients", "gate1_2_coefficients"]
    for values in found.values():
        assert values.ndim == 2 and values.dtype == np.float32
        assert 0 < values.min() and values.max() < 1
    sides = [values.shape[0] for values in found.values()]
    assert sides == sorted(sides, reverse=True)
    with pytest.raises(ValueError, match="no attention gate. Received: model 'unet'"):
        attention_coefficients(
            build_unet((None, None, 1), 2, filters=(2, 3), padding="same"), image
        )


def test_the_section_of_the_report(tmp_path):
    images, masks = discs(6)
    model = build_attention_unet((None, None, 1), 3, filters=(4, 6, 8))
    (section,) = attention_sections(model, model.get_weights(), images, masks, 2)
    page = Page("t")
    section(page, tmp_path)
    text = page.write(tmp_path / "page.html").read_text()
    assert "<h2>Attention</h2>" in text and "6 held-out cases with the target" in text
    for name in gate_layers(model):
        level = name.removeprefix("gate").removesuffix("_coefficients")
        assert f"level {level.partition('_')[0]}" in text
    # The weights of both are the same.
    assert len(list(tmp_path.glob("attention_*.png"))) == 3
    assert attention_sections(model, model.get_weights(), images, masks, 1) == []


def test_the_section_of_volumes(tmp_path):
    mask = np.zeros((6, 10, 12), int)
    mask[2:4, 3:6, 4:9] = 1
    model = build_attention_unet((None, None, None, 1), 2, filters=(3, 4, 5))
    image = mask[..., None].astype(np.float32)
    (section,) = attention_sections(model, model.get_weights(), [image], [mask], 1)
    section(Page("t"), tmp_path)
    assert (tmp_path / "attention_1.png").stat().st_size > 1000
