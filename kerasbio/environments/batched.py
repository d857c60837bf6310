"""Environments that step many episodes at once inside the graph."""

import abc
from typing import Any

import numpy as np
import tensorflow as tf

from kerasbio.agents.require import require_tf_agents

require_tf_agents()
from tf_agents.environments import tf_environment
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

from kerasbio.environments.diagnosis import Workup

State = dict[str, Any]
FIRST, MID, LAST = 0, 1, 2


class BatchedEnvironment(tf_environment.TFEnvironment, abc.ABC):
    """A batch of episodes as tensors; one that has ended begins anew at its next step.

    What a subclass writes is a function of state and seed alone, so that the seed of the
    environment, a variable in `variables`, decides everything. An observation is a dict of
    `features` (batch, size) float32 and `legal` (batch, actions) bool.

    Args:
        size: Length of an observation's features.
        num_actions: Number of actions.
        batch_size: Episodes that run at once.
        seed: Seed of everything that happens.
        most_steps: Steps after which an episode is broken off, without being over.
    """

    def __init__(
        self, size: int, num_actions: int, *, batch_size: int, seed: int, most_steps: int = 2**30
    ):
        observation = {
            "features": tensor_spec.TensorSpec((size,), tf.float32, "features"),
            "legal": tensor_spec.TensorSpec((num_actions,), tf.bool, "legal"),
        }
        action = tensor_spec.BoundedTensorSpec((), tf.int64, 0, num_actions - 1, "action")
        super().__init__(ts.time_step_spec(observation), action, batch_size)
        self.most_steps = most_steps
        self._random = tf.random.Generator.from_seed(seed, alg="philox")
        initial = self.begin(batch_size, self.next_seed())
        self._state = {
            name: tf.Variable(value, trainable=False, name=f"environment_{name}")
            for name, value in initial.items()
        }
        zeros = tf.zeros(batch_size)
        self._kind = tf.Variable(tf.fill([batch_size], FIRST), trainable=False, name="kind")
        self._steps = tf.Variable(tf.zeros(batch_size, tf.int32), trainable=False, name="steps")
        self._reward = tf.Variable(zeros, trainable=False, name="reward")
        self._discount = tf.Variable(tf.ones_like(zeros), trainable=False, name="discount")
        #: Sum of the rewards of each episode so far, or of the one that has just ended.
        self.returns = tf.Variable(zeros, trainable=False, name="returns")

    @abc.abstractmethod
    def begin(self, count: int, seed: Any) -> State:
        """Return the state of `count` episodes at their start, as tensors `(count, ...)`."""

    @abc.abstractmethod
    def move(self, state: State, action: Any, seed: Any) -> tuple[State, Any, Any]:
        """Return the next state, the reward `(batch,)` and whether the episode is over."""

    @abc.abstractmethod
    def observe(self, state: State) -> dict[str, Any]:
        """Return what the agent sees."""

    @property
    def variables(self) -> dict[str, tf.Variable]:
        """What decides all that will happen, by name."""
        own = (self._kind, self._steps, self._reward, self._discount, self.returns)
        named = {v.name.split(":")[0]: v for v in (*self._state.values(), *own)}
        return {**named, "environment_random": self._random.state}

    @property
    def ended(self) -> Any:
        """Which episodes have just ended, or were broken off, `(batch,)` bool."""
        return tf.equal(self._kind, LAST)

    def next_seed(self) -> Any:
        """Return a seed `(2,)` for stateless draws, another each time."""
        return self._random.make_seeds(1)[:, 0]

    def _current_time_step(self) -> ts.TimeStep:
        # Read at once: the variables are written to while this is still in use.
        state = {name: v.read_value() for name, v in self._state.items()}
        observation = self.observe(state)
        kind, reward = self._kind.read_value(), self._reward.read_value()
        return ts.TimeStep(kind, reward, self._discount.read_value(), observation)

    def _reset(self) -> ts.TimeStep:
        for name, value in self.begin(self.batch_size, self.next_seed()).items():
            self._state[name].assign(value)
        for variable in (self._kind, self._steps, self._reward, self.returns):
            variable.assign(tf.zeros_like(variable))
        self._discount.assign(tf.ones_like(self._discount))
        return self._current_time_step()

    def _step(self, action: Any) -> ts.TimeStep:
        anew = self.ended
        moved, reward, over = self.move(self._state, action, self.next_seed())
        fresh = self.begin(self.batch_size, self.next_seed())
        for name, value in moved.items():
            self._state[name].assign(_where(anew, fresh[name], value))
        steps = tf.where(anew, 0, self._steps + 1)
        last = tf.where(over | (steps >= self.most_steps), LAST, MID)
        reward = tf.where(anew, 0.0, reward)
        self.returns.assign(tf.where(anew, 0.0, self.returns + reward))
        self._steps.assign(steps)
        self._reward.assign(reward)
        # An episode that is broken off goes on beyond what was seen of it.
        self._discount.assign(tf.where(over & ~anew, 0.0, 1.0))
        self._kind.assign(tf.where(anew, FIRST, last))
        return self._current_time_step()

    def play(self, policy: Any, count: int, seed: Any) -> Any:
        """Return the sums of the rewards of fresh episodes `(count,)` under a policy.

        Args:
            policy: Function from an observation to actions `(count,)`.
            count: Number of episodes.
            seed: Seed `(2,)` of all that happens.
        """
        seeds = tf.random.experimental.stateless_split(seed, 2)
        state = self.begin(count, seeds[0])

        def go_on(state, returns, active, step, seed):
            return tf.reduce_any(active) & (step < self.most_steps)

        def one_step(state, returns, active, step, seed):
            seeds = tf.random.experimental.stateless_split(seed, 2)
            moved, reward, over = self.move(state, policy(self.observe(state)), seeds[0])
            returns += tf.where(active, reward, 0.0)
            state = {name: _where(active, moved[name], value) for name, value in state.items()}
            return state, returns, active & ~over, step + 1, seeds[1]

        active, step = tf.ones(count, tf.bool), tf.constant(0)
        loop = (state, tf.zeros(count), active, step, seeds[1])
        return tf.while_loop(go_on, one_step, loop)[1]


