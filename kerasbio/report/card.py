"""The model card: what a served model is, how good it is, where it fails, and how to call it."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.metrics.bootstrap import Score
from kerasbio.report.page import format_score
from kerasbio.training.files import replace_file

Signature = Mapping[str, Mapping[str, str]]

SERVE = """\
With Docker, from the folder in which `{export_path}` lies:

```sh
docker run --rm -p 8501:8501 \\
  -v "{source}:/models/{name}" \\
  -e MODEL_NAME={name} tensorflow/serving
```

TensorFlow Serving loads the version of the highest number in that folder and answers at
`http://localhost:8501/v1/models/{name}`.
"""
FILES = """\
On files, without a server:

```sh
kerasbio predict {export_path} {files}
```
"""
CALL = """\
From Python, to the server above; it writes `request.json` on the way:

```python
import json
import urllib.request

import numpy as np

# One case as an example: put your own values in its place.
inputs = {inputs}
body = json.dumps({{"inputs": {{name: value.tolist() for name, value in inputs.items()}}}})
with open("request.json", "w") as file:
    file.write(body)
url = "http://localhost:8501/v1/models/{name}:predict"
with urllib.request.urlopen(urllib.request.Request(url, body.encode())) as answer:
    print(json.load(answer)["outputs"])
```

From a shell:

```sh
curl -d @request.json http://localhost:8501/v1/models/{name}:predict
```
"""

#: Inputs of a made-up case that stand in one line.
MOST_IN_A_LINE = 3


def write_model_card(
    path: Path,
    *,
    title: str,
    name: str,
    headline: str,
    signature: Signature,
    scores: Mapping[str, Mapping[str, Score]],
    data: str,
    limits: Sequence[str],
    export_path: Path | str,
    example: Mapping[str, Any],
    names: Mapping[str, str] | None = None,
    files: str = "FILE...",
    raw_head: bool = True,
    form: str = "",
) -> Path:
    """Write `model_card.md`.

    Args:
        path: The file to write.
        title: Title of the card.
        name: Name under which the model is served, such as `"image-diagnosis"`.
        headline: The result in a sentence.
        signature: What `serving_default` takes and gives: names with descriptions, under
            `"inputs"` and `"outputs"`.
        scores: Scores with their intervals by predictor, the network and its baselines.
        data: What the model was trained and tested on.
        limits: What the scores do not say and where the model must not be used.
        export_path: Folder of the exported version, as the user would type it.
        example: One case of each input, without the batch: its shape and type are shown.
        names: Display name by predictor; a predictor left out goes by its own.
        files: What `kerasbio predict` takes, for the example; empty where it takes no such
            model.
        raw_head: Whether the signature `logits` gives the raw head.
        form: What a caller must know beside that, in a sentence.
    """
    shown = Path(export_path)
    # Within double quotes of a shell, where $PWD must stay what it is.
    quoted = re.sub(r'(["\\$`])', r"\\\1", shown.parent.as_posix())
    values = {
        "name": name,
        "export_path": shlex.quote(shown.as_posix()),
        "source": ("" if shown.is_absolute() else "$PWD/") + quoted,
        "files": files,
        "inputs": _made_up(example),
    }
    call = f"{FILES}\n{CALL}" if files else CALL
    raw = "; the signature `logits` gives the raw head" if raw_head else ""
    parts = [
        f"# {title}",
        headline,
        f"## Signature\n\nOf `serving_default`{raw}. {form}".rstrip(),
        _table(
            ["", "name", "what"],
            [
                [part, f"`{k}`", v]
                for part, entries in signature.items()
                for k, v in entries.items()
            ],
        ),
        "## Scores\n\nOn held-out subjects, with 95 % intervals by bootstrap over subjects.",
        _scores(scores, names or {}),
        f"## Data\n\n{data}",
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits),
        "## How to serve\n\n" + SERVE.format(**values).strip(),
        "## How to call\n\n" + call.format(**values).strip(),
    ]
    return _write(Path(path), "\n\n".join(parts) + "\n")


def _write(path: Path, text: str) -> Path:
    replace_file(path, text.encode())
    return path


def _made_up(example: Mapping[str, Any]) -> str:
    arrays = []
    for name, value in example.items():
        value = np.asarray(value)
        if not value.ndim:
            arrays.append(f'"{name}": np.array([{_literal(value)}])')
            continue
        # An integer may be an index, of which 0 alone is sure to be there.
        make, kind = ("zeros", ', "int64"') if value.dtype.kind == "i" else ("ones", "")
        arrays.append(f'"{name}": np.{make}({(1, *value.shape)}{kind})')
    if len(arrays) <= MOST_IN_A_LINE:
        return "{" + ", ".join(arrays) + "}"
    return "{\n" + "".join(f"    {array},\n" for array in arrays) + "}"


def _literal(value: np.ndarray) -> str:
    """Return a number or a text as Python writes it, a number of 32 bits in its own digits."""
    if value.dtype.kind in "OSU":
        text = value.item()
        return repr(text.decode() if isinstance(text, bytes) else text)
    return str(value) if np.isfinite(value) else "np.nan"


def _scores(scores: Mapping[str, Mapping[str, Score]], names: Mapping[str, str]) -> str:
    labels = [names.get(p, p.replace("_", " ").capitalize()) for p in scores]
    kinds = dict.fromkeys(kind for values in scores.values() for kind in values)
    undefined = Score(float("nan"), float("nan"), float("nan"))
    rows = [
        [f"`{kind}`", *(format_score(values.get(kind, undefined)) for values in scores.values())]
        for kind in kinds
    ]
    return _table(["score", *labels], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )
