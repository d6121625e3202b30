"""Fourteen observations of a chest report by rules, after the CheXpert labeller, fast enough for whole corpora.

Rules of Irvin et al. 2019 (arXiv 1901.07031): what is mentioned, whether each mention is doubted, denied or stated,
and one state a report. The original reads dependency graphs; here a cue has a direction and a reach in words, so
single sentences may come out otherwise. Known oddities are kept: "tube" is found in "tuberculosis", a denied and an
uncertain mention make uncertain even beside a stated one, and an empty report has no finding. The words are in
``observations.yaml``; English only. `vesalius.knowledge.context` judges mentions of any concept for curation; this
file reproduces a published labeller and is for scores that carry its name with "rules".

Letters: n reports, L labels.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.config import read_yaml
from vesalius.data.chexpert_labels import LABELS, NO_FINDING
from vesalius.data.records import Status

__all__ = [
    "BLANK", "NEGATED", "OBSERVATIONS", "PRESENT", "UNCERTAIN", "aggregated", "classes_of", "observation_classes",
    "observed",
]  # fmt: skip

OBSERVATIONS = tuple(LABELS)
"""Names in the order of CheXpert's files."""
BLANK, PRESENT, NEGATED, UNCERTAIN = range(4)
"""Classes of a label, numbered as CheXbert's heads are (Smit et al. 2020, arXiv 2004.09167)."""

_WORDS = Path(__file__).with_name("observations.yaml")
_CLASSES: Mapping[Status, int] = {"present": PRESENT, "absent": NEGATED, "uncertain": UNCERTAIN}
_OTHER, _DEVICES, _HEART = "", "Support Devices", "Cardiomegaly"
_SIZED = frozenset((_HEART, "Enlarged Cardiomediastinum"))
_BEFORE_REACH, _AFTER_REACH, _NEAR_REACH, _EITHER_REACH = 8, 6, 1, 4
"""Words between a cue and its mention, or two mentions; other mentions and words of a list are not counted."""

_COPULA = 40
"""Characters before a cue in which its copula is looked for."""
_SLASH = re.compile(r"(?<=[a-z])/(?=[a-z])")
_SPACED = re.compile(r"([.,])(?!\d)")
_SENTENCE = re.compile(r"[^.!?]{1,1000}(?:[.!?](?=\d)[^.!?]{0,1000}){0,8}")
"""Bounded, so that a text without full stops takes no longer than its length."""
_WORD = re.compile(r"[^\s,;:()]+")
_LIST = frozenset(("and", "or", "nor", "a", "an", "the", "any", "versus", "vs"))
_EITHER = re.compile(r"\b(?:or|versus|vs)\b")
_JOINED = re.compile(r"\b(?:and|or|nor)\b")


class _Mention(NamedTuple):
    observation: str
    start: int
    end: int
    text: str


class _Rule(NamedTuple):
    """A cue that decides the state of the mentions that it reaches."""

    status: Status
    cue: re.Pattern[str]
    before: bool
    """It looks to its right."""
    reach: int
    ends: re.Pattern[str]
    """What must not stand between the cue and its mention."""
    sized: bool = False
    """It speaks of sizes of heart and mediastinum only."""
    said: bool = False
    """Without a copula it reaches the word before it only."""


_Cue = tuple[_Rule, tuple[int, int]]
"""A rule with a place of its cue."""


class _Table(NamedTuple):
    mentions: Mapping[str, re.Pattern[str]]
    exclusions: Mapping[str, re.Pattern[str]]
    rules: tuple[_Rule, ...]
    named_sizes: re.Pattern[str]
    doubtful: re.Pattern[str]
    failure: re.Pattern[str]
    copula: re.Pattern[str]
    next_ends: re.Pattern[str]
    """What parts a mention from a word that stands right beside it."""


def observed(report: str) -> dict[str, Status]:
    """Return the state of every observation that a report speaks of, by name in the order of `OBSERVATIONS`.

    Args:
        report: one passage, such as the impression; sections are the caller's choice.
    """
    states: dict[str, set[Status]] = {}
    is_normal = True
    for mention, status in _judged(_cleaned(report)):
        if status != "absent":
            is_normal = is_normal and mention.observation == _DEVICES
            if _table().failure.fullmatch(mention.text):
                states.setdefault(_HEART, set()).add("uncertain")
        if mention.observation != _OTHER:
            states.setdefault(mention.observation, set()).add(status)
    if is_normal:
        states[NO_FINDING] = {"present"}
    return {name: aggregated(states[name]) for name in OBSERVATIONS if name in states}


