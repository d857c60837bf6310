"""Where a recipe on a table begins and ends: its cases, and what it exports and reports."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasbio.errors import KerasbioError
from kerasbio.recipes.results import SIMULATED, Interface, finish
from kerasbio.training.options import RunOptions

NAMES = {
    "network": "multilayer perceptron",
    "logistic_regression": "logistic regression",
    "ridge_regression": "ridge regression",
    "gradient_boosting": "gradient boosting",
    "oracle": "oracle",
}
#: What --data takes beside paths: the table that comes with scikit-learn.
CARRIED = "wisconsin"
#: A class of a smaller share is called rare.
RARE = 0.1
#: How often the interval of an exported regression is to hold the truth.
INTERVAL = 0.9
#: Difference to the best baseline, at its worst, up to which a network is called no worse.
NO_WORSE = 0.01


def load_table(
    options: RunOptions,
    target: str | None,
    subject: str | None,
    task: str | None,
    decimal: str | None,
    difficulty: float,
) -> tuple[Any, str, list[str]]:
    """Return the table of a run, what it is, and what the user should know about it.

    Args:
        options: The options, with `samples` where there are no data of the user.
        target: Column to tell, of a user's own file.
        subject: Column of who a row is of.
        task: `"classification"`, `"regression"` or None.
        decimal: How numbers are written.
        difficulty: Of the simulated table.

    Raises:
        KerasbioError: If the file is not as expected, or no target is named.
    """
    from kerasbio.datasets.cases import choose_cases
    from kerasbio.datasets.tables.clinical_table import ClinicalTable
    from kerasbio.datasets.tables.files import read_tabular
    from kerasbio.datasets.tables.tabular import load_wisconsin

    own = {"--target": target, "--subject": subject, "--task": task, "--decimal": decimal}
    path = Path(options.data) if options.data else None
    carried = path is not None and path.name == CARRIED and not path.exists()
    if path is None or carried:
        if given := [name for name, value in own.items() if value is not None]:
            raise KerasbioError(f"leave out {' and '.join(given)}: they are for --data FILE")
    if path is None:
        table = ClinicalTable(options.samples or 1, difficulty=difficulty, seed=options.seed)
        return table, "simulated patients of a ward", [SIMULATED]
    notes = []
    if "difficulty" in options.given:
        notes.append("--difficulty is passed over: it is of the simulated table.")
    if carried:
        table, source = load_wisconsin(), "the Wisconsin table of breast masses"
    elif target is None:
        raise KerasbioError("--data FILE needs --target COLUMN: the column that is to be told")
    else:
        table = read_tabular(path, target, subject=subject, task=task, decimal=decimal or "")
        source = str(path)
        _check_table(table, source)
    chosen = choose_cases(table, options.samples, options.seed)
    notes += table.notes
    if len(chosen) < len(table):
        table = table.subset(chosen)
    return table, source, [*notes, *_rare_classes(table)]


def finish_table(
    run: Any,
    network: Any,
    comparison: Any,
    *,
    table: Any,
    test: Any,
    spread: Sequence[Mapping[str, float]],
    notes: Sequence[str],
    **rest: Any,
) -> None:
    """Finish the run of a network on a table.

    Args:
        run: The `Run`.
        network: The `TableNetwork`.
        comparison: The comparison on held-out cases.
        table: The table.
        test: The held-out cases.
        spread: The score of each predictor on several splits; one split has no spread.
        notes: What the user should know.
        **rest: As for `finish`.
    """
    import csv
    import io

    from kerasbio.export.tables import (
        Regressand,
        example_inputs,
        export_table_model,
        input_keys,
    )
    from kerasbio.layers.prepare_table import PrepareTable
    from kerasbio.report.classification import absence_notes, classification_sections
    from kerasbio.report.result import score_label
    from kerasbio.report.tabular import importance_section, regression_sections, repeats_section
    from kerasbio.training.tables import importance_of_columns

    importance = importance_of_columns(network, table, test, run.options.seed)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        [("column", "importance", "low", "high"), *((n, *s) for n, s in importance.items())]
    )
    run.write("importance.csv", text.getvalue())
    label = score_label(comparison.monitor)
    values, outputs = None, {}
    if table.classes:
        sections = classification_sections(comparison, NAMES)
        notes = [*notes, *absence_notes(comparison)]
        order = ", ".join(table.classes)
        outputs["probabilities"] = f"float32 (batch, {len(table.classes)}), sum 1: {order}"
    else:
        sections = regression_sections(comparison, NAMES)
        radii = dict(zip(comparison.levels, comparison.radii["network"].tolist(), strict=True))
        # Few residuals know no wide interval.
        known = [level for level in radii if level <= INTERVAL and math.isfinite(radii[level])]
        level = max(known, default=None)
        values = Regressand(*network.scale, radii.get(level), level)
        outputs["value"] = f"float32 (batch,), {table.target}"
        if level:
            of = f"end of the {level:.0%} interval"
            outputs |= {end: f"float32 (batch,), {end} {of}" for end in ("low", "high")}
    sections.append(importance_section(importance, label, len(table.columns)))
    if len(spread) > 1:
        sections.append(repeats_section(spread, NAMES, label))

    def export(directory: Path, metadata: Mapping[str, Any]) -> Path:
        return export_table_model(
            network.model,
            directory,
            table=table,
            prepare=PrepareTable(network.encoding),
            values=values,
            metadata=metadata,
        )

    keys = input_keys(table.columns)
    inputs = {keys[n]: f"float32 (batch,), {n}; NaN where missing" for n in table.numeric}
    inputs |= {keys[n]: f"string (batch,), {n}; empty where missing" for n in table.categorical}
    examples = example_inputs(table, network.encoding)
    example = {name: found[0] for name, found in examples.items()}
    finish(
        run,
        network.model,
        comparison,
        export=export,
        interface=Interface(
            inputs, outputs, example, files="TABLE.csv", raw_head=bool(table.classes)
        ),
        sections=sections,
        names=NAMES,
        notes=[*notes, *_verdict(comparison)],
        **rest,
    )


def _rare_classes(table: Any) -> list[str]:
    import numpy as np

    if not table.classes:
        return []
    counts = np.bincount(table.labels)
    return [
        f"Class {table.classes[k]} has {counts[k]:,} of {counts.sum():,} cases: the most probable "
        "class seldom names it; rank by its probability, or set a threshold on that."
        for k in np.flatnonzero(counts < RARE * counts.sum())
    ]


def _check_table(table: Any, source: str) -> None:
    """Raise a KerasbioError if a table cannot be split, or predicted on later."""
    import numpy as np

    from kerasbio.datasets.cases import strata
    from kerasbio.serving.predict_table import prediction_names

    if taken := set(prediction_names(table.target, table.classes)) & set(table.columns):
        raise KerasbioError(
            f"{source} has the column {min(taken)!r}, as a prediction will be called: rename it, "
            "or remove it"
        )
    if not table.classes:
        return
    kinds = strata(table)
    for place, name in enumerate(table.classes):
        count = len(np.unique(table.subjects[kinds == place]))
        if count < 3:
            raise KerasbioError(
                f"{source}, column {table.target!r}: class {name!r} has {count} "
                f"subject{'s'[: count != 1]}, of 3 that are needed to train, choose and test: add "
                "cases of it, merge it with another class, or leave it out"
            )


def _verdict(comparison: Any) -> list[str]:
    """Return what to say of a network that is not better than its best baseline."""
    best = NAMES[comparison.best_baseline]
    if comparison.margin.high < 0:
        return [f"The network is worse than {best} here: that is to be preferred."]
    if comparison.beats_baseline or not comparison.margin.low > -NO_WORSE:
        return []
    return [f"The network is not better than {best}, and not worse than it by {NO_WORSE} or more."]
