"""The audit of words finds what is planted and nothing else; reports do not tell what they do not state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from text_cases import REGIONS, a_patient, earlier

from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.preset import load_preset, preset_names
from vesalius.virtual.text.audit import Stratum, audit_text, from_words, terms
from vesalius.virtual.text.narrative import write_report
from vesalius.virtual.text.report import Report, Sentence
from vesalius.virtual.text.style import draw_style, style_of

FOLD = np.arange(1000) % 5
POPULATIONS = ("chest", "fundus", "dermatoscopy", "pathology", "chest-ct", "abdomen-ct", "brain-mr")


def noise(rng: np.random.Generator) -> list[set[str]]:
    """A thousand reports of ten out of two hundred words."""
    return [{f"w{word}" for word in rng.integers(200, size=10)} for _ in range(1000)]


def nobody(count: int) -> Stratum:
    """A stratum of people who differ in nothing."""
    return Stratum(np.zeros((count, 1)), np.zeros(count, bool))


def planted(share: float) -> tuple[float, float]:
    rng = np.random.default_rng(1)
    texts, target = noise(rng), rng.random(1000) < 0.15
    for text, present in zip(texts, target, strict=True):
        if present and rng.random() < share:
            text.add("sampling")
    return from_words(texts, target, nobody(1000), FOLD)


def test_words_that_tell_nothing_are_at_chance() -> None:
    area, error = planted(0.0)
    assert abs(area - 0.5) < 3 * error
    # Null error of one AUROC of 150 against 850: sqrt(1001 / (12 * 150 * 850)) = 0.0256; pairs of cells alone: more.
    assert 0.02 < error < 0.045


@pytest.mark.parametrize(("share", "least"), [(1.0, 0.97), (0.3, 0.58)])
def test_a_planted_word_is_found(share: float, least: float) -> None:
    # A word that a share of the present ones have and no other wins share + (1 - share) / 2 of the pairs at best:
    # 1.0, or 0.65 for three in ten, of which noise in the other words takes some.
    area, error = planted(share)
    assert area > least
    assert area - 0.5 > 3 * error


def test_words_of_another_finding_tell_nothing_beyond_it() -> None:
    rng = np.random.default_rng(2)
    cause = rng.random(1000) < 0.3
    target = rng.random(1000) < np.where(cause, 0.5, 0.1)
    texts = noise(rng)
    for text, present in zip(texts, cause, strict=True):
        if present:
            text.add("effusion")
    blind, _ = from_words(texts, target, nobody(1000), FOLD)
    area, error = from_words(texts, target, Stratum(cause[:, None].astype(float), ~cause), FOLD)
    assert blind > 0.6
    assert abs(area - 0.5) < 3 * error


def test_terms_by_hand() -> None:
    report = Report((Sentence("Lungs: No 1.4 cm nodule.", "lungs", ()),), (Sentence("CT in 6-12 months.", "", ()),))
    assert terms(report) == {"lungs", "lungs no", "no", "1.4", "cm", "nodule", "no 1.4", "1.4 cm", "cm nodule",
                             "ct", "in", "6-12", "months", "ct in", "in 6-12", "6-12 months"}  # fmt: skip


def removed(patient: Patient, concept: str, previous: Patient | None = None, **how: object) -> tuple[str, str]:
    """The report that is silent on a finding, of the patient and of the same patient without it."""
    spared = previous.without(concept) if previous else None
    with_it = write_report(patient, previous=previous, silent=(concept,), **how)  # type: ignore[arg-type]
    without = write_report(patient.without(concept), previous=spared, silent=(concept,), **how)  # type: ignore[arg-type]
    return with_it.text, without.text


def test_what_is_not_said_of_a_finding_is_the_same_with_and_without_it() -> None:
    tried = 0
    for preset in preset_names():
        for index in range(12):
            patient = draw_patient(5, index, preset=preset)
            for concept in sorted(patient.concepts):
                with_it, without = removed(patient, concept)
                assert with_it == without, (preset, index, concept)
                tried += 1
    assert tried > 300


def test_the_same_in_every_style_and_beside_an_earlier_study() -> None:
    tried = 0
    for number in range(400):
        region = REGIONS[number % len(REGIONS)]
        patient = a_patient(region, number)
        previous = earlier(patient, number) if number % 2 else None
        for concept in sorted(patient.concepts):
            with_it, without = removed(patient, concept, previous, style=draw_style(number), variant=number)
            assert with_it == without, (region, number, concept)
            tried += 1
    assert tried > 300


def test_silence_leaves_out_what_is_linked_and_no_more() -> None:
    """What stays is in the whole report, or is one of its lists of denials without the name."""
    shortened = 0
    for index in range(60):
        patient = draw_patient(6, index, preset="chest-ct")
        style = replace(style_of(patient.site), order="systems", numbered=False)
        whole = write_report(patient, style=style)
        for concept in patient.asked[:10]:
            silent = write_report(patient, silent=(concept,), style=style)
            for section, full in ((silent.findings, whole.findings), (silent.impression, whole.impression)):
                texts = {part.text for part in full}
                lists = [{fact.concept for fact in part.facts} for part in full
                         if all(fact.status == "absent" for fact in part.facts)]  # fmt: skip
                for part in section:
                    stated = {fact.concept for fact in part.facts}
                    assert concept not in {*stated, part.cause}
                    if part.text not in texts:
                        assert stated | {concept} in lists, part.text
                        shortened += 1
    assert shortened > 20


def test_advice_and_summaries_name_what_they_are_there_for() -> None:
    causes = set()
    for index in range(300):
        patient = draw_patient(6, index)
        for part in write_report(patient).impression:
            if part.cause and part.cause != "no_finding":
                assert part.cause in patient.concepts
                assert not part.facts
            causes.add(part.cause)
    assert {"pleural_effusion", "lung_mass"} <= causes


@pytest.mark.parametrize(("preset", "low", "high"), [("chest-ct", 100, 260), ("abdomen-ct", 130, 310),
                                                     ("brain-mr", 80, 200), ("chest", 20, 70)])  # fmt: skip
def test_reports_are_as_long_as_those_of_their_kind(preset: str, low: float, high: float) -> None:
    """Mean words of findings within the mean and deviation of real ones: 180 ± 80, 220 ± 90, 140 ± 60, 45 ± 25."""
    words = [len(write_report(draw_patient(7, index, preset=preset)).findings_text.split()) for index in range(100)]
    assert low <= np.mean(words) <= high


def test_findings_of_one_sex_are_audited_in_that_sex() -> None:
    people = [draw_patient(8, index, preset="abdomen-ct") for index in range(300)]
    men = sum(patient.body.sex == "M" for patient in people)
    rows = audit_text([replace(patient) for patient in people], ["prostate_enlargement"])
    assert [(row.feature, row.n) for row in rows] == [("company", men), ("text", men)]


def z_scores(preset: str, patients: int) -> NDArray[np.float64]:
    people = [draw_patient(2025, index, preset=preset) for index in range(patients)]
    rows = audit_text(people, list(load_preset(preset).prevalence))
    return np.array([(row.auroc - 0.5) / row.standard_error for row in rows if row.feature == "text"])


@pytest.mark.slow
@pytest.mark.parametrize("preset", POPULATIONS)
def test_reports_of_two_thousand_people_tell_no_more_than_they_state(preset: str) -> None:
    scores = z_scores(preset, 2000)
    # Errors come from 24 shuffles, so that t with 23 degrees of freedom holds: 4.5 is beyond 1 in 5000 of 106 rows.
    assert np.abs(scores).max() < 4.5
    # The mean of k independent scores has an error of 1 / sqrt(k).
    assert abs(scores.mean()) < 4 / np.sqrt(len(scores))
