"""Reports: measurement groups with their context, qualitative evaluations, texts with headings, and no names."""

from __future__ import annotations

from pathlib import Path

import pytest
from object_files import BASIC_TEXT, code_item, content, saved, write_report_by_hand
from pydicom.dataset import Dataset

from vesalius.data.readers.objects import read_report, read_segmentation, report_records
from vesalius.data.records import Finding, Measurement
from vesalius.errors import DataError

TITLE = ("126000", "DCM", "Imaging Measurement Report")
GROUP = ("125007", "DCM", "Measurement Group")
IMAGE = "2.25.500"


def number(name: tuple[str, str, str], value: str, unit: str, *children: Dataset) -> Dataset:
    measured = Dataset()
    measured.NumericValue = value
    measured.MeasurementUnitsCodeSequence = [code_item(unit, "UCUM", unit)]
    return content("NUM", name, *children, MeasuredValueSequence=[measured])


def code(name: tuple[str, str, str], value: tuple[str, str, str], *children: Dataset, relation: str = "CONTAINS"):
    return content("CODE", name, *children, relation=relation, ConceptCodeSequence=[code_item(*value)])


def site(value: tuple[str, str, str], side: tuple[str, str, str] | None = None) -> Dataset:
    inner = [code(("272741003", "SCT", "Laterality"), side, relation="HAS CONCEPT MOD")] if side else []
    return code(("363698007", "SCT", "Finding Site"), value, *inner, relation="HAS CONCEPT MOD")


def image(uid: str = IMAGE, **tags: object) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", uid
    for keyword, value in tags.items():
        setattr(reference, keyword, value)
    return content("IMAGE", ("121112", "DCM", "Source of Measurement"), ReferencedSOPSequence=[reference])


def measured_report() -> Dataset:
    """Two groups: a nodule in the left lung with two numbers, and a liver with one that names its own site."""
    nodule = content(
        "CONTAINER", GROUP,
        content("TEXT", ("112039", "DCM", "Tracking Identifier"), relation="HAS OBS CONTEXT", TextValue="nodule 1"),
        content("UIDREF", ("112040", "DCM", "Tracking Unique Identifier"), relation="HAS OBS CONTEXT", UID="2.25.9"),
        code(("121071", "DCM", "Finding"), ("27925004", "SCT", "Lung nodule")),
        site(("39607008", "SCT", "Lung"), ("7771000", "SCT", "Left")),
        image(ReferencedFrameNumber=[3]),
        number(("103339001", "SCT", "Long axis"), "12.5", "mm"),
        number(("118565006", "SCT", "Volume"), "0.8", "mL",
               code(("121401", "DCM", "Derivation"), ("373098007", "SCT", "Mean"), relation="HAS CONCEPT MOD")),
        code(("1", "99X", "Margin"), ("2", "99X", "Spiculated")),
        code(("3", "99X", "Presence"), ("373068000", "SCT", "Undetermined")),
    )  # fmt: skip
    liver = content(
        "CONTAINER", GROUP, number(("118565006", "SCT", "Volume"), "1500", "mL", site(("10200004", "SCT", "Liver"))),
        content("NUM", ("118565006", "SCT", "Volume"), MeasuredValueSequence=[]),
    )  # fmt: skip
    observer = content(
        "PNAME", ("121008", "DCM", "Person Observer Name"), relation="HAS OBS CONTEXT", PersonName="A^B"
    )
    groups = content("CONTAINER", ("126010", "DCM", "Imaging Measurements"), nodule, liver)
    return content("CONTAINER", TITLE, observer, groups)


def test_measurements_come_with_the_context_of_their_group(tmp_path: Path) -> None:
    report = read_report(write_report_by_hand(tmp_path / "r.dcm", measured_report()))
    assert report.title == ("126000", "DCM", "Imaging Measurement Report")
    long_axis, volume, liver = report.measurements
    assert (long_axis.value, long_axis.unit.value, long_axis.concept.meaning) == (12.5, "mm", "Long axis")
    assert long_axis.context.tracking_id == "nodule 1"
    assert long_axis.context.tracking_uid == "2.25.9"
    assert long_axis.context.site == ("39607008", "SCT", "Lung")
    assert long_axis.context.laterality == "left"
    assert long_axis.context.references[0].frames == (3,)
    assert volume.derivation == ("373098007", "SCT", "Mean")
    assert liver.context.site == ("10200004", "SCT", "Liver")
    assert liver.context.laterality == ""
    assert report.empty_measurements == 1
    assert report.complete
    assert not report.verified


