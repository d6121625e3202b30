"""Shapes of the thorax: insides as the radiograph's outlines say, boxes that hold them, surfaces in their place."""

from __future__ import annotations

import numpy as np
import pytest
from virtual_patients import REFERENCE

from vesalius.virtual.anatomy.solids import Ellipsoid, HalfSpace
from vesalius.virtual.anatomy.thorax_shapes import Bounded, Column, Sleeve, ellipsoid_of
from vesalius.virtual.radiograph.chest import build_chest

CHEST = build_chest(REFERENCE)
POINTS = np.random.default_rng(0).uniform((-180, -130, -100), (180, 130, 330), (20_000, 3)).astype(np.float32)
WEDGE = Column(np.array([(0, 0, 0, 20, 60), (100, 0, 0, 20, 60)], float), wedged=True)
POST = Column(np.array([(0, 10, -5, 20, 30), (100, 14, -9, 12, 30)], float))
SLEEVES = {sign: Sleeve(CHEST.cavity, -60, 320, sign) for sign in (-1, 0, 1)}


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_half_sleeve_holds_what_the_outline_holds(sign: int) -> None:
    x, y, z = POINTS.astype(float).T
    centre, width, depth, middle = CHEST.cavity.at(z)
    open_ = width > 0.5
    level = np.abs((x * sign - centre) / np.maximum(width, 0.1)) ** 3 + ((y - middle) / np.maximum(depth, 0.1)) ** 2
    expected = open_ & (level < 1) & (x * sign > 0) & (np.abs(z - 130) < 190)
    found = SLEEVES[sign].distance(*POINTS.T) < 0
    # float32 decides differently within a hair of the surface only.
    assert (found != expected).mean() < 1e-3
    assert expected.any()


@pytest.mark.parametrize("solid", [*SLEEVES.values(), WEDGE, POST], ids=["right", "both", "left", "wedge", "post"])
def test_boxes_hold_their_solids(solid: Sleeve | Column) -> None:
    inside = POINTS[solid.distance(*POINTS.T) < -0.01]
    low, high = solid.bounds
    assert len(inside)
    assert (inside >= low - 0.5).all()
    assert (inside <= high + 0.5).all()


def test_distance_is_that_to_the_surface_of_a_post() -> None:
    x = np.array([-8, -4, 12, 28.5, 33], np.float32)
    # Half way up: half width 16 about x = 12, sides at -4 and 28; the middle is as deep as the smaller half axis.
    found = POST.distance(x, np.full(5, -7, np.float32), np.full(5, 50, np.float32))
    np.testing.assert_allclose(found[1:4], [0.0, -16.0, 0.5], atol=0.02)
    # Further out distances may be too small, never too large.
    assert 2 < found[0] <= 4
    assert 2 < found[4] <= 5


def test_a_wedge_is_thin_at_the_side_and_deep_in_the_middle() -> None:
    z = np.full(1, 50, np.float32)
    reach = []
    for x in (0.0, 10.0, 19.0):
        y = np.linspace(0, 80, 801, dtype=np.float32)
        inside = WEDGE.distance(np.full(801, x, np.float32), y, np.repeat(z, 801)) < 0
        reach.append(float(y[inside].max(initial=0.0)))
    # 60 · (1 - (x/20)²)²: 60, 33.75 and 0.57 mm.
    np.testing.assert_allclose(reach, [60, 33.75, 0.57], atol=0.2)


def test_ellipsoids_of_the_radiograph_keep_place_axes_and_turn() -> None:
    shape = CHEST.heart[0]
    solid = ellipsoid_of(shape, 2.0)
    np.testing.assert_allclose(solid.rotation, shape.rotation, atol=1e-6)
    tip = shape.centre + shape.rotation[1] * (shape.axes[1] + 2)
    assert solid.distance(*(np.array([v], np.float32) for v in tip))[0] == pytest.approx(0, abs=1e-3)


def test_a_bounded_plane_is_asked_within_the_room_only() -> None:
    room = Ellipsoid((0, 0, 0), (5, 6, 7))
    solid = Bounded(HalfSpace((0, 0, 1), (0, 0, 1)), room)
    np.testing.assert_array_equal(solid.bounds.high, room.bounds.high)
    assert solid.contains((100, 0, 0))
    assert not solid.contains((0, 0, 2))
