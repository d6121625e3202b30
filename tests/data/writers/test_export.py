"""Whole studies exported: virtual patients read back from SEG, SR, NIfTI and COCO, and the verb."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from object_files import complaints
from pydicom import dcmread

from vesalius.data import readers
from vesalius.data.corpus import Corpus
from vesalius.data.readers.objects import kind_of, read_report, read_segmentation, report_records
from vesalius.data.writers import TARGETS, export, read_source
from vesalius.errors import ConfigError, DataError
from vesalius.virtual.population import make


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """One virtual patient with a CT of the chest."""
    return make(tmp_path_factory.mktemp("corpus") / "c", patients=1, preset="chest-ct", image_size=32, workers=1)


def test_masks_of_a_virtual_patient_come_back(corpus: Corpus, tmp_path: Path) -> None:
    report = export(corpus, "dicom-seg", tmp_path)
    assert (report.files, report.studies, report.problems) == (1, 1, [])
    study = corpus[0]
    folder = tmp_path / study.id
    series = read_source(sorted((folder / "images-ct").glob("*.dcm")))
    truth = readers.read(corpus.path(study.images[0].path))
    assert np.allclose(series.grid.planes.affine, truth.require_geometry().affine, atol=1e-4)
    volume = np.stack([readers.read(path).array for path in series.paths])
    assert (volume == truth.array).all()
    found = read_segmentation(folder / "ct-seg.dcm", onto=series.grid)
    masks = [region for region in study.regions if region.kind == "mask"]
    assert len(found.segments) == len(masks) > 20
    for number, region in enumerate(masks, start=1):
        stored = readers.read(corpus.path(region.mask)).array == region.mask_value
        assert (found.mask(number) == stored).all(), found.segment(number).label
    dataset = dcmread(folder / "ct-seg.dcm")
    assert kind_of(dataset) == "segmentation"
    assert dataset.SeriesDescription.startswith("VIRTUAL")


def test_measurements_of_a_virtual_patient_come_back(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus, "dicom-sr", tmp_path)
    study = corpus[0]
    series = sorted((tmp_path / study.id / "images-ct").glob("*.dcm"))
    images = {str(dcmread(path).SOPInstanceUID): "ct" for path in series}
    found = report_records(read_report(tmp_path / study.id / "report.dcm"), images=images)

    def bare(measurement):
        """Name, value, unit, image, and part with its side, which a public code may state apart."""
        place = measurement.anatomy.removeprefix(f"{measurement.laterality} ")
        side = measurement.laterality
        for word in ("left", "right"):
            if place.startswith(f"{word} "):
                place, side = place.removeprefix(f"{word} "), word
        return measurement.name, measurement.value, measurement.unit, measurement.image, place, side

    assert sorted(map(bare, found.measurements)) == sorted(map(bare, study.measurements))
    assert len(found.measurements) > 10
    assert {(one.concept, one.status) for one in found.findings} == {
        (one.concept, one.status) for one in study.findings
    }


def test_every_target_writes_something_twice_the_same(corpus: Corpus, tmp_path: Path) -> None:
    for target in TARGETS:
        for folder in ("a", "b"):
            report = export(corpus, target, tmp_path / folder / target)
            assert report.files >= 1
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) > 2 * len(TARGETS)
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_every_object_of_a_virtual_patient_is_valid(corpus: Corpus, tmp_path: Path) -> None:
    for target in ("dicom-seg", "dicom-sr", "capture", "gsps"):
        export(corpus, target, tmp_path / target)
    paths = [path for path in tmp_path.rglob("*.dcm") if "images-" not in path.parent.name]
    assert len(paths) >= 4
    assert {path.name: complaints(path) for path in paths} == {path.name: [] for path in paths}


def test_a_wrong_target_and_an_export_of_nothing(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no export target 'dicomseg'; did you mean 'dicom-seg'"):
        export(corpus, "dicomseg", tmp_path)


def test_a_study_that_cannot_be_written_does_not_stop_the_others(corpus: Corpus, tmp_path: Path) -> None:
    from vesalius.data.records import Image, Region, Study
    from vesalius.data.writer import CorpusWriter

    good = corpus[0]
    media = {name: corpus.path(name) for name in {image.path for image in good.images} | {
        region.mask for region in good.regions if region.mask}}  # fmt: skip
    broken = Study(
        id="broken", patient="b", images=(Image(id="pa", path="pa.png", modality="DX", shape=(2, 2)),),
        regions=(Region(image="pa", kind="mask", concept="x", mask="pa.png"),),
    )  # fmt: skip
    with CorpusWriter(tmp_path / "corpus", name="two") as writer:
        writer.add(good, media=media)
        writer.add(broken, media={"pa.png": b"\x89PNG\r\n\x1a\nbroken"})
    report = export(Corpus.open(tmp_path / "corpus"), "dicom-seg", tmp_path / "out")
    assert report.studies == 1
    assert [study for study, _ in report.problems] == ["broken"]
    assert "broken or truncated PNG" in report.text()
    alone = Corpus.open(tmp_path / "corpus").filter(ids=["broken"])
    with pytest.raises(DataError, match=r"nothing was written as dicom-seg: .*broken or truncated PNG"):
        export(alone, "dicom-seg", tmp_path / "none")


def test_the_verb_prints_one_document(corpus: Corpus, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from vesalius.cli.export import app

    study = corpus.ids[0]
    arguments = [
        str(corpus.root),
        "--to",
        "dicom-seg",
        "--out",
        str(tmp_path),
        "--study",
        study,
        "--labelmap",
        "--json",
    ]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["target"] == "dicom-seg"
    paths = sorted((tmp_path / study).glob("ct-seg*.dcm"))
    assert document["files"] == len(paths)
    # Lesions lie in organs: masks that overlap are in different label maps, and none is lost.
    segments = sum(len(read_segmentation(path).segments) for path in paths)
    assert segments == sum(region.kind == "mask" for region in corpus[0].regions)
