"""One door to all forms in all languages. The facts are the same in each: those of the English text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType, ModuleType

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.text import arabic, chinese, hinglish
from vesalius.virtual.text.forms import attributes_of, caption, roi_description, shows_disease, summary, summary_facts
from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.history import history_of
from vesalius.virtual.text.lay import lay_query
from vesalius.virtual.text.narrative import write_report
from vesalius.virtual.text.report import Report, Sentence
from vesalius.virtual.text.sentences import Draws
from vesalius.virtual.text.terms import LANGUAGES, lay_view

__all__ = ["FORMS", "say", "short_report"]

FORMS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "report": LANGUAGES, "summary": LANGUAGES, "query": LANGUAGES, "caption": ("en",), "roi": ("en",),
    "attributes": ("en",),
})  # fmt: skip
"""Languages of each form."""
_WRITERS: Mapping[str, ModuleType] = MappingProxyType({"zh": chinese, "ar": arabic, "hi-Latn": hinglish})
_DENIED = 4
"""Absent findings that a short report names at most."""


def say(
    form: str, patient: Patient, language: str = "en", *, previous: Patient | None = None, knows: bool = False,
    variant: int = 0,
) -> tuple[Sentence, ...]:  # fmt: skip
    """Write a form about a patient in a language, sentence by sentence with their facts.

    Args:
        form: report (short where it is not English), summary, query, caption, roi (one sentence a disease) or
            attributes.
        patient: at one visit.
        language: BCP 47, see `FORMS`.
        previous: the visit before, for reports.
        knows: of queries, see `lay_query`.
        variant: another number words it anew.

    Raises:
        ConfigError: the form is unknown, or does not exist in the language.
    """
    if form not in FORMS:
        raise ConfigError(f"unknown form {form!r}{did_you_mean(form, FORMS)}")
    if language not in FORMS[form]:
        there = ", ".join(FORMS[form])
        others = ", ".join(name for name, languages in FORMS.items() if language in languages)
        raise ConfigError(f"form {form!r} exists in {there}, not in {language!r}"
                          + (f"; {language} has {others}" if others else ""))  # fmt: skip
    if form == "query":
        return lay_query(patient, language=language, knows=knows, variant=variant)
    if form == "summary":
        return (_summary(patient, language, variant),)
    if form == "caption":
        return (caption(patient, variant=variant),)
    if form == "roi":
        return tuple(roi_description(patient, disease, variant=variant) for disease in patient.diseases)
    if form == "attributes":
        return tuple(part for one in patient.diseases for part in attributes_of(patient, one, variant=variant))
    report = write_report(patient, previous=previous, variant=variant)
    return report.findings if language == "en" else short_report(report, patient, language, variant=variant)


def short_report(report: Report, patient: Patient, language: str, *, variant: int = 0) -> tuple[Sentence, ...]:
    """Write an English report's findings in another language, in few words.

    Present findings are all told, with place, grade, size and change but without their look; of absent findings up
    to four in one sentence; a normal study is called so.
    """
    if language not in _WRITERS:
        raise ConfigError(f"no short reports in {language!r}; there are {', '.join(_WRITERS)}")
    writer = _WRITERS[language]
    draws = Draws(stream(patient.seed, patient.occasion, "short report", language, variant).random(256).tolist())
    made: list[tuple[str, tuple[Fact, ...]]] = []
    stated = [fact for sentence in report.findings for fact in sentence.facts if fact.concept != "no_finding"]
    for fact in dict.fromkeys(replace(fact, attributes=()) for fact in stated):
        if fact.status != "absent" or fact.change:
            made.append((writer.statement(fact, draws), (fact,)))
    absent = list(dict.fromkeys(fact.concept for fact in stated if fact.status == "absent" and not fact.change))
    normal = [fact for fact in report.facts if fact.concept == "no_finding"]
    if absent:
        told = absent[:_DENIED]
        made.append((writer.denial(told, draws), tuple(Fact(concept, "absent") for concept in told)))
    if normal or not made:
        made.append((writer.normal(draws) if normal else writer.NOTHING, tuple(normal[:1])))
    texts = _styled([text for text, _ in made], language, draws)
    return tuple(Sentence(text, "", facts) for text, (_, facts) in zip(texts, made, strict=True))


def _styled(texts: Sequence[str], language: str, draws: Draws) -> list[str]:
    if language == "ar":
        eastern = draws.number() < 0.5
        return [arabic.finished(text, eastern=eastern) for text in texts]
    if language == "hi-Latn":
        return hinglish.respelt("\n".join(texts), draws).split("\n")
    return list(texts)


def _summary(patient: Patient, language: str, variant: int) -> Sentence:
    if language == "en":
        return summary(patient, variant=variant)
    writer = _WRITERS[language]
    history = history_of(patient, variant=variant)
    draws = Draws(stream(patient.seed, patient.occasion, "summary", language, variant).random(64).tolist())
    facts = summary_facts(patient)
    found = [writer.noun_phrase(fact) for fact in facts] if facts or not shows_disease(patient) else None
    text = writer.summary(
        round(patient.body.age_years), patient.body.sex,
        [draws.pick(options) for options in history.symptoms(language)], history.duration(language),
        lay_view(patient.exams[0], language), found,
    )  # fmt: skip
    none = () if shows_disease(patient) else (Fact("no_finding", "present"),)
    return Sentence(_styled([text], language, draws)[0], "", facts or none)
