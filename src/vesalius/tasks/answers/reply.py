"""A reply and what was read in it; where in a reply the answer stands; and whether it is a refusal.

Every expression here takes time that grows with the length of the reply and no faster, so that a reply without end
costs no more than reading it.
"""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from vesalius.tasks.answers.embedded import json_answer

__all__ = [
    "Final",
    "Parsed",
    "ScoredAnswer",
    "Status",
    "empty",
    "final_content",
    "refusal",
    "without_blocks",
    "without_reasoning",
]

Status = Literal["answered", "unparsed", "ambiguous", "refused", "empty"]
"""``empty`` is a reply without a word; it counts among the unparsed."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a rule read in a reply."""

    status: Status
    value: Any = None
    """A letter, a set of letters, "yes" or "no", plain text, a number, boxes (n, 4) …; None unless answered."""
    rule: str
    """Which rule read it, or why it could not be read."""


@dataclass(frozen=True, kw_only=True)
class ScoredAnswer:
    """How right a reply is under one rule."""

    correct: float
    """0 to 1; NaN where the rule drops the item from its denominator."""
    parsed: Parsed
    values: Mapping[str, float] = field(default_factory=dict)
    """Other numbers that the rule prints, by the names it gives them."""


class Final(NamedTuple):
    """The part of a reply that holds the answer."""

    text: str
    mark: str
    """What marked it: "boxed", "answer tag", "final answer", "json", or "whole" where nothing did."""


_SIGN = re.compile(r"[^\W_]")
_CLOSE = re.compile(r"</\s*(?:think|thinking|thought|reasoning)\s*>", re.IGNORECASE)
_OPEN = re.compile(r"<\s*(?:think|thinking|thought|reasoning)\s*>", re.IGNORECASE)
_ANSWER_TAG = re.compile(r"<\s*answer\s*>", re.IGNORECASE)
_ANSWER_END = re.compile(r"</\s*answer\s*>", re.IGNORECASE)
_FINAL = re.compile(
    r"\bfinal\s+answer\b[\s*_]*(?:is\b|[:：])?[\s*_:]*|\banswer[\s*_]*[:：][\s*_]*|答案(?:[是为]\s*[:：]?|[:：])\s*",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,300}>")
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf|mathit)\{([^{}]{0,300})\}")
_MARKUP = re.compile(r"\*\*|__|`|\$|\\[()\[\]]")
_BOXED = "\\boxed{"

_ABOUT = r"(?:help|assist|answer|determine|provide|diagnose|interpret|comment|offer|confirm|process|say|tell|judge)"
_REFUSALS = re.compile(
    r"\b(?:i['’]?m|i am|we are)\s+(?:not\s+(?:sure|certain|able)|unsure|uncertain|unable|sorry|afraid)\b"
    r"|\b(?:i|we)\s+(?:can\s*not|can['’]t|could\s+not|couldn['’]t|won['’]t|will\s+not)\s+(?:\w{1,12}\s+)?"
    + _ABOUT
    + r"\b"
    r"|\b(?:i|we)\s+(?:do\s+not|don['’]?t)\s+know\b|\bi\s+have\s+no\s+idea\b|^\W*(?:sorry|apologies)\b"
    r"|\b(?:can\s*not|can['’]t)\s+(?:be\s+)?(?:determined?|answered?|assessed)\b|\bunable\s+to\s+" + _ABOUT + r"\b"
    r"|\b(?:im|not\s+)possible\s+to\s+(?:determine|tell|say|answer|know)\b"
    r"|\b(?:insufficient|not\s+enough)\s+(?:information|data|context|detail)\b|\bas\s+an\s+ai\b"
    r"|无法(?:判断|确定|回答|提供|识别|诊断|查看)|抱歉|对不起|不知道|不确定|لا\s+أستطيع|لا\s+أعرف|لا\s+أعلم|آسف"
    r"|\bich\s+wei(?:ß|ss)\s+(?:es\s+)?nicht\b|\bje\s+ne\s+(?:sais|peux)\s+pas\b|\bno\s+lo\s+sé\b|\bno\s+puedo\b",
    re.IGNORECASE,
)
_TURN = re.compile(r"\b(?:but|however|nevertheless|nonetheless|although|that\s+said)\b|但(?:是)?|لكن", re.IGNORECASE)
_APOLOGY = re.compile(r"\W{0,3}\b(?:but|however)\b", re.IGNORECASE)


