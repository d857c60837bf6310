"""Signals, noise and bias of magnetic resonance agree with theory."""

import numpy as np
import pytest
from scipy import stats

from kerasbio.datasets.phantoms.mr_physics import (
    SEQUENCES,
    TISSUES,
    Tissue,
    add_rician_noise,
    bias_field,
    ernst_angle,
    noise_deviation,
    signal,
    spin_echo,
    spoiled_gradient_echo,
)
from kerasbio.datasets.phantoms.random_fields import random_waves


def test_signals_of_hand_computed_tissues():
    # T1 = TR / ln 2: half has recovered; TE = T2 ln 4: a quarter is left.
    tissue = Tissue(t1=1000 / np.log(2), t2=30.0, t2_star=20.0, density=0.8)
    assert spin_echo(tissue, 1000.0, 30 * np.log(4)) == pytest.approx(0.8 * 0.5 * 0.25)
    # After 90 degrees nothing is left along the field: the gradient echo is a saturation recovery.
    echo = spoiled_gradient_echo(tissue, 1000.0, 20 * np.log(2), 90.0)
    assert echo == pytest.approx(0.8 * 0.5 * 0.5)


def test_gradient_echo_is_the_steady_state_of_pulse_after_pulse():
    tissue, flip = TISSUES["grey matter"], np.deg2rad(30)
    along = tissue.density
    for _ in range(2000):
        across, along = along * np.sin(flip), along * np.cos(flip)
        along = tissue.density + (along - tissue.density) * np.exp(-18 / tissue.t1)
    across *= np.exp(-10 / tissue.t2_star)
    assert signal("t1", tissue) == pytest.approx(across, rel=1e-9)


def test_contrast_of_the_weightings():
    order = [TISSUES[n] for n in ("white matter", "grey matter", "csf")]
    one, two, density = ([signal(s, t) for t in order] for s in ("t1", "t2", "pd"))
    assert one[0] > one[1] > one[2] > 0
    assert two[2] > two[1] > two[0] > 0
    assert density[2] > density[1] > density[0]


@pytest.mark.parametrize("name", TISSUES)
def test_ernst_angle_gives_the_largest_signal(name):
    tissue, flips = TISSUES[name], np.arange(0.5, 90, 0.01)
    signals = [spoiled_gradient_echo(tissue, 18.0, 10.0, flip) for flip in flips]
    assert flips[np.argmax(signals)] == pytest.approx(ernst_angle(tissue, 18.0), abs=0.01)


def test_longer_times_of_a_tissue():
    white = TISSUES["white matter"]
    assert white.scaled(2.0, 3.0, 1.1) == Tissue(1000.0, 210.0, 183.0, pytest.approx(0.847))


def test_background_is_rayleigh():
    noise = add_rician_noise(np.zeros(20_000), 7.0, np.random.default_rng(0))
    assert stats.kstest(noise, stats.rayleigh(scale=7.0).cdf).pvalue > 0.01
    assert noise.mean() == pytest.approx(1.2533 * 7, rel=0.02)
    assert noise.std() == pytest.approx(0.6551 * 7, rel=0.02)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0, 10.0])
def test_signal_is_rician(ratio):
    noise = add_rician_noise(np.full(20_000, 5 * ratio), 5.0, np.random.default_rng(1))
    assert stats.kstest(noise, stats.rice(ratio, scale=5.0).cdf).pvalue > 0.01
    if ratio == 10:
        # Nearly Gaussian where the signal is strong.
        assert noise.std() == pytest.approx(5, rel=0.03)


def test_noise_is_a_percent_of_the_reference_tissue():
    assert noise_deviation("t1", 3) == 0.03 * signal("t1", TISSUES["white matter"])
    for sequence in ("t2", "pd"):
        assert noise_deviation(sequence, 9) == 0.09 * signal(sequence, TISSUES["csf"])


@pytest.mark.parametrize("percent", [0, 20, 40])
def test_bias_has_the_range_asked_for_and_is_smooth(percent):
    grid = np.meshgrid(*[np.arange(-90, 90, 5.0)] * 3, indexing="ij")
    brain = sum(axis**2 for axis in grid) < 75**2
    for seed in range(5):
        field = bias_field(grid, percent, np.random.default_rng(seed), brain)
        assert field.shape == brain.shape
        assert field[brain].min() == pytest.approx(1 - percent / 200, abs=1e-5)
        assert field[brain].max() == pytest.approx(1 + percent / 200, abs=1e-5)
        assert 0.2 <= field.min() and field.max() <= 1.8
        steps = [np.abs(np.diff(field, axis=axis)).max() for axis in range(3)]
        assert max(steps) <= 0.15 * percent / 100


def test_bias_without_a_mask_holds_everywhere():
    field = bias_field([np.linspace(-90, 90, 50)], 20, np.random.default_rng(0))
    assert [field.min(), field.max()] == pytest.approx([0.9, 1.1])


def test_waves_are_gaussian_and_of_the_band():
    values = np.concatenate(
        [
            random_waves(np.zeros((3, 1)), (20, 30), 40, np.random.default_rng(seed))
            for seed in range(3000)
        ]
    )
    assert stats.kstest(values, "norm").pvalue > 0.01
    line = np.stack([np.arange(4096.0), np.zeros(4096)])
    spectra = []
    for seed in range(20):
        field = random_waves(line, (20, 30), 40, np.random.default_rng(seed))
        spectra.append(np.abs(np.fft.rfft(field * np.hanning(4096))) ** 2)
    power, frequency = np.mean(spectra, 0), np.fft.rfftfreq(4096)
    assert power[frequency > 1 / 19.5].sum() < 1e-3 * power.sum()


def test_wrong_arguments():
    with pytest.raises(ValueError, match="Received: sequence='flair'"):
        signal("flair", TISSUES["csf"])
    for percent in (-1, 101, float("nan")):
        with pytest.raises(ValueError, match="Received: percent="):
            bias_field([np.arange(3.0)], percent, np.random.default_rng(0))
    with pytest.raises(ValueError, match="within must hold"):
        bias_field([np.arange(3.0)], 20, np.random.default_rng(0), np.zeros(3, bool))
    assert set(SEQUENCES) == {"t1", "t2", "pd"}
