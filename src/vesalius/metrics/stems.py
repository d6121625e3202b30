"""Two stemmers of English that text metrics name: Porter's with NLTK's changes, and Snowball's "English" of 2015.

Sources: Porter 1980, "An algorithm for suffix stripping", with the extensions that rouge-score uses through NLTK; the
Snowball description of the English (Porter2) stemmer as METEOR 1.5 holds it. Words are lower case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

__all__ = ["porter", "snowball"]

_IRREGULAR = {"sky": "sky", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "news": "news",
              "innings": "inning", "inning": "inning", "outings": "outing", "outing": "outing", "cannings": "canning",
              "canning": "canning", "howe": "howe", "proceed": "proceed", "exceed": "exceed",
              "succeed": "succeed"}  # fmt: skip


def _rules(table: str) -> tuple[tuple[str, str], ...]:
    """Read ``suffix:new`` pairs."""
    pairs = (pair.partition(":") for pair in table.split())
    return tuple((suffix, new) for suffix, _, new in pairs)


_STEP_2 = _rules(
    "ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent eli:e ousli:ous ization:ize "
    "ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous aliti:al iviti:ive biliti:ble fulli:ful"
)
_STEP_3 = _rules("icate:ic ative: alize:al iciti:ic ical:ic ful: ness:")
_STEP_4 = _rules("al: ance: ence: er: ic: able: ible: ant: ement: ment: ent: ion: ou: ism: ate: iti: ous: ive: ize:")


def porter(word: str) -> str:
    """Stem as NLTK's PorterStemmer does in its default mode."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    word = _plural(word)
    word = _participle(word)
    if word.endswith("y") and len(word) > 2 and _shape(word[:-1])[-1] == "c":
        word = f"{word[:-1]}i"
    word = _second(word)
    word = _first_suffix(word, _STEP_3, lambda stem: _measure(stem) > 0)
    word = _fourth(word)
    return _fifth(word)


def _shape(word: str) -> str:
    """Consonants and vowels as ``c`` and ``v``; y is a consonant at the start and after a vowel."""
    marks: list[str] = []
    for letter in word:
        vowel = letter in "aeiou" or (letter == "y" and bool(marks) and marks[-1] == "c")
        marks.append("v" if vowel else "c")
    return "".join(marks)


def _measure(stem: str) -> int:
    return _shape(stem).count("vc")


def _closed(stem: str) -> bool:
    """Ends consonant, vowel, consonant other than w, x, y; NLTK counts two letters as vowel and consonant too."""
    shape = _shape(stem)
    return (shape.endswith("cvc") and stem[-1] not in "wxy") or shape == "vc"


