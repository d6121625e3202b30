"""From facts to words and back, exactly, for every region, style and visit."""

from __future__ import annotations

import pytest
from text_cases import REGIONS, a_patient, earlier

from vesalius.virtual.text.extraction import extract, read
from vesalius.virtual.text.narrative import Report, regions_of, write_report
from vesalius.virtual.text.style import draw_style

REPORTS = 1500


def write(region: str, number: int) -> Report:
    patient = a_patient(region, number)
    previous = earlier(patient, number) if number % 3 == 0 else None
    style = draw_style(number) if number % 2 else None
    return write_report(patient, previous=previous, style=style, variant=number)


def check(reports: int) -> int:
    """Read so many reports of all regions back and return how many facts they state."""
    stated_facts = 0
    for number in range(reports):
        region = REGIONS[number % len(REGIONS)]
        if not regions_of(a_patient(region, number)):
            continue
        report = write(region, number)
        for section in (report.findings, report.impression):
            text = " ".join(sentence.text for sentence in section)
            reading = read(text, region)
            assert reading.unread == (), (region, number)
            assert reading.facts == tuple(fact for sentence in section for fact in sentence.facts), (region, text)
            stated_facts += len(reading.facts)
    return stated_facts


def test_reports_of_all_regions_are_read_back() -> None:
    assert len(REGIONS) >= 4
    assert check(REPORTS) > 4 * REPORTS


@pytest.mark.slow
def test_ten_thousand_reports_are_read_back() -> None:
    assert check(10_000) > 40_000


def test_every_sentence_alone_states_its_facts() -> None:
    for number in range(300):
        report = write(REGIONS[number % len(REGIONS)], number)
        for sentence in (*report.findings, *report.impression):
            assert extract(sentence.text, sentence.region) == sentence.facts


def test_sentences_of_another_grammar_are_named_and_state_nothing() -> None:
    reading = read("The quick fox has pneumonia of both ears. There is a large left pleural effusion.")
    assert reading.unread == ("The quick fox has pneumonia of both ears.",)
    assert [fact.concept for fact in reading.facts] == ["pleural_effusion"]


def test_regions_of_one_patient_stand_under_their_titles() -> None:
    first, second = REGIONS[0], REGIONS[-1]
    one, two = a_patient(first, 1), a_patient(second, 1)
    from dataclasses import replace

    both = replace(one, exams=one.exams + two.exams, diseases=one.diseases + two.diseases)
    report = write_report(both)
    assert regions_of(both) == (first, second)
    assert {sentence.region for sentence in report.findings} == {first, second}
    stated = tuple(fact for sentence in report.findings for fact in sentence.facts)
    assert extract(report.findings_text, first) == stated
