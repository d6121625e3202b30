"""Read our own reports back into facts. It knows this grammar only; it is no labeller of clinical reports."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from vesalius.virtual.text.form_reading import read_form
from vesalius.virtual.text.grammar import Fact, common, grammar
from vesalius.virtual.text.parsing import frames, merged, named, noun_phrase, plain

__all__ = ["Reading", "extract", "read"]

_NEGATIONS = ("denied", "denied_one", "neither", "not_new")


class Reading(NamedTuple):
    """What was read, and what was not understood."""

    facts: tuple[Fact, ...]
    unread: tuple[str, ...]
    """Sentences that are not of this grammar."""


def extract(text: str, region: str = "chest") -> tuple[Fact, ...]:
    """Return the facts of a report's section, in order.

    Args:
        text: English, any institution's style; titles of regions inside it change the region.
        region: whose words are read.
    """
    return read(text, region).facts


def read(text: str, region: str = "chest") -> Reading:
    """Return the facts of a report's section and the sentences that are not understood."""
    titles = {f"{title.lower()}.": name for name, title in common().titles.items()}
    facts: list[Fact] = []
    unread: list[str] = []
    for part in re.split(r"(?<=[.])\s+", text.strip()):
        sentence = re.sub(r"^\d\.\s+", "", part)
        if not sentence or sentence[:-1].isdigit():
            continue
        if sentence.lower() in titles:
            region = titles[sentence.lower()]
            continue
        found = _sentence(_without_label(plain(sentence, region), region), region)
        if found is None:
            unread.append(part)
        else:
            facts += found
    return Reading(tuple(facts), tuple(unread))


def _without_label(sentence: str, region: str) -> str:
    label, colon, rest = sentence.partition(": ")
    return rest if colon and label in _labels(region) else sentence


@cache
def _labels(region: str) -> frozenset[str]:
    return frozenset(plain(label, region) for labels in grammar(region).systems.labels.values() for label in labels)


@cache
def _fixed(region: str) -> dict[str, tuple[Fact, ...]]:
    """Sentences that are known as a whole."""
    words, shared = grammar(region), common()
    exams = words.exams.values()
    advice = [text for parts in shared.advice.values() for part in parts for text in part.texts]
    silent = [*words.boilerplate, *(text for entry in exams for text in entry.boilerplate), *shared.nothing,
              *(text for entry in exams for part in entry.normal for text in part.texts), *shared.without_prior,
              *shared.disclaimer, *advice]  # fmt: skip
    normal = [*words.normal_impression, *(text for entry in exams for text in entry.normal_impression)]
    known: dict[str, tuple[Fact, ...]] = {plain(text, region): () for text in silent}
    known.update({plain(text, region): (Fact("no_finding", "present"),) for text in normal})
    for concept, entry in words.findings.items():
        known.update({plain(text, region): (Fact(concept, "absent"),) for text in entry.absent})
    for part in words.general:
        known[plain(part.text, region)] = tuple(Fact(name, "absent") for name in part.facts)
    return known


@cache
def _dated(region: str) -> re.Pattern[str]:
    """Sentences on the study before, whose only slot is a number of days."""
    texts = [re.escape(plain(text, region)).replace(r"\{days\}", r"\d+") for text in common().with_prior]
    return re.compile("|".join(texts))


def _sentence(sentence: str, region: str) -> list[Fact] | None:
    if sentence in _fixed(region):
        return list(_fixed(region)[sentence])
    if _dated(region).fullmatch(sentence):
        return []
    matches = [(frame, match) for frame in frames(region) if (match := frame.undo(sentence)) is not None]
    for frame, match in matches:
        if frame.kind in _NEGATIONS and (denied := _denied(frame.kind, match.groupdict(), region)):
            return denied
    for strict in (True, False):
        for frame, match in matches:
            look = None if frame.kind in _NEGATIONS else noun_phrase(match["x"], region, strict=strict)
            if look is not None:
                return [merged(frame.fact(look.concept, match), look)]
        if strict and (found := read_form(sentence, region)) is not None:
            return found
    return None


def _denied(kind: str, names: dict[str, str], region: str) -> list[Fact] | None:
    """Return the denied findings, or None where something else is denied."""
    listed = [names["x"], names["m"]] if kind == "neither" else re.split(r", | or ", names["x"])
    concepts = [named(region).get(name) for name in listed]
    change = "new" if kind == "not_new" else ""
    found = [Fact(concept, "absent", change=change) for concept in concepts if concept is not None]
    return found if len(found) == len(listed) else None
