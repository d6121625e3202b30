"""What patients and their relatives write: complaints, duration, what was done, what the doctor said, a question."""

from __future__ import annotations

from collections.abc import Sequence

from vesalius.errors import ConfigError
from vesalius.virtual.patient import Patient
from vesalius.virtual.preset import finding
from vesalius.virtual.seeds import stream
from vesalius.virtual.text.arabic import finished
from vesalius.virtual.text.grammar import Fact, grammar
from vesalius.virtual.text.hinglish import oblique, respelt
from vesalius.virtual.text.history import History, history_of, lay_words
from vesalius.virtual.text.report import Sentence
from vesalius.virtual.text.sentences import Draws
from vesalius.virtual.text.terms import LANGUAGES, lay_view, term
from vesalius.virtual.text.wording import articled

__all__ = ["joined_complaints", "lay_query"]

_TALKATIVE = 3
"""Questions at the end at most."""


def lay_query(
    patient: Patient, *, language: str = "en", knows: bool = False, variant: int = 0
) -> tuple[Sentence, ...]:
    """Write what a patient, or a relative, asks; the story is the same in every language.

    The answer is not named unless the patient knows it: then one sentence states it, with its fact.

    Args:
        patient: at one visit.
        language: one of `LANGUAGES`.
        knows: True where the doctor has told what it is; without effect in a patient without disease.
        variant: another number tells another story.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"no queries in the language {language!r}; there are {', '.join(LANGUAGES)}")
    history = history_of(patient, variant=variant)
    draws = Draws(stream(patient.seed, patient.occasion, "query", language, variant).random(64).tolist())
    words = lay_words().queries[language]
    parts: list[tuple[list[str], tuple[Fact, ...]]] = [(words["relative" if history.relative else "opening"], ())]
    cause = history.cause
    if knows and cause is not None:
        parts.append((words["known"], (Fact(cause.concept, "present"),)))
    else:
        parts.append((words["told" if cause else "clear"], ()))
    parts += [(words["asked"], ())] * (1 + int(draws.number() * (_TALKATIVE - 1)))
    slots = _slots(patient, history, language, draws)
    written: dict[str, tuple[Fact, ...]] = {}
    for options, facts in parts:
        written.setdefault(draws.pick(options).format_map(slots), facts)
    texts = _styled(list(written), language, draws)
    return tuple(Sentence(text, "", facts) for text, facts in zip(texts, written.values(), strict=True))


def joined_complaints(history: History, language: str, draws: Draws) -> str:
    """Name the complaints in a language, joined as it joins."""
    return join([draws.pick(options) for options in history.symptoms(language)], language)


def join(parts: Sequence[str], language: str) -> str:
    """Join nouns: commas and "and", 、, و glued to the next word, aur."""
    if language == "zh":
        return "、".join(parts)
    if language == "ar":
        return " و".join(parts)
    last = " and " if language == "en" else " aur "
    return last.join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _slots(patient: Patient, history: History, language: str, draws: Draws) -> dict[str, str]:
    name = ""
    if history.cause is not None:
        concept = history.cause.concept
        name = grammar(finding(concept).region).findings[concept].names[0] if language == "en" else term(
            "concepts", concept, language)  # fmt: skip
    slots = {
        "symptoms": joined_complaints(history, language, draws), "duration": history.duration(language), "name": name,
        "view": lay_view(patient.exams[0], language),
        "relative": draws.pick(lay_words().relatives[language][patient.body.sex]),
        "place": oblique(lay_view(patient.exams[0], language)),
        "suffers": "تعاني" if patient.body.sex == "F" else "يعاني",
    }  # fmt: skip
    return {**slots, **{key.capitalize(): word[:1].upper() + word[1:] for key, word in slots.items()}}


def _styled(texts: list[str], language: str, draws: Draws) -> list[str]:
    """One person's numerals and spellings through the whole text."""
    if language == "ar":
        eastern = draws.number() < 0.5
        return [finished(text, eastern=eastern) for text in texts]
    if language == "hi-Latn":
        whole = respelt("\n".join(texts), draws).split("\n")
        return [text[0].upper() + text[1:] for text in whole]
    return [articled(text[0].upper() + text[1:]) for text in texts]
