"""Cases are split by subject, and their order is a function of seed and epoch."""

import numpy as np
import pytest
import tensorflow as tf

from kerasbio.datasets.augmentation import Augmentation, chain, without_mask
from kerasbio.datasets.cases import Mapped, Subset, limit, split, to_dataset
from kerasbio.datasets.patches import PatchSampler
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


class Scans:
    """Image `i` of number `i` above its mask; every third one is larger."""

    input_names = ("image",)
    classes = ("healthy", "lesion")
    mask_classes = ("background", "lesion")

    def __init__(self, count=10, **changes):
        self.labels = np.arange(count) % 2
        self.subjects = np.array([f"s{i}" for i in range(count)])
        self.changes = changes
        self.read = 0

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        self.read += 1
        shape = (9, 12) if index % 3 == 2 else (8, 10)
        mask = np.zeros(shape, np.uint8)
        mask[2:4, 3:5] = self.labels[index]
        image = np.full((*shape, 1), index, np.float32) + mask[..., None] / 2
        case = {"image": image, "mask": mask, "label": int(self.labels[index])}
        return {**case, **self.changes} if index == 3 else case


def everything(dataset):
    return [(x.numpy(), y.numpy()) for x, y in dataset]


def same(one, other):
    return all(
        np.array_equal(a, b)
        for pair, twin in zip(one, other, strict=True)
        for a, b in zip(pair, twin, strict=True)
    )


def test_masks_go_with_their_images():
    part = Subset(Scans(), range(10))
    crop = PatchSampler((6, 8), foreground=0)
    dataset = to_dataset(part, 4, 0, augment=crop, target="mask")
    images, masks = dataset.element_spec
    assert images.shape.as_list() == [None, 6, 8, 1] and masks.shape.as_list() == [None, 6, 8]
    assert masks.dtype == tf.int32 and int(dataset.cardinality()) == 3
    numbers = []
    for x, y in dataset:
        np.testing.assert_array_equal(x[..., 0] % 1, y.numpy() / 2)
        assert np.all(y.numpy().max(axis=(1, 2)) == x.numpy()[:, 0, 0, 0].astype(int) % 2)
        numbers += x.numpy()[:, 0, 0, 0].astype(int).tolist()
    # In the order of the labels, so that recipes may train on either.
    labelled = to_dataset(Subset(Numbers(10), range(10)), 4, 0)
    assert numbers == [int(i) for x, _ in labelled for i in x.numpy()[:, 0]] != sorted(numbers)
    assert part.mask_classes == Mapped(part.cases, np.abs).mask_classes == Scans.mask_classes


def test_masks_are_a_function_of_seed_and_epoch_and_resume_bitwise():
    part = Subset(Scans(), range(10))
    augment = chain(PatchSampler((6, 8)), Augmentation(flip=(0,), bias=0.1, probability=0.7))

    def drawn(seed, epoch, skip=0):
        return everything(to_dataset(part, 3, seed, epoch, skip, augment, "mask"))

    whole = drawn(1, tf.Variable(2, dtype=tf.int64))
    assert same(whole, drawn(1, 2)) and same(whole[2:], drawn(1, 2, skip=2))
    assert not same(whole, drawn(1, 3)) and not same(whole, drawn(2, 2))


def test_whole_images_of_several_sizes_one_by_one():
    dataset = to_dataset(Subset(Scans(), range(10)), 1, target="mask")
    assert [x.shape[1:3] for x, _ in everything(dataset)] == [
        (9, 12) if i % 3 == 2 else (8, 10) for i in range(10)
    ]
    assert dataset.element_spec[0].shape.as_list() == [None, None, None, 1]


def test_patches_of_labelled_images():
    part = Subset(Scans(), [0, 1, 3, 4])
    augment = without_mask(Augmentation(probability=1))
    for x, y in to_dataset(part, 4, 0, augment=augment):
        assert x.shape == (4, 8, 10, 1) and y.shape == (4,)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, r"case 1 \(subject s2\) has an image of \(9, 12, 1\), the first case one of"),
        ({"mask": np.zeros((8, 10))}, r"case 2 \(subject s3\) has a mask of float64"),
        ({"mask": np.zeros((8, 9), int)}, r"has a mask of \(8, 9\) over an image of \(8, 10\)"),
        ({"image": np.zeros((3, 9, 1)), "mask": np.zeros((3, 9), int)}, r"s3\): a patch of 4 x 4"),
    ],
)
def test_masks_that_do_not_fit_are_named(changes, message):
    part = Subset(Scans(**changes), [0, 2, 3] if not changes else [0, 1, 3])
    crop = PatchSampler((4, 4)) if changes else None
    with pytest.raises(tf.errors.OpError, match=message):
        everything(to_dataset(part, 2, augment=crop, target="mask"))


def test_cases_without_masks():
    with pytest.raises(KerasbioError, match=r"case 0 \(subject s0\) has no mask: add one"):
        to_dataset(Subset(Numbers(), range(8)), 2, target="mask")
    with pytest.raises(ValueError, match="target must be 'label' or 'mask'. Received: target='m'"):
        to_dataset(Subset(Scans(), range(8)), 2, target="m")
    part = Subset(Scans(), range(8))
    part.input_names = ("image", "age")
    with pytest.raises(ValueError, match="one input.*Received: input_names="):
        to_dataset(part, 2, target="mask")


def test_kept_masks_count_as_memory():
    cases = Scans()
    image, mask = (cases[0][name].nbytes for name in ("image", "mask"))
    cases.read = 0
    part = Subset(cases, [0, 1, 3, 4], memory=2 * (image + mask) + image)
    for _ in range(2):
        for index in range(4):
            part[index]
    assert cases.read == 4 + 2


def test_no_thread_tunes_what_fit_waits_for():
    # Epochs end when they end: the tuning thread is waited for while it sleeps.
    data = to_dataset(Subset(Numbers(), np.arange(4)), 2)
    assert data.options().autotune.enabled is False
