"""Plausible errors put into one sentence of a report: another side, finding or size, a denial, an invention.

A sentence is read by the grammar of the virtual patients' reports, changed in words, and read again: only a sentence
that now states what is not true comes out. What is true is what the whole text says and what the record adds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from vesalius.metrics.report_facts import read_facts
from vesalius.virtual.text.agreement import compare_facts
from vesalius.virtual.text.disturbance import other_side
from vesalius.virtual.text.grammar import Fact, Words, grammar
from vesalius.virtual.text.sentences import frames_of
from vesalius.virtual.text.vocabulary import vocabulary
from vesalius.virtual.text.wording import SIZE, articled, fill, framed, is_plural, millimetres, slots_of

__all__ = ["ERRORS", "Error", "Rewrite", "Scene", "rewrites"]

Error = Literal["side", "finding", "size", "denied", "invented"]
ERRORS: tuple[Error, ...] = get_args(Error)
_SIZE = re.compile(SIZE)
_FACTORS = (0.4, 0.5, 2.0, 2.5)
_GRADES = (("mild", "moderate", "severe"), ("small", "moderate", "large"), ("tiny", "small", "moderate", "large"))
_SIDES = ("left", "right")


class Rewrite(NamedTuple):
    """A sentence with an error."""

    error: Error
    text: str
    facts: tuple[Fact, ...]
    """What it states now and the sentence before did not."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is true of a study, and in whose words."""

    region: str
    facts: tuple[Fact, ...]
    """Of the whole text and of the record."""

    @property
    def words(self) -> Mapping[str, Words]:
        """Words by finding."""
        return grammar(self.region).findings

    @property
    def there(self) -> frozenset[str]:
        """Findings that are there or not excluded."""
        return frozenset(fact.concept for fact in self.facts if fact.status != "absent")

    def untrue(self, fact: Fact) -> bool:
        """Say whether a fact contradicts what is true, or has nothing to rest on."""
        found = compare_facts([fact], self.facts)
        return bool(found.hallucinated or found.contradicted)


def rewrites(
    sentence: str, scene: Scene, *, errors: Sequence[Error] = ERRORS, room: float = float("inf"), most: int = 1_000
) -> list[Rewrite]:
    """Return the errors that can be put into a sentence, each text once: by kind, then the nearest in length first.

    Of a sentence that the grammar does not know whole there are none. A label before it ("PLEURA:") stays.

    Args:
        sentence: of a report, with its full stop.
        scene: what is true.
        errors: kinds that are tried, in this order.
        room: largest difference in letters to the sentence.
        most: of each kind.
    """
    reading = read_facts(sentence, region=scene.region)
    if reading.loose:
        return []
    label = _label(sentence, reading.facts, scene.region)
    found: dict[str, Rewrite] = {}
    for error in errors:
        left = most
        texts = dict.fromkeys(_MAKERS[error](sentence[len(label) :], reading.facts, scene))
        for text in sorted((label + text for text in texts), key=lambda text: abs(len(text) - len(sentence))):
            if left == 0 or abs(len(text) - len(sentence)) > room:
                break
            facts = () if text in found or text == sentence else _stated(text, reading.facts, scene)
            if facts:
                found[text] = Rewrite(error, text, facts)
                left -= 1
    return list(found.values())


def _stated(text: str, before: Sequence[Fact], scene: Scene) -> tuple[Fact, ...]:
    """Return what a sentence states beside `before`, or nothing where some of it is true or is not read."""
    after = read_facts(text, region=scene.region)
    facts = tuple(fact for fact in after.facts if fact not in before)
    return facts if not after.loose and all(map(scene.untrue, facts)) else ()


def _label(sentence: str, facts: Sequence[Fact], region: str) -> str:
    """Return the label of an organ before a sentence, which says nothing itself."""
    head, colon, rest = sentence.partition(": ")
    if not colon or not rest:
        return ""
    reading = read_facts(rest, region=region)
    return "" if reading.loose or reading.facts != tuple(facts) else head + colon


def _sides(sentence: str, before: Sequence[Fact], scene: Scene) -> Iterator[str]:
    if any(fact.laterality in _SIDES and fact.status != "absent" for fact in before):
        yield other_side(sentence)


