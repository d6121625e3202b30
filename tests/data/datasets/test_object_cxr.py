"""Object-CXR: one of each shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.object_cxr import objects, read
from vesalius.errors import DataError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    text(
        tmp_path / "train.csv", "image_name,annotation", "08001.jpg,0 1 2 3 4;1 2 2 6 10;2 0 0 4 0 4 4", "08002.jpg,"
    )
    text(tmp_path / "dev.csv", "image_name,annotation", "08003.jpg,0 5 8 3 4")
    text(tmp_path / "test.csv", "image_path,annotation", "test/09001.jpg,")
    for name in ("train/08001", "train/08002", "dev/08003", "test/09001"):
        picture(tmp_path / f"{name}.jpg")
    return tmp_path


def test_shapes(release: Path) -> None:
    first, second, third, fourth = read(release)
    assert [sample.split for sample in (first, second, third, fourth)] == ["train", "train", "val", "test"]
    assert [s.study.status("foreign_object") for s in (first, second, third)] == ["present", "absent", "present"]
    box, ellipse, polygon = first.study.regions
    assert (box.box, polygon.points) == ((1, 2, 3, 4), ((0, 0), (4, 0), (4, 4)))
    # Centre (4, 6), half axes 2 and 4: all points lie on the ellipse, the first at its right end.
    assert ellipse.points[0] == (6, 6)
    assert all(((x - 4) / 2) ** 2 + ((y - 6) / 4) ** 2 == pytest.approx(1) for x, y in ellipse.points)
    # Corners in another order are the same box.
    assert third.study.regions[0].box == (3, 4, 5, 8)
    assert fourth.study.id == "test/09001"


@pytest.mark.parametrize("cell", ["0 1 2 3", "3 1 2 3 4", "2 1 2 3 4", "2 1 2 3 4 5 6 7", "1 a b c d", "0 1 2 nan 4"])
def test_bad_shapes(cell: str) -> None:
    with pytest.raises(DataError, match="expected '0 x1 y1 x2 y2'"):
        objects(cell)


def test_empty_cells() -> None:
    assert objects("") == ()
    assert objects("0 1 2 3 4;")[0].kind == "rectangle"
