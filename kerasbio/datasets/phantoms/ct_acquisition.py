"""Computed tomography: parallel projection, photon noise, hard beams, filtered back-projection."""

import functools

import numpy as np

#: Linear attenuation of water per mm: the 20 per m of the LoDoPaB-CT simulations (Leuschner et
#: al. 2021), near that of 65 keV.
WATER = 0.02
#: Standard deviation of the electronic noise of a detector element, in photons.
ELECTRONIC = 10.0
#: Shares of the detected photons in four lines (50, 60, 80 and 100 keV) that stand for 120 kVp.
#: Their mean attenuation of water is `WATER`.
LINES = np.array([0.25, 0.30, 0.30, 0.15])
#: Mass attenuation of water and of cortical bone on these lines, cm²/g (NIST XCOM, ICRU-44).
WATER_LINES = np.array([0.2269, 0.2059, 0.1837, 0.1707])
BONE_LINES = np.array([0.4242, 0.3148, 0.2229, 0.1855])
#: What a voxel has above this, in HU, attenuates as bone; what is below, as water.
BONE_FROM = 120.0


def to_attenuation(hounsfield: np.ndarray) -> np.ndarray:
    """Return the linear attenuation per mm, `WATER * (1 + HU / 1000)`, not below that of vacuum."""
    return WATER * np.maximum(1 + hounsfield / 1000, 0)


def to_hounsfield(attenuation: np.ndarray) -> np.ndarray:
    """Return Hounsfield units, in which water is 0 and vacuum -1000."""
    return 1000 * (attenuation / WATER - 1)


