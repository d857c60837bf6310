"""Trainers with a step of their own: what they update, by hand-made references."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbio.adversarial import AdversarialTrainer, WatchSamples
from kerasbio.models.gan import build_dcgan_discriminator, build_dcgan_generator
from kerasbio.training.trainer import Trainer


def networks():
    keras.utils.set_random_seed(0)
    generator = build_dcgan_generator((16, 16, 1), latent_size=3, filters=(4, 2))
    return generator, build_dcgan_discriminator((16, 16, 1), filters=(2, 3))


def compiled(rate=0.5):
    model = AdversarialTrainer(*networks(), seed=3)
    model.compile({name: keras.optimizers.SGD(rate) for name in model.networks})
    return model


def cross_entropy(target, logits):
    return tf.reduce_mean(
        tf.math.softplus(logits) - target * logits if target else tf.math.softplus(logits)
    )


def test_a_step_is_one_of_each_network_by_its_own_loss():
    images = np.random.default_rng(0).uniform(-1, 1, (5, 16, 16, 1)).astype(np.float32)
    generator, discriminator = networks()
    latent = keras.random.normal((5, 3), seed=keras.random.SeedGenerator(3))
    made = generator(latent, training=True)
    with tf.GradientTape() as tape:
        loss = cross_entropy(1, discriminator(images, training=True))
        loss += cross_entropy(0, discriminator(made, training=True))
    variables = discriminator.trainable_variables
    expected = [float(loss)]
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign(variable - 0.5 * gradient)
    with tf.GradientTape() as tape:
        loss = cross_entropy(1, discriminator(generator(latent, training=True), training=True))
    variables = generator.trainable_variables
    expected.append(float(loss))
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign(variable - 0.5 * gradient)

    model = compiled()
    history = model.fit(images, batch_size=5, verbose=0, shuffle=False).history
    losses = [history["discriminator_loss"][0], history["generator_loss"][0]]
    assert losses == pytest.approx(expected, rel=1e-5)
    for reference, ours in ((generator, model.generator), (discriminator, model.discriminator)):
        for a, b in zip(reference.trainable_weights, ours.trainable_weights, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def test_loss_scales_of_mixed_precision_cancel():
    images = np.random.default_rng(0).uniform(-1, 1, (5, 16, 16, 1)).astype(np.float32)
    plain = compiled()
    scaled = AdversarialTrainer(*networks(), seed=3)
    scaled.compile(
        {
            name: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=64.0)
            for name in scaled.networks
        }
    )
    for model in (plain, scaled):
        model.fit(images, batch_size=5, verbose=0, shuffle=False)
    for a, b in zip(plain.trainable_weights, scaled.trainable_weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def test_every_optimizer_has_its_network_and_no_other_is_made():
    model = compiled()
    assert model.optimizer is model.optimizers["generator"]
    for name, network in model.networks.items():
        paths = {v.path for v in network.trainable_variables}
        assert {v.path for v in model.optimizers[name]._trainable_variables} == paths
    with pytest.raises(ValueError, match="those of generator, discriminator. Received: generator"):
        AdversarialTrainer(*networks()).compile({"generator": keras.optimizers.SGD()})
    with pytest.raises(ValueError, match="Received: none"):
        Trainer({"a": networks()[0]}, "t").compile({})


def test_samples_are_scored_and_kept(tmp_path):
    model = compiled(0.01)
    images = np.random.default_rng(0).uniform(-1, 1, (6, 16, 16, 1)).astype(np.float32)
    latent = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    watch = WatchSamples(tmp_path, latent, lambda made: float(np.abs(made).mean()))
    logs = model.fit(images, epochs=5, verbose=0, callbacks=[watch]).history
    assert len(logs["val_kernel_distance"]) == 5
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["samples_00001.png", "samples_00002.png", "samples_00004.png"]
