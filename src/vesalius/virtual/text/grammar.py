"""The words of the reports as data: one file a region, and one that all share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path

from vesalius.config import Config, read_yaml, validate
from vesalius.data.records import Laterality, Status
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["Common", "Fact", "Grammar", "Words", "american", "british", "common", "grammar", "regions"]

_FOLDER = Path(__file__).parent / "phrases"
_SHARED = ("common", "forms", "lay")
"""Files of the folder that are no regions."""


@dataclass(frozen=True)
class Fact:
    """What a sentence says; empty fields are not said."""

    concept: str
    status: Status
    laterality: Laterality = ""
    anatomy: str = ""
    """The site, where one is named."""
    severity: str = ""
    size_mm: float | None = None
    certainty: str = ""
    """How a statement is hedged, a key of `Common.certainty`; empty where it is bare."""
    change: str = ""
    """Against the study before: new, stable, increased, decreased, worsened, improved (the last four also with
    ``slightly_``) or resolved."""
    change_mm: float | None = None
    """Growth, negative where it shrank."""
    change_percent: float | None = None
    previous_mm: float | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """Sorted pairs of the look, such as ``("margin", "spiculated")``."""


@dataclass(frozen=True, kw_only=True)
class Words(Config):
    """The words of one finding."""

    system: str
    urgency: int
    """0 to 9; the most urgent stands first in an impression."""
    names: list[str]
    """How it is called, the commonest first and in the singular."""
    phrases: list[str]
    """Noun phrases for a present finding, with slots."""
    both: list[str] = field(default_factory=list)
    """Where it is on both sides at once."""
    one: list[str] = field(default_factory=list)
    """Where the attribute `count` is "1"."""
    lobar: list[str] = field(default_factory=list)
    """Where its site is a lobe."""
    absent: list[str] = field(default_factory=list)
    """Statements that it is not there, beside the negated names."""
    mention: float = 0.2
    """How often it is denied where a site denies everything that matters."""


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
class Unaffected(Config):
    """What is said of an organ that no finding is about: it is normal, which states no fact."""

    system: str
    texts: list[str]


@dataclass(frozen=True, kw_only=True)
class ExamWords(Config):
    """What is said of one examination only."""

    boilerplate: list[str] = field(default_factory=list)
    normal_impression: list[str] = field(default_factory=list)
    normal: list[Unaffected] = field(default_factory=list)
    """Organs that it shows and no finding is about, in the order of the description."""


@dataclass(frozen=True, kw_only=True)
class Grammar(Config):
    """All words of a region."""

    findings: dict[str, Words]
    general: list[General]
    normal_impression: list[str]
    boilerplate: list[str]
    """Sentences without facts."""
    systems: Systems
    exams: dict[str, ExamWords] = field(default_factory=dict)
    """By examination, in place of the region's."""
    british: dict[str, str] = field(default_factory=dict)
    abbreviations: dict[str, str] = field(default_factory=dict)
    """Of this region only, beside those that all share."""


@dataclass(frozen=True, kw_only=True)
class Advice(Config):
    """What is advised of a finding up to a size."""

    texts: list[str]
    below_mm: float = float("inf")


@dataclass(frozen=True, kw_only=True)
class Common(Config):
    """Words that all regions share."""

    frames: dict[str, list[str]]
    certainty: dict[str, float]
    british: dict[str, str]
    abbreviations: dict[str, str]
    heavy: dict[str, str]
    titles: dict[str, str]
    sections: list[tuple[str, str]]
    nothing: list[str]
    with_prior: list[str]
    without_prior: list[str]
    disclaimer: list[str]
    advice: dict[str, list[Advice]]
    """By finding, ascending by size."""
    leftovers: list[str]
    dictation: dict[str, str]
    """What is misheard for what."""


