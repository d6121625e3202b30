"""Geometry against positions worked out by hand, and properties of its matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vesalius.data.geometry import Geometry
from vesalius.errors import DataError

# An axial stack: columns grow to the Left, rows to the Posterior, slices to the Head.
AXIAL = Geometry(
    spacing_mm=(5.0, 0.5, 0.25),
    directions=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    origin_mm=(-10.0, -20.0, 30.0),
)


def test_positions_by_hand() -> None:
    # slice 2, row 4, column 8: x = -10 + 8*.25, y = -20 + 4*.5, z = 30 + 2*5
    assert AXIAL.to_patient([2, 4, 8]).tolist() == [-8.0, -18.0, 40.0]
    assert AXIAL.to_index([-8.0, -18.0, 40.0]).tolist() == [2.0, 4.0, 8.0]
    assert (AXIAL.affine @ [2, 4, 8, 1]).tolist() == [-8.0, -18.0, 40.0, 1.0]


def test_nifti_affine_by_hand() -> None:
    # i = column goes to the Left, so RAS x shrinks by .25; j = row to the Posterior, so RAS y shrinks by .5
    expected = [[-0.25, 0, 0, 10.0], [0, -0.5, 0, 20.0], [0, 0, 5.0, 30.0], [0, 0, 0, 1]]
    assert AXIAL.nifti_affine.tolist() == expected
    again = Geometry.from_nifti(expected)
    assert again.spacing_mm == AXIAL.spacing_mm
    assert again.directions == AXIAL.directions
    assert again.origin_mm == AXIAL.origin_mm


@pytest.mark.parametrize(
    ("rows", "columns", "name"),
    [
        ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), "axial"),
        ((0.0, 0.0, -1.0), (1.0, 0.0, 0.0), "coronal"),
        ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), "sagittal"),
        # rows tilted by 45 degrees between posterior and head
        ((0.0, np.sqrt(0.5), np.sqrt(0.5)), (1.0, 0.0, 0.0), "oblique"),
    ],
)
def test_orientation(rows: tuple, columns: tuple, name: str) -> None:
    geometry = Geometry(spacing_mm=(1.0, 1.0), directions=(rows, columns), origin_mm=(0.0, 0.0, 0.0))
    assert geometry.orientation == name
    assert geometry.cosines == (*columns, *rows)


def test_spacing_alone_has_no_place() -> None:
    geometry = Geometry(spacing_mm=(0.1, 0.1), source="ImagerPixelSpacing (0018,1164)", plane="detector")
    assert geometry.orientation == ""
    assert geometry.cosines == ()
    with pytest.raises(DataError, match=r"ImagerPixelSpacing .* states a spacing only"):
        geometry.to_patient([0, 0])
    with pytest.raises(DataError, match="three axes"):
        _ = geometry.affine


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"spacing_mm": (0.0, 1.0)}, "not positive"),
        ({"spacing_mm": (float("nan"), 1.0)}, "not positive"),
        ({"directions": ()}, "stated together"),
        ({"directions": ((0.0, 1.1, 0.0), (1.0, 0.0, 0.0))}, "lengths"),
        ({"directions": ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0))}, "one plane or line"),
        ({"origin_mm": (0.0, float("inf"), 0.0)}, "does not fit"),
    ],
)
def test_wrong_geometry_is_refused(wrong: dict, message: str) -> None:
    right = {
        "spacing_mm": (1.0, 1.0),
        "directions": ((0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
        "origin_mm": (0.0, 0.0, 0.0),
    }
    Geometry(**right)
    with pytest.raises(DataError, match=message):
        Geometry(**{**right, **wrong})


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)])
def test_affine_that_is_none(affine: np.ndarray) -> None:
    with pytest.raises(DataError, match="affine"):
        Geometry.from_affine(affine, source="sform")


def test_stack_of_slices() -> None:
    plane = Geometry(spacing_mm=(1.0, 1.0), directions=AXIAL.directions[1:], origin_mm=(0.0, 0.0, 0.0))
    even = plane.stacked([(0.0, 0.0, 0.0), (0.0, 0.0, 2.5), (0.0, 0.0, 5.0)])
    assert even.spacing_mm == (2.5, 1.0, 1.0)
    assert even.directions[0] == (0.0, 0.0, 1.0)
    # head first: slices grow to the feet
    down = plane.stacked([(0.0, 0.0, 5.0), (0.0, 0.0, 2.5)])
    assert down.directions[0] == (0.0, 0.0, -1.0)
    assert down.origin_mm == (0.0, 0.0, 5.0)
    # one slice of four missing: 2.5, 5.0
    with pytest.raises(DataError, match="not evenly spaced"):
        plane.stacked([(0.0, 0.0, 0.0), (0.0, 0.0, 2.5), (0.0, 0.0, 7.5)])
    with pytest.raises(DataError, match="not evenly spaced"):
        plane.stacked([(0.0, 0.0, 0.0), (0.0, 0.0, 0.0)])
    with pytest.raises(DataError, match="one slice"):
        plane.stacked([(0.0, 0.0, 0.0)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=12, max_size=12))
def test_affine_there_and_back(numbers: list[float]) -> None:
    affine = np.eye(4)
    affine[:3] = np.array(numbers).reshape(3, 4)
    norms = np.linalg.norm(affine[:3, :3], axis=0)
    assume((norms > 0.01).all() and abs(np.linalg.det(affine[:3, :3] / norms)) > 0.01)
    geometry = Geometry.from_affine(affine)
    # float64: the round trip loses a few units in the last place of numbers up to 100
    np.testing.assert_allclose(geometry.affine, affine, rtol=0, atol=1e-11)
    np.testing.assert_allclose(Geometry.from_nifti(geometry.nifti_affine).affine, affine, rtol=0, atol=1e-11)
    index = np.array([[3.0, 5.0, 7.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(geometry.to_index(geometry.to_patient(index)), index, rtol=0, atol=1e-6)