def observation_classes(reports: Iterable[str], names: Sequence[str] = OBSERVATIONS) -> NDArray[np.int8]:
    """Return the class of every label of every report, (n, L): 0 blank, 1 present, 2 negated, 3 uncertain.

    Args:
        reports: texts.
        names: of the columns.
    """
    return classes_of([observed(report) for report in reports], names)


def classes_of(states: Sequence[Mapping[str, Status]], names: Sequence[str] = OBSERVATIONS) -> NDArray[np.int8]:
    """Return the classes of states by name, (n, L), such as those of `observed` or of another labeller."""
    rows = [[_CLASSES[one[name]] if name in one else BLANK for name in names] for one in states]
    return np.array(rows, dtype=np.int8).reshape(len(states), len(names))


def aggregated(states: Iterable[Status]) -> Status:
    """Return the one state of all mentions: denied and uncertain make uncertain, else stated wins, else the only one.

    The first rule holds even where a mention states the observation, as in the original.
    """
    found = set(states)
    if {"absent", "uncertain"} <= found:
        return "uncertain"
    return next(status for status in ("present", "uncertain", "absent") if status in found)


def _cleaned(report: str) -> str:
    """Clean as the original does; points and commas inside numbers stay as they are."""
    text = _SLASH.sub(" or ", report.lower().replace("and/or", "or")).replace("..", ".")
    return " ".join(_SPACED.sub(r"\1 ", text).split())


def _judged(text: str) -> Iterator[tuple[_Mention, Status]]:
    """Yield the mentions of a cleaned report with what is said of each."""
    mentions = _mentions(text)
    if not mentions:
        return
    cues = [(rule, match.span()) for rule in _table().rules for match in rule.cue.finditer(text)]
    bounds = [match.span() for match in _SENTENCE.finditer(text)]
    starts = [start for start, _ in bounds]
    said: dict[int, tuple[list[_Mention], list[_Cue]]] = {}
    for mention in mentions:
        said.setdefault(bisect_right(starts, mention.start) - 1, ([], []))[0].append(mention)
    for cue in cues:
        number = bisect_right(starts, cue[1][0]) - 1
        if number in said:
            said[number][1].append(cue)
    for number, (inside, near) in said.items():
        yield from zip(inside, _Sentence(text, bounds[number], inside).states(near), strict=True)


def _mentions(text: str) -> list[_Mention]:
    table, found = _table(), []
    for observation, pattern in table.mentions.items():
        hits = list(pattern.finditer(text))
        if not hits:
            continue
        exclusion = table.exclusions.get(observation)
        taken = [match.span() for match in exclusion.finditer(text)] if exclusion else []
        found += [
            _Mention(observation, hit.start(), hit.end(), hit[0])
            for hit in hits
            if not any(hit.start() < end and start < hit.end() for start, end in taken)
        ]
    return sorted(found, key=lambda mention: mention.start)


