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
    stops, starts = _stops(words), tuple(_new_starts(words, cues, mentions))
    judged = [_judged(words, span, cues, stops, starts, mentions) for span in mentions]
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
    starts: Sequence[int], mentions: Sequence[tuple[int, int]],
) -> Judgement:  # fmt: skip
    first, last = span
    low = max((stop for stop in (*stops, *starts) if stop < first), default=-1)
    high = min((stop for stop in stops if stop >= last), default=len(words))
    near: dict[Kind, tuple[int, str]] = {}
    cues = tuple(cues)
    told = _last_comma(words, first)
    own = any(found.cue.before and found.cue.kind in _STATUS and told < found.first < first for found in cues)
    for found in cues:
        if found.first <= low or found.last > high:
            continue
        if own and not found.cue.before and _of_another(words, found, last, mentions):
            continue
        away = _distance(words, found, span, mentions)
        if away is not None and away < near.get(found.cue.kind, (away + 1, ""))[0]:
            near[found.cue.kind] = (away, " ".join(found.cue.words))
    historical = "history" in near
    for kind in _ORDER:
        if kind in near:
            return Judgement(_STATUS[kind], near[kind][1], historical)
    return Judgement("present", "", historical)


def _last_comma(words: Sequence[Token], place: int) -> int:
    return max((before for before in range(place) if words[before].word == ","), default=-1)


def _of_another(words: Sequence[Token], found: _Found, last: int, mentions: Sequence[tuple[int, int]]) -> bool:
    """Say whether a cue stands behind another mention after a comma: "no A, B cannot be excluded" is not about A."""
    between = (one for one, _ in mentions if last < one < found.first)
    return any("," in [words[place].word for place in range(last, one)] for one in between)


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
    by_first = _table().stops
    found = [
        place
        for place, token in enumerate(words)
        if "\n" in token.word or (token.word in _ENDS and not _answers(words, place))
    ]
    found += [
        place
        for place, token in enumerate(words)
        for phrase in by_first.get(token.word, ())
        if _matches(words, place, phrase)
    ]
    return sorted(found)


def _new_starts(
    words: Sequence[Token], cues: Sequence[_Found], mentions: Sequence[tuple[int, int]]
) -> Iterator[int]:  # fmt: skip
    """Yield commas after a mention from which a cue speaks of what follows: "cannot exclude A, no B" denies B."""
    ends = {last for _, last in mentions}
    for found in cues:
        comma = found.first - 1
        if found.cue.before and found.cue.kind in _STATUS and comma in ends and words[comma].word == ",":
            yield comma


def _answers(words: Sequence[Token], place: int) -> bool:
    """Say whether a colon comes before an answer, as in "effusion: none"."""
    return words[place].word == ":" and place + 1 < len(words) and words[place + 1].word in _ANSWERS


def _cues(words: Sequence[Token]) -> Iterator[_Found]:
    """Yield all cues; of those that begin at one token the longest of a direction counts."""
    table = _table()
    for place, token in enumerate(words):
        possible = [*table.cues.get(token.word, ()), *_starred(table.starred, token.word)]
        for before in (True, False):
            fitting = [cue for cue in possible if cue.before is before and _matches(words, place, cue.words)]
            if fitting:
                cue = max(fitting, key=lambda cue: len(cue.words))
                yield _Found(cue, place, place + len(cue.words))


def _starred(starred: Mapping[str, tuple[_Cue, ...]], word: str) -> Iterator[_Cue]:
    for stem, cues in starred.items():
        if word.startswith(stem):
            yield from cues


def _matches(words: Sequence[Token], place: int, phrase: Sequence[str]) -> bool:
    if place + len(phrase) > len(words):
        return False
    return all(
        words[place + step].word.startswith(part[:-1]) if part.endswith("*") else words[place + step].word == part
        for step, part in enumerate(phrase)
    )


class _Table(NamedTuple):
    """Cues and ends of clauses by their first word."""

    cues: Mapping[str, tuple[_Cue, ...]]
    starred: Mapping[str, tuple[_Cue, ...]]
    """Cues whose first word is the beginning of a word."""
    stops: Mapping[str, tuple[tuple[str, ...], ...]]


@cache
def _table() -> _Table:
    document = read_yaml(_WORDS)
    cues: dict[str, tuple[_Cue, ...]] = {}
    starred: dict[str, tuple[_Cue, ...]] = {}
    stops: dict[str, tuple[tuple[str, ...], ...]] = {}
    for phrase in document.pop("stops"):
        parts = tuple(token.word for token in tokens(phrase))
        stops[parts[0]] = (*stops.get(parts[0], ()), parts)
    for kind, directions in document.items():
        for direction in ("before", "after"):
            for phrase in directions[direction]:
                before = direction == "before"
                if phrase.endswith("*"):
                    stem = phrase[:-1]
                    starred[stem] = (*starred.get(stem, ()), _Cue(cast(Kind, kind), (phrase,), before))
                    continue
                parts = tuple(token.word for token in tokens(phrase))
                cues[parts[0]] = (*cues.get(parts[0], ()), _Cue(cast(Kind, kind), parts, before))
    return _Table(cues, starred, stops)
