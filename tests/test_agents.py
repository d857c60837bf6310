"""Environments, replay and DQN: against references, and from seeds alone."""

import subprocess
import sys

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.agents.dqn import DQNTrainer, best_legal
from kerasbio.agents.replay import SeededReplayBuffer
from kerasbio.environments.batched import LAST, BatchedEnvironment, CartPole, DiagnosisEnvironment
from kerasbio.environments.diagnosis import Workup
from kerasbio.models.agent import build_q_network
from kerasbio.report.decisions import greedy_policy, share_of_gap


def walk(environment, actions):
    """Step through actions `(steps, batch)`; return every time step."""
    return [environment.step(tf.constant(a, tf.int64)) for a in actions]


def test_cart_pole_moves_as_that_of_gymnasium():
    ours = CartPole(batch_size=1, seed=0)
    theirs = gymnasium.make("CartPole-v1").unwrapped
    theirs.reset(seed=0)
    theirs.state = tuple(ours.current_time_step().observation["features"].numpy()[0])
    random = np.random.default_rng(0)
    for steps in range(1, 500):  # noqa: B007
        action = int(random.integers(2))
        found = walk(ours, [[action]])[0]
        state, reward, over, _, _ = theirs.step(action)
        np.testing.assert_allclose(found.observation["features"][0], state, rtol=1e-3, atol=1e-4)
        assert float(found.reward[0]) == reward
        assert (int(found.step_type[0]) == LAST) == over
        if over:
            break
    assert steps < 499 and float(found.discount[0]) == 0
    assert float(ours.returns[0]) == steps


class Endless(BatchedEnvironment):
    """Reward 1 for ever, broken off after three steps."""

    def __init__(self):
        super().__init__(1, 2, batch_size=2, seed=0, most_steps=3)

    def begin(self, count, seed):
        return {"x": tf.zeros((count, 1))}

    def move(self, state, action, seed):
        return {"x": state["x"] + 1}, tf.ones(2), tf.zeros(2, tf.bool)

    def observe(self, state):
        return {"features": state["x"], "legal": tf.ones((2, 2), tf.bool)}


def test_what_is_broken_off_is_not_over():
    steps = walk(Endless(), np.zeros((5, 2)))
    assert [int(s.step_type[0]) for s in steps] == [1, 1, 2, 0, 1]
    # The discount stays 1: the future beyond the break still counts.
    assert [float(s.discount[0]) for s in steps] == [1, 1, 1, 1, 1]
    assert [float(s.reward[0]) for s in steps] == [1, 1, 1, 0, 1]
    assert [float(s.observation["features"][0, 0]) for s in steps] == [1, 2, 3, 0, 1]
    assert float(Endless().play(lambda o: tf.zeros(2, tf.int64), 2, [0, 0])[0]) == 3


def test_one_seed_is_one_course():
    random = np.random.default_rng(0)
    actions = random.integers(3, 5, size=(20, 6))
    courses = []
    for seed in (1, 1, 2):
        steps = walk(DiagnosisEnvironment(Workup(), batch_size=6, seed=seed), actions)
        courses.append(np.array([s.reward for s in steps]))
    np.testing.assert_array_equal(courses[0], courses[1])
    assert np.any(courses[0] != courses[2])


def test_patients_are_those_of_the_workup():
    workup = Workup()
    environment = DiagnosisEnvironment(workup, batch_size=4, seed=0)
    table = tf.constant(workup.solve()[1])
    place = tf.constant(3 ** np.arange(3)[::-1], tf.float32)

    def policy(observation):
        digits = tf.gather([1.0, 0.0, 2.0], tf.cast(observation["features"] + 1, tf.int32))
        return tf.gather(table, tf.cast(tf.reduce_sum(digits * place, 1), tf.int32))

    returns = environment.play(policy, 40_000, tf.constant([5, 6], tf.int64)).numpy()
    assert abs(returns.mean() - workup.solve()[0][0]) < 4 * returns.std() / 200


def test_legal_actions_are_what_is_not_done():
    environment = DiagnosisEnvironment(Workup(), batch_size=2, seed=0)
    after = walk(environment, [[0, 1]])[0].observation
    np.testing.assert_array_equal(after["legal"], [[0, 1, 1, 1, 1], [1, 0, 1, 1, 1]])
    assert np.abs(after["features"]).tolist() == [[1, 0, 0], [0, 1, 0]]
    values = tf.constant([[9.0, 1, 3, 2, 0], [9, 99, 1, 2, 0]])
    np.testing.assert_array_equal(best_legal(values, after["legal"]), [2, 0])


