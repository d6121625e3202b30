"""NIH ChestX-ray14: rows as they stand in the release, read by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vesalius.data.datasets.nih_cxr14 import LABELS, read
from vesalius.errors import DataError

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
# A picture of 2682 × 2749 at 0.143 mm that was scaled to 10 × 20 pixels, and one that kept its size.
ROWS = (
    "00000001_000.png,Cardiomegaly|Emphysema|Hernia,0,1,57,M,PA,2682,2749,0.143,0.143",
    "00000001_001.png,No Finding,1,1,58,M,AP,10,20,0.168,0.171,",
)
BOXES = ("Image Index,Finding Label,Bbox [x,y,w,h],,,", "00000001_001.png,Infiltrate,1.5,2,3.25,4,,,")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    (tmp_path / "images_001" / "images").mkdir(parents=True)
    for number in range(2):
        mode = "RGBA" if number else "L"
        Image.new(mode, (10, 20)).save(tmp_path / "images_001" / "images" / f"00000001_00{number}.png")
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    (tmp_path / "BBox_List_2017.csv").write_text("\n".join(BOXES) + "\n")
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n")
    (tmp_path / "test_list.txt").write_text("00000001_001.png")
    return tmp_path


def test_rows_boxes_and_splits(release: Path) -> None:
    (first, train), (second, test) = read(release)
    assert (train, test) == ("train", "test")
    assert (first.id, first.patient, first.age_years, first.sex) == ("00000001_000", "1", 57, "M")
    present = {finding.concept for finding in first.findings if finding.status == "present"}
    assert present == {"cardiomegaly", "emphysema", "hiatal_hernia"}
    assert len(first.findings) == len(LABELS) + 1
    assert first.status("no_finding") == "absent"
    assert second.status("no_finding") == "present"
    image = first.images[0]
    assert (image.shape, image.view) == ((20, 10), "PA")
    # Rows: 0.143 mm * 2749 / 20; columns: 0.143 mm * 2682 / 10.
    assert image.spacing_mm == pytest.approx((19.65535, 38.3526))
    assert second.images[0].spacing_mm == pytest.approx((0.171, 0.168))
    [region] = second.regions
    assert (region.concept, region.box) == ("infiltration", (1.5, 2, 4.75, 6))
    assert not first.provenance.virtual


def test_what_is_missing_is_named(release: Path) -> None:
    (release / "BBox_List_2017.csv").unlink()
    (release / "test_list.txt").unlink()
    with pytest.raises(DataError, match=r"no BBox_List_2017.csv, test_list.txt.*vesalius virtual twin nih_cxr14"):
        next(read(release))


def test_a_row_without_its_picture(release: Path) -> None:
    (release / "images_001" / "images" / "00000001_001.png").unlink()
    rows = read(release)
    next(rows)
    with pytest.raises(DataError, match=r"line 3: no picture 00000001_001.png"):
        next(rows)
