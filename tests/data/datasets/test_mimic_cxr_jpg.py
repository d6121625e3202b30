"""MIMIC-CXR-JPG: tables with the columns and codes of the release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cxr_files import picture, text

from vesalius.data.chexpert_labels import said_by
from vesalius.data.datasets.mimic_cxr_jpg import LABELLERS, READERS, read, read_r2gen
from vesalius.errors import DataError

METADATA_HEADER = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)
CHEST = "CHEST (PA AND LAT)"
METADATA = (
    METADATA_HEADER,
    f"d1,10000032,50414267,{CHEST},PA,3056,2544,21800506,213014.531,{CHEST},postero-anterior,Erect",
    f"d2,10000032,50414267,{CHEST},,3056,2544,21800506,213014.531,{CHEST},,Erect",
    f"d3,10000764,57375967,{CHEST},AP,2539,3050,21321015,84047.468,{CHEST},antero-posterior,",
)
ALPHABETICAL = (
    "subject_id,study_id,Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,"
    "Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    text(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", *METADATA)
    text(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", "dicom_id,study_id,subject_id,split",
         "d1,50414267,10000032,train", "d2,50414267,10000032,train", "d3,57375967,10000764,test")  # fmt: skip
    text(tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz", ALPHABETICAL, "10000032,50414267,-1.0,,,0.0,,,,,,1.0,,,,")
    text(tmp_path / "mimic-cxr-2.0.0-negbio.csv.gz", ALPHABETICAL, "10000032,50414267,1.0,,,,,,,,,,,,,",
         "10000764,57375967,,,,,,,,,1.0,,,,,")  # fmt: skip
    by_hand = ALPHABETICAL.replace("subject_id,", "").replace("Lung Opacity", "Airspace Opacity")
    text(tmp_path / "mimic-cxr-2.1.0-test-set-labeled.csv", by_hand, "57375967,0,0,0,0,0,0,0,1,0,-1,0,0,0,0")
    for name in ("p10/p10000032/s50414267/d1", "p10/p10000032/s50414267/d2", "p10/p10000764/s57375967/d3"):
        picture(tmp_path / "files" / f"{name}.jpg")
    return tmp_path


def test_labels_of_both_labellers_views_and_splits(release: Path) -> None:
    (first, train), (second, test) = read(release)
    assert (train, test) == ("train", "test")
    assert [image.view for image in first.images] == ["PA", ""]
    # Rows and columns are the table's: the pictures are not opened.
    assert second.images[0].shape == (2539, 3050)
    chexpert, negbio = (said_by(first, source) for source in LABELLERS.values())
    assert chexpert.status("atelectasis") == "uncertain"
    assert (chexpert.status("edema"), chexpert.status("pleural_effusion")) == ("absent", "present")
    assert [(finding.concept, finding.status) for finding in negbio.findings] == [("atelectasis", "present")]
    by_hand = said_by(second, READERS)
    assert (by_hand.status("lung_opacity"), by_hand.status("pleural_effusion")) == ("present", "uncertain")
    # The study is not in the table of the CheXpert labeller.
    assert not said_by(second, LABELLERS["chexpert"]).findings


def test_a_wrong_split_and_a_wrong_code(release: Path) -> None:
    text(release / "mimic-cxr-2.0.0-chexpert.csv.gz", ALPHABETICAL, "10000032,50414267,2.0,,,,,,,,,,,,,")
    with pytest.raises(DataError, match=r"CheXpert labeller, line 2: Atelectasis is '2.0'"):
        next(read(release))
    text(release / "mimic-cxr-2.0.0-chexpert.csv.gz", ALPHABETICAL)
    text(release / "mimic-cxr-2.0.0-split.csv.gz", "dicom_id,study_id,subject_id,split", "d1,50414267,10000032,valid")
    with pytest.raises(DataError, match="split 'valid' of study s50414267, expected one of train, validate, test"):
        next(read(release))


def test_a_picture_that_is_not_there(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    (release / "files/p10/p10000032/s50414267/d2.jpg").unlink()
    first, _ = read(release)
    assert [image.id for image in first.study.images] == ["d1"]
    assert "1 files are left out: files/p10/p10000032/s50414267/d2.jpg (missing)" in caplog.text


def test_a_cut_table(release: Path) -> None:
    packed = release / "mimic-cxr-2.0.0-metadata.csv.gz"
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(DataError, match=r"metadata\.csv\.gz is broken or truncated"):
        list(read(release))


def test_the_form_of_r2gen(release: Path) -> None:
    entry = {"id": "d1", "study_id": 50414267, "subject_id": 10000032, "report": "lungs are clear .",
             "split": "train", "image_path": ["p10/p10000032/s50414267/d1.jpg"]}  # fmt: skip
    text(release / "annotation.json", json.dumps({"train": [entry], "val": [], "test": [entry | {"report": " "}]}))
    (first, train), (second, test) = read_r2gen(release)
    assert (first.id, first.patient, train, test) == ("s50414267/d1", "p10000032", "train", "test")
    assert ([image.id for image in first.images], first.text("findings")) == (["d1"], "lungs are clear .")
    assert second.texts == ()
    text(release / "annotation.json", json.dumps({"train": [{"id": "d1", "image_path": ["../x.jpg"]}]}))
    with pytest.raises(DataError, match=r"train\[0\]: the path '../x.jpg' leaves the release"):
        list(read_r2gen(release))
    text(release / "annotation.json", json.dumps({"train": [{"id": "d1", "image_path": []}]}))
    with pytest.raises(DataError, match=r"train\[0\]: no 'report'; this is not the form of the release"):
        list(read_r2gen(release))
