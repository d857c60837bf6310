"""A file of MedMNIST is read lazily, with its official parts."""

import tracemalloc
import zipfile

import numpy as np
import pytest

from kerasbio.datasets.cases import Subset, limit, split
from kerasbio.datasets.files.medmnist import CLASSES, MedMNISTFile
from kerasbio.errors import KerasbioError

COUNTS = {"train": 20, "val": 6, "test": 10}


def arrays(shape=(8, 8), classes=2):
    random = np.random.default_rng(0)
    found = {}
    for part, count in COUNTS.items():
        found[f"{part}_images"] = random.integers(0, 256, (count, *shape), np.uint8)
        found[f"{part}_labels"] = (np.arange(count) % classes).astype(np.uint8)[:, None]
    return found


def refused(path, *words):
    with pytest.raises(KerasbioError) as error:
        MedMNISTFile(path)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ("shape", "image"), [((8, 8), (8, 8, 1)), ((8, 8, 3),) * 2, ((8, 8, 8), (8, 8, 8, 1))]
)
def test_images_and_parts(tmp_path, save, shape, image):
    content = arrays(shape)
    save(tmp_path / "pneumoniamnist_64.npz", **content)
    cases = MedMNISTFile(tmp_path / "pneumoniamnist_64.npz")
    assert len(cases) == 36 and cases.classes == ("normal", "pneumonia")
    stored = np.concatenate([content[f"{part}_images"] for part in COUNTS]).reshape(-1, *image)
    labels = np.concatenate([content[f"{part}_labels"] for part in COUNTS])[:, 0]
    mixed = [35, 0, 19, 20, 25, 26]
    found = cases.take("image", mixed)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, stored[mixed])
    np.testing.assert_array_equal(cases.labels, labels)
    case = cases[-1]
    np.testing.assert_array_equal(case["image"], stored[35])
    assert case["label"] == labels[35] and "one person" in cases.notes[0]
    parts = split(cases, (0.7, 0.1, 0.2), seed=5)
    assert [part.indices.tolist() for part in parts] == [
        list(range(20)), list(range(20, 26)), list(range(26, 36))
    ]  # fmt: skip
    np.testing.assert_array_equal(parts[1].stack("image"), stored[20:26])


def test_parts_go_with_the_cases(tmp_path):
    np.savez(tmp_path / "x.npz", **arrays())
    cases = MedMNISTFile(tmp_path / "x.npz")
    assert cases.classes == ("class 0", "class 1")
    with pytest.raises(ValueError, match="3 parts. Received: fractions="):
        split(cases, (0.5, 0.5), seed=0)
    few = limit(cases, 24, seed=0)
    parts = split(few, (0.7, 0.1, 0.2), seed=0)
    assert len(few) < 30 and [set(part.labels) for part in parts] == [{0, 1}] * 3
    for k, part in enumerate(parts):
        assert set(cases.parts[few.indices[part.indices]]) == {k}
    # One part is split anew by shares.
    halves = split(parts[0], (0.5, 0.5), seed=0)
    assert abs(len(halves[0]) - len(halves[1])) <= 2
    assert not set(halves[0].subjects) & set(halves[1].subjects)
    assert set(Subset(cases, [0, 25]).parts) == {0, 1}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_images_stay_on_the_disk(tmp_path, save):
    content = arrays((400, 400))
    save(tmp_path / "x.npz", **content)
    tracemalloc.start()
    cases = MedMNISTFile(tmp_path / "x.npz")
    cases.take("image", [3, 30])
    # The images are 5.8 MB, the two that are asked for 1.3 MB as float32.
    assert tracemalloc.get_traced_memory()[1] < 3_500_000
    tracemalloc.stop()


def test_class_names_are_those_of_the_label_counts_published():
    # Classes per data set, from table 2 of MedMNIST v2, https://doi.org/10.1038/s41597-022-01721-8.
    expected = dict(
        pathmnist=9, dermamnist=7, octmnist=4, pneumoniamnist=2, retinamnist=5, breastmnist=2,
        bloodmnist=8, tissuemnist=8, organamnist=11, organcmnist=11, organsmnist=11,
        organmnist3d=11, nodulemnist3d=2, adrenalmnist3d=2, fracturemnist3d=3, vesselmnist3d=2,
        synapsemnist3d=2,
    )  # fmt: skip
    assert {name: len(set(names)) for name, names in CLASSES.items()} == expected
    assert sorted(CLASSES["organmnist3d"]) == sorted(CLASSES["organamnist"])


def test_bad_files(tmp_path):
    path = tmp_path / "x.npz"

    def saved(**changes):
        content = {**arrays(), **changes}
        np.savez(path, **{name: value for name, value in content.items() if value is not None})
        return path

    refused(tmp_path / "none.npz", "is no file")
    refused(saved(val_labels=None, test_images=None), "lacks val_labels, test_images")
    labels = np.zeros((20, 14), np.uint8)
    refused(saved(train_labels=labels), "14 labels per image", "ChestMNIST")
    refused(saved(train_labels=np.zeros((19, 1), int)), "(19, 1)", "one label per image")
    refused(saved(val_images=np.zeros((0, 8, 8))), "val_labels is (6, 1)")
    refused(saved(val_labels=np.full((6, 1), 0.5)), "val_labels holds other than class numbers")
    refused(saved(val_labels=np.full((6, 1), -1)), "val_labels holds other than class numbers")
    refused(saved(val_labels=np.full((6, 1), 4)), "no image of class 2: give the whole file")
    zeros = {f"{part}_labels": np.zeros(count, int) for part, count in COUNTS.items()}
    refused(saved(**zeros), "no image of class 1")
    refused(saved(val_images=np.zeros((6, 9, 8))), "images of shapes (20, 8, 8), (6, 9, 8)")
    refused(saved(val_images=np.array(["a"] * 6)), "'val_images' holds <U1: numbers are expected")
    refused(saved(val_labels=np.array([None] * 6)), "holds object: numbers are expected")
    whole = saved().read_bytes()
    path.write_bytes(whole[:-100])
    refused(path, "cannot be read")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_images.npy", b"\x93NUMPY\x01\x00")
    refused(path, "cannot be read")


def test_a_broken_compressed_image_is_found(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", **arrays((64, 64)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[20_000] ^= 255
    (tmp_path / "x.npz").write_bytes(content)
    refused(tmp_path / "x.npz", "cannot be read")
