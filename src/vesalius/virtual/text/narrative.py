"""Reports from facts, never from pixels: every sentence knows the facts that it states.

What is written depends on the truth only through what a reader could see: findings of low visibility are hedged or
missed. Order, wording and style come from the institution and from a stream of their own for each report.

What is said of one finding never depends on another: normal statements and denials are chosen as though nothing were
there, and those that would be untrue are then left out; what an impression repeats and what is advised is drawn for
each finding by itself. So a report without what it says of a finding does not tell whether the finding is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.exams.base import exam
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.text.comparison import Change, compare, pair
from vesalius.virtual.text.grammar import Fact, Grammar, american, british, common, grammar
from vesalius.virtual.text.report import Report, Sentence
from vesalius.virtual.text.sentences import Certainty, Draws, Writer, abbreviated, joined
from vesalius.virtual.text.style import Style, style_of

__all__ = ["Report", "Sentence", "regions_of", "write_report"]

_SUMMARY = "no_finding"

_PLAIN, _DOUBTFUL = 6.0, 3.0
_DRAWS = 64
_DETAILED = ("_ct", "_mr", "_ultrasound")
_GENERAL = 5
"""General statements of normality at most, where organs are described one by one."""
_TOLD = 3
"""Diseases of one finding that are told one by one."""
_TELLING = 44
"""Draws of a finding that its sentences may use; those after them are for the impression and for advice."""
_ORGANS = 0.75
"""Share of the organs without findings that are described where everything is."""
_LIST = 8
"""Draws of a list of denials."""
_WEIGHTY, _MINOR = 3, 0.6
"""Urgency from which the impression of a detailed examination repeats every finding, and the share of lesser ones."""


@dataclass(frozen=True)
class _Case:
    """What one section is written about."""

    region: str
    diseases: tuple[Disease, ...]
    changes: Mapping[int, Change]
    """By `id` of the disease; empty without a study before."""
    gone: tuple[Disease, ...]
    days: float | None
    """Since the study before; None where there is none or the institution does not compare."""
    exams: tuple[str, ...]
    sex: str
    """Findings of the other sex are not denied."""
    silent: frozenset[str] = frozenset()
    """Findings of which nothing is said."""

    @property
    def undeniable(self) -> frozenset[str]:
        """Findings that are there, or have just gone, or are not to be spoken of."""
        return self.silent.union(disease.concept for disease in (*self.diseases, *self.gone))

    def may_say(self, sentence: Sentence) -> bool:
        """Say whether a sentence is of no finding that is not to be spoken of; a summary speaks of all."""
        linked = {sentence.cause, *(fact.concept for fact in sentence.facts)}
        return not self.silent or not linked & {*self.silent, _SUMMARY}


def write_report(
    patient: Patient, *, previous: Patient | None = None, days: float | None = None, style: Style | None = None,
    variant: int = 0, silent: Collection[str] = (),
) -> Report:  # fmt: skip
    """Write the report of a patient: a section for each region examined, with a title where there are several.

    Args:
        patient: at one visit.
        previous: the same patient at an earlier visit; what is new, stable, changed or gone is told.
        days: since that visit; by the patients' days where not given.
        style: of the institution; its site's own where not given.
        variant: another number words the same facts anew.
        silent: findings of which nothing is said: sentences that are linked to one are left out, its name is taken
            out of lists of denials, and nothing sums the study up. The rest stays as it is in the whole report.
    """
    style = style or style_of(patient.site)
    regions = regions_of(patient)
    compared = previous if style.priors else None
    since = days if days is not None or previous is None else patient.day - previous.day
    findings: list[Sentence] = []
    impression: list[Sentence] = []
    for region in regions:
        case = _case(patient, region, compared, since, frozenset(silent))
        seen, concluded = _section(patient, case, style, variant)
        if len(regions) > 1:
            title = Sentence(f"{common().titles[region]}.", "", (), 0, region)
            seen, concluded = [title, *seen], [title, *concluded]
        findings += seen
        impression += concluded
    upper = str.upper if style.upper else str
    first, second = common().sections[style.sections]
    return Report(tuple(findings), tuple(impression), (upper(first), upper(second)))


def regions_of(patient: Patient) -> tuple[str, ...]:
    """Regions that the patient's report is about: those of the examinations, then those of the diseases."""
    regions = [_region(name) for name in patient.exams] + [disease.region for disease in patient.diseases]
    return tuple(dict.fromkeys(regions))


@cache
def _region(name: str) -> str:
    return exam(name).REGION


