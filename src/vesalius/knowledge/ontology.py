"""A store of concepts and of the relations between them, held as columns: four million concepts fit in a laptop.

Identifiers are those of the source ("C0032227", "RADLEX:RID34", "HP:0002202"), prefixed where a source has none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vesalius.data.disk import replacing
from vesalius.errors import DataError, did_you_mean
from vesalius.knowledge.entities import Linker

__all__ = ["IS_A", "PART_OF", "Concept", "Edge", "Ontology"]

IS_A, PART_OF = "is_a", "part_of"

_STRINGS = pa.list_(pa.string())
_CONCEPTS = pa.schema([
    ("id", pa.string()), ("name", pa.string()), ("synonyms", _STRINGS), ("definition", pa.string()),
    ("types", _STRINGS), ("codes", pa.map_(pa.string(), pa.string())),
])  # fmt: skip
_EDGES = pa.schema([("head", pa.string()), ("relation", pa.string()), ("tail", pa.string())])
_FILES = ("concepts.parquet", "edges.parquet")
_HINTS_AMONG = 20_000
"""Names looked through for the nearest one in an error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Concept:
    """A thing with its names."""

    id: str
    name: str
    synonyms: tuple[str, ...] = ()
    definition: str = ""
    types: tuple[str, ...] = ()
    """Semantic types, such as "Disease or Syndrome"."""
    codes: Mapping[str, str] = field(default_factory=dict)
    """Codes in other systems, such as {"SCT": "60046008"}."""

    @property
    def names(self) -> tuple[str, ...]:
        """Name and synonyms."""
        return (self.name, *self.synonyms)


class Edge(NamedTuple):
    """A relation: head, relation, tail."""

    head: str
    relation: str
    tail: str


