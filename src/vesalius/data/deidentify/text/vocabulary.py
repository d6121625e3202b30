"""Words that the rules need: eponyms, given names, clinical words; without accents and in lower case."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

import yaml

__all__ = ["folded", "is_ordinary", "words"]


@cache
def words(kind: str) -> frozenset[str]:
    """Return the words of a kind: "eponyms", "given", "clinical", "surnames", "countries" and others."""
    document: dict[str, str] = yaml.safe_load((Path(__file__).parent / "words.yaml").read_text(encoding="utf-8"))
    return frozenset(folded(word) for word in document[kind].split())


def folded(text: str) -> str:
    """Return the text in lower case without accents, as long as it was wherever that is possible.

    The German ß becomes ss; other letters keep their number.
    """
    return "".join(_plain(character) for character in text)


@cache
def _plain(character: str) -> str:
    base = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    return {"ß": "ss", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "æ": "ae", "œ": "oe"}.get(character, base.lower())


def is_ordinary(word: str) -> bool:
    """Say whether a word is an eponym or a clinical or common word, so that alone it names nobody."""
    plain = folded(word)
    return any(plain in words(kind) for kind in ("clinical", "surnames", "eponyms"))
