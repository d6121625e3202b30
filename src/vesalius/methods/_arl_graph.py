"""The graph of ARL in numbers: which ontology, vectors to start from, edges, and entities of texts as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vesalius.config import Config
from vesalius.knowledge.facts import fact_graph, fact_linker
from vesalius.knowledge.numbered import EntityMention, NumberedGraph
from vesalius.knowledge.sources import read_ontology
from vesalius.models.graph.bank import NO_ENTITY
from vesalius.models.graph.translational import TransE
from vesalius.objectives.knowledge import TriplePass, bernoulli_share, triple_pass

__all__ = [
    "GraphConfig",
    "graph_edges",
    "graph_vectors",
    "numbered_graph",
    "padded",
    "padded_spans",
    "present",
]

# S entities of a text, E entities, T triples, D width of an entity

_BATCHES = 100
"""Of an epoch over a large graph (authors)."""
_LEAST_BATCH = 1024


@dataclass(frozen=True, kw_only=True)
class GraphConfig(Config):
    """The graph of knowledge and its encoder."""

    source: str = ""
    """An ontology: a folder of UMLS tables or of ours, an .obo or an .owl file; empty for the package's own graph."""
    width: int = 256
    """Of an entity (paper: 256)."""
    epochs: int = 20
    """Of the vectors that entities start from, by TransE (authors: 1000 over UMLS); 0 leaves them at random."""
    heads: int = 8
    """Of the first layer over the graph (authors' code: 8)."""
    head_width: int = 64
    """Of each (authors' code: 64)."""
    dropout: float = 0.2
    """Of the graph's layers (authors' code: 0.2)."""


@cache
def numbered_graph(source: str, *, shuffled: bool) -> NumberedGraph:
    """Return the graph of an ontology, or the package's own; `shuffled` gives every name to another entity."""
    seed = 0 if shuffled else None
    if not source:
        return NumberedGraph(fact_graph(), fact_linker(), shuffled=seed)
    ontology = read_ontology(source)
    return NumberedGraph(ontology, ontology.linker(), shuffled=seed)


@cache
def graph_vectors(settings: GraphConfig) -> Tensor:
    """Vectors (E, D) by TransE: distance of sums, margin 5, 25 corruptions drawn by relation (authors)."""
    graph = numbered_graph(settings.source, shuffled=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TransE(num_entities=len(graph.entities), num_relations=len(graph.relations), width=settings.width)
    if len(graph.triples):
        triples = torch.from_numpy(graph.triples)
        way = TriplePass(
            batch=max(_LEAST_BATCH, -(-len(triples) // _BATCHES)), negatives=25, margin=5.0,
            num_entities=len(graph.entities),
            share=bernoulli_share(triples, len(graph.relations)),
        )  # fmt: skip
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        generator = torch.Generator().manual_seed(0)
        for _ in range(settings.epochs):
            triple_pass(model.score, triples, optimiser, settings=way, generator=generator)
    return model.entity.weight.detach()


def graph_edges(triples: NDArray[np.int64], *, both_ways: bool) -> Tensor:
    """Heads and tails of triples, (2, T), kinds left out, each pair once in a direction."""
    pairs = torch.from_numpy(triples[:, [0, 2]])
    pairs = torch.cat([pairs, pairs.flip(1)]) if both_ways else pairs
    return torch.unique(pairs, dim=0).T.contiguous() if both_ways else pairs.T.contiguous()


def present(mentions: Sequence[EntityMention]) -> list[int]:
    """Return the entities that a text states as present, once each."""
    return list(dict.fromkeys(one.entity for one in mentions if one.status == "present"))


def padded(rows: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return numbers of entities as (B, S), at least one column, padded by `NO_ENTITY`."""
    out = np.full((len(rows), max(1, *map(len, rows))), NO_ENTITY, dtype=np.int64)
    for row, numbers in enumerate(rows):
        out[row, : len(numbers)] = numbers
    return out


def padded_spans(rows: Sequence[Sequence[tuple[int, int]]]) -> NDArray[np.int64]:
    """Return spans as (B, S, 2), at least one, padded by (−1, −1)."""
    out = np.full((len(rows), max(1, *map(len, rows)), 2), -1, dtype=np.int64)
    for row, spans in enumerate(rows):
        if spans:
            out[row, : len(spans)] = spans
    return out
