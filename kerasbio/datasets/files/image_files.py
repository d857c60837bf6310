"""One image file as raw intensities."""

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from kerasbio.errors import KerasbioError

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
#: Modes of Pillow that hold one intensity per pixel, of 8, 16 or 32 bit or a float.
GREY = ("1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: Path | str) -> np.ndarray:
    """Return the intensities of a PNG, JPEG or TIFF file as they are stored.

    Args:
        path: File of 8 or 16 bit grey, 8 bit colour or with a palette; transparency is left out
            and the orientation that a camera noted is applied.

    Returns:
        `(height, width, channels)` float32 with 1 or 3 channels; equal channels become one.

    Raises:
        KerasbioError: If the file is empty, broken, too large, of several pages, of 16 bit
            colour, or holds NaN or infinity.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise KerasbioError(f"{path} is empty (0 bytes): replace or remove it")
        with warnings.catch_warnings():
            # Of a broken file Pillow warns, and then fails: one line is enough.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                pages = getattr(image, "n_frames", 1)
                if pages > 1:
                    raise KerasbioError(f"{path} has {pages} pages and one is expected: split it")
                if _is_cut_to_8_bit(path, image):
                    raise KerasbioError(
                        f"{path} has several channels of 16 bit, which cannot be read: save it as "
                        "16 bit grey or 8 bit colour"
                    )
                upright = ImageOps.exif_transpose(image)
                if upright.mode not in GREY:
                    upright = upright.convert("RGB")
                pixels = np.asarray(upright, dtype=np.float32)
    except KerasbioError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise KerasbioError(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS:,} pixels: make it smaller"
        ) from None
    except UnidentifiedImageError:
        raise KerasbioError(f"{path} is no PNG, JPEG or TIFF image: replace or remove it") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise KerasbioError(f"{path} cannot be read ({reason}): replace or remove it") from None
    except (SyntaxError, TypeError, ValueError, EOFError, struct.error) as error:
        raise KerasbioError(f"{path} is broken ({error}): replace or remove it") from None
    if not np.isfinite(pixels).all():
        raise KerasbioError(f"{path} holds NaN or infinity: replace or remove it")
    if pixels.ndim == 2:
        return pixels[..., None]
    return pixels if is_colour(pixels) else pixels[..., :1]


def _is_cut_to_8_bit(path: Path, image: Any) -> bool:
    """Return whether Pillow, which has no mode for 16 bit colour, would drop the lower bits."""
    if image.format == "PNG":
        # Of the header: bits of a sample, and whether these are grey, colour or with transparency.
        with path.open("rb") as file:
            bits, kind = file.read(26)[24:]
        return bits == 16 and kind != 0
    samples = image.tag_v2.get(258, (8,)) if image.format == "TIFF" else (8,)
    return len(samples) > 1 and max(samples) > 8


def is_colour(pixels: np.ndarray) -> bool:
    """Return whether the channels of `(height, width, 3)` differ anywhere."""
    return pixels.shape[-1] == 3 and bool(np.any(pixels != pixels[..., :1]))


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Return an image with 1 channel (luminance, ITU-R BT.601) or 3 (repeated)."""
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 1:
        return (pixels @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    return np.repeat(pixels, channels, axis=-1)
