"""Texts beside the report: captions, descriptions of regions, looks in short sentences, summaries. In English."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vesalius.config import Config, read_yaml, validate
from vesalius.errors import ConfigError
from vesalius.virtual.exams.base import exam
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.text.grammar import Fact, american, british
from vesalius.virtual.text.history import history_of
from vesalius.virtual.text.lists import listed
from vesalius.virtual.text.report import Sentence
from vesalius.virtual.text.sentences import Draws, Writer, phrases_for
from vesalius.virtual.text.style import Style, style_of
from vesalius.virtual.text.terms import view_names
from vesalius.virtual.text.wording import articled, bare, fill, said, side_in, slots_of

__all__ = [
    "FormWords",
    "attributes_of",
    "caption",
    "form_words",
    "roi_description",
    "shows_disease",
    "summary",
    "summary_facts",
]

_NAMED = 3
"""Findings that one sentence names at most."""
_SEEN = 3.0
"""Visibility below which a finding stays out of captions and summaries."""


@dataclass(frozen=True, kw_only=True)
class FormWords(Config):
    """The frames of the forms."""

    captions: list[str]
    normal_captions: list[str]
    rois: list[str]
    clauses: dict[str, list[str]]
    attributes: list[str]
    summaries: list[str]
    normal_summaries: list[str]
    silent_summaries: list[str]
    persons: dict[str, list[str]]


@cache
def form_words() -> FormWords:
    """Read the frames of the forms."""
    file = Path(__file__).parent / "phrases" / "forms.yaml"
    return validate(FormWords, read_yaml(file), where=file.name)


def caption(patient: Patient, *, name: str = "", style: Style | None = None, variant: int = 0) -> Sentence:
    """Write one sentence about a picture: what it is and up to three findings, the most visible first.

    Args:
        patient: at one visit.
        name: of the examination; the patient's first where not given.
        style: of the institution; its site's own where not given.
        variant: another number words it anew.
    """
    style = style or style_of(patient.site)
    name = name or patient.exams[0]
    if name not in patient.exams:
        raise ConfigError(f"patient {patient.id} has no examination {name!r}; it has {', '.join(patient.exams)}")
    draws = _draws(patient, "caption", name, variant)
    view = draws.pick(view_names(name))
    region = exam(name).REGION
    phrases, facts = _noun_phrases(patient, region, style, draws)
    words = form_words()
    if phrases:
        frame = draws.pick(words.captions)
    else:
        frame, facts = draws.pick(words.normal_captions), (Fact("no_finding", "present"),)
        if any(disease.region == region for disease in patient.diseases):
            facts = ()
            frame = "{View}."
    text = frame.format_map(_slots(view=view, list=listed(phrases) if phrases else ""))
    return Sentence(_spelled(text, style), "", facts, 0, region)


def roi_description(patient: Patient, disease: Disease, *, style: Style | None = None, variant: int = 0) -> Sentence:
    """Write one sentence about the region of a disease: what it is, where, how large and how it looks."""
    style = style or style_of(patient.site)
    draws = _draws(patient, "roi", disease.concept, disease.anatomy, variant)
    writer = Writer(disease.region, style)
    slots = writer.slots([disease])
    options = phrases_for(writer.words[disease.concept], [disease])
    phrase = draws.pick([text for text in options if all(slots.get(name) for name in slots_of(text))] or options)
    words = form_words()
    text = fill(phrase, slots)
    sentence = draws.pick(words.rois).format_map({"x": text, "b": bare(text)})
    more: list[str] = []
    for name in _unsaid(disease, slots, phrase):
        clause = draws.pick(words.clauses.get(name, words.clauses["other"]))
        sentence += clause.format_map({"name": name.replace("_", " "), "value": slots[name]})
        more.append(name)
    fact = said(phrase, slots, Fact(disease.concept, "present"), more=more)
    return Sentence(_spelled(sentence, style) + ".", "", (fact,), 0, disease.region)


def attributes_of(
    patient: Patient, disease: Disease, *, style: Style | None = None, variant: int = 0
) -> tuple[Sentence, ...]:
    """Decompose a disease into short sentences: location, side, size, grade and each attribute of its look."""
    style = style or style_of(patient.site)
    draws = _draws(patient, "attributes", disease.concept, disease.anatomy, variant)
    writer = Writer(disease.region, style)
    slots = writer.slots([disease])
    label = writer.words[disease.concept].names[0]
    made = []
    for name in _unsaid(disease, slots, ""):
        frame = draws.pick(form_words().attributes)
        title = name.replace("_", " ")
        text = frame.format_map({"n": label, "name": title, "Name": title.capitalize(), "value": slots[name]})
        fact = said("", slots, Fact(disease.concept, "present"), more=[name])
        made.append(Sentence(_spelled(text, style), "", (fact,), 0, disease.region))
    return tuple(made)


def summary(patient: Patient, *, style: Style | None = None, variant: int = 0) -> Sentence:
    """Write a clinician's summary in one line: who, complaints and since when, what the first picture shows."""
    style = style or style_of(patient.site)
    history = history_of(patient, variant=variant)
    draws = _draws(patient, "summary", variant)
    region = exam(patient.exams[0]).REGION
    phrases, facts = _noun_phrases(patient, region, style, draws)
    words = form_words()
    healthy = not shows_disease(patient)
    frame = draws.pick(words.summaries if phrases else words.normal_summaries if healthy else words.silent_summaries)
    person = draws.pick(words.persons[patient.body.sex])
    text = frame.format_map(_slots(
        view=draws.pick(view_names(patient.exams[0])), list=listed(phrases) if phrases else "", person=person,
        age=f"{patient.body.age_years:.0f}", symptoms=listed([draws.pick(words) for words in history.symptoms("en")]),
        duration=history.duration("en"),
    ))  # fmt: skip
    none = (Fact("no_finding", "present"),) if healthy else ()
    return Sentence(_spelled(text, style), "", facts or none, 0, region)


