"""What every generator and every reader of files gives: cases, split by subject."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from kerasbio.datasets.batches import LabelBatches, MaskBatches, without_tuning
from kerasbio.errors import KerasbioError

Case = dict[str, Any]
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Pair = tuple[np.ndarray, np.ndarray | None]
MaskAugment = Callable[[np.ndarray, np.ndarray | None, np.random.Generator], Pair]


class Cases(Protocol):
    """A data set whose cases are made or read each by itself, the same each time.

    `cases[i]` is a dict with an array for every name in `input_names`, an integer `label`, a
    `subject` and, where the generator knows it, the `cause` of the label as a vector.
    `labels` and `subjects` are arrays of length `len(cases)`, known without making any input.
    Where `classes` is empty, labels are values to regress on. Where the authors of a data set have
    split it, `parts` holds the part of each case: 0, 1, ... Cases that lie in memory may have a
    method `take(name, indices)` that gives an input of many at once.

    Two threads may ask for cases at a time.

    Cases to segment have one input `image` `(*spatial, channels)`, `mask` `(*spatial)` integers
    with 0 for the background, and `spacing`, the length of a voxel along each axis in mm; their
    data set has `mask_classes`, the names of the mask's numbers.
    """

    input_names: tuple[str, ...]
    classes: tuple[str, ...]
    labels: np.ndarray
    subjects: np.ndarray

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Case: ...


#: Batches that are made at once.
AT_ONCE = 2


class Subset:
    """Some cases of a data set, kept in memory once made while `memory` bytes allow."""

    def __init__(self, cases: Cases, indices: Sequence[int] | np.ndarray, memory: int = 2**30):
        self.cases = cases
        self.indices = np.asarray(indices, dtype=np.int64)
        self.input_names = cases.input_names
        self.classes = cases.classes
        self.mask_classes = tuple(getattr(cases, "mask_classes", ()))
        self.labels = np.asarray(cases.labels)[self.indices]
        self.subjects = np.asarray(cases.subjects)[self.indices]
        self.parts = np.asarray(getattr(cases, "parts", np.zeros(len(cases), int)))[self.indices]
        self.memory = memory
        self._kept: dict[int, Case] = {}

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Case:
        position = int(self.indices[index])
        case = self._kept.get(position)
        if case is None:
            case = self.cases[position]
            kept = (*self.input_names, "mask")
            size = sum(case[name].nbytes for name in kept if name in case)
            # Two threads at once may go beyond it by a case.
            if size <= self.memory:
                self.memory -= size
                self._kept[position] = case
        return case

    def stack(self, name: str, indices: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Return `cases[i][name]` of all cases, or of those with these indices, as one array."""
        chosen = np.arange(len(self)) if indices is None else np.asarray(indices)
        if hasattr(self.cases, "take"):
            return self.cases.take(name, self.indices[chosen])
        return np.stack([np.asarray(self[int(i)][name]) for i in chosen])


