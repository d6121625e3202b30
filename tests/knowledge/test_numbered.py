"""Names in a text as numbers of a graph's entities, and the control that gives every name to another entity."""

from __future__ import annotations

import pickle

import numpy as np

from vesalius.knowledge.facts import fact_graph, fact_linker
from vesalius.knowledge.numbered import NumberedGraph
from vesalius.knowledge.ontology import Concept, Edge, Ontology

TEXT = "Pleural effusion. No pneumothorax. The heart is large."


def small() -> Ontology:
    concepts = [Concept(id=name, name=name) for name in ("alpha", "beta", "gamma", "alone")]
    return Ontology.of(concepts, [Edge("alpha", "near", "beta"), Edge("gamma", "far", "alpha")])


def test_numbers_follow_the_order_and_relations_their_names() -> None:
    ontology = small()
    graph = NumberedGraph(ontology, ontology.linker())
    assert graph.entities == ("alpha", "beta", "gamma", "alone")
    assert graph.relations == ("far", "near")
    assert graph.triples.tolist() == [[0, 1, 1], [2, 0, 0]]
    assert [tuple(one) for one in graph.mentions("No beta, gamma.")] == [(1, 3, 7, "absent"), (2, 9, 14, "absent")]
    assert graph.mentions("nothing") == ()


def test_shuffled_names_are_those_of_others_and_the_graph_stays() -> None:
    ontology = small()
    graph, other = (NumberedGraph(ontology, ontology.linker(), shuffled=seed) for seed in (None, 3))
    np.testing.assert_array_equal(graph.triples, other.triples)
    text = "alpha beta gamma alone"
    right, wrong = ([one.entity for one in each.mentions(text)] for each in (graph, other))
    assert sorted(right) == sorted(wrong)
    assert all(a != b for a, b in zip(right, wrong, strict=True))
    assert [one.entity for one in NumberedGraph(ontology, ontology.linker(), shuffled=3).mentions(text)] == wrong


def test_the_packages_graph_links_a_report_and_travels_to_a_worker() -> None:
    graph = NumberedGraph(fact_graph(), fact_linker())
    found = [(graph.entities[one.entity], TEXT[one.start : one.end], one.status) for one in graph.mentions(TEXT)]
    assert found == [
        ("finding:pleural_effusion", "Pleural effusion", "present"),
        ("finding:pneumothorax", "pneumothorax", "absent"),
        ("anatomy:heart", "heart", "present"),
    ]
    assert pickle.loads(pickle.dumps(graph)).mentions(TEXT) == graph.mentions(TEXT)
