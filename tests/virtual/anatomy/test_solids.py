"""Solids: volumes and surfaces by hand, distances against brute force, boxes that hold what they should."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.anatomy.solids import (
    Block,
    Cut,
    Ellipsoid,
    HalfSpace,
    Hollow,
    Intersection,
    Lumpy,
    Solid,
    Tube,
    Union,
    waves,
)

BALL = Ellipsoid((1, 2, 3), (10, 10, 10))
SOLIDS = {
    "ball": BALL,
    "egg": Ellipsoid((0, 0, 0), (20, 10, 6), (1, 1, 0.5)),
    "full egg": Ellipsoid((0, 0, 0), (20, 10, 6), exponent=2.6),
    "block": Block((0, 0, 0), (8, 5, 3), (1, 0.5, 0), rounding_mm=2),
    "tube": Tube(((0, 0, 0), (10, 5, 0), (20, 0, 10)), (3, 4, 2)),
    "union": Union((BALL, Ellipsoid((14, 2, 3), (6, 6, 6))), radius_mm=4),
    "cut": Cut(BALL, (HalfSpace((1, 2, 3.125), (0, 0, 1)),)),
    "lens": Intersection((BALL, Ellipsoid((9, 2, 3), (10, 10, 10)))),
    "wall": Hollow(BALL, 2),
    "lumpy": Lumpy(BALL, 1.5, 8, seed=3, octaves=2),
}


def volume_mm3(solid: Solid, step: float = 0.25) -> float:
    """Count of voxels of a fine grid, times their volume."""
    low, high = solid.bounds
    x, y, z = (np.arange(a - 1, b + 1, step, dtype=np.float32) for a, b in zip(low, high, strict=True))
    inside = solid.distance(x[None, None, :], y[None, :, None], z[:, None, None]) < 0
    return float(inside.sum() * step**3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ball", 4 / 3 * np.pi * 1000),
        ("egg", 4 / 3 * np.pi * 1200),
        # 8 abc Γ(1 + 1/n)³ / Γ(1 + 3/n) with n = 2.6 is 5.0933 abc.
        ("full egg", SOLIDS["full egg"].volume_ml * 1000),
        # Half a ball without a slab of 1/8 mm: the plane lies between two planes of voxels.
        ("cut", 2 / 3 * np.pi * 1000 - np.pi * (100 / 8 - 1 / 3 / 8**3)),
        # Two caps of height 6 of a ball of 10: 2 π h² (3 r - h) / 3.
        ("lens", 2 * np.pi * 36 * 24 / 3),
        ("wall", 4 / 3 * np.pi * (1000 - 512)),
    ],
)
def test_volumes(name: str, expected: float) -> None:
    """Within half a percent: voxels of 0.25 mm at a surface."""
    assert volume_mm3(SOLIDS[name]) == pytest.approx(expected, rel=0.005)


def test_superellipsoid_of_exponent_two_is_an_ellipsoid() -> None:
    assert Ellipsoid((0, 0, 0), (20, 10, 6)).volume_ml == pytest.approx(4 / 3 * np.pi * 1.2)


@pytest.mark.parametrize("name", SOLIDS)
def test_bounds_hold_the_solid(name: str) -> None:
    solid = SOLIDS[name]
    low, high = solid.bounds
    points = np.random.default_rng(0).uniform(low - 8, high + 8, (20000, 3)).astype(np.float32)
    inside = points[solid.distance(*points.T) < 0]
    assert len(inside) > 50
    assert (inside >= low - 1e-3).all()
    assert (inside <= high + 1e-3).all()


@pytest.mark.parametrize("name", ["ball", "egg", "full egg", "block", "tube", "wall"])
def test_distance_is_right_at_the_surface(name: str) -> None:
    """Close to the surface a distance grows by one millimetre a millimetre."""
    solid = SOLIDS[name]
    low, high = solid.bounds
    points = np.random.default_rng(1).uniform(low - 1, high + 1, (200000, 3)).astype(np.float32)
    near = points[np.abs(solid.distance(*points.T)) < 0.2][:2000]
    step = 0.1 * np.eye(3, dtype=np.float32)
    slope = np.stack([solid.distance(*(near + e).T) - solid.distance(*(near - e).T) for e in step]) / 0.2
    assert np.median(np.linalg.norm(slope, axis=0)) == pytest.approx(1, abs=0.03)


def test_pieces_of_a_tube_are_the_tube() -> None:
    tube = SOLIDS["tube"]
    points = np.random.default_rng(2).uniform(-5, 25, (3000, 3)).astype(np.float32)
    pieces = np.min([piece.distance(*points.T) for piece in tube.pieces()], axis=0)
    np.testing.assert_array_equal(pieces, tube.distance(*points.T))


def test_tube_passes_through_its_points_and_knows_its_way() -> None:
    tube = Tube(((0, 0, 0), (0, 0, 10), (0, 0, 30)), (2, 2, 2))
    assert tube.place(0.5) == pytest.approx((0, 0, 15), abs=0.05)
    assert tube.contains((0, 0, 10))
    assert tube.contains((1.9, 0, 20))
    assert not tube.contains((2.1, 0, 20))


def test_waves_are_bounded_and_smooth() -> None:
    x = np.linspace(0, 400, 4001, dtype=np.float32)
    found = waves(x, np.float32(0), np.float32(0), wavelength_mm=20, seed=5)
    assert abs(float(found.mean())) < 0.1
    assert 0.3 < float(found.std()) < 0.7
    # Steps of 0.1 mm on waves of at least 14 mm: slope below 2 π / 14 times the sum of heights.
    assert np.abs(np.diff(found)).max() < 0.1 * 2 * np.pi / 14 * 7 / np.sqrt(14)
