"""A user's own images: one folder per class, or a table of files."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kerasbio.datasets.cases import Case
from kerasbio.datasets.files.image_files import ENDINGS, read_image, to_channels
from kerasbio.datasets.tables.reading import read_table
from kerasbio.errors import KerasbioError

TABLE = "labels.csv"


class Row(NamedTuple):
    """One image of the folder."""

    file: Path
    label: str
    subject: str


class ImageFolder:
    """Images from disk, as they are stored.

    Either one folder per class, where the subject is the file's name up to its last `_`, or the
    whole name where there is none; or a `labels.csv` with the columns `file` and `label` and, if
    known, `subject`. Every file is read once, so that a broken one is told before training.
    `notes` says what the user should know.

    Args:
        path: The folder.

    Raises:
        KerasbioError: If the folder, a file or the table is not as expected; names the file.
    """

    input_names = ("image",)

    def __init__(self, path: Path | str):
        self.path = Path(path)
        if not self.path.exists():
            raise KerasbioError(f"--data {path} does not exist: give a folder of images")
        if not self.path.is_dir():
            raise KerasbioError(f"--data {path} is a file: give the folder that holds the images")
        table = self.path / TABLE
        rows = _read_table(table) if table.is_file() else _read_folders(self.path)
        self.notes: list[str] = []
        if table.is_file() and all(row.subject == "" for row in rows):
            self.notes.append(
                f"{table} has no column 'subject': each file counts as a subject of its own, so "
                "that a person of several files can be in training and test alike."
            )
        rows = [row if row.subject else row._replace(subject=str(row.file)) for row in rows]
        self.classes = tuple(sorted({row.label for row in rows}))
        _check_classes(self.path, rows, self.classes)
        self.files = [row.file for row in rows]
        self.labels = np.array([self.classes.index(row.label) for row in rows], np.int64)
        self.subjects = np.array([row.subject for row in rows])
        # Colour is kept only where every image has it.
        self.channels = min(read_image(file).shape[-1] for file in self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Case:
        return {
            "image": to_channels(read_image(self.files[index]), self.channels),
            "label": int(self.labels[index]),
            "subject": self.subjects[index],
            "file": str(self.files[index]),
        }


def _read_folders(path: Path) -> list[Row]:
    rows: list[Row] = []
    for folder in sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith(".")):
        files = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in ENDINGS]
        files = [f for f in files if not f.name.startswith(".")]
        if not files:
            raise KerasbioError(
                f"{folder} holds no image ({', '.join(ENDINGS)}): fill or remove it"
            )
        for file in files:
            subject = file.stem.rpartition("_")[0] or file.stem
            rows.append(Row(file, folder.name, subject))
    if not rows:
        raise KerasbioError(
            f"{path} holds neither folders of images, one per class, nor a {TABLE} with the "
            "columns file,label,subject: make one of them"
        )
    first: dict[str, Row] = {}
    for row in rows:
        other = first.setdefault(row.subject, row)
        if other.label != row.label:
            raise KerasbioError(
                f"subject {row.subject!r} is in two classes ({other.file} and {row.file}): rename "
                f"the files, or say who is who in {TABLE}"
            )
    return rows


def _read_table(table: Path) -> list[Row]:
    content = read_table(table, ("file", "label", "subject"), ("file", "label"))
    names, labels = content.cells("file"), content.cells("label")
    known = "subject" in content.columns
    subjects = content.cells("subject") if known else [""] * len(names)
    rows: list[Row] = []
    for position, (name, label) in enumerate(zip(names, labels, strict=True)):
        where, file = content.where(position), table.parent / name
        if not name or not label:
            raise KerasbioError(f"{where}: file and label must both be given")
        if not file.resolve().is_relative_to(table.parent.resolve()):
            raise KerasbioError(f"{where}: {name} lies outside of {table.parent}")
        if not file.is_file():
            raise KerasbioError(f"{where}: {file} does not exist")
        rows.append(Row(file, label, subjects[position]))
    (name, count), *_ = Counter(str(r.file.resolve()) for r in rows).most_common(1) or [("", 0)]
    if count > 1:
        raise KerasbioError(f"{table} names {name} {count} times: once is expected")
    return rows


def _check_classes(path: Path, rows: list[Row], classes: tuple[str, ...]) -> None:
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no image"
        raise KerasbioError(f"{path} holds {found}: at least two classes are needed")
    for name, count in Counter(row.label for row in rows).items():
        if count == 1:
            raise KerasbioError(
                f"class {name!r} in {path} has one image: at least three subjects are needed to "
                "train, choose and test"
            )
