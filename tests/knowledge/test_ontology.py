"""The store of concepts: what goes in comes out, relations are followed, mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from vesalius.errors import DataError
from vesalius.knowledge.ontology import Concept, Edge, Ontology
from vesalius.knowledge.vocabulary import builtin
from vesalius.virtual.anatomy.catalogue import structures
from vesalius.virtual.preset import finding_names

CONCEPTS = (
    Concept(id="D1", name="disease"),
    Concept(id="D2", name="pneumonia", synonyms=("lung infection",), definition="Infection of the lung.",
            types=("Disease",), codes={"SCT": "233604007"}),
    Concept(id="D3", name="bacterial pneumonia", types=("Disease",)),
    Concept(id="A1", name="lung", types=("Anatomy",)),
)  # fmt: skip
EDGES = (Edge("D2", "is_a", "D1"), Edge("D3", "is_a", "D2"), Edge("D2", "located_at", "A1"), Edge("D1", "is_a", "D3"))


@pytest.fixture
def ontology() -> Ontology:
    return Ontology.of(CONCEPTS, EDGES)


def test_written_and_read(ontology: Ontology, tmp_path: Path) -> None:
    ontology.save(tmp_path)
    again = Ontology.open(tmp_path)
    assert tuple(again) == CONCEPTS
    assert again["D2"] == CONCEPTS[1]
    assert again.edges.to_pylist() == [edge._asdict() for edge in EDGES]
    with pytest.raises(DataError, match=r"holds no ontology: concepts.parquet"):
        Ontology.open(tmp_path / "elsewhere")


def test_relations_are_followed_and_loops_end(ontology: Ontology) -> None:
    assert ontology.ancestors("D3") == ["D2", "D1"]
    assert ontology.descendants("D1") == ["D2", "D3"]
    assert ontology.out_of("D2") == [EDGES[0], EDGES[2]]
    assert ontology.out_of("D2", "located_at") == [EDGES[2]]
    assert ontology.into("A1") == [EDGES[2]]
    assert ontology.out_of("A1") == []


def test_names_find_concepts_by_type(ontology: Ontology) -> None:
    text = "Lung infection of the lung"
    assert [mention.concept for mention in ontology.linker().mentions(text)] == ["D2", "A1"]
    assert [mention.concept for mention in ontology.linker(types=["Anatomy"]).mentions(text)] == ["A1", "A1"]


def test_parts_and_sums(ontology: Ontology) -> None:
    part = ontology.only(["D2", "A1"])
    assert ([one.id for one in part], part.edges.to_pylist()) == (["D2", "A1"], [EDGES[2]._asdict()])
    other = Ontology.of(
        [Concept(id="A1", name="pulmo"), Concept(id="A2", name="thorax")], [Edge("A1", "part_of", "A2")]
    )
    both = part.merged(other)
    assert {one.id: one.name for one in both} == {"D2": "pneumonia", "A1": "lung", "A2": "thorax"}
    assert len(both.merged(other).edges) == len(both.edges) == 2


def test_mistakes_are_named(ontology: Ontology) -> None:
    with pytest.raises(DataError, match="'D1' occurs twice"):
        Ontology.of([CONCEPTS[0], CONCEPTS[0]])
    with pytest.raises(DataError, match="names 'X', which is no concept"):
        Ontology.of(CONCEPTS, [Edge("D1", "is_a", "X")])
    with pytest.raises(DataError, match="no concept 'D9'"):
        ontology["D9"]


def test_the_built_in_vocabulary_has_all_findings_and_structures() -> None:
    ontology = builtin()
    assert len(ontology) == len(finding_names()) + len(structures())
    assert "anatomy:lungs" in ontology.ancestors("anatomy:right upper lobe", ["part_of"])
    assert ontology["finding:pleural_effusion"].codes["SCT"] == "60046008"
