"""Objects that were exported are de-identified like any other: their second scan finds nothing in any of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from vesalius.data.corpus import Corpus
from vesalius.data.deidentify import Options, Secret, deidentify
from vesalius.data.readers.objects import read_segmentation
from vesalius.data.writers import TARGETS, export
from vesalius.virtual.population import make

SECRET = Secret(b"k" * 32)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """One virtual patient with a CT of the chest."""
    return make(tmp_path_factory.mktemp("corpus") / "c", patients=1, preset="chest-ct", image_size=32, workers=1)


@pytest.mark.parametrize(("target", "pixels"), [*((target, "keep") for target in TARGETS), ("capture", "mask")])
def test_every_export_is_clean(target: str, pixels: str, corpus: Corpus, tmp_path: Path) -> None:
    assert export(corpus, target, tmp_path / "objects").files
    options = Options(pixels=pixels, structured_content=True)  # type: ignore[arg-type]
    audit = deidentify(tmp_path / "objects", out=tmp_path / "out", secret=SECRET, options=options, workers=1)
    assert audit.clean, audit.text()
    # Tables without named columns are left out: the annotations of COCO, the labels beside NIfTI.
    assert all("no column was named" in reason for _, reason in audit.left_out)
    assert bool(audit.written) == (target != "coco")


def test_segments_stay_what_they_were(corpus: Corpus, tmp_path: Path) -> None:
    export(corpus, "dicom-seg", tmp_path / "objects")
    deidentify(tmp_path / "objects", out=tmp_path / "out", secret=SECRET, workers=1)
    files = [path for path in (tmp_path / "out").rglob("*.dcm") if dcmread(path).Modality == "SEG"]
    assert len(files) == 1
    old = {read_segmentation(path).mask(1).sum() for path in (tmp_path / "objects").rglob("*-seg.dcm")}
    assert {read_segmentation(path).mask(1).sum() for path in files} == old


def test_a_serial_number_goes_from_the_files_of_other_patients_too(
    make_dicom: Callable[..., Path], tmp_path: Path
) -> None:
    """Some makers store the version of a program as serial number: it must not stand in any file then."""
    pixels = np.zeros((8, 8), dtype=np.uint8)
    make_dicom(pixels, "in/a.dcm", PatientID="HOSP-1", DeviceSerialNumber="4.11.2", SOPInstanceUID="1.9.7.1")
    make_dicom(pixels, "in/b.dcm", PatientID="HOSP-2", SoftwareVersions="4.11.2", SOPInstanceUID="1.9.7.2")
    audit = deidentify(tmp_path / "in", out=tmp_path / "out", secret=SECRET, workers=1)
    assert audit.clean, audit.text()
    assert not any("SoftwareVersions" in dcmread(path) for path in (tmp_path / "out").rglob("*.dcm"))
    kept = deidentify(tmp_path / "in", out=tmp_path / "kept", secret=SECRET, options=Options(device=True), workers=1)
    assert kept.clean, kept.text()


def test_a_name_that_another_file_of_the_patient_tells_goes(make_dicom: Callable[..., Path], tmp_path: Path) -> None:
    pixels = np.zeros((8, 8), dtype=np.uint8)
    make_dicom(pixels, "in/a.dcm", PatientID="HOSP-1", PatientName="Thwaiteling^Ann", SOPInstanceUID="1.9.7.1")
    make_dicom(
        pixels, "in/b.dcm", PatientID="HOSP-1", PatientName="", SeriesDescription="thwaiteling",
        SOPInstanceUID="1.9.7.2",
    )  # fmt: skip
    options = Options(descriptors=True)
    audit = deidentify(tmp_path / "in", out=tmp_path / "out", secret=SECRET, options=options, workers=1)
    assert audit.clean, audit.text()
