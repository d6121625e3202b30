"""Whether a text says that a thing is there, may be there, or is not: cues with a direction, within a clause.

Rules of ConText (Chapman et al. 2007; Harkema et al. 2009) with the order of the CheXpert labeller (Irvin et al.
2019, arXiv 1901.07031): a doubted denial is uncertain, then denial, then doubt, else the thing is there. Two things
with "or" or "versus" between them are uncertain where neither is denied. The words are in ``context.yaml``. They are
English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, cast

from vesalius.config import read_yaml
from vesalius.data.records import Status

__all__ = ["Judgement", "Token", "judge", "tokens"]

_WORDS = Path(__file__).with_name("context.yaml")
_TOKEN = re.compile(r"[^\W_]+(?:[./'’-][^\W_]+)*|[^\w\s]|\n\s*\n")
_BEFORE_REACH, _AFTER_REACH = 10, 6
"""Tokens between a cue and what it speaks of; commas, "and" and "or" of a list are not counted."""
_LIST = frozenset((",", "and", "or", "nor", "/", "a", "an", "the", "any"))
_ENDS = frozenset(".;:!?")
_ANSWERS = frozenset(("none", "nil", "no", "absent", "negative", "possible", "uncertain"))
_EITHER = frozenset(("or", "versus", "vs"))
_EITHER_REACH = 4
"""Tokens between two mentions of which one is meant."""

Kind = Literal["hedged_denial", "absent", "uncertain", "history", "pseudo"]
_STATUS: Mapping[Kind, Status] = {"hedged_denial": "uncertain", "absent": "absent", "uncertain": "uncertain"}
_ORDER: tuple[Kind, ...] = ("hedged_denial", "absent", "uncertain")


class Token(NamedTuple):
    """A word or a mark of a text."""

    word: str
    """In lower case."""
    start: int
    """Place of its first character."""
    end: int
    """Place after its last character."""


class Judgement(NamedTuple):
    """What a text says of a mention."""

    status: Status
    cue: str = ""
    """Words that decided; empty where nothing speaks against the thing."""
    historical: bool = False
    """The text speaks of the past."""


class _Cue(NamedTuple):
    kind: Kind
    words: tuple[str, ...]
    before: bool
    """It stands before what it speaks of."""


class _Found(NamedTuple):
    cue: _Cue
    first: int
    last: int
    """Tokens of the cue, the last not included."""


def tokens(text: str) -> tuple[Token, ...]:
    """Return words and marks of a text with their places; an empty line is a mark."""
    return tuple(Token(match[0].casefold(), match.start(), match.end()) for match in _TOKEN.finditer(text))


def judge(words: Sequence[Token], mentions: Sequence[tuple[int, int]]) -> list[Judgement]:
    """Judge mentions of a text.

    Args:
        words: tokens of the text.
        mentions: first token and token after the last one of each mention, in order, without overlap.
    """
    inside = {place for first, last in mentions for place in range(first, last)}
    cues = [found for found in _cues(words) if not inside & set(range(found.first, found.last))]
    hidden = [found for found in cues if found.cue.kind == "pseudo"]
    cues = [found for found in cues if not any(_within(found, other) for other in hidden)]
    stops = _stops(words)
    judged = [_judged(words, span, cues, stops, mentions) for span in mentions]
    for place, (one, other) in enumerate(pairwise(mentions)):
        between = [token.word for token in words[one[1] : other[0]]]
        either = next((word for word in between if word in _EITHER), "")
        if either and len(between) <= _EITHER_REACH and not _ENDS & set(between):
            for side in (place, place + 1):
                if judged[side].status == "present":
                    judged[side] = Judgement("uncertain", either, judged[side].historical)
    return judged


def _judged(
    words: Sequence[Token], span: tuple[int, int], cues: Iterable[_Found], stops: Sequence[int],
    mentions: Sequence[tuple[int, int]],
) -> Judgement:  # fmt: skip
    first, last = span
    low = max((stop for stop in stops if stop < first), default=-1)
    high = min((stop for stop in stops if stop >= last), default=len(words))
    near: dict[Kind, tuple[int, str]] = {}
    for found in cues:
        if found.first <= low or found.last > high:
            continue
        away = _distance(words, found, span, mentions)
        if away is not None and away < near.get(found.cue.kind, (away + 1, ""))[0]:
            near[found.cue.kind] = (away, " ".join(found.cue.words))
    historical = "history" in near
    for kind in _ORDER:
        if kind in near:
            return Judgement(_STATUS[kind], near[kind][1], historical)
    return Judgement("present", "", historical)


def _distance(
    words: Sequence[Token], found: _Found, span: tuple[int, int], mentions: Sequence[tuple[int, int]]
) -> int | None:
    """Return how many words lie between a cue and a mention that it reaches, else None.

    Other mentions between them belong to a list and count as nothing.
    """
    first, last = span
    if found.cue.before:
        between, reach = range(found.last, first), _BEFORE_REACH
    else:
        between, reach = range(last, found.first), _AFTER_REACH
    if (found.last > first) if found.cue.before else (found.first < last):
        return None
    others = {place for one, other in mentions for place in range(one, other)}
    away = sum(1 for place in between if place not in others and words[place].word not in _LIST)
    return away if away <= reach else None


def _within(found: _Found, other: _Found) -> bool:
    return found is not other and other.first <= found.first and found.last <= other.last


def _stops(words: Sequence[Token]) -> list[int]:
    """Places of tokens that end a clause."""
    phrases = _table()[1]
    found = [
        place
        for place, token in enumerate(words)
        if "\n" in token.word or (token.word in _ENDS and not _answers(words, place))
    ]
    found += [place for place in range(len(words)) for phrase in phrases if _matches(words, place, phrase)]
    return sorted(found)


def _answers(words: Sequence[Token], place: int) -> bool:
    """Say whether a colon comes before an answer, as in "effusion: none"."""
    return words[place].word == ":" and place + 1 < len(words) and words[place + 1].word in _ANSWERS


def _cues(words: Sequence[Token]) -> Iterator[_Found]:
    """Yield all cues; of those that begin at one token the longest of a direction counts."""
    by_first = _table()[0]
    for place, token in enumerate(words):
        for before in (True, False):
            fitting = [
                cue
                for cue in (*by_first.get(token.word, ()), *_starred(by_first, token.word))
                if cue.before is before and _matches(words, place, cue.words)
            ]
            if fitting:
                cue = max(fitting, key=lambda cue: len(cue.words))
                yield _Found(cue, place, place + len(cue.words))


def _starred(by_first: Mapping[str, tuple[_Cue, ...]], word: str) -> Iterator[_Cue]:
    for stem, cues in by_first.items():
        if stem.endswith("*") and word.startswith(stem[:-1]):
            yield from cues


def _matches(words: Sequence[Token], place: int, phrase: Sequence[str]) -> bool:
    if place + len(phrase) > len(words):
        return False
    return all(
        words[place + step].word.startswith(part[:-1]) if part.endswith("*") else words[place + step].word == part
        for step, part in enumerate(phrase)
    )


@cache
def _table() -> tuple[Mapping[str, tuple[_Cue, ...]], tuple[tuple[str, ...], ...]]:
    """Cues by their first word, and the phrases that end a clause."""
    document = read_yaml(_WORDS)
    by_first: dict[str, tuple[_Cue, ...]] = {}
    for kind, directions in document.items():
        if kind == "stops":
            continue
        for direction in ("before", "after"):
            for phrase in directions[direction]:
                parts = (
                    tuple(token.word for token in tokens(phrase.replace("*", ""))) if "*" not in phrase else (phrase,)
                )
                cue = _Cue(cast(Kind, kind), parts, direction == "before")
                by_first[parts[0]] = (*by_first.get(parts[0], ()), cue)
    return by_first, tuple(tuple(token.word for token in tokens(phrase)) for phrase in document["stops"])
