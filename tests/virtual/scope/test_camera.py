"""Lens and poses: what is projected comes back."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.scope.camera import Lens, look_at, pose_events, to_camera, to_world


@pytest.mark.parametrize(("kind", "field"), [("fisheye", 140.0), ("pinhole", 90.0)])
def test_rays_project_onto_their_own_pixels(kind: str, field: float) -> None:
    lens = Lens(kind, field, 96)  # type: ignore[arg-type]
    pixels = lens.project(17.0 * lens.rays.reshape(-1, 3))
    rows, columns = np.mgrid[:96, :96] + 0.5
    assert np.abs(pixels[:, 0].reshape(96, 96) - columns).max() < 1e-3
    assert np.abs(pixels[:, 1].reshape(96, 96) - rows).max() < 1e-3
    assert np.linalg.norm(lens.rays, axis=-1) == pytest.approx(np.ones((96, 96)), abs=1e-6)


def test_fisheye_draws_equal_angles_equally_far() -> None:
    # 140° over 200 px: f = 100 / (70° in radians) = 81.85 px a radian; 35° off the axis lies 50 px from the middle.
    lens = Lens("fisheye", 140.0, 200)
    assert lens.focal_px == pytest.approx(100 / np.radians(70))
    angle = np.radians(35)
    assert lens.project(np.array([[np.sin(angle), 0, np.cos(angle)]]))[0] == pytest.approx([150, 100])


def test_pinhole_of_ninety_degrees() -> None:
    # tan 45° = 1: half the width; a point at (10, 5, 20) lies at 64 + 64 · 0.5 and 64 + 64 · 0.25.
    lens = Lens("pinhole", 90.0, 128)
    assert lens.focal_px == pytest.approx(64)
    assert lens.project(np.array([[10.0, 5.0, 20.0]]))[0] == pytest.approx([96, 80])


def test_pose_is_a_rotation_and_moves_points_there_and_back() -> None:
    pose = look_at(np.array([1.0, 2.0, 3.0]), np.array([4.0, -1.0, 40.0]), 0.7)
    assert pose[:, :3].T @ pose[:, :3] == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(pose[:, :3]) == pytest.approx(1.0)
    target = to_camera(pose, np.array([[4.0, -1.0, 40.0]]))[0]
    assert target[:2] == pytest.approx([0, 0], abs=1e-12)
    assert target[2] > 0
    points = np.random.default_rng(0).normal(size=(20, 3))
    assert to_camera(pose, to_world(pose, points)) == pytest.approx(points)


def test_pose_events_hold_the_matrix_by_rows() -> None:
    pose = look_at(np.zeros(3), np.array([0.0, 0.0, 9.0]), 0.0)
    events = pose_events([pose, pose], "clip", 10.0)
    assert [(event.start_s, event.end_s) for event in events] == [(0.0, 0.1), (0.1, 0.2)]
    assert events[0].values == pytest.approx((1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0))
