"""Places in a text that tell who somebody is, and how places that overlap become one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

__all__ = ["Kind", "Span", "merged"]

Kind = Literal["NAME", "DATE", "TIME", "ID", "PHONE", "EMAIL", "URL", "PLACE", "AGE"]


class Span(NamedTuple):
    """Characters from `start` to before `end` that are to go."""

    start: int
    end: int
    kind: Kind


_RANK: tuple[Kind, ...] = ("NAME", "DATE", "TIME", "AGE", "EMAIL", "URL", "PHONE", "PLACE", "ID")
"""Which kind is told of two spans of the same length."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order without overlap: those that overlap become one, of the kind of the longest."""
    found: list[Span] = []
    longest = 0
    for span in sorted(spans, key=lambda span: (span.start, -span.end, _RANK.index(span.kind))):
        if found and span.start < found[-1].end:
            last = found[-1]
            kind = span.kind if span.end - span.start > longest else last.kind
            longest = max(longest, span.end - span.start)
            found[-1] = Span(last.start, max(last.end, span.end), kind)
        else:
            found.append(span)
            longest = span.end - span.start
    return found
