"""Five scores of 1 to 5 for an image with its texts, by rules (the quality gate of InfiMed-Foundation).

The paper has a language model give the scores and does not name the axes beyond doubt; here they are completeness,
accuracy, consistency, relevance and readability, as one secondary source lists them. The rules are deterministic and
see what rules can see. A model's scores come in through `Scorer`, or as columns of a table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from vesalius.curation.facts import Said, contains, read_findings, sides_said
from vesalius.curation.terms import MODALITIES, concept_names, organ_words
from vesalius.curation.text_keys import words
from vesalius.data.records import Study

__all__ = ["AXES", "Scorer", "Scores", "gate", "rule_scores"]

_MIDDLE = 3.0
"""Where there is nothing to judge by."""
_WORDS = (3, 300)
_SYMBOLS = 0.12
"""Share of characters that are neither letters, digits, spaces nor common stops, from which a text reads badly."""
_PLAIN = re.compile(r"[\w\s.,;:()%/'’\"-]")
_FEMALE = re.compile(r"\b(?:uterus|uterine|ovar(?:y|ies|ian)|pregnan\w+|she|her|woman|female)\b", re.IGNORECASE)
_MALE = re.compile(r"\b(?:prostat\w+|testic\w+|testis|seminal|he|his|man|male)\b", re.IGNORECASE)


class Scores(NamedTuple):
    """1 worst to 5 best."""

    completeness: float
    accuracy: float
    consistency: float
    relevance: float
    readability: float


AXES = Scores._fields
Scorer = Callable[[Study], Mapping[str, float]]
"""Gives a score of 1 to 5 for each of `AXES`."""


def gate(scores: Mapping[str, float], *, least: Mapping[str, float], mean: float = 0.0) -> str:
    """Return why a study is dropped: the first axis below its threshold, "mean", or nothing where it is kept.

    Args:
        scores: by axis.
        least: threshold of each axis; an axis that it leaves out is not judged.
        mean: threshold of the mean of all scores.
    """
    for axis in AXES:
        if axis in least and scores[axis] < least[axis]:
            return axis
    return "mean" if sum(scores[axis] for axis in AXES) / len(AXES) < mean else ""


def rule_scores(study: Study) -> Scores:
    """Score a study by rules."""
    text = " ".join(part.text for part in study.texts if part.role not in ("indication", "comparison", "query"))
    said = read_findings(text, sorted({finding.concept for finding in study.findings} - {"no_finding"}))
    return Scores(
        completeness=_completeness(study, text),
        accuracy=_accuracy(study, said),
        consistency=_consistency(study, text, said),
        relevance=_relevance(study, text),
        readability=_readability(text),
    )


def _completeness(study: Study, text: str) -> float:
    """1 + 4 × the share of six fields that are there: picture, its modality, its body part or view, text of at least
    three words, findings or questions, and the file's size."""
    fields = (
        bool(study.images),
        bool(study.images) and all(image.modality not in ("", "OT") for image in study.images),
        bool(study.images) and all(image.body_part or image.view for image in study.images),
        len(words(text)) >= _WORDS[0],
        bool(study.findings or study.dialogues),
        bool(study.images) and all(image.shape for image in study.images),
    )
    return 1 + 4 * sum(fields) / len(fields)


def _accuracy(study: Study, said: Iterable[Said]) -> float:
    """1 + 4 × the share of findings told by label and by text that agree; doubt agrees with both. 3 where none is."""
    told = [(study.status(one.concept), one.status) for one in said]
    pairs = [(label, status) for label, status in told if label is not None]
    if not pairs:
        return _MIDDLE
    agreeing = sum(label == status or "uncertain" in (label, status) for label, status in pairs)
    return 1 + 4 * agreeing / len(pairs)


def _consistency(study: Study, text: str, said: Iterable[Said]) -> float:
    """5 less 2 for each kind of contradiction: side of a finding, side of the picture, sex, a foreign modality."""
    if not words(text):
        return _MIDDLE
    kinds = _wrong_sides(study, said) + _wrong_eye(study, text) + _wrong_sex(study, text)
    return max(1.0, 5.0 - 2.0 * (kinds + _wrong_modality(study, text)))


def _wrong_sides(study: Study, said: Iterable[Said]) -> bool:
    known: dict[str, set[str]] = {}
    for finding in study.findings:
        if finding.status == "present" and finding.laterality in ("left", "right", "bilateral"):
            sides = {"left", "right"} if finding.laterality == "bilateral" else {finding.laterality}
            known.setdefault(finding.concept, set()).update(sides)
    return any(
        one.status == "present" and one.concept in known and one.sides and not one.sides & known[one.concept]
        for one in said
    )


def _wrong_eye(study: Study, text: str) -> bool:
    sides = {image.laterality for image in study.images}
    said = sides_said(text)
    return len(sides) == 1 and bool(said) and sides in ({"left"}, {"right"}) and not (sides & said)


def _wrong_sex(study: Study, text: str) -> bool:
    other = {"F": _MALE, "M": _FEMALE}.get(study.sex)
    own = {"F": _FEMALE, "M": _MALE}.get(study.sex)
    return other is not None and own is not None and bool(other.search(text)) and not own.search(text)


def _wrong_modality(study: Study, text: str) -> bool:
    """Names of other kinds of pictures, and none of the study's own."""
    own = {name for image in study.images for name in MODALITIES.get(image.modality, ())}
    if not own or any(contains(text, name) for name in own):
        return False
    others = {name for names in MODALITIES.values() for name in names} - own
    return any(contains(text, name) for name in others)


def _relevance(study: Study, text: str) -> float:
    """1, and 2 each for a word of the picture's kind or plane, and for one of its organ or a finding's name."""
    kinds = [
        name for image in study.images for name in (*MODALITIES.get(image.modality, ()), image.view, image.sequence)
    ]
    organs = [word for image in study.images for word in organ_words(image.body_part)]
    organs += [name for finding in study.findings for name in concept_names(finding.concept)]
    organs += [finding.anatomy for finding in study.findings]
    named_kind = any(name and contains(text, name) for name in kinds)
    named_organ = any(name and contains(text, name) for name in organs)
    return 1.0 + 2.0 * named_kind + 2.0 * named_organ


def _readability(text: str) -> float:
    """5 for 3 to 300 words with few symbols and repetitions; each fault costs 2, no words at all gives 1."""
    found = words(text)
    if not found:
        return 1.0
    strange = sum(not _PLAIN.match(character) for character in text) / len(text)
    faults = (
        not _WORDS[0] <= len(found) <= _WORDS[1],
        strange > _SYMBOLS,
        len(found) >= 20 and len(set(found)) < len(found) / 4,
    )
    return max(1.0, 5.0 - 2.0 * sum(faults))
