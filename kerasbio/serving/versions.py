"""Where exported versions lie, without loading TensorFlow."""

import json
from pathlib import Path
from typing import Any

DESCRIPTION = Path("assets.extra", "kerasbio.json")


def versions(folder: Path) -> list[Path]:
    """Return the SavedModels that TensorFlow Serving would see in a folder, lowest first."""
    found = [p for p in folder.glob("*") if p.name.isdigit() and (p / "saved_model.pb").is_file()]
    return sorted(found, key=lambda path: int(path.name))


def next_version(folder: Path) -> Path:
    """Return where the next version goes: above every number taken, whole or not."""
    taken = [int(path.name) for path in folder.glob("*") if path.name.isdigit()]
    return folder / str(max(taken, default=0) + 1)


def describe(version: Path) -> dict[str, Any]:
    """Return what kerasbio wrote beside a SavedModel: classes, recipe, run; empty without it."""
    try:
        found = json.loads((version / DESCRIPTION).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def exports_of(run: Path) -> list[Path]:
    """Return the exports of a run, oldest first: in its folder, and then those published."""
    run = run.resolve()
    shelf = run.parents[2] / "saved_models" / run.parent.name
    return versions(run / "export") + [
        v for v in versions(shelf) if describe(v).get("run") == run.name
    ]
