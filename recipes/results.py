"""What follows the evaluation of any classifier: scores, export, model card, report."""

import hashlib
import json
import os
import shlex
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
    the run was no trial; else it is exported into the run's directory. A resumed run whose
    weights are already exported is not exported again.

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
    from kerasbio.serving.versions import describe, exports_of, next_version

    result = headline(comparison, names)
    click.echo(result)
    for note in notes:
        click.echo(f"note: {note}")
    publish = comparison.beats_baseline and not run.options.is_smoke
    shelf = Path(run.options.output) / "saved_models" / run.recipe
    weights = _hash(model)
    before = [path for path in exports_of(run.path) if describe(path).get("weights") == weights]
    if before:
        export = Path(os.path.relpath(before[-1]))
    else:
        export = export_classifier(
            model,
            shelf if publish else run.path / "export",
            prepare=prepare,
            classes=comparison.classes,
            examples=raw,
            metadata={"recipe": run.recipe, "run": run.name, "weights": weights},
        )
    scores = {**json.loads(comparison.to_json()), "export": os.path.relpath(export, run.path)}
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
        summary=[*summary, ("Training", run.options.describe())],
        comparison=comparison,
        images=images,
        notes=notes,
        names=names,
    )
    if export.resolve().parent != shelf.resolve():
        why = "a trial run" if run.options.is_smoke else "not above its baseline"
        make = shlex.join(["mkdir", "-p", str(shelf)])
        move = shlex.join(["mv", str(export), str(next_version(shelf))])
        click.echo(f"not published ({why}); to publish: {make} && {move}")
    how = (
        "as before" if before else "loaded and called in a fresh process as TensorFlow Serving does"
    )
    click.echo(f"export: {export}, {how}")
    click.echo(f"report: {report}")


def _hash(model: Any) -> str:
    content = hashlib.sha256()
    for weight in model.get_weights():
        content.update(weight.tobytes())
    return content.hexdigest()
