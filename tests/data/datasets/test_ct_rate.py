"""CT-RATE: tables as they stand, both releases of a volume, scans that are dropped or not downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from release_files import lines, nifti

from vesalius.data.datasets.ct_rate import LABELS, read
from vesalius.errors import DataError

REPORTS = (
    "VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN",
    'valid_1_a_1.nii.gz,Not given.,Non-contrast.,"Trachea, both main bronchi are open.",Nodule.',
    'valid_1_a_2.nii.gz,Not given.,Non-contrast.,"Trachea, both main bronchi are open.",Nodule.',
    "valid_2_a_1.nii.gz,Cough.,Non-contrast.,Brain.,None.",
    "valid_3_a_1.nii.gz,Cough.,Non-contrast.,Not here.,None.",
)
HEADER = (
    "VolumeName,Manufacturer,SeriesDescription,PatientSex,PatientAge,RescaleIntercept,RescaleSlope,"
    "ImagePositionPatient,ImageOrientationPatient,NumberofSlices,XYSpacing,ZSpacing,StudyDate"
)
PLACE = "\"['-150.5', '-160', '-300']\",\"['1', '0', '0', '0', '1', '0']\""
METADATA = (
    HEADER,
    f'valid_1_a_1.nii.gz,SIEMENS,Thorax 1.5 B30f,M,065Y,-1024,1,{PLACE},3,"[0.7, 0.8]",1.5,20200101',
    f'valid_1_a_2.nii.gz,SIEMENS,Thorax 1.5 B60f,M,065Y,0,1,{PLACE},3,"[0.7, 0.7]",1.5,20200101',
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    base = tmp_path / "dataset"
    lines(base / "radiology_text_reports" / "validation_reports.csv", *REPORTS)
    flags = ["1", "0"] * 9
    rows = [",".join([f"valid_{name}.nii.gz", *flags]) for name in ("1_a_1", "1_a_2", "2_a_1", "3_a_1")]
    lines(base / "multi_abnormality_labels" / "valid_predicted_labels.csv", ",".join(["VolumeName", *LABELS]), *rows)
    lines(base / "metadata" / "validation_metadata.csv", *METADATA)
    lines(base / "metadata" / "no_chest_valid.txt", "valid_2_a_1.nii.gz")
    nifti(base / "valid" / "valid_1" / "valid_1_a" / "valid_1_a_1.nii.gz", np.zeros((5, 4, 3), np.int16))
    nifti(base / "valid_fixed" / "valid_1" / "valid_1_a" / "valid_1_a_2.nii.gz", np.zeros((5, 4, 3), np.int16))
    return tmp_path


def test_a_scan_with_two_reconstructions_of_two_releases(release: Path) -> None:
    with pytest.warns(UserWarning, match="1 of 3 volumes are not here"):
        [(study, split)] = read(release)
    assert (study.id, study.patient, split) == ("valid_1_a", "valid_1", "valid")
    assert (study.age_years, study.sex, study.site) == (65.0, "M", "SIEMENS")
    assert [text.role for text in study.texts] == ["note", "findings", "impression"]
    assert [study.status(name) for name in ("medical_material", "arterial_wall_calcification")] == [
        "present",
        "absent",
    ]
    assert len(study.findings) == 19
    raw, fixed = study.images
    assert (raw.id, raw.units, raw.shape) == ("1", "stored", (3, 4, 5))
    # XYSpacing is x, then y: the step from column to column, then from row to row.
    assert (raw.spacing_mm, raw.origin_mm) == ((1.5, 0.8, 0.7), (-150.5, -160.0, -300.0))
    assert raw.orientation == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert [(part.name, part.value, part.image) for part in study.measurements] == [
        ("rescale slope", 1.0, "1"), ("rescale intercept", -1024.0, "1"),
    ]  # fmt: skip
    # The repaired file speaks for itself: HU, and the geometry of its header.
    assert (fixed.units, fixed.spacing_mm, fixed.sequence) == ("HU", (1.0, 1.0, 1.0), "Thorax 1.5 B60f")


def test_a_raw_volume_without_metadata_has_no_geometry(release: Path) -> None:
    (release / "dataset" / "metadata" / "validation_metadata.csv").unlink()
    with pytest.warns(UserWarning, match="not here"):
        [(study, _)] = read(release)
    assert (study.images[0].spacing_mm, study.images[0].units) == ((), "stored")


def test_nothing_downloaded_and_wrong_tables(release: Path) -> None:
    base = release / "dataset"
    for path in base.rglob("*.nii.gz"):
        path.unlink()
    with pytest.raises(DataError, match="none of the 3 volumes of the tables is here"):
        list(read(release))
    lines(base / "radiology_text_reports" / "validation_reports.csv", "Volume,Findings_EN", "a,b")
    with pytest.raises(DataError, match=r"validation_reports.csv, line 1: no column 'VolumeName'"):
        list(read(release))
    (base / "multi_abnormality_labels" / "valid_predicted_labels.csv").unlink()
    with pytest.raises(DataError, match=r"valid_predicted_labels.csv.*twin ct_rate"):
        list(read(release))


def test_a_geometry_that_is_no_list(release: Path) -> None:
    broken = METADATA[1].replace("[0.7, 0.8]", "0.7 by")
    lines(release / "dataset" / "metadata" / "validation_metadata.csv", METADATA[0], broken)
    with pytest.raises(DataError, match=r"valid_1_a_1.nii.gz: its row of the metadata table has no geometry"):
        list(read(release))
