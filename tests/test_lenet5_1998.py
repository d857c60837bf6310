"""LeNet-5 as it was published, beside its figures and NumPy."""

import itertools

import numpy as np
import pytest

from kerasbio.layers.partial_convolution import PartialConvolution
from kerasbio.layers.radial_basis import RadialBasis
from kerasbio.models.cnn import build_lenet5_1998
from kerasbio.models.cnn.lenet import C3_TABLE, digit_codes, scaled_tanh


def test_figures_layer_by_layer():
    model = build_lenet5_1998((32, 32, 1))
    parameters = {
        layer.name: layer.count_params() for layer in model.layers if layer.count_params()
    }
    # LeCun et al. 1998, II.B.
    assert parameters == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}
    positions = {name: model.get_layer(name).output.shape[1] ** 2 for name in ("c1", "c3", "c5")}
    assert positions == {"c1": 28**2, "c3": 10**2, "c5": 1}
    # Its connections: 122,304, 5,880, 151,600, 2,000, 48,120, 10,164, and 84 to each digit.
    assert (
        156 * 28**2 + 5 * 14**2 * 6 + 1516 * 10**2 + 5 * 5**2 * 16 + 48120 + 10164 + 840 == 340908
    )


def test_table_of_connections_follows_its_rule():
    ring = [{(first + k) % 6 for k in range(3)} for first in range(6)]
    ring += [{(first + k) % 6 for k in range(4)} for first in range(6)]
    assert [set(row) for row in C3_TABLE[:12]] == ring
    # Two pairs of neighbours across the ring, then all.
    pairs = [{first, first + 1, first + 3, (first + 4) % 6} for first in range(2)]
    assert [set(row) for row in C3_TABLE[12:15]] == [*pairs, {2, 3, 5, 0}]
    assert C3_TABLE[15] == (0, 1, 2, 3, 4, 5)


def test_forward_pass_beside_numpy():
    model = build_lenet5_1998((32, 32, 1))
    random = np.random.default_rng(0)
    model.set_weights([random.normal(scale=0.1, size=w.shape) for w in model.get_weights()])
    weights = dict(zip((w.path for w in model.weights), model.get_weights(), strict=True))
    image = random.normal(size=(32, 32, 1)).astype(np.float32)

    def squash(x):
        return 1.7159 * np.tanh(2 / 3 * x)

    def see(x, kernel):
        windows = np.lib.stride_tricks.sliding_window_view(x, (5, 5), axis=(0, 1))
        return np.einsum("hwcij,ijc->hw", windows, kernel)

    def convolve(x, name):
        kernel, bias = weights[f"{name}/kernel"], weights[f"{name}/bias"]
        maps = [see(x, kernel[..., out]) + bias[out] for out in range(len(bias))]
        return squash(np.stack(maps, axis=-1))

    def pool(x, name):
        sums = sum(x[row::2, column::2] for row in (0, 1) for column in (0, 1))
        return squash(sums * weights[f"{name}/coefficient"] + weights[f"{name}/bias"])

    x = pool(convolve(image, "c1"), "s2")
    maps, connection = [], 0
    for out, seen in enumerate(C3_TABLE):
        kernel = weights["c3/kernel"][..., connection : connection + len(seen)]
        maps.append(see(x[..., list(seen)], kernel) + weights["c3/bias"][out])
        connection += len(seen)
    x = convolve(pool(squash(np.stack(maps, axis=-1)), "s4"), "c5").reshape(-1)
    x = squash(x @ weights["f6/kernel"] + weights["f6/bias"])
    expected = [((x - np.array(code)) ** 2).sum() for code in digit_codes()]
    np.testing.assert_allclose(model(image[None])[0], expected, rtol=2e-4)


def test_weights_start_within_the_inputs_of_a_unit():
    model = build_lenet5_1998((32, 32, 1))
    limits = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120}
    for name, inputs in limits.items():
        first = np.abs(model.get_layer(name).get_weights()[0])
        assert 0.6 * 2.4 / inputs < first.max() <= 2.4 / inputs
    kernel = np.abs(model.get_layer("c3").get_weights()[0])
    for out, inputs in ((0, 75), (6, 100), (15, 150)):
        start = sum(map(len, C3_TABLE[:out]))
        largest = kernel[..., start : start + inputs // 25].max()
        assert 0.8 * 2.4 / inputs < largest <= 2.4 / inputs


def test_codes_of_the_digits():
    codes = np.array(digit_codes())
    assert codes.shape == (10, 84) and set(codes.flat) == {-1, 1}
    pairs = itertools.combinations(codes, 2)
    assert min((one != other).sum() for one, other in pairs) >= 6
    distances = np.array(RadialBasis(codes.tolist())(codes.astype(np.float32)))
    np.testing.assert_array_equal(distances, 4 * (codes[:, None] != codes).sum(-1))


def test_scaled_tanh_keeps_one():
    np.testing.assert_allclose(scaled_tanh(np.array([-1.0, 0, 1, 50])), [-1, 0, 1, 1.7159], 1e-4)


def test_a_table_that_names_what_is_not_there():
    with pytest.raises(ValueError, match=r"the 2 maps of the input. Received: table=\[\[0, 2\]\]"):
        PartialConvolution([[0, 2]], 3).build((None, 8, 8, 2))
