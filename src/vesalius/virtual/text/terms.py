"""Concepts, sites, grades and answers in four languages, read once from `terms.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar

from vesalius.config import Config, read_yaml, validate
from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.preset import finding, finding_names
from vesalius.virtual.text.grammar import grammar

__all__ = [
    "LANGUAGES",
    "ExamTerm",
    "Grade",
    "Side",
    "Term",
    "Terms",
    "concept_term",
    "kinds",
    "known",
    "lay_view",
    "term",
    "terms",
    "view_names",
]

T = TypeVar("T")
LANGUAGES = ("en", "zh", "ar", "hi-Latn")
"""BCP 47: English, Chinese, Arabic, Hindi-English in Latin letters."""


@dataclass(frozen=True, kw_only=True)
class Term(Config):
    """A noun."""

    zh: str
    ar: str
    hi: str
    gender: Literal["m", "f"] = "m"
    """In Arabic."""
    measure: str = ""
    """Chinese measure word where it is counted."""
    fluid: bool = False
    """True where Chinese has amounts in place of sizes."""


@dataclass(frozen=True, kw_only=True)
class Grade(Config):
    """An adjective."""

    zh: str
    ar: tuple[str, str]
    """Masculine, feminine."""
    hi: str
    fluid: str = ""
    """In Chinese, of fluids."""


@dataclass(frozen=True, kw_only=True)
class Side(Config):
    """A side."""

    zh: str
    ar: tuple[str, str]
    """Definite adjective, masculine, feminine."""
    place: str
    """In Arabic, with its preposition."""
    hi: str


@dataclass(frozen=True, kw_only=True)
class ExamTerm(Config):
    """An examination."""

    en: list[str]
    """Names of its pictures."""
    lay: str
    """What patients call it, a key of `Terms.modalities`."""


@dataclass(frozen=True, kw_only=True)
class Terms(Config):
    """All terms."""

    concepts: dict[str, Term]
    sites: dict[str, Term]
    """Without their side."""
    severities: dict[str, Grade]
    sides: dict[str, Side]
    modalities: dict[str, Term]
    exams: dict[str, ExamTerm]
    answers: dict[str, Term]
    organs: dict[str, Term]


@cache
def terms() -> Terms:
    """Read the terms."""
    file = Path(__file__).with_name("terms.yaml")
    return validate(Terms, read_yaml(file), where=file.name)


@cache
def kinds() -> tuple[str, ...]:
    """Kinds of terms that `term` knows."""
    return ("concepts", "sites", "severities", "sides", "modalities", "answers", "organs")


def term(kind: str, name: str, language: str) -> str:
    """Return a term in a language.

    Args:
        kind: one of `kinds`.
        name: as the record has it; of a site without its side.
        language: one of `LANGUAGES`.

    Raises:
        ConfigError: the kind, the name or the language is unknown.
    """
    if kind not in kinds():
        raise ConfigError(f"unknown kind of term {kind!r}{did_you_mean(kind, kinds())}")
    if language not in LANGUAGES:
        raise ConfigError(f"no terms in the language {language!r}; there are {', '.join(LANGUAGES)}")
    table: Mapping[str, Term | Grade | Side] = getattr(terms(), kind)
    entry = known(table, name, kind)
    if language == "en":
        return _english(kind, name)
    word: str | tuple[str, str] = getattr(entry, {"hi-Latn": "hi"}.get(language, language))
    return word if isinstance(word, str) else word[0]


def known(table: Mapping[str, T], name: str, kind: str) -> T:
    """Return an entry, or say what is missing."""
    if name not in table:
        raise ConfigError(f"no {kind} {name!r} in terms.yaml{did_you_mean(name, table)}")
    return table[name]


def _english(kind: str, name: str) -> str:
    if kind == "concepts" and name in finding_names():
        return grammar(finding(name).region).findings[name].names[0]
    return name


def view_names(exam: str) -> list[str]:
    """Return the English names of an examination's pictures."""
    return known(terms().exams, exam, "exams").en


def lay_view(exam: str, language: str) -> str:
    """Return what patients call an examination."""
    name = known(terms().exams, exam, "exams").lay
    return name if language == "en" else term("modalities", name, language)


def concept_term(name: str) -> Term:
    """Return all forms of a concept."""
    return known(terms().concepts, name, "concepts")
