"""Pushes: what is displaced keeps its volume, the wall stands still, and masses stay where they are."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.anatomy.parts import Anatomy, Grid, Part, Warp, sample
from vesalius.virtual.anatomy.pushes import Pressure, Swelling
from vesalius.virtual.anatomy.solids import Ellipsoid, Inset, Tube
from vesalius.virtual.body import draw_body

PALETTE = {"air": ((0.0,), (0.0,)), "soft": ((1.0,), (0.0,))}
SKULL = Ellipsoid((0, 0, 0), (70, 70, 70))
SWELLING = Swelling((25.0, 0.0, 0.0), 15.0, SKULL)
GRID = Grid((80, 80, 80), (2, 2, 2), (-79, -79, -79))


def one(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def test_swelling_moves_tissue_away_by_the_volume_added() -> None:
    # 30 mm from the centre tissue was at (27000 - 3375)^(1/3) = 28.694, far from the falx.
    x, y, z = SWELLING.moved(one(25), one(30), one(0))
    expected = 30 - (30 - 23625 ** (1 / 3))
    assert float(y[0]) == pytest.approx(expected, abs=1e-3)
    assert (float(x[0]), float(z[0])) == (25, 0)


def test_wall_stands_still() -> None:
    x, _, _ = SWELLING.moved(one(70), one(0), one(0))
    assert float(x[0]) == pytest.approx(70)


@pytest.mark.parametrize("bounds", [((-9.0, 20.0, -5.0), 4.0), ((40.0, 0.0, 0.0), 6.0), ((25.0, 0.0, 18.0), 3.0)])
def test_box_of_what_is_seen_holds_it(bounds: tuple[tuple[float, float, float], float]) -> None:
    ball = Ellipsoid(bounds[0], (bounds[1],) * 3)
    low, high = ball.bounds
    seen = SWELLING.seen(ball.bounds)
    points = np.random.default_rng(0).uniform(low - 20, high + 20, (60000, 3)).astype(np.float32)
    inside = points[ball.distance(*SWELLING.moved(*points.T)) < 0]
    assert len(inside) > 5
    assert (inside >= seen.low).all()
    assert (inside <= seen.high).all()


def test_masses_stay_and_others_move() -> None:
    ball = Ellipsoid((0, 0, 0), (12, 12, 12))
    parts = (
        Part(structure="free", solid=ball, tissue="soft"),
        Part(structure="held", solid=Ellipsoid((0, 40, 0), (6, 6, 6)), tissue="soft", fixed=True),
    )
    push = Pressure((70, 0, 0), (-1, 0, 0), 16.0, (80, 80), 140.0, SKULL)
    found = sample(Anatomy("test", draw_body(0, "x"), parts, pushes=(push,)), GRID, PALETTE)
    x, y, z = (line[axis] for line, axis in zip(GRID.axes, np.nonzero(found.mask("free"))[::-1], strict=True))
    # Seen at x where x + 16 (1 - (70 - x) / 140) = 0: x = -8 / (1 + 16 / 140) = -7.18; cos² takes 2 % at 12 mm.
    assert float(x.mean()) == pytest.approx(-7.18, abs=0.15)
    assert float(y.mean()) == pytest.approx(0, abs=0.1)
    assert float(z.mean()) == pytest.approx(0, abs=0.1)
    held = np.nonzero(found.mask("held"))
    assert GRID.axes[0][held[2]].mean() == pytest.approx(0, abs=0.1)


def test_insets_share_one_surface() -> None:
    tube = Tube(((-30, 0, 0), (0, 20, 0), (40, 0, 10)), (9, 12, 8))
    layers = tuple(Part(structure=f"{d}", solid=Inset(tube, d), tissue="soft") for d in (-3.0, 0.0, 2.0, 5.0))
    found = sample(Anatomy("test", draw_body(0, "x"), layers, Warp(0, "x", 2.0)), GRID, PALETTE)
    for layer in layers:
        alone = sample(Anatomy("test", draw_body(0, "x"), (layer,), Warp(0, "x", 2.0)), GRID, PALETTE)
        inner = np.any([found.mask(part.structure) for part in layers[layers.index(layer) :]], axis=0)
        np.testing.assert_array_equal(inner, alone.mask(layer.structure))
