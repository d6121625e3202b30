"""Conversations in another language: a translator from outside, and checks of what it must not have changed.

What a check finds wrong goes to people with its reason; nothing is repaired in silence. Source of the pipeline:
BiMediX2 2024 (arXiv 2412.07769), whose translations below a score are made again or read by experts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Message
from vesalius.metrics.answers import answer_words, word_overlap

__all__ = ["Translated", "TranslationSettings", "changed", "normal_arabic", "script_of", "translated"]

Translate = Callable[[str], str]
"""A text in one language to the same text in another."""

_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩٫٪۰۱۲۳۴۵۶۷۸۹", "0123456789.%0123456789")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_UNIT = re.compile(r"(?<![a-zA-Z])(mm|cm|ml|mg|kg|g|l|mmhg|hu|%|°c|µm|um)(?![a-zA-Z])", re.IGNORECASE)
_OPTION = re.compile(r"^\s*\(?([A-Z])[).:]\s", re.MULTILINE)
_MARK = re.compile(r"<objects:[\d,]*>")
_LETTERS = {"ARABIC": "Arab", "CJK": "Hans", "DEVANAGARI": "Deva", "LATIN": "Latn"}
_DIACRITICS = re.compile(r"[\u0610-\u061a\u064b-\u065f\u0670\u0640]")


@dataclass(frozen=True, kw_only=True)
class TranslationSettings:
    """What a translation must keep, and how much of the way back must agree."""

    language: str
    """Of the translation."""
    script: str
    """In which its words are to be written: Arab, Hans, Deva, Latn."""
    kept_words: tuple[str, ...] = ()
    """Words that stay as they are, such as names of drugs."""
    back_f1: float = 0.5
    """Words of the text that must come back when the translation is translated back: F1 of words."""


@dataclass(frozen=True, kw_only=True)
class Translated:
    """A conversation in the other language, or why people are to look at it."""

    source: Conversation
    conversation: Conversation | None
    """With the id of its source, so that both stay on one side of a split; None where a check failed."""
    reasons: tuple[str, ...] = ()
    """Of the failed checks, a line each."""


def translated(
    rows: Iterable[Conversation],
    translate: Translate,
    *,
    settings: TranslationSettings,
    back: Translate | None = None,
) -> Iterator[Translated]:
    """Translate conversations turn by turn; media stay where they stand.

    Args:
        rows: in one language.
        translate: into the other.
        settings: checks.
        back: translates the other way, for the check of the way back; none where not given.
    """
    for row in rows:
        messages = tuple(
            replace(
                message, parts=tuple(translate(part) if isinstance(part, str) else part for part in message.parts)
            )
            for message in row.messages
        )
        reasons = [
            f"turn {number}: {reason}"
            for number, (old, new) in enumerate(zip(row.messages, messages, strict=True), start=1)
            for reason in _turn_faults(old, new, settings, back)
        ]
        made = None if reasons else replace(row, messages=messages, language=settings.language)
        yield Translated(source=row, conversation=made, reasons=tuple(reasons))


def changed(old: str, new: str, *, kept_words: Sequence[str] = ()) -> list[str]:
    """Say what a translation lost or added of what must stay: numbers, units, option letters, regions, kept words."""
    before, after = old.translate(_DIGITS), new.translate(_DIGITS)
    found = []
    for what, pattern in (("numbers", _NUMBER), ("units", _UNIT), ("options", _OPTION), ("regions", _MARK)):
        one, other = (Counter(word.lower() for word in pattern.findall(text)) for text in (before, after))
        if one != other:
            lost, added = sorted((one - other).elements()), sorted((other - one).elements())
            found.append(f"{what}: lost {lost}, added {added}")
    missing = [word for word in kept_words if word.lower() in old.lower() and word.lower() not in new.lower()]
    return [*found, *([f"words that stay: lost {missing}"] if missing else [])]


def script_of(text: str) -> str:
    """Return the script of most letters of a text: Arab, Hans, Deva or Latn; empty without such letters."""
    counts: Counter[str] = Counter()
    for letter in text:
        if letter.isalpha():
            name = unicodedata.name(letter, "").split(" ")[0]
            counts[_LETTERS.get(name, "")] += 1
    del counts[""]
    return max(sorted(counts), key=lambda name: counts[name]) if counts else ""


def normal_arabic(text: str) -> str:
    """Return Arabic as scores compare it, never as data hold it: no vowel signs, one form of alef, ya, ta marbuta."""
    plain = _DIACRITICS.sub("", text)
    return re.sub("[أإآٱ]", "ا", plain).replace("ى", "ي").replace("ة", "ه").translate(_DIGITS)


def _turn_faults(old: Message, new: Message, settings: TranslationSettings, back: Translate | None) -> Iterator[str]:
    yield from changed(old.text, new.text, kept_words=settings.kept_words)
    script = script_of(new.text)
    if script_of(old.text) and script not in ("", settings.script) and len(old.text.split()) > 1:
        yield f"written in {script}, expected {settings.script}"
    if back is not None and old.text.strip():
        f1 = word_overlap(answer_words(back(new.text)), answer_words(old.text)).f1
        if f1 < settings.back_f1:
            yield f"{f1:.2f} of its words come back, expected {settings.back_f1:g}"
