"""Measurements and findings written as TID 1500 come back equal, and the files are valid."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from object_files import complaints, make_source, validator
from pydicom import dcmread

from vesalius.data.readers.objects import read_report, report_records
from vesalius.data.records import Box, Finding, Image, Measurement, Provenance, Region, Study
from vesalius.data.writers import write_report
from vesalius.data.writers.codes import coded, coded_site, unit_code
from vesalius.errors import DataError

SHAPE = (6, 9, 11)
MEASUREMENTS = (
    Measurement(name="diameter", value=12.345678901234, unit="mm", image="ct", anatomy="liver"),
    Measurement(name="volume", value=1e-7, unit="mL", image="ct", anatomy="liver"),
    Measurement(name="cardiothoracic_ratio", value=-0.512, unit="1", image="ct"),
    Measurement(name="attenuation", value=-1000.0, unit="[hnsf'U]", anatomy="lung", laterality="left"),
    Measurement(name="a_measure_with_a_name_beyond_sixteen", value=3.0, unit="deg"),
)
FINDINGS = (
    Finding(concept="pleural_effusion", status="present", anatomy="lung", laterality="left", severity="mild",
            code="60046008", attributes=(("density", "water"), ("extent", "small"))),
    Finding(concept="pneumothorax", status="absent", code="36118008"),
    Finding(concept="a_rare_thing", status="uncertain", anatomy="right upper lobe"),
)  # fmt: skip


def study(**changes: object) -> Study:
    plain = Study(
        id="s", patient="p", images=(Image(id="ct", path="ct", modality="CT", kind="volume", shape=SHAPE),),
        measurements=MEASUREMENTS, findings=FINDINGS,
    )  # fmt: skip
    return replace(plain, **changes)


def test_measurements_and_findings_come_back_equal(tmp_path: Path) -> None:
    source = make_source(tmp_path / "ct", SHAPE)
    path = write_report(study(), {"ct": source}, tmp_path / "sr.dcm")
    images = {str(dataset.SOPInstanceUID): "ct" for dataset in source.datasets}
    records = report_records(read_report(path), images=images)
    assert records.measurements == tuple(replace(one, source="dicom") for one in MEASUREMENTS)
    assert records.findings == tuple(replace(one, source="dicom") for one in FINDINGS)
    assert records.left_out == ()


def test_the_image_of_a_measurement_is_the_slice_of_its_box(tmp_path: Path) -> None:
    source = make_source(tmp_path / "ct", SHAPE)
    boxed = Region(image="ct", kind="box", anatomy="liver", box=Box(1, 1, 4, 4), frame=1)
    path = write_report(study(regions=(boxed,)), {"ct": source}, tmp_path / "sr.dcm")
    found = {one.concept.meaning: one.context.references for one in read_report(path).measurements}
    assert found["Diameter"][0].instance_uid == source.datasets[1].SOPInstanceUID
    assert found["cardiothoracic_ratio"][0].instance_uid == source.datasets[3].SOPInstanceUID  # the middle of six
    assert found["a_measure_with_a_name_beyond_sixteen"] == ()


def test_the_same_call_writes_the_same_bytes(tmp_path: Path) -> None:
    source = make_source(tmp_path / "ct", SHAPE)
    one = write_report(study(), {"ct": source}, tmp_path / "a.dcm").read_bytes()
    assert write_report(study(), {"ct": source}, tmp_path / "b.dcm").read_bytes() == one


def test_a_virtual_patient_is_named_as_one(tmp_path: Path) -> None:
    source = replace(make_source(tmp_path / "ct", SHAPE), virtual=True)
    virtual = study(provenance=Provenance(source="x", virtual=True))
    dataset = dcmread(write_report(virtual, {"ct": source}, tmp_path / "sr.dcm"))
    assert dataset.SeriesDescription.startswith("VIRTUAL")
    assert dataset.VerificationFlag == "UNVERIFIED"


def test_codes_keep_the_sense_of_a_name() -> None:
    assert coded("diameter").value == "81827009"
    assert coded("volume").scheme_designator == "SCT"
    # "Margin" is known to the dictionary under a word and not a number; it stays ours.
    assert coded("margin").scheme_designator == "99VESALIUS"
    long = coded("a_measure_with_a_name_beyond_sixteen")
    assert len(long.value) <= 16
    assert coded("a_measure_with_a_name_beyond_sixteen_2").value != long.value
    assert [code and code.meaning for code in coded_site("left kidney")] == ["Kidney", "Left"]
    assert [code and code.meaning for code in coded_site("left upper lobe", "left")] == ["left upper lobe", "Left"]
    assert (unit_code("1").value, unit_code("mm").value) == ("1", "mm")


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    source = make_source(tmp_path / "ct", SHAPE)
    with pytest.raises(DataError, match="neither measurements nor findings"):
        write_report(study(measurements=(), findings=()), {"ct": source}, tmp_path / "sr.dcm")
    with pytest.raises(DataError, match="image 'ct', which was measured, has no source"):
        write_report(study(), {"mr": source}, tmp_path / "sr.dcm")
    with pytest.raises(DataError, match="no source image"):
        write_report(study(), {}, tmp_path / "sr.dcm")


def test_the_validator_finds_no_error(tmp_path: Path) -> None:
    assert complaints(write_report(study(), {"ct": make_source(tmp_path / "ct", SHAPE)}, tmp_path / "sr.dcm")) == []


def test_another_program_reads_the_tree(tmp_path: Path) -> None:
    program = validator("dsrdump")
    path = write_report(study(), {"ct": make_source(tmp_path / "ct", SHAPE)}, tmp_path / "sr.dcm")
    done = subprocess.run([program, os.fspath(path)], capture_output=True, text=True, timeout=60, check=True)
    assert '<contains NUM:(,,"Diameter")="12.345678901234" (mm,UCUM,"mm")>' in done.stdout
    assert '<contains CODE:(,,"Finding")=(60046008,SCT,"pleural effusion")>' in done.stdout
    assert "error" not in done.stderr.lower()


def test_the_library_reads_the_same_groups(tmp_path: Path) -> None:
    import highdicom

    path = write_report(study(), {"ct": make_source(tmp_path / "ct", SHAPE)}, tmp_path / "sr.dcm")
    groups = highdicom.sr.srread(path).content.get_image_measurement_groups()
    found = [(one.value, one.unit.value) for group in groups for one in group.get_measurements()]
    assert found == [(one.value, one.unit) for one in MEASUREMENTS]
    assert len(groups) == 4 + len(FINDINGS)  # four pairs of image and part among the five measurements


def test_without_the_package_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vesalius.errors import MissingDependency

    source = make_source(tmp_path / "ct", SHAPE)
    monkeypatch.setattr("vesalius.optional.find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"writing a DICOM structured report needs highdicom.*pip install"):
        write_report(study(), {"ct": source}, tmp_path / "sr.dcm")
