"""Name the finding on a chest radiograph with LeNet-5."""

import click

from kerasbio.recipes.options import training_options
from kerasbio.training.options import RunOptions


@click.command("image-diagnosis")
@training_options
@click.option("--size", default=64, show_default=True, type=click.IntRange(32, 512), help="Pixels.")
@click.option(
    "--difficulty",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 10),
    help="Of the synthetic images: higher is fainter.",
)
def image_diagnosis(options: RunOptions, size: int, difficulty: float) -> None:
    """Train LeNet-5 to name the finding on an image.

    By default on simulated chest radiographs; with --data FOLDER on your own PNG, JPEG or TIFF
    images, one folder per class or a labels.csv (file, label, subject).
    """
    import keras

    from kerasbio import baselines
    from kerasbio.datasets.cases import Mapped, limit, split, to_dataset
    from kerasbio.datasets.image_folder import ImageFolder
    from kerasbio.datasets.radiographs import Radiographs
    from kerasbio.layers.prepare_images import PrepareImages, prepare_image
    from kerasbio.models.cnn import build_lenet5
    from kerasbio.optimizers import make_optimizer
    from kerasbio.recipes.results import finish_classification
    from kerasbio.training.evaluation import compare_classifiers
    from kerasbio.training.fit import fit, seed_everything
    from kerasbio.training.run import open_run

    options = options.with_defaults(
        epochs=30, batch_size=64, samples=6000, optimizer="adam", schedule="cosine", learning_rate=1
    ).for_dry_run()
    seed_everything(options.seed)

    # Data: raw images, prepared once as the exported model will prepare them.
    if options.data:
        raw = limit(ImageFolder(options.data), options.samples, options.seed)
    else:
        raw = Radiographs(options.samples, size=size, difficulty=difficulty, seed=options.seed)
    cases = Mapped(raw, lambda image: prepare_image(image, size))
    training, validation, test = split(cases, (0.6, 0.15, 0.25), options.seed)
    channels = training[0]["image"].shape[-1]

    with open_run("image-diagnosis", options, "lenet5") as run:
        click.echo(f"run: {run.path}")
        model = build_lenet5(
            (size, size, channels), len(cases.classes), batch_norm=bool(options.batch_norm)
        )
        model.compile(
            make_optimizer(options.optimizer, options.learning_rate),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        notes = fit(
            run,
            model,
            lambda epoch, skip: to_dataset(training, options.batch_size, options.seed, epoch, skip),
            steps_per_epoch=-(-len(training) // options.batch_size),
            validation_data=to_dataset(validation, options.batch_size),
        )

        # Evaluate on subjects that nothing has seen, beside what one would try first.
        images, seen = test.stack("image"), training.stack("image")
        logits = model.predict(images, batch_size=options.batch_size, verbose=0)
        baseline = baselines.fit_image_baseline(
            seen, training.labels, training.subjects, options.seed
        )
        probabilities = {
            "network": keras.ops.convert_to_numpy(keras.ops.softmax(logits)),
            "logistic regression": baseline.predict_proba(images),
        }
        if "cause" in training[0]:
            oracle = baselines.fit_oracle(training.stack("cause"), training.labels, options.seed)
            probabilities["oracle"] = oracle.predict_proba(test.stack("cause"))
        comparison = compare_classifiers(
            test.labels, test.subjects, probabilities, cases.classes, seed=options.seed
        )

        finish_classification(
            run,
            model,
            comparison,
            prepare=PrepareImages(size, channels),
            images=images,
            raw=[raw[int(i)]["image"] for i in test.indices[:4]],
            notes=notes,
        )
        click.echo(f"run: {run.path}")
