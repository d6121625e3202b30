"""Names in a text as numbers of the entities of a graph."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Status
from vesalius.knowledge.entities import Linker
from vesalius.knowledge.facts import fact_graph, fact_linker
from vesalius.knowledge.ontology import Ontology
from vesalius.knowledge.sources import read_ontology

__all__ = ["EntityMention", "NumberedGraph", "numbered_graph"]

_TEXTS_KEPT = 1 << 14


class EntityMention(NamedTuple):
    """A name of an entity in a text."""

    entity: int
    start: int
    """Place of its first character."""
    end: int
    """Place after its last character."""
    status: Status


class NumberedGraph:
    """Entities and edges of an ontology in numbers, and the names by which a text calls them."""

    def __init__(self, ontology: Ontology, linker: Linker, *, shuffled: int | None = None) -> None:
        """Number all concepts in the order of the ontology.

        Args:
            ontology: concepts and edges.
            linker: names of concepts of it.
            shuffled: a seed by which every name is given to another entity that has names: the control of what the
                graph is worth.
        """
        self.entities: tuple[str, ...] = tuple(ontology.concepts["id"].to_pylist())
        place = {name: number for number, name in enumerate(self.entities)}
        heads, relations, tails = (ontology.edges[side].to_pylist() for side in ("head", "relation", "tail"))
        self.relations = tuple(sorted(set(relations)))
        kind = {name: number for number, name in enumerate(self.relations)}
        rows = [(place[h], kind[r], place[t]) for h, r, t in zip(heads, relations, tails, strict=True)]
        self.triples: NDArray[np.int64] = np.array(rows, np.int64).reshape(-1, 3)
        """Head, relation, tail, (T, 3)."""
        named = [name for name in linker.names if name in place]
        meant = named
        if shuffled is not None:
            order = np.random.default_rng(shuffled).permutation(len(named))
            # Along one circle, so that none keeps its name.
            meant = list(named)
            for one, other in zip(order, np.roll(order, 1), strict=True):
                meant[one] = named[other]
        self._number = {name: place[other] for name, other in zip(named, meant, strict=True)}
        self._linker = linker
        self._found = lru_cache(maxsize=_TEXTS_KEPT)(self._find)

    def mentions(self, text: str) -> tuple[EntityMention, ...]:
        """Return what a text names, in order, judged."""
        return self._found(text)

    def _find(self, text: str) -> tuple[EntityMention, ...]:
        return tuple(
            EntityMention(self._number[one.concept], one.start, one.end, one.status)
            for one in self._linker.mentions(text)
            if one.concept in self._number
        )

    def __getstate__(self) -> dict[str, object]:
        """Leave out the texts that were kept: a worker process keeps its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_found"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._found = lru_cache(maxsize=_TEXTS_KEPT)(self._find)


@cache
def numbered_graph(source: str, *, shuffled: bool) -> NumberedGraph:
    """Return the graph of an ontology, or the package's own; `shuffled` gives every name to another entity."""
    seed = 0 if shuffled else None
    if not source:
        return NumberedGraph(fact_graph(), fact_linker(), shuffled=seed)
    ontology = read_ontology(source)
    return NumberedGraph(ontology, ontology.linker(), shuffled=seed)
