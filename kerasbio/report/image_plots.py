"""Pictures of images, as they are and side by side."""

from pathlib import Path

import numpy as np

#: Images on a side of a grid, and grey pixels between them.
SIDE, GAP = 6, 1
#: Width that a grid has at least, so that pixels stay pixels when a browser scales it.
WIDTH = 440


def save_grid(path: Path, images: np.ndarray) -> Path:
    """Write the first 36 images as a PNG of 6 x 6, and return its path.

    Args:
        path: The file to write.
        images: `(images, height, width, channels)` in [-1, 1], 1 or 3 channels.
    """
    from PIL import Image

    height, width, channels = images.shape[1:]
    rows, columns = height + GAP, width + GAP
    sheet = np.full((SIDE * rows - GAP, SIDE * columns - GAP, channels), 255, np.uint8)
    for place, image in enumerate(images[: SIDE**2]):
        top, left = place // SIDE * rows, place % SIDE * columns
        pixels = np.clip(np.round((image + 1) * 127.5), 0, 255).astype(np.uint8)
        sheet[top : top + height, left : left + width] = pixels
    factor = max(1, -(-WIDTH // sheet.shape[1]))
    sheet = sheet.repeat(factor, axis=0).repeat(factor, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet[..., 0] if channels == 1 else sheet).save(path)
    return path
