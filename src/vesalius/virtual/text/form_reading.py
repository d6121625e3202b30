"""Read captions, descriptions of regions, looks and summaries of our own back into facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import cache

from vesalius.virtual.text.forms import form_words
from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.lists import read_list
from vesalius.virtual.text.parsing import canonical, named, noun_phrase, options, plain, words_of
from vesalius.virtual.text.terms import terms
from vesalius.virtual.text.vocabulary import examples, vocabulary
from vesalius.virtual.text.wording import said

__all__ = ["read_form"]

_FIXED = ("site", "side", "size", "severity")


def read_form(sentence: str, region: str) -> list[Fact] | None:
    """Return the facts of one sentence, in plain spelling; None where it is of none of the forms."""
    for reader in (_attribute, _roi, _listed):
        found = reader(sentence, region)
        if found is not None:
            return found
    return None


@cache
def _look(concept: str, region: str) -> Mapping[str, str]:
    """Slots of a finding by their names in sentences."""
    known = dict.fromkeys(_FIXED)
    known.update(dict.fromkeys(slot for slot in vocabulary(concept) if slot != "lobe"))
    known.update(dict.fromkeys(name for disease in examples(concept) for name in disease.sizes_mm))
    return {plain(name.replace("_", " "), region): name for name in known}


@cache
def _subjects(region: str) -> re.Pattern[str]:
    longest = sorted(named(region), key=lambda name: -len(name))
    subject = "|".join(re.escape(name) for name in longest)
    return re.compile(rf"(?:the )?(?P<name>[\w -]+?) of (?:the|this) (?P<n>{subject})(?:: | is )(?P<value>.+)\.")


def _attribute(sentence: str, region: str) -> list[Fact] | None:
    match = _subjects(region).fullmatch(sentence)
    if match is None:
        return None
    concept = named(region)[match["n"]]
    slot = _look(concept, region).get(match["name"])
    return None if slot is None else [_told(concept, slot, match["value"], region)]


def _told(concept: str, slot: str, word: str, region: str) -> Fact:
    return said("", {slot: canonical(concept, slot, word, region)}, Fact(concept, "present"), more=[slot])


def _roi(sentence: str, region: str) -> list[Fact] | None:
    for frame in form_words().rois:
        prefix = plain(re.sub(r"{\w}", "", frame), region)
        if not sentence.startswith(prefix):
            continue
        text = sentence[len(prefix) : -1]
        for cut in [*(match.start() for match in re.finditer(", ", text)), len(text)]:
            fact = noun_phrase(text[:cut], region)
            told = None if fact is None else _clauses(fact, text[cut:], region)
            if told is not None:
                return [told]
    return None


def _clauses(fact: Fact, rest: str, region: str) -> Fact | None:
    """Add what the clauses after a noun phrase say; None where one is not understood."""
    while rest:
        step = next((found for pattern, slot in _clause_patterns(fact.concept, region)
                     if (found := _clause(pattern, slot, rest))), None)  # fmt: skip
        if step is None:
            return None
        slot, word, rest = step
        fact = _joined(fact, _told(fact.concept, slot, word, region))
    return fact


def _clause(pattern: re.Pattern[str], slot: str, rest: str) -> tuple[str, str, str] | None:
    match = pattern.match(rest)
    return None if match is None else (slot, match["value"], rest[match.end() :])


@cache
def _clause_patterns(concept: str, region: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    made = []
    for title, slot in _look(concept, region).items():
        values = options(slot, words_of(concept, slot, region), region)
        for clause in form_words().clauses.get(slot, form_words().clauses["other"]):
            text = re.escape(plain(clause.replace("{name}", title), region))
            made.append((re.compile(text.replace(r"\{value\}", f"(?P<value>{values})") + "(?=, |$)"), slot))
    return tuple(made)


def _joined(one: Fact, other: Fact) -> Fact:
    """Lay what a clause says over a fact."""
    more = {part.name: getattr(other, part.name) for part in fields(other) if part.name != "attributes"}
    stated = {name: value for name, value in more.items() if value not in ("", None)}
    return replace(
        one, **stated, attributes=tuple(sorted({**dict(one.attributes), **dict(other.attributes)}.items()))
    )


@cache
def _patterns(region: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """Captions and summaries, each with whether it lists findings."""
    views = sorted(
        {plain(view, region) for entry in terms().exams.values() for view in entry.en}, key=lambda v: -len(v)
    )
    slots = {
        "view": f"(?:{'|'.join(map(re.escape, views))})",
        "list": "(?P<list>.+)",
        "age": r"\d+",
        "duration": r"[\w ]+",
    }
    words = form_words()
    made = []
    silent = ["{View}.", *words.silent_summaries]
    for frame in [*words.captions, *words.normal_captions, *words.summaries, *words.normal_summaries, *silent]:
        text = re.escape(plain(frame, region))
        pattern = re.sub(r"\\{(\w+)\\}", lambda match: slots.get(match[1], ".+?"), text)
        made.append((re.compile(pattern), frame not in silent))
    return tuple(made)


def _listed(sentence: str, region: str) -> list[Fact] | None:
    for pattern, tells in _patterns(region):
        match = pattern.fullmatch(sentence)
        if match is None:
            continue
        if "list" not in pattern.groupindex:
            return [Fact("no_finding", "present")] if tells else []
        found = read_list(match["list"], region)
        if found is not None:
            return found
    return None
