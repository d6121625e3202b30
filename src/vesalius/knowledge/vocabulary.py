"""The built-in vocabulary: findings and anatomy of the virtual patients, in words of our own.

It is what there is without an ontology: enough for chest radiographs and for every population that can be made here,
not for free text of any hospital. Names of one finding are never another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from vesalius.knowledge.descriptions import descriptions
from vesalius.knowledge.entities import Linker
from vesalius.knowledge.ontology import Concept, Edge, Ontology
from vesalius.virtual.anatomy.catalogue import structures
from vesalius.virtual.preset import finding, finding_names
from vesalius.virtual.text.grammar import grammar

__all__ = ["anatomy_linker", "builtin", "explanation", "finding_linker", "names_of"]


@cache
def names_of(concept: str) -> tuple[str, ...]:
    """Names of a finding, the commonest first."""
    written = grammar(finding(concept).region).findings[concept].names
    return tuple(dict.fromkeys((*written, concept.replace("_", " "))))


def explanation(concept: str) -> str:
    """Return one text of a concept: its name, and where it is described what it is and how it looks."""
    name = names_of(concept)[0] if concept in finding_names() else concept.replace("_", " ")
    return " ".join((f"{name}.", *descriptions()[concept].sentences)) if concept in descriptions() else f"{name}."


@cache
def finding_linker() -> Linker:
    """Return the linker of all findings."""
    return Linker({concept: names_of(concept) for concept in finding_names()})


@cache
def anatomy_linker() -> Linker:
    """Return the linker of all structures; "right lung" is meant before "lung"."""
    return Linker({name: (name,) for name in structures()})


@cache
def builtin() -> Ontology:
    """Return findings and structures as an ontology: parts, sides and where a finding lies."""
    concepts = [
        Concept(id=f"finding:{name}", name=names_of(name)[0], synonyms=names_of(name)[1:],
                types=("finding",), codes=_code(finding(name).code))
        for name in finding_names()
    ]  # fmt: skip
    anatomy = structures()
    concepts += [
        Concept(id=f"anatomy:{name}", name=name, types=("anatomy",), codes=_code(structure.code))
        for name, structure in anatomy.items()
    ]
    edges = [
        Edge(f"anatomy:{name}", "part_of", f"anatomy:{structure.parent}")
        for name, structure in anatomy.items()
        if structure.parent
    ]
    return Ontology.of(concepts, edges)


def _code(snomed: str) -> Mapping[str, str]:
    return {"SCT": snomed} if snomed else {}
