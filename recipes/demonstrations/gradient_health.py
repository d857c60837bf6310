"""Gradients that vanish and explode, and what helps."""

import statistics

import click

from kerasbio.recipes.options import SEED, demonstration_options
from kerasbio.training.options import RunOptions


@click.command("gradient-health")
@demonstration_options
@SEED
def gradient_health(options: RunOptions, quick: bool) -> None:
    """Train a deep network whose gradients vanish and a recurrent one whose gradients explode.

    Ten sigmoid layers on the Wisconsin table, as they are and with one remedy each; a recurrent
    network that adds up doses over four days, clipped in each way and with a gated cell.
    """
    import numpy as np

    from kerasbio.demonstrations import gradient_flow_plots as draw
    from kerasbio.demonstrations.gradient_explosion import exploding_study
    from kerasbio.demonstrations.gradient_flow import vanishing_study
    from kerasbio.recipes.results import finish_demonstration
    from kerasbio.report.demonstration import Figure, Table
    from kerasbio.training.run import open_run

    with open_run("gradient-health", options, "remedies") as run:
        click.echo(f"run: {run.path}")
        plots = run.path / "plots"
        click.echo("vanishing: ten sigmoid layers, and one remedy at a time")
        few = {"seeds": 1, "steps": 20} if quick else {}
        deep = vanishing_study(**few, seed=options.seed)
        click.echo("exploding: a recurrent network over 96 hours, clipped in each way")
        recurrent = exploding_study(**few, seed=options.seed)
        plain = [r for r in deep if r.variant == "sigmoid"]
        cured = [r for r in deep if r.variant in ("ReLU, He", "batch norm", "residual")]
        headline = (
            f"Ten sigmoid layers pass {np.median([r.first_ratio for r in plain]):.0e} of the "
            f"gradient back to the first and stay at {_accuracy(plain)} held-out accuracy, where "
            f"chance is {_percent(plain[0].chance)}; with ReLU, batch normalization "
            f"or residual connections they reach {_accuracy(cured)} in as many steps"
        )

        finish_demonstration(
            run,
            title="Gradients that vanish and explode",
            headline=headline,
            facts=[
                ("Vanishing", "569 aspirates of breast masses (Wisconsin), 30 % of subjects held "
                 "out; ten hidden layers of 64 units, plain SGD at 0.1, batches of 32, "
                 f"{plain[0].steps[-1]} steps"),
                ("Exploding", "concentration of a drug after doses at irregular hours of four "
                 "days, one compartment; a recurrent network of 32 units over 96 hours, SGD with "
                 f"momentum, {len(recurrent[0].loss)} steps"),
                ("Seeds", f"{len(plain)} of the deep network, "
                 f"{len({r.seed for r in recurrent})} of the recurrent one"),
            ],
            sections={
                "Vanishing": [
                    Figure(draw.plot_layer_norms(plots / "layers.png", deep), "Gradient by layer",
                           "L2 norm at the first step; dashed falls to a quarter per layer"),
                    Figure(draw.plot_accuracy(plots / "accuracy.png", deep), "Held-out accuracy",
                           "by step; each remedy alone, thin lines are seeds"),
                    Table(
                        ("Network", "First over last layer", "Accuracy", "GradientHealth says"),
                        [_deep_row(variant, deep) for variant in _variants(deep)],
                        "Gradient of the first hidden layer over that of the last at the first "
                        "step, median and range of the seeds; range of the held-out accuracy at "
                        "the end; what the first seed's run is told",
                    ),
                ],
                "Exploding": [
                    Figure(draw.plot_recurrent_norms(plots / "norms.png", recurrent),
                           "Gradient norm", "before clipping, by step; a cross where it diverges"),
                    Figure(draw.plot_recurrent_loss(plots / "losses.png", recurrent),
                           "Training loss", "by step; 1 is the variance of the concentrations"),
                    Table(
                        ("Network", "Diverged", "Unexplained", "GradientHealth says"),
                        [_recurrent_row(variant, recurrent) for variant in _variants(recurrent)],
                        "Seeds that came to NaN; share of the variance that is left on held-out "
                        "sequences, median and range; what the first seed's run is told",
                    ),
                ],
            },
            results={"vanishing": deep, "exploding": recurrent},
        )  # fmt: skip


def _variants(runs):
    return list(dict.fromkeys(run.variant for run in runs))


def _percent(share):
    return f"{100 * share:.0f} %"


def _accuracy(runs):
    return _range([run.accuracy[-1] for run in runs], _percent)


def _deep_row(variant, runs):
    chosen = [run for run in runs if run.variant == variant]
    return (
        variant,
        _with_range([run.first_ratio for run in chosen], "{:.1e}"),
        _accuracy(chosen),
        chosen[0].verdict or "nothing",
    )


def _recurrent_row(variant, runs):
    chosen = [run for run in runs if run.variant == variant]
    left = [run.unexplained for run in chosen if run.unexplained is not None]
    return (
        variant,
        f"{sum(run.diverged is not None for run in chosen)} of {len(chosen)}",
        _with_range(left, "{:.3f}") if left else "undefined",
        chosen[0].verdict or "nothing",
    )


def _with_range(values, form):
    return f"{form.format(statistics.median(values))} ({_range(values, form.format)})"


def _range(values, form):
    low, high = form(min(values)), form(max(values))
    return low if low == high else f"{low} to {high}"
