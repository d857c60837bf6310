"""Steps of cart-pole that DQN takes and learns from, beside Stable-Baselines3.

Both have hidden layers of 256 and 256 and learn from batches of 64. Ours steps 32 poles at once and
takes one update after each step of all; Stable-Baselines3 runs as RL Zoo has tuned it for this
task, which is half an update per step of one pole, and once more by our schedule.
"""

import os
from collections.abc import Callable
from pathlib import Path

from harness import THREADS, compare

POLES, UPDATES, BATCH = 32, 50, 64
CALLS = 5
STEPS = POLES * UPDATES * CALLS
HIDDEN = (256, 256)


def ours(folder: Path) -> Callable[[], None]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    from kerasbio import CartPole, DQNTrainer, build_q_network

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(0)
    model = DQNTrainer(
        build_q_network((4,), 2, hidden=HIDDEN),
        CartPole(batch_size=POLES, seed=0),
        batch_size=BATCH,
        updates_per_step=UPDATES,
        memory=100_000 // POLES,
        exploration=(1.0, 0.04),
    )
    model.compile({"q_network": keras.optimizers.Adam(2.3e-3)})
    data = tf.data.Dataset.range(CALLS)
    return lambda: model.fit(data, verbose=0, shuffle=False)


def peer(poles: int, **schedule: int) -> Callable[[Path], Callable[[], None]]:
    def side(folder: Path) -> Callable[[], None]:
        import gymnasium
        import torch
        from stable_baselines3 import DQN
        from stable_baselines3.common.vec_env import DummyVecEnv

        torch.set_num_threads(THREADS)
        environment = DummyVecEnv([lambda: gymnasium.make("CartPole-v1")] * poles)
        model = DQN(
            "MlpPolicy",
            environment,
            learning_rate=2.3e-3,
            batch_size=BATCH,
            buffer_size=100_000,
            learning_starts=1000,
            target_update_interval=10,
            exploration_fraction=0.16,
            exploration_final_eps=0.04,
            policy_kwargs={"net_arch": list(HIDDEN)},
            seed=0,
            device="cpu",
            **schedule,
        )
        return lambda: model.learn(STEPS, reset_num_timesteps=False)

    return side


if __name__ == "__main__":
    compare(
        f"DQN on cart-pole, per step of one pole, {THREADS} threads",
        {
            "kerasbio": ours,
            "Stable-Baselines3": peer(1, train_freq=256, gradient_steps=128),
            "Stable-Baselines3, ours": peer(POLES, train_freq=1, gradient_steps=1),
        },
        STEPS,
    )
