"""The phantom of Shepp and Logan and its closed-form projections agree."""

import numpy as np
import pytest

from kerasbio.datasets.phantoms.shepp_logan import (
    DENSITIES,
    ELLIPSOIDS,
    shepp_logan,
    shepp_logan_sinogram,
)


def test_densities_at_known_points():
    # By hand from the table of 1974 with Toft's contrast: skull 1, brain 0.2, ventricles 0,
    # the large blob 0.3, air 0.
    image = shepp_logan((401, 401))
    for (px, py), density in {
        (0.0, 0.9): 1.0,
        (0.0, -0.3): 0.2,
        (0.22, 0.05): 0.0,
        (-0.22, 0.0): 0.0,
        (0.0, 0.5): 0.3,
        (0.0, -0.1): 0.3,
        (0.9, 0.9): 0.0,
    }.items():
        row, column = round((1 - py) * 200.5 - 0.5), round((1 + px) * 200.5 - 0.5)
        assert image[row, column] == pytest.approx(density, abs=1e-12), (px, py)


def test_original_contrast_is_faint():
    image = shepp_logan((201, 201), contrast="original")
    assert image.max() == 2
    assert image[100, 100] == pytest.approx(1.02)
    # The large blob in front, and the brain between the ventricles.
    assert image[50, 100] - image[100, 100] == pytest.approx(0.01)


def test_projections_are_sums_of_a_fine_image():
    image = shepp_logan((600, 600))
    pixel = 2 / 600
    offsets = (np.arange(600) + 0.5) * pixel - 1
    exact = shepp_logan_sinogram([0.0, np.pi / 2], offsets)
    np.testing.assert_allclose(image.sum(0) * pixel, exact[0], atol=0.025)
    np.testing.assert_allclose(image.sum(1)[::-1] * pixel, exact[1], atol=0.025)


def test_every_view_has_the_mass_of_the_phantom():
    offsets = np.linspace(-1, 1, 20001)
    views = shepp_logan_sinogram(np.linspace(0, np.pi, 7), offsets)
    mass = views.sum(1) * (offsets[1] - offsets[0])
    expected = np.pi * np.sum(DENSITIES["toft"] * ELLIPSOIDS[:, 0] * ELLIPSOIDS[:, 1])
    np.testing.assert_allclose(mass, expected, rtol=1e-5)


def test_an_oblique_view_is_a_sum_along_lines():
    # Two lines, sampled densely in the phantom's own definition of a point.
    along = np.linspace(-1.5, 1.5, 300001)
    for theta, s in ((0.7, 0.11), (2.4, -0.35)):
        x, y = (
            s * np.cos(theta) - along * np.sin(theta),
            s * np.sin(theta) + along * np.cos(theta),
        )
        total = 0.0
        for (a, b, _, x0, y0, _, degrees), density in zip(
            ELLIPSOIDS, DENSITIES["toft"], strict=True
        ):
            point = ((x - x0) + 1j * (y - y0)) * np.exp(-1j * np.radians(degrees))
            total += density * np.mean((point.real / a) ** 2 + (point.imag / b) ** 2 <= 1) * 3
        assert shepp_logan_sinogram([theta], [s])[0, 0] == pytest.approx(total, abs=1e-4)


def test_in_space_planes_are_projected_alike():
    volume = shepp_logan((9, 300, 300))
    heights = (np.arange(9) + 0.5) * 2 / 9 - 1
    offsets = (np.arange(300) + 0.5) / 150 - 1
    exact = shepp_logan_sinogram([0.0, np.pi / 2], offsets, heights=heights)
    assert exact.shape == (9, 2, 300)
    np.testing.assert_allclose(volume.sum(1) / 150, exact[:, 0], atol=0.05)
    assert not volume[0].any() and not exact[0].any()
    # Skull and brain of the middle plane are those of the phantom in the plane.
    assert volume[4, 150, 150] == pytest.approx(0.2)


def test_supersampling_is_the_mean_of_points():
    fine = shepp_logan((64, 64))
    coarse = shepp_logan((32, 32), supersampling=2)
    np.testing.assert_allclose(coarse, fine.reshape(32, 2, 32, 2).mean((1, 3)))
    assert shepp_logan((4, 6, 8), supersampling=3).shape == (4, 6, 8)


def test_wrong_arguments():
    for wrong in ({"shape": (4,)}, {"shape": (0, 4)}, {"shape": (4, 4), "supersampling": 0}):
        with pytest.raises(ValueError, match="Received: shape="):
            shepp_logan(**wrong)
    with pytest.raises(ValueError, match="Received: contrast='matlab'"):
        shepp_logan((4, 4), contrast="matlab")
    with pytest.raises(ValueError, match="Received: contrast='x'"):
        shepp_logan_sinogram([0.0], [0.0], contrast="x")
