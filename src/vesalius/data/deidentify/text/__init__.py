"""Scrubbing of texts: what tells who somebody is goes, what tells what he has stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.text.ages import find_ages
from vesalius.data.deidentify.text.dates import find_dates, shifted
from vesalius.data.deidentify.text.known import Known, find_known
from vesalius.data.deidentify.text.names import find_listed, find_names
from vesalius.data.deidentify.text.numbers import find_numbers
from vesalius.data.deidentify.text.places import find_places
from vesalius.data.deidentify.text.spans import Kind, Span, merged
from vesalius.data.deidentify.text.surrogates import surrogate
from vesalius.data.deidentify.text.unfamiliar import find_unfamiliar

__all__ = ["Kind", "Known", "Scrubbed", "Scrubber", "Span", "find"]


_WINDOW, _OVERLAP = 2000, 400
"""Characters: a long text is read in pieces that overlap by more than the longest name, so that time grows with
its length and no faster, whatever it holds."""


@dataclass(frozen=True)
class Scrubbed:
    """A text without what identifies, and what went, by kind."""

    text: str
    counts: Counter[str] = field(default_factory=Counter)


def find(
    text: str, *, known: Known | None = None, names: tuple[str, ...] = (), places: tuple[str, ...] = ()
) -> list[Span]:
    """Return all that identifies, in order and without overlap.

    Args:
        text: English in full; dates, titles and signatures in German and French too.
        known: values of the patient from tags or columns.
        names: dictionary of further names.
        places: dictionary of further places.
    """
    found = []
    for start in range(0, max(1, len(text)), _WINDOW - _OVERLAP):
        piece = text[start : start + _WINDOW]
        found += [
            Span(start + span.start, start + span.end, span.kind)
            for span in _found(piece, known or Known(), names, places)
        ]
        if start + _WINDOW >= len(text):
            break
    return merged(found)


def _found(text: str, known: Known, names: tuple[str, ...], places: tuple[str, ...]) -> Iterator[Span]:
    yield from find_known(text, known)
    yield from find_names(text)
    yield from find_listed(text, names)
    yield from find_dates(text)
    yield from find_numbers(text)
    yield from find_places(text, places)
    yield from find_ages(text)
    yield from find_unfamiliar(text)


@dataclass(frozen=True)
class Scrubber:
    """How found values are replaced."""

    secret: Secret | None = None
    """Needed for invented values."""
    surrogates: bool = False
    """Put invented values in the place of found ones instead of "[NAME]"."""
    days: int | None = None
    """Move whole dates by days instead of "[DATE]"; 0 keeps all dates as they are."""
    day_first: bool = False
    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    def scrub(self, text: str, known: Known | None = None) -> Scrubbed:
        """Return the text with every found value replaced."""
        pieces, at = [], 0
        counts: Counter[str] = Counter()
        for span in find(text, known=known, names=self.names, places=self.places):
            if self.days == 0 and span.kind in ("DATE", "TIME"):
                continue
            pieces += [text[at : span.start], self._replacement(text[span.start : span.end], span.kind)]
            counts[span.kind] += 1
            at = span.end
        return Scrubbed("".join(pieces) + text[at:], counts)

    def _replacement(self, value: str, kind: Kind) -> str:
        if kind == "DATE" and self.days is not None:
            moved = shifted(value, self.days, day_first=self.day_first)
            return "[DATE]" if moved is None else moved
        if self.surrogates and self.secret is not None:
            return surrogate(kind, value, self.secret)
        return f"[{kind}]"
