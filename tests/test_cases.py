"""Cases are split by subject, and their order is a function of seed and epoch."""

import numpy as np
import pytest
import tensorflow as tf

from kerasbio.datasets.cases import Mapped, Subset, limit, split, to_dataset
from kerasbio.errors import KerasbioError


class Numbers:
    """Case `i` holds the number `i`; two cases in a row are of one subject."""

    input_names = ("number",)
    classes = ("even", "odd", "rare")

    def __init__(self, count=200):
        self.subjects = np.array([f"s{i // 2}" for i in range(count)])
        self.labels = np.arange(count) // 2 % 2
        self.labels[-8:] = 2
        self.read = 0

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        self.read += 1
        number = np.array([index], np.float32)
        return {"number": number, "label": self.labels[index], "subject": self.subjects[index]}


def numbers(dataset):
    return [x.numpy()[:, 0].astype(int).tolist() for x, _ in dataset]


def test_split_by_subject_stratified():
    cases = Numbers()
    parts = split(cases, (0.5, 0.25, 0.25), seed=0)
    assert sum(len(p) for p in parts) == len(cases) and cases.read == 0
    for i, part in enumerate(parts):
        assert set(part.labels) == {0, 1, 2}
        others = {s for j, other in enumerate(parts) if j != i for s in other.subjects}
        assert not others & set(part.subjects)
    shares = [np.mean(part.labels == 0) for part in parts]
    assert np.ptp(shares) < 0.05


def test_every_part_has_every_class_however_few():
    parts = split(Numbers(60), (0.9, 0.05, 0.05), seed=1)
    assert [set(part.labels) for part in parts] == [{0, 1, 2}] * 3


def test_split_depends_on_the_seed_alone():
    chosen = [split(Numbers(), (0.5, 0.5), seed)[0].indices for seed in (0, 0, 1)]
    assert np.array_equal(chosen[0], chosen[1]) and not np.array_equal(chosen[0], chosen[2])


def test_split_needs_subjects_of_each_class():
    with pytest.raises(KerasbioError, match=r"class 'rare' has 4 subject\(s\); 5 are needed"):
        split(Numbers(), (0.2,) * 5, seed=0)
    with pytest.raises(ValueError, match="sum to 1. Received"):
        split(Numbers(), (0.5, 0.4), seed=0)


def test_order_is_a_function_of_seed_and_epoch():
    part = split(Numbers(), (0.5, 0.5), 0)[0]
    epoch = tf.Variable(0, dtype=tf.int64)
    dataset = to_dataset(part, 16, 3, epoch)
    first, again = numbers(dataset), numbers(dataset)
    assert first == again and sorted(sum(first, [])) == part.indices.tolist()
    epoch.assign(1)
    second = numbers(dataset)
    assert second != first and sorted(sum(second, [])) == part.indices.tolist()
    assert numbers(to_dataset(part, 16, 3, 1)) == second
    assert numbers(to_dataset(part, 16, 4, 1)) != second
    assert numbers(to_dataset(part, 16, 3, 1, skip=2)) == second[2:]
    assert int(dataset.cardinality()) == len(second) == 7
    assert sum(numbers(to_dataset(part, 16)), []) == part.indices.tolist()


def test_labels_go_with_their_inputs():
    part = split(Numbers(), (0.5, 0.5), 0)[0]
    for x, y in to_dataset(part, 16, 0):
        np.testing.assert_array_equal(y, part.cases.labels[x.numpy()[:, 0].astype(int)])
        assert x.dtype == tf.float32 and y.dtype == tf.int64


def test_augmentation_is_a_function_of_seed_epoch_and_case():
    part = split(Numbers(), (0.5, 0.5), 0)[0]

    def jitter(image, random):
        return image + random.uniform(0, 0.5)

    def drawn(epoch):
        dataset = to_dataset(part, 16, 0, epoch, augment=jitter)
        return np.sort(np.concatenate([x.numpy()[:, 0] for x, _ in dataset]))

    np.testing.assert_array_equal(drawn(0), drawn(0))
    assert np.all(drawn(0) != drawn(1))
    np.testing.assert_array_equal(np.floor(drawn(1)), part.indices)


def test_cases_are_read_once_within_the_memory_given():
    cases = Numbers()
    part = Subset(cases, range(10), memory=4 * 6)
    for _ in range(3):
        assert part.stack("number")[:, 0].tolist() == list(range(10))
    assert cases.read == 6 + 3 * 4


def test_mapped_inputs():
    mapped = Mapped(Numbers(), lambda x: 2 * x)
    assert mapped[7]["number"] == 14 and mapped[7]["subject"] == "s3" and len(mapped) == 200


def test_limit_keeps_whole_subjects_and_every_class():
    few = limit(Numbers(), 50, seed=0)
    assert 40 <= len(few) <= 60 and set(few.labels) == {0, 1, 2}
    assert all(np.sum(few.subjects == s) == 2 for s in few.subjects)
    assert limit(few, 500, seed=0) is few
