"""Ingest of DICOM trees: grouping by tags, pseudonyms, copies and frames."""

from __future__ import annotations

import csv
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from dicom_files import write_dicom
from series_files import heights, write_series, write_slice

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.ingest import Columns, ingest
from vesalius.data.transforms import ImageProcessor
from vesalius.data.verify import verify
from vesalius.errors import DataError

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
    assert (len(corpus), corpus.counts.patients, corpus.counts.images) == (2, 2, 3)
    study = next(study for study in corpus if len(study.images) == 2)
    assert (study.age_years, study.sex) == (42, "F")
    volume = next(image for image in study.images if image.modality == "CT")
    assert (volume.kind, volume.shape, volume.spacing_mm, volume.units) == (
        "volume",
        (3, 4, 6),
        (2.5, 0.5, 0.25),
        "HU",
    )
    assert (volume.orientation, volume.origin_mm) == ((1, 0, 0, 0, 1, 0, 0, 0, 1), (0, 0, 0))
    assert (volume.view, volume.body_part) == ("axial", "CHEST")
    pixels = readers.read(corpus.path(volume.path))
    assert (pixels.array[:, 0, 0] + 1024).tolist() == [0, 1, 2]
    assert volume.path == f"media/{volume.sha256[:2]}/{volume.sha256}"
    verify(corpus)


