"""Split a report into sentences: abbreviations, initials, decimals and list numbers do not end one."""

from __future__ import annotations

import re

__all__ = ["sentences"]

_ABBREVIATIONS = {
    "approx", "art", "ca", "cf", "dr", "eg", "e.g", "est", "fig", "ie", "i.e", "inf", "lat", "mr", "mrs", "ms", "nr",
    "pt", "prof", "resp", "st", "sup", "temp", "vs", "a.m", "p.m", "b.i.d", "t.i.d", "q.d", "p.o", "i.v", "z.b",
    "bzw", "vgl", "ggf",
}  # fmt: skip
"""Written with a full stop in the middle of a sentence, in lower case without the last stop."""

_BREAK = re.compile(r"\n\s*\n|\n\s*(?=[-*•]\s)|\n\s*(?=\d{1,2}[.)]\s)|(?<=[。！？])")
_STOP = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[^\W_a-z])|(?<=[a-z]{2}\.)(?=[A-Z][a-z])")
_NUMBERING = re.compile(r"^(?:[-*•]|\d{1,2}[.)])\s+")


def sentences(text: str) -> list[str]:
    """Return the sentences of `text` in order, without list numbers and surplus white space.

    A full stop, exclamation or question mark ends a sentence where white space and a capital letter, a digit or a
    script without case follow, or where a capitalised word follows at once; blank lines, list items and full-width
    stops end one too. A single line break does not. What has no letter or digit is left out.
    """
    found: list[str] = []
    for block in _BREAK.split(text):
        pending = ""
        for piece in _STOP.split(" ".join(block.split())):
            pending = f"{pending} {piece}".strip()
            if not _goes_on(pending):
                found.append(pending)
                pending = ""
        found.append(pending)
    cleaned = (_NUMBERING.sub("", sentence).strip() for sentence in found)
    return [sentence for sentence in cleaned if any(character.isalnum() for character in sentence)]


def _goes_on(piece: str) -> bool:
    """Say whether the stop at the end of `piece` belongs to an abbreviation, an initial or a list number."""
    if not piece.endswith("."):
        return False
    last = piece.rsplit(" ", 1)[-1].rstrip(".").lstrip("(['\"").lower()
    is_initial = len(last) == 1 and last.isalpha() and " " in piece
    return last in _ABBREVIATIONS or is_initial or piece.rstrip(".").isdigit()