class _Sentence:
    """A sentence with mentions and the number of words up to any place that count for a reach."""

    def __init__(self, text: str, span: tuple[int, int], mentions: Sequence[_Mention]) -> None:
        self._text, self._span, self._mentions = text, span, mentions

    @cached_property
    def _starts(self) -> list[int]:
        """Places of the words that count."""
        taken = {place for one in self._mentions for place in range(one.start, one.end)}
        return [
            word.start()
            for word in _WORD.finditer(self._text, *self._span)
            if word[0] not in _LIST and taken.isdisjoint(range(*word.span()))
        ]

    def states(self, cues: Iterable[_Cue]) -> list[Status]:
        """Return the state of every mention: the first rule that reaches it, then "or" between neighbours."""
        found: list[Status | None] = [None] * len(self._mentions)
        for rule, place in cues:
            for number, mention in enumerate(self._mentions):
                if found[number] is None and self._reaches(rule, place, mention):
                    found[number] = rule.status
        states: list[Status] = [
            status or ("uncertain" if _table().doubtful.search(one.text) else "present")
            for status, one in zip(found, self._mentions, strict=True)
        ]
        return self._alternatives(states) if len(states) > 1 else states

    def _words(self, start: int, end: int) -> int:
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def _reaches(self, rule: _Rule, cue: tuple[int, int], mention: _Mention) -> bool:
        table = _table()
        if rule.sized and (mention.observation not in _SIZED or table.named_sizes.search(mention.text)):
            return False
        if rule.before:
            return self._free(cue[1], mention.start, rule.reach, rule.ends)
        copula = table.copula.search(self._text, max(mention.end, cue[0] - _COPULA), cue[0])
        if rule.said and not copula:
            return self._free(mention.end, cue[0], _NEAR_REACH, table.next_ends)
        end = copula.start() if copula else cue[0]
        # Without a conjunction a comma parts two statements: "small effusion, heart size normal".
        is_one = "," not in self._text[mention.end : end] or _JOINED.search(self._text, mention.end, end)
        return bool(is_one) and self._free(mention.end, end, rule.reach, rule.ends)

    def _free(self, start: int, end: int, reach: int, ends: re.Pattern[str]) -> bool:
        """Say whether few enough words and no end of a phrase stand between two places."""
        return start <= end and self._words(start, end) <= reach and not ends.search(self._text, start, end)

    def _alternatives(self, states: list[Status]) -> list[Status]:
        """Make both neighbours of "or" and "versus" uncertain where neither is denied."""
        changed = list(states)
        for match in _EITHER.finditer(self._text, *self._span):
            left = [place for place, one in enumerate(self._mentions) if one.end <= match.start()]
            right = [place for place, one in enumerate(self._mentions) if one.start >= match.end()]
            if not left or not right:
                continue
            first, second = max(left, key=lambda place: self._mentions[place].end), right[0]
            gap = self._words(self._mentions[first].end, self._mentions[second].start)
            if gap <= _EITHER_REACH and "absent" not in (states[first], states[second]):
                changed[first] = changed[second] = "uncertain"
        return changed


@cache
def _table() -> _Table:
    words = read_yaml(_WORDS)
    mentions = {name: re.compile(pattern) for name, pattern in words["mentions"].items()}
    mentions[_OTHER] = re.compile(words["other_abnormality"])
    return _Table(
        mentions,
        {name: re.compile(pattern) for name, pattern in words["exclusions"].items()},
        tuple(_rules(words)),
        re.compile(words["named_sizes"]),
        re.compile(words["always_doubtful"]),
        re.compile(words["implies_cardiomegaly"]),
        re.compile(rf"\b{words['copula']}$"),
        _next_ends(words),
    )


def _rules(words: Mapping[str, Any]) -> Iterator[_Rule]:
    """Yield the rules in the order in which they decide."""
    clause = rf";|\b(?:{words['clause_ends']})\b"
    phrase = re.compile(rf"{clause}|\b(?:{words['noun_phrase_ends']})\b")
    subject = re.compile(rf"{clause}|\b(?:{words['subject_ends']})\b")
    end = re.compile(clause)
    hedged, denial, doubt, size = (words[name] for name in ("hedged_denial", "denial", "doubt", "size_doubt"))
    yield _Rule("uncertain", _any(hedged["before"]), True, _BEFORE_REACH, re.compile(rf"{clause}|\bto\b"))
    yield _Rule("uncertain", _any(hedged["after"]), False, _AFTER_REACH, subject)
    yield _Rule("absent", _any(denial["before"]), True, _BEFORE_REACH, phrase)
    yield _Rule("absent", _any(denial["through"]), True, _BEFORE_REACH, end)
    yield _Rule("absent", _any(denial["near"]), True, _NEAR_REACH, _next_ends(words))
    yield _Rule("absent", _any(denial["size_before"]), True, _BEFORE_REACH, phrase, sized=True)
    yield _Rule("absent", _any(denial["after"]), False, _AFTER_REACH, subject)
    yield _Rule("absent", _any(denial["said"]), False, _AFTER_REACH, subject, said=True)
    yield _Rule("uncertain", _any(doubt["before"]), True, _BEFORE_REACH, phrase)
    yield _Rule("uncertain", _any(doubt["after"]), False, _AFTER_REACH, subject)
    yield _Rule("uncertain", _any(doubt["said"]), False, _AFTER_REACH, subject, said=True)
    yield _Rule("uncertain", _any(size["before"]), True, _BEFORE_REACH, phrase, sized=True)
    yield _Rule("uncertain", _any(size["said"]), False, _AFTER_REACH, subject, sized=True, said=True)


def _next_ends(words: Mapping[str, Any]) -> re.Pattern[str]:
    return re.compile(rf"[,;]|\b(?:{words['clause_ends']}|and|or|with)\b")


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b")
