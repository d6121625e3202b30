"""Texts made comparable: case, marks, spaces and forms of letters do not count."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["normalised", "text_hash", "words"]

_WORD = re.compile(r"[぀-ヿ㐀-鿿]|[^\W_]+(?:[.,]\d+)*")
"""A letter of Chinese or Japanese, which has no spaces, or a run of letters and digits, decimals whole."""


def words(text: str) -> list[str]:
    """Return the words of a text in order, folded in case and form (NFKC)."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def normalised(text: str) -> str:
    """Return the words with one space between them."""
    return " ".join(words(text))


def text_hash(text: str) -> str:
    """Return the SHA-256 of the normalised text; empty where the text has no word."""
    plain = normalised(text)
    return hashlib.sha256(plain.encode("utf-8")).hexdigest() if plain else ""
