"""The package's own graph: what findings share, and that nothing in it is lost or invented."""

from __future__ import annotations

from vesalius.knowledge.descriptions import descriptions
from vesalius.knowledge.facts import fact_graph
from vesalius.knowledge.vocabulary import builtin
from vesalius.virtual.preset import finding_names


def tails(concept: str, relation: str) -> set[str]:
    return {edge.tail for edge in fact_graph().out_of(f"finding:{concept}", relation)}


def test_findings_meet_at_their_looks() -> None:
    assert tails("pneumothorax", "has_density") == tails("free_gas", "has_density") == {"look:air"}
    assert "look:fluid" in tails("pleural_effusion", "has_density") & tails("hydronephrosis", "has_density")
    assert tails("edema", "has_shape") == {"look:butterfly", "look:lines"}
    assert tails("cardiomegaly", "located_in") == {"anatomy:heart"}
    # The pelvis of the kidney is not the pelvis.
    assert tails("hydronephrosis", "located_in") == {"place:renal pelvis"}
    assert tails("edema", "seen_in") == {"region:chest"}


def test_everything_of_the_vocabulary_is_there_and_every_finding_has_edges() -> None:
    graph, base = fact_graph(), builtin()
    assert {concept.id for concept in base} <= {concept.id for concept in graph}
    for name in finding_names():
        assert graph.out_of(f"finding:{name}")
        assert (name in descriptions()) == bool(tails(name, "located_in")) or not descriptions()[name].place
    kinds = {kind for concept in graph for kind in concept.types}
    assert kinds == {"finding", "anatomy", "look", "place", "region"}
