"""What a text says of findings and sides, for checks of made and of given texts.

The reader knows the names of the findings that are asked for and the sentences that deny them; whether a name is
denied or doubted, `knowledge.context` judges. A side counts for the findings of its clause. It is meant for short
sentences of known wording; a report labeller of `knowledge` can stand in for it wherever a `Reader` is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from vesalius.curation.terms import concept_names, denials
from vesalius.curation.text_keys import normalised
from vesalius.data.records import Status
from vesalius.data.sentences import sentences
from vesalius.knowledge.context import Token, judge, tokens

__all__ = ["Reader", "Said", "contains", "read_findings", "sides_said"]


class Said(NamedTuple):
    """A finding as a sentence states it."""

    concept: str
    status: Status
    sides: frozenset[str]
    """left, right or both words, as far as the clause has them."""


Reader = Callable[[str, Iterable[str]], list[Said]]
"""Reads the findings named in a text, of the concepts that are asked for."""

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
    plain, words = sentence.lower(), tokens(sentence)
    named = sorted(_named(plain, concepts))
    spans = [_tokens_of(words, start, stop) for start, stop, _ in named]
    for (start, _, concept), judgement in zip(named, judge(words, spans), strict=True):
        found.append(Said(concept, judgement.status, sides_said(_clause(plain, start))))
    return found


def _named(text: str, concepts: tuple[str, ...]) -> list[tuple[int, int, str]]:
    """Return the places of all names in a text in lower case, the longest first where they overlap."""
    taken: list[tuple[int, int, str]] = []
    for name, concept in _names(concepts):
        for match in _pattern(name).finditer(text):
            if not any(start < match.end() and match.start() < stop for start, stop, _ in taken):
                taken.append((*match.span(), concept))
    return taken


def _tokens_of(words: Sequence[Token], start: int, stop: int) -> tuple[int, int]:
    """Return the first token of a stretch of text and the one after its last."""
    inside = [place for place, word in enumerate(words) if word.start < stop and start < word.end]
    return inside[0], inside[-1] + 1


def _clause(text: str, place: int) -> str:
    """Return the clause around a place."""
    cuts = [0, *(cut for match in _CLAUSE.finditer(text) for cut in match.span()), len(text)]
    return next(text[start:stop] for start, stop in pairwise(cuts) if start <= place < stop)


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