def split(cases: Cases, fractions: Sequence[float], seed: int) -> tuple[Subset, ...]:
    """Split cases by subject, with each class, or each range of values, in proportion.

    Cases of more than one of their own `parts` are split into these, whatever the shares.

    Args:
        cases: What to split. No subject is in two parts.
        fractions: Share of the subjects in each part; they sum to 1.
        seed: Seed of the shuffle.

    Returns:
        One `Subset` per fraction.

    Raises:
        ValueError: If the fractions do not sum to 1, or are not as many as the cases' `parts`.
        KerasbioError: If a class, or the whole, has fewer subjects than there are parts.
    """
    if abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions must sum to 1. Received: fractions={tuple(fractions)}")
    given, where = np.unique(getattr(cases, "parts", 0), return_inverse=True)
    if len(given) > 1:
        if len(given) != len(fractions):
            raise ValueError(f"cases have {len(given)} parts. Received: fractions={fractions}")
        return tuple(Subset(cases, np.flatnonzero(where == k)) for k in range(len(given)))
    random = np.random.default_rng(seed)
    _, first, members = np.unique(cases.subjects, return_index=True, return_inverse=True)
    kinds = strata(cases)[first]
    parts: list[list[int]] = [[] for _ in fractions]
    for kind in np.unique(kinds):
        group = random.permutation(np.flatnonzero(kinds == kind))
        if len(group) < len(fractions):
            what = f"class {cases.classes[kind]!r} has" if len(cases.classes) else "there are"
            raise KerasbioError(
                f"{what} {len(group)} subject(s); {len(fractions)} are needed to train, choose "
                f"and test: add cases{' of it' if len(cases.classes) else ''}"
            )
        bounds = np.round(np.cumsum(fractions) * len(group)).astype(int)
        # Every part gets a subject of every class, however few there are.
        for part in range(len(fractions) - 1):
            low = part + 1 if part == 0 else bounds[part - 1] + 1
            bounds[part] = np.clip(bounds[part], low, len(group) - (len(fractions) - 1 - part))
        for part, chosen in enumerate(np.split(group, bounds[:-1])):
            parts[part].extend(chosen)
    return tuple(Subset(cases, np.flatnonzero(np.isin(members, part))) for part in parts)


