"""Make images like those of a set with DCGAN."""

import click

from kerasbio.recipes.options import Finite, training_options
from kerasbio.training.options import RunOptions

#: Images of a validation, and most images of each kind in the final comparison.
WATCHED, COMPARED = 500, 2500


@click.command("image-synthesis")
@training_options
@click.option(
    "--size",
    default="32",
    show_default=True,
    type=click.Choice(["32", "64", "128"]),
    help="Pixels per side of the images.",
)
@click.option(
    "--width",
    default=32,
    show_default=True,
    type=click.IntRange(1, 256),
    help="Maps of the layers next to the image; DCGAN as published has 64.",
)
@click.option(
    "--difficulty",
    default=1.0,
    show_default=True,
    type=Finite(0.1, 10),
    help="Of the synthetic images: higher is fainter.",
)
def image_synthesis(options: RunOptions, size: str, width: int, difficulty: float) -> None:
    """Train DCGAN to make images.

    By default chest radiographs like the simulated ones of image-diagnosis; with --data FOLDER
    images like your own, in the same folders as there.
    """
    import keras
    import numpy as np

    from kerasbio.adversarial import AdversarialTrainer, WatchSamples
    from kerasbio.baselines import PixelGaussian
    from kerasbio.datasets.cases import Mapped, fingerprint, split, to_dataset
    from kerasbio.export import export_generator
    from kerasbio.image_features import FeatureSpace
    from kerasbio.layers.prepare_images import prepare_image
    from kerasbio.metrics.kernel_distance import KernelDistance
    from kerasbio.models.gan import build_dcgan_discriminator, build_dcgan_generator
    from kerasbio.optimizers import make_optimizer
    from kerasbio.recipes.images import load_images
    from kerasbio.recipes.results import Interface, finish
    from kerasbio.report.synthesis import compare_sets, synthesis_sections
    from kerasbio.training.fit import fit, seed_everything
    from kerasbio.training.run import open_run

    options = options.with_defaults(
        epochs=20, batch_size=64, optimizer="adam", schedule="constant",
        learning_rate=1.0,
        samples=None if options.data else 10_000,
    ).for_dry_run()  # fmt: skip
    seed_everything(options.seed)
    side = int(size)

    # Data: standardized images, of which three standard deviations span what tanh can give.
    raw, known = load_images(options, side, difficulty)
    cases = Mapped(raw, lambda image: np.clip(prepare_image(image, side) / 3, -1, 1))
    training, validation, test = split(cases, (0.6, 0.15, 0.25), options.seed)
    channels = training[0]["image"].shape[-1]
    people = [len(np.unique(part.subjects)) for part in (training, validation, test)]
    data = (
        f"{options.data or 'simulated chest radiographs'}: {people[0]:,} subjects to train, "
        f"{people[1]:,} to choose the epoch, {people[2]:,} to test"
    )

    with open_run("image-synthesis", options, "dcgan", fingerprint(cases)) as run:
        click.echo(f"run: {run.path}")
        click.echo(f"data: {data}")
        filters = [width * side // 8 // 2**level for level in range((side // 4).bit_length() - 1)]
        settings = {"batch_norm": options.batch_norm is not False}
        shape = (side, side, channels)
        generator = build_dcgan_generator(shape, filters=filters, **settings)
        discriminator = build_dcgan_discriminator(shape, filters=filters[::-1], **settings)
        model = AdversarialTrainer(generator, discriminator, seed=options.seed)

        def optimizer():
            if options.optimizer == "adam":
                # Of the publication; Keras' own rate and momentum make the two networks swing.
                rate = 0.0002 * options.learning_rate
                return keras.optimizers.Adam(rate, beta_1=0.5)
            return make_optimizer(options.optimizer, options.learning_rate)

        model.compile({name: optimizer() for name in model.networks})

        def feed(epoch, skip):
            return to_dataset(training, options.batch_size, options.seed, epoch, skip)

        seen = training.stack("image")
        space = FeatureSpace(seen)
        random = np.random.default_rng(options.seed)
        # A user's folder is sorted by class: some of it must be some of each.
        watched = space(random.permutation(validation.stack("image"))[:WATCHED])
        latent = random.normal(size=(WATCHED + COMPARED, model.latent_size)).astype(np.float32)

        def score(images):
            return float(KernelDistance(watched, space(images))())

        notes = fit(
            run,
            model,
            feed,
            steps_per_epoch=-(-len(training) // options.batch_size),
            watchers=[WatchSamples(run.path / "plots", latent[: len(watched)], score)],
        )

        # Evaluate on subjects that nothing has seen, beside what one would try first.
        click.echo("scoring beside a Gaussian fitted to the pixels")
        chosen = random.permutation(len(test))[:COMPARED]
        held, subjects = test.stack("image")[chosen], test.subjects[chosen]
        others = random.permutation(seen)[:COMPARED]
        sets = {
            "network": generator.predict(latent[WATCHED:][: len(held)], verbose=0),
            "gaussian": PixelGaussian(seen).sample(len(held), options.seed),
            "oracle": others,
        }
        comparison = compare_sets(space, held, subjects, sets, seed=options.seed)
        names = {
            "network": "DCGAN",
            "gaussian": "Gaussian of the pixels",
            "oracle": "other real images",
        }
        count, published = generator.count_params(), (side, width, channels) == (64, 64, 3)
        finish(
            run,
            model,
            comparison,
            export=lambda directory, metadata: export_generator(
                generator, directory, examples=latent[:2], metadata=metadata
            ),
            interface=Interface(
                {"latent": f"float32 (batch, {model.latent_size}), drawn from N(0, 1)"},
                {"image": f"float32 (batch, {side}, {side}, {channels}), from -1 to 1"},
                {"latent": latent[0]},
            ),
            sections=synthesis_sections(comparison, names, held, sets),
            names=names,
            summary=[
                ("Network", f"DCGAN, {side} x {side} x {channels}, {width} maps next to the image"),
                (
                    "Parameters",
                    f"{count:,} and {discriminator.count_params():,}, "
                    + ("as published" if published else "scaled from the published 64 x 64 x 3"),
                ),
                ("Data", data),
            ],
            data=data,
            notes=[*known, *notes],
        )
        click.echo(f"run: {run.path}")
