"""Preparing one scan by NumPy gives what the layer gives in the exported graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.layers.prepare_scans import PrepareScans, check_window, prepare_scan

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("window", [None, (-100.0, 150.0)])
@pytest.mark.parametrize("shape", [(11, 9, 1), (4, 5, 6, 1), (7, 8, 3), (3, 6, 5, 2)])
@pytest.mark.parametrize("kind", [np.float32, np.int16])
def test_one_scan_as_the_layer(shape, window, kind):
    scan = RANDOM.normal(50, 200, shape).astype(kind)
    prepared = prepare_scan(scan, window)
    np.testing.assert_allclose(prepared, PrepareScans(window)(scan[None])[0], atol=2e-5)
    assert prepared.shape == shape and prepared.dtype == np.float32


def test_a_window_is_taken_to_minus_one_and_one():
    scan = np.array([-1024, -100, 25, 150, 3000.0])[:, None, None]
    expected = [-1, -1, 0, 1, 1]
    np.testing.assert_allclose(prepare_scan(scan, (-100, 150)).ravel(), expected)
    np.testing.assert_allclose(np.ravel(PrepareScans([-100, 150])(scan[None])), expected)


def test_each_channel_of_each_scan_is_standardized_by_itself():
    scans = RANDOM.normal(0, [1, 1e-3, 1e4], (2, 4, 5, 6, 3)) + np.array([5, 1, -1e4])
    scans[1] = 7 * scans[1] + 3
    prepared = PrepareScans()(scans.astype(np.float32)).numpy()
    np.testing.assert_allclose(prepared.mean(axis=(1, 2, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(prepared.std(axis=(1, 2, 3)), 1, atol=1e-3)
    for scan, found in zip(scans, prepared, strict=True):
        for channel in range(3):
            values = scan[..., channel]
            expected = (values - values.mean()) / values.std()
            np.testing.assert_allclose(found[..., channel], expected, atol=1e-3)


@pytest.mark.parametrize("value", [0, -1024, 0.1, 65535, 1e7])
def test_a_constant_channel_is_zero_and_leaves_the_others(value):
    scan = np.full((24, 64, 80, 2), value, np.float32)
    scan[..., 1] = RANDOM.normal(size=(24, 64, 80))
    for prepared in (prepare_scan(scan), PrepareScans()(scan[None]).numpy()[0]):
        assert not prepared[..., 0].any()
        assert prepared[..., 1].std() == pytest.approx(1, abs=1e-4)


def test_large_volumes_keep_their_mean():
    scan = RANDOM.normal(1e4, 10, (40, 100, 100, 1)).astype(np.float32)
    expected = (scan - scan.mean(dtype=np.float64)) / scan.std(dtype=np.float64)
    np.testing.assert_allclose(prepare_scan(scan), expected, atol=2e-3)
    np.testing.assert_allclose(PrepareScans()(scan[None])[0], expected, atol=2e-3)


def test_sizes_and_batch_may_be_unknown():
    layer = PrepareScans()
    traced = tf.function(layer.call, input_signature=[tf.TensorSpec((None, None, None, None, 2))])
    for shape in ((1, 4, 5, 6, 2), (3, 2, 9, 4, 2)):
        scans = RANDOM.normal(size=shape).astype(np.float32)
        for scan, found in zip(scans, traced(scans), strict=True):
            np.testing.assert_allclose(found, prepare_scan(scan), atol=1e-5)
    inputs = keras.Input((None, None, 1))
    assert layer(inputs).shape == (None, None, None, 1)
    assert layer.compute_output_shape((None, 3, 4, 1)) == (None, 3, 4, 1)


@pytest.mark.parametrize("window", [None, (-160, 240)])
def test_saved_and_loaded(tmp_path, window):
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, PrepareScans(window, name="prepare")(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    scans = RANDOM.normal(0, 300, (2, 5, 6, 1)).astype(np.float32)
    np.testing.assert_array_equal(again(scans), model(scans))
    assert again.get_layer("prepare").window == (window and (-160.0, 240.0))


@pytest.mark.parametrize(
    "window", [(1, 1), (2, 1), (0,), (0, 1, 2), (np.nan, 1), (0, np.inf), ("a", "b"), 5, ()]
)
def test_a_wrong_window_is_named(window):
    for call in (
        PrepareScans,
        check_window,
        lambda window: prepare_scan(np.zeros((2, 2, 1)), window),
    ):
        with pytest.raises(ValueError, match="two rising finite numbers. Received: window="):
            call(window)