def shows_disease(patient: Patient) -> bool:
    """Say whether anything is in the region of the first examination."""
    region = exam(patient.exams[0]).REGION
    return any(disease.region == region for disease in patient.diseases)


def summary_facts(patient: Patient) -> tuple[Fact, ...]:
    """Return what a summary tells of the findings: each with its place and grade, the most visible first."""
    region = exam(patient.exams[0]).REGION
    return tuple(
        Fact(disease.concept, "present", disease.laterality, disease.anatomy, disease.severity)
        for disease in _visible(patient, region)
    )


def _visible(patient: Patient, region: str) -> list[Disease]:
    seen = [disease for disease in patient.diseases if disease.region == region and disease.visibility >= _SEEN]
    return sorted(seen, key=lambda disease: -disease.visibility)[:_NAMED]


def _unsaid(disease: Disease, slots: dict[str, str], phrase: str) -> list[str]:
    """Slots that have words and that a phrase does not use: site, side, size, grade, then the look."""
    used = set(slots_of(phrase))
    sided = side_in(disease.anatomy) or disease.laterality == "midline"
    fixed = ["site", *([] if sided else ["side"]), "size", "severity"]
    if used & {"site", "lobe"}:
        used |= {"site", "lobe"}
    main = next(iter(disease.sizes_mm), "")
    look = [*disease.attributes, *(name for name in disease.sizes_mm if name != main)]
    return [name for name in dict.fromkeys([*fixed, *look]) if slots.get(name) and name not in used]


def _noun_phrases(patient: Patient, region: str, style: Style, draws: Draws) -> tuple[list[str], tuple[Fact, ...]]:
    """Phrases and facts of the findings that are seen best."""
    writer = Writer(region, style)
    texts, facts = [], []
    for disease in _visible(patient, region):
        slots = writer.slots([disease])
        options = phrases_for(writer.words[disease.concept], [disease])
        phrase = draws.pick([text for text in options if all(slots.get(name) for name in slots_of(text))] or options)
        texts.append(fill(phrase, slots))
        facts.append(said(phrase, slots, Fact(disease.concept, "present")))
    return texts, tuple(facts)


def _draws(patient: Patient, *purpose: str | int) -> Draws:
    return Draws(stream(patient.seed, patient.occasion, "text", *purpose).random(48).tolist())


def _slots(**words: str) -> dict[str, str]:
    """Words of a frame, each also with a capital under its capital name."""
    capital = {name.capitalize(): word[:1].upper() + word[1:] for name, word in words.items()}
    return {**words, **capital}


def _spelled(text: str, style: Style) -> str:
    return articled((british if style.british else american).__wrapped__(text))
