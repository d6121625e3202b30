"""Which language a text is in, of nine: by script where that decides, else by how words are spelt.

Chinese, Arabic and Hindi in its own script are told by their letters. English, Spanish, German, French, Portuguese
and Hindi in Latin letters are told by runs of one to four letters (naive Bayes with the counts of a few hundred
words of each). A text of a few words, or one full of Latin names that all languages share, is not decided: the
answer is "". Another language in Latin letters is not known to be another: it is called the nearest of the six, or
"" where two are about as near. It is meant to sort the texts of a corpus, not to judge single words.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vesalius.config import read_yaml

__all__ = ["KNOWN", "Guess", "language_of"]

KNOWN = ("en", "zh", "ar", "hi", "hi-Latn", "es", "de", "fr", "pt")
"""BCP 47 tags that can be answered."""
_SCRIPTS = {"zh": r"[㐀-鿿]", "ar": r"[؀-ۿݐ-ݿ]", "hi": r"[ऀ-ॿ]"}
_OTHERS = re.compile(r"[぀-ヿ가-힯Ѐ-ӿͰ-Ͽ֐-׿฀-๿]")
"""Kana, Hangul, Cyrillic, Greek, Hebrew and Thai letters: languages that are not known here."""
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")
_SHARE = 0.3
"""Share of the letters from which a script decides: Chinese and Arabic reports quote names in Latin letters."""
_LEAST_MARGIN = 2.0
"""Natural logarithm of the odds of the best against the second from which the answer is given."""
_LONGEST = 4


class Guess(NamedTuple):
    """A language and how sure it is."""

    language: str
    """One of `KNOWN`, or empty where nothing decides."""
    margin: float
    """Log odds against the second; infinite where the script decides."""


def language_of(text: str) -> Guess:
    """Return the language of a text."""
    letters = len(_LETTER.findall(text))
    if not letters:
        return Guess("", 0.0)
    for language, letters_of in _SCRIPTS.items():
        # One Chinese character stands for about a word, so letters of quoted names outnumber it.
        weight = 3 if language == "zh" else 1
        count = len(re.findall(letters_of, text)) * weight
        if count >= _SHARE * (letters + count * (weight - 1) / weight) and not _foreign(text, letters):
            return Guess(language, math.inf)
    if _foreign(text, letters):
        return Guess("", 0.0)
    found = _scores(text)
    best, second = sorted(found, key=lambda name: -found[name])[:2]
    margin = found[best] - found[second]
    return Guess(best if margin >= _LEAST_MARGIN else "", margin)


def _foreign(text: str, letters: int) -> bool:
    return len(_OTHERS.findall(text)) >= _SHARE * letters


def _scores(text: str) -> dict[str, float]:
    """Return the log likelihood of a text's runs in each language; each counts a quarter, for runs overlap."""
    runs = _runs(text)
    return {
        language: sum(count * known.get(run, floor) for run, count in runs.items()) / _LONGEST
        for language, (known, floor) in _learnt().items()
    }


@cache
def _learnt() -> dict[str, tuple[Mapping[str, float], float]]:
    """Return the log probability of each run in each language, and that of a run that it does not have."""
    texts = read_yaml(Path(__file__).with_name("languages.yaml"))
    counts = {language: _runs(text) for language, text in texts.items()}
    kinds = len(set().union(*counts.values()))
    learnt: dict[str, tuple[Mapping[str, float], float]] = {}
    for language, found in counts.items():
        total = found.total() + 0.5 * kinds
        learnt[language] = (
            {run: math.log((count + 0.5) / total) for run, count in found.items()},
            math.log(0.5 / total),
        )
    return learnt


def _runs(text: str) -> Counter[str]:
    """Count the runs of 1 to 4 letters, with a space for each end of a word."""
    found: Counter[str] = Counter()
    for word in _WORD.findall(text.lower()):
        padded = f" {word} "
        for length in range(1, _LONGEST + 1):
            found.update(padded[start : start + length] for start in range(len(padded) - length + 1))
    del found[" "]
    return found
