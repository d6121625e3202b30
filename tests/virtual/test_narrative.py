"""Reports say what is there, deny what is not, vary, and can be read back."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import numpy as np
import pytest
from virtual_patients import drawn, reference_patient

from vesalius.virtual.findings.lung_nodule import LungNodule
from vesalius.virtual.patient import Patient, draw_patient
from vesalius.virtual.sites import SITES
from vesalius.virtual.text.extraction import extract
from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.narrative import Report, write_report
from vesalius.virtual.text.wording import unsided

REPORTS = 1000


@pytest.fixture(scope="module")
def patients() -> list[Patient]:
    return [draw_patient(31, i) for i in range(REPORTS)]


@pytest.fixture(scope="module")
def reports(patients: list[Patient]) -> list[Report]:
    return [write_report(patient) for patient in patients]


def test_extractor_returns_the_facts_of_every_report(reports: list[Report]) -> None:
    for report in reports:
        for section in (report.findings, report.impression):
            stated = tuple(fact for sentence in section for fact in sentence.facts)
            assert extract(" ".join(sentence.text for sentence in section)) == stated


def test_every_sentence_alone_states_its_facts(reports: list[Report]) -> None:
    for report in reports[:200]:
        for sentence in (*report.findings, *report.impression):
            assert extract(sentence.text) == sentence.facts


def test_facts_are_true(patients: list[Patient], reports: list[Report]) -> None:
    for patient, report in zip(patients, reports, strict=True):
        for fact in report.facts:
            if fact.concept == "no_finding":
                assert not patient.diseases
            elif fact.status == "absent":
                assert fact.concept not in patient.concepts
            else:
                same = [disease for disease in patient.diseases if disease.concept == fact.concept]
                assert same
                sides = {disease.laterality for disease in same}
                assert fact.laterality in {"", "bilateral", *sides}
                assert not fact.severity or fact.severity in {disease.severity for disease in same}
                sites = {disease.anatomy for disease in same}
                assert not fact.anatomy or fact.anatomy in sites | {unsided(site) for site in sites}
                looks = [dict(disease.attributes) for disease in same]
                assert all(word in {look.get(name) for look in looks} for name, word in fact.attributes)


def test_plain_findings_are_always_reported(patients: list[Patient], reports: list[Report]) -> None:
    told = 0
    for patient, report in zip(patients, reports, strict=True):
        stated = {fact.concept for fact in report.facts if fact.status != "absent"}
        seen = {disease.concept for disease in patient.diseases if disease.visibility >= 3}
        assert seen <= stated
        told += len(seen)
    assert told > REPORTS


def test_hardly_visible_findings_are_mostly_missed_and_never_stated_plainly() -> None:
    nodule = LungNodule(laterality="left", anatomy="left upper lobe", severity="small", diameter_mm=7.0,
                        margin="smooth", consistency="ground-glass", place=(0.5, 0.0, 0.6))  # fmt: skip
    assert nodule.visibility < 3
    status = []
    for number in range(300):
        facts = write_report(replace(reference_patient(nodule), id=f"p{number}")).facts
        status += [next((fact.status for fact in facts if fact.concept == "lung_nodule"), "silent")]
    # Missed with probability 0.7: 210 of 300, SD 7.9.
    assert 180 <= status.count("silent") <= 240
    assert set(status) == {"silent", "uncertain"}


def test_pertinent_negatives_stand_in_sick_reports_too(patients: list[Patient], reports: list[Report]) -> None:
    negatives = {True: [], False: []}
    for patient, report in zip(patients, reports, strict=True):
        negatives[bool(patient.diseases)].append(len(re.findall(r"\b[Nn]o\b", report.findings_text)))
    sick, healthy = np.array(negatives[True]), np.array(negatives[False])
    # Probability that a normal report has more "no" than a sick one (ties half): reports differ, but not by this.
    wins = (healthy[:, None] > sick[None, :]).mean() + 0.5 * (healthy[:, None] == sick[None, :]).mean()
    assert wins < 0.65
    assert (sick > 0).mean() > 0.5


def test_impressions_are_not_copied_from_the_findings(reports: list[Report]) -> None:
    copied = [
        re.sub(r"^\d\. ", "", sentence.text) in {part.text for part in report.findings}
        for report in reports for sentence in report.impression
        if any(fact.status == "present" and fact.concept != "no_finding" for fact in sentence.facts)
    ]  # fmt: skip
    assert len(copied) > REPORTS / 2
    assert np.mean(copied) < 0.15


def test_two_thousand_reports_of_one_fact_set_are_all_distinct(patients: list[Patient]) -> None:
    patient = next(patient for patient in patients if len(patient.diseases) >= 3 and plain(patient))
    texts = {write_report(patient, variant=i).text for i in range(2000)}
    # 2000 draws of n equally likely reports collide 2000² / 2n times: with none, n is above 10^6 by far.
    assert len(texts) == 2000


def test_one_fact_set_has_more_than_a_million_reports(patients: list[Patient]) -> None:
    """Count sentences that are drawn independently of one another; their product bounds the reports from below."""
    for site in SITES:
        patient = replace(next(p for p in patients if len(p.concepts) == 3 and plain(p)), site=site)
        wordings: dict[tuple[str, str], set[str]] = {}
        for variant in range(400):
            report = write_report(patient, variant=variant)
            for section, sentences in (("findings", report.findings), ("impression", report.impression)):
                for sentence in sentences:
                    text = re.sub(r"^\d\. |^[A-Z][A-Za-z ]+: ", "", sentence.text)
                    for fact in sentence.facts[:1]:
                        if fact.status == "present":
                            wordings.setdefault((section, fact.concept), set()).add(text)
        counts = [len(texts) for texts in wordings.values()]
        assert len(counts) == 6
        assert np.prod(counts) > 1e6


def test_certainty_of_one_finding_varies_and_its_facts_stay(patients: list[Patient]) -> None:
    patient = next(patient for patient in patients if len(patient.concepts) == 2)
    facts = {
        frozenset(f.concept for f in write_report(patient, variant=i).facts if f.status != "absent")
        for i in range(50)
    }
    assert len(facts) <= 4


def plain(patient: Patient) -> bool:
    return all(disease.visibility > 6 for disease in patient.diseases)


def test_toggling_a_finding_keeps_the_words_of_the_others() -> None:
    edema, mass = drawn("edema", 3), drawn("lung_mass", 4)
    both = write_report(reference_patient(*edema, *mass))
    one = write_report(reference_patient(*mass))
    said = [s.text for s in one.findings if any(f.concept == "lung_mass" and f.status != "absent" for f in s.facts)]
    assert said
    assert said[0] in [s.text for s in both.findings]


def test_site_style_does_not_follow_disease() -> None:
    counts = np.zeros((2, len(SITES)))
    for number in range(2000):
        patient = draw_patient(8, number)
        counts[int(bool(patient.diseases)), SITES.index(patient.site)] += 1
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    # Chi-square with 3 degrees of freedom: 16.3 at p = 0.001.
    assert ((counts - expected) ** 2 / expected).sum() < 16.3


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("No pleural effusion, nodule or rib fractures identified.",
         (Fact("pleural_effusion", "absent"), Fact("lung_nodule", "absent"), Fact("rib_fracture", "absent"))),
        ("1. Possible small left pleural effusion.",
         (Fact("pleural_effusion", "uncertain", "left", "", "small", certainty="possible"),)),
        ("Lungs: There is a 1.4 cm nodule in the RUL.",
         (Fact("lung_nodule", "present", "right", "right upper lobe", "", 14.0),)),
        ("The pleural spaces are clear.", (Fact("pleural_effusion", "absent"), Fact("pneumothorax", "absent"))),
        ("PA view of the chest.", ()),
        ("Severe pulmonary oedema is present.", (Fact("edema", "present", "", "", "severe"),)),
        ("Neither cardiomegaly nor pneumothorax is seen.",
         (Fact("cardiomegaly", "absent"), Fact("pneumothorax", "absent"))),
    ],
)  # fmt: skip
def test_extractor_on_single_sentences(text: str, facts: tuple[Fact, ...]) -> None:
    assert extract(text) == facts


@pytest.mark.slow
def test_reports_are_fast(patients: list[Patient]) -> None:
    start = time.process_time()
    for patient in patients:
        write_report(patient)
    # 10^5 in 20 s is 0.2 ms each; twice that on a shared core.
    assert (time.process_time() - start) / REPORTS < 0.0004
