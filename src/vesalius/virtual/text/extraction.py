"""Read our own reports back into facts. It knows this grammar only; it is no labeller of clinical reports."""

from __future__ import annotations

import re
from functools import cache

from vesalius.data.records import Laterality, Status
from vesalius.virtual.text.grammar import Fact, grammar

__all__ = ["extract"]

_NEGATED = re.compile(r"^(no|there is no|there is neither|neither|negative for|absence of)\b")
_HEDGED = re.compile(
    r"\b(probabl[ey]|likely|suspicious|although subtle|possible|cannot be excluded|may be|questionable)\b"
)
_SIZE = re.compile(r"(\d+(?:\.\d)?) (mm|cm)\b")
_LOBE = re.compile(r"\b(right (?:upper|middle|lower)|left (?:upper|lower)) lobe\b")
_SEVERITY = re.compile(
    r"\b(mild|moderate|severe|small|medium-sized|large|tension|linear|subsegmental|undisplaced|displaced)\b"
)
_HEADING = re.compile(r"^[A-Z][A-Za-z ]+: ")


def extract(text: str) -> tuple[Fact, ...]:
    """Return the facts of a report's section, in order."""
    facts: list[Fact] = []
    for sentence in re.split(r"(?<=[.])\s+", text.strip()):
        plain = _HEADING.sub("", re.sub(r"^\d\.\s+", "", sentence))
        if plain and not plain[:-1].isdigit():
            facts += _sentence(_american(plain))
    return tuple(facts)


def _american(sentence: str) -> str:
    """Undo a site's spelling, in lower case."""
    words = grammar()
    for whole, short in words.abbreviations.items():
        sentence = re.sub(rf"\b{short}\b", whole, sentence)
    lower = sentence.lower()
    for american, british in words.british.items():
        lower = lower.replace(british, american)
    return lower


@cache
def _fixed() -> dict[str, tuple[Fact, ...]]:
    """Sentences that are known as a whole."""
    words = grammar()
    known = {part.text.lower(): tuple(Fact(name, "absent") for name in part.facts) for part in words.general}
    for concept, entry in words.findings.items():
        known.update({text.lower(): (Fact(concept, "absent"),) for text in entry.absent})
    known.update({text.lower(): (Fact("no_finding", "present"),) for text in words.normal_impression})
    known.update({text.lower(): () for text in words.boilerplate})
    return known


@cache
def _names() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Names of findings, longest first."""
    pairs = [(name, concept) for concept, entry in grammar().findings.items() for name in entry.names]
    pairs.sort(key=lambda pair: -len(pair[0]))
    return tuple((re.compile(rf"\b{re.escape(name)}\b"), concept) for name, concept in pairs)


def _concepts(sentence: str) -> list[str]:
    """Concepts named in a sentence, in order of place; a name inside a longer one does not count."""
    found: list[tuple[int, str]] = []
    for pattern, concept in _names():
        for match in pattern.finditer(sentence):
            found.append((match.start(), concept))
        sentence = pattern.sub(lambda match: " " * len(match[0]), sentence)
    return [concept for _, concept in sorted(found)]


def _sentence(sentence: str) -> list[Fact]:
    if sentence in _fixed():
        return list(_fixed()[sentence])
    concepts = _concepts(sentence)
    if _NEGATED.match(sentence):
        return [Fact(concept, "absent") for concept in concepts]
    if not concepts:
        return []
    status: Status = "uncertain" if _HEDGED.search(sentence) else "present"
    lobe = _LOBE.search(sentence)
    severity = _SEVERITY.search(sentence)
    size = _SIZE.search(sentence)
    millimetres = float(size[1]) * (10 if size[2] == "cm" else 1) if size else None
    return [
        Fact(concepts[0], status, _laterality(sentence), lobe[0] if lobe else "", severity[0] if severity else "",
             None if millimetres is None else float(round(millimetres)))
    ]  # fmt: skip


def _laterality(sentence: str) -> Laterality:
    if re.search(r"\b(both|bilateral|bibasilar)\b", sentence):
        return "bilateral"
    side = re.search(r"\b(left|right)\b", sentence)
    return "" if side is None else "left" if side[0] == "left" else "right"
