"""Names of concepts in a text: the longest name at every place, by a tree of words.

Words are compared in lower case, without a plural ending and in American spelling, so that "Pleural effusions" and
"oedema" are found under "pleural effusion" and "edema".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from vesalius.data.records import Finding, Status
from vesalius.knowledge.context import Token, judge, tokens

__all__ = ["Linker", "Mention", "normal"]

_SPELLING = (
    ("oesoph", "esoph"), ("oedema", "edema"), ("haem", "hem"), ("tumour", "tumor"), ("colour", "color"),
    ("centre", "center"), ("fibre", "fiber"), ("paed", "ped"), ("anaem", "anem"), ("leucocyt", "leukocyt"),
    ("ischaem", "ischem"), ("calibre", "caliber"), ("grey", "gray"),
)  # fmt: skip
_SINGULAR_S = re.compile(r"(?:ss|us|is|as|os)$")


class Mention(NamedTuple):
    """A name of a concept in a text."""

    concept: str
    start: int
    """Place of its first character."""
    end: int
    """Place after its last character."""
    text: str
    status: Status
    cue: str = ""
    """Words by which it was judged; see `vesalius.knowledge.context`."""
    historical: bool = False
    others: tuple[str, ...] = ()
    """Further concepts of the same name."""


@dataclass
class _Node:
    further: dict[str, _Node] = field(default_factory=dict)
    concepts: tuple[str, ...] = ()


class Linker:
    """Finds names of concepts; make it once, it is small beside its names."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        """Build the tree.

        Args:
            names: of each concept. Where two concepts share a name the one that comes first is meant, and the other
                is in `Mention.others`.
        """
        self._root = _Node()
        self.names = tuple(names)
        """Concepts that can be found."""
        for concept, phrases in names.items():
            for phrase in phrases:
                self._add(concept, [normal(token.word) for token in tokens(phrase)])

    def _add(self, concept: str, words: Sequence[str]) -> None:
        if not words:
            return
        node = self._root
        for word in words:
            node = node.further.setdefault(word, _Node())
        if concept not in node.concepts:
            node.concepts = (*node.concepts, concept)

    def mentions(self, text: str) -> list[Mention]:
        """Return all mentions in order, judged; the longest at each place, none inside another."""
        words = tokens(text)
        spans = self._spans(words)
        judged = judge(words, [(first, last) for first, last, _ in spans])
        return [
            Mention(concepts[0], start := words[first].start, end := words[last - 1].end, text[start:end],
                    judgement.status, judgement.cue, judgement.historical, concepts[1:])
            for (first, last, concepts), judgement in zip(spans, judged, strict=True)
        ]  # fmt: skip

    def places(self, text: str) -> list[tuple[int, int]]:
        """Return first character and the one after the last of every name; judging what is said takes longest."""
        words = tokens(text)
        return [(words[first].start, words[last - 1].end) for first, last, _ in self._spans(words)]

    def findings(self, text: str) -> tuple[Finding, ...]:
        """Return one finding a concept: present where any mention is, else uncertain, else absent.

        What a text says of the past is left out.
        """
        stated: dict[str, set[Status]] = {}
        for mention in self.mentions(text):
            if not mention.historical:
                stated.setdefault(mention.concept, set()).add(mention.status)
        order: tuple[Status, ...] = ("present", "uncertain", "absent")
        return tuple(
            Finding(concept=concept, status=next(status for status in order if status in found), source="dictionary")
            for concept, found in sorted(stated.items())
        )

    def _spans(self, words: Sequence[Token]) -> list[tuple[int, int, tuple[str, ...]]]:
        found = []
        place = 0
        normals = [normal(token.word) for token in words]
        while place < len(words):
            last, concepts = self._longest(normals, place)
            if concepts:
                found.append((place, last, concepts))
            place = last if concepts else place + 1
        return found

    def _longest(self, words: Sequence[str], first: int) -> tuple[int, tuple[str, ...]]:
        node, best = self._root, (first, ())
        for place in range(first, len(words)):
            further = node.further.get(words[place])
            if further is None:
                break
            node = further
            if node.concepts:
                best = (place + 1, node.concepts)  # type: ignore[assignment]
        return best


def normal(word: str) -> str:
    """Return a word in lower case, in American spelling and in the singular, as well as endings tell."""
    word = word.casefold()
    for british, american in _SPELLING:
        word = word.replace(british, american)
    if len(word) <= 3 or _SINGULAR_S.search(word):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word
