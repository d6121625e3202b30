"""CheXpert Plus: sections with headings inside, labels by text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cxr_files import picture, radiograph, text

from vesalius.data.chexpert_labels import said_by
from vesalius.data.datasets.chexpert_plus import SCOPES, read, rows
from vesalius.errors import DataError

COLUMNS = (
    "path_to_image,path_to_dcm,frontal_lateral,ap_pa,deid_patient_id,patient_report_date_order,report,"
    "section_clinical_history,section_comparison,section_findings,section_impression,age,sex,race,split"
)
ONE, TWO = "train/patient42142/study5/view1_frontal.jpg", "train/patient42142/study5/view2_lateral.jpg"
REST = '"whole\nreport",CLINICAL HISTORY: Cough.,,FINDINGS: Clear.,"IMPRESSION: \n1. Normal.",56.0,Female,White'
ROWS = (
    f"{ONE},a/1.dcm,Frontal,AP,patient42142,7,{REST},train",
    f"{TWO},a/2.dcm,Lateral,,patient42142,7,{REST},train",
    "valid/patient64541/study1/view1_frontal.jpg,b.dcm,Frontal,PA,patient64541,1,,,,,,0,Unknown,,valid",
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    text(tmp_path / "df_chexpert_plus_240401.csv", COLUMNS, *ROWS)
    picture(tmp_path / "PNG" / ONE.replace(".jpg", ".png"))
    radiograph(tmp_path / "DICOM/a/2.dcm", ViewPosition="LL")
    picture(tmp_path / "PNG/PNG/valid/patient64541/study1/view1_frontal.png")
    lines = [{"path_to_image": ROWS[2].partition(",")[0], "Edema": 1.0},
             {"path_to_image": ONE, "Edema": -1.0, "Fracture": None, "No Finding": 0.0},
             {"path_to_image": TWO, "Edema": -1.0, "Fracture": None, "No Finding": 0.0}]  # fmt: skip
    text(tmp_path / "chexbert_labels/report_fixed.json", *map(json.dumps, lines))
    text(tmp_path / "chexbert_labels/impression_fixed.json", json.dumps({"path_to_image": ONE, "Edema": 0.0}))
    return tmp_path


def test_sections_labels_and_pictures(release: Path) -> None:
    (first, train), (second, val) = read(release)
    assert (first.id, first.patient, train, val) == ("patient42142/study5", "patient42142", "train", "val")
    assert [(image.id, image.view, image.units) for image in first.images] == [
        ("view1_frontal", "AP", "display"), ("view2_lateral", "LL", "stored")
    ]  # fmt: skip
    assert (first.text("report"), first.text("findings")) == ("whole\nreport", "Clear.")
    assert (first.text("impression"), first.text("indication")) == ("1. Normal.", "Cough.")
    assert (first.age_years, first.sex, second.age_years, second.sex) == (56, "F", None, "")
    report, impression = (said_by(first, SCOPES[name]) for name in ("report", "impression"))
    assert [(finding.concept, finding.status) for finding in report.findings] == [
        ("edema", "uncertain"), ("no_finding", "absent")
    ]  # fmt: skip
    assert impression.status("edema") == "absent"
    assert said_by(second, SCOPES["report"]).status("edema") == "present"
    assert [cells["race"] for cells in rows(release)] == ["White", "White", ""]


def test_bad_tables(release: Path) -> None:
    table = release / "df_chexpert_plus_240401.csv"
    text(table, COLUMNS, ROWS[0], ROWS[2], ROWS[1])
    with pytest.raises(DataError, match="rows of patient42142/study5 stand apart"):
        list(read(release))
    text(table, COLUMNS, ROWS[2].replace(",valid", ",test"))
    with pytest.raises(DataError, match="line 2: split 'test', expected train or valid"):
        list(read(release))
    table.unlink()
    with pytest.raises(DataError, match=r"no df_chexpert_plus_240401.csv.*twin chexpert_plus"):
        list(read(release))
