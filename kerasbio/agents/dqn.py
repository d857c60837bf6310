"""DQN of tf-agents, with environment, replay and updates inside one graph under `fit`."""

from typing import Any

import keras
import tensorflow as tf

from kerasbio.agents.require import require_tf_agents

require_tf_agents()
from tf_agents.agents import data_converter
from tf_agents.agents.dqn import dqn_agent
from tf_agents.policies import tf_policy
from tf_agents.trajectories import policy_step, trajectory
from tf_agents.utils import common

from kerasbio.agents.keras_network import KerasNetwork
from kerasbio.agents.replay import SeededReplayBuffer
from kerasbio.environments.batched import BatchedEnvironment
from kerasbio.training.trainer import Trainer

#: Steps of each episode before the first update, at the first rate of exploration.
FIRST_STEPS = 64


def _split(observation: dict[str, Any]) -> tuple[Any, Any]:
    return observation["features"], observation["legal"]


class _Explorer(tf_policy.TFPolicy):
    """Takes the best legal action, or any with probability `epsilon`, from a seeded generator."""

    def __init__(self, time_step_spec, action_spec, values, epsilon, random):
        super().__init__(time_step_spec, action_spec)
        self._values, self._epsilon, self._random = values, epsilon, random

    def _action(self, time_step, policy_state, seed):
        features, legal = _split(time_step.observation)
        shape = tf.shape(legal)
        chance = tf.where(legal, self._random.uniform(shape), -1.0)
        explore = self._random.uniform(shape[:1]) < self._epsilon()
        action = tf.where(explore, tf.argmax(chance, 1), best_legal(self._values(features), legal))
        return policy_step.PolicyStep(action, policy_state)


class _Agent(dqn_agent.DqnAgent):
    """tf-agents' DQN with what a checkpoint can hold: a seeded policy and a plain target copy."""

    def __init__(self, *args, minimize, collect_policy, target_period, **settings):
        self._minimize, self._seeded, self._target_period = minimize, collect_policy, target_period
        super().__init__(*args, **settings)
        # The original folds rewards over n steps by an operation that warns; here n is 1.
        self._as_transition = data_converter.AsTransition(self.data_context, squeeze_time_dim=True)

    def _setup_policy(self, *args):
        policy, _ = super()._setup_policy(*args)
        return policy, self._seeded

    def _train(self, experience, weights):
        # The original raises at a loss that is not finite, before anyone can ask where from.
        found = []

        def loss():
            found.append(
                self._loss(
                    experience,
                    td_errors_loss_fn=self._td_errors_loss_fn,
                    gamma=self._gamma,
                    reward_scale_factor=self._reward_scale_factor,
                    weights=weights,
                    training=True,
                )
            )
            return found[0].loss

        self._minimize(loss)
        self.train_step_counter.assign_add(1)
        due = self.train_step_counter % self._target_period == 0
        tf.cond(due, self._initialize, lambda: tf.group())
        return found[0]

    @property
    def target_variables(self):
        return self._target_q_network.variables

    def _initialize(self):
        pairs = zip(self.target_variables, self._q_network.variables, strict=True)
        return tf.group(*(target.assign(source) for target, source in pairs))


