"""What the package itself knows, as one graph: findings, structures, how findings look and where they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from vesalius.knowledge.descriptions import descriptions
from vesalius.knowledge.entities import Linker
from vesalius.knowledge.ontology import Concept, Edge, Ontology
from vesalius.knowledge.vocabulary import builtin
from vesalius.virtual.preset import finding, finding_names

__all__ = ["fact_graph", "fact_linker"]

_LOOKS = ("shape", "density")
_PARTS = re.compile(r", (?:mostly |with )?| or | and | with ")


@cache
def fact_graph() -> Ontology:
    """Return findings and structures, with edges to looks, places and regions of the body.

    To the edges of `builtin` come ``has_shape`` and ``has_density`` to looks, which findings share ("air", "round"),
    ``located_in`` to a structure, or to a place that is none, and ``seen_in`` to the region. Looks, places and
    regions are no names to be found in a text: see `fact_linker`.
    """
    base = builtin()
    edges = list(dict.fromkeys(edge for concept in finding_names() for edge in _edges(concept)))
    heard = {edge.tail for edge in edges if edge.tail not in base}
    added = [Concept(id=name, name=name.partition(":")[2], types=(name.partition(":")[0],)) for name in sorted(heard)]
    return base.merged(Ontology.of([*base, *added], edges))


@cache
def fact_linker() -> Linker:
    """Return the linker of the graph's findings and structures."""
    return fact_graph().linker(types=("finding", "anatomy"))


def _edges(concept: str) -> Iterator[Edge]:
    head, described = f"finding:{concept}", descriptions().get(concept)
    yield Edge(head, "seen_in", f"region:{finding(concept).region}")
    if described is None:
        return
    parts = described.attributes
    for name in _LOOKS:
        for look in _PARTS.split(parts.get(name, "")):
            if look:
                yield Edge(head, f"has_{name}", f"look:{look}")
    for place in _PARTS.split(parts.get("place", "")):
        # A name inside another one is another thing: the pelvis of the kidney is none of the body.
        whole = [one.concept for one in _structures().mentions(place) if one.text == place]
        if place:
            yield Edge(head, "located_in", whole[0] if whole else f"place:{place}")


@cache
def _structures() -> Linker:
    return builtin().linker(types=("anatomy",))
