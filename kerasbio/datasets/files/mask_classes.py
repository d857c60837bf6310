"""Names of the values of masks, from the file beside them."""

import json
from pathlib import Path

from kerasbio.errors import KerasbioError

NNUNET, LIST = "dataset.json", "classes.txt"
BACKGROUND = "background"


def read_mask_classes(folder: Path) -> tuple[str, ...]:
    """Return the names of the values 0, 1, ... of masks; empty where no file says them.

    A `dataset.json` has `labels` from name to value, as nnU-Net version 2, or from value to name,
    as version 1. A `classes.txt` has one name per line, from that of value 1 on, or from
    "background" on.

    Raises:
        KerasbioError: If the file is not as expected.
    """
    file = folder / NNUNET
    if file.is_file():
        names = _read_json(file)
    else:
        file = folder / LIST
        if not file.is_file():
            return ()
        try:
            lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise KerasbioError(f"{file} cannot be read ({error}): save it in UTF-8") from None
        names = [line for line in lines if line]
        if names and names[0].lower() == BACKGROUND:
            names = names[1:]
        names = [BACKGROUND, *names]
    if len(names) < 2 or len(set(names)) < len(names):
        raise KerasbioError(
            f"{file} names the classes {', '.join(names)}: one or more beside the background are "
            "expected, each once"
        )
    return tuple(names)


def _read_json(file: Path) -> list[str]:
    try:
        content = json.loads(file.read_text("utf-8"))
        labels = content["labels"]
        # Version 2 maps names to values, which are numbers; version 1 the other way.
        if all(isinstance(value, str) for value in labels.values()):
            labels = {name: int(value) for value, name in labels.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise KerasbioError(
            f'{file} has no "labels" from class names to values: write it as nnU-Net does'
        ) from None
    if not all(isinstance(value, int) for value in labels.values()):
        raise KerasbioError(
            f'{file} has "labels" of several values (regions): give each class one value'
        )
    if sorted(labels.values()) != list(range(len(labels))):
        raise KerasbioError(
            f'{file} has "labels" of values {sorted(labels.values())}: they must count from 0 on'
        )
    if "ignore" in labels:
        raise KerasbioError(f'{file} has a label "ignore", which is not supported: remove it')
    return sorted(labels, key=labels.__getitem__)
