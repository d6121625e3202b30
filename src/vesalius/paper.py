"""What a system's file says of its paper: where it was published, and its claims that can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Claim", "Paper"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One sentence of a paper that can be measured by switching one factor."""

    sentence: str
    """The paper's claim in our words."""
    factor: str
    """Dotted recipe key that is switched."""
    on: object
    """Value of the factor with the paper's idea."""
    off: object
    """Value of the factor without it."""
    task: str
    metric: str
    direction: Literal["higher", "lower", "equal"] = "higher"
    published: str = ""
    """The figure in the paper and where it was measured, or empty."""


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
