"""Segmentations, structure sets and reports in a DICOM tree become records of the study of their images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import write_dicom
from object_files import (
    BASIC_TEXT,
    OBLIQUE,
    code_item,
    content,
    geometry,
    make_source,
    write_report_by_hand,
    write_segmentation_by_hand,
    write_structures_by_hand,
)
from pydicom.dataset import Dataset

from vesalius.data.corpus import Corpus
from vesalius.data.ingest import ingest
from vesalius.data.readers import read
from vesalius.data.readers.objects import Grid, rasterise, read_structures
from vesalius.data.records import Finding, Image, Measurement, Study
from vesalius.data.verify import verify
from vesalius.data.writers import SegmentMask, write_report, write_segmentation

SHAPE = (6, 9, 11)
LIVER = np.zeros(SHAPE, np.bool_)
LIVER[1:5, 2:7, 3:9] = True
LESION = np.zeros(SHAPE, np.bool_)
LESION[2:4, 3:5, 4:7] = True  # inside the liver: the two need a map each
SQUARE = ((2.0, 3.0), (2.0, 8.0), (6.0, 8.0), (6.0, 3.0))  # row, column


def contoured(slices: range) -> list[tuple[str, np.ndarray]]:
    grid = geometry(OBLIQUE)
    return [("CLOSED_PLANAR", grid.to_patient([[place, row, column] for row, column in SQUARE])) for place in slices]


def referring(series: str, study: str = "2.25.11") -> Dataset:
    """What a structure set says of the series that it was drawn on."""
    inner, middle, outer = Dataset(), Dataset(), Dataset()
    inner.SeriesInstanceUID = series
    middle.ReferencedSOPInstanceUID, middle.RTReferencedSeriesSequence = study, [inner]
    outer.FrameOfReferenceUID, outer.RTReferencedStudySequence = "2.25.13", [middle]
    return outer


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A CT series with a segmentation, a structure set and a report."""
    folder = tmp_path / "tree"
    source = make_source(folder / "ct", SHAPE, OBLIQUE)
    masks = [
        SegmentMask(mask=LIVER, anatomy="liver"),
        SegmentMask(mask=LESION, concept="liver_lesion", anatomy="liver"),
    ]
    write_segmentation(masks, source, folder / "seg.dcm")
    write_structures_by_hand(
        folder / "rt.dcm", {"GTV": contoured(range(1, 4))}, StudyInstanceUID="2.25.11", PatientID="P1",
        ReferencedFrameOfReferenceSequence=[referring("2.25.12")],
    )  # fmt: skip
    told = Study(
        id="s", patient="p", images=(Image(id="ct", path="ct", modality="CT", kind="volume", shape=SHAPE),),
        measurements=(Measurement(name="diameter", value=12.5, unit="mm", image="ct", anatomy="liver"),),
        findings=(Finding(concept="liver_lesion", anatomy="liver", code="300331000"),),
    )  # fmt: skip
    write_report(told, {"ct": source}, folder / "sr.dcm")
    return folder


def test_masks_measurements_and_findings_of_a_tree(tree: Path, tmp_path: Path) -> None:
    report = ingest(tree, out=tmp_path / "corpus", workers=1)
    assert not report.problems
    corpus = Corpus.open(tmp_path / "corpus")
    verify(corpus)
    (study,) = corpus
    (image,) = study.images
    assert (image.kind, image.shape) == ("volume", SHAPE)
    regions = {region.concept or region.anatomy: region for region in study.regions}
    assert set(regions) == {"liver", "liver_lesion", "GTV"}
    drawn = rasterise(read_structures(tree / "rt.dcm").structure("GTV"), place_of(corpus, image.path))
    assert drawn.sum() > 0
    for name, expected in (("liver", LIVER), ("liver_lesion", LESION), ("GTV", drawn)):
        mask = read(corpus.path(regions[name].mask))
        assert ((mask.array == regions[name].mask_value) == expected).all(), name
        # A NIfTI header has 32-bit numbers: seven digits of at most 200 mm.
        assert mask.geometry is not None
        assert np.allclose(mask.geometry.affine, place_of(corpus, image.path).planes.affine, atol=1e-4)
    (measured,) = study.measurements
    assert (measured.name, measured.value, measured.unit, measured.image) == ("diameter", 12.5, "mm", image.id)
    (finding,) = study.findings
    assert (finding.concept, finding.status, finding.code) == ("liver_lesion", "present", "300331000")
    assert any("segmentations, structure sets and reports" in note for note in report.notes)


def place_of(corpus: Corpus, path: str) -> Grid:
    return Grid.of(read(corpus.path(path)))


def test_any_number_of_workers_and_links_give_the_same_corpus(tree: Path, tmp_path: Path) -> None:
    hashes = {
        ingest(tree, out=tmp_path / f"{workers}-{link}", workers=workers, link=link).content_hash
        for workers, link in ((1, False), (2, False), (1, True))
    }
    assert len(hashes) == 1