class DQNTrainer(Trainer):
    """Deep Q-learning: each step of `fit` acts, remembers and learns `updates_per_step` times.

    The data that `fit` is given only count its steps, and those of the validation the rounds of
    episodes that are played without exploring, on the same cases each time.

    Reference: [Mnih et al., Human-level control through deep reinforcement learning,
    2015](https://doi.org/10.1038/nature14236), by tf-agents' `DqnAgent`.

    Args:
        q_network: From features `(batch, size)` to values `(batch, actions)`, in units of
            `reward_scale`.
        environment: Where to act; each update is preceded by one step of all its episodes.
        batch_size: Steps that an update learns from.
        updates_per_step: Updates in one step of `fit`.
        memory: Steps that the replay buffer keeps of each episode of the batch.
        discount: Of future rewards, per step.
        reward_scale: Factor on the rewards, so that errors are about 1 at most and the Huber
            loss still estimates the mean.
        exploration: Probability of a random action at first, and once `exploration_updates`
            have been made.
        exploration_updates: Updates over which it falls linearly.
        target_period: Updates after which the target network becomes the network.
        episodes: Episodes that one round of validation plays.
        seed: Seed of exploration, replay and validation.
    """

    monitor = ("val_return", "max")

    def __init__(
        self,
        q_network: keras.Model,
        environment: BatchedEnvironment,
        *,
        batch_size: int = 256,
        updates_per_step: int = 50,
        memory: int = 2000,
        discount: float = 0.99,
        reward_scale: float = 1.0,
        exploration: tuple[float, float] = (1.0, 0.05),
        exploration_updates: int = 1500,
        target_period: int = 100,
        episodes: int = 1000,
        seed: int = 0,
        name: str = "dqn",
    ):
        super().__init__({"q_network": q_network}, name)
        self.q_network, self.environment = q_network, environment
        self.batch_size, self.updates_per_step = batch_size, updates_per_step
        self.memory, self.discount, self.reward_scale = memory, discount, reward_scale
        self.exploration, self.exploration_updates = exploration, exploration_updates
        self.target_period, self.episodes, self.seed = target_period, episodes, seed
        self._random = tf.random.Generator.from_seed(seed + 1, alg="philox")
        self._updates = tf.Variable(0, trainable=False, dtype=tf.int64, name="updates")
        self._loss_mean = keras.metrics.Mean(name="loss")
        self._return_mean = keras.metrics.Mean(name="return")

    def compile(self, optimizers, **settings):
        super().compile(optimizers, **{"jit_compile": False, **settings})
        spec, action_spec = self.environment.time_step_spec(), self.environment.action_spec()
        features = spec.observation["features"]
        # Kept by the agent and not by this model: no callback or export is about it.
        target = keras.models.clone_model(self.q_network)
        self._agent = _Agent(
            spec,
            action_spec,
            q_network=KerasNetwork(features, self.q_network),
            target_q_network=KerasNetwork(features, target, name="TargetNetwork"),
            optimizer=self.optimizers["q_network"],
            minimize=lambda loss: self.minimize("q_network", loss),
            observation_and_action_constraint_splitter=_split,
            collect_policy=_Explorer(
                spec, action_spec, self.q_network, self._epsilon, self._random
            ),
            epsilon_greedy=None,
            gamma=self.discount,
            reward_scale_factor=self.reward_scale,
            td_errors_loss_fn=common.element_wise_huber_loss,
            target_period=self.target_period,
            train_step_counter=self._updates,
        )
        self._agent.initialize()
        self._replay = SeededReplayBuffer(
            self._agent.collect_data_spec, self.environment.batch_size, self.memory, self.seed + 2
        )
        tf.function(lambda: _repeat(FIRST_STEPS, self._act), autograph=False)()
        self._make_loop()

    def _epsilon(self):
        first, last = self.exploration
        done = tf.cast(self._updates, tf.float32) / self.exploration_updates
        return first + (last - first) * tf.minimum(done, 1.0)

    @property
    def state(self) -> dict[str, tf.Variable]:
        """Environment, replay buffer, target network, counters and generators."""
        variables = self._agent.target_variables
        target = {f"target_{i}": variable for i, variable in enumerate(variables)}
        own = {"updates": self._updates, "exploration_random": self._random.state}
        return {**self.environment.variables, **self._replay.state(), **target, **own}

    def make_train_function(self, force=False):
        """Trace the step anew, the loop within it too, where a callback asks for it."""
        if force:
            self._make_loop()
        return super().make_train_function(force)

    def _make_loop(self):
        # One graph for all updates of a step, whatever the surrounding one is made of.
        steps = self.updates_per_step
        self._loop = tf.function(lambda: _repeat(steps, self._act_and_learn), autograph=False)

    def _act(self):
        now = self.environment.current_time_step()
        chosen = self._agent.collect_policy.action(now)
        after = self.environment.step(chosen.action)
        self._replay.add_batch(trajectory.from_transition(now, chosen, after))

    def _act_and_learn(self):
        self._act()
        ended = tf.cast(self.environment.ended, tf.float32)
        self._return_mean.update_state(self.environment.returns, ended)
        found = self._agent.train(self._replay.sample(self.batch_size))
        self._loss_mean.update_state(found.loss)

    def train_step(self, data):
        """Act, remember and learn; the data say nothing."""
        self._loop()
        return {"loss": self._loss_mean.result(), "return": self._return_mean.result()}

    def test_step(self, data):
        """Play episodes without exploring; an element of the data is the seed of a round."""
        seed = tf.stack([tf.constant(self.seed, tf.int64), tf.cast(data, tf.int64)])

        def policy(observation):
            features, legal = _split(observation)
            return best_legal(self.q_network(features, training=False), legal)

        returns = self.environment.play(policy, self.episodes, seed)
        self._return_mean.update_state(returns)
        return {"return": self._return_mean.result()}


def best_legal(values: Any, legal: Any) -> Any:
    """Return the legal action of the highest value `(batch,)` int64."""
    return tf.argmax(tf.where(legal, values, values.dtype.min), axis=1)


def _repeat(times: int, action: Any) -> None:
    # Autograph would go through the code of tf-agents too, and warn about it.
    def body(count):
        action()
        return (count + 1,)

    tf.while_loop(lambda count: count < times, body, (tf.constant(0),))
