"""What follows the evaluation in any recipe: scores, export, model card, report."""

import hashlib
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

SIMULATED = "The data are simulated: no clinical performance is implied."
#: Subjects below which an interval is told to be of little worth.
FEW_SUBJECTS = 10


class Interface(NamedTuple):
    """How a served model is called.

    Attributes:
        inputs: What each input of `serving_default` is: type, shape, unit.
        outputs: What each output is.
        example: One array for each input, from which the card makes a request.
        files: What `kerasbio predict` takes; empty where it does not know such a model.
        raw_head: Whether the signature `logits` gives the raw head.
        form: What a caller must know beside that, in a sentence.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    example: Mapping[str, Any]
    files: str = ""
    raw_head: bool = False
    form: str = ""


def finish(
    run: Any,
    model: Any,
    comparison: Any,
    *,
    export: Callable[[Path, Mapping[str, Any]], Path],
    interface: Interface,
    sections: Sequence[Any],
    names: Mapping[str, str],
    summary: Sequence[tuple[str, str]],
    data: str,
    notes: Sequence[str],
) -> None:
    """Write scores, export through the gate, and write model card and report of a run.

    The model is published into `saved_models/` if its score is better than its best baseline's
    and the run was no trial; else it is exported into the run's directory. A resumed run whose
    weights are already exported is not exported again.

    Args:
        run: The `Run`.
        model: The trained model.
        comparison: The `Comparison` on held-out cases.
        export: Function of a directory and the metadata that exports there and returns the
            directory of the version.
        interface: How the export is called.
        sections: What the report shows of this task.
        names: Display name by predictor.
        summary: What was trained and on what.
        data: What the model was trained and tested on, in a sentence.
        notes: What the user should know.
    """
    from kerasbio.report.card import write_model_card
    from kerasbio.report.result import headline, write_report
    from kerasbio.serving.versions import describe, exports_of, next_version

    result = headline(comparison, names)
    click.echo(result)
    if (count := len(set(comparison.subjects))) < FEW_SUBJECTS:
        notes = [*notes, f"Of {count} held-out subject(s) an interval says little: give more."]
    for note in notes:
        click.echo(f"note: {note}")
    publish = comparison.beats_baseline and not run.options.is_smoke
    shelf = Path(run.options.output) / "saved_models" / run.recipe
    weights = _hash(model)
    before = [path for path in exports_of(run.path) if describe(path).get("weights") == weights]
    metadata = {"recipe": run.recipe, "run": run.name, "weights": weights}
    if before:
        exported = Path(os.path.relpath(before[-1]))
    else:
        exported = export(shelf if publish else run.path / "export", metadata)
    scores = {**comparison.content(), "export": os.path.relpath(exported, run.path)}
    run.write("scores.json", json.dumps(scores, indent=2, allow_nan=False) + "\n")
    network = names["network"]
    title = f"{network[:1].upper()}{network[1:]}: {run.recipe}"
    write_model_card(
        run.path / "model_card.md",
        title=title,
        name=run.recipe,
        headline=result,
        signature={"inputs": interface.inputs, "outputs": interface.outputs},
        scores=comparison.scores,
        data=data,
        limits=[*notes, "Scores are of held-out subjects of the same source as the training's."],
        export_path=exported,
        example=interface.example,
        names=names,
        files=interface.files,
        raw_head=interface.raw_head,
        form=interface.form,
    )
    report = write_report(
        run.path,
        title=title,
        summary=[*summary, ("Training", run.options.describe())],
        comparison=comparison,
        sections=sections,
        notes=notes,
        names=names,
    )
    if exported.resolve().parent != shelf.resolve():
        why = "a trial run" if run.options.is_smoke else "not above its baseline"
        make = shlex.join(["mkdir", "-p", str(shelf)])
        move = shlex.join(["mv", str(exported), str(next_version(shelf))])
        click.echo(f"not published ({why}); to publish: {make} && {move}")
    how = (
        "as before" if before else "loaded and called in a fresh process as TensorFlow Serving does"
    )
    click.echo(f"export: {exported}, {how}")
    click.echo(f"report: {report}")


def finish_demonstration(run: Any, *, headline: str, **content: Any) -> None:
    """Write the report of a demonstration and say what was found and where it is.

    Args:
        run: The `Run`.
        headline: What was found, in a sentence.
        **content: As for `write_demonstration`.
    """
    from kerasbio.report.demonstration import write_demonstration

    report = write_demonstration(run.path, headline=headline, **content)
    click.echo(headline)
    click.echo(f"report: {report}")
    click.echo(f"run: {run.path}")


def finish_image_classification(
    run: Any,
    model: Any,
    comparison: Any,
    *,
    prepare: Any,
    images: Any,
    raw: Any,
    names: Mapping[str, str],
    notes: Sequence[str],
    **rest: Any,
) -> None:
    """Finish the run of a classifier of images.

    Args:
        run: The `Run`.
        model: The trained network, to logits.
        comparison: The `ClassifierComparison` on held-out cases.
        prepare: Layer from raw images to the network's.
        images: Held-out images as the network sees them, in the order of `comparison`.
        raw: `(examples, height, width, channels)` raw images for the gate.
        names: Display name by predictor.
        notes: What the user should know.
        **rest: As for `finish`.
    """
    from kerasbio.export import export_classifier
    from kerasbio.report.classification import absence_notes, classification_sections
    from kerasbio.report.explanations import explanation_section

    classes = comparison.classes
    run.write("predictions.csv", comparison.predictions_csv())

    def export(directory: Path, metadata: Mapping[str, Any]) -> Path:
        return export_classifier(
            model, directory, prepare=prepare, classes=classes, examples=raw, metadata=metadata
        )

    finish(
        run,
        model,
        comparison,
        export=export,
        interface=Interface(
            {"image": f"float32 (batch, height, width, {raw.shape[-1]}), raw intensities"},
            {"probabilities": f"float32 (batch, {len(classes)}), sum 1: {', '.join(classes)}"},
            {"image": raw[0]},
            files="IMAGE...",
            raw_head=True,
        ),
        sections=[
            *classification_sections(comparison, names, images),
            explanation_section(model, comparison, images),
        ],
        names=names,
        notes=[*notes, *absence_notes(comparison)],
        **rest,
    )


def _hash(model: Any) -> str:
    content = hashlib.sha256()
    for weight in model.get_weights():
        content.update(weight.tobytes())
    return content.hexdigest()
