"""The sections of a recipe whose method learns from conversations: data and stages. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from vesalius.config import Config
from vesalius.tasks.grammar.base import COUNTED
from vesalius.tasks.instructions import Wording

__all__ = ["PARTS", "ConversationDataSettings", "LoraSettings", "PairSettings", "SourceSettings", "StageSettings"]

PARTS = ("vision", "connector", "language")
"""Parts of a vision-language model that a stage lets learn."""

Part = Literal["vision", "connector", "language", "own"]
"""A part of the model, or "own": what the method brings itself, where that alone learns."""


@dataclass(frozen=True, kw_only=True)
class PairSettings(Config):
    """How preference pairs are made of a family's conversations, when the stage that learns from them begins."""

    maker: Literal["sampled", "hallucinated", "noised"]
    """sampled: the model answers several times, and a judge takes the best and the worst (CheXalign); hallucinated:
    the reference beside the model's answer with the most untrue facts, or where none is untrue, beside the reference
    that rules made wrong; noised: the same answer about a picture without its lesion
    (MMedPO)."""
    most: int = 0
    """Conversations of a split that pairs are made of, spread evenly; all where 0."""
    candidates: int = 4
    """sampled, hallucinated: answers of the model to each question; 0 for hallucinations by rules alone."""
    temperature: float = 1.0
    """Of the model's answers."""
    longest: int = 256
    """Tokens of an answer of the model, at most."""
    judge: str = "facts"
    """sampled: a name of `vesalius.curation.preferences.judging.JUDGES`."""
    region: Literal["lesion", "whole"] = "lesion"
    """noised: the study's masks or boxes, or the whole picture."""
    noise: Literal["clipped", "wrapped", "diffused", "added"] = "clipped"
    """noised, see `vesalius.curation.preferences.lesion_noise`; wrapped is that of MMedPO's code."""
    weights: Literal["none", "urgency"] = "none"
    """none: every pair counts 1; urgency: by the most urgent finding on which the answers differ, 0 for pairs that
    were turned round."""
    normalised: bool = False
    """Weights are rescaled to mean 1 and variance 0.1 and cut to 0.75 … 1.25 (MMedPO's paper); its code takes them as
    they are."""
    turned: float = 0.0
    """Share of pairs that are turned round, the better side as the worse one: errors that are put in on purpose."""

    def __post_init__(self) -> None:
        fewest = 2 if self.maker == "sampled" else 0
        if self.candidates < fewest or self.temperature <= 0 or self.longest < 1 or self.most < 0:
            raise ValueError(
                f"candidates {self.candidates}, temperature {self.temperature}, longest {self.longest}, most "
                f"{self.most}: expected {fewest} or more, above 0, 1 or more, 0 or more"
            )
        if not 0 <= self.turned < 1:
            raise ValueError(f"turned {self.turned}: expected a share of 0 or more, below 1")


@dataclass(frozen=True, kw_only=True)
class SourceSettings(Config):
    """Where conversations come from: one task family of the corpus or several together, or a JSONL file."""

    family: str = ""
    """Of `vesalius.tasks.instructions`, such as vqa, report or text2region; the corpus of the section is read."""
    families: tuple[str, ...] = ()
    """Several of them: what they ask of one study stands in one conversation, in the order of the families."""
    together: float = 12.0
    """Questions of a conversation of several families in the mean, drawn anew in every epoch."""
    weight: float = 1.0
    """What the losses of its answers are multiplied by, beside those of other sources."""
    path: str = ""
    """JSONL file of conversations for training."""
    validation_path: str = ""
    """JSONL file for validation; without one such a source is not validated on."""
    language: str = "en"
    """Of a family's words; another language is another source."""
    pairs: PairSettings | None = None
    """Preference pairs are made of the family's conversations."""

    def __post_init__(self) -> None:
        if self.pairs is not None and not self.family:
            raise ValueError(f"pairs are made of one family's conversations; those of {self.path} stand in the file")
        if [bool(self.family), bool(self.families), bool(self.path)].count(True) != 1:
            given = (self.family, list(self.families), self.path)
            raise ValueError(f"give one of family, families and path; found {given}")
        if not 0 < self.weight < inf:
            raise ValueError(f"weight {self.weight}: expected a number above 0; what is not learnt has ratio 0")
        if self.together < 1 or (self.together != 12.0 and not self.families):
            raise ValueError(f"together {self.together}: expected 1 or more, beside families")
        alone = sorted({*self.families} & {*COUNTED, "pointing", "landmark"})
        if alone:
            raise ValueError(f"family {alone[0]} writes places in a form of its own; it cannot stand among families")

    @property
    def asked(self) -> tuple[str, ...]:
        """Families that the corpus is asked by; none of a file."""
        return self.families or ((self.family,) if self.family else ())


