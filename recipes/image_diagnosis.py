"""Name the finding on a chest radiograph with a convolutional network."""

import click

from kerasbio.names import ACTIVATIONS
from kerasbio.recipes.classifiers import CLASSIFIERS, build_classifier
from kerasbio.recipes.options import Finite, training_options
from kerasbio.training.options import RunOptions


@click.command("image-diagnosis")
@training_options
@click.option(
    "--network",
    default="lenet5",
    show_default=True,
    type=click.Choice(list(CLASSIFIERS)),
    metavar="NAME",
    help=f"One of {', '.join(CLASSIFIERS)}.",
)
@click.option(
    "--width",
    type=click.IntRange(2, 512),
    help="Maps of the first stage. Default: what two cores can train.",
)
@click.option(
    "--size",
    type=click.IntRange(32, 512),
    help="Pixels per side that the network sees. Default: 32 for LeNet-5, else 64 or 67.",
)
@click.option(
    "--difficulty",
    default=1.0,
    show_default=True,
    type=Finite(0.1, 10),
    help="Of the synthetic images: higher is fainter.",
)
@click.option(
    "--shading",
    default=0.1,
    show_default=True,
    type=Finite(0, 1),
    help="Even out brightness over this share of the image's side; 0 keeps it.",
)
@click.option(
    "--activation",
    type=click.Choice(ACTIVATIONS),
    metavar="NAME",
    help="Of the hidden layers: see kerasbio demo activations. Default: as published.",
)
def image_diagnosis(
    options: RunOptions,
    network: str,
    width: int | None,
    size: int | None,
    difficulty: float,
    shading: float,
    activation: str | None,
) -> None:
    """Train a network to name the finding on an image.

    By default LeNet-5 on simulated chest radiographs; with --data on your own PNG, JPEG or TIFF
    images: a folder with one folder per class, or with a labels.csv of the columns
    file,label,subject; or on a file of MedMNIST.

    Defaults: 10,000 simulated images; LeNet-5 in batches of 128 for 120 epochs at 4 times Adam's
    rate, the others in batches of 64 at its rate for 5 to 50 epochs, the deepest for the fewest:
    two to five minutes on two cores.
    """
    import keras
    import numpy as np

    from kerasbio import baselines
    from kerasbio.datasets.augmentation import shift_image
    from kerasbio.datasets.cases import Mapped, fingerprint, split, to_dataset
    from kerasbio.layers.prepare_images import PrepareImages, prepare_image
    from kerasbio.losses import CategoricalCrossentropy
    from kerasbio.optimizers import make_optimizer
    from kerasbio.recipes.images import load_images
    from kerasbio.recipes.results import finish_image_classification
    from kerasbio.training.evaluation import compare_classifiers
    from kerasbio.training.fit import fit, seed_everything
    from kerasbio.training.run import open_run

    small = network == "lenet5"
    options = options.with_defaults(
        epochs=CLASSIFIERS[network].epochs, batch_size=128 if small else 64, optimizer="adam",
        schedule="cosine", learning_rate=4.0 if small else 1.0, warmup_epochs=2.0,
        samples=None if options.data else 10_000,
    ).for_dry_run()  # fmt: skip
    kind = CLASSIFIERS[network]
    size, width = size or kind.size, width or kind.width
    if small and width:
        raise click.UsageError("LeNet-5 has one width: leave --width out")
    if activation and network.startswith("resnet"):
        raise click.UsageError("a ResNet has ReLU: leave --activation out")
    seed_everything(options.seed)

    # Data: raw images, prepared here once as the exported model will prepare them.
    raw, known = load_images(options, size, difficulty)
    cases = Mapped(raw, lambda image: prepare_image(image, size, shading))
    training, validation, test = split(cases, (0.6, 0.15, 0.25), options.seed)
    channels = training[0]["image"].shape[-1]
    people = [len(np.unique(part.subjects)) for part in (training, validation, test)]
    data = (
        f"{options.data or 'simulated chest radiographs'}, {len(cases.classes)} classes: "
        f"{people[0]:,} subjects to train, {people[1]:,} to choose the epoch, {people[2]:,} to test"
    )

    with open_run("image-diagnosis", options, network, fingerprint(cases)) as run:
        click.echo(f"run: {run.path}")
        click.echo(f"data: {data}")
        model = build_classifier(
            network,
            (size, size, channels),
            len(cases.classes),
            width=width,
            activation=activation,
            batch_norm=options.batch_norm,
        )
        model.compile(
            make_optimizer(options.optimizer, options.learning_rate),
            CategoricalCrossentropy(),
            metrics=["accuracy"],
        )

        def feed(epoch, skip):
            return to_dataset(
                training, options.batch_size, options.seed, epoch, skip, augment=shift_image
            )

        notes = fit(
            run,
            model,
            feed,
            steps_per_epoch=-(-len(training) // options.batch_size),
            validation_data=to_dataset(validation, options.batch_size),
        )

        # Evaluate on subjects that nothing has seen, beside what one would try first.
        click.echo("scoring beside logistic regression on classical features")
        images, seen = test.stack("image"), training.stack("image")
        logits = model.predict(images, batch_size=options.batch_size, verbose=0)
        classical = baselines.fit_image_baseline(
            seen, training.labels, training.subjects, options.seed
        )
        probabilities = {
            "network": keras.ops.convert_to_numpy(keras.ops.softmax(logits)),
            "baseline": classical.predict_proba(images),
        }
        if "cause" in training[0]:
            oracle = baselines.fit_oracle(training.stack("cause"), training.labels)
            probabilities["oracle"] = oracle.predict_proba(test.stack("cause"))
        comparison = compare_classifiers(
            test.labels, test.subjects, probabilities, cases.classes, seed=options.seed
        )

        finish_image_classification(
            run,
            model,
            comparison,
            prepare=PrepareImages(size, channels, shading),
            images=images,
            raw=raw[int(test.indices[0])]["image"][None],
            names={"network": kind.title, "baseline": "logistic regression", "oracle": "oracle"},
            summary=[
                (
                    "Network",
                    f"{kind.title}, {size} x {size} x {channels}"
                    + (f", {width} maps in the first stage" if width else ""),
                ),
                ("Parameters", f"{model.count_params():,} ({kind.published})"),
                ("Data", data),
            ],
            data=data,
            notes=[*known, *notes],
        )
        click.echo(f"run: {run.path}")
