"""Two networks that learn against one another, driven by `fit`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasbio.report.image_plots import save_grid
from kerasbio.training.trainer import Trainer


class AdversarialTrainer(Trainer):
    """Train a generator against a discriminator, by the losses of the original publication.

    In each step the discriminator learns to tell a batch of images from as many generated ones,
    and then the generator, on the same latent points, to be taken for real: its loss is the
    non-saturating one. `fit` takes images `(batch, height, width, channels)` in [-1, 1]; labels
    are passed over. The logs are `generator_loss` and `discriminator_loss`.

    Reference: [Goodfellow et al., Generative adversarial nets,
    2014](https://arxiv.org/abs/1406.2661); the order of the step is that of dcgan.torch.

    Args:
        generator: From latent points `(batch, latent)` to images.
        discriminator: From images to logits `(batch, 1)` of being real.
        seed: Seed of the latent points.
        monitor: Name of the log that says which epoch is best, and `"min"` or `"max"`. The
            losses do not: each is measured against an opponent that moves.
        name: Name of the model.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        seed: int = 0,
        monitor: tuple[str, str] = ("val_kernel_distance", "min"),
        name: str = "adversarial",
    ):
        super().__init__({"generator": generator, "discriminator": discriminator}, name)
        self.generator, self.discriminator = generator, discriminator
        self.monitor = monitor
        self.latent_size = generator.input_shape[-1]
        self._seed_generator = keras.random.SeedGenerator(seed)
        self._means = {
            name: keras.metrics.Mean(name=f"{name}_loss") for name in ("generator", "discriminator")
        }

    def train_step(self, data):
        """Take a step of the discriminator and one of the generator on a batch of images."""
        images, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        latent = self.draw_latent(tf.shape(images)[0])
        found: dict[str, Any] = {}

        def discriminate(generated):
            real = self.discriminator(images, training=True)
            # Two batches and not one: each is normalized by its own statistics.
            false = self.discriminator(generated, training=True)
            loss = _cross_entropy(1.0, real) + _cross_entropy(0.0, false)
            return loss + sum(self.discriminator.losses)

        def deceive():
            generated = self.generator(latent, training=True)
            fixed = tf.stop_gradient(generated)
            found["discriminator"] = self.minimize("discriminator", lambda: discriminate(fixed))
            loss = _cross_entropy(1.0, self.discriminator(generated, training=True))
            return loss + sum(self.generator.losses)

        found["generator"] = self.minimize("generator", deceive)
        for name, mean in self._means.items():
            mean.update_state(found[name])
        return {mean.name: mean.result() for mean in self._means.values()}

    def draw_latent(self, count: Any) -> Any:
        """Return latent points `(count, latent)` from N(0, 1); each call gives others."""
        return keras.random.normal((count, self.latent_size), seed=self._seed_generator)


class WatchSamples(keras.callbacks.Callback):
    """Score what a generator makes after every epoch, and keep a picture of it now and then.

    The latent points are the same each time. The score is added to the logs as
    `val_kernel_distance`; pictures are kept after epochs 1, 2, 4, 8 and so on.

    Args:
        folder: Where pictures go, as `samples_EPOCH.png`.
        latent: `(cases, latent)` points, of which the first 36 are shown.
        score: Function of images `(cases, height, width, channels)`.
    """

    def __init__(self, folder: Path, latent: np.ndarray, score: Callable[[np.ndarray], float]):
        super().__init__()
        self.folder, self.latent, self.score = folder, latent, score

    def on_epoch_end(self, epoch, logs=None):
        images = self.model.networks["generator"].predict(self.latent, verbose=0)
        if logs is not None:
            logs["val_kernel_distance"] = self.score(images)
        if (epoch + 1) & epoch == 0:
            save_grid(self.folder / f"samples_{epoch + 1:05d}.png", images)


def _cross_entropy(target: float, logits: Any) -> Any:
    logits = tf.cast(logits, tf.float32)
    targets = tf.fill(tf.shape(logits), target)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))
