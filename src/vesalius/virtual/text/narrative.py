"""Reports from facts, never from pixels: every sentence knows the facts that it states.

What is written depends on the truth only through what a reader could see: findings of low visibility are hedged or
missed. Order, wording and style come from the site and from a stream of their own for each report.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vesalius.data.records import Status
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import Site
from vesalius.virtual.text.grammar import Fact, Grammar, Words, grammar, stated

__all__ = ["Report", "Sentence", "write_report"]

_MENTION = {
    "pleural_effusion": 1.0, "pneumothorax": 1.0, "consolidation": 0.9, "cardiomegaly": 0.9, "edema": 0.6,
    "rib_fracture": 0.4, "lung_nodule": 0.35, "lung_mass": 0.35, "atelectasis": 0.3, "hiatal_hernia": 0.15,
    "emphysema": 0.12, "fibrosis": 0.12,
}  # fmt: skip
"""How often an absent finding is denied where a site denies everything that matters."""
_PLAIN, _DOUBTFUL = 6.0, 3.0
_DRAWS = 16


@dataclass(frozen=True)
class Sentence:
    """A sentence, the organ system that it is about and the facts that it states."""

    text: str
    system: str
    facts: tuple[Fact, ...]
    urgency: int = 0


@dataclass(frozen=True)
class Report:
    """Findings and impression, sentence by sentence, in their written order."""

    findings: tuple[Sentence, ...]
    impression: tuple[Sentence, ...]

    @property
    def findings_text(self) -> str:
        """The section as it stands in the report."""
        return " ".join(sentence.text for sentence in self.findings)

    @property
    def impression_text(self) -> str:
        """The section as it stands in the report."""
        return " ".join(sentence.text for sentence in self.impression)

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All stated facts, findings first."""
        return tuple(fact for sentence in (*self.findings, *self.impression) for fact in sentence.facts)


class _Draws:
    """Numbers of one purpose, taken one after the other."""

    def __init__(self, numbers: NDArray[np.float64]) -> None:
        self._numbers = iter(numbers.tolist())

    def number(self) -> float:
        return float(next(self._numbers))

    def pick(self, options: Sequence[str]) -> str:
        return options[int(self.number() * len(options))]


def write_report(patient: Patient, *, variant: int = 0) -> Report:
    """Write the report of a patient; another `variant` words the same facts anew."""
    words = grammar()
    concepts = list(words.findings)
    numbers = stream(patient.seed, patient.id, "text", variant).random((len(concepts) + 3, 2 * _DRAWS))
    present, impression = [], []
    for row, concept in enumerate(concepts):
        draws = _Draws(numbers[row])
        for group in _groups([part for part in patient.diseases if part.concept == concept][:3]):
            certainty = _certainty(max(part.visibility for part in group), patient.site, draws)
            if certainty is not None:
                present.append(_present(group, patient.site, draws, certainty))
                impression.append(_present(group, patient.site, draws, certainty, again=True))
    denied = _denied(patient, words, numbers[-1], numbers[-2])
    draws = _Draws(numbers[-3])
    return Report(_arranged(present, denied, patient.site, draws), _concluded(impression, denied, patient, draws))


def _groups(diseases: list[Disease]) -> Iterator[list[Disease]]:
    """Join what is said in one breath: the same finding on both sides, unless it is told by lobe."""
    sides = {disease.laterality for disease in diseases}
    lobar = any("lobe" in disease.anatomy for disease in diseases)
    if len(diseases) == 2 and sides == {"left", "right"} and not lobar:
        yield diseases
        return
    yield from ([disease] for disease in diseases)


def _present(
    group: list[Disease], site: Site, draws: _Draws, certainty: tuple[Status, str], *, again: bool = False
) -> Sentence:
    """Write one present finding; said again, in the impression, it comes without sizes."""
    first = max(group, key=lambda disease: disease.visibility)
    words = grammar().findings[first.concept]
    status, kind = certainty
    fact = Fact(first.concept, status, "bilateral" if len(group) == 2 else first.laterality,
                first.anatomy if "lobe" in first.anatomy else "", first.severity,
                next(iter(first.sizes_mm.values()), None))  # fmt: skip
    options = _phrases(words, group)
    options = [phrase for phrase in options if not (again and "{size}" in phrase)] or options
    slots = {**first.attributes, "side": first.laterality, "site": first.anatomy, "lobe": first.anatomy,
             "severity": first.severity, "size": _size(fact.size_mm, site)}  # fmt: skip
    phrase, fact = stated(draws.pick(options), replace(fact, size_mm=_rounded(fact.size_mm, site)), slots)
    frame = draws.pick(grammar().frames["terse" if kind == "plain" and draws.number() < site.terse else kind])
    return Sentence(_framed(frame, phrase), words.system, (fact,), words.urgency)


def _phrases(words: Words, group: list[Disease]) -> list[str]:
    first = group[0]
    if len(group) == 2 and words.both:
        return words.both
    if words.one and first.attributes.get("count") == "1":
        return words.one
    return words.lobar if words.lobar and "lobe" in first.anatomy else words.phrases


def _certainty(visibility: float, site: Site, draws: _Draws) -> tuple[Status, str] | None:
    """Draw how surely a finding of this visibility is written; None where the reader misses it."""
    roll, hedge, step = draws.number(), draws.number(), draws.number()
    if visibility < _DOUBTFUL:
        return ("uncertain", "possible") if roll > 0.7 else None
    if visibility < _PLAIN:
        kind = "possible" if hedge < 0.3 else "likely" if hedge < 0.65 else "plain"
    else:
        kind = "plain"
    if step < site.hedging and kind != "possible":
        kind = {"plain": "likely", "likely": "possible"}[kind]
    return ("present" if kind == "plain" else "uncertain"), kind


