"""All embeddings of a graph by name."""

from __future__ import annotations

from vesalius.errors import ConfigError, did_you_mean
from vesalius.models.graph.base import GraphEmbedding
from vesalius.models.graph.bilinear import NTN, RESCAL, ComplEx, DistMult, SimplE, TuckER
from vesalius.models.graph.convolutional import ConvE, ConvR, HypER
from vesalius.models.graph.hyperbolic import AttH, MurE, MurP
from vesalius.models.graph.neighbours import RGCN
from vesalius.models.graph.translational import RotatE, TransD, TransE, TransH, TransR

__all__ = ["EMBEDDINGS", "graph_embedding"]

EMBEDDINGS: dict[str, type[GraphEmbedding]] = {
    "TransE": TransE, "TransH": TransH, "TransR": TransR, "TransD": TransD, "DistMult": DistMult, "ComplEx": ComplEx,
    "SimplE": SimplE, "RESCAL": RESCAL, "TuckER": TuckER, "NTN": NTN, "ConvE": ConvE, "ConvR": ConvR, "HypER": HypER,
    "RotatE": RotatE, "AttH": AttH, "MurP": MurP, "MurE": MurE, "R-GCN": RGCN,
}  # fmt: skip


def graph_embedding(name: str, *, num_entities: int, num_relations: int, width: int = 64) -> GraphEmbedding:
    """Build an embedding by name.

    Raises:
        ConfigError: unknown name; the nearest are given.
    """
    if name not in EMBEDDINGS:
        raise ConfigError(f"no graph embedding {name!r}{did_you_mean(name, EMBEDDINGS)}")
    return EMBEDDINGS[name](num_entities=num_entities, num_relations=num_relations, width=width)