def test_a_volume_is_the_same_for_any_number_of_workers_and_with_links(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vesalius.data.ingest.from_folder._HEADERS_PER_WORKER", 2)
    reports = [
        ingest(tree, out=tmp_path / f"{workers}{link}", workers=workers, link=link)
        for workers, link in ((1, False), (2, False), (1, True))
    ]
    assert len({report.content_hash for report in reports}) == 1
    assert {report.counts["images"] for report in reports} == {3}


def test_a_file_added_to_a_volume_or_changed_is_found(tree: Path, tmp_path: Path) -> None:
    corpus = done(tree, tmp_path / "corpus")
    volume = next(image for study in corpus for image in study.images if image.kind == "volume")
    folder = corpus.path(volume.path)
    (folder / "0009.dcm").write_bytes((folder / "0001.dcm").read_bytes())
    with pytest.raises(DataError, match="was added"):
        verify(corpus)
    (folder / "0009.dcm").unlink()
    (folder / "0001.dcm").write_bytes((folder / "0002.dcm").read_bytes())
    with pytest.raises(DataError, match="was changed"):
        verify(corpus)


def test_volumes_survive_a_merge(tree: Path, tmp_path: Path) -> None:
    first = done(tree, tmp_path / "corpus")
    other = tmp_path / "other"
    write_dicom(made(other / "a"), np.zeros((4, 6), np.uint8), PatientID="q", StudyInstanceUID="9")
    merged = Corpus.merge([first, done(other, tmp_path / "second")], tmp_path / "merged")
    verify(merged)
    volume = next(image for study in merged for image in study.images if image.kind == "volume")
    assert readers.read(merged.path(volume.path)).array.shape == (3, 4, 6)


def test_series_that_are_no_volume_stay_single_images(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    write_series(folder / "gap", heights(0, 2, 4, 8, 10))
    write_series(folder / "even", heights(0, 2, 4), SeriesInstanceUID="1.2.3.5")
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    corpus = Corpus.open(tmp_path / "corpus")
    kinds = Counter(image.kind for study in corpus for image in study.images)
    assert kinds == {"image": 5, "volume": 1}
    assert report.notes["DICOM series with images that stay single: slices are missing"] == 1
    assert report.notes["volumes were made of DICOM series"] == 1
    assert report.problems == ()


def test_a_bad_slice_leaves_the_others_as_single_images(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    paths = write_series(folder, heights(0, 2, 4))
    paths[1].write_bytes(paths[1].read_bytes()[:-20])
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    assert Corpus.open(tmp_path / "corpus").counts.images == 2
    reasons = [problem.reason for problem in report.problems]
    assert "no volume, its slices go in one by one: 002.dcm: broken or truncated" in reasons[0]
    assert str(tmp_path) not in repr(report.problems)
    assert [problem.item for problem in report.problems] == ["003.dcm and 2 more", "002.dcm"]


def test_a_good_copy_of_a_bad_slice_completes_the_volume(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    paths = write_series(folder, heights(0, 2, 4))
    (folder / "copy.dcm").write_bytes(paths[1].read_bytes())
    paths[1].write_bytes(paths[1].read_bytes()[:-20])
    ingest(folder, out=tmp_path / "corpus", workers=1)
    (image,) = Corpus.open(tmp_path / "corpus")[0].images
    assert (image.kind, image.shape) == ("volume", (3, 4, 5))


@pytest.mark.parametrize(
    ("uid", "what"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.33", "a structured report"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "a segmentation"),
        ("1.2.840.10008.5.1.4.1.1.481.3", "an RT structure set"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "an encapsulated PDF document"),
        ("1.2.840.10008.5.1.4.1.1.11.1", "a presentation state"),
        ("1.2.840.10008.5.1.4.1.1.66", "raw data of a scanner"),
    ],
)
def test_objects_that_are_no_images_are_listed_as_such(tmp_path: Path, uid: str, what: str) -> None:
    folder = tmp_path / "tree"
    write_series(folder, heights(0, 2, 4))
    write_dicom(folder / "object", np.zeros((4, 5), np.uint8), SOPClassUID=uid)
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    assert [problem.item for problem in report.problems] == ["object"]
    assert report.problems[0].reason.startswith(f"not an image: {what}")


def test_a_volume_opens_for_training(tree: Path, tmp_path: Path) -> None:
    corpus = done(tree, tmp_path / "corpus")
    volume = next(image for study in corpus for image in study.images if image.kind == "volume")
    processor = ImageProcessor(size=(3, 8, 8))
    assert processor(readers.read(corpus.path(volume.path))).shape == (1, 3, 8, 8)


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
    kept = "DICOM files keep their headers, with all that they say of the patient"
    assert report.notes == {kept: 6, "volumes were made of DICOM series": 1}
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
    others = sum("not an image" in reason for reason in reasons)
    volumes = [image for study in corpus for image in study.images if corpus.path(image.path).is_dir()]
    assert sorted(image.shape for image in volumes) == [(5, 16, 16), (24, 512, 512)]
    assert images - 2 + 5 + 24 + len(reasons) == len(rows) == 161
    # 7 DICOMDIR, 7 segmentations, 2 reports, plan, structure set and ECG are no images; 1 is broken (the other is a
    # copy of a good one, and never opened); the rest are one picture in several transfer syntaxes
    assert (others, len(reasons) - copies - others) == (19, 1)
    head = next(image for image in volumes if image.modality == "MR")
    assert (head.kind, head.units, head.view) == ("volume", "stored", "axial")
    assert head.spacing_mm == pytest.approx((1.5, 0.41015625, 0.41015625))


def test_copies_of_one_instance_with_other_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    write_series(folder, heights(0, 2, 4))
    write_slice(folder / "zz.dcm", (-10, -20, 2), 100, SOPInstanceUID="1.9", InstanceNumber=0)
    write_slice(folder / "002.dcm", (-10, -20, 2), 100, SOPInstanceUID="1.9", InstanceNumber=2)
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    assert report.counts["images"] == 1
    assert [problem.item for problem in report.problems] == ["002.dcm"]


def test_a_table_may_name_folders_of_series(tmp_path: Path) -> None:
    write_series(tmp_path / "scans" / "one", heights(0, 2, 4))
    write_series(tmp_path / "scans" / "two", heights(0, 2, 4, 8, 10))
    (tmp_path / "table.csv").write_text("file,text,patient\nscans/one,Clear lungs.,p1\nscans/two,No change.,p2\n")
    columns = Columns(image=("file",), text=("text",), patient="patient")
    report = ingest(tmp_path / "table.csv", out=tmp_path / "corpus", columns=columns, workers=1)
    (study,) = Corpus.open(tmp_path / "corpus")
    assert (study.images[0].kind, study.images[0].shape) == ("volume", (3, 4, 5))
    assert "1 slice is missing, at 6 mm" in report.problems[0].reason


def test_headers_of_volumes_with_their_samples_elsewhere_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    volume = SimpleITK.GetImageFromArray(np.zeros((2, 3, 4), np.int16))
    SimpleITK.WriteImage(volume, str(folder / "a.mhd"))
    for name in ("b.mha", "c.nrrd"):
        SimpleITK.WriteImage(volume, str(folder / name))
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    images = [image for study in Corpus.open(tmp_path / "corpus") for image in study.images]
    assert sorted((image.kind, image.path[-5:].partition(".")[2]) for image in images) == [
        ("volume", "mha"),
        ("volume", "nrrd"),
    ]
    reasons = {problem.item: problem.reason for problem in report.problems}
    assert "its samples are in another file" in reasons["a.mhd"]
