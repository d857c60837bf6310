"""Learn which test to do next, and when to treat or to discharge, with DQN."""

import click

from kerasbio.recipes.options import POSITIVE, Finite, activation_option, training_options
from kerasbio.training.options import RunOptions

#: Patients at once; updates in a step of `fit`; held-out patients.
LANES, UPDATES, PATIENTS = 32, 50, 4000


@click.command("adaptive-diagnostics")
@training_options
@click.option(
    "--prior",
    default=0.2,
    show_default=True,
    type=Finite(0.001, 0.999),
    help="Probability of the disease before any test.",
)
@click.option(
    "--missed", default=100.0, show_default=True, type=POSITIVE, help="Loss of a missed disease."
)
@click.option(
    "--overtreated",
    default=30.0,
    show_default=True,
    type=POSITIVE,
    help="Loss of treating the healthy.",
)
@activation_option("relu")
def adaptive_diagnostics(
    options: RunOptions, prior: float, missed: float, overtreated: float, activation: str
) -> None:
    """Train an agent to choose diagnostic tests one after another.

    By default the work-up of a suspected pulmonary embolism with D-dimer, ultrasound and CT
    angiography; with --data FILE your own tests: a CSV file with the columns
    name,sensitivity,specificity,cost.
    """
    import numpy as np
    import tensorflow as tf

    from kerasbio.agents.dqn import DQNTrainer
    from kerasbio.environments.batched import DiagnosisEnvironment
    from kerasbio.environments.diagnosis import PULMONARY_EMBOLISM, Workup
    from kerasbio.environments.diagnosis_files import read_tests
    from kerasbio.export import export_policy
    from kerasbio.models.agent import build_q_network
    from kerasbio.optimizers import make_optimizer
    from kerasbio.recipes.results import SIMULATED, Interface, finish
    from kerasbio.report.decisions import compare_policies, decision_sections, greedy_policy
    from kerasbio.training.fit import fit, seed_everything
    from kerasbio.training.run import open_run

    options = options.with_defaults(
        epochs=40, batch_size=128, optimizer="adam", schedule="cosine", learning_rate=1.0,
        samples=16_000,
    ).for_dry_run()  # fmt: skip
    seed_everything(options.seed)

    # Data: an agent makes its own, by acting on simulated patients.
    tests = read_tests(options.data) if options.data else PULMONARY_EMBOLISM
    workup = Workup(tests, prior, missed, overtreated)
    updates = max(1, min(UPDATES, options.samples // LANES))
    steps = max(1, options.samples // (LANES * updates))
    data = (
        f"{', '.join(test.name for test in tests)}; disease in {prior:.1%} of simulated patients; "
        f"{PATIENTS:,} others to test"
    )

    origin = {"described": "; ".join(test.describe() for test in tests)}
    with open_run("adaptive-diagnostics", options, "dqn", origin) as run:
        click.echo(f"run: {run.path}")
        click.echo(f"data: {data}")
        network = build_q_network(
            (len(tests),),
            len(workup.actions),
            hidden=(64, 64),
            activation=activation,
            batch_norm=bool(options.batch_norm),
        )
        # Rewards of about 1, where the Huber loss is still the squared error.
        scale = 1 / max(missed, overtreated, *(test.cost for test in tests))
        model = DQNTrainer(
            network,
            DiagnosisEnvironment(workup, batch_size=LANES, seed=options.seed),
            batch_size=options.batch_size,
            updates_per_step=updates,
            discount=1.0,
            reward_scale=scale,
            exploration=(1.0, 0.2),
            exploration_updates=2000,
            seed=options.seed,
        )
        model.compile({"q_network": make_optimizer(options.optimizer, options.learning_rate)})

        def feed(epoch, skip):
            return tf.data.Dataset.range(skip, steps)

        rounds = tf.data.Dataset.range(1)
        notes = fit(run, model, feed, steps_per_epoch=steps, validation_data=rounds)

        # Evaluate on patients that nothing has seen, beside what one would try first.
        click.echo("scoring beside chance, the best fixed set of tests, and the exact optimum")
        values = network.predict(workup.findings, verbose=0) / scale
        chosen, fixed = workup.best_fixed_policy()
        policies = {
            "network": greedy_policy(workup, values),
            "fixed": fixed,
            "random": workup.random_policy(),
            "oracle": workup.solve()[1],
        }
        comparison = compare_policies(workup, policies, PATIENTS, seed=options.seed + 1)
        named = " and ".join(tests[i].name for i in chosen) or "no test"
        names = {
            "network": "DQN",
            "fixed": f"always {named}",
            "random": "chance",
            "oracle": "exact optimum",
        }
        examples = workup.findings[:9]
        finish(
            run,
            model,
            comparison,
            export=lambda directory, metadata: export_policy(
                network,
                directory,
                actions=workup.actions,
                scale=scale,
                examples=examples,
                metadata=metadata,
            ),
            interface=Interface(
                {
                    "findings": f"float32 (batch, {len(tests)}): 0 not done, -1 negative, "
                    "1 positive, in the order of the tests"
                },
                {
                    "action": "int64 (batch,), what to do next",
                    "name": "string (batch,), its name",
                    "values": f"float32 (batch, {len(workup.actions)}), expected rewards",
                },
                {"findings": np.zeros(len(tests), np.float32)},
                raw_head=True,
            ),
            sections=decision_sections(workup, comparison, policies, names),
            names=names,
            summary=[
                ("Agent", f"DQN, hidden layers of 64, {network.count_params():,} parameters"),
                ("Tests", "; ".join(test.describe() for test in tests)),
                ("Losses", f"{missed:g} for a missed disease, {overtreated:g} for overtreatment"),
                ("Data", data),
            ],
            data=data,
            notes=[SIMULATED, *notes],
        )
        click.echo(f"run: {run.path}")
