"""Preparing one image by NumPy gives what the layer gives in the exported graph."""

import keras
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from kerasbio.layers.prepare_images import PrepareImages, prepare_image


@pytest.mark.parametrize("shading", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(32, 32, 1), (57, 41, 1), (20, 35, 3), (32, 32, 3)])
def test_one_image_as_the_layer(shape, shading):
    image = np.random.default_rng(0).integers(0, 65536, shape).astype(np.float32)
    prepared = prepare_image(image, 32, shading)
    layer = PrepareImages(32, shape[-1], shading)
    np.testing.assert_allclose(prepared, layer(image[None])[0], atol=1e-5)
    assert prepared.shape == (32, 32, shape[-1]) and prepared.dtype == np.float32
    assert prepared.mean() == pytest.approx(0, abs=1e-5)
    assert prepared.std() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("shading", [0.0, 0.1])
def test_scale_and_offset_do_not_count(shading):
    image = np.random.default_rng(1).uniform(0, 255, (40, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(
        prepare_image(image, 32, shading), prepare_image(257 * image + 9, 32, shading), atol=1e-4
    )


@pytest.mark.parametrize("shading", [0.0, 0.1])
@pytest.mark.parametrize("side", [32, 50])
@pytest.mark.parametrize("value", [7, 65535])
def test_constant_image_is_zero(side, shading, value):
    assert not prepare_image(np.full((side, side, 1), value, np.float32), 32, shading).any()


def test_shading_is_the_gaussian_mean_of_scipy_away_from_the_borders():
    image = np.random.default_rng(2).normal(size=(64, 64, 1)).astype(np.float32)
    detail = image - gaussian_filter(image, (3.2, 3.2, 0), truncate=9)
    ours = prepare_image(image, 64, 0.05)
    slope, _ = np.polyfit(detail[20:44, 20:44].ravel(), ours[20:44, 20:44].ravel(), 1)
    offset = ours - slope * detail
    assert np.ptp(offset[20:44, 20:44]) < 1e-4


def test_broad_shading_goes_and_a_spot_stays():
    x = np.linspace(-1, 1, 32, dtype=np.float32)
    slope = 5 * x[:, None, None] * np.ones((32, 32, 1), np.float32)
    spot = np.exp(-((x[:, None] ** 2 + x**2) / 0.01))[..., None]
    shaded, even = (prepare_image(image, 32, 0.1) for image in (slope + spot, spot))
    assert np.corrcoef(shaded[10:22, 10:22].ravel(), even[10:22, 10:22].ravel())[0, 1] > 0.99


def test_downsampling_is_antialiased():
    stripes = np.zeros((64, 64, 1), np.float32)
    stripes[:, ::2] = 1
    layer = PrepareImages(16, 1)
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[:, None, None] * np.ones((64, 64, 1), "float32")
    mixed = layer((stripes * 0.5 + ramp)[None]).numpy()[0, ..., 0]
    assert np.std(mixed[:, 4:12], axis=1).max() < 0.05


def test_config_round_trip():
    layer = PrepareImages(16, 3, shading=0.1, name="prepare")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (copy.size, copy.channels, copy.shading, copy.name) == (16, 3, 0.1, "prepare")
