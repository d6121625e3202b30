"""Depth intervals against hand-worked geometry, tubes against their volumes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vesalius.virtual.radiograph.camera import Camera
from vesalius.virtual.radiograph.shapes import EMPTY, Ellipsoid, Interval, ellipsoid, free_length, length, sweep

CAMERA = Camera(size=129, spacing_mm=2.0, source_y_mm=1700.0, detector_y_mm=-150.0, centre_z_mm=100.0)


def whole(shape: Ellipsoid) -> np.ndarray:
    met = ellipsoid(CAMERA, shape)
    assert met is not None
    picture = np.zeros((129, 129), np.float32)
    picture[met[0]] = length(met[1])
    return picture


def test_ray_through_the_centre_of_a_sphere_crosses_its_diameter() -> None:
    # The central pixel's ray runs along y through (0, y, 100).
    picture = whole(Ellipsoid(np.array([0.0, 20.0, 100.0]), np.full(3, 30.0), np.eye(3)))
    assert picture[64, 64] == pytest.approx(60.0, abs=0.01)


def test_off_centre_chord_of_a_sphere() -> None:
    # Detector u = 20 mm meets the plane y = 20 at 20 · (1700 - 20) / 1850 = 18.162 mm; the ray is inclined by
    # u / 1850, so its distance from the centre is 18.162 / sqrt(1 + (20/1850)²) = 18.161 and the chord along the ray
    # 2 · sqrt(30² - 18.161²) = 47.756; in depth that is chord / sqrt(1 + (20/1850)²) = 47.753.
    picture = whole(Ellipsoid(np.array([0.0, 20.0, 100.0]), np.full(3, 30.0), np.eye(3)))
    assert picture[64, 74] == pytest.approx(47.753, abs=0.01)


def test_patients_left_is_right_in_the_picture_and_head_is_up() -> None:
    picture = whole(Ellipsoid(np.array([40.0, 0.0, 150.0]), np.full(3, 10.0), np.eye(3)))
    rows, columns = np.nonzero(picture)
    assert columns.mean() > 64
    assert rows.mean() < 64


def test_shadow_is_the_outline_of_the_ray_traced_picture() -> None:
    shape = Ellipsoid.of((18.0, -38.0, 110.0), (66.0, 50.0, 47.0), (0.7, -0.48, -0.53))
    columns = np.flatnonzero(whole(shape).any(axis=0))
    low, high = shape.shadow(CAMERA)
    # The outline passes somewhere inside the first pixel that is met, whose centres are 2 mm apart.
    assert CAMERA.u[columns[0]] - 2.0 <= low <= CAMERA.u[columns[0]]
    assert CAMERA.u[columns[-1]] <= high <= CAMERA.u[columns[-1]] + 2.0


def intervals(pairs: list[tuple[float, float]]) -> list[Interval]:
    return [
        Interval(
            np.full((1, 1), a if a < b else EMPTY, np.float32), np.full((1, 1), b if a < b else -EMPTY, np.float32)
        )
        for a, b in pairs
    ]


pair = st.tuples(st.integers(-50, 50), st.integers(-50, 50))


@given(st.lists(pair, min_size=1, max_size=6))
@settings(max_examples=200, deadline=None)
def test_free_length_equals_counting(pairs: list[tuple[int, int]]) -> None:
    inside, *bodies = intervals([(float(a), float(b)) for a, b in pairs])
    depth = np.arange(-60, 60) + 0.5
    free = (depth > pairs[0][0]) & (depth < pairs[0][1])
    for a, b in pairs[1:]:
        free &= ~((depth > a) & (depth < b))
    assert free_length(inside, bodies)[0, 0] == pytest.approx(free.sum())


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.6, 0.64, 0.48), (0.0, 1.0, 0.0)])
@pytest.mark.parametrize("radius", [0.4, 1.5, 6.0])
def test_swept_tube_keeps_its_volume_in_every_direction(direction: tuple[float, float, float], radius: float) -> None:
    t = np.linspace(-20, 20, 400, endpoint=False)[:, None]
    points = np.array([0.0, 0.0, 100.0]) + t * np.array(direction)
    picture = np.zeros((129, 129), np.float32)
    sweep(picture, CAMERA, points, np.full(400, radius), np.full(400, 0.1))
    # Sum of thickness × pixel area on the detector = volume magnified by (1850/1700)² at y = 0; 40 mm long.
    volume = np.pi * radius**2 * 40 * (1850 / 1700) ** 2
    # Along y the magnification runs from 1.076 to 1.101 over the tube: within 1 % in the mean. Radii are rounded to
    # a sixteenth of a pixel, 0.06 mm: up to 2 · 0.06/0.4 for the thinnest, less than 4 % for those of 1.5 mm.
    tolerance = 0.32 if radius < 1 else 0.06
    assert picture.sum() * 4.0 == pytest.approx(volume, rel=tolerance)


def test_thickness_of_a_tube_across() -> None:
    t = np.linspace(-60, 60, 600, endpoint=False)[:, None]
    points = np.array([0.0, 0.0, 100.0]) + t * np.array([1.0, 0.0, 0.0])
    picture = np.zeros((129, 129), np.float32)
    sweep(picture, CAMERA, points, np.full(600, 10.0), np.full(600, 0.2))
    # A tube of radius 10 seen from the side is 20 mm thick in its middle; discs are anti-aliased over a pixel.
    assert picture[64, 64] == pytest.approx(20.0, rel=0.02)


def test_core_of_a_tube_lacks_density() -> None:
    t = np.linspace(-60, 60, 600, endpoint=False)[:, None]
    points = np.array([0.0, 0.0, 100.0]) + t * np.array([1.0, 0.0, 0.0])
    picture = np.zeros((129, 129), np.float32)
    sweep(picture, CAMERA, points, np.full(600, 10.0), np.full(600, 0.2), core=(np.full(600, 2.0), 0.75))
    # Through the middle: 2 · 2 mm of wall and 16 mm of core of a quarter of the density: 4 + 4 = 8.
    assert picture[64, 64] == pytest.approx(8.0, rel=0.04)
