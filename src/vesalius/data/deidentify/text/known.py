"""What is known of a patient before the text is read: names, numbers and places from tags or columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from vesalius.data.deidentify.text.spans import Kind, Span
from vesalius.data.deidentify.text.vocabulary import is_ordinary, words

__all__ = ["Known", "find_known", "name_parts"]

_JOINS = re.compile(r"[\s^=,;.\\]+")
_TITLES = {
    "dr", "prof", "mr", "mrs", "ms", "md", "phd", "jr", "sr", "ii", "iii", "herr", "frau", "mme", "m", "miss",
    "sir", "med", "pd", "dipl", "von", "van", "de", "der", "di", "da", "del", "la", "le", "el", "al", "bin",
    "ibn", "do", "anonymous", "anonymized", "unknown", "none", "test", "removed", "patient", "phantom", "na",
    "nn",
}  # fmt: skip
_ACCENTS = {
    "a": "aàáâãäåā",
    "c": "cçćč", "e": "eèéêëēę", "i": "iìíîïī", "n": "nñń", "o": "oòóôõöøō", "u": "uùúûüū",
    "s": "sśšş",
    "y": "yýÿ", "z": "zžźż", "l": "lł", "d": "dđ", "g": "gğ", "r": "rř", "t": "tť",
}  # fmt: skip
_UMLAUTS = {"ä": "(?:ä|ae|a)", "ö": "(?:ö|oe|o)", "ü": "(?:ü|ue|u)", "ß": "(?:ß|ss)", "é": "[ée]"}
_SHORTEST_ID = 3
_TAIL = r"(?:['’]?s)?"


@dataclass(frozen=True)
class Known:
    """Values as they stand in the source, of one patient or study."""

    persons: tuple[str, ...] = ()
    """Names of people, such as "DOE^JANE" or "Jane Doe"."""
    numbers: tuple[str, ...] = ()
    """Patient, accession and other numbers."""
    places: tuple[str, ...] = ()
    """Institutions, addresses, wards."""

    def with_more(self, other: Known) -> Known:
        """Return the values of both, each once; equal to this where the other tells nothing new."""
        return Known(
            tuple(dict.fromkeys(self.persons + other.persons)),
            tuple(dict.fromkeys(self.numbers + other.numbers)),
            tuple(dict.fromkeys(self.places + other.places)),
        )


def name_parts(name: str) -> list[str]:
    """Return the words of a name that can tell who somebody is, titles and particles left out."""
    parts = [part.strip("()[]'\"*-") for part in _JOINS.split(name)]
    return [part for part in parts if len(part) > 1 and part.lower() not in _TITLES and not part.isdigit()]


def find_known(text: str, known: Known) -> Iterator[Span]:
    """Yield every place where a known value stands, in the forms in which people write it."""
    for pattern, kind, needs_care in _patterns(known):
        for match in pattern.finditer(text):
            if not needs_care or _is_name_here(text, match):
                yield Span(match.start(), match.end(), kind)


@lru_cache(maxsize=256)
def _patterns(known: Known) -> tuple[tuple[re.Pattern[str], Kind, bool], ...]:
    found: list[tuple[re.Pattern[str], Kind, bool]] = []
    for name in dict.fromkeys(known.persons):
        found += _name_patterns(name)
    numbers = {number for value in known.numbers if len(number := value.strip()) >= _SHORTEST_ID}
    if numbers:
        longest_first = sorted(numbers, key=lambda number: (-len(number), number))
        loose = "|".join(_loosely(number) for number in longest_first)
        found.append((re.compile(rf"(?<![^\W_])(?:{loose})(?![^\W_])", re.IGNORECASE), "ID", False))
    for place in dict.fromkeys(value.strip() for value in known.places):
        parts = re.findall(r"\w+", place)
        if len("".join(parts)) >= 4 and not (len(parts) == 1 and is_ordinary(parts[0])):
            joined = r"\W+".join(_letters(part) for part in parts)
            found.append((re.compile(rf"(?<![^\W_]){joined}{_TAIL}(?![^\W_])", re.IGNORECASE), "PLACE", False))
    return tuple(found)


def _loosely(number: str) -> str:
    """Return a pattern for a number in which spaces and hyphens may stand for each other or be left out."""
    return r"[\s-]?".join(re.escape(part) for part in re.split(r"[\s-]+", number))


def _name_patterns(name: str) -> Iterator[tuple[re.Pattern[str], Kind, bool]]:
    parts = name_parts(name)
    for part in dict.fromkeys(parts):
        pieces = [part, *(piece for piece in part.split("-") if len(piece) > 2 and "-" in part)]
        for piece in pieces:
            form = r"[\s-]?".join(_letters(half) for half in piece.split("-"))
            care = is_ordinary(piece) or len(piece) < 4
            flags = re.IGNORECASE
            yield re.compile(rf"(?<![^\W_]){form}{_TAIL}(?![^\W_])", flags), "NAME", care
    if len(parts) > 1:
        family, given = _letters(parts[0]), _letters(parts[1])
        first, last = re.escape(parts[1][0]), re.escape(parts[0][0])
        forms = (
            rf"{first}\.?(?:[ -]?[A-Z]\.?)?[ ]?{family}", rf"{family},?[ ]{first}\b\.?(?:[ ]?[A-Z]\b\.?)?",
            rf"{given}[ ](?:[A-Z]\.?[ ])?{last}\b\.", rf"{last}\.?[ ]?{given}", rf"{family}\W{{1,2}}{given}",
            rf"{given}\W(?:\w{{1,12}}\.?\W)?{family}",
        )  # fmt: skip
        for form in forms:
            yield re.compile(rf"(?<![^\W_]){form}{_TAIL}(?![^\W_])", re.IGNORECASE), "NAME", False
        yield re.compile(rf"(?<![^\W_])(?:{first}\.[ ]?{last}\.|{last}\.[ ]?{first}\.)(?![^\W_])"), "NAME", False


def _letters(word: str) -> str:
    """Return a pattern for a word with or without its accents and with spelled-out umlauts."""
    pieces = []
    for character in word.lower():
        if character in _UMLAUTS:
            pieces.append(_UMLAUTS[character])
        elif character in _ACCENTS:
            pieces.append(f"[{_ACCENTS[character]}]")
        else:
            pieces.append(re.escape(character))
    joined = "".join(pieces)
    for plain, umlaut in (("ae", "ä"), ("oe", "ö"), ("ue", "ü")):
        both = f"[{_ACCENTS[plain[0]]}][{_ACCENTS['e']}]"
        joined = joined.replace(both, f"(?:{both}|{umlaut})")
    return joined


def _is_name_here(text: str, match: re.Match[str]) -> bool:
    """Say whether a name that is also an ordinary word, or very short, is meant as a name.

    In lower case it is not; before a word such as "disease" or "matter" it is not; at all other places it is.
    """
    found = match.group()
    if found[0].islower():
        return False
    following = re.match(r"[\s-]+([\w]+)", text[match.end() :])
    if following is None:
        return True
    return following[1].lower() not in words("after_eponym") and following[1] not in (
        "not",
        "be",
        "have",
        "represent",
    )
