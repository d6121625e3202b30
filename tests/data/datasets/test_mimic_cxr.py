"""MIMIC-CXR: lists, reports and headers in the form of the release."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import pytest
from cxr_files import radiograph, text

from vesalius.data.datasets.mimic_cxr import read
from vesalius.errors import DataError

ONE, TWO, THREE = (f"02aa804e-bde0afdd-112c0b34-7bc16630-4e38401{n}" for n in range(3))
REPORT = """                                 FINAL REPORT
 INDICATION:  ___ with pain

 FINDINGS:

 Clear
 lungs.

 IMPRESSION: Normal.
"""
FOLDER = "files/p10/p10000032"


@pytest.fixture
def release(tmp_path: Path) -> Path:
    records = ["subject_id,study_id,dicom_id,path"]
    studies = ["subject_id,study_id,path"]
    for subject, study, dicoms in (("10000032", "50414267", (ONE, TWO)), ("10000032", "53189527", (THREE,))):
        studies.append(f"{subject},{study},{FOLDER}/s{study}.txt")
        records += [f"{subject},{study},{dicom},{FOLDER}/s{study}/{dicom}.dcm" for dicom in dicoms]
    text(tmp_path / "cxr-record-list.csv.gz", *records)
    text(tmp_path / "cxr-study-list.csv.gz", *studies)
    radiograph(tmp_path / FOLDER / "s50414267" / f"{ONE}.dcm", ViewPosition="PA", StudyDate="21800506",
               StudyTime="213014.531", ImagerPixelSpacing=["0.139", "0.139"])  # fmt: skip
    radiograph(tmp_path / FOLDER / "s50414267" / f"{TWO}.dcm", ViewPosition="LATERAL", StudyDate="21800506")
    radiograph(tmp_path / FOLDER / "s53189527" / f"{THREE}.dcm", StudyDate="21800508", StudyTime="093014")
    text(tmp_path / FOLDER / "s50414267.txt", REPORT)
    text(tmp_path / FOLDER / "s53189527.txt", " ")
    return tmp_path


def test_studies_images_texts_and_priors(release: Path) -> None:
    (first, split), (second, _) = read(release)
    assert (first.id, first.patient, split) == ("s50414267", "p10000032", "")
    assert [image.id for image in first.images] == [ONE, TWO]
    image = first.images[0]
    assert (image.shape, image.view, image.spacing_mm, image.units) == ((20, 10), "PA", (0.139, 0.139), "stored")
    assert first.text("findings") == "Clear lungs."
    assert first.text("impression") == "Normal."
    assert (second.texts, first.priors) == ((), ())
    [prior] = second.priors
    # From 6 May, 21:30:14 to 8 May, 9:30:14 it is a day and a half.
    assert (prior.study, prior.days_before) == ("s50414267", 1.5)


def test_the_official_split_and_sections_where_they_lie_in_the_root(release: Path) -> None:
    rows = [f"{ONE},50414267,10000032,validate", f"{TWO},50414267,10000032,validate",
            f"{THREE},53189527,10000032,validate"]  # fmt: skip
    text(release / "mimic-cxr-2.0.0-split.csv.gz", "dicom_id,study_id,subject_id,split", *rows)
    text(release / "mimic_cxr_sectioned.csv", "study,impression,findings,last_paragraph,comparison",
         's53189527,,,"Given here,\n in two lines.",', "s50414267,By hand.,,,None.")  # fmt: skip
    text(release / FOLDER / "s53189527.txt", " FINDINGS: by rule")
    first, second = read(release)
    assert (first.split, second.split) == ("val", "val")
    assert first.study.text("impression") == "By hand."
    assert (first.study.text("findings"), first.study.text("comparison")) == ("", "None.")
    assert second.study.text("note") == "Given here, in two lines."


def test_reports_out_of_the_archive(release: Path) -> None:
    report = release / FOLDER / "s50414267.txt"
    with zipfile.ZipFile(release / "mimic-cxr-reports.zip", "w") as archive:
        archive.write(report, f"{FOLDER}/s50414267.txt")
    report.unlink()
    first, _ = read(release)
    assert first.study.text("findings") == "Clear lungs."


def test_what_is_missing_or_broken_is_left_out_and_told(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    (release / FOLDER / "s50414267" / f"{TWO}.dcm").write_bytes(b"no DICOM")
    (release / FOLDER / "s53189527" / f"{THREE}.dcm").unlink()
    (release / FOLDER / "s53189527.txt").unlink()
    with caplog.at_level(logging.WARNING):
        first, second = read(release)
    assert [len(first.study.images), len(second.study.images)] == [1, 0]
    assert "MIMIC-CXR: 3 files are left out" in caplog.text
    assert "(broken)" in caplog.text


def test_lists_that_do_not_fit(release: Path) -> None:
    (release / "cxr-study-list.csv.gz").unlink()
    with pytest.raises(DataError, match=r"no cxr-study-list.csv.gz.*vesalius virtual twin mimic_cxr"):
        next(read(release))
    # The list of studies may lie there unpacked.
    text(release / "cxr-study-list.csv", "subject_id,study_id,path", "10000033,5,files/p10/p10000033/s5.txt")
    with pytest.raises(DataError, match="subject_id 10000032 is not in the other table before 10000033"):
        next(read(release))
    text(release / "cxr-study-list.csv", "subject_id,study_id,path", "10000032,50414267,../../etc/passwd")
    with pytest.raises(DataError, match="leaves the release"):
        next(read(release))