class Ontology:
    """Concepts and edges; made by `of`, by a reader, or opened from a folder."""

    def __init__(self, concepts: pa.Table, edges: pa.Table) -> None:
        self.concepts = concepts
        """Columns id, name, synonyms, definition, types, codes."""
        self.edges = edges
        """Columns head, relation, tail."""

    @classmethod
    def of(cls, concepts: Iterable[Concept], edges: Iterable[Edge] = ()) -> Ontology:
        """Build from records.

        Raises:
            DataError: an id occurs twice, or an edge names a concept that is not there.
        """
        rows = [
            {"id": one.id, "name": one.name, "synonyms": one.synonyms, "definition": one.definition,
             "types": one.types, "codes": list(one.codes.items())}
            for one in concepts
        ]  # fmt: skip
        pairs = [edge._asdict() for edge in edges]
        made = cls(pa.Table.from_pylist(rows, schema=_CONCEPTS), pa.Table.from_pylist(pairs, schema=_EDGES))
        made._check()
        return made

    @classmethod
    def open(cls, folder: str | Path) -> Ontology:
        """Open what `save` wrote.

        Raises:
            DataError: a file is missing or unreadable.
        """
        tables = []
        for name in _FILES:
            try:
                tables.append(pq.read_table(Path(folder) / name, memory_map=True))
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"{folder} holds no ontology: {name} cannot be read: {error}") from None
        return cls(*tables)

    def save(self, folder: str | Path) -> None:
        """Write the ontology as two Parquet files."""
        for name, table in zip(_FILES, (self.concepts, self.edges), strict=True):
            with replacing(Path(folder) / name, scratch=Path(folder)) as file:
                pq.write_table(table, file, compression="zstd")

    def __len__(self) -> int:
        return len(self.concepts)

    def __iter__(self) -> Iterator[Concept]:
        for batch in self.concepts.to_batches():
            yield from map(_concept, batch.to_pylist())

    def __contains__(self, concept: object) -> bool:
        return concept in self._rows

    def __getitem__(self, concept: str) -> Concept:
        row = self._rows.get(concept)
        if row is None:
            near = list(self._rows)[:_HINTS_AMONG]
            raise DataError(f"no concept {concept!r} among {len(self)}{did_you_mean(concept, near)}")
        return _concept(self.concepts.slice(row, 1).to_pylist()[0])

    def out_of(self, concept: str, relation: str | None = None) -> list[Edge]:
        """Edges whose head is a concept."""
        return self._edges_at(concept, self._by_head, relation)

    def into(self, concept: str, relation: str | None = None) -> list[Edge]:
        """Edges whose tail is a concept."""
        return self._edges_at(concept, self._by_tail, relation)

    def ancestors(self, concept: str, relations: Iterable[str] = (IS_A,)) -> list[str]:
        """Return all that a concept is, nearest first; loops end where they began."""
        return self._reached(concept, tuple(relations), upwards=True)

    def descendants(self, concept: str, relations: Iterable[str] = (IS_A,)) -> list[str]:
        """Return all that is a kind of a concept, nearest first."""
        return self._reached(concept, tuple(relations), upwards=False)

    def linker(self, *, types: Iterable[str] = (), least_letters: int = 3) -> Linker:
        """Return a dictionary linker of all names.

        Args:
            types: only concepts of one of these semantic types; all where none is named.
            least_letters: shorter names are left out, since they mean too much.
        """
        wanted = set(types)
        return Linker({
            one.id: [name for name in one.names if len(name) >= least_letters]
            for one in self
            if not wanted or wanted & set(one.types)
        })  # fmt: skip

    def only(self, ids: Iterable[str]) -> Ontology:
        """Return the part with these concepts and the edges between them."""
        kept = pa.array(sorted(set(ids)), pa.string())
        concepts = self.concepts.filter(pc.is_in(self.concepts["id"], value_set=kept))
        inside = pc.and_(*(pc.is_in(self.edges[side], value_set=kept) for side in ("head", "tail")))
        return Ontology(concepts, self.edges.filter(inside))

    def merged(self, other: Ontology) -> Ontology:
        """Return both together; where an id is in both, this one's concept stays, edges are counted once.

        Raises:
            DataError: an edge names a concept that neither has.
        """
        new = pc.invert(pc.is_in(other.concepts["id"], value_set=self.concepts["id"].combine_chunks()))
        concepts = pa.concat_tables([self.concepts, other.concepts.filter(new)])
        edges = pa.concat_tables([self.edges, other.edges]).group_by(_EDGES.names, use_threads=False).aggregate([])
        made = Ontology(concepts, edges.select(_EDGES.names))
        made._check()
        return made

    def _check(self) -> None:
        if len(self._rows) != len(self.concepts):
            counts = pc.value_counts(self.concepts["id"])
            twice = counts.filter(pc.greater(pc.struct_field(counts, "counts"), 1))[0]["values"].as_py()
            raise DataError(f"concept {twice!r} occurs twice: ids must be unique")
        for side in ("head", "tail"):
            known = pc.is_in(self.edges[side], value_set=self.concepts["id"].combine_chunks())
            if not pc.all(known).as_py() and len(self.edges):
                edge = self.edges.filter(pc.invert(known)).slice(0, 1).to_pylist()[0]
                raise DataError(f"edge {tuple(edge.values())} names {edge[side]!r}, which is no concept")

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.concepts["id"].to_pylist())}

    @cached_property
    def _by_head(self) -> dict[str, NDArray[np.int64]]:
        return self._places("head")

    @cached_property
    def _by_tail(self) -> dict[str, NDArray[np.int64]]:
        return self._places("tail")

    def _places(self, side: str) -> dict[str, NDArray[np.int64]]:
        """Rows of the edges of every concept on one side."""
        encoded = self.edges[side].combine_chunks().dictionary_encode()
        codes = encoded.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(encoded.dictionary)))
        return (
            dict(zip(encoded.dictionary.to_pylist(), np.split(order, ends[:-1]), strict=True)) if len(codes) else {}
        )

    def _edges_at(self, concept: str, places: Mapping[str, NDArray[np.int64]], relation: str | None) -> list[Edge]:
        rows = places.get(concept)
        if rows is None:
            return []
        found = (Edge(**entry) for entry in self.edges.take(pa.array(rows)).to_pylist())
        return [edge for edge in found if relation is None or edge.relation == relation]

    def _reached(self, concept: str, relations: tuple[str, ...], *, upwards: bool) -> list[str]:
        seen = {concept: None}
        waiting = deque([concept])
        while waiting:
            here = waiting.popleft()
            for edge in self.out_of(here) if upwards else self.into(here):
                other = edge.tail if upwards else edge.head
                if edge.relation in relations and other not in seen:
                    seen[other] = None
                    waiting.append(other)
        return list(seen)[1:]


def _concept(row: Mapping[str, Any]) -> Concept:
    return Concept(
        id=row["id"], name=row["name"], synonyms=tuple(row["synonyms"] or ()), definition=row["definition"] or "",
        types=tuple(row["types"] or ()), codes=dict(row["codes"] or ()),
    )  # fmt: skip
