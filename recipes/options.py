"""The options that recipes and demonstrations share, gathered into one `RunOptions`."""

import dataclasses
import functools
import logging
import math
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

import click

from kerasbio.errors import Interrupted
from kerasbio.names import ACTIVATIONS, OPTIMIZERS, SCHEDULES
from kerasbio.quiet import import_tensorflow
from kerasbio.training.options import RunOptions


class Finite(click.FloatRange):
    """A range without NaN and infinity, which click's own lets pass."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


COUNT = click.IntRange(min=1)
POSITIVE = Finite(min=0, min_open=True)
CLIPS = ("clip_norm", "clip_variable_norm", "clip_value", "clip_adaptive")

SEED = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of data, weights and order.",
)
OUTPUT = click.option(
    "--output",
    type=click.Path(),
    default=".",
    show_default=True,
    help="Folder that holds runs/ and saved_models/.",
)
NAME = click.option("--name", help="Name of the run. Default: what it is of and a number.")
OPTIONS = (
    click.option("--epochs", type=COUNT, help="Passes over the training cases."),
    click.option("--batch-size", type=COUNT, help="Cases per update."),
    click.option(
        "--samples", type=COUNT, help="Cases to generate, or the most to read of your own."
    ),
    click.option("--learning-rate", type=POSITIVE, help="Factor on the optimizer's own rate."),
    click.option(
        "--optimizer",
        type=click.Choice(OPTIMIZERS),
        metavar="NAME",
        help=f"One of {', '.join(OPTIMIZERS)}. Default: the recipe's.",
    ),
    click.option("--schedule", type=click.Choice(SCHEDULES), help="Course of the learning rate."),
    click.option("--warmup-epochs", type=Finite(min=0), help="Epochs in which the rate rises."),
    click.option("--clip-norm", type=POSITIVE, help="Largest norm of all gradients together."),
    click.option("--clip-variable-norm", type=POSITIVE, help="Largest norm per variable."),
    click.option("--clip-value", type=POSITIVE, help="Largest absolute value of a gradient."),
    click.option(
        "--clip-adaptive",
        type=Finite(0, 100, min_open=True),
        metavar="PERCENTILE",
        help="Limit the norm to a percentile of those so far.",
    ),
    click.option("--batch-norm/--no-batch-norm", default=None, help="Default: as published."),
    click.option(
        "--freeze-batch-norm-at", type=COUNT, help="Epoch from which moving statistics stay."
    ),
    click.option(
        "--batch-norm-momentum",
        type=Finite(0, 1, max_open=True),
        nargs=2,
        metavar="FIRST LAST",
        help="Momentum of moving statistics by epoch, such as 0.9 0.99.",
    ),
    click.option(
        "--reestimate-batch-norm",
        is_flag=True,
        help="Estimate statistics anew over the training cases, once trained.",
    ),
    SEED,
    click.option("--data", type=click.Path(), help="Your own data in place of the synthetic."),
    OUTPUT,
    NAME,
    click.option("--resume", is_flag=True, help="Go on with the run --name, or the newest one."),
    click.option("--dry-run", is_flag=True, help="Try every stage on a few cases."),
    click.option("--minutes", type=POSITIVE, help="Begin no epoch that would end after these."),
)


DEMONSTRATION_OPTIONS = (
    OUTPUT,
    NAME,
    click.option("--quick", is_flag=True, help="A small one, in seconds, to try it."),
)


def training_options(recipe: Callable[..., None]) -> Callable[..., None]:
    """Give a recipe the shared options; it is called with a `RunOptions` and its own options.

    Put it right below `@click.command`; the recipe's own options go below it. `options.given`
    holds the names of what the user typed. With `--resume` the values are those of the run.
    """

    def prepare(context: click.Context, options: RunOptions) -> RunOptions:
        _check(options)
        momentum = options.batch_norm_momentum
        options = dataclasses.replace(
            options,
            data=options.data and os.path.abspath(options.data),
            # As it comes back from the file of a run that is resumed.
            batch_norm_momentum=momentum and list(momentum),
        )
        if options.resume:
            from kerasbio.training.run import resumed_options

            return resumed_options(context.command.name or "", options)
        return options

    return _command(recipe, OPTIONS, prepare, "; a run that has begun goes on with --resume")


def activation_option(default: str) -> Callable[..., Any]:
    """Return the option `--activation` of a recipe whose network has the one given by default."""
    return click.option(
        "--activation",
        type=click.Choice(ACTIVATIONS),
        metavar="NAME",
        default=default,
        show_default=True,
        help="Of the hidden layers: see kerasbio demo activations.",
    )


def demonstration_options(demonstration: Callable[..., None]) -> Callable[..., None]:
    """Give a demonstration `--output`, `--name` and `--quick`; one that draws adds `SEED`.

    It is called with a `RunOptions`, `quick`, and its own options.
    """

    def prepare(_: click.Context, options: RunOptions) -> RunOptions:
        # That many small networks are traced is what a demonstration is about.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        return options

    return _command(demonstration, DEMONSTRATION_OPTIONS, prepare, "")


def _command(
    recipe: Callable[..., None],
    shared: Sequence[Callable[..., Any]],
    prepare: Callable[[click.Context, RunOptions], RunOptions],
    hint: str,
) -> Callable[..., None]:
    @click.pass_context
    @functools.wraps(recipe)
    def command(context: click.Context, /, **values: Any) -> None:
        fields = {f.name for f in dataclasses.fields(RunOptions)}
        own = {name: value for name, value in values.items() if name not in fields}
        typed = click.core.ParameterSource.COMMANDLINE
        given = tuple(n for n in values if context.get_parameter_source(n) is typed)
        known = {name: value for name, value in values.items() if name in fields}
        options = prepare(context, RunOptions(**known, extra=own, given=given))
        import_tensorflow()
        try:
            recipe(options, **{name: options.extra.get(name, own[name]) for name in own})
        except KeyboardInterrupt:
            # While it trains, the state of the step is saved; this is before or after.
            raise Interrupted(f"stopped by the keyboard{hint}", signal.SIGINT) from None

    for option in reversed(shared):
        command = option(command)
    return command


def _check(options: RunOptions) -> None:
    if sum(getattr(options, name) is not None for name in CLIPS) > 1:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in CLIPS)
        raise click.UsageError(f"give at most one of {flags}")
    if options.reestimate_batch_norm and options.freeze_batch_norm_at:
        raise click.UsageError(
            "the weights fit statistics that are frozen: give --freeze-batch-norm-at or "
            "--reestimate-batch-norm"
        )
