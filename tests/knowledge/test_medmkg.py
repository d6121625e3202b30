"""MedMKG: the card's worked example and invariants, building from studies, the release's files."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vesalius.data.records import Image, Study, Text
from vesalius.errors import DataError
from vesalius.knowledge.medmkg import (
    MultimodalGraph,
    Numbered,
    build,
    greedy_cover,
    image_scores,
    inverse_free,
    naf,
    read_release,
    split_edges,
    write_release,
)
from vesalius.knowledge.ontology import Concept, Edge, Ontology
from vesalius.knowledge.vocabulary import finding_linker

EXAMPLE = (
    Edge("a", "POSITIVE", "x"), Edge("a", "POSITIVE", "y"), Edge("b", "POSITIVE", "x"), Edge("c", "NEGATIVE", "z")
)  # fmt: skip
LINKS = st.tuples(
    st.sampled_from("abcdef"), st.sampled_from(["POSITIVE", "NEGATIVE", "UNCERTAIN"]), st.sampled_from("uvwxyz")
)


@pytest.mark.evidence("medmkg", "L1", "neighbour-aware filtering: the worked example and its invariants")
def test_worked_example() -> None:
    # ln 1.5 + ln 3 = 1.504, ln 1.5 = 0.405, ln 3 = 1.099
    assert image_scores(EXAMPLE) == pytest.approx({"a": 1.504, "b": 0.405, "c": 1.099}, abs=1e-3)
    assert naf(EXAMPLE) == ["a", "c"]
    assert greedy_cover(EXAMPLE) == ["a", "c"]


@given(st.lists(LINKS, min_size=1, max_size=40))
def test_every_concept_stays_covered_and_a_copy_scores_no_higher(links: list[tuple[str, str, str]]) -> None:
    edges = list(dict.fromkeys(Edge(*link) for link in links))
    for chosen in (naf(edges), greedy_cover(edges)):
        assert {edge.tail for edge in edges if edge.head in chosen} == {edge.tail for edge in edges}
    scores = image_scores(edges)
    first = edges[0].head
    again = image_scores([*edges, *(edge._replace(head="copy") for edge in edges if edge.head == first)])
    # Its links are shared by one image more of one image more: log((n + 1) / (k + 1)) is at most log(n / k).
    assert again[first] <= scores[first] + 1e-9


def test_an_edge_that_all_share_adds_nothing() -> None:
    shared = [Edge(image, "NEGATIVE", "all") for image in "abc"]
    assert image_scores([*EXAMPLE, *shared]) == pytest.approx(image_scores(EXAMPLE))
    assert log(3 / 3) == 0


def study(number: int, text: str, *, view: str = "AP") -> Study:
    image = Image(id="cxr", path=f"{number}.png", modality="DX", view=view)
    return Study(id=f"s{number}", patient="p", images=(image,), texts=(Text(text=text, role="findings"),))


def test_images_are_linked_to_what_their_reports_say() -> None:
    studies = [study(1, "Small effusion. No pneumothorax. Possible nodule."), study(2, "Effusion.", view="LATERAL")]
    graph = build(studies, finding_linker())
    assert set(graph.edges) == {
        Edge("s1/cxr", "POSITIVE", "pleural_effusion"), Edge("s1/cxr", "NEGATIVE", "pneumothorax"),
        Edge("s1/cxr", "UNCERTAIN", "lung_nodule"),
    }  # fmt: skip
    assert graph.images == {"s1/cxr": "1.png"}
    assert graph.images_of("pleural_effusion") == ["s1/cxr"]
    assert graph.images_of("pneumothorax") == []
    assert len(build(studies, finding_linker(), views=()).images) == 2


def test_an_ontology_brings_its_edges_and_keeps_abstract_types_out() -> None:
    ontology = Ontology.of(
        [Concept(id="C1", name="effusion", types=("Finding",)), Concept(id="C2", name="fluid", types=("Finding",)),
         Concept(id="C3", name="small", types=("Quantitative Concept",)), Concept(id="C4", name="unmet")],
        [Edge("C1", "is_a", "C2"), Edge("C1", "is_a", "C4")],
    )  # fmt: skip
    graph = build([study(1, "Small effusion with fluid.")], ontology.linker(), ontology=ontology)
    assert set(graph.edges) == {
        Edge("s1/cxr", "POSITIVE", "C1"), Edge("s1/cxr", "POSITIVE", "C2"), Edge("C1", "is_a", "C2")
    }  # fmt: skip
    assert graph.names == {"C1": "effusion", "C2": "fluid"}


def test_release_files_round_trip(tmp_path: Path) -> None:
    edges = (*EXAMPLE, Edge("x", "isa", "y"))
    names = {name: name.upper() for name in "xyz"}
    graph = MultimodalGraph(images={name: f"{name}.jpg" for name in "abc"}, names=names, edges=edges)
    write_release(graph, tmp_path)
    assert read_release(tmp_path) == graph
    assert graph.only(["a", "c"]).edges == (*(edge for edge in EXAMPLE if edge.head != "b"), edges[-1])
    (tmp_path / "MedMKG.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="expected Head, Relation, Tail"):
        read_release(tmp_path)
    with pytest.raises(DataError, match=r"image_mapping.csv cannot be opened"):
        read_release(tmp_path / "none")


def test_numbers_are_a_vocabulary_and_parts_do_not_overlap() -> None:
    numbered = Numbered.of(EXAMPLE)
    assert (numbered.entities, numbered.relations) == (("a", "b", "c", "x", "y", "z"), ("NEGATIVE", "POSITIVE"))
    assert numbered.triples.tolist() == [[0, 1, 3], [0, 1, 4], [1, 1, 3], [2, 0, 5]]
    parts = split_edges(103, seed=1)
    assert [len(part) for part in parts] == [82, 11, 10]
    assert sorted(row for part in parts for row in part.tolist()) == list(range(103))


def test_edges_that_tell_the_answer_backwards_are_left_out() -> None:
    edges = [Edge("x", "isa", "y"), Edge("y", "inverse_isa", "x"), Edge("y", "has_part", "x"), Edge("x", "near", "y")]
    assert inverse_free(edges) == [edges[0], edges[3]]
