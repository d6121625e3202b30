"""Ontologies of others: small files in their forms, written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.errors import DataError
from vesalius.knowledge.ontology import Edge
from vesalius.knowledge.sources import read_ontology, read_rrf

CONSO = (
    "C0032285|ENG|P|L1|PF|S1|Y|A1|||D011014|MSH|MH|D011014|Pneumonia|0|N|256|",
    "C0032285|ENG|S|L2|PF|S2|Y|A2||||SNOMEDCT_US|SY|233604007|Lung inflammation|9|N||",
    'C0032285|ENG|S|L9|PF|S9|Y|A9||||SNOMEDCT_US|SY|233604007|"Quoted" pneumonia|9|N||',
    "C0032285|ENG|S|L3|PF|S3|Y|A3||||SNOMEDCT_US|OP|1|Old name|9|O||",
    "C0032285|SPA|P|L4|PF|S4|Y|A4||||SCTSPA|PT|2|Neumonía|9|N||",
    "C0004623|ENG|P|L5|VO|S5|N|A5||||SNOMEDCT_US|SY|53084003|Pneumonia, bacterial|9|N||",
    "C0004623|ENG|P|L5|PF|S6|Y|A6||||SNOMEDCT_US|PT|53084003|Bacterial pneumonia|9|N||",
    "C0024109|ENG|P|L7|PF|S7|Y|A7||||SNOMEDCT_US|PT|39607008|Lung|9|N||",
)
REL = (
    "C0032285|A1|SCUI|CHD|C0004623|A6|SCUI|isa|R1||SNOMEDCT_US|SNOMEDCT_US|||N||",
    "C0004623|A6|SCUI|PAR|C0032285|A1|SCUI|inverse_isa|R2||SNOMEDCT_US|SNOMEDCT_US|||N||",
    "C0024109|A7|SCUI|RO|C0032285|A1|SCUI|has_finding_site|R3||SNOMEDCT_US|SNOMEDCT_US|||N||",
    "C0024109|A7|SCUI|RO|C9999999|A1|SCUI|has_finding_site|R4||SNOMEDCT_US|SNOMEDCT_US|||N||",
)
OBO = """format-version: 1.2
ontology: hp

[Term]
id: HP:0002202
name: Pleural effusion
def: "Fluid in the pleural space." [HPO:probinson]
synonym: "Fluid around lungs" EXACT layperson []
xref: SNOMEDCT_US:60046008
is_a: HP:0002103 ! Abnormality of the pleura

[Term]
id: HP:0002103
name: Abnormality of the pleura

[Term]
id: HP:0000001
name: Gone
is_obsolete: true
"""
OWL = """@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix rid: <http://radlex.org/RID/> .
rid:RID34872 a owl:Class ; rdfs:label "pleural effusion" ; skos:altLabel "hydrothorax" ;
  skos:definition "Fluid." ; rdfs:subClassOf rid:RID4872 ,
  [ a owl:Restriction ; owl:onProperty rid:Anatomical_Site ; owl:someValuesFrom rid:RID1362 ] .
rid:RID4872 a owl:Class ; rdfs:label "effusion" .
rid:RID1362 a owl:Class ; rdfs:label "pleura" .
rid:RID0 a owl:Class .
"""


@pytest.fixture
def umls(tmp_path: Path) -> Path:
    (tmp_path / "MRCONSO.RRF").write_text("\n".join(CONSO) + "\n", encoding="utf-8")
    (tmp_path / "MRREL.RRF").write_text("\n".join(REL) + "\n", encoding="utf-8")
    (tmp_path / "MRSTY.RRF").write_text(
        "C0032285|T047|B2.2.1.2.1|Disease or Syndrome|AT1||\nC0004623|T047|B2|Disease or Syndrome|AT2||\n"
        "C0024109|T023|A1|Body Part, Organ, or Organ Component|AT3||\n", encoding="utf-8",
    )  # fmt: skip
    (tmp_path / "MRDEF.RRF").write_text("C0032285|A1|AT9||MSH|Infection of the lung.|N||\n", encoding="utf-8")
    return tmp_path


def test_umls(umls: Path) -> None:
    ontology = read_ontology(umls)
    pneumonia = ontology["C0032285"]
    assert pneumonia.names == ("Pneumonia", "Lung inflammation", '"Quoted" pneumonia')
    assert (pneumonia.types, pneumonia.definition) == (("Disease or Syndrome",), "Infection of the lung.")
    assert pneumonia.codes == {"MSH": "D011014", "SNOMEDCT_US": "233604007"}
    assert ontology["C0004623"].names == ("Bacterial pneumonia", "Pneumonia, bacterial")
    assert {Edge(**row) for row in ontology.edges.to_pylist()} == {
        Edge("C0004623", "is_a", "C0032285"), Edge("C0032285", "has_finding_site", "C0024109")
    }  # fmt: skip
    assert ontology.ancestors("C0004623") == ["C0032285"]


def test_umls_by_type_language_and_source(umls: Path) -> None:
    assert [one.id for one in read_rrf(umls, types=["Disease or Syndrome"])] == ["C0032285", "C0004623"]
    assert [one.name for one in read_rrf(umls, languages=["SPA"])] == ["Neumonía"]
    assert [one.name for one in read_rrf(umls, sources=["MSH"])] == ["Pneumonia"]


def test_obo(tmp_path: Path) -> None:
    (tmp_path / "hp.obo").write_text(OBO)
    ontology = read_ontology(tmp_path / "hp.obo")
    effusion = ontology["HP:0002202"]
    assert (effusion.name, effusion.synonyms) == ("Pleural effusion", ("Fluid around lungs",))
    assert (effusion.definition, effusion.codes) == ("Fluid in the pleural space.", {"SNOMEDCT_US": "60046008"})
    assert ontology.ancestors("HP:0002202") == ["HP:0002103"]
    assert "HP:0000001" not in ontology


def test_owl(tmp_path: Path) -> None:
    (tmp_path / "radlex.ttl").write_text(OWL)
    ontology = read_ontology(tmp_path / "radlex.ttl")
    effusion = ontology["RID34872"]
    assert (effusion.names, effusion.definition) == (("pleural effusion", "hydrothorax"), "Fluid.")
    assert ontology.out_of("RID34872", "Anatomical_Site") == [Edge("RID34872", "Anatomical_Site", "RID1362")]
    assert ontology.ancestors("RID34872") == ["RID4872"]
    assert len(ontology) == 3


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("MRCONSO.RRF", "a|b|c\n", "is no RRF file with the columns CUI"),
        ("broken.obo", "[Term]\nname", "is no OBO file|holds no term"),
        ("broken.owl", "<rdf", "is no RDF that can be read"),
        ("empty.ttl", "", "holds no class with a label"),
        ("table.csv", "a,b", "expected a folder with MRCONSO.RRF"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=told):
        read_ontology(tmp_path if name == "MRCONSO.RRF" else tmp_path / name)


@pytest.mark.parametrize("name", ["hp.obo", "radlex.owl", ""])
def test_what_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file|has no MRCONSO"):
        read_ontology(tmp_path / name) if name else read_rrf(tmp_path)