def strata(cases: Cases) -> np.ndarray:
    """Return the stratum of each case `(cases,)`: its class, or the rank of its value in tenths.

    All cases of a subject are of one stratum: of its classes that which the fewest subjects have,
    or the rank of its first value. A stratum of values holds at least ten subjects, unless there
    are fewer.
    """
    _, first, members = np.unique(cases.subjects, return_index=True, return_inverse=True)
    labels = np.asarray(cases.labels)
    if not len(cases.classes):
        values = labels[first]
        count = min(10, max(1, len(values) // 10))
        return (np.argsort(np.argsort(values, kind="stable")) * count // len(values))[members]
    pairs = np.unique(np.stack([members, labels], axis=1), axis=0)
    rarity = np.argsort(np.argsort(np.bincount(pairs[:, 1]), kind="stable"))
    rarest = np.full(len(first), len(rarity))
    np.minimum.at(rarest, members, rarity[labels])
    return np.argsort(rarity)[rarest][members]


def to_dataset(
    cases: Subset,
    batch_size: int,
    seed: int | None = None,
    epoch: Any = 0,
    skip: int = 0,
    augment: Augment | MaskAugment | None = None,
    target: str = "label",
) -> Any:
    """Return a `tf.data.Dataset` of `(inputs, targets)` batches.

    The order is a function of `(seed, epoch)` alone, so that a resumed run sees what the
    uninterrupted one would have seen. `epoch` may be a `tf.Variable`: it is read anew whenever
    the data set is iterated.

    Args:
        cases: The cases of one part.
        batch_size: Cases per batch; the last batch may be smaller.
        seed: Seed of the order and of `augment`; None keeps the order of `cases`.
        epoch: Number of the epoch, an integer.
        skip: Number of batches to leave out at the start, an integer.
        augment: Function of one input array and a seeded generator, applied to every input; for
            masks a function of an image, its mask and a seeded generator that gives both. It may
            change their size: images of several sizes are cut to one.
        target: What is to be predicted, `"label"` or `"mask"`.

    Returns:
        A data set of `(inputs, targets)`: inputs `(batch, ...)` float32, a dict of them where
        there are several; labels `(batch,)` int64, or float32 where they are values; masks
        `(batch, *spatial)` int32. Batches of one image may each have a size of their own.

    Raises:
        ValueError: If `target` is unknown, or there are several inputs to a mask.
        KerasbioError: If a case has no mask, one of another shape than its image, or an image
            of another size than the first, when the batches are made.
    """
    import tensorflow as tf

    if target not in ("label", "mask"):
        raise ValueError(f"target must be 'label' or 'mask'. Received: target={target!r}")
    source = (
        LabelBatches(cases, augment, seed or 0)
        if target == "label"
        else MaskBatches(cases, augment, seed or 0, batch_size)
    )
    names = cases.input_names

    def batch(indices: Any) -> Any:
        arrays = tf.numpy_function(
            source.load, [indices, epoch], [tf.as_dtype(kind) for kind in source.dtypes]
        )
        for array, shape in zip(arrays, source.shapes, strict=True):
            array.set_shape(shape)
        *inputs, targets = arrays
        return (dict(zip(names, inputs, strict=True)) if len(names) > 1 else inputs[0]), targets

    def order(_: Any) -> Any:
        indices = tf.range(len(cases), dtype=tf.int64)
        if seed is not None:
            # Stateless: the order needs no state in a checkpoint.
            key = tf.stack([tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64)])
            indices = tf.random.experimental.stateless_shuffle(indices, key)
        return tf.data.Dataset.from_tensor_slices(indices[skip * batch_size :])

    # Files are read and decompressed outside Python: two at once take half the time.
    indices = tf.data.Dataset.range(1).flat_map(order).batch(batch_size)
    batches = indices.map(batch, num_parallel_calls=AT_ONCE, deterministic=True)
    count = -(-len(cases) // batch_size) - skip
    known = batches.apply(tf.data.experimental.assert_cardinality(count))
    return without_tuning(known.prefetch(2))


def fingerprint(cases: Cases, *arrays: np.ndarray) -> dict[str, Any]:
    """Return what tells a data set from others: in words, and as a hash.

    Args:
        cases: Who is of which class is hashed, without making any input.
        *arrays: What else to hash.
    """
    subjects = np.asarray(cases.subjects)
    content = "\n".join([*cases.classes, *map(str, np.asarray(cases.labels)), *map(str, subjects)])
    digest = hashlib.sha256(content.encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return {
        "described": f"{len(cases)} cases of {len(np.unique(subjects))} subjects",
        "sha256": digest.hexdigest(),
    }


class Mapped:
    """A data set whose inputs pass through a function, when they are asked for.

    Args:
        cases: The data set.
        function: From one input array to the array that takes its place.
    """

    def __init__(self, cases: Cases, function: Callable[[np.ndarray], np.ndarray]):
        self.cases = cases
        self.function = function
        self.input_names, self.classes = cases.input_names, cases.classes
        self.mask_classes = tuple(getattr(cases, "mask_classes", ()))
        self.labels, self.subjects = cases.labels, cases.subjects
        self.parts = getattr(cases, "parts", np.zeros(len(cases), int))

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Case:
        case = self.cases[index]
        return {**case, **{name: self.function(case[name]) for name in self.input_names}}


def limit(cases: Cases, count: int | None, seed: int) -> Cases:
    """Return about `count` cases: whole subjects, each class or range of values in proportion.

    Args:
        cases: What to choose from; returned as it is if it has no more than `count` cases.
        count: Number of cases to aim at; None takes all.
        seed: Seed of the choice.

    Returns:
        The chosen cases.
    """
    if count is None or len(cases) <= count:
        return cases
    return Subset(cases, choose_cases(cases, count, seed))


def choose_cases(cases: Cases, count: int | None, seed: int) -> np.ndarray:
    """Return the sorted indices of the cases that `limit` chooses."""
    if count is None or len(cases) <= count:
        return np.arange(len(cases))
    fraction = count / len(cases)
    random = np.random.default_rng(seed)
    _, first, members = np.unique(cases.subjects, return_index=True, return_inverse=True)
    kinds = strata(cases)[first]
    # Each part keeps each class.
    kinds = kinds + np.asarray(getattr(cases, "parts", np.zeros(len(cases))))[first] * len(kinds)
    chosen: list[int] = []
    for kind in np.unique(kinds):
        group = random.permutation(np.flatnonzero(kinds == kind))
        chosen.extend(group[: max(3, round(fraction * len(group)))])
    return np.flatnonzero(np.isin(members, chosen))