class ParallelBeam:
    """Parallel projection of one slice, and filtered back-projection.

    A line integral is the mean over a detector bin of the chord through every pixel, exactly: the
    pixel casts a trapezoid. Its transpose, scaled, is the back-projector. Both are one sparse
    matrix, made once; use `parallel_beam` to have it kept. It holds a quarter of a turn: the view
    from the mirrored direction is that of the mirrored slice.

    Args:
        shape: `(rows, columns)` of the slice.
        spacing: Side of a pixel along rows and columns, in mm.
        num_views: Directions in half a turn, an even number; by default enough for the pixels
            (π/2 times the larger side).
        window: `"ram-lak"` for the plain ramp, or `"hann"`, which trades resolution for less
            noise.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        spacing: tuple[float, float],
        *,
        num_views: int | None = None,
        window: str = "hann",
    ):
        if len(shape) != 2 or min(shape) < 2 or len(spacing) != 2 or not min(spacing) > 0:
            raise ValueError(
                "shape must be two sides of at least 2 pixels and spacing two lengths above 0. "
                f"Received: shape={shape}, spacing={spacing}"
            )
        if window not in ("ram-lak", "hann"):
            raise ValueError(f"window must be 'ram-lak' or 'hann'. Received: window={window!r}")
        views = 2 * int(np.ceil(np.pi / 4 * max(shape))) if num_views is None else num_views
        if views < 2 or views % 2:
            raise ValueError(f"num_views must be even and above 0. Received: {num_views=}")
        self.shape, self.spacing = tuple(shape), tuple(spacing)
        self.num_views = views
        #: Width of a detector bin in mm.
        self.bin = float(min(spacing))
        diagonal = np.hypot(shape[0] * spacing[0], shape[1] * spacing[1])
        self.num_bins = int(np.ceil(diagonal / self.bin)) + 3
        #: Directions of the detector, in rad; none along an axis of the grid.
        self.angles = (np.arange(views) + 0.5) * np.pi / views
        #: Middle of each bin, in mm from the middle of the slice.
        self.bins = (np.arange(self.num_bins) - (self.num_bins - 1) / 2) * self.bin
        self._matrix = self._chords()
        self._ramp = self._filter(window)
        self._scale = np.pi / views * self.bin / (spacing[0] * spacing[1])

    def project(self, attenuation: np.ndarray) -> np.ndarray:
        """Return line integrals `(slices, views, bins)` of `(slices, rows, columns)` per mm."""
        both = np.concatenate([attenuation, attenuation[:, :, ::-1]])
        pixels = np.ascontiguousarray(both.reshape(len(both), -1).T, np.float32)
        matrix, some = self._matrix, np.flatnonzero(pixels.any(axis=1))
        # Copying the rows of few pixels costs less than going through all.
        if len(some) < len(pixels) / 4:
            matrix, pixels = matrix[some], pixels[some]
        rays = (matrix.T @ pixels).T.reshape(2, len(attenuation), -1, self.num_bins)
        return np.concatenate([rays[0], rays[1, :, ::-1]], axis=1)

    def reconstruct(self, integrals: np.ndarray) -> np.ndarray:
        """Return attenuation per mm `(slices, rows, columns)` from `(slices, views, bins)`."""
        first, second = np.split(self._filtered(integrals), 2, axis=1)
        both = np.concatenate([first, second[:, ::-1]])
        rays = both.reshape(len(both), -1).astype(np.float32)
        if len(both) < 8:
            # One by one: few columns at once are slower than none.
            pixels = np.stack([self._matrix @ column for column in rays])
        else:
            pixels = (self._matrix @ np.ascontiguousarray(rays.T)).T
        pixels = pixels.reshape(2, len(integrals), *self.shape)
        return self._scale * (pixels[0] + pixels[1, :, :, ::-1])

    def noise(self, integrals: np.ndarray, photons: float, at: tuple[int, int]) -> float:
        """Return the standard deviation of one pixel of the reconstruction, per mm.

        Line integrals are independent, so it is the root of the sum of their variances weighted
        with the squared response of the pixel: exact, without a draw.

        Args:
            integrals: Line integrals `(views, bins)`.
            photons: Photons that an unattenuated bin would count.
            at: Row and column of the pixel.
        """
        weights = self._weights(at)
        return float(np.sqrt(np.sum(weights * variance(integrals, photons))))

    def photons(self, noise: float, integrals: np.ndarray, at: tuple[int, int]) -> float:
        """Return the photons per unattenuated bin that give one pixel this noise, per mm.

        It inverts `noise`, whose arguments it has.
        """
        weights, left = self._weights(at), np.exp(-integrals.astype(np.float64))
        counted, electronic = np.sum(weights / left), np.sum(weights * (ELECTRONIC / left) ** 2)
        # The variance is counted / N + electronic / N².
        root = np.sqrt(counted**2 + 4 * noise**2 * electronic)
        return float((counted + root) / (2 * noise**2))

    def _weights(self, at: tuple[int, int]) -> np.ndarray:
        """Return the weight of the variance of each line integral in that of a pixel."""
        row, column = at
        pixels = [row * self.shape[1] + c for c in (column, self.shape[1] - 1 - column)]
        first, second = self._matrix[pixels].toarray().reshape(2, -1, self.num_bins)
        response = self._filtered(np.concatenate([first, second[::-1]])[None])[0]
        return (self._scale * response.astype(np.float64)) ** 2

    def _filtered(self, integrals: np.ndarray) -> np.ndarray:
        from scipy import fft

        size = 2 * (len(self._ramp) - 1)
        spectrum = fft.rfft(integrals, size, axis=-1) * self._ramp
        return fft.irfft(spectrum, size, axis=-1)[..., : self.num_bins]

    def _filter(self, window: str) -> np.ndarray:
        """Return the transfer function of the band-limited ramp, from its samples in space."""
        from scipy import fft

        size = fft.next_fast_len(2 * self.num_bins, real=True)
        size += size % 2
        number = np.minimum(np.arange(size), size - np.arange(size))
        # Sampled in frequency instead, the ramp would lose the mean of the image.
        kernel = np.zeros(size)
        odd = number % 2 == 1
        kernel[odd] = -1 / (np.pi * number[odd] * self.bin) ** 2
        kernel[0] = 1 / (4 * self.bin**2)
        ramp = fft.rfft(kernel).real * self.bin
        if window == "hann":
            ramp *= 0.5 + 0.5 * np.cos(np.pi * np.arange(len(ramp)) / (len(ramp) - 1))
        return ramp.astype(np.float32)

    def _chords(self):
        """Return the mean chord in mm of every pixel in every ray of a quarter of a turn."""
        from scipy.sparse import csr_matrix

        (rows, columns), (high, wide) = self.shape, self.spacing
        y = (np.arange(rows) - (rows - 1) / 2) * high
        x = (np.arange(columns) - (columns - 1) / 2) * wide
        reach = int(np.ceil(np.hypot(high, wide) / self.bin)) + 1
        count = rows * columns
        half_views = self.num_views // 2
        chords = np.zeros((count, half_views, reach), np.float32)
        rays = np.zeros((count, half_views, reach), np.int32)
        for view, angle in enumerate(self.angles[:half_views]):
            middle = (y[:, None] * np.sin(angle) + x * np.cos(angle)).ravel() / self.bin
            half = np.array([wide * abs(np.cos(angle)), high * abs(np.sin(angle))]) / 2 / self.bin
            half = np.maximum(half, 1e-4)
            position = middle + (self.num_bins - 1) / 2
            first = np.floor(position - half.sum() + 0.5).astype(np.int32)
            edges = (first - position)[:, None] - 0.5 + np.arange(reach + 1)
            share = np.diff(_trapezoid(edges, *half), axis=1)
            chords[:, view] = share * (high * wide / self.bin)
            rays[:, view] = view * self.num_bins + first[:, None] + np.arange(reach)
        keep = chords > 1e-6
        starts = np.concatenate([[0], np.cumsum(keep.sum((1, 2)))]).astype(np.int32)
        shape = (count, half_views * self.num_bins)
        return csr_matrix((chords[keep], rays[keep], starts), shape=shape)


@functools.lru_cache(maxsize=4)
def parallel_beam(shape: tuple[int, int], spacing: tuple[float, float]) -> ParallelBeam:
    """Return the `ParallelBeam` with the default views and window for a grid; the last are kept."""
    return ParallelBeam(shape, spacing)


def variance(integrals: np.ndarray, photons: float) -> np.ndarray:
    """Return the variance of measured line integrals: `1 / N + (ELECTRONIC / N)²` of N photons."""
    counts = photons * np.exp(-integrals)
    return 1 / counts + (ELECTRONIC / counts) ** 2


def count_photons(integrals: np.ndarray, photons: float, random: np.random.Generator) -> np.ndarray:
    """Return line integrals as measured: Poisson counts, electronic noise, then the logarithm.

    Args:
        integrals: True line integrals, of any shape.
        photons: Photons that an unattenuated bin would count.
        random: Source of the noise.

    Returns:
        Line integrals of the same shape. A bin with less than half a photon has that of half a
        photon: so photon starvation draws streaks, as it does on scanners.
    """
    counts = random.poisson(photons * np.exp(-integrals.astype(np.float64)))
    signal = counts + random.normal(0, ELECTRONIC, integrals.shape)
    return np.log(photons / np.maximum(signal, 0.5))


def harden(water: np.ndarray, bone: np.ndarray) -> np.ndarray:
    """Return the line integrals that a polychromatic beam gives after correction for water.

    The beam has the four lines of `LINES`. The correction is exact where there is no bone; behind
    bone too little attenuation is left, which darkens what lies between two bones.

    Args:
        water: Line integrals of what attenuates as water.
        bone: Line integrals of what attenuates as bone, of the same shape.
    """
    result = np.array(water)
    behind = bone > 0
    path = np.linspace(0, 20, 2001)
    result[behind] = np.interp(_depth(water[behind], bone[behind]), _depth(path, np.zeros(1)), path)
    return result


def split_bone(hounsfield: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return attenuation per mm as water and as bone, which sum to the whole, of an image in HU."""
    bone = WATER / 1000 * np.maximum(hounsfield - BONE_FROM, 0)
    return to_attenuation(np.minimum(hounsfield, BONE_FROM)), bone


def _depth(water: np.ndarray, bone: np.ndarray) -> np.ndarray:
    """Return the logarithm of all photons over those that are left."""
    left = np.zeros(np.broadcast_shapes(water.shape, bone.shape))
    lines = WATER_LINES / (LINES @ WATER_LINES), BONE_LINES / (LINES @ BONE_LINES)
    for share, of_water, of_bone in zip(LINES, *lines, strict=True):
        left += share * np.exp(-of_water * water - of_bone * bone)
    return -np.log(left)


def _trapezoid(t: np.ndarray, first: float, second: float) -> np.ndarray:
    """Return the distribution function of the sum of two uniform offsets of these half widths."""
    total = np.zeros(t.shape)
    for sign, shift in (
        (1, first + second),
        (-1, first - second),
        (-1, second - first),
        (1, -first - second),
    ):
        total += sign * np.maximum(t + shift, 0) ** 2
    return total / (8 * first * second)