class DiagnosisEnvironment(BatchedEnvironment):
    """Patients who may have one disease; an action is the next test, or the end of the work-up.

    Features are the findings of the tests: 0 not done, -1 negative, 1 positive. Test results are
    drawn when a patient comes, so that they do not depend on the order of the tests.

    Args:
        workup: The disease, the tests and the losses.
        batch_size: Patients at once.
        seed: Seed of the patients and their results.
    """

    def __init__(self, workup: Workup, *, batch_size: int, seed: int):
        self.workup = workup
        tests = workup.tests
        self._positive = tf.constant(
            [[1 - t.specificity for t in tests], [t.sensitivity for t in tests]], tf.float32
        )
        self._costs = tf.constant([*(t.cost for t in tests), 0, 0], tf.float32)
        super().__init__(len(tests), len(workup.actions), batch_size=batch_size, seed=seed)

    def begin(self, count: int, seed: Any) -> State:
        draws = tf.random.stateless_uniform((count, len(self.workup.tests) + 1), seed)
        ill = draws[:, 0] < self.workup.prior
        positive = draws[:, 1:] < tf.gather(self._positive, tf.cast(ill, tf.int32))
        return {
            "ill": ill,
            "results": tf.where(positive, 1.0, -1.0),
            "findings": tf.zeros((count, len(self.workup.tests))),
        }

    def move(self, state: State, action: Any, seed: Any) -> tuple[State, Any, Any]:
        tests = len(self.workup.tests)
        ill = tf.cast(state["ill"], tf.float32)
        missed = tf.cast(action == tests + 1, tf.float32) * ill
        overtreated = tf.cast(action == tests, tf.float32) * (1 - ill)
        reward = -tf.gather(self._costs, action)
        reward -= self.workup.missed * missed + self.workup.overtreated * overtreated
        done = tf.one_hot(action, tests)
        findings = state["findings"] * (1 - done) + state["results"] * done
        return {**state, "findings": findings}, reward, action >= tests

    def observe(self, state: State) -> dict[str, Any]:
        findings = state["findings"]
        ends = tf.ones((tf.shape(findings)[0], 2), tf.bool)
        return {"features": findings, "legal": tf.concat([findings == 0, ends], 1)}


class CartPole(BatchedEnvironment):
    """Balance a pole on a cart: the task by which agents are timed.

    Reference: [Barto, Sutton and Anderson, Neuronlike adaptive elements that can solve difficult
    learning control problems, 1983](https://doi.org/10.1109/TSMC.1983.6313077), with the constants
    and the Euler steps of 0.02 s of Gymnasium's CartPole-v1: reward 1 per step, over beyond 2.4 m
    or 12 degrees, broken off after 500 steps.
    """

    def __init__(self, *, batch_size: int, seed: int):
        super().__init__(4, 2, batch_size=batch_size, seed=seed, most_steps=500)

    def begin(self, count: int, seed: Any) -> State:
        return {"body": tf.random.stateless_uniform((count, 4), seed, -0.05, 0.05)}

    def move(self, state: State, action: Any, seed: Any) -> tuple[State, Any, Any]:
        position, speed, angle, turn = tf.unstack(state["body"], axis=1)
        force = tf.cast(action, tf.float32) * 20 - 10
        cosine, sine = tf.cos(angle), tf.sin(angle)
        # Masses of 1 and 0.1 kg, half a pole of 0.5 m, 9.8 m/s².
        push = (force + 0.05 * turn**2 * sine) / 1.1
        bend = (9.8 * sine - cosine * push) / (0.5 * (4 / 3 - 0.1 * cosine**2 / 1.1))
        pull = push - 0.05 * bend * cosine / 1.1
        rates = tf.stack([speed, pull, turn, bend], axis=1)
        body = state["body"] + 0.02 * rates
        over = (tf.abs(body[:, 0]) > 2.4) | (tf.abs(body[:, 2]) > 12 * np.pi / 180)
        return {"body": body}, tf.ones_like(force), over

    def observe(self, state: State) -> dict[str, Any]:
        body = state["body"]
        return {"features": body, "legal": tf.ones((tf.shape(body)[0], 2), tf.bool)}


def _where(condition: Any, yes: Any, no: Any) -> Any:
    shape = tf.concat([tf.shape(condition), tf.ones(len(yes.shape) - 1, tf.int32)], 0)
    return tf.where(tf.reshape(condition, shape), yes, no)
