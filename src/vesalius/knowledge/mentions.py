"""Concepts that a text names, for training on spans: the built-in vocabulary, and what the study itself states.

A finding of the study counts under its own name, too, so that labels from outside the vocabulary are found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from vesalius.data.records import Finding
from vesalius.knowledge.entities import Linker, Mention
from vesalius.knowledge.vocabulary import names_of
from vesalius.virtual.anatomy.catalogue import structures
from vesalius.virtual.preset import finding_names

__all__ = ["concept_linker", "named_concepts"]

_TEXTS_KEPT = 1 << 15


@cache
def concept_linker() -> Linker:
    """Return the linker of all findings and structures; where both have a name, the finding is meant."""
    findings = {concept: names_of(concept) for concept in finding_names()}
    return Linker({**findings, **{name: (name,) for name in structures()}})


def named_concepts(text: str, findings: Iterable[Finding] = ()) -> list[Mention]:
    """Return the concepts that a text names, in order, the longest name at each place.

    Args:
        text: in English.
        findings: what the study states; their concepts are looked for by their own names, such as "ring sign" for
            ``ring_sign``, where the vocabulary names nothing.
    """
    stated = sorted({finding.concept for finding in findings} - set(finding_names()))
    return list(_mentions(text, tuple(stated)))


@lru_cache(maxsize=_TEXTS_KEPT)
def _mentions(text: str, stated: Sequence[str]) -> tuple[Mention, ...]:
    found = concept_linker().mentions(text)
    if stated:
        own = Linker({concept: (concept.replace("_", " "),) for concept in stated}).mentions(text)
        found = [mention for mention in found if not any(_overlap(mention, other) for other in own)] + own
    return tuple(sorted(found, key=lambda mention: mention.start))


def _overlap(one: Mention, other: Mention) -> bool:
    return one.start < other.end and other.start < one.end
