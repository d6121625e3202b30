"""What a text says of findings and sides, read by plain rules, for checks of made and of given texts.

The reader knows a list of names and the words of denial and doubt before them in the same clause. It is meant for
short sentences of known wording; a report labeller of `knowledge` reads free reports better and can stand in for it
wherever a `Reader` is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from vesalius.curation.terms import concept_names, denials
from vesalius.curation.text_keys import normalised
from vesalius.data.records import Status
from vesalius.data.sentences import sentences

__all__ = ["Reader", "Said", "contains", "read_findings", "sides_said"]


class Said(NamedTuple):
    """A finding as a sentence states it."""

    concept: str
    status: Status
    sides: frozenset[str]
    """left, right or both words, as far as the clause has them."""


Reader = Callable[[str, Iterable[str]], list[Said]]
"""Reads the findings named in a text, of the concepts that are asked for."""

_DENIAL = re.compile(
    r"\b(?:no|not|without|absent|absence of|free of|negative for|denies|neither|nor|never|excluded|ruled out"
    r"|rather than|resolved|clear of|lack of|fails to show)\b"
)
_DENIAL_AFTER = re.compile(
    r"^\W*(?:(?:is|are|was|were) )?(?:not (?:seen|present|identified|visible|evident|shown)|absent|excluded|ruled out"
    r"|unlikely|negative)\b"
)
_DOUBT = re.compile(
    r"\b(?:possible|possibly|probable|probably|may|might|could|suspected|suspicious for|suggests?|suggestive of"
    r"|questionable|cannot (?:be )?exclude[d]?|cannot rule out|likely|concern for|versus|equivocal)\b"
)
_CLAUSE = re.compile(r"[;:]|,? (?:but|however|although|though|except|apart from|whereas|while|yet|with) |, and ")
_SIDE = {"left": ("left",), "right": ("right",), "bilateral": ("left", "right"), "both": ("left", "right")}


def read_findings(text: str, concepts: Iterable[str]) -> list[Said]:
    """Return what a text says of each concept, in the order of the text; a concept that is not named is not there."""
    asked = tuple(sorted(concepts))
    return [said for sentence in sentences(text) for said in _read(sentence, asked)]


def _read(sentence: str, concepts: tuple[str, ...]) -> list[Said]:
    plain = normalised(sentence)
    found = [Said(concept, "absent", frozenset()) for concept in concepts if plain in _normal_denials(concept)]
    if found:
        return found
    for clause in _CLAUSE.split(sentence.lower()):
        taken: list[tuple[int, int]] = []
        for name, concept in _names(concepts):
            for match in _pattern(name).finditer(clause):
                if any(start < match.end() and match.start() < stop for start, stop in taken):
                    continue
                taken.append(match.span())
                found.append(Said(concept, _status(clause, match.start(), match.end()), sides_said(clause)))
    return found


def _status(clause: str, start: int, stop: int) -> Status:
    before, after = clause[:start], clause[stop:]
    if _DOUBT.search(before) or _DOUBT.match(after.strip()):
        return "uncertain"
    if _DENIAL.search(before) or _DENIAL_AFTER.match(after):
        return "absent"
    return "present"


def sides_said(text: str) -> frozenset[str]:
    """Return the sides that a text names: left, right, both or none."""
    found = re.findall(r"\b(left|right|bilateral|both)\b", text.lower())
    return frozenset(side for word in found for side in _SIDE[word])


def contains(text: str, term: str) -> bool:
    """Say whether a text has a term as whole words; a plural s is the same word, capitals count in short codes."""
    return bool(_pattern(term).search(text if _is_code(term) else text.lower()))


@cache
def _names(concepts: tuple[str, ...]) -> list[tuple[str, str]]:
    """Names of all concepts, the longest first, so that "lung nodule" is not read as a nodule of something."""
    pairs = [(name.lower(), concept) for concept in concepts for name in concept_names(concept)]
    return sorted(pairs, key=lambda pair: (-len(pair[0]), pair))


@cache
def _normal_denials(concept: str) -> frozenset[str]:
    return frozenset(normalised(sentence) for sentence in denials(concept))


def _is_code(term: str) -> bool:
    return term.isupper() and len(term) <= 4


@cache
def _pattern(term: str) -> re.Pattern[str]:
    escaped = re.escape(term if _is_code(term) else term.lower())
    return re.compile(rf"(?<!\w){escaped}(?:s|es)?(?!\w)")
