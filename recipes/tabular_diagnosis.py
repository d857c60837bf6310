"""Tell an outcome from a table of measurements with a multilayer perceptron."""

from typing import Any, NamedTuple

import click

from kerasbio.recipes.options import COUNT, Finite, activation_option, training_options
from kerasbio.training.options import RunOptions

#: Cases up to which several splits are the default, and how many those are.
SMALL_TABLE, SPLITS = 5_000, 5
#: Updates that a training is to have, within these bounds of its epochs.
UPDATES, FEWEST_EPOCHS, MOST_EPOCHS = 10_000, 10, 60

#: Shares of the subjects to train, to choose the epoch, and to test.
PARTS = (0.6, 0.15, 0.25)
#: By the rate of Adam.
WEIGHT_DECAY = 0.01


class Outcome(NamedTuple):
    """What a training on one split gives.

    Attributes:
        network: The `TableNetwork`.
        baselines: The fitted baselines by name.
        comparison: Their scores on the held-out cases.
        notes: What the user should know.
    """

    network: Any
    baselines: Any
    comparison: Any
    notes: list[str]


@click.command("tabular-diagnosis")
@training_options
@click.option("--target", help="Column of your table that is to be told.")
@click.option("--subject", help="Column of your table that says who a row is of.")
@click.option(
    "--task",
    type=click.Choice(["classification", "regression"]),
    help="Default: regression if the target has more than ten numbers.",
)
@click.option(
    "--decimal",
    type=click.Choice([".", ","]),
    help="Mark before decimals; the other one parts thousands. Default: plain numbers, 1234.5.",
)
@click.option(
    "--repeats",
    type=COUNT,
    help="Random splits, each within --minutes. Default: 5 up to 5,000 cases, else 1.",
)
@click.option("--width", default=256, show_default=True, type=COUNT, help="Units of a layer.")
@click.option(
    "--depth", default=2, show_default=True, type=click.IntRange(0, 64), help="Hidden layers."
)
@click.option(
    "--dropout", default=0.2, show_default=True, type=Finite(0, 0.99), help="Share of units."
)
@activation_option("silu")
@click.option("--residual", is_flag=True, help="Add the input of each hidden layer to its output.")
@click.option(
    "--difficulty",
    default=1.0,
    show_default=True,
    type=Finite(0.1, 10),
    help="Of the synthetic table: higher is noisier.",
)
def tabular_diagnosis(
    options: RunOptions,
    target: str | None,
    subject: str | None,
    task: str | None,
    decimal: str | None,
    repeats: int | None,
    width: int,
    depth: int,
    dropout: float,
    activation: str,
    residual: bool,
    difficulty: float,
) -> None:
    """Train a multilayer perceptron to tell a class or a value from a table.

    By default on simulated patients of a ward; with --data wisconsin on 569 aspirates of breast
    masses; with --data FILE --target COLUMN on your own CSV or Parquet table, one row per case.
    """
    import dataclasses

    import numpy as np

    from kerasbio.datasets.cases import fingerprint, split
    from kerasbio.recipes.tables import NAMES, finish_table, load_table
    from kerasbio.training.fit import seed_everything
    from kerasbio.training.repeats import repeat_splits
    from kerasbio.training.run import open_run

    options = options.with_defaults(
        optimizer="adam", schedule="cosine", learning_rate=2.0, warmup_epochs=2.0,
        samples=None if options.data else 50_000,
    ).for_dry_run()  # fmt: skip
    seed_everything(options.seed)

    # Data: raw columns; how they become features is learned anew from each training part.
    table, source, known = load_table(options, target, subject, task, decimal, difficulty)
    parts = split(table, PARTS, options.seed)
    count = len(parts[0])
    batch = options.batch_size or (32 if count < 2_000 else 128 if count < 100_000 else 512)
    if options.batch_size is None and options.batch_norm and count % batch == 1:
        # A last batch of one case has no variance.
        batch -= 1
    epochs = int(np.clip(UPDATES * batch // count, FEWEST_EPOCHS, MOST_EPOCHS))
    options = options.with_defaults(batch_size=batch, epochs=epochs)
    once = options.is_smoke or options.minutes or len(table) > SMALL_TABLE
    repeats = repeats or (1 if once else SPLITS)
    options = dataclasses.replace(options, extra={**options.extra, "repeats": repeats})
    people = [len(np.unique(part.subjects)) for part in parts]
    what = f"{len(table.classes)} classes" if table.classes else "values"
    data = (
        f"{source}, {len(table.columns):,} columns, {what} of {table.target}: {people[0]:,} "
        f"subjects to train, {people[1]:,} to choose the epoch, {people[2]:,} to test"
    )

    origin = fingerprint(table, table.numbers, table.categories)
    with open_run("tabular-diagnosis", options, "mlp", origin) as run:
        click.echo(f"run: {run.path}")
        click.echo(f"data: {data}")
        outcome = train_on_split(run, table, parts, options.seed)

        def again(part_of_run, number):
            seed = options.seed + number
            parts = split(table, PARTS, seed)
            return train_on_split(part_of_run, table, parts, seed).comparison

        scores = outcome.comparison.scores
        first = {name: scores[name][outcome.comparison.monitor].value for name in scores}
        spread = [first, *repeat_splits(run, repeats - 1, again)]

        model = outcome.network.model
        learnable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        features = outcome.network.encoding.width
        layers = f"{depth} hidden layers of {width}" if depth else "no hidden layer"
        finish_table(
            run,
            outcome.network,
            outcome.comparison,
            table=table,
            test=parts[2],
            spread=spread,
            summary=[
                ("Network", f"multilayer perceptron, {features:,} features, {layers}"),
                ("Capacity", f"{learnable:,} learnable parameters, {learnable / count:.3g} a case"),
                *((NAMES[n].capitalize(), b.chosen) for n, b in outcome.baselines.items()),
                ("Data", data),
            ],
            data=data,
            notes=[*known, *outcome.notes],
        )
        click.echo(f"run: {run.path}")


def train_on_split(run: Any, table: Any, parts: Any, seed: int) -> Outcome:
    """Build, compile and fit a network on one split of a table, and score it beside baselines.

    Args:
        run: The `Run` to train in; its options say how.
        table: The `TabularCases`.
        parts: Its cases to train, to choose the epoch, and to test.
        seed: Seed of weights, order and baselines.
    """
    import keras
    import numpy as np

    from kerasbio.datasets.cases import Subset, to_dataset
    from kerasbio.datasets.tables.encoding import fit_encoding
    from kerasbio.datasets.tables.tabular import EncodedCases
    from kerasbio.losses import CategoricalCrossentropy, MeanSquaredError
    from kerasbio.models.perceptron import build_mlp
    from kerasbio.optimizers import SETTINGS, make_optimizer
    from kerasbio.table_baselines import fit_table_baselines
    from kerasbio.training.fit import fit
    from kerasbio.training.tables import TableNetwork, compare_on_table

    options, classes = run.options, table.classes
    training, validation, test = parts
    encoding = fit_encoding(training.stack("numbers"), training.stack("categories"), table.values)
    labels = training.labels
    scale = None if classes else (float(labels.mean()), float(labels.std()) or 1.0)
    cases = EncodedCases(table, encoding, scale)
    fed, held = (Subset(cases, part.indices) for part in (training, validation))

    keras.utils.set_random_seed(seed)
    chosen = ("width", "depth", "dropout", "activation", "residual")
    shape = {name: options.extra[name] for name in chosen}
    model = build_mlp(
        (encoding.width,), len(classes) or 1, kernel_initializer="he_normal",
        batch_norm=bool(options.batch_norm), **shape,
    )  # fmt: skip
    if classes:
        # From the first update on, a class is as probable as it is frequent.
        counts = np.bincount(labels, minlength=len(classes)) + 1
        model.get_layer("outputs").bias.assign(np.log(counts / counts.sum()))
    # Each update takes the same share of the weights, whatever the optimizer's own rate.
    rates = [SETTINGS[name][1]["learning_rate"] for name in ("adam", options.optimizer)]
    decay = WEIGHT_DECAY * rates[0] / rates[1]
    model.compile(
        make_optimizer(options.optimizer, options.learning_rate, weight_decay=decay),
        CategoricalCrossentropy() if classes else MeanSquaredError(),
        metrics=["accuracy"] if classes else None,
    )
    size = options.batch_size
    notes = fit(
        run,
        model,
        lambda epoch, skip: to_dataset(fed, size, seed, epoch, skip),
        steps_per_epoch=-(-len(fed) // size),
        validation_data=to_dataset(held, size),
    )

    # Evaluate on subjects that nothing has seen, beside what one would try first.
    click.echo("scoring beside a linear model and gradient boosting")
    network = TableNetwork(model, encoding, table.values, scale)
    seen = np.concatenate([training.indices, validation.indices])
    baselines = fit_table_baselines(table, seen, encoding, seed)
    comparison = compare_on_table(network, baselines, validation, test, seed)
    return Outcome(network, baselines, comparison, notes)