def test_pairs_of_the_replay_follow_one_another():
    replay = SeededReplayBuffer(tf.TensorSpec((), tf.int64), batch_size=3, max_length=5, seed=0)
    for step in range(8):
        replay.add_batch(tf.constant([10 * step, 10 * step + 1, 10 * step + 2], tf.int64))
    pairs = replay.sample(6000).numpy()
    np.testing.assert_array_equal(pairs[:, 1] - pairs[:, 0], 10)
    # Steps 3 to 7 are kept; of three blocks each of four pairs is alike likely.
    kinds, counts = np.unique(pairs[:, 0], return_counts=True)
    assert kinds.tolist() == [30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62]
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500)
    copy = SeededReplayBuffer(tf.TensorSpec((), tf.int64), batch_size=3, max_length=5, seed=1)
    for name, variable in copy.state().items():
        variable.assign(replay.state()[name])
    np.testing.assert_array_equal(copy.sample(50), replay.sample(50))


def trainer(**settings):
    keras.utils.set_random_seed(0)
    workup = Workup()
    model = DQNTrainer(
        build_q_network((3,), 5, hidden=(32, 32)),
        DiagnosisEnvironment(workup, batch_size=16, seed=0),
        **{"batch_size": 64, "updates_per_step": 50, "episodes": 200, **settings},
    )
    model.compile({"q_network": keras.optimizers.Adam(2e-3)})
    return model


def test_the_loss_is_the_bellman_error_with_the_target_network():
    model = trainer(discount=0.7, reward_scale=0.01, target_period=10)
    agent, pairs = model._agent, model._replay.sample(64)
    for variable in agent.target_variables:
        variable.assign(variable * 0.5 + 0.1)
    target = keras.models.clone_model(model.q_network)
    for ours, theirs in zip(target.variables, agent.target_variables, strict=True):
        ours.assign(theirs)
    features, legal = (pairs.observation[k].numpy() for k in ("features", "legal"))
    after = np.where(legal[:, 1], target(features[:, 1]).numpy(), -np.inf).max(1)
    wanted = 0.01 * pairs.reward.numpy()[:, 0] + 0.7 * pairs.discount.numpy()[:, 0] * after
    values = model.q_network(features[:, 0]).numpy()
    error = wanted - values[np.arange(64), pairs.action.numpy()[:, 0]]
    size = np.abs(error)
    huber = np.where(size <= 1, size**2 / 2, size - 0.5)
    # A pair that joins the end of one patient to the next says nothing.
    expected = (huber * (pairs.step_type.numpy()[:, 0] != LAST)).mean()
    loss = agent._loss(
        pairs, agent._td_errors_loss_fn, agent._gamma, agent._reward_scale_factor, training=True
    )
    assert float(loss.loss) == pytest.approx(expected, rel=1e-5)


def test_the_target_follows_when_it_is_due():
    model = trainer(updates_per_step=1, target_period=3)
    network = model.q_network.variables
    seen = []
    for _ in range(6):
        model.fit(tf.data.Dataset.range(1), verbose=0, shuffle=False)
        pairs = zip(network, model._agent.target_variables, strict=True)
        seen.append(all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs))
    assert seen == [False, False, True, False, False, True]


def test_exploration_falls_and_stays():
    model = trainer(exploration=(1.0, 0.1), exploration_updates=100)
    for updates, epsilon in ((0, 1.0), (50, 0.55), (100, 0.1), (500, 0.1)):
        model._updates.assign(updates)
        assert float(model._epsilon()) == pytest.approx(epsilon)


def test_it_learns_the_optimum():
    model = trainer(discount=1.0, reward_scale=0.01, exploration=(1.0, 0.2))
    steps, rounds = tf.data.Dataset.range(10), tf.data.Dataset.range(1)
    history = model.fit(steps, validation_data=rounds, epochs=4, verbose=0, shuffle=False).history
    assert set(history) == {"loss", "return", "val_return"}
    workup = Workup()
    values = model.q_network(workup.findings).numpy()
    policies = {
        "network": greedy_policy(workup, values),
        "random": workup.random_policy(),
        "oracle": workup.solve()[1],
    }
    assert share_of_gap(workup, policies) > 0.9


def test_without_tf_agents_the_two_commands_are_told():
    code = (
        "import sys; sys.modules['tf_agents'] = None\n"
        "from kerasbio.cli.main import main\n"
        "main(['train', 'adaptive-diagnostics'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "[rl]' && pip install --no-deps tf-agents==0.19.0" in done.stderr