def _size(size_mm: float | None, site: Site) -> str:
    rounded = _rounded(size_mm, site)
    if rounded is None:
        return ""
    return f"{rounded / 10:.1f} cm" if site.centimetres else f"{rounded:.0f} mm"


def _rounded(size_mm: float | None, site: Site) -> float | None:
    """Round as it is written: whole millimetres, which are tenths of a centimetre."""
    del site
    return None if size_mm is None else float(round(size_mm))


def _framed(frame: str, phrase: str) -> str:
    text = frame.replace("{x}", phrase)
    if frame.startswith(("{X}", "Possible", "Probable", "Questionable")):
        bare = phrase.removeprefix("a ").removeprefix("an ")
        text = text.replace(phrase, bare) if "{x}" in frame else text
        text = text.replace("{X}", bare[0].upper() + bare[1:])
    return text


def _denied(
    patient: Patient, words: Grammar, numbers: NDArray[np.float64], order: NDArray[np.float64]
) -> list[Sentence]:
    """Choose the absent findings that are worth a word and deny them, alone, in lists or by a general statement."""
    absent = [concept for concept in words.findings if concept not in patient.concepts]
    chosen = [concept for concept in absent if numbers[list(words.findings).index(concept)] <
              _MENTION[concept] * (0.35 + 0.65 * patient.site.negatives)]  # fmt: skip
    draws = _Draws(np.concatenate([numbers[len(words.findings) :], order]))
    sentences = []
    whole = [part for part in words.general if set(part.facts) <= set(absent)]
    if whole and draws.number() < 0.55:
        part = whole[int(draws.number() * len(whole))]
        sentences.append(Sentence(part.text, part.system, tuple(Fact(name, "absent") for name in part.facts)))
        chosen = [concept for concept in chosen if concept not in part.facts]
    for group in _lists(chosen, draws):
        sentences.append(_deny(group, words, draws))
    return sentences


def _lists(chosen: list[str], draws: _Draws) -> Iterator[list[str]]:
    """Cut the denied findings into lists of one to three."""
    while chosen:
        count = 1 + int(draws.number() * 3)
        yield chosen[:count]
        chosen = chosen[count:]


def _deny(group: list[str], words: Grammar, draws: _Draws) -> Sentence:
    first = words.findings[group[0]]
    facts = tuple(Fact(concept, "absent") for concept in group)
    alone = first.absent if len(group) == 1 else []
    if alone and draws.number() < 0.5:
        return Sentence(draws.pick(alone), first.system, facts)
    names = [draws.pick(words.findings[concept].names[:2]) for concept in group]
    if len(names) == 2 and draws.number() < 0.25:
        text = draws.pick(words.frames["neither"]).replace("{n}", names[0]).replace("{m}", names[1])
        return Sentence(text, first.system, facts)
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return Sentence(draws.pick(words.frames["denied"]).replace("{n}", listed), first.system, facts)


def _arranged(present: list[Sentence], denied: list[Sentence], site: Site, draws: _Draws) -> tuple[Sentence, ...]:
    """Bring the findings section into the site's order and style."""
    words = grammar()
    sentences = [*present, *denied]
    if site.headings:
        parts = []
        for system in words.systems.order:
            label = draws.pick(words.systems.labels[system])
            inside = [part for part in sentences if part.system == system]
            parts += [replace(inside[0], text=f"{label}: {inside[0].text}"), *inside[1:]] if inside else []
        sentences = parts
    elif site.terse > 0.5:
        sentences.sort(key=lambda part: -part.urgency)
    else:
        sentences.sort(key=lambda part: words.systems.order.index(part.system))
    if draws.number() < 0.35 or not sentences:
        sentences.insert(0, Sentence(draws.pick(words.boilerplate), "", ()))
    return tuple(_spelled(part, site) for part in sentences)


def _concluded(
    impression: list[Sentence], denied: list[Sentence], patient: Patient, draws: _Draws
) -> tuple[Sentence, ...]:
    """Write the impression: most urgent first, at most four items; a normal study is called so."""
    words = grammar()
    sentences = sorted(impression, key=lambda part: -part.urgency)[:4]
    if not patient.diseases:
        sentences = [Sentence(draws.pick(words.normal_impression), "", (Fact("no_finding", "present"),))]
    elif not sentences or draws.number() < 0.25:
        sentences += [part for part in denied if len(part.facts) == 1][:1]
    if not sentences:
        sentences = [Sentence("No acute change is seen.", "", ())]
    if patient.site.terse > 0.7 and len(sentences) > 1:
        sentences = [replace(part, text=f"{i}. {part.text}") for i, part in enumerate(sentences, start=1)]
    return tuple(_spelled(part, patient.site) for part in sentences)


def _spelled(sentence: Sentence, site: Site) -> Sentence:
    """Spell as the site does: British or American, lobes abbreviated where it is terse."""
    words = grammar()
    text = sentence.text
    if site.british:
        for american, british in words.british.items():
            text = text.replace(american, british).replace(american.capitalize(), british.capitalize())
    if site.terse > 0.7:
        for whole, short in words.abbreviations.items():
            text = text.replace(whole, short).replace(whole.capitalize(), short)
    return replace(sentence, text=text)
