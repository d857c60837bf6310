"""Tell the pathway of each gene of an interaction network with a graph network."""

import click

from kerasbio.recipes.options import Finite, training_options
from kerasbio.training.options import RunOptions

#: Updates in one epoch: each of them sees the whole graph.
UPDATES = 10
#: Inverse penalties of logistic regression to choose from.
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)


@click.command("gene-network")
@training_options
@click.option(
    "--hidden",
    default=64,
    show_default=True,
    type=click.IntRange(1, 4096),
    help="Channels of the hidden convolution; as published 16.",
)
@click.option(
    "--dropout", default=0.5, show_default=True, type=Finite(0, 0.99), help="Share of features."
)
@click.option(
    "--difficulty",
    default=1.0,
    show_default=True,
    type=Finite(0.01, 100),
    help="Of the synthetic network: higher mixes the pathways and adds noise.",
)
def gene_network(options: RunOptions, hidden: int, dropout: float, difficulty: float) -> None:
    """Train a graph convolutional network to tell the class of each node.

    By default the pathways of simulated genes, of which a fifth is known; with --data FOLDER
    your own graph: nodes.csv with the columns id, label and features, and edges.csv with
    the columns source, target and, if known, weight.
    """
    import dataclasses

    import keras
    import numpy as np
    import tensorflow as tf

    from kerasbio import baselines
    from kerasbio.datasets.cases import fingerprint
    from kerasbio.datasets.files.graph_files import read_graph
    from kerasbio.datasets.gene_network import GeneNetwork
    from kerasbio.datasets.nodes import element, split_nodes
    from kerasbio.graph_baselines import choose_alpha, label_propagation, normalize_class_mass
    from kerasbio.layers.adjacency import normalize_adjacency
    from kerasbio.losses import CategoricalCrossentropy
    from kerasbio.models.graph import build_gcn
    from kerasbio.optimizers import make_optimizer
    from kerasbio.recipes.graphs import finish_node_classification
    from kerasbio.recipes.results import SIMULATED
    from kerasbio.training.evaluation import compare_classifiers
    from kerasbio.training.fit import fit, seed_everything
    from kerasbio.training.run import open_run

    options = dataclasses.replace(options, batch_size=1).with_defaults(
        epochs=40, optimizer="adam", schedule="cosine", learning_rate=10.0,
        samples=None if options.data else 2_000,
    ).for_dry_run()  # fmt: skip
    seed_everything(options.seed)

    # Data: one graph; which nodes count in which part is a weight for each node.
    if options.data:
        graph = read_graph(options.data)
        known = list(graph.notes)
        if "samples" in options.given:
            known.append("--samples is passed over: a graph is taken whole.")
    else:
        known = [SIMULATED]
        graph = GeneNetwork(max(100, options.samples), difficulty=difficulty, seed=options.seed)
    if "batch_size" in options.given:
        known.append("--batch-size is passed over: every update sees the whole graph.")
    training, validation, test = split_nodes(graph, (0.2, 0.1, 0.7), options.seed)
    classes, labels = graph.classes, graph.labels
    seen = np.concatenate([training, validation])
    mean = graph.features[seen].mean(0)
    deviation = np.maximum(graph.features[seen].std(0), 1e-6)
    scaled = (graph.features - mean) / deviation
    adjacency = normalize_adjacency(
        tf.constant(graph.edges), tf.constant(graph.weights), len(graph)
    )
    inputs = {"node_features": tf.constant(scaled, tf.float32), "adjacency": adjacency}
    data = (
        f"{options.data or 'a simulated gene network'}, {len(graph):,} nodes, "
        f"{len(graph.edges):,} edges, {len(classes)} classes: {len(training):,} nodes to train, "
        f"{len(validation):,} to choose the epoch, {len(test):,} to test"
    )

    origin = fingerprint(graph, graph.features, graph.edges, graph.weights)
    with open_run("gene-network", options, "gcn", origin) as run:
        click.echo(f"run: {run.path}")
        click.echo(f"data: {data}")
        model = build_gcn(
            (scaled.shape[1],), len(classes), hidden=(hidden,), dropout=dropout,
            batch_norm=bool(options.batch_norm),
        )  # fmt: skip
        model.compile(
            make_optimizer(options.optimizer, options.learning_rate),
            CategoricalCrossentropy(),
            weighted_metrics=["accuracy"],
        )
        whole = element(inputs, labels, training)

        def feed(epoch, skip):
            return tf.data.Dataset.from_tensors(whole).repeat(UPDATES).skip(skip)

        held = tf.data.Dataset.from_tensors(element(inputs, labels, validation))
        notes = fit(run, model, feed, steps_per_epoch=UPDATES, validation_data=held)

        # Evaluate on nodes whose labels nothing has seen, beside what one would try first.
        click.echo("scoring beside label propagation and logistic regression")
        logits = model(inputs, training=False)
        regression, _ = baselines.fit_regression(
            scaled[seen], labels[seen], graph.subjects[seen], STRENGTHS, options.seed
        )
        edges = (graph.edges, graph.weights, len(graph), seen, labels, len(classes))
        alpha = choose_alpha(*edges, seed=options.seed, criterion="auroc")
        spread = label_propagation(*edges, alpha=alpha)
        probabilities = {
            "network": keras.ops.convert_to_numpy(keras.ops.softmax(logits))[test],
            "label_propagation": normalize_class_mass(spread, labels[seen])[test],
            "logistic_regression": regression.predict_proba(scaled[test]),
        }
        if hasattr(graph, "cause"):
            oracle = baselines.fit_oracle(graph.cause[seen], labels[seen])
            probabilities["oracle"] = oracle.predict_proba(graph.cause[test])
        comparison = compare_classifiers(
            labels[test], graph.subjects[test], probabilities, classes, seed=options.seed
        )
        names = {
            "network": "graph network",
            "label_propagation": "label propagation",
            "logistic_regression": "logistic regression",
            "oracle": "oracle",
        }
        finish_node_classification(
            run,
            model,
            comparison,
            graph=graph,
            scale=(mean, deviation),
            names=names,
            summary=[
                ("Network", f"graph convolutional network, {hidden} hidden channels"),
                ("Parameters", f"{model.count_params():,}"),
                ("Data", data),
            ],
            data=data,
            notes=[*known, *notes],
        )
        click.echo(f"run: {run.path}")
