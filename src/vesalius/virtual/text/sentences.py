"""Single sentences of a report, by the grammar of a region and the style of an institution."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from vesalius.data.records import Status
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.text.comparison import Change
from vesalius.virtual.text.grammar import Fact, Words, american, british, common, grammar
from vesalius.virtual.text.report import Sentence
from vesalius.virtual.text.style import Style
from vesalius.virtual.text.wording import fill, framed, is_plural, said, side_in, slots_of, unsided

__all__ = ["Certainty", "Draws", "Writer", "abbreviated", "frames_of", "joined", "phrases_for", "written_size"]


class Draws:
    """Numbers of one purpose, taken one after the other."""

    def __init__(self, numbers: Sequence[float]) -> None:
        self._numbers = iter(numbers)

    def number(self) -> float:
        """Return the next number, 0 to below 1."""
        return next(self._numbers)

    def pick(self, options: Sequence[str]) -> str:
        """Return one of the options."""
        return options[int(next(self._numbers) * len(options))]


class Certainty(NamedTuple):
    """How surely a finding is written."""

    status: Status
    kind: str
    """A key of `Common.certainty`."""


@cache
def frames_of(kind: str, is_british: bool) -> tuple[str, ...]:
    """Sentences of a kind in one spelling."""
    spell = british if is_british else american
    return tuple(spell(frame) for frame in common().frames[kind])


def written_size(size_mm: float, style: Style) -> str:
    """Write a size as an institution does: whole millimetres or tenths of a centimetre."""
    whole = round(size_mm)
    return f"{whole / 10:.1f} cm" if style.centimetres else f"{whole} mm"


@cache
def _short_forms(region: str, heavy: bool) -> tuple[re.Pattern[str], dict[str, str]]:
    words = common()
    table = {**words.abbreviations, **grammar(region).abbreviations, **(words.heavy if heavy else {})}
    longest = sorted(table, key=lambda word: -len(word))
    pattern = re.compile(rf"\b({'|'.join(re.escape(word) for word in longest)})\b", re.IGNORECASE)
    return pattern, {word.lower(): short for word, short in table.items()}


def abbreviated(text: str, region: str, style: Style) -> str:
    """Shorten as the institution does."""
    if style.abbreviations == "none":
        return text
    pattern, table = _short_forms(region, style.abbreviations == "heavy")
    return pattern.sub(lambda match: table[match[0].lower()], text)


@dataclass(frozen=True)
class Writer:
    """Writes sentences about one region in one style."""

    region: str
    style: Style

    @property
    def words(self) -> Mapping[str, Words]:
        """Words by finding, in the style's spelling."""
        return grammar(self.region, spelling="british" if self.style.british else "american").findings

    def present(
        self, group: Sequence[Disease], certainty: Certainty, draws: Draws, *, change: Change | None = None,
        again: bool = False,
    ) -> Sentence:  # fmt: skip
        """Write that something is there; said again, in the impression, it comes without sizes.

        Args:
            group: one disease, or the same on both sides.
            certainty: how surely.
            draws: for the wording.
            change: against the study before; it is told of bare statements only.
            again: True in the impression.
        """
        first = max(group, key=lambda disease: disease.visibility)
        words = self.words[first.concept]
        slots = self.slots(group)
        phrase = draws.pick(self._usable(phrases_for(words, group), slots, sizes=not again))
        text = self._filled(phrase, slots)
        fact = Fact(first.concept, certainty.status, certainty="" if certainty.kind == "plain" else certainty.kind)
        frame, numbers, fact = self._frame(certainty.kind, change, draws, fact)
        text = framed(frame, text, plural=is_plural(phrase), numbers=numbers)
        return Sentence(text, words.system, (said(phrase, slots, fact),), words.urgency, self.region)

    def _frame(
        self, kind: str, change: Change | None, draws: Draws, fact: Fact
    ) -> tuple[str, dict[str, str] | None, Fact]:
        roll = draws.number()
        if change is None or kind != "plain":
            if kind == "plain":
                first = self.style.person == "first" and roll > 0.7
                kind = "terse" if roll < self.style.terse else "first" if first else kind
            return draws.pick(frames_of(kind, self.style.british)), None, fact
        fact = replace(fact, change=change.kind)
        if change.kind == "stable":
            with_numbers = "stable_from"
        else:
            with_numbers = f"{change.kind}_by"
        old, new = change.old_mm, change.new_mm
        numbered = old and new and with_numbers in common().frames and self.style.measured != "never"
        if not (numbered and roll < 0.5 and old and new and (old != new or change.kind == "stable")):
            return draws.pick(frames_of(change.kind, self.style.british)), None, fact
        frame = draws.pick(frames_of(with_numbers, self.style.british))
        numbers = {"d": written_size(abs(new - old), self.style), "p": f"{abs(new / old - 1):.0%}"[:-1],
                   "old": written_size(old, self.style)}  # fmt: skip
        if "{d}" in frame:
            fact = replace(fact, change_mm=new - old, change_percent=float(f"{new / old - 1:.0%}"[:-1]))
        return frame, numbers, replace(fact, previous_mm=old) if "{old}" in frame else fact

    def resolved(self, disease: Disease, draws: Draws) -> Sentence:
        """Write that something seen before is there no more."""
        words = self.words[disease.concept]
        slots = self.slots([disease])
        phrase = draws.pick(self._usable(phrases_for(words, [disease]), slots, sizes=False))
        text = framed(draws.pick(frames_of("resolved", self.style.british)), self._filled(phrase, slots),
                      plural=is_plural(phrase))  # fmt: skip
        fact = said(phrase, slots, Fact(disease.concept, "absent", change="resolved"))
        return Sentence(text, words.system, (fact,), words.urgency, self.region)

    def denied(self, group: Sequence[str], draws: Draws) -> Sentence:
        """Write that one to three findings are not there."""
        first = self.words[group[0]]
        facts = tuple(Fact(concept, "absent") for concept in group)
        whole, kind = draws.number(), draws.number()
        if len(group) == 1 and first.absent and whole < 0.5:
            return Sentence(draws.pick(first.absent), first.system, facts, 0, self.region)
        names = [draws.pick(self.words[concept].names[:2]) for concept in group]
        if len(names) == 2 and kind < 0.25:
            frame = draws.pick(frames_of("neither", self.style.british))
            text = frame.format_map({"n": names[0], "m": names[1], "is": "is"})
            return Sentence(text, first.system, facts, 0, self.region)
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
        frame = draws.pick(
            frames_of("denied_one" if len(names) == 1 and kind < 0.1 else "denied", self.style.british)
        )
        nearest = names[0] if frame.startswith("There") else names[-1]
        text = framed(frame, listed, plural=is_plural(nearest))
        return Sentence(text, first.system, facts, 0, self.region)

    def not_new(self, concept: str, draws: Draws) -> Sentence:
        """Write that nothing of the kind has come since the study before; an old one may be there."""
        words = self.words[concept]
        name = draws.pick(words.names[:2])
        text = framed(draws.pick(frames_of("not_new", self.style.british)), name, plural=is_plural(name))
        return Sentence(text, words.system, (Fact(concept, "absent", change="new"),), 0, self.region)

    def slots(self, group: Sequence[Disease]) -> dict[str, str]:
        """Return words for the slots of one disease, or of both sides, as it spells them; empty where it has none."""
        first = max(group, key=lambda disease: disease.visibility)
        site = first.anatomy if len(group) == 1 else unsided(first.anatomy)
        slots = {name: f"{round(size)} mm" if not self.style.centimetres else written_size(size, self.style)
                 for name, size in first.sizes_mm.items()}  # fmt: skip
        main = next(iter(slots.values()), "")
        slots.update(first.attributes)
        side = "bilateral" if len(group) == 2 else first.laterality
        slots.update(side=side, site=site, lobe=site if "lobe" in site else "", severity=first.severity,
                     size=main)  # fmt: skip
        return slots

    def _filled(self, phrase: str, slots: Mapping[str, str]) -> str:
        spell = british if self.style.british else american
        return fill(phrase, {name: spell(slots.get(name, "")) for name in slots_of(phrase)})

    def _usable(self, phrases: Sequence[str], slots: Mapping[str, str], *, sizes: bool) -> list[str]:
        """Phrases whose slots all have words, without sizes where the institution does not measure."""
        whole = [text for text in phrases if all(slots.get(name) for name in slots_of(text))] or list(phrases)
        if sizes and slots["size"] and self.style.measured != "always":
            sizes = self.style.measured == "above 10 mm" and _above_ten(slots["size"])
        return whole if sizes else [text for text in whole if "size" not in slots_of(text)] or whole


def _above_ten(size: str) -> bool:
    number, unit = size.split(" ")
    return float(number) * (10 if unit == "cm" else 1) > 10


def phrases_for(words: Words, group: Sequence[Disease]) -> list[str]:
    """Return the noun phrases for a disease, or for both sides at once."""
    first = group[0]
    if len(group) == 2 and words.both:
        return words.both
    if words.one and first.attributes.get("count") == "1":
        return words.one
    return words.lobar if words.lobar and "lobe" in first.anatomy else words.phrases


def joined(diseases: Sequence[Disease], words: Words) -> Iterator[list[Disease]]:
    """Join what is said in one breath: the same finding on both sides at the same site, unless it is told by lobe."""
    sides = {disease.laterality for disease in diseases}
    sites = {unsided(disease.anatomy) for disease in diseases}
    lobar = any("lobe" in disease.anatomy and side_in(disease.anatomy) for disease in diseases)
    if len(diseases) == 2 and sides == {"left", "right"} and len(sites) == 1 and words.both and not lobar:
        yield list(diseases)
        return
    yield from ([disease] for disease in diseases)
