"""Ingest of DICOM trees: grouping by tags, pseudonyms, copies and frames."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_dicom

from vesalius.data.corpus import Corpus
from vesalius.data.ingest import Columns, ingest

AXIAL = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.5, 0.25]}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two patients; the first with a CT series of three slices and a clip, the second with a radiograph."""
    folder = tmp_path / "tree"
    jane = {"PatientID": "SECRET-1", "PatientName": "Doe^Jane", "PatientAge": "042Y", "PatientSex": "F"}
    jane["StudyInstanceUID"] = "1.2.3"
    for number in (2, 0, 1):
        write_dicom(
            made(folder / "one" / f"slice{number}"),
            np.full((4, 6), number, np.int16),
            **jane,
            **AXIAL,
            Modality="CT",
            SeriesInstanceUID="1.2.3.4",
            InstanceNumber=number + 1,
            ImagePositionPatient=[0, 0, 2.5 * number],
            RescaleSlope="1",
            RescaleIntercept="-1024",
            BodyPartExamined="CHEST",
        )
    write_dicom(
        made(folder / "one" / "clip"),
        np.zeros((3, 4, 6), np.uint8),
        frames=3,
        **jane,
        Modality="US",
        SeriesInstanceUID="1.2.3.5",
        InstanceNumber=1,
        CineRate=30,
        PixelSpacing=[0.1, 0.1],
    )
    write_dicom(
        made(folder / "two" / "film.dcm"),
        np.zeros((4, 6), np.uint16),
        PatientID="SECRET-2",
        StudyInstanceUID="1.2.3",
        Modality="DX",
        ViewPosition="PA",
        ImageLaterality="L",
        ImagerPixelSpacing=[0.2, 0.2],
        SeriesInstanceUID="1.2.4",
    )
    return folder


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def done(tree: Path, out: Path) -> Corpus:
    ingest(tree, out=out, workers=1)
    return Corpus.open(out)


def test_patients_studies_and_series(tree: Path, tmp_path: Path) -> None:
    corpus = done(tree, tmp_path / "corpus")
    # one StudyInstanceUID for two patients: two studies
    assert (len(corpus), corpus.counts.patients, corpus.counts.images) == (2, 2, 5)
    study = next(study for study in corpus if len(study.images) == 4)
    assert (study.age_years, study.sex) == (42, "F")
    slices = [image for image in study.images if image.modality == "CT"]
    assert [image.id.partition("/")[2] for image in slices] == ["0001", "0002", "0003"]
    assert len({image.id.partition("/")[0] for image in slices}) == 1
    # in the order of the slices, with all that a volume needs
    assert [image.origin_mm for image in slices] == [(0, 0, 0), (0, 0, 2.5), (0, 0, 5)]
    first = slices[0]
    assert (first.kind, first.shape, first.spacing_mm, first.units) == ("image", (4, 6), (0.5, 0.25), "HU")
    assert (first.orientation, first.view, first.body_part) == ((1, 0, 0, 0, 1, 0), "axial", "CHEST")


def test_clip_and_radiograph(tree: Path, tmp_path: Path) -> None:
    images = [image for study in done(tree, tmp_path / "corpus") for image in study.images]
    clip = next(image for image in images if image.modality == "US")
    assert (clip.kind, clip.shape, clip.frames_per_second) == ("video", (3, 4, 6), 30)
    assert math.isnan(clip.spacing_mm[0])
    assert clip.spacing_mm[1:] == (0.1, 0.1)
    film = next(image for image in images if image.modality == "DX")
    assert (film.view, film.laterality, film.spacing_mm) == ("PA", "left", (0.2, 0.2))
    assert film.orientation == ()


def test_nothing_in_the_records_names_the_patient(tree: Path, tmp_path: Path) -> None:
    write_dicom(tree / "broken", np.zeros((4, 6), np.uint8), PatientID="SECRET-3", Rows=9999)
    out = tmp_path / "corpus"
    report = ingest(tree, out=out, workers=1)
    assert report.notes == {"DICOM files keep their headers, with all that they say of the patient": 6}
    shown = repr(list(Corpus.open(out))) + report.text()
    shown += "".join(path.read_text() for path in (out / ".ingest").iterdir())
    for secret in ("SECRET", "Doe", "1.2.3.4"):
        assert secret not in shown
    assert all(study.patient.startswith("patient-") for study in Corpus.open(out))
    # the same number gives the same pseudonym in another corpus
    again = ingest(tree, out=tmp_path / "again", workers=1)
    assert again.content_hash == report.content_hash


def test_the_first_good_copy_of_an_instance_goes_in(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    tags = {"SOPInstanceUID": "1.2.3.9", "StudyInstanceUID": "1.2.3", "PatientID": "p"}
    for name in ("a", "b", "c"):
        write_dicom(made(folder / name), np.full((4, 6), 7, np.uint8), **tags)
    (folder / "a").write_bytes((folder / "a").read_bytes()[:-10])
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    assert Corpus.open(tmp_path / "corpus").counts.images == 1
    reasons = {problem.item: problem.reason for problem in report.problems}
    assert "broken or truncated" in reasons["a"]
    assert reasons["c"] == "the same SOP instance as b (0008,0018)"


def test_files_without_tags_are_studies_of_their_own(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    for name in ("a", "b"):
        write_dicom(made(folder / name), np.zeros((4, 6), np.uint8))
    corpus = done(folder, tmp_path / "corpus")
    assert (len(corpus), corpus.counts.patients) == (2, 2)


def test_stated_values_go_before_those_of_the_file(tree: Path, tmp_path: Path) -> None:
    ingest(tree, out=tmp_path / "corpus", columns=Columns(site="=north", body_part="=HEAD"), workers=1)
    study = Corpus.open(tmp_path / "corpus")[0]
    assert study.site == "north"
    assert {image.body_part for image in study.images} == {"HEAD"}


@pytest.mark.real
def test_real_files(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "dicom"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    corpus = Corpus.open(tmp_path / "corpus")
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    images = corpus.counts.images
    reasons = [problem.reason for problem in report.problems]
    copies = sum("the same SOP instance" in reason for reason in reasons)
    without = sum("without pixel data" in reason for reason in reasons)
    assert images + len(reasons) == len(rows) == 161
    # 12 without pixels; 1 broken (the other is a copy of a good one, and never opened); the rest are one picture in
    # several transfer syntaxes
    assert (without, len(reasons) - copies - without) == (12, 1)
    series = [image for study in corpus for image in study.images if image.path and image.shape == (512, 512)]
    assert len([image for image in series if image.modality == "MR"]) == 24