def _plural(word: str) -> str:
    if word.endswith("ies"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("sses"):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _participle(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    ending = next((end for end in ("ed", "ing") if word.endswith(end) and "v" in _shape(word[: -len(end)])), None)
    if ending is None:
        return word
    stem = word[: -len(ending)]
    if stem.endswith(("at", "bl", "iz")):
        return f"{stem}e"
    if len(stem) > 1 and stem[-1] == stem[-2] and _shape(stem)[-1] == "c":
        return stem if stem[-1] in "lsz" else stem[:-1]
    return f"{stem}e" if _measure(stem) == 1 and _closed(stem) else stem


def _second(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _second(f"{word[:-4]}al")
    if word.endswith("logi") and not word.endswith(tuple(suffix for suffix, _ in _STEP_2)):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _first_suffix(word, _STEP_2, lambda stem: _measure(stem) > 0)


def _first_suffix(word: str, rules: Sequence[tuple[str, str]], when: Callable[[str], bool]) -> str:
    for suffix, new in rules:
        if word.endswith(suffix):
            stem = word[: -len(suffix)]
            return stem + new if when(stem) else word
    return word


def _fourth(word: str) -> str:
    suffix = next((suffix for suffix, _ in _STEP_4 if word.endswith(suffix)), None)
    if suffix is None:
        return word
    stem = word[: -len(suffix)]
    return stem if _measure(stem) > 1 and (suffix != "ion" or stem[-1] in "st") else word


def _fifth(word: str) -> str:
    if word.endswith("e"):
        measure = _measure(word[:-1])
        if measure > 1 or (measure == 1 and not _closed(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


_VOWELS = "aeiouy"
_FIXED = {"skis": "ski", "skies": "sky", "dying": "die", "lying": "lie", "tying": "tie", "idly": "idl",
          "gently": "gentl", "ugly": "ugli", "early": "earli", "only": "onli", "singly": "singl", "sky": "sky",
          "news": "news", "howe": "howe", "atlas": "atlas", "cosmos": "cosmos", "bias": "bias",
          "andes": "andes"}  # fmt: skip
_KEPT = {"inning", "outing", "canning", "herring", "earring", "proceed", "exceed", "succeed"}
_REGION = re.compile(rf"[{_VOWELS}][^{_VOWELS}]")
_SHORT = re.compile(rf"(?:[^{_VOWELS}][{_VOWELS}][^{_VOWELS}wxY]|^[{_VOWELS}][^{_VOWELS}])\Z")
_BY_LENGTH = {
    2: "ational:ate tional:tion enci:ence anci:ance izer:ize ization:ize abli:able entli:ent ation:ate ator:ate "
    "alism:al aliti:al alli:al fulness:ful ousli:ous ousness:ous iveness:ive iviti:ive biliti:ble bli:ble ogi:og "
    "fulli:ful lessli:less li:",
    3: "ational:ate tional:tion alize:al icate:ic iciti:ic ical:ic ful: ness: ative:",
    4: "al: ance: ence: er: ic: able: ible: ant: ement: ment: ent: ism: ate: iti: ous: ive: ize: ion:",
}
_RULES = {step: sorted(_rules(table), key=lambda rule: -len(rule[0])) for step, table in _BY_LENGTH.items()}
"""Suffixes of a step, the longest first: the longest that fits decides, whether its condition holds or not."""


def snowball(word: str) -> str:
    """Stem as the Snowball English stemmer of METEOR 1.5 does."""
    if len(word) <= 2:
        return word
    if word in _FIXED:
        return _FIXED[word]
    word = word.removeprefix("'")
    word = re.sub(rf"(?<=[{_VOWELS}])y|^y", "Y", word)
    first, second = _regions(word)
    word = next((word[: -len(end)] for end in ("'s'", "'s", "'") if word.endswith(end)), word)
    word = _step_1a(word)
    if word in _KEPT:
        return word
    word = _step_1b(word, first)
    if len(word) > 2 and word[-1] in "yY" and word[-2] not in _VOWELS:
        word = f"{word[:-1]}i"
    for step in _RULES:
        word = _step(word, step, first, second)
    return _step_5(word, first, second).replace("Y", "y")


def _regions(word: str) -> tuple[int, int]:
    """Where R1 and R2 begin: after the first consonant that follows a vowel, and the same again."""
    known = re.match("gener|commun|arsen", word)
    found = _REGION.search(word)
    first = known.end() if known else found.end() if found else len(word)
    again = _REGION.search(word, first)
    return first, again.end() if again else len(word)


def _step_1a(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and re.search(f"[{_VOWELS}]", word[:-2]):
        return word[:-1]
    return word


def _step_1b(word: str, first: int) -> str:
    ending = next((end for end in ("eedly", "ingly", "edly", "eed", "ing", "ed") if word.endswith(end)), None)
    if ending is None:
        return word
    stem = word[: -len(ending)]
    if ending.startswith("ee"):
        return f"{stem}ee" if len(stem) >= first else word
    if not re.search(f"[{_VOWELS}]", stem):
        return word
    if stem.endswith(("at", "bl", "iz")):
        return f"{stem}e"
    if stem.endswith(("bb", "dd", "ff", "gg", "mm", "nn", "pp", "rr", "tt")):
        return stem[:-1]
    return f"{stem}e" if first >= len(stem) and _SHORT.search(stem) else stem


def _step(word: str, step: int, first: int, second: int) -> str:
    suffix, new = next(((suffix, new) for suffix, new in _RULES[step] if word.endswith(suffix)), ("", ""))
    stem = word[: len(word) - len(suffix)]
    if not suffix or len(stem) < (second if step == 4 or suffix == "ative" else first):
        return word
    needed = {"ogi": "l", "li": "cdeghkmnrt", "ion": "st"}.get(suffix)
    return word if needed and stem[-1:] not in tuple(needed) else stem + new


def _step_5(word: str, first: int, second: int) -> str:
    stem = word[:-1]
    if word.endswith("e"):
        return stem if len(stem) >= second or (len(stem) >= first and not _SHORT.search(stem)) else word
    return stem if word.endswith("ll") and len(stem) >= second else word