@dataclass(frozen=True, kw_only=True)
class ConversationDataSettings(Config):
    """What is read, and how it is put into rows."""

    corpus: str = ""
    """Folder of the corpus; `data=PATH` on the command line is short for `data.corpus=PATH`."""
    train: str = "train"
    """Name of the split to train on."""
    validation: str | None = "val"
    """Name of the split for the loss during training; null for none."""
    sources: Mapping[str, SourceSettings] = field(
        default_factory=lambda: {"vqa": SourceSettings(family="vqa"), "report": SourceSettings(family="report")}
    )
    """By the names that mixtures use."""
    length: int = 1024
    """Tokens of a row, into which several conversations are packed; a longer conversation is an error."""
    pack: bool = True
    """Conversations share rows without seeing each other; else each has a row of its own and is padded."""
    too_long: Literal["error", "skip"] = "error"
    """What becomes of a conversation that takes more tokens than a row: an error with its numbers, or it is left out
    and counted. Nothing is cut."""
    together: int = 512
    """Conversations that are looked at together to fill rows."""
    unreadable_share: float = 0.05
    """Conversations whose media cannot be read are named and left out; above this share, training stops."""
    grammar: str = "medrega"
    """How boxes, points and regions are written, see `vesalius.tasks.grammar`."""
    wording: Wording = field(default_factory=Wording)
    """Which words the questions of families are put in, in training and in scoring."""

    def faults(self) -> list[str]:
        """Say what is wrong with the values, one line a fault."""
        found = [f"key {name!r}: must be above 0" for name in ("length", "together") if getattr(self, name) <= 0]
        if not self.sources:
            found.append("key 'sources' is empty; name at least one, such as {vqa: {family: vqa}}")
        if not 0 <= self.unreadable_share <= 1:
            found.append(f"key 'unreadable_share': {self.unreadable_share} is not a share between 0 and 1")
        return found


@dataclass(frozen=True, kw_only=True)
class LoraSettings(Config):
    """Low-rank adapters on linear layers; the weights below them do not move."""

    parts: tuple[Part, ...] = ("language",)
    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.0
    kind: Literal["lora", "dora", "rslora"] = "lora"
    """Plain, with magnitudes of their own (DoRA), or scaled by the root of the rank (rsLoRA)."""
    targets: tuple[str, ...] = ()
    """Last names of the layers, such as q_proj; empty for every linear layer but the one that gives words."""

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise ValueError(
                f"rank {self.rank} and alpha {self.alpha} must be above 0, dropout {self.dropout} in 0 … 1"
            )


@dataclass(frozen=True, kw_only=True)
class StageSettings(Config):
    """One stage of training: what learns, from what, how."""

    learns: tuple[Part, ...] = ("connector", "language")
    """Parts whose own weights move; all others are the same bits afterwards."""
    lora: LoraSettings | None = None
    """Adapters for parts that do not learn themselves; they are merged into the weights at the end of the stage."""
    mixture: Mapping[str, float] = field(default_factory=dict)
    """Source to ratio: 1 is every conversation once an epoch, .5 every other one, 2 twice, 0 none. Empty: all."""
    supervised: bool = False
    """A method that learns from pairs learns answers as they are in this stage, of pairs the better ones."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """Settings of `model.connector` and `model.views` in this stage, such as {views: {size: 96}}; they stay."""
    optimisation: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the section `optimisation` that are otherwise in this stage."""

    def __post_init__(self) -> None:
        if not self.learns and self.lora is None:
            raise ValueError("nothing learns in this stage; name parts in learns, or adapters in lora")
        both = set(self.learns) & set(self.lora.parts if self.lora else ())
        if both:
            raise ValueError(f"{', '.join(sorted(both))} would learn as a whole and through adapters; choose one")
        strange = sorted(set(self.model) - {"connector", "views"})
        if strange:
            raise ValueError(f"model.{strange[0]} cannot change between stages; connector and views can")
        wrong = {name: ratio for name, ratio in self.mixture.items() if not ratio >= 0}
        if wrong or (self.mixture and not any(self.mixture.values())):
            raise ValueError(f"mixture {wrong or dict(self.mixture)}: ratios must be from 0 on, one of them above it")
