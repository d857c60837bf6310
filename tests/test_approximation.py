"""Universal approximation: what is written down is exact, and what is trained is told honestly."""

import json

import numpy as np
import pytest

from kerasbio import build_mlp
from kerasbio.callbacks import LearningRateSchedule
from kerasbio.demonstrations.approximation import (
    count_parameters,
    dose_response,
    ecg_cycle,
    evaluate,
    interpolant_weights,
    interpolation_bound,
    matched_width,
    tent_map,
    tent_weights,
    unexplained_variance,
)
from kerasbio.demonstrations.approximation_plots import (
    plot_compactness,
    plot_depth,
    plot_fits,
    plot_rates,
    plot_teeth,
    plot_updates,
    plot_width_error,
)
from kerasbio.demonstrations.approximation_rates import rate_study, tent_claim
from kerasbio.demonstrations.approximation_studies import depth_study, width_study
from kerasbio.demonstrations.ensemble import (
    EnsembleDense,
    build_ensemble,
    initial_weights,
    train_ensemble,
)

SMOOTH = pytest.mark.parametrize("target", [dose_response(), ecg_cycle()], ids=lambda t: t.name)
DENSE = np.linspace(0, 1, 20_001)


def test_the_dose_response_has_its_four_parameters():
    response = dose_response().function
    assert response(np.array([-30.0, -6.5, 30.0])) == pytest.approx([4, 51, 98])
    # Hill slope 1.2: ten times the EC50 is occupied to 10**1.2 / (1 + 10**1.2).
    share = 10**1.2 / (1 + 10**1.2)
    assert response(np.array(-5.5)) == pytest.approx(4 + 94 * share)


def test_the_ecg_has_its_waves_where_and_as_high_as_published():
    seconds = 0.5 + np.array([-1 / 6, 0, 1 / 4])
    p, r, t = ecg_cycle().function(seconds)
    assert r == pytest.approx(1.0, abs=0.02)
    # a b**2 of the table: 0.075, 0.3 and 0.12.
    assert p == pytest.approx(0.25, abs=0.02) and t == pytest.approx(0.4, abs=0.02)


@SMOOTH
def test_the_curvature_is_the_largest_second_derivative(target):
    spacing = (target.domain[1] - target.domain[0]) / (len(DENSE) - 1)
    second = np.diff(target.at(DENSE), 2) / spacing**2
    assert np.abs(second).max() == pytest.approx(target.curvature, rel=1e-3)


@pytest.mark.parametrize("folds", range(1, 8))
def test_the_tent_map_has_its_teeth(folds):
    peaks = (2 * np.arange(2 ** (folds - 1)) + 1) / 2**folds
    np.testing.assert_array_equal(tent_map(folds).at(peaks), 1)
    np.testing.assert_array_equal(tent_map(folds).at(peaks - 2.0**-folds), 0)


@SMOOTH
@pytest.mark.parametrize("width", [1, 5, 32])
def test_the_interpolant_meets_its_knots(target, width):
    knots = np.arange(width + 1) / width
    found = evaluate(interpolant_weights(target, width), knots)
    np.testing.assert_allclose(found, target.at(knots), atol=1e-9)


@SMOOTH
def test_the_interpolant_obeys_the_bound_with_slope_minus_two(target):
    widths = np.array([128, 256, 512, 1024])
    errors = []
    for width in widths:
        error = np.abs(evaluate(interpolant_weights(target, width), DENSE) - target.at(DENSE))
        errors.append(error.max())
        # Rounding of the sum of the units.
        assert errors[-1] <= interpolation_bound(target, width) + 1e-9
    slope = np.polyfit(np.log(widths), np.log(errors), 1)[0]
    assert -2.2 < slope < -1.8


@pytest.mark.parametrize("folds", range(1, 8))
def test_the_tent_weights_are_the_tent_map(folds):
    weights, target = tent_weights(folds), tent_map(folds)
    np.testing.assert_allclose(evaluate(weights, DENSE), target.at(DENSE), atol=1e-12)
    model = build_mlp((1,), 1, width=2, depth=folds)
    model.set_weights(weights)
    assert model.count_params() == 6 * folds + 1 == count_parameters(2, folds)
    places = DENSE.astype(np.float32)
    found = model(places[:, None]).numpy()[:, 0]
    assert unexplained_variance(target.at(places), found) < 1e-6


