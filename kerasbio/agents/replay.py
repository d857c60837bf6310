"""A replay buffer whose draws a checkpoint can hold."""

from typing import Any

import tensorflow as tf
from tf_agents.replay_buffers import tf_uniform_replay_buffer


class SeededReplayBuffer(tf_uniform_replay_buffer.TFUniformReplayBuffer):
    """tf-agents' uniform replay buffer, drawn from by a generator that is a variable.

    The original draws by stateful operations, whose place in their stream no checkpoint knows.

    Args:
        data_spec: What one step holds.
        batch_size: Episodes that are recorded at once.
        max_length: Steps kept of each.
        seed: Seed of the draws.
    """

    def __init__(self, data_spec: Any, batch_size: int, max_length: int, seed: int):
        super().__init__(data_spec, batch_size=batch_size, max_length=max_length)
        self._random = tf.random.Generator.from_seed(seed, alg="philox")

    def sample(self, count: int) -> Any:
        """Return `count` pairs of steps in a row, `(count, 2, ...)`, each pair alike likely."""
        length = tf.minimum(self._get_last_id() + 1, self._max_length)
        # A step and the next lie in one block; the newest step has no next.
        oldest = self._get_last_id() + 1 - length
        shape = (count,)
        first = oldest + self._random.uniform(shape, maxval=length - 1, dtype=tf.int64)
        block = self._random.uniform(shape, maxval=self._batch_size, dtype=tf.int64)
        steps = tf.stack([first, first + 1], axis=1) % self._max_length
        return self._data_table.read(steps + block[:, None] * self._max_length)

    def state(self) -> dict[str, tf.Variable]:
        """Return what a checkpoint must hold, by name."""
        named = {f"replay_{i}": variable for i, variable in enumerate(self.variables())}
        return {**named, "replay_random": self._random.state}
