"""PadChest: rows with lists as Python and NumPy print them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import picture, text

from vesalius.data.datasets.padchest import python_list, read
from vesalius.errors import DataError

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
COLUMNS = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,Projection,Report,MethodLabel,"
    "Labels,LabelsLocalizationsBySentence,labelCUIS"
)
LABELS = "\"['pleural effusion', ' exclude']\""
SENTENCES = "\"[['pleural effusion', 'loc left', 'loc pleural'], [' exclude']]\""
ROWS = (
    f"0,a_1.png,0,20140915,111,839860,1930.0,F,PA,derram . normal,Physician,{LABELS},{SENTENCES},['C0032227' 'C1']",
    "1,b_1.png,0,20140915,222,839860,1930.0,M,COSTAL,sin hallazg,RNN_model,['normal'],\"[['normal']]\",[]",
    f"2,a_2.png,0,20140915,111,839860,1930.0,F,L,derram . normal,Physician,{LABELS},{SENTENCES},[]",
    "3,c_1.png,54,20140915,333,1,,,AP_horizontal,,Physician,,,",
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    text(tmp_path / TABLE, COLUMNS, *ROWS)
    for name in ("images/0/a_1.png", "images/0/b_1.png", "0/a_2.png"):
        picture(tmp_path / name, mode="I;16")
    return tmp_path


def test_studies_whose_rows_stand_apart(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    normal, effusion, empty = (sample.study for sample in read(release))
    assert (effusion.id, effusion.patient, effusion.age_years, effusion.sex) == ("111", "839860", 84, "F")
    assert [image.view for image in effusion.images] == ["PA", "LATERAL"]
    assert effusion.text("report", language="es") == "derram . normal"
    first, second = effusion.findings
    assert (first.concept, first.laterality, first.anatomy, first.source) == (
        "pleural_effusion", "left", "pleural", "physician"
    )  # fmt: skip
    assert second.concept == "exclude"
    assert (normal.status("no_finding"), normal.findings[0].source) == ("present", "recurrent network")
    assert (empty.findings, empty.texts, empty.images, empty.age_years, empty.sex) == ((), (), (), None, "")
    assert "PadChest: 1 files are left out: 54/c_1.png (missing)" in caplog.text


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("[]", []), ("['a', 'b c']", ["a", "b c"]), ("['a' 'b']", ["a", "b"]), ("[' a ', \"b's'\"]", ["a", "b's"]),
        ("[['a', 'loc left'], []]", [["a", "loc left"], []]), ("[C1 C2]", ["C1", "C2"]),
        ("[ ]", []), ("['a',\n 'b']", ["a", "b"]),
    ],
)  # fmt: skip
def test_lists_are_read_without_evaluating(cell: str, expected: list[object]) -> None:
    assert python_list(cell) == expected


@pytest.mark.parametrize(
    "cell", ["", "a", "['a'", "]", "[']", "['a'] + ['b']", "[[[[[[['a']]]]]]]", "__import__('os')", "['a']]"]
)  # fmt: skip
def test_what_is_no_list(cell: str) -> None:
    with pytest.raises(DataError, match="expected a list such as"):
        python_list(cell)


def test_a_bad_list_names_its_line(release: Path) -> None:
    text(release / TABLE, COLUMNS, ROWS[1].replace("['normal'],", "['normal,"))
    with pytest.raises(DataError, match=r"line 2: .*expected a list"):
        list(read(release))
