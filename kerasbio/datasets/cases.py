"""What every generator and every reader of files gives: cases, split by subject."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from kerasbio.errors import KerasbioError

Case = dict[str, Any]
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Cases(Protocol):
    """A data set whose cases are made or read one at a time, the same each time.

    `cases[i]` is a dict with an array for every name in `input_names`, an integer `label`, a
    `subject` and, where the generator knows it, the `cause` of the label as a vector.
    `labels` and `subjects` are arrays of length `len(cases)`, known without making any input.
    """

    input_names: tuple[str, ...]
    classes: tuple[str, ...]
    labels: np.ndarray
    subjects: np.ndarray

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Case: ...


class Subset:
    """Some cases of a data set, kept in memory once made while `memory` bytes allow."""

    def __init__(self, cases: Cases, indices: Sequence[int] | np.ndarray, memory: int = 2**30):
        self.cases = cases
        self.indices = np.asarray(indices, dtype=np.int64)
        self.input_names = cases.input_names
        self.classes = cases.classes
        self.labels = np.asarray(cases.labels)[self.indices]
        self.subjects = np.asarray(cases.subjects)[self.indices]
        self.memory = memory
        self._kept: dict[int, Case] = {}

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Case:
        position = int(self.indices[index])
        case = self._kept.get(position)
        if case is None:
            case = self.cases[position]
            size = sum(case[name].nbytes for name in self.input_names)
            if size <= self.memory:
                self.memory -= size
                self._kept[position] = case
        return case

    def stack(self, name: str) -> np.ndarray:
        """Return `cases[i][name]` of all cases as one array `(len(self), ...)`."""
        return np.stack([np.asarray(self[i][name]) for i in range(len(self))])


def split(cases: Cases, fractions: Sequence[float], seed: int) -> tuple[Subset, ...]:
    """Split cases by subject, with each class in each part in proportion.

    Args:
        cases: What to split. No subject is in two parts.
        fractions: Share of the subjects in each part; they sum to 1.
        seed: Seed of the shuffle.

    Returns:
        One `Subset` per fraction.

    Raises:
        ValueError: If the fractions do not sum to 1.
        KerasbioError: If a class has fewer subjects than there are parts.
    """
    if abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions must sum to 1. Received: fractions={tuple(fractions)}")
    random = np.random.default_rng(seed)
    labels, subjects = np.asarray(cases.labels), np.asarray(cases.subjects)
    names, first, members = np.unique(subjects, return_index=True, return_inverse=True)
    parts: list[list[int]] = [[] for _ in fractions]
    for label in np.unique(labels):
        # A subject with cases of several classes counts once, for the class of its first case.
        group = random.permutation(np.flatnonzero(labels[first] == label))
        if len(group) < len(fractions):
            raise KerasbioError(
                f"class {cases.classes[label]!r} has {len(group)} subject(s); "
                f"{len(fractions)} are needed to train, choose and test: add cases of it"
            )
        bounds = np.round(np.cumsum(fractions) * len(group)).astype(int)
        # Every part gets a subject of every class, however few there are.
        for part in range(len(fractions) - 1):
            low = part + 1 if part == 0 else bounds[part - 1] + 1
            bounds[part] = np.clip(bounds[part], low, len(group) - (len(fractions) - 1 - part))
        for part, chosen in enumerate(np.split(group, bounds[:-1])):
            parts[part].extend(chosen)
    return tuple(Subset(cases, np.flatnonzero(np.isin(members, part))) for part in parts)


def to_dataset(
    cases: Subset,
    batch_size: int,
    seed: int | None = None,
    epoch: Any = 0,
    skip: int = 0,
    augment: Augment | None = None,
) -> Any:
    """Return a `tf.data.Dataset` of `(inputs, labels)` batches.

    The order is a function of `(seed, epoch)` alone, so that a resumed run sees what the
    uninterrupted one would have seen. `epoch` may be a `tf.Variable`: it is read anew whenever
    the data set is iterated.

    Args:
        cases: The cases of one part.
        batch_size: Cases per batch; the last batch may be smaller.
        seed: Seed of the order and of `augment`; None keeps the order of `cases`.
        epoch: Number of the epoch, an integer.
        skip: Number of batches to leave out at the start, an integer.
        augment: Function of one input array and a seeded generator, applied to every input.

    Returns:
        A data set of `(inputs, labels)`: inputs `(batch, ...)` float32, a dict of them where
        there are several; labels `(batch,)` int64.
    """
    import tensorflow as tf

    names = cases.input_names
    shapes = {name: np.shape(cases[0][name]) for name in names}

    def load(indices: np.ndarray, epoch: np.ndarray) -> list[np.ndarray]:
        arrays = {name: [cases[int(i)][name] for i in indices] for name in names}
        if augment is not None:
            for position, index in enumerate(indices):
                random = np.random.default_rng((seed or 0, int(epoch), int(index)))
                for name in names:
                    arrays[name][position] = augment(arrays[name][position], random)
        return [np.stack(arrays[name]).astype(np.float32) for name in names] + [
            cases.labels[indices].astype(np.int64)
        ]

    def batch(indices: Any) -> Any:
        *inputs, labels = tf.numpy_function(
            load, [indices, epoch], [tf.float32] * len(names) + [tf.int64]
        )
        for name, value in zip(names, inputs, strict=True):
            value.set_shape((None, *shapes[name]))
        labels.set_shape((None,))
        return (dict(zip(names, inputs, strict=True)) if len(names) > 1 else inputs[0]), labels

    def order(_: Any) -> Any:
        indices = tf.range(len(cases), dtype=tf.int64)
        if seed is not None:
            # Stateless: the order needs no state in a checkpoint.
            key = tf.stack([tf.cast(seed, tf.int64), tf.cast(epoch, tf.int64)])
            indices = tf.random.experimental.stateless_shuffle(indices, key)
        return tf.data.Dataset.from_tensor_slices(indices[skip * batch_size :])

    batches = tf.data.Dataset.range(1).flat_map(order).batch(batch_size).map(batch)
    count = -(-len(cases) // batch_size) - skip
    return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


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
        self.labels, self.subjects = cases.labels, cases.subjects

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, index: int) -> Case:
        case = self.cases[index]
        return {**case, **{name: self.function(case[name]) for name in self.input_names}}


def limit(cases: Cases, count: int | None, seed: int) -> Cases:
    """Return about `count` cases: whole subjects, with each class in proportion.

    Args:
        cases: What to choose from; returned as it is if it has no more than `count` cases.
        count: Number of cases to aim at; None takes all.
        seed: Seed of the choice.

    Returns:
        The chosen cases.
    """
    if count is None or len(cases) <= count:
        return cases
    fraction = count / len(cases)
    random = np.random.default_rng(seed)
    labels, subjects = np.asarray(cases.labels), np.asarray(cases.subjects)
    names, first, members = np.unique(subjects, return_index=True, return_inverse=True)
    chosen: list[int] = []
    for label in np.unique(labels):
        group = random.permutation(np.flatnonzero(labels[first] == label))
        chosen.extend(group[: max(3, round(fraction * len(group)))])
    return Subset(cases, np.flatnonzero(np.isin(members, chosen)))


def shift_image(image: np.ndarray, random: np.random.Generator, largest: int = 2) -> np.ndarray:
    """Return an image moved by up to `largest` pixels each way, its border repeated."""
    down, right = random.integers(-largest, largest + 1, 2)
    rows = np.clip(np.arange(image.shape[0]) - down, 0, image.shape[0] - 1)
    columns = np.clip(np.arange(image.shape[1]) - right, 0, image.shape[1] - 1)
    return image[rows][:, columns]
