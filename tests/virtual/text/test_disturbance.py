"""Errors of writing come at their rates, keep the true facts and say where they are."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.text.disturbance import Rates, disturbed
from vesalius.virtual.text.extraction import read
from vesalius.virtual.text.narrative import Report, write_report

NONE = Rates(typo=0, side=0, dictation=0, template=0, missing=0)
REPORTS = 300


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    return [write_report(draw_patient(7, number)) for number in range(REPORTS)]


def rng(number: int = 0) -> np.random.Generator:
    return stream(0, "test of disturbance", number)


def test_no_rates_change_nothing(reports: list[Report]) -> None:
    assert all(disturbed(report, rng(), NONE) == report for report in reports[:50])


def test_same_numbers_give_the_same_errors(reports: list[Report]) -> None:
    assert disturbed(reports[0], rng(3), Rates(typo=0.2)) == disturbed(reports[0], rng(3), Rates(typo=0.2))


def test_facts_stay_and_wrong_sentences_are_named(reports: list[Report]) -> None:
    rates = Rates(typo=0.05, side=0.5, dictation=0.5, template=0.5, missing=0.2)
    named = set()
    for number, report in enumerate(reports):
        changed = disturbed(report, rng(number), rates)
        assert changed.facts == report.facts
        before = {sentence.text for sentence in (*report.findings, *report.impression)}
        for sentence in (*changed.findings, *changed.impression):
            named.add(sentence.wrong)
            assert bool(sentence.wrong) == (sentence.text not in before)
    assert named == {"", "typo", "side", "dictation", "template", "missing"}


def test_wrong_side_is_read_as_the_other_side(reports: list[Report]) -> None:
    turned = 0
    other = {"left": "right", "right": "left"}
    for number, report in enumerate(reports):
        changed = disturbed(report, rng(number), Rates(typo=0, side=1, dictation=0, template=0, missing=0))
        for sentence in (part for part in changed.findings if part.wrong == "side"):
            for fact, stated in zip(read(sentence.text).facts, sentence.facts, strict=True):
                if fact.laterality in other:
                    assert fact.laterality == other[stated.laterality]
                    turned += 1
    assert turned > 100


def test_missing_section_has_no_text_and_no_heading(reports: list[Report]) -> None:
    lost = [disturbed(report, rng(number), Rates(missing=1)) for number, report in enumerate(reports)]
    assert all((report.findings_text == "") != (report.impression_text == "") for report in lost)
    assert all("\n" not in report.text for report in lost)


def test_typos_come_at_their_rate(reports: list[Report]) -> None:
    rates = Rates(typo=0.1, side=0, dictation=0, template=0, missing=0)
    words = changed = 0
    for number, report in enumerate(reports):
        for old, new in zip(report.findings, disturbed(report, rng(number), rates).findings, strict=True):
            pairs = list(zip(old.text.split(), new.text.split(), strict=True))
            long = [pair for pair in pairs if len(pair[0]) >= 4 and pair[0].strip(".,:").isalpha()]
            words += len(long)
            changed += sum(one != other for one, other in long)
    # Exchanging two equal letters changes nothing, so a little fewer than 10 % of about 7000 words (SD 0.4 %).
    assert 0.08 < changed / words < 0.112


def test_impossible_rate_is_refused() -> None:
    with pytest.raises(ConfigError, match="rate of side"):
        Rates(side=1.5)
