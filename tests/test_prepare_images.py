"""Preparing one image by NumPy gives what the layer gives in the exported graph."""

import keras
import numpy as np
import pytest

from kerasbio.layers.prepare_images import PrepareImages, prepare_image


@pytest.mark.parametrize("shape", [(32, 32, 1), (57, 41, 1), (20, 35, 3)])
def test_one_image_as_the_layer(shape):
    image = np.random.default_rng(0).integers(0, 65536, shape).astype(np.float32)
    prepared = prepare_image(image, 32)
    layer = PrepareImages(32, shape[-1])
    np.testing.assert_allclose(prepared, layer(image[None])[0], atol=1e-5)
    assert prepared.shape == (32, 32, shape[-1]) and prepared.dtype == np.float32
    assert prepared.mean() == pytest.approx(0, abs=1e-5)
    assert prepared.std() == pytest.approx(1, abs=1e-4)


def test_scale_and_offset_do_not_count():
    image = np.random.default_rng(1).uniform(0, 255, (40, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(
        prepare_image(image, 32), prepare_image(257 * image + 9, 32), atol=1e-4
    )


@pytest.mark.parametrize("side", [32, 50])
def test_constant_image_is_zero(side):
    assert not prepare_image(np.full((side, side, 1), 7, np.float32), 32).any()


def test_downsampling_is_antialiased():
    stripes = np.zeros((64, 64, 1), np.float32)
    stripes[:, ::2] = 1
    layer = PrepareImages(16, 1)
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[:, None, None] * np.ones((64, 64, 1), "float32")
    mixed = layer((stripes * 0.5 + ramp)[None]).numpy()[0, ..., 0]
    assert np.std(mixed[:, 4:12], axis=1).max() < 0.05


def test_config_round_trip():
    layer = PrepareImages(16, 3, name="prepare")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (copy.size, copy.channels, copy.name) == (16, 3, "prepare")
