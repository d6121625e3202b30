"""Institutions write differently, each always in its own way."""

from __future__ import annotations

import re
from dataclasses import fields, replace

from text_cases import chest_patient

from vesalius.virtual.sites import SITES
from vesalius.virtual.text.narrative import write_report
from vesalius.virtual.text.style import Style, draw_style, style_of
from vesalius.virtual.text.vocabulary import examples

PATIENT = chest_patient(examples("lung_nodule")[2], examples("edema")[0], examples("cardiomegaly")[1])


def texts(**habits: object) -> list[str]:
    style = replace(style_of(SITES[0]), hedging=0.0, boilerplate=0.0, **habits)  # type: ignore[arg-type]
    return [write_report(PATIENT, style=style, variant=variant).text for variant in range(120)]


def test_every_habit_differs_between_institutions() -> None:
    styles = [draw_style(number) for number in range(80)]
    for habit in fields(Style):
        assert len({getattr(style, habit.name) for style in styles}) > 1, habit.name
    assert styles == [draw_style(number) for number in range(80)]
    assert len(set(styles)) == 80


def test_sites_of_patients_keep_what_they_state() -> None:
    for site in SITES:
        style = style_of(site)
        assert (style.british, style.centimetres, style.terse) == (site.british, site.centimetres, site.terse)
        assert (style.order == "headings") == site.headings


def test_spelling_and_units() -> None:
    american, british = " ".join(texts(british=False)), " ".join(texts(british=True, centimetres=True))
    assert "edema" in american
    assert "oedema" not in american
    assert re.search(r"oedema|congestion", british)
    assert not re.search(r"(?<!o)edema", british)
    assert not re.search(r"\d mm\b", british)
    assert re.search(r"\d\.\d cm\b", british)
    assert not re.search(r"\d cm\b", american)


def test_measuring_habit() -> None:
    assert any(re.search(r"\d mm", text) for text in texts(measured="always"))
    never = texts(measured="never")
    assert sum(bool(re.search(r"\d mm", text)) for text in never) == 0


def test_first_person_only_where_the_institution_writes_so() -> None:
    assert any(" I see " in text or " I note " in text for text in texts(person="first", terse=0.0))
    assert not any(re.search(r"\bI (?:see|note|find)\b", text) for text in texts(person="passive"))


def test_order_headings_and_numbers() -> None:
    assert all("LUNGS" in text or "PARENCHYMA" in text for text in texts(order="headings", upper=True))
    numbered = texts(numbered=True)
    assert all(re.search(r"\w: 1\. ", text) for text in numbered)
    assert all("1. " not in text for text in texts(numbered=False))


def test_no_negatives_means_few() -> None:
    counts = []
    for share in (0.0, 0.5, 1.0):
        style = replace(style_of(SITES[0]), negatives=share)
        reports = [write_report(PATIENT, style=style, variant=variant) for variant in range(120)]
        counts.append(sum(fact.status == "absent" for report in reports for fact in report.facts))
    assert 1.5 * counts[0] < counts[1] < counts[2]


def test_heavy_abbreviations() -> None:
    assert any("e/o" in text for text in texts(abbreviations="heavy"))
    assert not any("e/o" in text for text in texts(abbreviations="mild"))
