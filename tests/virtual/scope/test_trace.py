"""Rays meet a tube and a ball where geometry says."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.scope.trace import Tracer
from vesalius.virtual.scope.wall import STEP_MM, Bend, Knob, Wall

STRAIGHT = Bend((0.0, 0.0), (100.0, 100.0), (0.0, 0.0))


def tube(radius: float = 20.0, length: float = 200.0, bend: Bend = STRAIGHT) -> Wall:
    shape = (int(length / STEP_MM) + 1, 400)
    return Wall(bend=bend, radius=np.full(shape, radius, np.float32), albedo=np.full((*shape, 3), 0.3, np.float32),
                label=np.zeros(shape, np.uint8), wet=np.zeros(shape, np.float32))  # fmt: skip


def ball(centre: tuple[float, float, float], radius: float) -> Knob:
    return Knob(centre_mm=centre, radii_mm=(radius,) * 3, normal=(-1.0, 0.0, 0.0), along=(0.0, 0.0, 1.0), neck_mm=0.0,
                foot_mm=centre, lobes=0.0, label=1, colours=np.full((3, 3), 0.4, np.float32), pit_mm=1.0)  # fmt: skip


def fan(count: int = 60) -> np.ndarray:
    angle = np.linspace(0.25, 1.5, count)
    turn = np.linspace(0, 9, count)
    rays = np.stack([np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.cos(angle)], axis=1)
    return rays.astype(np.float32)


def test_straight_tube_is_met_at_radius_over_sine() -> None:
    rays = fan()
    hits = Tracer(tube()).trace(np.array([0.0, 0.0, 30.0]), rays)
    # From the axis the wall is R / sin θ away.
    assert hits.distance == pytest.approx(20 / np.hypot(rays[:, 0], rays[:, 1]), abs=0.02)
    inward = -rays[:, :2] / np.linalg.norm(rays[:, :2], axis=1)[:, None]
    assert hits.normal[:, :2] == pytest.approx(inward, abs=0.02)
    assert np.abs(hits.normal[:, 2]).max() < 0.02


def test_rays_that_leave_the_modelled_stretch_are_lost() -> None:
    rays = np.array([[0.0, 0.0, 1.0], [0.02, 0.0, 0.9998]], np.float32)
    assert np.isnan(Tracer(tube()).trace(np.array([0.0, 0.0, 30.0]), rays).distance).all()


def test_ball_is_met_on_its_surface_and_hides_the_wall() -> None:
    wall = tube()
    wall.knobs.append(ball((8.0, 0.0, 60.0), 5.0))
    rays = np.array([[8.0, 0.0, 30.0], [8.0, 2.0, 30.0], [-8.0, 0.0, 30.0]], np.float32)
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    hits = Tracer(wall).trace(np.array([0.0, 0.0, 30.0]), rays)
    # Towards the centre: |(8, 0, 30)| − 5. The ball's distance function is shortened, its zero is not.
    assert hits.distance[0] == pytest.approx(np.hypot(8, 30) - 5, abs=0.02)
    points = np.array([0, 0, 30.0]) + hits.distance[:2, None] * rays[:2]
    assert np.linalg.norm(points - [8, 0, 60], axis=1) == pytest.approx([5, 5], abs=0.02)
    assert hits.label.tolist() == [1, 1, 0]
    assert hits.knob.tolist() == [0, 0, -1]
    assert hits.normal[0] == pytest.approx(-rays[0], abs=0.02)


def test_no_thin_fold_is_jumped_over() -> None:
    wall = tube()
    z = np.arange(wall.radius.shape[0]) * STEP_MM
    wall.radius -= (12 * np.exp(-(((z - 80) / 1.5) ** 2)))[:, None].astype(np.float32)
    angle = np.linspace(0.1, 0.35, 200)
    rays = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1).astype(np.float32)
    hits = Tracer(wall).trace(np.array([0.0, 0.0, 30.0]), rays)
    reach = 30 + hits.distance * rays[:, 2]
    # The crest at z 80 leaves 8 mm free: rays above atan(8 / 50) must not pass it. A step is 0.8 mm there, and the
    # crest is as thick 12 · (1 − exp(−(0.4 / 1.5)²)) = 0.8 mm below its top, which is 0.016 rad.
    blocked = angle > np.arctan(8 / 50) + 0.018
    assert (reach[blocked] < 80.5).all()
    assert (~(reach[angle < np.arctan(8 / 50) - 0.01] < 79)).all()


def test_bent_tube_keeps_its_radius_about_the_axis() -> None:
    bend = Bend((15.0, 9.0), (240.0, 300.0), (0.3, 1.1))
    tracer = Tracer(tube(bend=bend))
    start = np.array([*bend.at(np.array(40.0)), 40.0])
    rays = fan(40)
    hits = tracer.trace(start, rays)
    points = start + hits.distance[:, None] * rays
    off = points[:, :2] - bend.at(points[:, 2])
    # 0.05 mm: the axis is a chain of 0.4 mm chords in float32.
    assert np.linalg.norm(off, axis=1) == pytest.approx(np.full(40, 20.0), abs=0.05)


def test_window_of_a_place_closes_round_the_wall() -> None:
    wall = tube()
    patch = wall.patch(100.0, 0.02, 6.0)
    assert patch.off.min() < 0.5
    rows, columns = patch.where
    assert columns.min() >= 0
    assert columns.max() < 400
    assert len(np.unique(columns)) == columns.size
    # 6 mm on a radius of 20 mm is 0.3 rad on each side: 2 · 0.3 / 2π · 400 = 38 angles.
    assert columns.size == pytest.approx(38, abs=3)
    assert rows.size == pytest.approx(12 / STEP_MM, abs=3)
