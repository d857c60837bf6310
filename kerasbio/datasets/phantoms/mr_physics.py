"""What a magnetic resonance scanner measures: signals of tissues, noise, and the bias field."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from kerasbio.datasets.phantoms.random_fields import random_waves


@dataclasses.dataclass(frozen=True)
class Tissue:
    """What the signal of a tissue depends on.

    Attributes:
        t1: Longitudinal relaxation time in ms.
        t2: Transverse relaxation time in ms.
        t2_star: Transverse relaxation time in ms where the static field is not refocused.
        density: Density of protons over that of water.
    """

    t1: float
    t2: float
    t2_star: float
    density: float

    def scaled(self, t1: float = 1.0, t2: float = 1.0, density: float = 1.0) -> "Tissue":
        """Return the tissue with its times and density multiplied; T2* goes with T2."""
        return Tissue(self.t1 * t1, self.t2 * t2, self.t2_star * t2, self.density * density)


#: Tissues at 1.5 T as in BrainWeb (Collins et al., IEEE Transactions on Medical Imaging 1998;
#: its file of MR parameters). Bone and air give no signal.
TISSUES = {
    "csf": Tissue(2569.0, 329.0, 58.0, 1.0),
    "grey matter": Tissue(833.0, 83.0, 69.0, 0.86),
    "white matter": Tissue(500.0, 70.0, 61.0, 0.77),
    "fat": Tissue(350.0, 70.0, 58.0, 1.0),
    "muscle": Tissue(900.0, 47.0, 30.0, 1.0),
}
#: BrainWeb's sequences: repetition and echo time in ms, and the flip angle in degrees of a spoiled
#: gradient echo or None for a spin echo.
SEQUENCES: dict[str, tuple[float, float, float | None]] = {
    "t1": (18.0, 10.0, 30.0),
    "t2": (3300.0, 120.0, None),
    "pd": (3300.0, 35.0, None),
}
#: The tissue that BrainWeb's percents of noise refer to.
REFERENCES = {"t1": "white matter", "t2": "csf", "pd": "csf"}
#: Wavelengths of the bias field in mm: of the order of a head and longer. Choice.
BIAS_WAVELENGTHS = (180.0, 400.0)


def spin_echo(tissue: Tissue, repetition: float, echo: float) -> float:
    """Return the signal of a spin echo: `density (1 - exp(-TR / T1)) exp(-TE / T2)`.

    Args:
        tissue: What is excited.
        repetition: TR in ms, much longer than TE.
        echo: TE in ms.
    """
    recovered = 1 - np.exp(-repetition / tissue.t1)
    return float(tissue.density * recovered * np.exp(-echo / tissue.t2))


def spoiled_gradient_echo(tissue: Tissue, repetition: float, echo: float, flip: float) -> float:
    """Return the steady signal of a spoiled gradient echo (FLASH; Haase et al. 1986).

    It is `density sin(a) (1 - E) / (1 - cos(a) E) exp(-TE / T2*)` with `E = exp(-TR / T1)`.

    Args:
        tissue: What is excited.
        repetition: TR in ms.
        echo: TE in ms.
        flip: Flip angle `a` in degrees.
    """
    angle, left = np.deg2rad(flip), np.exp(-repetition / tissue.t1)
    steady = np.sin(angle) * (1 - left) / (1 - np.cos(angle) * left)
    return float(tissue.density * steady * np.exp(-echo / tissue.t2_star))


def ernst_angle(tissue: Tissue, repetition: float) -> float:
    """Return the flip angle in degrees that gives a spoiled gradient echo its largest signal."""
    return float(np.rad2deg(np.arccos(np.exp(-repetition / tissue.t1))))


def signal(sequence: str, tissue: Tissue) -> float:
    """Return the signal of a tissue; that of water without relaxation is 1.

    Args:
        sequence: One of `SEQUENCES`.
        tissue: What is excited.

    Raises:
        ValueError: If there is no such sequence.
    """
    if sequence not in SEQUENCES:
        raise ValueError(
            f"sequence must be one of {', '.join(SEQUENCES)}. Received: sequence={sequence!r}"
        )
    repetition, echo, flip = SEQUENCES[sequence]
    if flip is None:
        return spin_echo(tissue, repetition, echo)
    return spoiled_gradient_echo(tissue, repetition, echo, flip)


def noise_deviation(sequence: str, percent: float) -> float:
    """Return the deviation of the noise of each of the two channels.

    Args:
        sequence: One of `SEQUENCES`.
        percent: Noise in percent of the signal of the reference tissue, as BrainWeb defines it:
            white matter in T1, cerebrospinal fluid in T2 and proton density.

    Returns:
        The standard deviation in units of `signal`.
    """
    return percent / 100 * signal(sequence, TISSUES[REFERENCES[sequence]])


def add_rician_noise(
    image: np.ndarray, deviation: float, random: np.random.Generator
) -> np.ndarray:
    """Return the magnitude of a signal in two channels with Gaussian noise.

    Background is Rayleigh: its mean is 1.2533 and its deviation 0.6551 times that of a channel
    (Gudbjartsson and Patz, Magnetic Resonance in Medicine 1995).

    Args:
        image: Signals of any shape, not negative.
        deviation: Standard deviation of the noise of each channel, in the unit of `image`.
        random: Source of the noise.
    """
    real, imaginary = random.standard_normal((2, *image.shape), np.float32) * deviation
    return np.hypot(image + real, imaginary)


def bias_field(
    points: Sequence[np.ndarray],
    percent: float,
    random: np.random.Generator,
    within: np.ndarray | None = None,
) -> np.ndarray:
    """Return a smooth field that multiplies the signal: uneven reception of the coil.

    Args:
        points: Coordinates in mm, one array per axis, that broadcast to one shape.
        percent: Range over `within` in percent, as BrainWeb defines it: 20 is 0.9 to 1.1.
        random: Source of the field.
        within: Where the range is to hold, a mask of that shape; None for everywhere.

    Returns:
        Factors of that shape, within 0.2 and 1.8 wherever `within` is not.

    Raises:
        ValueError: If `percent` is not from 0 to 100, or `within` is empty.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"percent must be from 0 to 100. Received: percent={percent}")
    axes = np.broadcast_arrays(*points)
    field = random_waves(np.stack([axis.ravel() for axis in axes]), BIAS_WAVELENGTHS, 6, random)
    field = field.reshape(axes[0].shape)
    inside = field if within is None else field[within]
    if not inside.size:
        raise ValueError(f"within must hold a voxel. Received: within of {field.shape}, empty")
    low, high = inside.min(), inside.max()
    unit = (field - (low + high) / 2) / max(high - low, 1e-9)
    return np.clip(1 + percent / 100 * unit, 0.2, 1.8)
