"""What is wrong with a case is one line, although it is read inside the graph."""

import re

import keras
import numpy as np
import pytest

from kerasbio.datasets.cases import fingerprint, split, to_dataset
from kerasbio.errors import KerasbioError
from kerasbio.losses import DiceCrossentropy
from kerasbio.training.fit import fit
from kerasbio.training.options import RunOptions
from kerasbio.training.run import open_run


class Scans:
    """Scans of which one is not as the others."""

    input_names, classes = ("image",), ("all",)
    mask_classes = ("background", "target")

    def __init__(self, wrong, count=9):
        self.wrong = wrong
        self.labels, self.subjects = np.zeros(count, int), np.arange(count)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        case = {"image": np.ones((8, 8, 1), np.float32), "mask": np.ones((8, 8), np.uint8)}
        # The last is in no first batch.
        return case | (self.wrong() if index == len(self) - 1 else {})


def broken():
    raise KerasbioError("scan.nii.gz ends early: copy it again")


def bug():
    raise RuntimeError("a bug")


def train(folder, wrong):
    cases = Scans(wrong)
    options = RunOptions(epochs=1, output=str(folder), name="a")
    (training,) = split(cases, (1.0,), seed=0)
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inputs))
    model.compile("sgd", DiceCrossentropy())
    with open_run("tiny", options, "tiny", fingerprint(cases)) as run:
        fit(
            run,
            model,
            lambda epoch, skip: to_dataset(training, 3, None, epoch, skip, target="mask"),
            3,
        )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (broken, r"scan.nii.gz ends early: copy it again"),
        (
            lambda: {"mask": np.ones((8, 7), np.uint8)},
            r"case 8 \(subject 8\) has a mask of \(8, 7\) over an image of \(8, 8\): .*",
        ),
        (
            lambda: {"image": np.ones((9, 8, 1), np.float32), "mask": np.ones((9, 8), np.uint8)},
            r"case 8 \(subject 8\) has an image of \(9, 8, 1\), .*",
        ),
        (
            lambda: {"mask": np.ones((8, 8))},
            r"case 8 \(subject 8\) has a mask of float64: numbers of classes are expected",
        ),
    ],
)
def test_a_wrong_case_is_named_in_one_line(tmp_path, wrong, words):
    with pytest.raises(KerasbioError) as error:
        train(tmp_path, wrong)
    assert re.fullmatch(words, str(error.value))


def test_a_bug_is_not_taken_for_a_wrong_case(tmp_path):
    with pytest.raises(Exception, match="a bug") as error:
        train(tmp_path, bug)
    assert not isinstance(error.value, KerasbioError)