def _case(
    patient: Patient, region: str, previous: Patient | None, days: float | None, silent: frozenset[str]
) -> _Case:
    diseases = tuple(disease for disease in patient.diseases if disease.region == region)
    exams = tuple(name for name in patient.exams if _region(name) == region)
    if previous is None:
        return _Case(region, diseases, {}, (), None, exams, patient.body.sex, silent)
    pairs = pair(diseases, [disease for disease in previous.diseases if disease.region == region])
    changes = {id(now): compare(now, before) for now, before in pairs if now is not None}
    places = {(disease.concept, disease.laterality, disease.anatomy) for disease in diseases}
    gone = tuple(
        before for now, before in pairs
        if now is None and before is not None and before.visibility >= _DOUBTFUL
        and (before.concept, before.laterality, before.anatomy) not in places
    )  # fmt: skip
    return _Case(region, diseases, changes, gone, days, exams, patient.body.sex, silent)


def _section(patient: Patient, case: _Case, style: Style, variant: int) -> tuple[list[Sentence], list[Sentence]]:
    """Write findings and impression of one region."""
    words = grammar(case.region, spelling="british" if style.british else "american")
    concepts = list(words.findings)
    _check_words(case, concepts)
    purpose = (variant,) if case.region == "chest" else (variant, case.region)
    numbers = stream(patient.seed, patient.occasion, "text", *purpose).random((len(concepts) + 7, _DRAWS))
    writer = Writer(case.region, style)
    findings: list[Sentence] = []
    repeated: list[Sentence] = []
    advice: list[Sentence] = []
    for concept in dict.fromkeys(disease.concept for disease in (*case.diseases, *case.gone)):
        row = numbers[concepts.index(concept)].tolist()
        told, after = list(_told(case, concept, writer, Draws(row[:_TELLING]))), Draws(row[_TELLING:])
        findings += [one for one, _ in told]
        weight = 1.0 if not _in_detail(case) or words.findings[concept].urgency >= _WEIGHTY else _MINOR
        repeated += [again for _, again in told if after.number() < weight]
        advice += _advised([again for _, again in told], case, style, after)
        findings += _not_new(case, concept, writer, after)
    chosen = _worth_a_word(case, words, style, numbers[-7])
    denied = [*_normal(case, words, numbers[-6, : 2 * _GENERAL]), *_denied(case, chosen, writer, numbers[-5:-1]),
              *_unaffected(case, words, style, numbers[-6, 2 * _GENERAL :])]  # fmt: skip
    closing = _closing(case, words, chosen, writer, Draws(numbers[-1, : _DRAWS // 2].tolist()))
    draws = Draws(numbers[-1, _DRAWS // 2 :].tolist())
    findings = _arranged([part for part in [*findings, *denied] if case.may_say(part)], words, style, draws)
    findings = findings or [part for part in closing[:1] if case.may_say(part)]
    _add_boilerplate(findings, case, words, style, draws)
    concluded = _concluded([*repeated, *advice], closing, case, style)
    return ([_finished(part, case.region, style) for part in findings],
            [_finished(part, case.region, style) for part in concluded])  # fmt: skip


def _check_words(case: _Case, concepts: Sequence[str]) -> None:
    for disease in case.diseases:
        if disease.concept not in concepts:
            nearest = did_you_mean(disease.concept, concepts)
            raise ConfigError(f"no words for the finding {disease.concept!r} in phrases/{case.region}.yaml{nearest}")


def _told(case: _Case, concept: str, writer: Writer, draws: Draws) -> Iterator[tuple[Sentence, Sentence]]:
    """Tell all diseases of one finding, in the findings and again in the impression."""
    diseases = [disease for disease in case.diseases if disease.concept == concept][:_TOLD]
    for group in _groups(diseases, case, writer):
        certainty = _certainty(max(part.visibility for part in group), writer.style, draws)
        if certainty is not None:
            change = case.changes.get(id(group[0]))
            one = writer.present(group, certainty, draws, change=change)
            yield one, writer.present(group, certainty, draws, change=change, again=True)
    for disease in [part for part in case.gone if part.concept == concept][:_TOLD]:
        yield writer.resolved(disease, draws), writer.resolved(disease, draws)


def _groups(diseases: list[Disease], case: _Case, writer: Writer) -> Iterator[list[Disease]]:
    """Join what is on both sides, unless the sides have changed differently."""
    kinds = {change.kind for part in diseases if (change := case.changes.get(id(part)))}
    if len(kinds) > 1 or (kinds and any(case.changes[id(part)].old_mm for part in diseases)):
        yield from ([disease] for disease in diseases)
    elif diseases:
        yield from joined(diseases, writer.words[diseases[0].concept])


def _certainty(visibility: float, style: Style, draws: Draws) -> Certainty | None:
    """Draw how surely a finding of this visibility is written; None where the reader misses it."""
    roll, hedge, step, shade = draws.number(), draws.number(), draws.number(), draws.number()
    if visibility < _DOUBTFUL:
        return Certainty("uncertain", "not_excluded" if shade < 0.4 else "possible") if roll > 0.7 else None
    kind = "plain"
    if visibility < _PLAIN:
        kind = "possible" if hedge < 0.3 else "likely" if hedge < 0.65 else "plain"
    if step < style.hedging and kind != "possible":
        kind = {"plain": "likely", "likely": "possible"}[kind]
    if kind == "plain":
        return Certainty("present", "consistent" if shade < 0.06 else "plain")
    finer = {"likely": "suspicious", "possible": "not_excluded"}[kind]
    return Certainty("uncertain", finer if shade < 0.35 else kind)


def _worth_a_word(case: _Case, words: Grammar, style: Style, numbers: NDArray[np.float64]) -> list[str]:
    """Choose the findings that would be denied if none were there."""
    share = _share(style)
    # The root of a chance: where organs are described one by one, more absent findings are denied.
    rolls = (numbers ** (4 if _in_detail(case) else 1)).tolist()
    beyond = _of_other_sex(case.region, case.sex)
    return [concept for number, (concept, entry) in enumerate(words.findings.items())
            if concept not in beyond and rolls[number % len(rolls)] < entry.mention * share]  # fmt: skip


def _share(style: Style) -> float:
    """Share that an institution says of what it may say to be normal."""
    return 0.35 + 0.65 * style.negatives if style.negatives > 0 else 0.1


def _unaffected(case: _Case, words: Grammar, style: Style, numbers: NDArray[np.float64]) -> Iterator[Sentence]:
    """Say of some organs that no finding is about that they are normal."""
    organs = [part for name in case.exams if name in words.exams for part in words.exams[name].normal]
    for part, (roll, which) in zip(organs, numbers.reshape(-1, 2).tolist(), strict=False):
        if roll < _ORGANS * _share(style):
            yield Sentence(part.texts[int(which * len(part.texts))], part.system, (), 0, case.region)


def _normal(case: _Case, words: Grammar, numbers: NDArray[np.float64]) -> list[Sentence]:
    """State that organs are normal: what is drawn of one that is not is left out, and nothing stands in its place."""
    draws = Draws(numbers.tolist())
    beyond = _of_other_sex(case.region, case.sex)
    sentences = []
    for _ in range(_GENERAL if _in_detail(case) else 1):
        roll, which = draws.number(), draws.number()
        whole = [part for part in words.general if not beyond.intersection(part.facts)]
        if whole and roll < 0.55:
            part = whole[int(which * len(whole))]
            beyond = beyond.union(part.facts)
            if not case.undeniable.intersection(part.facts):
                facts = tuple(Fact(name, "absent") for name in part.facts)
                sentences.append(Sentence(part.text, part.system, facts, 0, case.region))
    return sentences


def _denied(case: _Case, chosen: list[str], writer: Writer, numbers: NDArray[np.float64]) -> Iterator[Sentence]:
    """Deny what is absent of the chosen findings, in lists that are cut before it is looked which are absent."""
    for number, draws in enumerate(numbers.reshape(-1, _LIST).tolist()):
        if not chosen or number == (24 if _in_detail(case) else 8):
            return
        group = _listed(chosen, case, writer, draws[0])
        absent = [concept for concept in group if concept not in case.undeniable]
        if absent:
            yield writer.denied(absent, Draws(draws[1:]))
        chosen = chosen[len(group) :]


def _listed(chosen: list[str], case: _Case, writer: Writer, roll: float) -> list[str]:
    """Take one to three findings for a list; where organs are described one by one, one or two of one system."""
    if not _in_detail(case):
        return chosen[: 1 + int(roll * 3)]
    system = writer.words[chosen[0]].system
    return list(takewhile(lambda concept: writer.words[concept].system == system, chosen[: 1 + int(roll * 2)]))


def _not_new(case: _Case, concept: str, writer: Writer, draws: Draws) -> list[Sentence]:
    """Write now and then of an old finding that nothing of the kind has come."""
    roll = draws.number()
    same = [part for part in case.diseases if part.concept == concept]
    if case.days is None or not same or roll >= 0.2 or any(case.changes[id(part)].kind == "new" for part in same):
        return []
    return [writer.not_new(concept, draws)]


@cache
def _of_other_sex(region: str, sex: str) -> frozenset[str]:
    """Findings of organs that a body of this sex does not have."""
    return frozenset(concept for concept in grammar(region).findings if finding(concept).sex not in ("", sex))


def _in_detail(case: _Case) -> bool:
    """Say whether the examination shows organs one by one, so that more of them are described as normal."""
    return any(name.endswith(_DETAILED) for name in case.exams)


def _arranged(sentences: list[Sentence], words: Grammar, style: Style, draws: Draws) -> list[Sentence]:
    """Bring the findings section into the institution's order."""
    if style.order == "urgency":
        return sorted(sentences, key=lambda part: -part.urgency)
    if style.order == "systems":
        return sorted(sentences, key=lambda part: words.systems.order.index(part.system))
    parts: list[Sentence] = []
    for system in words.systems.order:
        label = draws.pick(words.systems.labels[system])
        label = label.upper() if style.upper else label
        inside = [part for part in sentences if part.system == system]
        parts += [replace(inside[0], text=f"{label}: {inside[0].text}"), *inside[1:]] if inside else []
    return parts


def _add_boilerplate(sentences: list[Sentence], case: _Case, words: Grammar, style: Style, draws: Draws) -> None:
    """Put sentences without facts at the start or the end."""
    roll, where, which = draws.number(), draws.number(), draws.number()
    spell = british if style.british else american
    if roll >= style.boilerplate:
        return
    own = [text for name in case.exams if name in words.exams for text in words.exams[name].boilerplate]
    pool = own or words.boilerplate
    if case.days is not None:
        pool = [text for text in pool if "compar" not in text.lower() and "prior" not in text.lower()]
        pool = [*pool, *(text.format(days=round(case.days)) for text in common().with_prior)]
    else:
        pool = [*pool, *common().without_prior]
    if where < 0.8:
        sentences.insert(0, Sentence(spell(pool[int(which * len(pool))]), "", (), 0, case.region))
    else:
        text = common().disclaimer[int(which * len(common().disclaimer))]
        sentences.append(Sentence(spell(text), "", (), 0, case.region))


def _closing(case: _Case, words: Grammar, chosen: list[str], writer: Writer, draws: Draws) -> list[Sentence]:
    """Write what an impression says where it repeats no finding, and the denial that it may repeat, if any.

    The first sums the study up: a normal study is called so, else nothing more is said to be there.
    """
    own = [text for name in case.exams if name in words.exams for text in words.exams[name].normal_impression]
    normal, nothing = draws.pick(own or words.normal_impression), draws.pick(common().nothing)
    if case.diseases or case.gone:
        summary = Sentence(nothing, "", (), 0, case.region, cause=_SUMMARY)
    else:
        summary = Sentence(normal, "", (Fact(_SUMMARY, "present"),), 0, case.region)
    roll, which = draws.number(), draws.number()
    again = [chosen[int(which * len(chosen))]] if chosen and roll < writer.style.repeats else []
    return [summary, *(writer.denied([name], draws) for name in again if name not in case.undeniable)]


def _concluded(repeated: list[Sentence], closing: list[Sentence], case: _Case, style: Style) -> list[Sentence]:
    """Write the impression: most urgent first, then a denial, then advice, each text once."""
    summary, *denial = closing
    said = sorted((part for part in repeated if not part.cause), key=lambda part: -part.urgency)
    said = said if said and (case.diseases or case.gone) else [summary]
    written = {part.text: part for part in [*said, *denial, *(part for part in repeated if part.cause)]}
    sentences = [part for part in written.values() if case.may_say(part)]
    if style.numbered and len(sentences) > 1:
        sentences = [replace(part, text=f"{i}. {part.text}") for i, part in enumerate(sentences, start=1)]
    return sentences


def _advised(told: Sequence[Sentence], case: _Case, style: Style, draws: Draws) -> list[Sentence]:
    """Advise on a finding that is stated as there, by its largest size; advice states no fact but has a cause."""
    roll, which = draws.number(), draws.number()
    concept = next((fact.concept for sentence in told for fact in sentence.facts if fact.status == "present"), "")
    if concept not in common().advice or roll >= style.advises:
        return []
    sizes = [size for disease in case.diseases if disease.concept == concept for size in disease.sizes_mm.values()]
    largest = max(sizes, default=0.0)
    texts = next(part.texts for part in common().advice[concept] if largest < part.below_mm)
    spell = british if style.british else american
    return [Sentence(spell(texts[int(which * len(texts))]), "", (), 0, case.region, cause=concept)]


def _finished(sentence: Sentence, region: str, style: Style) -> Sentence:
    if style.abbreviations == "none":
        return sentence
    return replace(sentence, text=abbreviated(sentence.text, region, style))
