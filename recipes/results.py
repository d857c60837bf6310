"""What follows the evaluation of any classifier: scores, export, model card, report."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

SIMULATED = "The data are simulated: no clinical performance is implied."


def finish_classification(
    run: Any,
    model: Any,
    comparison: Any,
    *,
    prepare: Any,
    images: Any,
    raw: Any,
    names: Mapping[str, str],
    summary: Sequence[tuple[str, str]],
    data: str,
    notes: Sequence[str],
) -> None:
    """Write scores, export through the gate, and write model card and report of a run.

    The model is published into `saved_models/` if its score lies above its best baseline's and
    the run was no trial; else it is exported into the run's directory.

    Args:
        run: The `Run`.
        model: The trained network, to logits.
        comparison: The `Comparison` on held-out cases.
        prepare: Layer from raw inputs to the network's.
        images: Held-out inputs as the network sees them, in the order of `comparison`.
        raw: `(examples, height, width, channels)` raw inputs for the gate.
        names: Display name by predictor.
        summary: What was trained and on what.
        data: What the model was trained and tested on, in a sentence.
        notes: What the user should know.
    """
    from kerasbio.export import export_classifier
    from kerasbio.report.card import write_model_card
    from kerasbio.report.classification import headline, write_classification_report

    result = headline(comparison, names)
    click.echo(result)
    for note in notes:
        click.echo(f"note: {note}")
    published = comparison.beats_baseline and not run.options.is_smoke
    shelf = Path(run.options.output) / "saved_models" / run.recipe
    export = export_classifier(
        model,
        shelf if published else run.path / "export",
        prepare=prepare,
        classes=comparison.classes,
        examples=raw,
        metadata={"recipe": run.recipe, "run": run.name},
    )
    scores = {**json.loads(comparison.to_json()), "export": str(export.resolve())}
    run.write("scores.json", json.dumps(scores, indent=2) + "\n")
    channels = images.shape[-1]
    write_model_card(
        run.path / "model_card.md",
        title=f"{names['network']}: {run.recipe}",
        name=run.recipe,
        headline=result,
        signature={
            "inputs": {"image": f"float32 (batch, height, width, {channels}), raw intensities"},
            "outputs": {"probabilities": f"float32 (batch, {len(comparison.classes)}), sum 1"},
        },
        scores=comparison.scores,
        data=data,
        limits=[*notes, "Scores are of held-out subjects of the same source as the training's."],
        export_path=export,
        example_shapes={"image": raw.shape[1:]},
        names=names,
        files="IMAGE...",
    )
    report = write_classification_report(
        run.path,
        title=f"{names['network']}: {run.recipe}",
        summary=summary,
        comparison=comparison,
        images=images,
        notes=notes,
        names=names,
    )
    if not published:
        why = "a trial run" if run.options.is_smoke else "not above its baseline"
        taken = [int(p.name) for p in shelf.glob("*") if p.name.isdigit()]
        target = shelf / str(max(taken, default=0) + 1)
        click.echo(f"not published ({why}); to publish: mkdir -p {shelf} && mv {export} {target}")
    click.echo(f"export: {export}, loaded and called in a fresh process as TensorFlow Serving does")
    click.echo(f"report: {report}")
