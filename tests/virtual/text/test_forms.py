"""Captions, descriptions of regions, looks, summaries and questions: what they state is true and read back."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from text_cases import REGIONS, a_patient, chest_patient

from vesalius.errors import ConfigError
from vesalius.virtual.patient import Patient
from vesalius.virtual.preset import finding
from vesalius.virtual.text.agreement import compare_facts, true_facts
from vesalius.virtual.text.extraction import read
from vesalius.virtual.text.forms import attributes_of, caption, roi_description, summary
from vesalius.virtual.text.grammar import Fact, grammar
from vesalius.virtual.text.history import history_of, lay_words
from vesalius.virtual.text.lay import lay_query
from vesalius.virtual.text.report import Sentence
from vesalius.virtual.text.style import draw_style
from vesalius.virtual.text.vocabulary import examples
from vesalius.virtual.text.wellformed import faults

NUMBERS = 40


def patients() -> list[tuple[str, Patient]]:
    made = [(region, a_patient(region, number)) for region in REGIONS for number in range(NUMBERS)]
    return [(region, patient) for region, patient in made if patient.exams]


def agree(sentence: Sentence, patient: Patient) -> None:
    reading = read(sentence.text, sentence.region)
    assert reading.unread == ()
    assert reading.facts == sentence.facts, sentence.text
    found = compare_facts(sentence.facts, true_facts(patient.diseases))
    assert found.hallucinated == found.contradicted == (), sentence.text
    assert faults(sentence.text, "en") == (), sentence.text


def test_captions_are_one_true_sentence() -> None:
    counted = 0
    for region, patient in patients():
        made = caption(patient, style=draw_style(counted))
        assert made.region == region
        agree(made, patient)
        counted += 1
    assert counted > 100


def test_caption_of_a_normal_picture_says_so_and_of_an_unseen_finding_does_not() -> None:
    assert caption(chest_patient()).facts == (Fact("no_finding", "present"),)
    hidden = replace(examples("lung_nodule")[0], diameter_mm=4.0, consistency="ground-glass")  # type: ignore[call-arg]
    assert hidden.visibility < 3
    assert caption(chest_patient(hidden)).facts == ()


def test_caption_of_an_examination_that_was_not_made_is_refused() -> None:
    with pytest.raises(ConfigError, match="no examination 'fundus'; it has chest_radiograph"):
        caption(chest_patient(), name="fundus")


def test_descriptions_of_regions_say_what_where_how_large_and_how_it_looks() -> None:
    for number, (region, patient) in enumerate(patients()):
        for disease in patient.diseases:
            made = roi_description(patient, disease, style=draw_style(number))
            agree(made, patient)
            (fact,) = made.facts
            assert (fact.concept, fact.anatomy, fact.severity) == (disease.concept, disease.anatomy, disease.severity)
            assert fact.size_mm == next((float(round(size)) for size in disease.sizes_mm.values()), None)
            assert set(disease.attributes.items()) <= set(fact.attributes) | {("size", "")}
            assert made.region == region


def test_looks_come_one_a_sentence_and_together_state_all() -> None:
    for number, (_, patient) in enumerate(patients()):
        for disease in patient.diseases:
            made = attributes_of(patient, disease, style=draw_style(number))
            for sentence in made:
                agree(sentence, patient)
                (fact,) = sentence.facts
                told = [fact.anatomy, fact.severity, fact.size_mm, *fact.attributes]
                assert sum(bool(part) for part in told) <= 1
            looks = {pair for sentence in made for fact in sentence.facts for pair in fact.attributes}
            assert set(disease.attributes.items()) <= looks


def test_summaries_are_true() -> None:
    for number, (_, patient) in enumerate(patients()):
        made = summary(patient, style=draw_style(number))
        agree(made, patient)
        assert f"{patient.body.age_years:.0f}" in made.text


def test_queries_never_name_the_answer_unless_the_patient_knows_it() -> None:
    known = 0
    for number, (_, patient) in enumerate(patients()):
        text = " ".join(sentence.text for sentence in lay_query(patient, variant=number))
        for disease in patient.diseases:
            names = grammar(disease.region).findings[disease.concept].names
            assert not [name for name in names if re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)]
        told = [fact for sentence in lay_query(patient, knows=True, variant=number) for fact in sentence.facts]
        cause = history_of(patient, variant=number).cause
        assert [fact.concept for fact in told] == ([cause.concept] if cause else [])
        known += len(told)
        assert faults(text, "en") == (), text
    assert known > 50


def test_queries_vary() -> None:
    patient = a_patient(REGIONS[0], 1)
    assert len({" ".join(part.text for part in lay_query(patient, variant=i)) for i in range(200)}) > 150


def test_complaints_lead_somewhere() -> None:
    words = lay_words()
    assert set(words.regions) >= set(REGIONS)
    for names in (*words.regions.values(), *words.findings.values()):
        assert set(names) <= set(words.symptoms)
    listed = {*words.silent, *words.findings, *(name for names in words.courses.values() for name in names)}
    assert not {name for name in listed if finding(name).region not in words.regions}
    for languages in words.symptoms.values():
        assert set(languages) == {"en", "zh", "ar", "hi-Latn"}
