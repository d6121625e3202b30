"""Is a text written as its language is: script, direction, numerals, punctuation, nothing left over?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from vesalius.errors import ConfigError

__all__ = ["ISOLATE", "faults", "isolated"]

ISOLATE = ("\u2066", "\u2069")
"""Marks round a run from left to right inside a text from right to left (LRI, PDI)."""
_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069"
_HAN = r"\u4e00-\u9fff"
_ARABIC_DIGITS, _DIGITS = r"[\u0660-\u0669]", r"[0-9]"
_LATIN_RUN = re.compile(r"[A-Za-z](?:[A-Za-z0-9 .+/&-]*[A-Za-z0-9])?")
_HINDI_WORDS = {
    "hai",
    "h",
    "mein",
    "me",
    "ka",
    "ki",
    "ke",
    "ko",
    "se",
    "nahi",
    "nahin",
    "nai",
    "kya",
    "aur",
    "ya",
    "bhi",
}


def isolated(text: str) -> str:
    """Put isolate marks round every Latin run of an Arabic text that has none yet."""
    return _LATIN_RUN.sub(lambda match: ISOLATE[0] + match[0] + ISOLATE[1], text)


def faults(text: str, language: str) -> tuple[str, ...]:
    """Return what is not well formed, in words; nothing where all is well.

    Args:
        text: one or more sentences.
        language: en, zh, ar or hi-Latn.
    """
    checks = {"en": _english, "zh": _chinese, "ar": _arabic, "hi-Latn": _hindi}
    if language not in checks:
        raise ConfigError(f"no rules for the language {language!r}; there are {', '.join(checks)}")
    return (*_common(text), *checks[language](text))


def _common(text: str) -> Iterator[str]:
    if not text.strip():
        yield "empty"
    if re.search(r"[{}]|\[[^\]]*\]", text):
        yield "a slot is left over"
    if re.search(r"  |^ | $", text):
        yield "blanks at the edges or doubled"
    if unicodedata.normalize("NFC", text) != text:
        yield "not in composed form (NFC)"


def _share(text: str, script: str) -> float:
    """Share of the letters that are of a script, by the names of the characters."""
    letters = [letter for letter in text if letter.isalpha()]
    return sum(unicodedata.name(letter, "").startswith(script) for letter in letters) / max(len(letters), 1)


def _english(text: str) -> Iterator[str]:
    if _share(text, "LATIN") < 1:
        yield "letters of another script"
    if not re.search(r"[.?!]$", text):
        yield "no stop at the end"
    if re.search(r"\s[.,;:?!]", text):
        yield "a blank before a stop"
    if re.search(r"(?:\ba|^A) [aeio]|\b[Aa]n [bcdfgjklmnpqrstvwyz]", text):
        yield "a wrong article"


def _chinese(text: str) -> Iterator[str]:
    if _share(text, "CJK") < 0.6:
        yield "too few Chinese characters"
    if re.search(rf"[{_HAN}，。？！、；：] | [{_HAN}，。？！、；：]", text):
        yield "a blank beside a Chinese character"
    if re.search(rf"[{_HAN}][,.;:?!]", text):
        yield "a Western stop after a Chinese character"
    if not re.search(r"[。？！]$", text):
        yield "no stop at the end"
    if re.search(r"[，、。；]{2}", text):
        yield "two stops at once"
    if re.search("[\u0660-\u0669\uff10-\uff19]", text):
        yield "numerals of another style"


def _arabic(text: str) -> Iterator[str]:
    if _share(text, "ARABIC") < 0.6:
        yield "too few Arabic letters"
    if re.search(_ARABIC_DIGITS, text) and re.search(_DIGITS, text):
        yield "numerals of two styles"
    if re.search(r"[,;?]", text):
        yield "a Western stop where Arabic has its own"
    if re.search(r"(?:^|\s)(?:و|ال|ب|ل|ك)(?=\s)", text):
        yield "a clitic stands alone"
    if not re.search(r"[.؟!]$", text):
        yield "no stop at the end"
    if re.search(r"\s[.،؛؟]", text):
        yield "a blank before a stop"
    yield from _directions(text)


def _directions(text: str) -> Iterator[str]:
    """Isolates are closed, hold no other isolate, and every Latin run is inside one."""
    if re.search(f"[{_MARKS}]", re.sub("[\u2066\u2069]", "", text)):
        yield "a direction mark that is no isolate"
    inside = re.sub("\u2066[^\u2066\u2069]*\u2069", "", text)
    if re.search("[\u2066\u2069]", inside):
        yield "isolates are not balanced"
    if re.search("[A-Za-z]", inside):
        yield "a Latin run without isolates"


def _hindi(text: str) -> Iterator[str]:
    if _share(text, "LATIN") < 1:
        yield "letters of another script"
    if not set(re.findall(r"[a-z]+", text.lower())) & _HINDI_WORDS:
        yield "no Hindi word"
    if not re.search(r"[.?!]$", text):
        yield "no stop at the end"
    if re.search(r"\s[.,;:?!]", text):
        yield "a blank before a stop"
