"""LeNet-5 against its published figures."""

import numpy as np

from kerasbio.models.cnn import build_lenet5


def test_parameters_layer_by_layer():
    model = build_lenet5((32, 32, 1), 10)
    counts = {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}
    # LeCun et al. 1998, II.B, with full C3 (2,416 in place of 1,516) and a dense output.
    assert counts == {"c1": 156, "c3": 2416, "c5": 48120, "f6": 10164, "logits": 850}
    assert model.count_params() == 61_706


def test_feature_maps():
    model = build_lenet5((32, 32, 1), 10)
    shapes = {
        name: model.get_layer(name).output.shape[1:] for name in ("c1", "s2", "c3", "s4", "c5")
    }
    assert shapes == {
        "c1": (28, 28, 6),
        "s2": (14, 14, 6),
        "c3": (10, 10, 16),
        "s4": (5, 5, 16),
        "c5": (1, 1, 120),
    }


def test_forward_pass_beside_numpy():
    model = build_lenet5((32, 32, 1), 10)
    random = np.random.default_rng(0)
    model.set_weights([random.normal(scale=0.1, size=w.shape) for w in model.get_weights()])
    image = random.normal(size=(32, 32, 1)).astype(np.float32)
    weights = dict(zip((w.path for w in model.weights), model.get_weights(), strict=True))

    def convolve(x, name):
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(0, 1))
        out = np.einsum("hwcij,ijco->hwo", windows, weights[f"{name}/kernel"])
        return np.tanh(out + weights[f"{name}/bias"])

    def pool(x):
        height, width, channels = x.shape
        return x.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))

    x = convolve(pool(convolve(pool(convolve(image, "c1")), "c3")), "c5").reshape(-1)
    x = np.tanh(x @ weights["f6/kernel"] + weights["f6/bias"])
    expected = x @ weights["logits/kernel"] + weights["logits/bias"]
    np.testing.assert_allclose(model(image[None])[0], expected, rtol=2e-4, atol=2e-5)
