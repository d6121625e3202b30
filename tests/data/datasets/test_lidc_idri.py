"""LIDC-IDRI: outlines by slice, holes, small nodules, marks that are none, ratings by reader."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines

from vesalius.data.datasets.lidc_idri import _write_series, read
from vesalius.data.readers import read as open_file
from vesalius.data.records import Image
from vesalius.errors import DataError

GRID = Image(
    id="ct", path="", modality="CT", shape=(3, 6, 8), spacing_mm=(2.5, 0.7, 0.7), origin_mm=(-10.0, -20.0, -300.0)
)


def _edges(*points: tuple[int, int]) -> str:
    return "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in points)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "LIDC-IDRI" / "LIDC-IDRI-0001" / "01-01-2000" / "3000566"
    uids = _write_series(folder, np.arange(144, dtype=np.int16).reshape(3, 6, 8), GRID, "2.25.1")

    def roi(place: int, edges: str, inclusion: str = "TRUE") -> str:
        named = f"<imageSOP_UID>{uids[place]}</imageSOP_UID><inclusion>{inclusion}</inclusion>"
        return f"<roi><imageZposition>-1</imageZposition>{named}{edges}</roi>"

    large = (
        "<unblindedReadNodule><noduleID>Nodule 001</noduleID><characteristics><subtlety>5</subtlety>"
        "<malignancy>4</malignancy></characteristics>"
        + roi(1, _edges((2, 1), (5, 1), (5, 4), (2, 1))) + roi(1, _edges((3, 2), (4, 2), (3, 2)), "FALSE")
        + "</unblindedReadNodule>"
    )  # fmt: skip
    small = f"<unblindedReadNodule><noduleID>7</noduleID>{roi(2, _edges((6, 5)))}</unblindedReadNodule>"
    locus = "<locus><xCoord>1</xCoord><yCoord>2</yCoord></locus>"
    none = f"<nonNodule><imageSOP_UID>{uids[0]}</imageSOP_UID>{locus}</nonNodule>"
    lines(folder / "069.xml", f'<LidcReadMessage xmlns="http://www.nih.gov"><readingSession>{large}</readingSession>'
          f"<readingSession>{small}{none}</readingSession></LidcReadMessage>")  # fmt: skip
    lines(
        tmp_path / "LIDC-IDRI" / "LIDC-IDRI-0001" / "cxr" / "1.xml", '<IdriReadMessage xmlns="http://www.nih.gov"/>'
    )
    return tmp_path


def test_outlines_ratings_and_points(release: Path) -> None:
    [(study, split)] = read(release)
    assert (study.id, study.patient, split) == ("LIDC-IDRI-0001_3000566", "LIDC-IDRI-0001", "")
    image = study.images[0]
    assert (image.shape, image.units) == ((3, 6, 8), "HU")
    assert image.spacing_mm == pytest.approx((2.5, 0.7, 0.7))
    assert (open_file(image.path).array == np.arange(144).reshape(3, 6, 8)).all()
    found = [(part.kind, part.concept, part.frame, part.instance, len(part.points)) for part in study.regions]
    assert found == [
        ("contour", "lung_nodule", 1, 0, 4), ("contour", "hole_of_lung_nodule", 1, 0, 3),
        ("points", "lung_nodule", 2, 1, 1), ("points", "mark_that_is_no_nodule", 0, None, 1),
    ]  # fmt: skip
    assert study.findings[0].attributes == (
        ("malignancy", "4"), ("nodule", "Nodule 001"), ("reader", "1"), ("subtlety", "5"),
    )  # fmt: skip
    assert study.findings[1].attributes == (("nodule", "7"), ("reader", "2"))


def test_a_slice_that_is_missing_and_broken_xml(release: Path) -> None:
    folder = release / "LIDC-IDRI" / "LIDC-IDRI-0001" / "01-01-2000" / "3000566"
    path = folder / "069.xml"
    text = path.read_text()
    path.write_text(text.replace("2.25.1.2.2", "2.25.1.2.9"))
    with pytest.raises(DataError, match=r"069\.xml: an outline is on a slice that is not in the series"):
        list(read(release))
    path.write_text(text.replace("<xCoord>6</xCoord>", ""))
    with pytest.raises(DataError, match="edgeMap without xCoord"):
        list(read(release))
    path.write_text(text[:100])
    with pytest.raises(DataError, match="no XML that can be read"):
        list(read(release))
    path.write_text(text)
    for file in folder.glob("*.dcm"):
        file.unlink()
    with pytest.raises(DataError):
        list(read(release))
