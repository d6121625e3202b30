"""ARL: a graph of knowledge aligns image and text, is read by the words that name its entities, and steers the masks.

Paper: Chen, Li and Wan, ACM MM 2022, arXiv 2209.07118. Code: zhjohnchan/ARL, no licence file.
New, on the skeleton of M3AE: ALIGN, image and text are scored by the entities of a graph, each for itself; REASON,
the entities of a text run through the fusion beside it and enter the words that name them; LEARN, an entity is masked
as a whole, and is taken out of the entities while its words are to be found.
Differs here: names are found by a dictionary; the graph is the package's own or any ontology, and its edges are read
both ways; an image shows what its text states as present, since no linker of images is at hand; the share of words
is one of the words of a text. Variant "release" masks by the padded length and reads edges one way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vesalius.config import Config
from vesalius.data.collator import Reading
from vesalius.data.words import span_tokens
from vesalius.errors import DataError
from vesalius.knowledge.numbered import EntityMention, numbered_graph
from vesalius.methods._fused import FusedConfig, FusedMethod
from vesalius.methods.base import Batch, Representations, batch_share
from vesalius.models.dual import DualEncoder
from vesalius.models.fusion.entities import EntityStream
from vesalius.models.fusion.streams import ThirdStream
from vesalius.models.graph.bank import (
    NO_ENTITY,
    EntityBank,
    chosen_entities,
    graph_edges,
    padded,
    padded_spans,
    several_hot,
)
from vesalius.models.graph.translational import TransE
from vesalius.objectives.knowledge import TriplePass, bernoulli_share, triple_pass
from vesalius.objectives.masked import span_places, touched, units_of_spans
from vesalius.paper import Claim, ClaimData, Paper, PositiveControl

__all__ = ["ARL", "METHOD", "PAPER", "SETTINGS", "ARLConfig", "GraphConfig", "build", "graph_vectors"]

# B batch, L tokens, P patches, S entities of a text, E entities, D width of an entity

_BATCHES = 100
"""Of an epoch over a large graph (authors)."""
_LEAST_BATCH = 1024

_COMPACT = (
    "model.width=64",
    "model.depth=2",
    "model.patch=16",
    "method.width=64",
    "model.text_length=48",
    "method.layers=2",
    "method.middle=1",
    "method.decoder_depth=1",
    "method.graph={width: 64, heads: 2, head_width: 32}",
)
"""Encoders and fusion for pictures of 64 pixels."""
_ALIGNED = (
    "method.pixel_weight=0",
    "method.match_weight=0",
    "method.reason=false",
    "method.graph={width: 64, heads: 2, head_width: 32, dropout: 0, epochs: 300}",
    "optimisation.lr=0.004",
)
"""ALIGN by itself, at a rate at which compact encoders learn it: its error is a mean over 785 entities, of which a
study shows one, and for the first hundred steps all that it teaches is how seldom each is shown."""
_PUBLISHED = "VQA-RAD / SLAKE / MedVQA-2019, overall accuracy: 77.0 / 84.1 / 79.9 (from memory)"

PAPER = Paper(
    slug="arl",
    title="Align, Reason and Learn: Enhancing Medical Vision-and-Language Pre-training with Knowledge",
    year=2022,
    arxiv="2209.07118",
    venue="ACM MM",
    code="zhjohnchan/ARL, no licence file",
    claims=(
        Claim(
            name="align",
            sentence="Images and texts that are scored by the entities of a graph make better features.",
            factor="method.align_weight",
            on=1.0,
            off=0.0,
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published=_PUBLISHED,
            settings=_COMPACT,
            control=PositiveControl(
                sentence="Each report names a finding three times, and the picture shows its sign: a hidden name is "
                "told by the two others, so that ALIGN alone asks the picture which one it is.",
                data=ClaimData(plant="signs_named_again"),
                settings=(
                    *_ALIGNED,
                    "method.word_weight=0.01",
                    "method.layers=1",
                    "optimisation.steps=720",
                    "optimisation.rates={bank: 3}",
                ),
            ),
        ),
        Claim(
            name="graph",
            sentence="It is the graph that helps: with every name given to another entity the features are worse.",
            factor="method.knowledge",
            on="graph",
            off="shuffled",
            task="linear_probe",
            metric="auroc",
            subset=0.1,
            published="not measured in the paper; the control of its knowledge",
            settings=_COMPACT,
            control=PositiveControl(
                sentence="The label is known of one of two kin in training and asked of the other one, whose sign is "
                "another: the graph alone says that they are kin. Entities learn slowly, so that pictures come to "
                "where the graph has them.",
                data=ClaimData(plant="kin_signs"),
                settings=(
                    *_ALIGNED,
                    "method.word_weight=0",
                    "optimisation.steps=720",
                    "optimisation.rates={bank: 0.1}",
                ),
                subset=1.0,
            ),
        ),
    ),
)


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


@dataclass(frozen=True, kw_only=True)
class ARLConfig(FusedConfig):
    """Settings of ARL."""

    variant: Literal["paper", "release"] = "paper"
    """"release" does as the authors' code: 15 % of the padded length is masked, edges are read from head to tail."""
    match_weight: float = 0.1
    """Of matching (authors' code: 0.1)."""
    align_weight: float = 1.0
    """Of ALIGN (authors' code: 1)."""
    reason: bool = True
    """REASON: entities run through the fusion."""
    entity_masking: bool = True
    """LEARN: entities are masked whole, and what is masked is no entity of that pass."""
    knowledge: Literal["graph", "shuffled"] = "graph"
    """"shuffled" gives every name to another entity: the control of what the graph is worth."""
    num_entities: int = 24
    """Most entities of a text (authors' code: 24)."""
    entity_heads: int = 4
    """Attention heads of the entities in the fusion (authors' code: 4)."""
    graph: GraphConfig = field(default_factory=GraphConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_entities < 1:
            raise ValueError(f"num_entities must be at least 1, found {self.num_entities}")


class ARL(FusedMethod):
    """Fusion of image and text with a graph of knowledge."""

    unshared = FusedMethod.unshared | {"entity", "entity_place", "entity_keep"}

    def __init__(self, settings: ARLConfig, model: DualEncoder):
        super().__init__(settings, model)
        self.chosen, graph = settings, settings.graph
        self.released = settings.variant == "release"
        self.graph = numbered_graph(graph.source, shuffled=settings.knowledge == "shuffled")
        self.bank = EntityBank(
            graph_vectors(graph), graph_edges(self.graph.triples, both_ways=not self.released),
            features=self.fusion.settings.width, heads=graph.heads, head_width=graph.head_width,
            dropout=graph.dropout,
        )  # fmt: skip
        self.stream = None
        if settings.reason:
            self.stream = EntityStream(self.fusion.settings, width=graph.width, heads=settings.entity_heads)
        self._freeze_unused()

    def annotate(self, reading: Reading) -> Mapping[str, NDArray[np.generic]]:
        """Add the entities of the texts, padded by `NO_ENTITY`, beside the words.

        ``entity_numbers`` (B, S) and ``entity_spans`` (B, S, 2) in tokens of what a text names, at most
        `num_entities`; ``text_entities`` and ``image_entities`` (B, S), once each, of all that is named and of what
        is stated as present. What lies beyond the tokens that are read is not there.
        """
        found = [self.graph.mentions(sample.text) for sample in reading.samples]
        spans = span_tokens(reading.tokens, [[(one.start, one.end) for one in row] for row in found])
        kept = [
            [(one, (int(first), int(last))) for one, (first, last) in zip(row, place, strict=False) if first >= 0]
            for row, place in zip(found, spans, strict=True)
        ]
        most = self.chosen.num_entities
        return {
            **super().annotate(reading),
            "entity_numbers": padded([[one.entity for one, _ in row[:most]] for row in kept]),
            "entity_spans": padded_spans([[span for _, span in row[:most]] for row in kept]),
            "text_entities": padded([list(dict.fromkeys(one.entity for one, _ in row)) for row in kept]),
            "image_entities": padded([_present([one for one, _ in row]) for row in kept]),
        }

    def encode(self, batch: Batch) -> Representations:
        """Tokens of both sides and the entities, and what each study lost in aligning, words and pixels."""
        if "entity_numbers" not in batch:
            raise DataError("ARL needs entity_numbers in the batch: give its `annotate` to the collator")
        entities = self.bank()
        made = {
            **self.pair_tokens(batch),
            "entity": chosen_entities(entities, batch["entity_numbers"]),
            "entity_place": self._places(batch),
            "entity_keep": batch["entity_numbers"] != NO_ENTITY,
        }
        if self.chosen.align_weight:
            made["align"] = self._align(made, entities, batch)
        if self.chosen.word_weight:
            made |= self.word_errors(batch, made)
        if self.chosen.pixel_weight:
            made["pixel_error"] = self.patch_errors(batch, made["text_tokens"], made["text_keep"], self.third(made))
        return self.carried(made)

    def loss(self, representations: Representations) -> dict[str, Tensor]:
        """Return the weighted sum of align, word, pixel and match, and each that has a weight."""
        parts = {}
        share = batch_share(representations, "index")
        if self.chosen.align_weight:
            parts["align"] = share * representations["align"].mean()
        if self.chosen.word_weight:
            parts["word"] = self.mean_over(representations, "word_error", "num_hidden")
        if self.chosen.pixel_weight:
            parts["pixel"] = share * representations["pixel_error"].mean()
        if self.chosen.match_weight:
            parts["match"] = share * self.matching(representations)
        return self.weighed(parts)

    def third(self, made: Representations, labels: Tensor | None = None) -> ThirdStream | None:
        """Entities beside the text, where REASON is on; those whose words are hidden are taken out."""
        if self.stream is None or "entity" not in made:
            return None
        keep = made["entity_keep"]
        if labels is not None and self.chosen.entity_masking:
            keep = keep & ~touched(made["entity_place"], labels)
        return self.stream.over(made["entity"], made["entity_place"], keep)

    def units(self, batch: Batch) -> Tensor:
        """Return what is hidden as one, (B, L): words, and entities whole where LEARN is on."""
        words = super().units(batch)
        return units_of_spans(words, self._places(batch)) if self.chosen.entity_masking else words

    def word_shares(self, batch: Batch) -> Tensor:
        """Return the share of each text's words that is hidden, (B,); the release counts padding along."""
        shares = super().word_shares(batch)
        if not self.released:
            return shares
        real = (batch["units"] >= 0).sum(dim=1).clamp(min=1).cpu()
        return (shares * self.model.settings.text_length / real).clamp(max=1.0)

    def _places(self, batch: Batch) -> Tensor:
        return span_places(batch["entity_spans"], batch["input_ids"].shape[1])

    def _align(self, made: Representations, entities: Tensor, batch: Batch) -> Tensor:
        """Binary cross-entropy of each study with all entities, of image and text together, (B,)."""
        fusion = self.fusion
        image = fusion.image_project(made["image_tokens"][:, 0]) + fusion.modality[1]
        text = fusion.text_project(made["text_tokens"][:, 0]) + fusion.modality[0]
        lost = []
        for logits, wanted in (
            (self.bank.image_scores(image, entities), batch["image_entities"]),
            (self.bank.text_scores(text, entities), batch["text_entities"]),
        ):
            target = several_hot(wanted, len(entities)).to(logits)
            lost.append(functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean(dim=1))
        return lost[0] + lost[1]

    def _freeze_unused(self) -> None:
        """Freeze what no task reaches."""
        if self.stream is not None:
            self.stream.freeze_unread(self.num_read)
        if not self.chosen.align_weight:
            self._still([self.bank.image_head, self.bank.text_head])
            self._still([] if self.stream and self.num_read else [self.bank])


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


def _present(mentions: Sequence[EntityMention]) -> list[int]:
    """Return the entities that a text states as present, once each."""
    return list(dict.fromkeys(one.entity for one in mentions if one.status == "present"))


METHOD = ARL
SETTINGS = ARLConfig


def build(settings: ARLConfig, model: DualEncoder) -> ARL:
    """Put the method around a model."""
    return ARL(settings, model)
