"""ODIR-5K: flags of the patient, keywords of the eye, the workbook and the mirror's table."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_files import lines, picture

from vesalius.data.datasets._sheet import sheet_rows, write_sheet
from vesalius.data.datasets.odir import keywords, read
from vesalius.errors import DataError

HEADER = (
    "ID", "Patient Age", "Patient Sex", "Left-Fundus", "Right-Fundus", "Left-Diagnostic Keywords",
    "Right-Diagnostic Keywords", "N", "D", "G", "C", "A", "H", "M", "O",
)  # fmt: skip
ROW = (17, 61, "Male", "17_left.jpg", "17_right.jpg", "lens dust，normal fundus",
       "moderate non proliferative retinopathy，cataract", 0, 1, 0, 1, 0, 0, 0, 0)  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> Path:
    write_sheet(tmp_path / "ODIR-5K_Training_Annotations(Updated)_V2.xlsx", HEADER, [ROW])
    for side in ("left", "right"):
        picture(tmp_path / "ODIR-5K_Training_Images" / f"17_{side}.jpg")
    return tmp_path


def test_flags_are_of_the_patient_and_keywords_of_the_eye(release: Path) -> None:
    [(study, split)] = read(release)
    assert (study.id, split, study.age_years, study.sex) == ("odir_17", "", 61.0, "M")
    eyes = [(part.concept, part.laterality) for part in study.findings if part.source == "keywords"]
    assert eyes == [("diabetic_retinopathy", "right"), ("cataract", "right")]
    flags = {part.concept: part.status for part in study.findings if part.source == "label file"}
    assert (flags["diabetic_retinopathy"], flags["glaucoma"], flags["no_finding"]) == ("present", "absent", "absent")
    assert [text.text for text in study.texts] == [
        "lens dust, normal fundus", "moderate non proliferative retinopathy, cataract",
    ]  # fmt: skip


def test_the_mirror_repeats_a_patient_for_both_eyes(release: Path) -> None:
    (release / "ODIR-5K_Training_Annotations(Updated)_V2.xlsx").unlink()
    row = ",".join(map(str, ROW))
    lines(release / "full_df.csv", ",".join([*HEADER, "filepath", "labels", "target", "filename"]),
          f"{row},a,['N'],[1],17_left.jpg", f"{row},b,['D'],[1],17_right.jpg")  # fmt: skip
    [(study, _)] = read(release)
    assert len(study.images) == 2


def test_keywords_part_at_either_comma() -> None:
    assert keywords("a，b, c，") == ("a", "b", "c")


def test_flags_that_are_none(release: Path) -> None:
    write_sheet(release / "ODIR-5K_Training_Annotations(Updated)_V2.xlsx", HEADER, [(*ROW[:-1], 2)])
    with pytest.raises(DataError, match=r"row 2: flags .*; expected 0 or 1"):
        list(read(release))


def test_workbooks_keep_text_numbers_and_empty_cells(tmp_path: Path) -> None:
    write_sheet(tmp_path / "a.xlsx", ("name", "value", "more"), [("a & <b>", 0.5, None), ("  c ", 7, "x")])
    assert [row for _, row in sheet_rows(tmp_path / "a.xlsx", needs=["name"])] == [
        {"name": "a & <b>", "value": "0.5", "more": ""}, {"name": "  c ", "value": "7", "more": "x"},
    ]  # fmt: skip
    assert (tmp_path / "a.xlsx").read_bytes()[:4] == b"PK\x03\x04"
    with pytest.raises(DataError, match=r"no column none; found name, value, more"):
        list(sheet_rows(tmp_path / "a.xlsx", needs=["none"]))
    (tmp_path / "a.xlsx").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"no \.xlsx workbook"):
        list(sheet_rows(tmp_path / "a.xlsx"))
