"""MS-CXR: phrases and boxes of the table, of an older one, and of the COCO form."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.ms_cxr import phrases, read
from vesalius.errors import DataError
from vesalius.virtual.twin import write_twin

HEADER = "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height"
PATH = "files/p10/p10000032/s50414267"
ROWS = (
    f"d1,Pneumonia,bibasilar opacities,{PATH}/d1.jpg,1,2,3,4,10,20",
    f"d1,Cardiomegaly,the heart is large,{PATH}/d1.jpg,0,0,5,5,10,20",
    f"d1,Pneumonia,bibasilar opacities,{PATH}/d1.jpg,6,2,3,4,10,20",
    "d9,Edema,mild edema,files/p11/p11000000/s59999999/d9.jpg,1,1,2,2,10,20",
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    splits = ("split", "test", "test", "test", "train")
    text(
        tmp_path / "MS_CXR_Local_Alignment_v1.1.0.csv",
        *(",".join(p) for p in zip((HEADER, *ROWS), splits, strict=True)),
    )
    text(tmp_path / "MS_CXR_Local_Alignment_v1.0.0.csv", HEADER)
    picture(tmp_path / PATH / "d1.jpg")
    return tmp_path


def test_boxes_of_one_phrase_are_gathered(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    (first, test), (second, train) = read(release)
    assert (first.id, first.patient, test, train) == ("s50414267", "p10000032", "test", "train")
    assert [(region.concept, region.box) for region in first.regions] == [
        ("pneumonia", (1, 2, 4, 6)), ("cardiomegaly", (0, 0, 5, 5)), ("pneumonia", (6, 2, 9, 6))
    ]  # fmt: skip
    assert [(d.turns[0].text, d.evidence, d.answer_type) for d in first.dialogues] == [
        ("bibasilar opacities", (0, 2), "box"), ("the heart is large", (1,), "box")
    ]  # fmt: skip
    # Without its picture a study keeps its phrases, and the log says that it is missing.
    assert (second.images, second.regions, second.dialogues[0].turns[0].text) == ((), (), "mild edema")
    assert "MS-CXR: 1 files are left out: files/p11/p11000000/s59999999/d9.jpg (missing)" in caplog.text


def test_an_older_table_has_no_split(tmp_path: Path) -> None:
    text(tmp_path / "MS_CXR_Local_Alignment_v1.0.0.csv", HEADER, *ROWS)
    assert {sample.split for sample in read(tmp_path)} == {""}


def test_table_and_coco_form_of_the_twin_are_equal(tmp_path: Path) -> None:
    write_twin("ms_cxr", tmp_path / "twin", patients=6)
    from_table = list(phrases(tmp_path / "twin"))
    for table in (tmp_path / "twin").glob("*.csv"):
        table.unlink()
    assert list(phrases(tmp_path / "twin")) == from_table
    assert len(from_table) > 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROWS[0].replace("Pneumonia", "Pneumonitis"), "category 'Pneumonitis'; did you mean 'Pneumonia'"),
        (ROWS[0].replace(",1,2,3,4,", ",1,2,,4,"), "line 2: w is '', expected a number"),
        (ROWS[0].replace(PATH, "../../../x"), "path '../../../x/d1.jpg', expected"),
    ],
)  # fmt: skip
def test_bad_rows(tmp_path: Path, row: str, message: str) -> None:
    text(tmp_path / "MS_CXR_Local_Alignment_v1.0.0.csv", HEADER, row)
    with pytest.raises(DataError, match=message):
        list(read(tmp_path))


def test_a_study_in_two_splits(tmp_path: Path) -> None:
    text(tmp_path / "MS_CXR_Local_Alignment_v1.1.0.csv", f"{HEADER},split", f"{ROWS[0]},train", f"{ROWS[1]},test")
    with pytest.raises(DataError, match="study s50414267 is in the splits test, train"):
        list(read(tmp_path))
    with pytest.raises(DataError, match=r"no MS_CXR_Local_Alignment_v1.1.0.csv"):
        list(read(tmp_path / "empty"))