@pytest.mark.parametrize("folds", [1, 3, 7])
def test_as_many_units_as_pieces_make_the_tent_map_in_one_layer(folds):
    target = tent_map(folds)
    found = evaluate(interpolant_weights(target, 2**folds), DENSE)
    np.testing.assert_allclose(found, target.at(DENSE), atol=1e-9)
    fewer = evaluate(interpolant_weights(target, 2**folds - 1), DENSE)
    assert unexplained_variance(target.at(DENSE), fewer) > 0.01


def test_an_interpolant_is_a_perceptron_in_layers():
    weights = interpolant_weights(dose_response(), 16)
    model = build_mlp((1,), 1, width=16, depth=1)
    model.set_weights(weights)
    found = model(DENSE[:, None].astype(np.float32)).numpy()[:, 0]
    np.testing.assert_allclose(found, evaluate(weights, DENSE), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize(("width", "depth"), [(1, 1), (7, 1), (5, 2), (14, 5)])
def test_parameters_are_those_of_the_keras_models(width, depth):
    expected = build_mlp((1,), 1, width=width, depth=depth).count_params()
    assert count_parameters(width, depth) == expected
    assert build_ensemble(3, width=width, depth=depth).count_params() == 3 * expected


def test_matched_widths():
    assert (matched_width(883, 1), matched_width(883, 5)) == (294, 14)
    assert count_parameters(294, 1) == count_parameters(14, 5) == 883


def test_wrong_arguments_are_named():
    for function in (tent_map, tent_weights):
        with pytest.raises(ValueError, match="Received: folds=0"):
            function(0)
    with pytest.raises(ValueError, match="Received: width=0"):
        interpolant_weights(dose_response(), 0)
    model, weights = build_ensemble(1, width=2, depth=1), initial_weights(2, 1, [0])
    with pytest.raises(ValueError, match="multiple of 50. Received: updates=60"):
        train_ensemble(model, weights, DENSE, DENSE[:, None], updates=60, rate=0.1)


def test_unexplained_variance():
    values = np.array([0.0, 1.0, 2.0])
    assert unexplained_variance(values, values) == 0
    assert unexplained_variance(values, np.ones(3)) == 1


def test_initial_weights_are_those_of_the_seed():
    both, one = initial_weights(6, 2, [3, 4]), initial_weights(6, 2, [4])
    for pair, single in zip(both, one, strict=True):
        np.testing.assert_array_equal(pair[1:], single)
    assert not any(bias.any() for bias in both[1::2])
    kernels = initial_weights(400, 1, range(10))
    assert kernels[0].std() == pytest.approx(np.sqrt(2), rel=0.05)
    assert kernels[2].std() == pytest.approx(np.sqrt(2 / 401), rel=0.05)
    kernel, bias, *_ = initial_weights(400, 1, range(10), spread=True)
    np.testing.assert_array_equal(kernel, kernels[0])
    corners = -bias / kernel
    assert np.abs(corners).max() <= 1 + 1e-6
    assert corners.std() == pytest.approx(np.sqrt(1 / 3), rel=0.05)


def test_a_member_is_the_same_network_trained_alone():
    random = np.random.default_rng(0)
    x, values = np.linspace(-1, 1, 40), random.normal(size=(40, 3))
    weights = initial_weights(6, 3, [5, 6, 7], spread=True)
    ensemble = build_ensemble(3, width=6, depth=3)
    train_ensemble(ensemble, weights, x, values, updates=50, rate=0.01)
    places = np.linspace(-1, 1, 33)[:, None]
    together = ensemble(places).numpy()
    for member in (0, 2):
        alone = build_mlp((1,), 1, width=6, depth=3)
        shapes = [w.shape for w in alone.get_weights()]
        pairs = zip(weights, shapes, strict=True)
        alone.set_weights([w[member].reshape(shape) for w, shape in pairs])
        alone.compile("adam", "mse")
        alone.optimizer.learning_rate = 0.01
        schedule = LearningRateSchedule("one-cycle", steps_per_epoch=1)
        y = values[:, member : member + 1]
        alone.fit(x[:, None], y, 40, 50, verbose=0, callbacks=[schedule], shuffle=False)
        np.testing.assert_allclose(together[:, member], alone(places).numpy()[:, 0], atol=1e-5)


def test_a_second_training_begins_anew():
    x, values = np.linspace(-1, 1, 20), np.linspace(0, 1, 20)[:, None]
    model, weights = build_ensemble(1, width=4, depth=2), initial_weights(4, 2, [0])
    first = []
    for rate in (0.01, 0.1, 0.01):
        train_ensemble(model, weights, x, values, updates=50, rate=rate)
        first.append(model.get_weights())
    for a, b, c in zip(*first, strict=True):
        np.testing.assert_array_equal(a, c)
        assert np.any(a != b)


def test_the_layer_is_rebuilt_from_its_settings():
    layer = EnsembleDense.from_config(EnsembleDense(3, 5, activation="relu").get_config())
    inputs = np.ones((3, 7, 2), np.float32)
    assert layer(inputs).shape == (3, 7, 5) and layer(inputs).numpy().min() >= 0
    assert layer.compute_output_shape((3, None, 2)) == (3, None, 5)


@pytest.fixture(scope="module")
def quick():
    width = width_study((4, 16), seeds=2, updates=50)
    depth = depth_study((1, 2), (2, 3), seeds=2, updates=50)
    return width, depth, rate_study((0.01, 0.02), (50,), tuned=(0.01,), seeds=2, updates=50)


def test_studies_are_numbers_that_repeat(quick):
    again = width_study((16,), seeds=2, updates=50)
    np.testing.assert_array_equal(again.trained[:, 0], quick[0].trained[:, 1])
    np.testing.assert_array_equal(again.fits[:, 0], quick[0].fits[:, 1])
    for study in quick:
        lists = {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in study._asdict().items()
        }
        json.dumps(lists)


def test_studies_have_their_shapes(quick):
    width, depth, rate = quick
    assert width.trained.shape == (3, 2, 2) and width.fits.shape == (3, 2, 256)
    assert width.parameters == (13, 49) and (width.interpolant[2] < 1e-9).tolist() == [False, True]
    assert np.all(width.interpolant[:2] <= width.bound[:2])
    assert depth.unexplained.shape == (2, 4, 2) and depth.parameters == (883, 897)
    assert depth.constructed.max() < 1e-6
    assert rate.by_rate.shape == (2, 2, 2) and rate.by_updates.shape == (3, 1, 2)
    np.testing.assert_array_equal(rate.by_updates[:2, 0], rate.by_rate[:, 0])


def test_plots(quick, tmp_path):
    width, depth, rate = quick
    paths = [plot_width_error(tmp_path / f"width{i}.png", width, i) for i in range(3)]
    paths += [plot_fits(tmp_path / f"fits{i}.png", width, i, (4, 16)) for i in range(3)]
    paths += [plot_depth(tmp_path / "depth.png", depth), plot_teeth(tmp_path / "teeth.png", depth)]
    paths += [plot_rates(tmp_path / "rates.png", rate)]
    paths += [plot_updates(tmp_path / "updates.png", rate)]
    paths += [plot_compactness(tmp_path / "compactness.png")]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_five_layers_learn_three_folds_in_500_updates_and_one_layer_does_not():
    study = rate_study((0.03,), (50,), tuned=(0.01,), seeds=10)
    claim = tent_claim(study)
    assert study.parameters == (883, 883)
    # Of 160 seeds 149 did.
    assert claim.deep_succeeds >= 8
    assert claim.shallow_fails == 10


@pytest.mark.large
def test_one_layer_learns_them_too_with_its_corners_spread_and_more_updates():
    study = rate_study((0.01,), (2000,), tuned=(0.01,), seeds=5, updates=50)
    assert np.all(study.by_updates[2] < 0.01)
