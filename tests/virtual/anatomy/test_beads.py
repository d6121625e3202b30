"""Beads: painted at once they cover what their solid says, and keep the volume of what is thinner than a voxel."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.anatomy.beads import Beads
from vesalius.virtual.anatomy.parts import Anatomy, Grid, Part, Warp, sample
from vesalius.virtual.body import draw_body

GRID = Grid((30, 32, 34), (2.0, 2.0, 2.0), (-33, -31, -29))
PALETTE = {"air": ((0.0,), (0.0,)), "soft": ((1.0,), (0.0,))}
LINE = np.linspace((-25, -20, -18), (24, 22, 20), 160)
WINDOW = tuple(slice(0, count) for count in GRID.shape)


def covered_mm3(beads: Beads, grid: Grid = GRID) -> float:
    return float(beads.stamped(grid, WINDOW).sum() * np.prod(grid.spacing_mm))  # type: ignore[arg-type]


@pytest.mark.parametrize("radius", [0.3, 0.6, 1.0, 2.5, 5.0])
def test_a_string_keeps_its_volume_at_any_radius(radius: float) -> None:
    length = np.linalg.norm(LINE[-1] - LINE[0])
    expected = np.pi * radius**2 * length + 4 / 3 * np.pi * radius**3
    # 160 beads 0.46 mm apart; a thin string's cover peaks along lines through voxel centres: within 20 %.
    assert covered_mm3(Beads(LINE, np.full(160, radius))) == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("radius", [0.5, 1.0, 3.0, 6.0])
def test_a_ball_keeps_its_volume_on_average(radius: float) -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(-3, 3, (40, 3))
    found = [covered_mm3(Beads(place[None], np.array([radius]), strings=False)) for place in places]
    assert np.mean(found) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.1)


def test_stamps_agree_with_the_distance() -> None:
    beads = Beads(LINE, np.linspace(3.0, 5.0, 160))
    x, y, z = GRID.axes
    distance = beads.distance(x[None, None, :], y[None, :, None], z[:, None, None])
    expected = np.clip(0.5 - distance / 2, 0, 1)
    # Stamps are narrower by w² / 24 r = 0.06 mm of 2 mm.
    np.testing.assert_allclose(beads.stamped(GRID, WINDOW), expected, atol=0.035)  # type: ignore[arg-type]


def test_a_window_cuts_what_is_stamped() -> None:
    beads = Beads(LINE, np.full(160, 3.0))
    window = (slice(5, 20), slice(8, 30), slice(2, 17))
    whole = beads.stamped(GRID, WINDOW)  # type: ignore[arg-type]
    np.testing.assert_array_equal(beads.stamped(GRID, window), whole[window])


def test_beads_beyond_every_face_are_cut() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-45, 45, (400, 3))
    beads = Beads(points, rng.uniform(1, 9, 400), strings=False)
    wide = Grid((54, 56, 58), GRID.spacing_mm, (-57, -55, -53))
    whole = beads.stamped(wide, tuple(slice(0, count) for count in wide.shape))  # type: ignore[arg-type]
    np.testing.assert_array_equal(beads.stamped(GRID, WINDOW), whole[12:42, 12:44, 12:46])  # type: ignore[arg-type]


def test_painted_with_a_warp_they_lie_where_the_solid_does() -> None:
    part = Part(structure="tree", solid=Beads(LINE, np.full(160, 3.0)), tissue="soft")
    body = draw_body(0, "x")
    still = sample(Anatomy("test", body, (part,)), GRID, PALETTE).values[0]
    moved = sample(Anatomy("test", body, (part,), warp=Warp(0, "x", 0.001)), GRID, PALETTE).values[0]
    # As above: 3 mm beads.
    np.testing.assert_allclose(still, moved, atol=0.035)


def test_pieces_hold_all_beads() -> None:
    beads = Beads(LINE, np.full(160, 1.0))
    assert sum(len(part.points) for part in beads.pieces() if isinstance(part, Beads)) == 160
    assert beads.contains(LINE[80])
    assert not beads.contains((30, -30, 0))
    assert Beads(np.zeros((0, 3)), np.zeros(0)).stamped(GRID, WINDOW).max() == 0  # type: ignore[arg-type]
