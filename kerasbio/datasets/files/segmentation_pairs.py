"""Which files of a folder are the image and the mask of a case."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from kerasbio.datasets.files.channels import group_channels, split_channel
from kerasbio.datasets.files.volume_files import ENDINGS, IGNORED, split_name
from kerasbio.errors import KerasbioError

#: Folders of images and masks: ours, and nnU-Net's.
PLAIN, NNUNET = ("images", "masks"), ("imagesTr", "labelsTr")


class Pair(NamedTuple):
    """One case: the files of its channels in their order, and its mask."""

    images: tuple[Path, ...]
    mask: Path
    subject: str


def find_pairs(path: Path) -> list[Pair]:
    """Return the cases of a folder, in the order of their names.

    Raises:
        KerasbioError: If there are none, or a file lacks its other half or is of an unknown kind.
    """
    if not path.exists():
        raise KerasbioError(f"--data {path} does not exist: give a folder of images and masks")
    if not path.is_dir():
        raise KerasbioError(f"--data {path} is a file: give the folder of images and masks")
    for names in (PLAIN, NNUNET):
        folder, masked = path / names[0], path / names[1]
        if folder.is_dir() and masked.is_dir():
            break
    else:
        raise KerasbioError(
            f"{path} holds neither {PLAIN[0]}/ and {PLAIN[1]}/ nor {NNUNET[0]}/ and {NNUNET[1]}/: "
            "make two of them"
        )
    images = _list(folder, series=names is PLAIN)
    masks = _list(masked, series=False)
    channels = _group(images) if names is NNUNET else {n: (f,) for n, f in images.items()}
    if not channels:
        raise KerasbioError(f"{folder} holds no image ({', '.join(ENDINGS)}): fill it")
    if lacking := sorted(channels.keys() - masks.keys()):
        channel = split_channel(lacking[0])
        if channel and channel[0] in masks:
            raise KerasbioError(
                f"{channels[lacking[0]][0]} looks like a channel of {channel[0]!r}: call the "
                f"folders {NNUNET[0]}/ and {NNUNET[1]}/"
            )
        raise KerasbioError(
            f"{channels[lacking[0]][0]} has no mask: add {masked / lacking[0]} with one of the "
            f"endings {', '.join(ENDINGS)}"
        )
    if surplus := sorted(masks.keys() - channels.keys()):
        suffix = "_0000" if names is NNUNET else ""
        raise KerasbioError(
            f"{masks[surplus[0]]} has no image: add {folder / surplus[0]}{suffix}, or remove it"
        )
    return [
        Pair(
            channels[name],
            masks[name],
            name if names is NNUNET else name.rpartition("_")[0] or name,
        )
        for name in sorted(channels)
    ]


def _list(folder: Path, series: bool) -> dict[str, Path]:
    """Return the files by their names without endings."""
    found: dict[str, Path] = {}
    for name, file in _named(folder, series):
        if name in found:
            raise KerasbioError(f"{found[name]} and {file.name} have the same name: remove one")
        found[name] = file
    return found


def _named(folder: Path, series: bool) -> Iterator[tuple[str, Path]]:
    for file in sorted(folder.iterdir()):
        if file.name.startswith("."):
            continue
        if file.is_dir():
            if not series:
                raise KerasbioError(f"{file} is a folder and a file is expected: remove it")
            yield file.name, file
            continue
        name, ending = split_name(file)
        if ending:
            yield name, file
        elif file.suffix.lower() not in IGNORED:
            raise KerasbioError(
                f"{file} is of no kind that can be read ({', '.join(ENDINGS)} or the folder of a "
                "DICOM series): convert or remove it"
            )


def _group(images: dict[str, Path]) -> dict[str, tuple[Path, ...]]:
    """Return the channels of each case of nnU-Net."""
    found = []
    for name, file in images.items():
        channel = split_channel(name)
        if channel is None:
            raise KerasbioError(
                f"{file} does not end in the number of its channel: call it NAME_0000"
            )
        found.append((*channel, file))
    return group_channels(found)
