"""Name the finding on a chest radiograph with LeNet-5."""

import click

from kerasbio.recipes.options import Finite, activation_option, training_options
from kerasbio.training.options import RunOptions


@click.command("image-diagnosis")
@training_options
@click.option(
    "--size",
    default=32,
    show_default=True,
    type=click.IntRange(32, 512),
    help="Pixels per side that the network sees.",
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
@activation_option("tanh")
def image_diagnosis(
    options: RunOptions, size: int, difficulty: float, shading: float, activation: str
) -> None:
    """Train LeNet-5 to name the finding on an image.

    By default on simulated chest radiographs; with --data FOLDER on your own PNG, JPEG or TIFF
    images: one folder per class, or a labels.csv with the columns file,label,subject.
    """
    import keras
    import numpy as np

    from kerasbio import baselines
    from kerasbio.datasets.cases import (
        Mapped,
        fingerprint,
        shift_image,
        split,
        to_dataset,
    )
    from kerasbio.layers.prepare_images import PrepareImages, prepare_image
    from kerasbio.losses import CategoricalCrossentropy
    from kerasbio.models.cnn import build_lenet5
    from kerasbio.optimizers import make_optimizer
    from kerasbio.recipes.images import load_images
    from kerasbio.recipes.results import finish_image_classification
    from kerasbio.training.evaluation import compare_classifiers
    from kerasbio.training.fit import fit, seed_everything
    from kerasbio.training.run import open_run

    options = options.with_defaults(
        epochs=120, batch_size=128, optimizer="adam", schedule="cosine",
        learning_rate=4.0, warmup_epochs=2.0,
        samples=None if options.data else 10_000,
    ).for_dry_run()  # fmt: skip
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

    with open_run("image-diagnosis", options, "lenet5", fingerprint(cases)) as run:
        click.echo(f"run: {run.path}")
        click.echo(f"data: {data}")
        model = build_lenet5(
            (size, size, channels),
            len(cases.classes),
            activation=activation,
            batch_norm=bool(options.batch_norm),
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
            names={"network": "LeNet-5", "baseline": "logistic regression", "oracle": "oracle"},
            summary=[
                ("Network", f"LeNet-5, {size} x {size} x {channels}"),
                ("Parameters", f"{model.count_params():,} (61,706 as published, for 10 classes)"),
                ("Data", data),
            ],
            data=data,
            notes=[*known, *notes],
        )
        click.echo(f"run: {run.path}")
