"""The same training on several random splits, each in a folder of the run."""

import json
import math
from collections.abc import Callable

from kerasbio.training.comparison import Comparison
from kerasbio.training.run import Run

SPREAD = "repeats"


def repeat_splits(
    run: Run, count: int, trial: Callable[[Run, int], Comparison]
) -> list[dict[str, float]]:
    """Train and score on further splits, and return the score of each predictor on each.

    Each split is a run of its own in `repeats/NUMBER/`, which is resumed with the whole; what was
    scored at as many epochs and minutes is not trained again.

    Args:
        run: The run that these belong to.
        count: Number of further splits.
        trial: Function of a run and the number of the split, from 1, that trains and compares.
    """
    rows = []
    asked = {"epochs": run.options.epochs, "minutes": run.options.minutes}
    for number in range(1, count + 1):
        path = run.path / SPREAD / str(number)
        path.mkdir(parents=True, exist_ok=True)
        with Run(path, run.recipe, run.options) as part:
            done = path / "scores.json"
            found = json.loads(done.read_text()) if done.is_file() else {}
            if {name: found.get(name) for name in asked} != asked:
                print(f"split {number + 1} of {count + 1}", flush=True)
                comparison = trial(part, number)
                scores = {p: s[comparison.monitor].value for p, s in comparison.scores.items()}
                # JSON knows no NaN.
                known = {p: None if math.isnan(score) else score for p, score in scores.items()}
                found = {**asked, "scores": known}
                part.write("scores.json", json.dumps(found, indent=2) + "\n")
        scores = found["scores"].items()
        rows.append({p: math.nan if score is None else score for p, score in scores})
    return rows
