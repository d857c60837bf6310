"""The options that every training recipe takes, gathered into one `RunOptions`."""

import dataclasses
import functools
import math
import os
import signal
from collections.abc import Callable
from typing import Any

import click

from kerasbio.errors import Interrupted
from kerasbio.names import OPTIMIZERS, SCHEDULES
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

OPTIONS = (
    click.option("--epochs", type=COUNT, help="Passes over the training cases."),
    click.option("--batch-size", type=COUNT, help="Cases per update."),
    click.option(
        "--samples", type=COUNT, help="Cases to generate, or the most to read of your own."
    ),
    click.option("--learning-rate", type=POSITIVE, help="Factor on the optimizer's own rate."),
    click.option("--optimizer", type=click.Choice(OPTIMIZERS), help="Default: the recipe's."),
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
        help="Momentum of moving statistics in the first and the last epoch.",
    ),
    click.option(
        "--reestimate-batch-norm",
        is_flag=True,
        help="Estimate statistics anew over the training cases, once trained.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        help="Of data, weights and order.",
    ),
    click.option("--data", type=click.Path(), help="Your own data in place of the synthetic."),
    click.option(
        "--output",
        type=click.Path(),
        default=".",
        show_default=True,
        help="Folder that holds runs/ and saved_models/.",
    ),
    click.option("--name", help="Name of the run. Default: the architecture and a number."),
    click.option("--resume", is_flag=True, help="Go on with the run --name, or the newest one."),
    click.option("--dry-run", is_flag=True, help="Try every stage on a few cases."),
    click.option("--minutes", type=POSITIVE, help="Begin no epoch that would end after these."),
)


def training_options(recipe: Callable[..., None]) -> Callable[..., None]:
    """Give a recipe the shared options; it is called with a `RunOptions` and its own options.

    Put it right below `@click.command`; the recipe's own options go below it. `options.given`
    holds the names of what the user typed. With `--resume` the values are those of the run.
    """

    @click.pass_context
    @functools.wraps(recipe)
    def command(context: click.Context, /, **values: Any) -> None:
        shared = {f.name for f in dataclasses.fields(RunOptions)}
        own = {name: value for name, value in values.items() if name not in shared}
        typed = click.core.ParameterSource.COMMANDLINE
        given = tuple(n for n in values if context.get_parameter_source(n) is typed)
        if sum(values[name] is not None for name in CLIPS) > 1:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in CLIPS)
            raise click.UsageError(f"give at most one of {flags}")
        if values["reestimate_batch_norm"] and values["freeze_batch_norm_at"]:
            raise click.UsageError(
                "the weights fit statistics that are frozen: give --freeze-batch-norm-at or "
                "--reestimate-batch-norm"
            )
        if values["batch_norm_momentum"] is not None:
            values["batch_norm_momentum"] = list(values["batch_norm_momentum"])
        if values["data"] is not None:
            values["data"] = os.path.abspath(values["data"])
        known = {name: value for name, value in values.items() if name in shared}
        options = RunOptions(**known, extra=own, given=given)
        if options.resume:
            from kerasbio.training.run import resumed_options

            options = resumed_options(context.command.name or "", options)
        import_tensorflow()
        try:
            recipe(options, **{name: options.extra.get(name, own[name]) for name in own})
        except KeyboardInterrupt:
            # While it trains, the state of the step is saved; this is before or after.
            raise Interrupted(
                "stopped by the keyboard; a run that has begun goes on with --resume",
                signal.SIGINT,
            ) from None

    for option in reversed(OPTIONS):
        command = option(command)
    return command
