"""Comparison with the study before: thresholds by hand, and what reports say of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from text_cases import chest_patient

from vesalius.virtual.findings.base import Disease
from vesalius.virtual.findings.lung_nodule import LungNodule
from vesalius.virtual.findings.pleural_effusion import PleuralEffusion
from vesalius.virtual.text.comparison import compare, pair
from vesalius.virtual.text.extraction import extract
from vesalius.virtual.text.grammar import Fact, common
from vesalius.virtual.text.narrative import write_report
from vesalius.virtual.text.style import draw_style, style_of
from vesalius.virtual.text.vocabulary import examples

NODULE = LungNodule(laterality="right", anatomy="right upper lobe", severity="medium-sized", diameter_mm=20.0,
                    margin="smooth", consistency="solid", place=(0.5, 0.0, 0.6))  # fmt: skip
EFFUSION = PleuralEffusion(laterality="left", anatomy="pleural space", severity="moderate", volume_ml=500.0)


def sized(diameter_mm: float) -> LungNodule:
    return replace(NODULE, diameter_mm=diameter_mm)


@pytest.mark.parametrize(
    ("now_mm", "before_mm", "kind"),
    [
        (20, 20, "stable"),
        (21, 20, "stable"),  # + 5 %
        (19, 20, "stable"),  # - 5 %
        (22, 20, "slightly_increased"),  # + 10 %
        (23, 20, "slightly_increased"),  # + 15 %
        (12, 9, "slightly_increased"),  # + 33 %, but 3 mm only
        (24, 20, "slightly_increased"),  # + 20 %, but 4 mm only
        (25, 20, "increased"),  # + 25 % and 5 mm
        (17, 20, "slightly_decreased"),  # - 15 %
        (15, 20, "slightly_decreased"),  # - 25 %
        (14, 20, "decreased"),  # - 30 %
    ],
)
def test_change_of_a_size(now_mm: float, before_mm: float, kind: str) -> None:
    change = compare(sized(now_mm), sized(before_mm))
    assert (change.kind, change.old_mm, change.new_mm) == (kind, before_mm, now_mm)


def test_change_without_a_size_follows_the_grade() -> None:
    larger = replace(EFFUSION, severity="large", volume_ml=1400.0)
    assert compare(larger, EFFUSION).kind == "worsened"
    assert compare(EFFUSION, larger).kind == "improved"
    assert compare(EFFUSION, EFFUSION).kind == "stable"
    # Visibility of 1.2 + 500 / 55 = 10.3 against 1.2 + 650 / 55 = 13.0: more than 10 % within one grade.
    assert compare(replace(EFFUSION, volume_ml=650.0), EFFUSION).kind == "slightly_worsened"
    assert compare(EFFUSION, None).kind == "new"


def test_pairs_are_the_same_disease_at_the_same_place() -> None:
    other = replace(NODULE, margin="spiculated", place=(0.2, 0.1, 0.9), diameter_mm=12.0)
    grown = replace(other, diameter_mm=19.0)
    assert pair([grown], [NODULE, other]) == [(grown, other), (None, NODULE)]
    assert pair([EFFUSION], [NODULE]) == [(EFFUSION, None), (None, NODULE)]


def changes(now: tuple[Disease, ...], before: tuple[Disease, ...], **style: object) -> list[Fact]:
    patient, previous = chest_patient(*now), chest_patient(*before)
    found = []
    for variant in range(80):
        chosen = replace(style_of(patient.site), hedging=0.0, **style)  # type: ignore[arg-type]
        report = write_report(patient, previous=previous, days=40, variant=variant, style=chosen)
        assert extract(report.findings_text) == tuple(fact for part in report.findings for fact in part.facts)
        found += [fact for fact in report.facts if fact.change]
    return found


def test_grown_nodule_is_told_with_its_numbers() -> None:
    facts = [fact for fact in changes((sized(25),), (sized(20),)) if fact.status != "absent"]
    assert {fact.change for fact in facts} == {"increased"}
    # 25 against 20 mm: 5 mm, 25 %.
    assert {fact.change_mm for fact in facts} == {None, 5.0}
    assert {fact.change_percent for fact in facts} == {None, 25.0}
    assert {fact.previous_mm for fact in facts} == {None, 20.0}


def test_shrunk_nodule_has_negative_numbers() -> None:
    facts = [fact for fact in changes((sized(14),), (sized(20),)) if fact.status != "absent"]
    assert {fact.change for fact in facts} == {"decreased"}
    assert {fact.change_mm for fact in facts} == {None, -6.0}
    assert {fact.change_percent for fact in facts} == {None, -30.0}


def test_resolved_finding_is_denied_at_its_place_and_never_called_present() -> None:
    facts = changes((), (NODULE,))
    assert facts
    assert {(fact.concept, fact.status, fact.change) for fact in facts} == {("lung_nodule", "absent", "resolved")}
    assert {fact.anatomy for fact in facts} == {"right upper lobe"}


def test_no_new_finding_denies_nothing_that_is_there() -> None:
    facts = [fact for fact in changes((NODULE,), (NODULE,)) if fact.change == "new"]
    assert facts
    assert all(fact.status == "absent" and fact.concept == "lung_nodule" for fact in facts)
    assert extract("No new nodules.") == (Fact("lung_nodule", "absent", change="new"),)
    assert extract("No change in a right pleural effusion.") == (
        Fact("pleural_effusion", "present", "right", change="stable"),
    )
    assert extract("Left pleural effusion is no longer seen.") == (
        Fact("pleural_effusion", "absent", "left", change="resolved"),
    )


def test_new_finding_is_called_new() -> None:
    facts = changes((NODULE, examples("cardiomegaly")[0]), (NODULE,))
    assert {fact.change for fact in facts if fact.concept == "cardiomegaly"} == {"new"}


def test_institution_that_does_not_compare_says_nothing_of_it() -> None:
    assert not changes((sized(25),), (sized(20),), priors=False)


def test_every_kind_of_change_has_words() -> None:
    ways = {"increased", "decreased", "worsened", "improved"}
    kinds = {"new", "stable", "resolved"} | ways | {f"slightly_{way}" for way in ways}
    assert kinds <= set(common().frames)
    assert all(len(common().frames[kind]) >= 3 for kind in kinds)
    assert {draw_style(number).priors for number in range(40)} == {True, False}
