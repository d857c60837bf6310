"""Width against depth on three functions."""

import click

from kerasbio.recipes.options import SEED, demonstration_options
from kerasbio.training.options import RunOptions

FOLDS = (
    "A deep network folds the line once for each layer, so that its pieces double where a wide one "
    "gains as many as it gets units. What can be written down need not be learned: as k grows the "
    "trained networks fail although the weights exist. Deeper is more compact, and harder to train."
)
SPEED = (
    "A start with its corners spread over the domain helps one layer as well. Depth is not what "
    "makes four teeth possible: from the usual start it is what makes them quick to learn."
)


@click.command("universal-approximation")
@demonstration_options
@SEED
def universal_approximation(options: RunOptions, quick: bool) -> None:
    """Fit a dose-response curve, an ECG and the tent map by networks of growing width and depth.

    One hidden layer that is wide enough comes near to any of them, and its weights can be written
    down; trained networks are measured beside it. A deep network folds the line as often as it has
    layers, and learns folds in fewer updates, until there are too many to learn.
    """
    import numpy as np

    from kerasbio.demonstrations import approximation_plots as draw
    from kerasbio.demonstrations.approximation_rates import rate_study, tent_claim
    from kerasbio.demonstrations.approximation_studies import depth_study, width_study
    from kerasbio.recipes.results import finish_demonstration
    from kerasbio.report.demonstration import Figure, Table
    from kerasbio.training.run import open_run

    with open_run("universal-approximation", options, "networks") as run:
        click.echo(f"run: {run.path}")
        plots = run.path / "plots"
        click.echo("width: one hidden layer that grows, trained and written down")
        if quick:
            few = {"seeds": 2, "updates": 50, "seed": options.seed}
            width = width_study((4, 16), **few)
            depth = depth_study((1, 2), (2, 3), **few)
            rates = rate_study((0.01, 0.03), (50,), tuned=(0.01,), **few)
        else:
            width = width_study(seed=options.seed)
            click.echo("depth: one layer to five of equal capacity, on one fold to seven")
            depth = depth_study(seed=options.seed)
            click.echo("rates and updates: whether another rate would help one layer")
            rates = rate_study(seed=options.seed)
        claim = tent_claim(rates)
        shown = [width.widths[i] for i in (0, len(width.widths) // 2, -1)]
        headline = (
            f"By one recipe, {rates.updates} updates at a rate of {claim.rate}, "
            f"{claim.deep_succeeds} of {claim.seeds} networks of {rates.depths[1]} layers learn "
            "the four teeth of the tent map; one layer of equal capacity leaves at least "
            f"{100 * claim.shallow_least:.0f} % of the variance"
        )

        def medians(errors):
            return [f"{value:.2g}" for value in np.median(errors, axis=-1)]

        finish_demonstration(
            run,
            title="Universal approximation: width against depth",
            headline=headline,
            facts=[
                ("Functions", "dose response in % over log₁₀ concentration; one ECG cycle in mV, "
                 "with noise on its samples; the tent map of k folds"),
                ("Networks", "rectified units; one hidden layer of "
                 f"{width.widths[0]} to {width.widths[-1]} units, and "
                 f"{' or '.join(map(str, depth.depths))} layers of "
                 f"{min(depth.parameters)} to {max(depth.parameters)} parameters"),
                ("Training", f"Adam at {depth.rate}, one cycle, 256 samples in each update; "
                 f"{width.updates:,} updates for width, {depth.updates:,} for depth"),
                ("Start", "He initialization; corners spread over the domain for width, biases "
                 "of 0, as is usual, for depth"),
                ("Seeds", f"{width.seeds} for width, {depth.seeds} for depth"),
            ],
            sections={
                "Depth": [
                    Figure(draw.plot_depth(plots / "depth.png", depth), "Depth against width",
                           "share of the variance that is left of the tent map, over its folds; "
                           "every network has as many parameters"),
                    Figure(draw.plot_teeth(plots / "teeth.png", depth), "Four teeth",
                           f"what the seed of median error makes of k = {depth.shown_folds}"),
                    Figure(draw.plot_compactness(plots / "compactness.png"), "Written down",
                           "parameters that make the tent map exactly: deep 6k + 1, one layer "
                           "3 · 2ᵏ + 1"),
                    *([] if quick else [FOLDS]),
                    Table(
                        ("Hidden layers", "Parameters", *depth.targets),
                        [
                            (str(d), str(p), *medians(depth.unexplained[i]))
                            for i, (d, p) in enumerate(
                                zip(depth.depths, depth.parameters, strict=True)
                            )
                        ],
                        "Unexplained variance, median over the seeds",
                    ),
                ],
                "Is it the rate, or the updates?": [
                    Figure(draw.plot_rates(plots / "rates.png", rates), "Rate",
                           f"each dot is a seed, after {rates.updates} updates"),
                    Figure(draw.plot_updates(plots / "updates.png", rates), "Updates",
                           "at the best of the rates for each"),
                    f"One layer wants a larger rate: at the best its best seed leaves "
                    f"{100 * claim.shallow_least_at_any_rate:.1f} %.",
                    *([] if quick else [SPEED]),
                ],
                "Width": [
                    figure
                    for i, name in enumerate(width.targets)
                    for figure in (
                        Figure(draw.plot_width_error(plots / f"width_{i}.png", width, i),
                               f"Error over width: {name}",
                               "trained with its seeds, and the network that is written down; its "
                               "bound falls as the square of the width"),
                        Figure(draw.plot_fits(plots / f"fits_{i}.png", width, i, shown),
                               f"Fits: {name}", "the first seed, on its samples"),
                    )
                ],
            },
            results={"width": width, "depth": depth, "rates": rates, "claim": claim},
        )  # fmt: skip
