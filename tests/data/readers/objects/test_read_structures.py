"""Structure sets: contours and what they enclose, against circles and boxes worked out by hand."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from object_files import OBLIQUE, STRAIGHT, geometry, write_structures_by_hand

from vesalius.data.geometry import Geometry
from vesalius.data.readers.objects import (
    Contour,
    Grid,
    Structure,
    pack_structures,
    rasterise,
    read_structures,
    structure_records,
)
from vesalius.errors import DataError

SHAPE = (4, 40, 50)
UNIT = Geometry(
    spacing_mm=(1.0, 1.0, 1.0),
    directions=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    origin_mm=(0.0, 0.0, 0.0),
)


def contour(*corners: tuple[float, float], z: float = 1.0, grid: Geometry = UNIT, kind: str = "CLOSED_PLANAR"):
    """Contour of corners (column, row) on a slice, in voxels."""
    index = np.array([[z, row, column] for column, row in corners], dtype=float)
    return Contour(kind=kind, points_mm=grid.to_patient(index))


def structure(*contours: Contour) -> Structure:
    return Structure(number=1, name="Liver", contours=contours)


def box(left: float, top: float, right: float, bottom: float) -> list[tuple[float, float]]:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def test_a_box_takes_the_centres_inside_it() -> None:
    mask = rasterise(structure(contour(*box(2.5, 3.5, 7.5, 5.5))), Grid(SHAPE, UNIT))
    # Centres 3 to 7 of the columns and 4 to 5 of the rows lie inside.
    assert mask[1, 4:6, 3:8].all()
    assert mask.sum() == 10


def test_a_centre_on_an_edge_counts_once_for_neighbours() -> None:
    # Edges through the centres 2, 5 and 8: the left box takes columns 2 to 4, the right one 5 to 7.
    grid = Grid(SHAPE, UNIT)
    left = rasterise(structure(contour(*box(2, 2, 5, 6))), grid)
    right = rasterise(structure(contour(*box(5, 2, 8, 6))), grid)
    assert not (left & right).any()
    assert (left | right)[1, 2:6, 2:8].all()
    assert left.sum() == 12


@pytest.mark.parametrize("turn", [STRAIGHT, OBLIQUE], ids=["straight", "oblique"])
def test_a_circle_is_right_within_half_a_pixel(turn: np.ndarray) -> None:
    grid = geometry(turn, spacing=(2.5, 0.5, 0.5))
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    corners = list(zip(24.3 + 11.7 * np.cos(angle), 19.6 + 11.7 * np.sin(angle), strict=True))
    mask = rasterise(structure(contour(*corners, z=2, grid=grid)), Grid(SHAPE, grid))[2]
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    distance = np.hypot(columns - 24.3, rows - 19.6)
    # A polygon of 400 corners lies within 11.7 (1 - cos(pi / 400)) = 4e-4 pixels of the circle.
    assert mask[distance < 11.7 - 4e-4].all()
    assert not mask[distance > 11.7].any()
    assert abs(mask.sum() - np.pi * 11.7**2) < 0.5 * 2 * np.pi * 11.7


def test_an_inner_contour_is_a_hole_and_an_island_in_it_is_filled() -> None:
    mask = rasterise(
        structure(
            contour(*box(1.5, 1.5, 20.5, 20.5)),
            contour(*box(5.5, 5.5, 15.5, 15.5)),
            contour(*box(9.5, 9.5, 11.5, 11.5)),
        ),
        Grid(SHAPE, UNIT),
    )
    assert mask.sum() == 19 * 19 - 10 * 10 + 2 * 2


def test_a_keyhole_leaves_no_seam() -> None:
    # Out, along the channel at column 3.2 to the inner box, around it the other way, and back along the channel.
    outer, inner = box(1.5, 1.5, 20.5, 20.5), box(5.5, 5.5, 15.5, 15.5)
    keyhole = [outer[0], (3.2, 1.5), (5.5, 5.5), inner[3], inner[2], inner[1], (5.5, 5.5), (3.2, 1.5), *outer[1:]]
    mask = rasterise(structure(contour(*keyhole)), Grid(SHAPE, UNIT))
    assert mask.sum() == 19 * 19 - 10 * 10


def test_a_contour_of_very_many_points_is_filled_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    angle = np.linspace(0, 2 * np.pi, 5000, endpoint=False)
    corners = list(zip(24.3 + 11.7 * np.cos(angle), 19.6 + 11.7 * np.sin(angle), strict=True))
    whole = rasterise(structure(contour(*corners)), Grid(SHAPE, UNIT))
    monkeypatch.setattr("vesalius.data.readers.objects.structures._MAX_CROSSINGS", 40 * 7)
    assert (rasterise(structure(contour(*corners)), Grid(SHAPE, UNIT)) == whole).all()
    zigzag = contour(*[(1.0 + 40 * (n % 2), 1.0 + 30 * (n // 2 % 2)) for n in range(200_000)])
    begin = time.process_time()
    rasterise(structure(zigzag), Grid(SHAPE, UNIT))
    assert time.process_time() - begin < 10


def test_contours_of_several_slices_land_on_them() -> None:
    mask = rasterise(
        structure(contour(*box(1.5, 1.5, 3.5, 3.5), z=0), contour(*box(1.5, 1.5, 4.5, 3.5), z=3.08)),
        Grid(SHAPE, UNIT),
    )
    assert mask.sum(axis=(1, 2)).tolist() == [4, 0, 0, 6]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({"z": 1.4}, r"structure 'Liver': contour at z 1.4 mm lies at slices 1.400 to 1.400 of 4"),
        ({"z": 7.0}, "contour at z 7 mm lies at slices 7.000"),
        ({"z": -1.0}, "contour at z -1 mm"),
    ],
)
def test_a_contour_off_the_slices_is_an_error(place: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        rasterise(structure(contour(*box(1, 1, 5, 5), **place)), Grid(SHAPE, UNIT))


def test_a_contour_beyond_the_rim_is_an_error_and_on_the_rim_is_not() -> None:
    whole = rasterise(structure(contour(*box(-0.5, -0.5, 49.5, 39.5))), Grid(SHAPE, UNIT))
    assert whole[1].all()
    with pytest.raises(DataError, match=r"covers rows 1.0 to 5.0 and columns 1.0 to 60.0, beyond"):
        rasterise(structure(contour(*box(1, 1, 60, 5))), Grid(SHAPE, UNIT))


def test_a_contour_across_slices_is_an_error() -> None:
    tilted = Contour(kind="CLOSED_PLANAR", points_mm=np.array([[1.0, 1, 0], [9, 1, 1], [9, 9, 2]]))
    with pytest.raises(DataError, match=r"slices 0.000 to 2.000"):
        rasterise(structure(tilted), Grid(SHAPE, UNIT))


def test_a_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    square = np.array([[1.5, 1.5, 1.0], [7.5, 1.5, 1.0], [7.5, 4.5, 1.0], [1.5, 4.5, 1.0], [1.5, 1.5, 1.0]])
    path = write_structures_by_hand(
        tmp_path / "s.dcm",
        {"Liver": [("CLOSED_PLANAR", square)], "Isocentre": [("POINT", np.array([[3.0, 2.0, 1.0]]))], "Empty": []},
    )
    found = read_structures(path)
    assert [one.name for one in found.structures] == ["Liver", "Isocentre", "Empty"]
    liver = found.structure("Liver")
    assert np.array_equal(liver.contours[0].points_mm, square[:4])  # the first point is not repeated
    assert (liver.interpreted_type, liver.label, liver.algorithm) == ("ORGAN", "of Liver", "MANUAL")
    assert liver.codes[0] == ("10200004", "SCT", "Liver")
    grid = Grid(SHAPE, UNIT)
    assert rasterise(liver, grid).sum() == 6 * 3
    packed = pack_structures(found, grid)
    records = structure_records(found, image="ct", grid=grid, paths=["m.nii.gz"], places=packed.places)
    assert [(region.kind, region.anatomy) for region in records.regions] == [
        ("mask", "Liver"),
        ("points", "Isocentre"),
    ]
    assert records.regions[1].points == ((3.0, 2.0, 1.0),)
    assert records.left_out == ("structure 3 ('Empty') has no closed contour and no point",)
    with pytest.raises(DataError, match=r"0 structures are called 'Spleen'; it has {1: 'Liver'"):
        found.structure("Spleen")
    with pytest.raises(DataError, match=r"structure 'Empty' has no closed contour"):
        rasterise(found.structure("Empty"), grid)


@pytest.mark.parametrize(
    ("kind", "points", "words"),
    [
        ("CLOSED_PLANAR", np.zeros((2, 3)), "a closed contour of 1 points|a closed contour of 2 points"),
        ("SPIRAL", np.zeros((4, 3)), "contour of kind 'SPIRAL'"),
    ],
)
def test_contours_that_are_none(tmp_path: Path, kind: str, points: np.ndarray, words: str) -> None:
    path = write_structures_by_hand(tmp_path / "s.dcm", {"Liver": [(kind, points)]})
    with pytest.raises(DataError, match=f"s.dcm: structure 'Liver': ({words})"):
        read_structures(path)


def test_counts_that_contradict_are_named(tmp_path: Path) -> None:
    from pydicom import dcmread

    path = write_structures_by_hand(tmp_path / "s.dcm", {"Liver": [("CLOSED_PLANAR", np.eye(3))]})
    dataset = dcmread(path)
    dataset.ROIContourSequence[0].ContourSequence[0].NumberOfContourPoints = 7
    dataset.save_as(path)
    with pytest.raises(DataError, match=r"9 coordinates .* for 7 points"):
        read_structures(path)
    dataset.ROIContourSequence[0].ReferencedROINumber = 5
    dataset.save_as(path)
    with pytest.raises(DataError, match=r"refers to structures \[5\], but only \[1\] are described"):
        read_structures(path)


@pytest.mark.real
def test_real_structures(real_data: Path) -> None:
    found = read_structures(real_data / "dicom" / "files" / "rtstruct.dcm")
    assert [(one.name, one.interpreted_type) for one in found.structures] == [
        ("patient", "EXTERNAL"), ("Isocenter 1", "ISOCENTER"), ("Isocenter 2", "ISOCENTER"),
    ]  # fmt: skip
    # Three planes, z -200 to -180, at 10 mm; the first is a box of 400 x 300 mm.
    outline = found.structures[0].contours[0].points_mm
    assert outline[:, :2].min(axis=0).tolist() == [-200, -150]
    grid = Geometry(spacing_mm=(10.0, 4.0, 4.0), directions=UNIT.directions, origin_mm=(-250.0, -198.0, -200.0))
    mask = rasterise(found.structures[0], Grid((3, 100, 126), grid))
    # 400 mm hold 100 columns of 4 mm (centres -250 + 4 i on the left edge: i = 12.5, so 13 to 112), 300 mm 75 rows.
    assert mask[0].sum() == 100 * 75
