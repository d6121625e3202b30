"""What a system's file says of its paper: where it was published, and its claims that can be measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["PLANT", "Claim", "ClaimData", "Direction", "Paper", "PositiveControl"]

Direction = Literal["higher", "lower", "equal"]

PLANT = "corpus.plant"
"""A factor that is no key of a recipe: the plant (see `vesalius.evaluation.plants`) in what an arm is trained on."""


@dataclass(frozen=True, kw_only=True)
class ClaimData:
    """Virtual patients made for a claim; how many, and how large their pictures, is the budget's choice."""

    preset: str = "chest"
    volumes: bool = False
    """The preset's examinations are volumes, of which the budget has fewer and smaller ones than of pictures."""
    settings: tuple[str, ...] = ()
    """Changes of the preset, such as ``("prevalence.edema=0.3",)``."""
    plant: str = ""
    """Name of a plant that is put into the patients of all splits, or empty."""
    questions: tuple[str, ...] = ()
    """Families of questions that the patients are asked, see `vesalius.virtual.questions`; "all" for every one."""


@dataclass(frozen=True, kw_only=True)
class PositiveControl:
    """An effect that is planted in the data and that the mechanism must find; what is empty is as in the claim."""

    sentence: str
    """What is planted, and why the mechanism must find it."""
    data: ClaimData
    settings: tuple[str, ...] = ()
    """Recipe settings of both arms, laid over those of the claim."""
    task: str = ""
    metric: str = ""
    label: str = ""
    subset: float | None = None
    """Share of the training labels; that of the claim where neither this nor a task is given."""
    direction: Direction | None = None
    """None for the claim's; a claim of equality needs "higher" or "lower" here."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence of a paper that can be measured by switching one factor."""

    sentence: str
    """The paper's claim in our words."""
    factor: str
    """Dotted recipe key that is switched, or words for several keys that are switched at once."""
    on: object
    """Value of the factor with the paper's idea, or a mapping of dotted keys to values."""
    off: object
    """Value of the factor without it, or a mapping of dotted keys to values."""
    task: str
    metric: str
    direction: Direction = "higher"
    published: str = ""
    """The figure in the paper and where it was measured, or empty."""
    name: str = ""
    """Short name, unique in the system; the number of the claim where it is empty."""
    recipe: str = ""
    """Recipe of both arms; ``<system>/small`` where it is empty."""
    settings: tuple[str, ...] = ()
    """Recipe settings of both arms, such as ``("model.width=64",)``, laid over those of the budget."""
    label: str = "macro"
    """Label of the score: "macro", a concept, or a direction of retrieval."""
    subset: float | None = None
    """Share of the training labels, for tasks that learn from them."""
    margin: float = 0.0
    """Largest difference that does not matter; only for claims of equality."""
    data: ClaimData = field(default_factory=ClaimData)
    control: PositiveControl | None = None

    def arm(self, side: Literal["on", "off"]) -> dict[str, object]:
        """Return the dotted keys of one arm with their values."""
        value = self.on if side == "on" else self.off
        return dict(value) if isinstance(value, Mapping) else {self.factor: value}


@dataclass(frozen=True, kw_only=True)
class Paper:
    """Bibliography of a system, in the head of its file."""

    slug: str
    title: str
    year: int
    arxiv: str = ""
    venue: str = ""
    code: str = ""
    """Repository and licence of the authors' code, or "none released"."""
    claims: tuple[Claim, ...] = ()