def _findings(sentence: str, before: Sequence[Fact], scene: Scene) -> Iterator[str]:
    """Put the name of another finding of the region in place of the one that is told as there."""
    for fact in before:
        if fact.status == "absent" or fact.concept not in scene.words:
            continue
        name = _name_in(sentence, scene.words[fact.concept].names)
        for other in _others(scene) if name is not None else ():
            called = scene.words[other].names[0]
            if name is not None and is_plural(called) == is_plural(name) and _may_look(fact, other, scene):
                yield _mended(re.sub(re.escape(name), called, sentence, count=1, flags=re.IGNORECASE))


def _sizes(sentence: str, before: Sequence[Fact], scene: Scene) -> Iterator[str]:
    """Write another size or another grade."""
    if not any(fact.status != "absent" for fact in before):
        return
    for match in _SIZE.finditer(sentence):
        for factor in _FACTORS:
            size = max(1, round(millimetres(match[0]) * factor))
            written = f"{size / 10:.1f} cm" if match[0].endswith("cm") else f"{size} mm"
            yield _mended(sentence[: match.start()] + written + sentence[match.end() :])
    for scale in _GRADES:
        for grade in scale:
            for place in re.finditer(rf"\b{grade}\b", sentence, re.IGNORECASE):
                for other in scale:
                    yield _mended(sentence[: place.start()] + other + sentence[place.end() :])


def _denials(sentence: str, before: Sequence[Fact], scene: Scene) -> Iterator[str]:
    """Deny the one finding that is told as there."""
    if len(before) != 1 or before[0].status == "absent" or before[0].concept not in scene.words:
        return
    entry = scene.words[before[0].concept]
    for name in entry.names[:2]:
        for frame in frames_of("denied", False):
            yield framed(frame, name, plural=is_plural(name))
    yield from entry.absent


def _inventions(sentence: str, before: Sequence[Fact], scene: Scene) -> Iterator[str]:
    """Tell as there what the sentence denies, or, where it states nothing, any finding that is not there."""
    if any(fact.status != "absent" for fact in before):
        return
    for concept in [fact.concept for fact in before] or _others(scene):
        if concept in scene.there or concept not in scene.words:
            continue
        for phrase in _simple(scene.words[concept]):
            for frame in frames_of("plain", False):
                yield framed(frame, phrase, plural=is_plural(phrase))


def _simple(entry: Words) -> Iterator[str]:
    """Yield the noun phrases of a finding that need no words but a side."""
    for phrase in entry.phrases:
        if set(slots_of(phrase)) <= {"side"}:
            yield from dict.fromkeys(fill(phrase, {"side": side}) for side in _SIDES)


_MAKERS: Mapping[Error, Callable[[str, Sequence[Fact], Scene], Iterator[str]]] = {
    "side": _sides, "finding": _findings, "size": _sizes, "denied": _denials, "invented": _inventions,
}  # fmt: skip


def _others(scene: Scene) -> list[str]:
    """Return the findings of the region that are not there."""
    return [concept for concept in scene.words if concept not in scene.there]


def _may_look(fact: Fact, other: str, scene: Scene) -> bool:
    """Say whether another finding comes with the side, the site, the grade and the look that a fact names."""
    words = vocabulary(other)
    slots = {slot for phrase in scene.words[other].phrases for slot in slots_of(phrase)}
    named = [*fact.attributes, ("severity", fact.severity), ("site", fact.anatomy)]
    return (
        (not fact.laterality or bool(slots & {"side", "site", "lobe"}))
        and (fact.size_mm is None or "size" in slots)
        and all(not word or word in words.get(slot, ()) for slot, word in named)
    )


def _name_in(sentence: str, names: Sequence[str]) -> str | None:
    """Return the longest of a finding's names that a sentence has."""
    lower = sentence.lower()
    return next((name for name in sorted(names, key=lambda name: -len(name)) if name.lower() in lower), None)


def _mended(sentence: str) -> str:
    text = articled(sentence)
    return text[0].upper() + text[1:]
