"""Sliding windows beside MONAI: memory at 16 and 64 classes, and time on a smaller volume.

Both run the same 3D U-Net with the same weights on the same windows, and give the same labels
where MONAI is given the Gaussian itself; its own is cut off below 0.001 of the maximum.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness import OURS, THREADS, compare

PEER = "MONAI"
FILTERS, SMALL_FILTERS = (16, 32, 64), (8, 16, 32)
#: Sides of the volume and of the window, and overlap: those of memory, those of time.
LARGE, SMALL = (256, 96, 0.25), (96, 48, 0.5)

#: From a volume `(*sides, 1)` to labels `(*sides)`.
Segment = Callable[[np.ndarray], np.ndarray]


def volume(side: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(side,) * 3 + (1,)).astype(np.float32)


def build(classes: int, filters: tuple[int, ...]) -> Any:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    from kerasbio.models.unet import build_unet_3d

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    keras.utils.set_random_seed(0)
    shape = (None, None, None, 1)
    return build_unet_3d(shape, classes, filters=filters, padding="same")


def ours(model: Any, window: int, overlap: float) -> Segment:
    from kerasbio.inference import sliding_window

    return lambda image: sliding_window(model, image, window, overlap=overlap)


def twin(weights: dict[str, np.ndarray], levels: int) -> Callable[[Any], Any]:
    """Return the network in PyTorch, from weights by their names in Keras."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(THREADS)
    known = {
        name: torch.from_numpy((w.transpose(4, 3, 0, 1, 2) if w.ndim == 5 else w).copy())
        for name, w in weights.items()
    }

    def block(x: Any, name: str) -> Any:
        for conv in (f"{name}_conv0", f"{name}_conv1"):
            x = F.conv3d(x, known[f"{conv}/kernel"], known[f"{conv}/bias"], padding=1)
            mean, variance, gamma, beta = (
                known[f"{conv}_norm/{part}"]
                for part in ("moving_mean", "moving_variance", "gamma", "beta")
            )
            x = F.relu(F.batch_norm(x, mean, variance, gamma, beta, eps=1e-5))
        return x

    def network(x: Any) -> Any:
        skips = []
        for level in range(levels - 1):
            skips.append(block(x, f"down{level}"))
            x = F.max_pool3d(skips[-1], 2)
        x = block(x, "bottom")
        for level in reversed(range(levels - 1)):
            x = F.conv_transpose3d(x, known[f"up{level}_upsample/kernel"], stride=2)
            x = block(torch.cat([skips[level], x], 1), f"up{level}")
        return F.conv3d(x, known["logits/kernel"], known["logits/bias"])

    return network


def monai(network: Callable[[Any], Any], window: int, overlap: float, **options: Any) -> Segment:
    import torch
    from monai.inferers import sliding_window_inference

    options |= {"overlap": overlap, "mode": "gaussian"}

    def segment(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            given = torch.from_numpy(image[None, None, ..., 0])
            logits = sliding_window_inference(given, (window,) * 3, 1, network, **options)
            return logits.argmax(1)[0].numpy()

    return segment


def gaussian(window: int) -> np.ndarray:
    """Return the weights of a window, up to those below 0.001, which MONAI would raise to it."""
    bell = np.exp(-0.5 * ((np.arange(window) - (window - 1) / 2) / (window / 8)) ** 2)
    return (bell[:, None, None] * bell[:, None] * bell).astype(np.float32)


def save(model: Any, folder: Path, **arrays: np.ndarray) -> None:
    weights = {w.path: np.asarray(w) for w in model.weights}
    np.savez(folder / "shared.npz", **weights, **arrays)


def time_ours(folder: Path) -> Callable[[], None]:
    side, window, overlap = SMALL
    model, image = build(16, SMALL_FILTERS), volume(side)
    segment = ours(model, window, overlap)
    save(model, folder, labels=segment(image))
    return lambda: segment(image)


def time_monai(folder: Path) -> Callable[[], None]:
    import torch

    side, window, overlap = SMALL
    shared = dict(np.load(folder / "shared.npz"))
    labels, image = shared.pop("labels"), volume(side)
    network = twin(shared, len(SMALL_FILTERS))
    segment = monai(network, window, overlap)
    same = monai(network, window, overlap, roi_weight_map=torch.from_numpy(gaussian(window)))
    # Where two logits are equal but for rounding, either may be the larger.
    assert np.mean(same(image) == labels) > 0.9999
    return lambda: segment(image)


def peak(side: str, classes: int, folder: Path) -> None:
    """Print the memory and the seconds of one volume, above what the loaded network takes."""
    size, window, overlap = LARGE
    if side == OURS:
        model = build(classes, FILTERS)
        model.predict_on_batch(np.zeros((1, 16, 16, 16, 1), np.float32))
        save(model, folder)
        segment = ours(model, window, overlap)
    else:
        network = twin(dict(np.load(folder / "shared.npz")), len(FILTERS))
        segment = monai(network, window, overlap)
        segment(volume(16))
    image = volume(size)
    loaded, begin = memory("VmRSS"), time.perf_counter()
    segment(image)
    print((memory("VmHWM") - loaded) / 1e9, time.perf_counter() - begin)


def memory(field: str) -> int:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").open())
    return int(status[field].split()[0]) * 1024


def compare_peaks() -> None:
    size, window, overlap = LARGE
    print(f"{size}^3 voxels, windows of {window}^3, overlap {overlap}: memory above the network's")
    with tempfile.TemporaryDirectory() as folder:
        for classes in (16, 64):
            for side in (OURS, PEER):
                command = [sys.executable, sys.argv[0], "peak", side, str(classes), folder]
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                if done.returncode:
                    print(f"{side:9s} {classes} classes: ended with {done.returncode}")
                    continue
                gigabytes, seconds = map(float, done.stdout.split()[-2:])
                print(f"{side:9s} {classes} classes: {gigabytes:6.2f} GB   {seconds:5.0f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        peak(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
        sys.exit()
    if len(sys.argv) == 1:
        compare_peaks()
    compare(
        f"{SMALL[0]}^3 voxels, windows of {SMALL[1]}^3, overlap {SMALL[2]}, {THREADS} threads",
        {OURS: time_ours, PEER: time_monai},
        1,
    )