def test_records_of_a_report(tmp_path: Path) -> None:
    report = read_report(write_report_by_hand(tmp_path / "r.dcm", measured_report()))
    records = report_records(report, images={IMAGE: "ct"})
    assert records.measurements == (
        Measurement(
            name="long_axis", value=12.5, unit="mm", image="ct", anatomy="lung", laterality="left", source="dicom"
        ),
        Measurement(
            name="volume", value=0.8, unit="mL", image="ct", anatomy="lung", laterality="left", source="dicom"
        ),
        Measurement(name="volume", value=1500.0, unit="mL", anatomy="liver", source="dicom"),
    )
    assert records.findings == (
        Finding(
            concept="lung_nodule", status="uncertain", anatomy="lung", laterality="left", code="27925004",
            attributes=(("margin", "spiculated"),), source="dicom",
        ),
    )  # fmt: skip


def test_texts_stand_under_their_headings_and_names_are_not_read(tmp_path: Path) -> None:
    root = content(
        "CONTAINER", ("11528-7", "LN", "Radiology Report"),
        content("PNAME", ("121008", "DCM", "Person Observer Name"), relation="HAS OBS CONTEXT", PersonName="Doe^J"),
        content("TEXT", ("121009", "DCM", "Organisation"), relation="HAS OBS CONTEXT", TextValue="Clinic"),
        content("CONTAINER", ("121070", "DCM", "Findings"),
                content("TEXT", ("121071", "DCM", "Finding"), TextValue="Große Läsion links."),
                code(("121071", "DCM", "Finding"), ("36118008", "SCT", "Pneumothorax"))),
        content("CONTAINER", ("121072", "DCM", "Impressions"),
                content("TEXT", ("121073", "DCM", "Impression"), TextValue="Pneumothorax.")),
        content("TEXT", ("121077", "DCM", "Conclusion"), TextValue="As above."),
    )  # fmt: skip
    root.SpecificCharacterSet = "ISO_IR 192"
    report = read_report(write_report_by_hand(tmp_path / "r.dcm", root, BASIC_TEXT))
    assert [(one.heading.meaning, one.text) for one in report.passages if one.heading] == [
        ("Findings", "Große Läsion links."), ("Impressions", "Pneumothorax."), ("Conclusion", "As above."),
    ]  # fmt: skip
    records = report_records(report, images={})
    assert [text.role for text in records.texts] == ["findings", "impression", "impression"]
    assert [(finding.concept, finding.status) for finding in records.findings] == [("pneumothorax", "present")]
    assert "Doe" not in repr(report)
    assert "Clinic" not in repr(report)


def test_referenced_segments(tmp_path: Path) -> None:
    group = content("CONTAINER", GROUP, image(ReferencedSegmentNumber=[2]), number(("1", "99X", "Area"), "4", "mm2"))
    report = read_report(write_report_by_hand(tmp_path / "r.dcm", content("CONTAINER", TITLE, group)))
    assert report.measurements[0].context.references[0].segments == (2,)


def test_a_number_without_unit_is_an_error_and_so_is_endless_nesting(tmp_path: Path) -> None:
    item = number(("1", "99X", "Area"), "4", "mm2")
    del item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence
    with pytest.raises(DataError, match=r"r.dcm: a measurement .* without concept name .* or unit"):
        read_report(write_report_by_hand(tmp_path / "r.dcm", content("CONTAINER", TITLE, item)))
    deep = content("CONTAINER", GROUP)
    for _ in range(70):
        deep = content("CONTAINER", GROUP, deep)
    with pytest.raises(DataError, match="nested deeper than 64"):
        read_report(write_report_by_hand(tmp_path / "r.dcm", deep))


def test_a_report_without_content_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="root is no CONTAINER"):
        read_report(write_report_by_hand(tmp_path / "r.dcm", Dataset()))


@pytest.mark.parametrize(("kind", "name", "ending"), [("104.1", "PDF", "pdf"), ("104.2", "CDA", "xml")])
def test_an_encapsulated_document_is_refused_with_the_way_out(
    tmp_path: Path, kind: str, name: str, ending: str
) -> None:
    dataset = Dataset()
    dataset.EncapsulatedDocument = b"%PDF-1.4"
    path = saved(dataset, tmp_path / "d.dcm", f"1.2.840.10008.5.1.4.1.1.{kind}")
    for reader in (read_report, read_segmentation):
        with pytest.raises(DataError, match=rf"d.dcm: an encapsulated {name} document.*\(0042,0011\) to a .{ending}"):
            reader(path)


@pytest.mark.real
def test_real_reports(real_data: Path) -> None:
    folder = real_data / "dicom" / "files"
    report = read_report(folder / "test-SR.dcm")
    assert [(one.concept.meaning, one.value, one.unit.value) for one in report.measurements] == [
        ("Diameter", 3.0, "cm"), ("Diameter", 3.0, "cm"),
    ]  # fmt: skip
    assert report.passages[0].text == "A mass of"
    assert report.verified
    assert "Riesmeier" not in repr(report)
    form = read_report(folder / "reportsi.dcm")
    assert [(one.heading.meaning, one.text) for one in form.passages if one.heading] == [
        ("Section Heading", "Enter text")
    ]
    for name in ("rtplan.dcm", "CT_small.dcm"):
        with pytest.raises(DataError, match="expected a structured report"):
            read_report(folder / name)
