"""The demonstration of gradients that vanish and explode: its data, its claims, its figures."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from kerasbio.callbacks import GradientHealth
from kerasbio.demonstrations import gradient_explosion as explosion
from kerasbio.demonstrations import gradient_flow as flow
from kerasbio.demonstrations import gradient_flow_plots as figures

REMEDIES = ("ReLU, He", "batch norm", "residual")


@pytest.fixture(scope="module")
def vanishing():
    return flow.vanishing_study(seeds=1, steps=40)


@pytest.fixture(scope="module")
def exploding():
    return explosion.exploding_study(seeds=1, steps=20)


def of(runs, variant):
    return [run for run in runs if run.variant == variant]


def test_concentration_is_the_sum_of_the_doses_that_are_left():
    doses, concentrations = explosion.simulate_doses(5, seed=3)
    for patient in range(5):
        expected = 0.0
        for hour in np.flatnonzero(doses[patient]):
            age = explosion.HOURS - hour
            expected += doses[patient, hour] * 0.5 ** (age * 0.06 / np.log(2)) / 30
        assert concentrations[patient] == pytest.approx(expected, rel=1e-12)


def test_concentrations_have_the_moments_of_their_model():
    patients, (low, high), given = 40_000, explosion.DOSES, explosion.GIVEN
    doses, concentrations = explosion.simulate_doses(patients, seed=1)
    assert (doses > 0).mean() == pytest.approx(given, rel=0.01)
    # Geometric sums of exp(-k t) and of its square over the hours.
    left = [np.exp(-explosion.ELIMINATION * power) for power in (1, 2)]
    sums = [r * (1 - r**explosion.HOURS) / (1 - r) for r in left]
    mean = given * (low + high) / 2
    square = given * (low**2 + low * high + high**2) / 3
    volume = explosion.VOLUME
    assert concentrations.mean() == pytest.approx(mean * sums[0] / volume, rel=0.01)
    variance = (square - mean**2) * sums[1] / volume**2
    assert concentrations.var() == pytest.approx(variance, rel=0.03)
    again = explosion.simulate_doses(patients, seed=1)[1]
    np.testing.assert_array_equal(concentrations, again)


def test_first_layers_of_sigmoids_get_no_gradient(vanishing):
    (plain,) = of(vanishing, "sigmoid")
    assert plain.first_ratio < 1e-5
    # The largest slope of a sigmoid is 1/4, and Glorot's weights keep the rest.
    factors = np.divide(plain.norms[0][1:-1], plain.norms[0][2:])
    assert 0.15 < factors.min() and factors.max() < 0.35
    assert plain.verdict.startswith("gradients vanish in hidden0 ")
    remedies = "another activation (ReLU with He initialization), batch normalization or residual"
    assert remedies in plain.verdict
    assert plain.accuracy[-1] == pytest.approx(plain.chance)


@pytest.mark.parametrize("variant", REMEDIES)
def test_each_remedy_brings_the_gradient_to_the_first_layer(vanishing, variant):
    (run,) = of(vanishing, variant)
    assert 1e-2 < run.first_ratio < 1e2
    assert 1e-2 < run.median_ratio < 1e2
    assert run.verdict == ""


def test_adam_begins_with_the_same_gradient(vanishing):
    plain, adam = of(vanishing, "sigmoid")[0], of(vanishing, "Adam")[0]
    np.testing.assert_allclose(plain.norms[0], adam.norms[0], rtol=1e-4)
    assert plain.norms[-1] != pytest.approx(adam.norms[-1], rel=1e-2)


def test_layers_of_the_larger_initialization_differ():
    model = flow._build_deep("Glorot × 4", 0)
    first, second = (model.get_layer(name).kernel.numpy() for name in ("hidden1", "hidden2"))
    # Uniform of variance 16 · 2 / (64 + 64).
    assert first.std() == pytest.approx(0.5, rel=0.03)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_runs_are_plain_and_repeat_themselves(vanishing, exploding):
    # Strict JSON has no NaN.
    assert json.loads(json.dumps([vanishing, exploding], allow_nan=False))
    plain = flow.Network(lambda seed: flow._build_deep("sigmoid", seed))
    table = flow._wisconsin(0)
    for _ in range(2):
        # The second time the network has been trained before.
        again = flow._run_deep(plain, "sigmoid", 0, 40, table)
        assert again == of(vanishing, "sigmoid")[0]


def test_loss_and_norm_are_those_of_each_step(exploding):
    plain, clipped = of(exploding, "unclipped")[0], of(exploding, "norm")[0]
    assert len(plain.loss) == len(plain.norms) == 20
    # Norms are those before clipping, so that the first steps agree.
    assert plain.loss[0] == pytest.approx(clipped.loss[0], rel=1e-5)
    assert plain.norms[0] == pytest.approx(clipped.norms[0], rel=1e-4)
    assert plain.norms[0] > explosion.CLIPPINGS["norm"]["norm"]
    assert plain.loss[-1] != pytest.approx(clipped.loss[-1], rel=1e-3)
    # The mean of all concentrations has a loss of about 1.
    assert 0.3 < of(exploding, explosion.GATED)[0].loss[0] < 3


def test_limits_bound_the_step_alike():
    model = explosion._build_simple(0)
    count = model.count_params()
    assert len(model.trainable_weights) == 5 and count == 1121
    value = explosion.CLIPPINGS["value"]["value"]
    assert value * count**0.5 == pytest.approx(1, abs=0.01)
    assert explosion.CLIPPINGS["variable norm"]["variable_norm"] * 5**0.5 < 1.2


def test_diverged_runs_say_where():
    doses, concentrations = explosion.simulate_doses(1536, seed=0)
    x = (doses[..., None] / 500).astype(np.float32)
    y = (1e6 * concentrations[:, None]).astype(np.float32)
    network = explosion.Network(explosion._build_simple)
    run = explosion._run_recurrent(network, "unclipped", 0, 20, x, y)
    assert run.diverged and run.loss[run.diverged - 1] is None and run.unexplained is None
    assert "gradients explode in recurrent/simple_rnn_cell" in run.verdict
    assert "try gradient clipping, a gated cell (LSTM or GRU)" in run.verdict


@pytest.mark.parametrize("study", [flow.vanishing_study, explosion.exploding_study])
def test_sizes_are_checked(study):
    with pytest.raises(ValueError, match="seeds must be at least 1. Received: seeds=0"):
        study(seeds=0)
    with pytest.raises(ValueError, match="steps must be a multiple of 20. Received: steps=50"):
        study(steps=50)


def test_figures(tmp_path, vanishing, exploding):
    lost = exploding[0]._replace(loss=[1.0, 5.0, None], norms=[1.0, None, None], diverged=3)
    drawn = [
        figures.plot_layer_norms(tmp_path / "layers.png", vanishing),
        figures.plot_accuracy(tmp_path / "accuracy.png", vanishing),
        figures.plot_recurrent_loss(tmp_path / "loss.png", [lost, *exploding]),
        figures.plot_recurrent_norms(tmp_path / "norms.png", [lost, *exploding]),
    ]
    for path in drawn:
        with Image.open(path) as image:
            assert image.width <= 1000 and np.asarray(image.convert("L")).std() > 10


@pytest.mark.large
def test_remedies_learn_where_sigmoids_do_not():
    runs = flow.vanishing_study()
    plain = of(runs, "sigmoid")
    assert np.median([run.first_ratio for run in plain]) < 1e-5
    assert np.median([run.median_ratio for run in plain]) < 1e-5
    assert all(run.accuracy[-1] == pytest.approx(run.chance) for run in plain)
    assert all(run.verdict.startswith("gradients vanish in hidden0 ") for run in plain)
    for variant in REMEDIES:
        for run in of(runs, variant):
            assert 1e-2 < min(run.first_ratio, run.median_ratio)
            assert max(run.first_ratio, run.median_ratio) < 1e2
            assert run.accuracy[-1] > 0.9 and run.verdict == ""


@pytest.mark.large
def test_clipping_and_gates_learn_where_gradients_explode():
    runs = explosion.exploding_study()
    for run in of(runs, "unclipped"):
        assert run.diverged and "explode in recurrent/simple_rnn_cell" in run.verdict
        assert "gradient clipping, a gated cell (LSTM or GRU)" in run.verdict
    for variant in ("norm", "variable norm", "value"):
        assert all(run.diverged is None and run.unexplained < 0.7 for run in of(runs, variant))
    assert all(run.unexplained < 0.05 and not run.verdict for run in of(runs, explosion.GATED))


def test_the_norm_of_each_step_is_that_of_its_gradients():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    each, health = explosion._EachStep(), GradientHealth()
    model.fit(x, x[:, :1], 4, 3, verbose=0, shuffle=False, callbacks=[each, health])
    expected = [np.hypot.reduce(list(norms.values())) for _, norms in health.history]
    assert each.norms == pytest.approx(expected, rel=1e-5) and len(expected) == 6