def empty(reply: str) -> Parsed | None:
    """Say that a reply has no word, or none but reasoning, such as a thought cut off; None where it has one."""
    if not _SIGN.search(reply):
        return Parsed(status="empty", rule="no word")
    if not _SIGN.search(without_reasoning(reply)):
        return Parsed(status="unparsed", rule="reasoning without an answer")
    return None


def without_reasoning(reply: str) -> str:
    """Return what stands after the last closed reasoning block, or before one that is never closed."""
    last = 0
    for found in _CLOSE.finditer(reply):
        last = found.end()
    opened = _OPEN.search(reply, last)
    return reply[last : opened.start()] if opened else reply[last:]


def without_blocks(text: str) -> str:
    """Take ``<think>`` blocks away, closed or not; a closing mark alone stays, as DeepTumorVQA has it."""
    parts, place = [], 0
    while (start := text.find("<think>", place)) >= 0:
        parts.append(text[place:start])
        end = text.find("</think>", start)
        place = len(text) if end < 0 else end + len("</think>")
    return "".join([*parts, text[place:]]).strip()


def final_content(reply: str) -> Final:
    """Return the part of a reply that is marked as the answer, the last one of several, else all but the reasoning.

    Marks are ``\\boxed{}``, ``<answer>``, "final answer" and "answer:", and the answer's key of a JSON object. Tags
    and marks of layout are taken away. An empty mark does not count.
    """
    text = without_reasoning(reply)
    keyed = json_answer(text)
    if keyed is not None:
        return Final(_clean(keyed), "json")
    found = sorted(
        (part for part in (_boxed(text), _tagged(text), _stated(text)) if part is not None and _clean(part[1])),
        key=lambda part: part[0],
    )
    if found:
        return Final(_clean(found[-1][1]), found[-1][2])
    return Final(_clean(text), "whole")


def refusal(text: str) -> tuple[bool, str]:
    """Say whether a text declines to answer, and what it says after a turn such as "but"; "" where nothing.

    The "but" of "sorry, but" is none.
    """
    found = _REFUSALS.search(text)
    if not found:
        return False, ""
    end = found.end()
    sorry = found.group().casefold().endswith(("sorry", "afraid", "apologies"))
    apology = _APOLOGY.match(text, end) if sorry else None
    turn = _TURN.search(text, apology.end() if apology else end)
    return True, text[turn.end() :] if turn else ""


def _clean(text: str) -> str:
    """Take tags, entities and layout away."""
    plain = _TEXT.sub(r" \1 ", text)
    plain = html.unescape(_TAG.sub(" ", plain))
    return _MARKUP.sub("", plain).strip()


def _boxed(text: str) -> tuple[int, str, str] | None:
    """Return the content of the last closed box, with where it begins."""
    start = text.rfind(_BOXED)
    if start < 0:
        return None
    depth, begin = 1, start + len(_BOXED)
    for place in range(begin, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if not depth:
            return start, text[begin:place], "boxed"
    return start, text[begin:], "boxed"


def _tagged(text: str) -> tuple[int, str, str] | None:
    """Return the content of the last answer tag, closed or not."""
    last = _last(_ANSWER_TAG, text)
    if last is None:
        return None
    end = _ANSWER_END.search(text, last.end())
    return last.start(), text[last.end() : end.start() if end else len(text)], "answer tag"


def _stated(text: str) -> tuple[int, str, str] | None:
    """Return the first line that is not empty after the last "final answer" or "answer:"."""
    last = _last(_FINAL, text)
    if last is None:
        return None
    rest = text[last.end() :].lstrip()
    return last.start(), rest.split("\n", 1)[0], "final answer"


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = deque(pattern.finditer(text), maxlen=1)
    return found[0] if found else None
