"""Every optimizer on a ravine."""

import click

from kerasbio.recipes.options import demonstration_options
from kerasbio.training.options import RunOptions

DRAWN = ("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam")
TURN = 30.0
TURNED = (
    "Adaptive rates are one for each weight: they level a ravine that lies along the axes. Turned "
    "against the axes it is no longer level for them, and Adagrad, which was there in a few steps, "
    "takes as long as plain descent. SGD and momentum do not care."
)


@click.command("optimizer-paths")
@demonstration_options
def optimizer_paths(options: RunOptions, quick: bool) -> None:
    """Let every optimizer go down a ravine, at the best of many rates.

    The ravine is a hundred times as steep across as along. Plain descent swings from wall to
    wall, momentum gets along in spite of it, and adaptive rates level the ravine, as long as it
    lies along the axes of the weights.
    """
    from kerasbio.demonstrations.optimizer_paths import (
        CONDITION,
        NEAR_THE_LIMIT,
        path_at,
        study,
        theory,
    )
    from kerasbio.demonstrations.optimizer_plots import plot_heights, plot_paths, plot_swing
    from kerasbio.names import OPTIMIZERS
    from kerasbio.recipes.results import finish_demonstration
    from kerasbio.report.demonstration import Figure, Table
    from kerasbio.training.run import open_run

    names, steps, rates = (DRAWN, 400, 11) if quick else (OPTIMIZERS, 600, 41)
    with open_run("optimizer-paths", options, "ravine") as run:
        click.echo(f"run: {run.path}")
        plots = run.path / "plots"
        straight = study(names, steps, rates)
        turned = study(names, steps, rates, TURN)
        limit = path_at("sgd", NEAR_THE_LIMIT * 2 / CONDITION, steps)
        shown = [straight[name] for name in DRAWN]
        plot_paths(plots / "paths.png", shown)
        plot_heights(plots / "heights.png", {path.optimizer: path for path in shown})
        swinging = {
            f"SGD at {100 * NEAR_THE_LIMIT:.0f} % of the rate at which it diverges": limit,
            "momentum at its best rate": straight["momentum"],
            "Adam at its best rate": straight["adam"],
        }
        plot_swing(plots / "swing.png", swinging)

        def arrived(path):
            return "not" if path.arrived is None else str(path.arrived)

        rows = [
            (
                name, f"{path.rate:.3g}", arrived(path), str(path.crossings), f"{path.swing:.1f}",
                arrived(turned[name]),
            )
            for name, path in straight.items()
        ]  # fmt: skip
        sgd, momentum = straight["sgd"], straight["momentum"]
        told = [
            f"{label} {path.arrived} steps and {path.crossings} crossings"
            if path.arrived
            else f"{label} does not arrive"
            for label, path in (("SGD", sgd), ("momentum", momentum), ("Adam", straight["adam"]))
        ]
        headline = (
            "To the floor of a ravine that is a hundred times as steep across as along: "
            + ", ".join(told)
        )
        laws = [(path, theory(path.optimizer, path.rate)) for path in (sgd, limit, momentum)]
        finish_demonstration(
            run,
            title="Optimizers on a ravine",
            headline=headline,
            facts=[
                ("Height", "(x² + 100 y²) / 2, from x = −10, y = 1"),
                ("Goal", "a thousandth of the first height, and no more above it"),
                ("Rates", f"the best of {rates} from 0.0001 to 10 for each optimizer"),
            ],
            sections={
                "Paths": [
                    Figure(
                        plots / "paths.png", "Paths",
                        "each at its best rate; a dot is a step, the cross is the minimum",
                    ),
                    Figure(
                        plots / "heights.png", "Height by step",
                        "logarithmic; dashed is the goal",
                    ),
                    Figure(
                        plots / "swing.png", "Across the ravine",
                        "SGD swings from wall to wall; momentum overshoots in wide arcs; Adam "
                        "takes steps of like size in both directions",
                    ),
                ],
                "Every optimizer": [
                    Table(
                        ("Optimizer", "Best rate", "Steps", "Crossings", "Way across",
                         f"Steps, turned {TURN:.0f}°"),
                        rows,
                        "Steps to the goal; crossings of the floor until then; way across as a "
                        "multiple of the straight way; steps on the same ravine turned against "
                        "the axes",
                    ),
                    *([] if quick else [TURNED]),
                ],
                "Theory": [
                    Table(
                        ("Path", "Measured", "In the long run, theory"),
                        [
                            (f"{path.optimizer} at {path.rate:.4g}", f"{path.shrinkage:.4f}",
                             f"{law:.4f}")
                            for path, law in laws
                        ],
                        "Factor by which the distance from the minimum shrinks per step",
                    ),
                ],
            },
            results={
                "straight": [path.numbers() for path in straight.values()],
                "turned": [path.numbers() for path in turned.values()],
                "near_the_limit": limit.numbers(),
            },
        )  # fmt: skip
