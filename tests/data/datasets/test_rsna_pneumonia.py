"""RSNA Pneumonia: rows of stage 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from cxr_files import radiograph, text

from vesalius.data.datasets.rsna_pneumonia import read
from vesalius.errors import DataError

ROWS = (
    "a,,,,,0", "b,2.0,3.0,4.0,5.0,1", "b,1.0,0.0,2.0,2.0,1", "c,,,,,0"
)  # fmt: skip
CLASSES = ("a,No Lung Opacity / Not Normal", "b,Lung Opacity", "b,Lung Opacity", "c,Normal")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    text(tmp_path / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target", *ROWS)
    text(tmp_path / "stage_2_detailed_class_info.csv", "patientId,class", *CLASSES)
    for name in "abc":
        radiograph(
            tmp_path / f"stage_2_train_images/{name}.dcm", PatientAge="051Y", PatientSex="F", ViewPosition="PA"
        )
    radiograph(tmp_path / "stage_2_test_images/d.dcm", PatientAge="018M", PatientSex="M")
    return tmp_path


def test_boxes_classes_and_the_part_without_labels(release: Path) -> None:
    (a, _), (b, train), (c, _), (d, test) = read(release)
    assert (train, test) == ("train", "test")
    assert [region.box for region in b.regions] == [(2, 3, 6, 8), (1, 0, 3, 2)]
    # Two rows in both tables are two boxes, not four.
    assert [study.status("pneumonia") for study in (a, b, c, d)] == ["absent", "present", "absent", None]
    assert [study.status("no_finding") for study in (a, b, c)] == ["absent", "absent", "present"]
    assert (a.age_years, a.sex, a.images[0].view, a.images[0].shape) == (51, "F", "PA", (20, 10))
    assert (d.age_years, d.findings) == (1.5, ())


def test_persons_by_the_mapping_to_nih(release: Path) -> None:
    text(release / "pneumonia-challenge-dataset-mappings_2018.json",
         '[{"subset_img_id": "a", "img_id": "00000007_003.png"}, {"subset_img_id": "", "img_id": "x"}]')  # fmt: skip
    assert [sample.study.patient for sample in read(release)] == ["00000007", "b", "c", "d"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("a,1,1,2,2,0",), "Target '0' with x '1'"), (("a,,,,,1",), "Target '1' with x ''"),
        (("z,,,,,0",), "z: it is not in stage_2_detailed_class_info.csv"),
        (("a,,,,,0", "b,1,1,2,2,1", "a,,,,,0"), "a: its rows stand apart"),
        (("b,x,1,2,2,1",), "x is 'x', expected a number"), (("b,nan,1,2,2,1",), "expected a number"),
    ],
)  # fmt: skip
def test_bad_rows(release: Path, rows: tuple[str, ...], message: str) -> None:
    text(release / "stage_2_train_labels.csv", "patientId,x,y,width,height,Target", *rows)
    with pytest.raises(DataError, match=message):
        list(read(release))


def test_a_bad_class(release: Path) -> None:
    text(release / "stage_2_detailed_class_info.csv", "patientId,class", "a,Normal", "a,Lung Opacity")
    with pytest.raises(DataError, match="line 3: class 'Lung Opacity', expected one of Normal"):
        list(read(release))
