"""Measuring masks: axes against ellipsoids, the axial plane only, volumes and depths by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.virtual.anatomy.caliper import axial_axes, deepest_mm, inner, volume_ml
from vesalius.virtual.anatomy.parts import Grid
from vesalius.virtual.anatomy.solids import Ellipsoid

GRID = Grid((60, 80, 80), (1.0, 0.8, 0.8), (-31.6, -31.6, -29.5))


def mask_of(solid: Ellipsoid) -> np.ndarray:
    x, y, z = GRID.axes
    return solid.distance(x[None, None, :], y[None, :, None], z[:, None, None]) < 0


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1, 2.3])
def test_axes_of_an_ellipsoid(angle: float) -> None:
    solid = Ellipsoid((1, -2, 3), (18, 9, 25), (float(np.cos(angle)), float(np.sin(angle)), 0.0))
    found = axial_axes(mask_of(solid), GRID.spacing_mm)
    assert found is not None
    # The head-to-foot axis of 50 mm lies out of the axial plane: 36 × 18 count. Within a voxel.
    assert found.long_mm == pytest.approx(36, abs=0.9)
    assert found.short_mm == pytest.approx(18, abs=0.9)
    assert GRID.axes[2][found.slice] == pytest.approx(3, abs=5)


def test_volume_depth_and_nothing() -> None:
    mask = np.zeros((4, 10, 6), bool)
    mask[1:3, 2:7, 1:4] = True
    # 2 × 5 × 3 voxels of 3 × 2 × 1 mm: 180 mm³; 5 rows of 2 mm deep.
    assert volume_ml(mask, (3, 2, 1)) == pytest.approx(0.18)
    assert deepest_mm(mask, (3, 2, 1)) == 10
    assert axial_axes(np.zeros((2, 3, 4), bool), (1, 1, 1)) is None
    assert deepest_mm(np.zeros((2, 3, 4), bool), (1, 1, 1)) == 0


def test_the_surface_is_left_out() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[2:7, 2:7, 2:7] = True
    # A cube of 5 voxels: 3 along each edge are left, then 1.
    assert inner(mask).sum() == 27
    assert np.argwhere(inner(mask, 2)).tolist() == [[4, 4, 4]]


def test_a_single_voxel_is_as_wide_as_it_is() -> None:
    mask = np.zeros((3, 5, 5), bool)
    mask[1, 2, 2] = True
    found = axial_axes(mask, (2.0, 1.0, 1.0))
    assert found is not None
    assert found.long_mm == pytest.approx(1.0)
    assert found.slice == 1
