"""What a batch of cases holds: inputs with their labels, or images with their masks."""

from typing import Any

import numpy as np

from kerasbio.errors import KerasbioError


class LabelBatches:
    """Inputs and labels of some cases, one batch at a time.

    Args:
        cases: The cases of one part.
        augment: Function of an input and a seeded generator, or None.
        seed: With the epoch and the index of a case, the seed of `augment`.

    Attributes:
        dtypes: Types of the arrays that `load` returns, the inputs first.
        shapes: Their shapes, None where these differ between batches.
    """

    def __init__(self, cases: Any, augment: Any, seed: int):
        self.cases, self.augment, self.seed = cases, augment, seed
        self._kind = np.int64 if len(cases.classes) else np.float32
        self.dtypes: list[Any] = [*[np.float32] * len(cases.input_names), self._kind]
        inputs = [cases.stack(name, [0]).shape[1:] for name in cases.input_names]
        self.shapes = [*((None, *shape) for shape in inputs), (None,)]

    def load(self, indices: np.ndarray, epoch: np.ndarray) -> list[np.ndarray]:
        """Return every input `(batch, ...)`, and the labels `(batch,)`."""
        names = self.cases.input_names
        arrays = {name: self.cases.stack(name, indices).astype(np.float32) for name in names}
        if self.augment is not None:
            for position, index in enumerate(indices):
                random = np.random.default_rng((self.seed, int(epoch), int(index)))
                for name in names:
                    arrays[name][position] = self.augment(arrays[name][position], random)
        return [*arrays.values(), self.cases.labels[indices].astype(self._kind)]


class MaskBatches:
    """Images and masks of some cases, one batch at a time.

    Args:
        cases: The cases of one part, with one input.
        augment: Function of an image, its mask and a seeded generator that gives both, or None.
        seed: With the epoch and the index of a case, the seed of `augment`.
        batch_size: Cases per batch. Images alone in their batches may each have a size.

    Attributes:
        dtypes: Types of the arrays that `load` returns, the images first.
        shapes: Their shapes, None where these differ between batches.

    Raises:
        ValueError: If there are several inputs.
        KerasbioError: If the first case has no mask.
    """

    def __init__(self, cases: Any, augment: Any, seed: int, batch_size: int):
        self.cases, self.augment, self.seed = cases, augment, seed
        if len(cases.input_names) != 1:
            raise ValueError(
                "cases must have one input for a mask to lie over. "
                f"Received: input_names={cases.input_names}"
            )
        *spatial, channels = self._pair(0, 0)[0].shape
        sizes = [None] * len(spatial) if batch_size == 1 else spatial
        self._expected = None if batch_size == 1 else (*spatial, channels)
        self.dtypes: list[Any] = [np.float32, np.int32]
        self.shapes = [(None, *sizes, channels), (None, *sizes)]

    def load(self, indices: np.ndarray, epoch: np.ndarray) -> list[np.ndarray]:
        """Return images `(batch, *spatial, channels)` and masks `(batch, *spatial)`.

        Raises:
            KerasbioError: If a case has no mask, or one that does not fit, or an image of
                another size than the first.
        """
        images, masks = [], []
        for index in indices:
            image, mask = self._pair(int(index), int(epoch))
            if self._expected is not None and image.shape != self._expected:
                raise KerasbioError(
                    f"{self._name(index)} has an image of {image.shape}, the first case one of "
                    f"{self._expected}: cut patches of one size, or take batches of one case"
                )
            images.append(image)
            masks.append(mask)
        return [np.stack(images), np.stack(masks)]

    def _pair(self, index: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        case = self.cases[index]
        if "mask" not in case:
            raise KerasbioError(f"{self._name(index)} has no mask: add one, or leave the case out")
        image, mask = np.asarray(case[self.cases.input_names[0]]), np.asarray(case["mask"])
        if mask.dtype.kind not in "iub":
            raise KerasbioError(
                f"{self._name(index)} has a mask of {mask.dtype}: numbers of classes are expected"
            )
        if mask.shape != image.shape[:-1]:
            raise KerasbioError(
                f"{self._name(index)} has a mask of {mask.shape} over an image of "
                f"{image.shape[:-1]}: they must be of one size"
            )
        if self.augment is not None:
            random = np.random.default_rng((self.seed, epoch, index))
            try:
                image, mask = self.augment(image, mask, random)
            except KerasbioError as error:
                raise KerasbioError(f"{self._name(index)}: {error}") from error
        return image.astype(np.float32, copy=False), mask.astype(np.int32, copy=False)

    def _name(self, index: int) -> str:
        return f"case {index} (subject {self.cases.subjects[index]})"


def without_tuning(data: Any) -> Any:
    """Return a `tf.data.Dataset` whose parallelism stays as it was written.

    The thread with which TensorFlow 2.21 tunes it sleeps for 10 ms, 20 ms, 40 ms and so on, and at
    times an epoch does not end before it wakes: of 11 s become 20 s.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)
