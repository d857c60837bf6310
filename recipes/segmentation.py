"""What the recipes that segment scans do, from data to report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from kerasbio.recipes import scan_scores
from kerasbio.recipes import scans as common
from kerasbio.recipes.results import Interface, finish
from kerasbio.training.options import RunOptions

#: Fewest updates on own scans by default: those of an epoch of nnU-Net.
UPDATES = 250


class Task(NamedTuple):
    """What tells one recipe that segments from another.

    Attributes:
        recipe: Its name.
        target: What simulated scans are segmented into.
        has_lesions: Whether the last class in the masks is one of lesions, each to be found.
        foreground: Share of the patches that lie about what is to be segmented.
        described: What the simulated data are, in a few words.
        epochs: Passes over the cases; of a few of the user's as many as make `UPDATES`.
    """

    recipe: str
    target: str
    has_lesions: bool
    foreground: float
    described: str
    epochs: int


def train_segmenter(options: RunOptions, task: Task, **own: Any) -> None:
    """Train a network to segment scans, score it, export it, report on it.

    Args:
        options: The options with all defaults.
        task: What is segmented.
        **own: The values of `scan_options`.
    """
    import numpy as np

    from kerasbio.datasets.cases import Mapped, fingerprint, split, to_dataset
    from kerasbio.layers.prepare_scans import PrepareScans, prepare_scan
    from kerasbio.losses import DiceCrossentropy
    from kerasbio.metrics.dice_score import DiceScore
    from kerasbio.optimizers import make_optimizer
    from kerasbio.report.attention import attention_sections
    from kerasbio.report.segmentation import HeldOut
    from kerasbio.training.fit import fit, seed_everything
    from kerasbio.training.run import open_run
    from kerasbio.training.segmentation import compare_segmenters

    seed_everything(options.seed)
    network = own["network"]

    # Data: raw scans, prepared here once as the exported model will prepare them.
    scans = common.load_scans(options, task.target, **own)
    cases = Mapped(scans.cases, lambda image: prepare_scan(image, scans.window))
    training, validation, test = split(cases, (0.7, 0.1, 0.2), options.seed)
    steps = -(-len(training) // options.batch_size)
    fewest = -(-UPDATES // steps) if options.data else 1
    options = options.with_defaults(epochs=max(task.epochs, fewest))
    people = [len(np.unique(part.subjects)) for part in (training, validation, test)]
    classes = cases.mask_classes
    data = (
        f"{options.data or task.described}, to segment into {', '.join(classes[1:])}: "
        f"{people[0]:,} subjects to train, {people[1]:,} to choose the epoch, {people[2]:,} to test"
    )

    with open_run(task.recipe, options, network, fingerprint(cases)) as run:
        click.echo(f"run: {run.path}")
        click.echo(f"data: {data}")
        notes = [*scans.notes, *scan_scores.describe_cases(test, task.has_lesions)]
        for note in notes[len(scans.notes) :]:
            click.echo(note)

        def build() -> Any:
            return common.build_network(
                network, scans, len(classes), batch_norm=options.batch_norm, **own
            )

        model = build()
        untrained = model.get_weights()
        model.compile(
            make_optimizer(options.optimizer, options.learning_rate),
            DiceCrossentropy(batch=True, include_background=False),
            metrics=[DiceScore(len(classes))],
        )
        patches, augment = common.sample_patches(scans, task.foreground)

        def feed(epoch: Any, skip: int) -> Any:
            return to_dataset(
                training, options.batch_size, options.seed, epoch, skip,
                augment=augment, target="mask",
            )  # fmt: skip

        notes += fit(
            run,
            model,
            feed,
            steps_per_epoch=steps,
            validation_data=to_dataset(
                validation, options.batch_size, augment=patches, target="mask"
            ),
            monitor=("val_dice", "max"),
        )

        # Evaluate on subjects that nothing has seen, beside what one would try first.
        click.echo("scoring beside thresholds and a voxel classifier")
        lesion = classes[scans.last] if task.has_lesions else None
        judged = [scans.last] if lesion else range(1, len(classes))
        smallest, found, predictions, maps = scan_scores.predict_all(
            model, training, validation, test, patch=scans.patch, judged=judged, seed=options.seed
        )
        if smallest:
            notes.append(
                f"Components of fewer than {smallest} voxels are dropped, as validation subjects "
                "have it best; kerasbio predict does so too, a server does not."
            )
        truths = scan_scores.Column(test, "mask")
        spacings = list(scan_scores.Column(test, "spacing"))
        comparison = compare_segmenters(
            truths, predictions, subjects=test.subjects, classes=classes, spacings=spacings,
            lesion=lesion, confidences=maps if lesion else None,
            monitor=f"dice_{lesion}" if lesion else "dice", seed=options.seed,
        )  # fmt: skip

        images = scan_scores.Column(test, "image")
        names = {
            "network": common.TITLES[network],
            "thresholds": "thresholds",
            "voxel_classifier": "voxel classifier",
        }
        finish_segmentation(
            run,
            model,
            comparison,
            prepare=PrepareScans(scans.window),
            scans=scans,
            smallest=smallest,
            held=HeldOut(images, truths, found.masks, spacings, found.sureness, found.labels),
            raw=scans.cases[int(test.indices[0])]["image"][None],
            sections=attention_sections(model, untrained, images, truths, judged[0])
            if network == "attention-unet"
            else [],
            names=names,
            summary=[
                ("Network", f"{names['network']}, patches of {' x '.join(map(str, scans.patch))}"),
                (
                    "Parameters",
                    f"{model.count_params():,}, reduced from the published network "
                    f"({common.PUBLISHED[network]})",
                ),
                ("Data", data),
            ],
            data=data,
            notes=notes,
        )
        click.echo(f"run: {run.path}")


def finish_segmentation(
    run: Any,
    model: Any,
    comparison: Any,
    *,
    prepare: Any,
    scans: Any,
    smallest: int,
    held: Any,
    raw: Any,
    sections: Sequence[Any],
    names: Mapping[str, str],
    **rest: Any,
) -> None:
    """Finish the run of a network that segments.

    Args:
        run: The `Run`.
        model: The trained network, to logits.
        comparison: The `SegmentationComparison` on held-out cases.
        prepare: Layer from raw scans to the network's.
        scans: The `Scans` of the run.
        smallest: Voxels of the smallest component that is kept.
        held: The `HeldOut` cases, in the order of `comparison`.
        raw: `(1, *spatial, channels)`, a raw scan for the gate.
        sections: What the report shows besides scores and cases.
        names: Display name by predictor.
        **rest: As for `finish`.
    """
    from kerasbio.export import export_segmenter
    from kerasbio.report.segmentation import segmentation_sections

    classes, axes = comparison.classes, "height, width" if scans.rank == 2 else "z, y, x"
    # The gate asks for an answer, not for a large one.
    small = raw[(slice(None), *(slice(size) for size in scans.patch))]

    def export(directory: Path, metadata: Mapping[str, Any]) -> Path:
        return export_segmenter(
            model, directory, prepare=prepare, classes=classes, examples=small,
            spacing=scans.spacing, window=scans.patch, smallest=smallest, metadata=metadata,
        )  # fmt: skip

    finish(
        run,
        model,
        comparison,
        export=export,
        interface=Interface(
            {"image": f"float32 (batch, {axes}, {raw.shape[-1]}), raw intensities"},
            {
                "mask": f"int32 (batch, {axes}), 0 to {len(classes) - 1}: {', '.join(classes)}",
                "probabilities": f"float32 (batch, {axes}, {len(classes)}), sum 1",
            },
            {"image": raw[(0, *(slice(2),) * scans.rank)]},
            files="SCAN... --output FOLDER",
            raw_head=True,
            form="Voxels are best of the size of the training's"
            + (f", {_by(scans.spacing)} mm." if scans.spacing else "."),
        ),
        sections=[*segmentation_sections(comparison, names, held), *sections],
        names=names,
        **rest,
    )


def _by(sizes: Sequence[Any]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