@cache
def regions() -> tuple[str, ...]:
    """Names of all regions that have words."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.yaml") if file.stem not in _SHARED))


@cache
def common() -> Common:
    """Read the words that all regions share."""
    return validate(Common, read_yaml(_FOLDER / "common.yaml"), where="common.yaml")


@cache
def grammar(region: str = "chest", *, spelling: str = "american") -> Grammar:
    """Read the words of a region, all in one spelling: american or british."""
    return _spelled(_read(region), british if spelling == "british" else american)


@cache
def _read(region: str) -> Grammar:
    if region not in regions():
        raise ConfigError(f"no words for the region {region!r}{did_you_mean(region, regions())}")
    file = _FOLDER / f"{region}.yaml"
    words = validate(Grammar, read_yaml(file), where=file.name)
    _check(words, file.name)
    return words


def _check(words: Grammar, where: str) -> None:
    """Refuse names that lead nowhere."""
    systems = set(words.systems.order)
    for name, system in (
        [(name, entry.system) for name, entry in words.findings.items()]
        + [(part.text, part.system) for part in words.general]
        + [(part.texts[0], part.system) for entry in words.exams.values() for part in entry.normal]
    ):
        if system not in systems:
            raise ConfigError(f"{where}: {name!r} is of the unknown system {system!r}{did_you_mean(system, systems)}")
    for part in words.general:
        for concept in part.facts:
            if concept not in words.findings:
                nearest = did_you_mean(concept, words.findings)
                raise ConfigError(f"{where}: {part.text!r} denies the unknown finding {concept!r}{nearest}")
    for system in words.systems.order:
        if not words.systems.labels.get(system):
            raise ConfigError(f"{where}: the system {system!r} has no label")


def _spelled(words: Grammar, spell: Callable[[str], str]) -> Grammar:
    def all_of(texts: list[str]) -> list[str]:
        return [spell(text) for text in texts]

    findings = {
        concept: replace(
            entry, names=all_of(entry.names), phrases=all_of(entry.phrases), both=all_of(entry.both),
            one=all_of(entry.one), lobar=all_of(entry.lobar), absent=all_of(entry.absent),
        )
        for concept, entry in words.findings.items()
    }  # fmt: skip
    exams = {
        name: replace(
            entry, boilerplate=all_of(entry.boilerplate), normal_impression=all_of(entry.normal_impression),
            normal=[replace(part, texts=all_of(part.texts)) for part in entry.normal],
        )
        for name, entry in words.exams.items()
    }  # fmt: skip
    return replace(
        words, findings=findings, exams=exams, general=[replace(p, text=spell(p.text)) for p in words.general],
        normal_impression=all_of(words.normal_impression), boilerplate=all_of(words.boilerplate),
        systems=replace(words.systems, labels={k: all_of(v) for k, v in words.systems.labels.items()}),
    )  # fmt: skip


@cache
def _pairs() -> tuple[tuple[str, str], ...]:
    """(American, British) parts of words of all regions."""
    pairs = dict(common().british)
    for region in regions():
        pairs.update(_read(region).british)
    return tuple(pairs.items())


@cache
def _respelling(to_british: bool) -> tuple[re.Pattern[str], Mapping[str, str]]:
    table = {old: new for a, b in _pairs() for old, new in [(a, b) if to_british else (b, a)]}
    table.update({old.capitalize(): new.capitalize() for old, new in list(table.items())})
    longest = sorted(table, key=lambda word: -len(word))
    return re.compile("|".join(re.escape(word) for word in longest)), table


@lru_cache(maxsize=20_000)
def american(text: str) -> str:
    """Spell as in America. Slots in braces stay as they are."""
    pattern, table = _respelling(False)
    return _outside_slots(pattern, table, text)


@lru_cache(maxsize=20_000)
def british(text: str) -> str:
    """Spell as in Britain. Slots in braces stay as they are."""
    pattern, table = _respelling(True)
    return _outside_slots(pattern, table, american(text))


def _outside_slots(pattern: re.Pattern[str], table: Mapping[str, str], text: str) -> str:
    parts = re.split(r"({\w+})", text)
    return "".join(p if p.startswith("{") else pattern.sub(lambda m: table[m[0]], p) for p in parts)
