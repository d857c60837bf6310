"""Windows over an image beside a pass over the whole, and beside plain loops."""

import functools
import gc
import itertools
import subprocess
import sys
import tracemalloc
import weakref

import keras
import numpy as np
import pytest
from keras import layers
from scipy import ndimage

from kerasbio.errors import KerasbioError
from kerasbio.inference import sliding_window
from kerasbio.inference.blending import read_window, tiles
from kerasbio.inference.network import read_network
from kerasbio.models.unet import build_unet


def picture(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def local(windows):
    """Give three logits of the 3 x 3 (x 3) neighbourhood, with zeros around a window."""
    axes = tuple(range(1, windows.ndim - 1))
    mean = ndimage.uniform_filter(windows[..., 0], 3, axes=axes, mode="constant")
    slope = ndimage.correlate1d(windows[..., 0], [-1, 0, 1], axis=1, mode="constant")
    return np.stack([mean, slope, 0.1 + 0 * mean], axis=-1)


def softmax(logits):
    e = np.exp(logits - logits.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def unet(shape=(None, None, 1), classes=6, filters=(3, 4, 5), padding="same"):
    """A U-Net of random weights, biases too."""
    model = build_unet(shape, classes, filters=filters, padding=padding)
    random = np.random.default_rng(1)
    model.set_weights([random.normal(0, 0.3, w.shape) for w in model.get_weights()])
    return model


@functools.cache
def small_unet():
    return unet()


def test_tiles_cover_an_axis_with_weights_that_sum_to_one():
    for size, length, overlap, multiple in itertools.product(
        (1, 7, 40, 61), (4, 9, 16), (0, 0.25, 0.5, 0.9), (1, 3, 4)
    ):
        for blend in ("gaussian", "constant"):
            found = tiles(size, length, overlap, multiple, blend)
            total = np.zeros(found[-1].start + length)
            for tile in found:
                total[tile.start : tile.start + length] += tile.weights
            np.testing.assert_allclose(total, 1, atol=1e-6)
            assert len(total) >= size and found[0].start == 0
            assert all(tile.start % multiple == 0 for tile in found)
            steps = np.diff([tile.start for tile in found])
            assert np.all(steps <= max(multiple, length * (1 - overlap) + 1e-6))
            # No window more than it takes, and none wholly past the end.
            assert len(steps) == 0 or (found[-2].start + length < size and steps.min() > 0)


def test_the_gaussian_is_that_of_monai_and_nnunet():
    first, second = tiles(24, 16, 0.5, 1, "gaussian")
    # monai.data.utils.compute_importance_map((16,), "gaussian", 0.125), MONAI 1.6.1, at 2, 4, 6
    # and at 10, 12, 14.
    rising = np.array([0.02279418, 0.21626517, 0.75483960])
    falling = np.array([0.45783335, 0.07955951, 0.00508607])
    expected = falling / (falling + rising)
    np.testing.assert_allclose(first.weights[[10, 12, 14]], expected, rtol=1e-5)
    np.testing.assert_allclose(second.weights[[2, 4, 6]], 1 - expected, rtol=1e-5)
    assert second.start == 8 and np.all(first.weights[:8] == 1)


def test_a_window_is_mirrored_past_the_image():
    image = picture(5, 1, 2)
    for start, length in ((-3, 12), (0, 5), (2, 3), (-20, 50)):
        found = read_window(image, (start, -1), (length, 3))
        padded = np.pad(image, ((60, 60), (1, 1), (0, 0)), mode="reflect")
        np.testing.assert_array_equal(found, padded[60 + start : 60 + start + length])


@pytest.mark.parametrize("blend", ["gaussian", "constant"])
@pytest.mark.parametrize("shape, window", [((37, 29), (12, 16)), ((14, 9, 11), (8, 6, 8))])
def test_the_weighted_mean_of_the_logits_is_that_of_plain_loops(shape, window, blend):
    image = picture(*shape, 1)
    starts = [
        np.unique([i * (n - w) // k for i in range(k + 1)])
        for n, w, k in ((n, w, -(-(n - w) // (w // 2))) for n, w in zip(shape, window, strict=True))
    ]
    total, weight = np.zeros((*shape, 3)), np.zeros((*shape, 1))
    for corner in itertools.product(*starts):
        at = tuple(slice(c, c + w) for c, w in zip(corner, window, strict=True))
        importance = np.ones(window)
        if blend == "gaussian":
            for place in np.ndindex(*window):
                distance = sum(
                    ((p - (w - 1) / 2) / (w / 8)) ** 2 for p, w in zip(place, window, strict=True)
                )
                importance[place] = np.exp(-distance / 2)
        total[at] += importance[..., None] * local(image[at][None])[0]
        weight[at] += importance[..., None]
    expected = total / weight
    found = sliding_window(local, image, window, blend=blend, probabilities=True)
    np.testing.assert_allclose(found, softmax(expected), atol=1e-5)
    labels = sliding_window(local, image, window, blend=blend, batch_size=3)
    assert labels.dtype == np.uint8 and labels.shape == shape
    np.testing.assert_array_equal(labels, expected.argmax(-1))


@pytest.mark.parametrize("overlap", [0, 0.4, 0.75])
def test_a_local_network_gives_what_a_whole_pass_gives(overlap):
    image = picture(30, 26, 18, 1)

    def without_border(windows):
        return local(windows)[:, 1:-1, 1:-1, 1:-1]

    padded = np.pad(image, ((1, 1), (1, 1), (1, 1), (0, 0)), mode="reflect")
    expected = softmax(without_border(padded[None])[0])
    found = sliding_window(without_border, image, 12, overlap=overlap, probabilities=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("shape, window", [((96, 80), (48, 64)), ((36, 40, 56), (32, 36, 32))])
def test_a_padded_unet_gives_what_a_whole_pass_gives_away_from_borders(shape, window):
    model = unet((*(None,) * len(shape), 1), filters=(3, 4))
    image = picture(*shape, 1)
    whole = softmax(np.asarray(model(image[None]))[0])
    found = sliding_window(model, image, window, overlap=0, probabilities=True)
    inside = np.ones(shape, bool)
    for axis, (size, length) in enumerate(zip(shape, window, strict=True)):
        # Five pairs of convolutions and a pooling see zeros this far from a window's border.
        reach, reached = 10, np.zeros(size, bool)
        for tile in tiles(size, length, 0, 2, "constant"):
            for border in (tile.start, tile.start + length):
                reached[max(border - reach, 0) : border + reach] = True
        inside &= ~np.expand_dims(reached, [a for a in range(len(shape)) if a != axis])
    assert inside.sum() > 20
    np.testing.assert_allclose(found[inside], whole[inside], atol=1e-5)
    assert np.abs(found - whole).max() > 1e-3, "borders differ, or nothing was tested"


def test_an_unpadded_unet_gives_everywhere_what_a_whole_pass_gives():
    # 60 - 4, / 2, - 4, / 2, - 4, x 2, - 4, x 2, - 4 is 20.
    model = unet((60, 76, 1), padding="valid")
    assert model.output_shape == (None, 20, 36, 6)
    image = picture(67, 50, 1)
    padded = np.pad(image, ((20, 33), (20, 46), (0, 0)), mode="reflect")
    whole = unet((120, 116, 1), padding="valid")
    answer = np.asarray(whole(padded[None]))[0, :67, :50]
    for overlap in (0, 0.5):
        found = sliding_window(model, image, (60, 76), overlap=overlap, probabilities=True)
        np.testing.assert_allclose(found, softmax(answer), atol=1e-5)


def test_what_is_blended_before_the_last_convolution_is_what_is_blended_after():
    model, image = small_unet(), picture(50, 45, 1)
    network = read_network(model, 2)
    assert network.head.name == "logits" and network.body.output_shape[-1] == 3
    given = {"overlap": 0.6, "flips": (0, 1), "batch_size": 2}
    cut = sliding_window(model, image, 24, probabilities=True, **given)
    whole = sliding_window(
        model.predict_on_batch, image, 24, probabilities=True, multiple=4, **given
    )
    np.testing.assert_allclose(cut, whole, atol=1e-6)
    # New weights count at once.
    kept = model.get_weights()
    model.set_weights([2 * w for w in kept])
    changed = sliding_window(model, image, 24, probabilities=True, **given)
    model.set_weights(kept)
    assert np.abs(changed - cut).max() > 0.1


@pytest.mark.parametrize(
    "last, cut",
    [
        (lambda: layers.Conv2D(8, 1), True),
        (lambda: layers.Conv2D(8, 1, use_bias=False), True),
        (lambda: layers.Conv2D(8, 1, activation="relu"), False),
        (lambda: layers.Conv2D(8, 3, padding="same"), False),
        (lambda: layers.Conv2D(2, 1), False),
        (lambda: layers.Conv2DTranspose(8, 1), False),
        (lambda: layers.ReLU(), False),
    ],
)
def test_only_a_plain_last_convolution_that_widens_is_cut_off(last, cut):
    inputs = keras.Input((16, 16, 1))
    model = keras.Model(inputs, last()(layers.Conv2D(4, 3, padding="same")(inputs)))
    network = read_network(model, 2)
    assert (network.head is not None) == cut
    image = picture(16, 16, 1)
    expected = np.asarray(model(image[None]))[0]
    found = sliding_window(model, image, 16, probabilities=True)
    np.testing.assert_allclose(found, softmax(expected), atol=1e-5)


def test_a_sequential_model_is_cut_too_and_let_go():
    model = keras.Sequential(
        [keras.Input((None, None, 1)), layers.MaxPooling2D(), layers.UpSampling2D()]
    )
    model.add(layers.Conv2D(3, 1))
    image = picture(20, 20, 1)
    assert read_network(model, 2).head is model.layers[-1]
    expected = np.asarray(model(image[None]))[0].argmax(-1)
    np.testing.assert_array_equal(sliding_window(model, image, np.int64(10)), expected)
    kept = weakref.ref(model)
    del model
    gc.collect()
    assert kept() is None


def test_what_a_network_pools_by_is_read_from_its_graph():
    inputs = keras.Input((24, 24, 24, 1))
    x = layers.Conv3D(2, 3, strides=(1, 2, 2), padding="same")(inputs)
    y = layers.Conv3D(2, 3, strides=3, padding="same")(x)
    y = layers.UpSampling3D(3)(y)
    x = layers.Concatenate()([x, y])
    x = layers.AveragePooling3D((2, 1, 1))(x)
    x = layers.UpSampling3D((2, 2, 2))(x)
    model = keras.Model(inputs, x)
    assert read_network(model, 3).pooling == (6, 6, 6)
    assert read_network(small_unet(), 2).pooling == (4, 4)
    inner = keras.Sequential([keras.Input((24, 24, 1)), layers.MaxPooling2D((2, 1))])
    inputs = keras.Input((24, 24, 1))
    nested = keras.Model(inputs, layers.MaxPooling2D(4)(inner(inputs)))
    assert read_network(nested, 2).pooling == (8, 4)


def test_mirrored_passes_are_averaged():
    image = picture(20, 24, 1)
    turned = [(), (0,), (1,), (0, 1)]
    expected = np.mean([np.flip(local(np.flip(image, a)[None])[0], a) for a in turned], axis=0)
    found = sliding_window(local, image, (20, 24), flips=(1, 0), probabilities=True)
    np.testing.assert_allclose(found, softmax(expected), atol=1e-6)


def test_an_image_smaller_than_the_window_is_mirrored_and_cut():
    image = picture(5, 30, 1)
    mirrored = np.pad(image, ((0, 11), (0, 0), (0, 0)), mode="reflect")
    found = sliding_window(local, image, (16, 30), probabilities=True)
    np.testing.assert_allclose(found, softmax(local(mirrored[None])[0])[:5], atol=1e-6)


def test_memory_maps_whole_numbers_and_places_to_write_to(tmp_path):
    image = (100 * picture(40, 30, 1)).astype(np.int16)
    path = tmp_path / "image.npy"
    np.save(path, image)
    expected = sliding_window(local, image.astype(np.float32), 16)
    found = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.uint8, (40, 30))
    given = sliding_window(local, np.load(path, mmap_mode="r"), 16, out=found)
    assert given is found
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)


def test_one_logit_is_of_a_sigmoid_and_many_classes_need_two_bytes():
    image = 50 * picture(20, 20, 1)
    labels = sliding_window(lambda x: x, image, 8)
    np.testing.assert_array_equal(labels, image[..., 0] > 0)
    found = sliding_window(lambda x: 4 * x, image, 8, probabilities=True)
    assert found.shape == (20, 20, 1) and found.dtype == np.float32
    np.testing.assert_allclose(found, 0.5 + 0.5 * np.tanh(2 * image), atol=1e-6)
    many = sliding_window(lambda x: np.arange(300) == 299 + 0 * x, image, 8)
    assert many.dtype == np.uint16 and np.all(many == 299)


def test_a_saved_model_is_a_function(tmp_path):
    import tensorflow as tf

    model, image = small_unet(), picture(40, 40, 1)
    model.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    found = sliding_window(lambda x: loaded.serve(tf.constant(x)), image, 24, multiple=4)
    assert np.mean(found == sliding_window(model, image, 24)) > 0.999


def test_a_model_written_as_a_class_is_a_function():
    class Double(keras.Model):
        def call(self, x):
            return 2 * x

    image = picture(20, 20, 2)
    np.testing.assert_array_equal(sliding_window(Double(), image, 8), image.argmax(-1))


def test_what_is_kept_does_not_grow_with_classes_or_length():
    # NumPy's own memory; that of a whole process is measured by the benchmark.
    def peak(classes, length):
        model = unet(classes=classes)
        image = picture(length, 64, 1)
        sliding_window(model, image, 32)
        tracemalloc.start()
        sliding_window(model, image, 32)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak - image.shape[0] * image.shape[1]

    few, many, long = peak(4, 64), peak(16, 64), peak(4, 512)
    # Each class more would be this, and each 64 lines more four of it.
    logit = 64 * 64 * 4
    assert many - few < 0.1 * 12 * logit
    assert long - few < 0.1 * 7 * 4 * logit


NOT_FINITE = picture(20, 20, 1)
NOT_FINITE[3, 4] = np.nan


@pytest.mark.parametrize(
    "image, changes, message",
    [
        (picture(20, 20), {}, r"two or three spatial axes.*\(20, 20\)"),
        (picture(2, 20, 20, 20, 1), {}, r"two or three spatial axes"),
        (picture(0, 20, 1), {}, "empty"),
        (picture(20, 20, 1), {"window": (8, 8, 8)}, "2 whole numbers"),
        (picture(20, 20, 1), {"window": (8, 0)}, r"window=\(8, 0\)"),
        (picture(20, 20, 1), {"window": (8, 8.0)}, r"window=\(8, 8.0\)"),
        (picture(20, 20, 1), {"overlap": 1}, "overlap=1"),
        (picture(20, 20, 1), {"overlap": -0.1}, "overlap=-0.1"),
        (picture(20, 20, 1), {"overlap": np.nan}, "overlap=nan"),
        (picture(20, 20, 1), {"blend": "cubic"}, "gaussian, constant.*'cubic'"),
        (picture(20, 20, 1), {"flips": (2,)}, r"0 to 1.*flips=\(2,\)"),
        (picture(20, 20, 1), {"flips": (0, 0)}, "different axes"),
        (picture(20, 20, 1), {"batch_size": 0}, "batch_size=0"),
        (picture(20, 20, 1), {"multiple": 0}, "multiple=0"),
        (picture(20, 20, 1), {"multiple": 9}, r"at least \(9, 9\) pixels"),
        (picture(20, 20, 1), {"out": np.zeros((20, 20), int)}, "out must be uint8.*int64"),
        (picture(20, 20, 1), {"model": lambda x: x[0]}, "must give logits"),
        (picture(20, 20, 1), {"model": lambda x: x[:, 1:]}, r"Received: \(1, 7, 8, 1\)"),
        (picture(20, 20, 1), {"model": lambda x: x.repeat(2, 1)}, "for its middle"),
    ],
)
def test_wrong_arguments_are_named(image, changes, message):
    with pytest.raises(ValueError, match=message):
        sliding_window(**{"model": local, "image": image, "window": 8} | changes)


def stubborn():
    """A network that neither pads nor crops."""
    inputs = keras.Input((None, None, 1))
    x = layers.UpSampling2D()(layers.MaxPooling2D()(inputs))
    return keras.Model(inputs, layers.Concatenate()([inputs, x]))


def test_networks_that_do_not_fit_are_named():
    image = picture(20, 20, 1)
    with pytest.raises(ValueError, match=r"takes \(None, None, 1\).*3 channel"):
        sliding_window(small_unet(), picture(20, 20, 3), 8)
    with pytest.raises(ValueError, match="3 spatial axes"):
        sliding_window(small_unet(), picture(20, 20, 20, 1), 8)
    with pytest.raises(ValueError, match=r"pools by \(2, 2\).*window=\(9, 9\)"):
        sliding_window(stubborn(), image, 9)
    valid = unet((60, 76, 1), padding="valid")
    with pytest.raises(ValueError, match=r"takes \(60, 76, 1\)"):
        sliding_window(valid, image, 60)
    two = keras.Model(small_unet().inputs, [small_unet().output, small_unet().layers[1].output])
    with pytest.raises(ValueError, match="one output; of several"):
        sliding_window(two, image, 8)


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(KerasbioError, match=r"not finite at \(3, 4\)"):
        sliding_window(local, NOT_FINITE, 8)
    with pytest.raises(KerasbioError, match="training diverged"):
        sliding_window(lambda x: x * np.inf, picture(20, 20, 1), 8)


MEMORY = """
import sys
import numpy as np
from kerasbio.inference import sliding_window
from tests.test_sliding_window import unet

model = unet((None, None, None, 1), int(sys.argv[1]), (16, 32, 64))
model.predict_on_batch(np.zeros((1, 8, 8, 8, 1), np.float32))
image = np.random.default_rng(0).normal(size=(256, 256, 256, 1)).astype(np.float32)
status = dict(line.split(":") for line in open("/proc/self/status"))
loaded = int(status["VmRSS"].split()[0])
sliding_window(model, image, 96, overlap=0.25)
status = dict(line.split(":") for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) - loaded)
"""


@pytest.mark.large
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_volume_of_256_takes_at_most_2_gigabytes_whatever_the_classes():
    peaks = []
    for classes in (16, 64):
        command = [sys.executable, "-c", MEMORY, str(classes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]) * 1024)
    assert max(peaks) < 2e9
    assert peaks[1] == pytest.approx(peaks[0], rel=0.05)
