"""The same training on several random splits, each in a folder of the run."""

import json
from collections.abc import Callable

from kerasbio.training.comparison import Comparison
from kerasbio.training.run import Run

SPREAD = "repeats"


def repeat_splits(
    run: Run, count: int, trial: Callable[[Run, int], Comparison]
) -> list[dict[str, float]]:
    """Train and score on further splits, and return the score of each predictor on each.

    Each split is a run of its own in `repeats/NUMBER/`, which is resumed with the whole; what was
    scored at as many epochs is not trained again.

    Args:
        run: The run that these belong to.
        count: Number of further splits.
        trial: Function of a run and the number of the split, from 1, that trains and compares.
    """
    rows = []
    for number in range(1, count + 1):
        path = run.path / SPREAD / str(number)
        path.mkdir(parents=True, exist_ok=True)
        with Run(path, run.recipe, run.options) as part:
            done = path / "scores.json"
            found = json.loads(done.read_text()) if done.is_file() else {}
            if found.get("epochs") != run.options.epochs:
                print(f"split {number + 1} of {count + 1}", flush=True)
                comparison = trial(part, number)
                scores = {p: s[comparison.monitor].value for p, s in comparison.scores.items()}
                found = {"epochs": run.options.epochs, "scores": scores}
                part.write("scores.json", json.dumps(found, indent=2) + "\n")
        rows.append(found["scores"])
    return rows
