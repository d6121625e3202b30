"""The words of the reports as data, read once, with the slots of phrases filled from facts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vesalius.config import Config, read_yaml, validate
from vesalius.data.records import Laterality, Status

__all__ = ["Fact", "Grammar", "Words", "grammar", "stated"]

_SLOT = re.compile(r"{(\w+)}")
_BOTH = re.compile(r"\b(both|bilateral|bibasilar)\b")


@dataclass(frozen=True)
class Fact:
    """What a sentence says; empty fields are not said."""

    concept: str
    status: Status
    laterality: Laterality = ""
    anatomy: str = ""
    """A lobe, where one is named."""
    severity: str = ""
    size_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Words(Config):
    """The words of one finding; see `phrases`."""

    system: str
    urgency: int
    names: list[str]
    phrases: list[str]
    both: list[str] = field(default_factory=list)
    one: list[str] = field(default_factory=list)
    lobar: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class General(Config):
    """A sentence that denies several findings at once."""

    text: str
    system: str
    facts: list[str]


@dataclass(frozen=True, kw_only=True)
class Systems(Config):
    """Organ systems in the order of a report."""

    order: list[str]
    labels: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Grammar(Config):
    """All words."""

    findings: dict[str, Words]
    general: list[General]
    normal_impression: list[str]
    frames: dict[str, list[str]]
    boilerplate: list[str]
    systems: Systems
    british: dict[str, str]
    abbreviations: dict[str, str]


@cache
def grammar() -> Grammar:
    """Read the words."""
    file = Path(__file__).parent / "phrases" / "chest.yaml"
    values: dict[str, Any] = read_yaml(file)
    return validate(Grammar, values, where=file.name)


def stated(phrase: str, fact: Fact, slots: dict[str, str]) -> tuple[str, Fact]:
    """Fill a phrase and return it with the part of `fact` that it says."""
    used = set(_SLOT.findall(phrase))
    text = _SLOT.sub(lambda match: slots.get(match[1], ""), phrase)
    lobe = fact.anatomy if "lobe" in used and fact.anatomy else ""
    sided = used & {"side", "site", "lobe"}
    laterality: Laterality = "bilateral" if _BOTH.search(phrase) else fact.laterality if sided else ""
    return _tidy(text), Fact(
        fact.concept, fact.status, laterality, lobe, fact.severity if "severity" in used else "",
        fact.size_mm if "size" in used else None,
    )  # fmt: skip


def _tidy(text: str) -> str:
    """Mend articles and blanks."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\ba (?=[aeiou])", "an ", text)
    return re.sub(r"\ban (?=[^aeiou])", "a ", text)
