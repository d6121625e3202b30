"""IU X-Ray: the three layouts that people have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cxr_files import picture, radiograph, text

from vesalius.data.datasets import iu_xray
from vesalius.data.datasets.iu_xray import heading, read, read_kaggle, read_openi
from vesalius.errors import DataError
from vesalius.virtual.twin import write_twin

XML = """<?xml version="1.0" encoding="utf-8"?>
<eCitation><uId id="CXR10"/><IUXRId id="10"/><licenseType>open-access</licenseType>
<MedlineCitation><Article><Abstract><AbstractText Label="COMPARISON">Chest XXXX.</AbstractText>
<AbstractText Label="INDICATION">XXXX-year-old &lt;male&gt;</AbstractText><AbstractText Label="FINDINGS"/>
<AbstractText Label="IMPRESSION">No acute
 disease.</AbstractText></Abstract></Article></MedlineCitation>
<MeSH><major>Calcified Granuloma/lung/upper lobe/right</major><automatic>calcified granuloma</automatic></MeSH>
<parentImage id="CXR10_IM-0002-1001"><figureId>F1</figureId><caption>Xray Chest PA and Lateral</caption></parentImage>
<parentImage id="CXR10_IM-0002-2001"><figureId>F2</figureId></parentImage></eCitation>"""


def test_the_form_of_r2gen(tmp_path: Path) -> None:
    entry = {"id": "CXR2384_IM-0942", "report": "The heart is XXXX.", "split": "test",
             "image_path": ["CXR2384_IM-0942/0.png", "CXR2384_IM-0942/1.png"]}  # fmt: skip
    text(tmp_path / "annotation.json", json.dumps({"train": [], "val": [], "test": [entry]}))
    for name in entry["image_path"]:
        picture(tmp_path / "images" / name)
    [(study, split)] = read(tmp_path)
    assert (study.id, study.patient, split) == ("CXR2384_IM-0942", "CXR2384", "test")
    assert ([image.id for image in study.images], study.text("findings")) == (["0", "1"], "The heart is XXXX.")
    text(tmp_path / "annotation.json", json.dumps({"test": [entry | {"image_path": ["../x.png"]}]}))
    with pytest.raises(DataError, match=r"test\[0\]: the path '../x.png' leaves the release"):
        list(read(tmp_path))
    text(tmp_path / "annotation.json", json.dumps({"test": [{"id": "a"}]}))
    with pytest.raises(DataError, match="no 'report', expected id, report and image_path"):
        list(read(tmp_path))


def test_the_form_of_openi(tmp_path: Path) -> None:
    text(tmp_path / "ecgen-radiology/10.xml", XML)
    text(tmp_path / "ecgen-radiology/9.xml", '<eCitation><uId id="CXR9"/></eCitation>')
    picture(tmp_path / "NLMCXR_png/CXR10_IM-0002-1001.png")
    radiograph(tmp_path / "NLMCXR_dcm/10/10_IM-0002-2001.dcm")
    text(tmp_path / "indiana_projections.csv", "uid,filename,projection", "10,10_IM-0002-1001.dcm.png,Frontal")
    (empty, _), (study, split) = read_openi(tmp_path)
    assert (empty.id, empty.images, empty.texts) == ("CXR9", (), ())
    assert (study.id, split, [image.view for image in study.images]) == ("CXR10", "", ["FRONTAL", ""])
    assert [(part.role, part.text) for part in study.texts] == [
        ("comparison", "Chest XXXX."), ("indication", "XXXX-year-old <male>"), ("impression", "No acute disease.")
    ]  # fmt: skip
    major, automatic = study.findings
    assert (major.concept, major.anatomy, major.laterality) == ("calcified_granuloma", "lung", "right")
    assert (automatic.concept, automatic.source) == ("calcified_granuloma", "MTI (automatic)")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (XML[:-20], "is broken XML"), ("<a/>", "no uId with an id"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares entities"),
        ("<a>" + " " * 2**20, "more than a report"),
        (XML.replace("CXR10_IM-0002-1001", "../../x"), "leaves the release"),
    ],
)  # fmt: skip
def test_bad_xml(tmp_path: Path, content: str, message: str) -> None:
    text(tmp_path / "ecgen-radiology/10.xml", content)
    with pytest.raises(DataError, match=message):
        list(read(tmp_path))


def test_the_form_of_kaggle(tmp_path: Path) -> None:
    text(tmp_path / "indiana_reports.csv", "uid,MeSH,Problems,image,indication,comparison,findings,impression",
         '1,normal,normal,Xray Chest,Positive TB test,None.,"Clear, lungs.",Normal.',
         "2,Cardiomegaly/borderline;Opacity/lung/base/left,Cardiomegaly;Opacity,Xray,,,,")  # fmt: skip
    text(tmp_path / "indiana_projections.csv", "uid,filename,projection", "1,1_IM-0001-4001.dcm.png,Frontal",
         "1,1_IM-0001-3001.dcm.png,Lateral")  # fmt: skip
    for name in ("1_IM-0001-4001", "1_IM-0001-3001"):
        picture(tmp_path / f"images/images_normalized/{name}.dcm.png")
    first, second = (sample.study for sample in read(tmp_path))
    assert [(image.id, image.view) for image in first.images] == [
        ("1_IM-0001-4001", "FRONTAL"), ("1_IM-0001-3001", "LATERAL")
    ]  # fmt: skip
    assert (first.id, first.status("no_finding"), first.text("findings")) == ("CXR1", "present", "Clear, lungs.")
    opacity = next(finding for finding in second.findings if finding.concept == "opacity" and finding.anatomy)
    assert (second.findings[0].severity, opacity.anatomy, opacity.laterality) == ("borderline", "lung", "left")
    assert (second.texts, second.images) == ((), ())


def test_headings_with_commas() -> None:
    assert heading("Catheters, Indwelling/right").concept == "catheters_indwelling"
    assert heading("normal").attributes == (("heading", "normal"),)


def test_all_layouts_of_the_twin_tell_the_same(tmp_path: Path) -> None:
    made = write_twin("iu_xray", tmp_path / "twin", patients=10)
    root = tmp_path / "twin"
    openi, kaggle = list(read_openi(root)), list(read_kaggle(root))
    assert len(openi) == len(kaggle) == 10
    assert sorted({len(sample.study.images) for sample in openi}) == [0, 1, 2, 3]
    for one, other in zip(openi, kaggle, strict=True):
        assert one.study.id == other.study.id
        assert {t.role: t.text for t in one.study.texts} == {t.role: t.text for t in other.study.texts}
        assert [f.concept for f in one.study.findings] == [f.concept for f in other.study.findings]
        assert [image.view for image in one.study.images] == [image.view for image in other.study.images]
    by_patient = {sample.study.id: sample.study for sample in openi}
    assert all(s.study.text() == by_patient[s.study.patient].text("findings") for s in made)
    assert {sample.split for sample in made} == {"train", "val", "test"}
    assert not any(s.study.text("findings", "impression") for s in openi if s.study.id == "CXR90010")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no annotation.json \(or ecgen-radiology, or indiana_reports.csv\)"):
        list(iu_xray.read(tmp_path))
