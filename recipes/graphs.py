"""What follows the evaluation in a recipe on a graph."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasbio.recipes.results import Interface, finish


def finish_node_classification(
    run: Any,
    model: Any,
    comparison: Any,
    *,
    graph: Any,
    scale: tuple[Any, Any],
    names: Mapping[str, str],
    notes: Sequence[str],
    **rest: Any,
) -> None:
    """Finish the run of a classifier of the nodes of a graph.

    Args:
        run: The `Run`.
        model: The trained network, to logits.
        comparison: The `ClassifierComparison` on held-out nodes.
        graph: The graph, which is the example for the gate.
        scale: Means and deviations of the features.
        names: Display name by predictor.
        notes: What the user should know.
        **rest: As for `finish`.
    """
    from kerasbio.export import export_node_classifier
    from kerasbio.report.classification import absence_notes, classification_sections

    classes = comparison.classes
    example = {
        "node_features": graph.features.astype("float32"),
        "edges": graph.edges.astype("int64"),
        "weights": graph.weights.astype("float32"),
    }

    def export(directory: Path, metadata: Mapping[str, Any]) -> Path:
        return export_node_classifier(
            model, directory, classes=classes, examples=example, scale=scale, metadata=metadata
        )

    finish(
        run,
        model,
        comparison,
        export=export,
        interface=Interface(
            {
                "node_features": f"float32 (nodes, {len(scale[0])}), raw",
                "edges": "int64 (edges, 2), each undirected edge once",
                "weights": "float32 (edges,), above 0",
            },
            {"probabilities": f"float32 (nodes, {len(classes)}), sum 1: {', '.join(classes)}"},
            {name: value[0] for name, value in example.items()},
            raw_head=True,
            form="A request is one graph: TensorFlow Serving takes it in column format, as "
            "`inputs`, and not by row, as `instances`.",
        ),
        sections=classification_sections(comparison, names),
        names=names,
        notes=[*notes, *absence_notes(comparison)],
        **rest,
    )
