"""The 95 % Hausdorff distance beside MONAI: the same two masks, the same millimetres."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness import OURS, compare

STEPS = 2
SIDE, SPACING = 128, (2.0, 0.8, 0.8)


def masks() -> tuple[np.ndarray, np.ndarray]:
    """Return an organ with a rough surface as two readers outline it."""
    axis = np.linspace(-1, 1, SIDE)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    rough = 0.04 * np.sin(25 * x) * np.sin(20 * y) * np.sin(15 * z)
    truth = (z / 0.7) ** 2 + (y / 0.5) ** 2 + (x / 0.6) ** 2 < 1 + rough
    moved = ((z - 0.03) / 0.72) ** 2 + (y / 0.48) ** 2 + ((x - 0.05) / 0.6) ** 2 < 1 - rough
    return truth, moved


def ours(folder: Path) -> Callable[[], None]:
    from kerasbio.metrics.surface import hausdorff_distance

    truth, prediction = masks()

    def distance() -> float:
        return hausdorff_distance(truth, prediction, SPACING, percentile=95)

    np.save(folder / "distance.npy", distance())
    return lambda: repeat(distance)


def monai(folder: Path) -> Callable[[], None]:
    import torch
    from monai.metrics import compute_hausdorff_distance

    truth, prediction = (torch.from_numpy(mask)[None, None] for mask in masks())

    def distance() -> float:
        return compute_hausdorff_distance(
            prediction, truth, include_background=True, percentile=95, spacing=SPACING
        ).item()

    np.testing.assert_allclose(distance(), np.load(folder / "distance.npy"), rtol=1e-5)
    return lambda: repeat(distance)


def repeat(distance: Callable[[], float]) -> None:
    for _ in range(STEPS):
        distance()


if __name__ == "__main__":
    title = f"95 % Hausdorff distance, {SIDE}^3 voxels of {SPACING} mm"
    compare(title, {OURS: ours, "MONAI": monai}, STEPS)