def test_a_picture_gets_its_mask_as_png(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    source = make_source(folder / "ct", (1, 9, 11))
    write_segmentation([SegmentMask(mask=LIVER[2:3], anatomy="liver")], source, folder / "seg.dcm")
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    assert not report.problems
    corpus = Corpus.open(tmp_path / "corpus")
    (region,) = corpus[0].regions
    assert corpus[0].images[0].kind == "image"
    assert region.mask.endswith(".png")
    assert ((read(corpus.path(region.mask)).array > 0) == LIVER[2]).all()


def test_objects_without_their_images_are_listed_and_name_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    write_dicom(folder / "film.dcm", np.zeros((4, 6), np.uint16), PatientID="P9", StudyInstanceUID="2.25.99",
                SeriesInstanceUID="2.25.98", SOPInstanceUID="2.25.97", Modality="DX")  # fmt: skip
    write_segmentation_by_hand(folder / "seg.dcm", [(1, 0, LIVER[2])], geometry())
    write_structures_by_hand(folder / "rt.dcm", {"GTV": contoured(range(1, 2))}, PatientName="Doe^Jane")
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    reasons = dict(report.problems)
    assert set(reasons) == {"seg.dcm", "rt.dcm"}
    for reason in reasons.values():
        assert "no image that it refers to is in the source" in reason
        assert "2.25" not in reason
        assert "Doe" not in reason


def test_a_report_without_references_belongs_to_the_images_of_its_study(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    make_source(folder / "ct", SHAPE)
    root = content(
        "CONTAINER", ("18748-4", "LN", "Diagnostic imaging report"),
        content("TEXT", ("121071", "DCM", "Finding"), TextValue="Small lesion of the liver."),
        content("TEXT", ("121077", "DCM", "Conclusion"), TextValue="Benign."),
    )  # fmt: skip
    root.StudyInstanceUID, root.PatientID = "2.25.11", "P1"
    write_report_by_hand(folder / "sr.dcm", root, uid=BASIC_TEXT)
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    assert not report.problems
    (study,) = Corpus.open(tmp_path / "corpus")
    assert [(text.role, text.text) for text in study.texts] == [
        ("findings", "Small lesion of the liver."), ("impression", "Benign."),
    ]  # fmt: skip
    assert any("words as they stand" in note for note in report.notes)


def test_what_does_not_fit_its_image_is_listed_and_the_rest_goes_in(tree: Path, tmp_path: Path) -> None:
    (tree / "rt.dcm").unlink()
    shifted = replace(geometry(OBLIQUE), origin_mm=(-39.0, 25.0, 110.0))
    place = Dataset()
    place.ReferencedSOPInstanceUID, place.ReferencedSOPClassUID = "2.25.1000", "1.2.840.10008.5.1.4.1.1.2"
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = "2.25.12", [place]
    write_segmentation_by_hand(
        tree / "off.dcm", [(1, 0, LIVER[2])], shifted, StudyInstanceUID="2.25.11", PatientID="P1",
        ReferencedSeriesSequence=[series],
    )  # fmt: skip
    report = ingest(tree, out=tmp_path / "corpus", workers=1)
    (problem,) = report.problems
    assert problem.item == "off.dcm"
    assert "shifted" in problem.reason
    assert str(tmp_path) not in problem.reason
    assert len(Corpus.open(tmp_path / "corpus")[0].regions) == 2


def test_a_copy_of_an_object_counts_once(tree: Path, tmp_path: Path) -> None:
    (tree / "seg-copy.dcm").write_bytes((tree / "seg.dcm").read_bytes())
    report = ingest(tree, out=tmp_path / "corpus", workers=1)
    (problem,) = report.problems
    assert problem.reason.startswith("the same SOP instance as seg-copy.dcm")
    assert len(Corpus.open(tmp_path / "corpus")[0].regions) == 3


def test_an_object_of_pictures_that_form_no_volume_is_listed(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in (0, 1):
        names: dict[str, Any] = {
            "StudyInstanceUID": "2.25.11",
            "SeriesInstanceUID": "2.25.12",
            "SOPInstanceUID": f"2.25.10{number}",
        }
        array = np.zeros((9, 11), np.uint16)
        write_dicom(folder / f"{number}.dcm", array, PatientID="P1", Modality="DX", InstanceNumber=number, **names)
    references = []
    for number in (0, 1):
        place = Dataset()
        place.ReferencedSOPInstanceUID = f"2.25.10{number}"
        references.append(place)
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedInstanceSequence = "2.25.12", references
    write_segmentation_by_hand(
        folder / "seg.dcm", [(1, 0, LIVER[2]), (1, 1, LIVER[2])], geometry(), ReferencedSeriesSequence=[series]
    )
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    assert [problem.reason for problem in report.problems] == [
        "it refers to 2 images that form no volume; masks need one grid"
    ]


def test_sequences_without_end_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    make_source(folder / "ct", (1, 9, 11))
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "2.25.1000"
    for _ in range(80):
        outer = Dataset()
        outer.ContentSequence = [inner]
        inner = outer
    inner.ConceptNameCodeSequence = [code_item("18748-4", "LN", "Report")]
    write_report_by_hand(folder / "sr.dcm", inner)
    report = ingest(folder, out=tmp_path / "corpus", workers=1)
    (problem,) = report.problems
    assert problem.item == "sr.dcm"
    assert "deep" in problem.reason
