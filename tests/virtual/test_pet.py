"""PET: uptake by tissue, blur of small spheres, noise by rule, peak uptake by hand, same bytes for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual import pet
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Part
from vesalius.virtual.anatomy.solids import Ellipsoid
from vesalius.virtual.body import draw_body

GRID = Grid((40, 48, 48), (4.0, 4.0, 4.0), (-94.0, -94.0, -78.0))
TRUNK = Part(structure="trunk", solid=Ellipsoid((0, 0, 0), (85, 85, 400)), tissue="muscle")


def scanned(*parts: Part, seed: int = 0, **how: float) -> pet.EmissionScan:
    anatomy = Anatomy("test", draw_body(0, "x"), (TRUNK, *parts))
    return pet.acquire(anatomy, pet.EmissionProtocol(grid=GRID, **how), np.random.default_rng(seed))


def ball(radius: float, tissue: str = "lung_cancer") -> Part:
    return Part(structure="trunk", solid=Ellipsoid((0, 0, 0), (radius, radius, radius)), tissue=tissue, concept="x")


def test_large_organs_have_the_uptake_of_their_tissue() -> None:
    scan = scanned(ball(45, "liver"))
    x, y, z = scan.protocol.grid.axes
    deep = x[None, None] ** 2 + y[None, :, None] ** 2 + z[:, None, None] ** 2 < 30**2
    # 2.2 on average; patches of 0.06 and noise of 0.11 average out over 1700 voxels.
    assert scan.volume[deep].mean() == pytest.approx(2.2, abs=0.08)


def test_small_spheres_lose_uptake() -> None:
    seen = {radius: float(scanned(ball(radius), liver_noise=0.0).volume.max()) for radius in (4.0, 8.0, 16.0)}
    # True uptake 8. Recovery in the middle of a ball of radius R behind a Gaussian of SD s = 6 / 2.355 = 2.55 mm is
    # erf(R / (√2 s)) - √(2/π) (R / s) e^(-R² / 2s²): 0.52 at 4 mm, 0.98 at 8 mm; voxels of 4 mm blur further.
    assert 0.30 * 8 < seen[4.0] < 0.62 * 8
    assert seen[4.0] < seen[8.0]
    assert seen[8.0] > 0.75 * 8
    assert seen[16.0] > 0.9 * 8


def test_noise_follows_the_rule() -> None:
    for noise in (0.08, 0.15):
        parts = [scanned(ball(45, "csf"), seed=seed, liver_noise=noise).volume for seed in (1, 2)]
        x, y, z = GRID.axes
        deep = x[None, None] ** 2 + y[None, :, None] ** 2 + z[:, None, None] ** 2 < 34**2
        found = (parts[0] - parts[1])[deep].std() / np.sqrt(2)
        # Deviation noise · sqrt(2.2 · 0.55) at an uptake of 0.5, times e^(0.0048 · (170 - 300)) for a thin body;
        # few grains of 7 mm fit in: 12 %. Patches of 6 % of 0.5 add 0.03 in square.
        expected = np.hypot(noise * np.sqrt(2.2 * 0.55) * np.exp(0.0048 * (170 - 300)), 0.03)
        assert found == pytest.approx(expected, rel=0.14)


def test_peak_is_the_mean_of_a_millilitre() -> None:
    volume = np.zeros((9, 9, 9), np.float32)
    volume[4, 4, 4] = 33.0
    grid = Grid((9, 9, 9), (4.0, 4.0, 4.0), (0, 0, 0))
    mask = volume > 0
    # Offsets up to 6.2 mm in steps of 4 mm: the centre, 6 at 4 mm, 12 at 5.66 mm = 19 voxels: 33 / 19.
    assert pet.peak_uptake(volume, mask, grid) == pytest.approx(33 / 19)
    assert np.isnan(pet.peak_uptake(volume, np.zeros_like(mask), grid))


def test_same_seed_same_bytes_and_nothing_negative() -> None:
    one, same, other = (scanned(seed=seed).volume for seed in (3, 3, 4))
    assert one.dtype == np.float32
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert one.min() >= 0


def test_impossible_protocols() -> None:
    with pytest.raises(ConfigError, match="resolution_mm of -1"):
        pet.EmissionProtocol(grid=GRID, resolution_mm=-1)
    with pytest.raises(ConfigError, match=r"noise of 1\.5"):
        replace(pet.EmissionProtocol(grid=GRID), liver_noise=1.5)
