"""CT: HU by tissue and phase, noise by rule, resolution, table, metal, windows; the same bytes for the same seed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual import ct
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Part
from vesalius.virtual.anatomy.solids import Ellipsoid, Tube
from vesalius.virtual.anatomy.tissues import tissues
from vesalius.virtual.body import draw_body
from vesalius.virtual.ct_noise import noise_level, smooth_field

GRID = Grid((12, 64, 64), (5.0, 4.0, 4.0), (-126.0, -126.0, -27.5))
FINE = Grid((6, 128, 128), (5.0, 0.7, 0.7), (-44.45, -44.45, -12.5))
CYLINDER = Part(structure="trunk", solid=Ellipsoid((0, 0, 0), (100, 100, 4000)), tissue="muscle")


def phantom(*parts: Part) -> Anatomy:
    """A cylinder of muscle, 200 mm wide, with more in it."""
    return Anatomy("test", draw_body(0, "phantom"), (CYLINDER, *parts))


def scanned(anatomy: Anatomy, seed: int = 1, **how: object) -> ct.Scan:
    protocol = ct.Protocol(grid=GRID, **how)  # type: ignore[arg-type]
    return ct.scan(anatomy, protocol, np.random.default_rng(seed))


def core(radius: float, grid: Grid = GRID) -> np.ndarray:
    x, y, z = grid.axes
    return (x[None, None] ** 2 + y[None, :, None] ** 2 < radius**2) & (np.abs(z[:, None, None]) < 1e4)


@pytest.mark.parametrize("phase", ["native", "arterial", "portal", "late"])
def test_organs_have_the_values_of_their_tissue_and_phase(phase: str) -> None:
    part = Part(structure="liver", solid=Ellipsoid((0, 0, 0), (60, 60, 60)), tissue="liver")
    scan = scanned(phantom(part), phase=phase, table=False)
    expected = tissues()["liver"].hu[("native", "arterial", "portal", "late").index(phase)]
    # Cupping takes up to 5 HU away; texture of 3 HU averages out.
    assert scan.mean_hu(core(40)) == pytest.approx(expected - 2.5, abs=4)


def test_a_persons_score_moves_the_tissue() -> None:
    plain, dense = phantom(), replace(phantom(), scores={"muscle": 2.0})
    change = scanned(dense).mean_hu(core(60)) - scanned(plain).mean_hu(core(60))
    assert change == pytest.approx(2 * tissues()["muscle"].hu_sd, abs=0.5)


def test_noise_level_by_the_rule() -> None:
    protocol = ct.Protocol(grid=Grid((1, 8, 8), (5, 0.1, 0.1), (0, 0, 0)), ctdi_mgy=10, slice_mm=5)
    # 4.5 HU in 20 cm of water at 10 mGy and 5 mm; pixels of 0.1 mm average nothing out.
    assert noise_level(protocol, np.array([200.0])) == pytest.approx(4.5, rel=0.01)
    # A quarter of the dose doubles it; 10 cm more of water: e^(0.5 · 0.193 · 10) = 2.625.
    assert noise_level(replace(protocol, ctdi_mgy=2.5), np.array([200.0])) == pytest.approx(9.0, rel=0.01)
    assert noise_level(protocol, np.array([300.0])) == pytest.approx(4.5 * 2.625, rel=0.01)
    assert noise_level(replace(protocol, slice_mm=1.25), np.array([200.0])) == pytest.approx(9.0, rel=0.01)


def test_noise_in_the_picture_is_that_of_the_rule() -> None:
    water = Anatomy("test", draw_body(0, "x"), (replace(CYLINDER, tissue="csf"),))
    for kernel, dose in (("standard", 10.0), ("smooth", 10.0), ("standard", 2.0)):
        protocol = ct.Protocol(grid=FINE, kernel=kernel, ctdi_mgy=dose, table=False)
        scans = [ct.scan(water, protocol, np.random.default_rng(seed)).volume.astype(float) for seed in (1, 2)]
        inside = core(40, FINE)
        found = float((scans[0] - scans[1])[inside].std() / np.sqrt(2))
        # The field holds 90 mm of the phantom only: diameter of the equal area 2 · 89.6 / sqrt(pi).
        expected = float(noise_level(protocol, np.array([2 * 89.6 / np.sqrt(np.pi)]))[0])
        # Rounding to whole HU adds 0.29; texture of csf 0.4.
        assert found == pytest.approx(expected, rel=0.15, abs=0.4)


def test_sharper_kernels_blur_less() -> None:
    edges = {}
    ball = Part(structure="ball", solid=Ellipsoid((0, 0, 0), (20, 20, 4000)), tissue="lung")
    for kernel in ("smooth", "standard", "lung"):
        protocol = ct.Protocol(grid=FINE, kernel=kernel, ctdi_mgy=1e6, table=False)
        row = ct.scan(phantom(ball), protocol, np.random.default_rng(0)).volume[3, 64].astype(float)
        edges[kernel] = float(np.abs(np.diff(row)).max())
    assert edges["smooth"] < edges["standard"] < edges["lung"]


def test_dense_paths_make_lines_along_x() -> None:
    # Of a tissue without texture, so that two scans differ in noise alone.
    part = Part(structure="shoulders", solid=Ellipsoid((0, 0, 0), (125, 45, 4000)), tissue="csf")
    wide = Anatomy("test", draw_body(0, "x"), (part,))
    scans = [scanned(wide, seed, ctdi_mgy=2, table=False).volume.astype(float) for seed in (1, 2)]
    grain = (scans[0] - scans[1])[:, 28:36, 12:52]
    along, across = np.diff(grain, axis=2).std(), np.diff(grain, axis=1).std()
    assert along < 0.75 * across


def test_table_lies_below_the_back() -> None:
    small = Anatomy("test", draw_body(0, "x"), (replace(CYLINDER, solid=Ellipsoid((0, -30, 0), (80, 60, 4000))),))
    with_table, without = scanned(small), scanned(small, table=False)
    # On the mid-line the table begins 4 mm below the lowest place of the body, which lies at y = 30.
    change = (with_table.volume - without.volume.astype(int))[:, :, 32]
    rows = np.flatnonzero((change > 100).any(axis=0))
    assert len(rows)
    assert 28 <= GRID.axes[1][rows[0]] <= 40
    # The table attenuates too: a little more noise, no other mean.
    assert with_table.mean_hu(core(10)) == pytest.approx(without.mean_hu(core(10)), abs=0.2)


def test_metal_makes_streaks_only_in_its_slices_and_where_asked() -> None:
    pin = Part(structure="pin", solid=Tube(((40, 0, -10), (40, 0, 10)), (6, 6)), tissue="metal")
    clean = scanned(phantom(pin), metal=False).volume.astype(float)
    struck = scanned(phantom(pin)).volume.astype(float)
    assert np.abs(struck - clean)[5].max() > 100
    assert np.array_equal(struck[0], clean[0])


def test_values_keep_to_the_range_and_air_is_air() -> None:
    scan = scanned(phantom(), table=False)
    assert scan.volume.dtype == np.int16
    assert scan.volume.min() >= -1024
    assert scan.volume.max() <= 3071
    assert scan.volume[:, :4].mean() == pytest.approx(-1000, abs=2)


def test_same_seed_same_bytes() -> None:
    digests = {hashlib.sha256(scanned(phantom(), 7).volume.tobytes()).hexdigest() for _ in range(2)}
    assert len(digests) == 1
    assert not np.array_equal(scanned(phantom(), 7).volume, scanned(phantom(), 8).volume)


def test_smooth_field_has_the_deviation_and_the_grain_asked_for() -> None:
    grid = Grid((40, 60, 60), (2, 2, 2), (0, 0, 0))
    field = smooth_field(np.random.default_rng(0), grid, 12.0)
    assert field.std() == pytest.approx(1, abs=0.12)
    # Neighbours 2 mm apart are alike, places 30 mm apart are not.
    assert np.corrcoef(field[:, :, :-1].ravel(), field[:, :, 1:].ravel())[0, 1] > 0.9
    assert abs(np.corrcoef(field[:, :, :-15].ravel(), field[:, :, 15:].ravel())[0, 1]) < 0.15


def test_window_by_hand() -> None:
    # Width 400, level 40: black at -160, white at 240; 40 lies in the middle: 127.5 rounds to the even 128.
    assert ct.window(np.array([-1000, -160, 40, 240, 3000]), 400, 40).tolist() == [0, 0, 128, 255, 255]
    assert {"lung", "mediastinum", "brain"} <= set(ct.WINDOWS)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"phase": "venous"}, "unknown contrast phase 'venous'"),
        ({"kernel": "standart"}, "unknown CT kernel 'standart'.*standard"),
        ({"ctdi_mgy": 0.0}, "dose of 0.0 mGy"),
        ({"slice_mm": -1.0}, "slices of -1.0 mm"),
    ],
)
def test_impossible_protocols(how: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ct.Protocol(grid=GRID, **how)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="window of width 0"):
        ct.window(np.zeros(1, np.int16), 0, 40)


def test_slices_far_apart_are_thin_slabs_with_gaps() -> None:
    far = Grid((4, 8, 8), (25.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert ct.Protocol(grid=far).thickness_mm == 20.0
