"""Defects: as often as asked, the truth kept, nothing left dangling."""

from __future__ import annotations

import numpy as np

from vesalius.virtual.defects import flawed
from vesalius.virtual.patient import draw_patient, split_of
from vesalius.virtual.preset import Defects, load_preset
from vesalius.virtual.study import make_study

MADE = make_study(draw_patient(0, 2), 48)


def test_nothing_is_changed_without_defects() -> None:
    assert flawed(MADE, Defects(), np.random.default_rng(0)) == MADE


def test_labels_are_turned_round_and_keep_their_truth() -> None:
    truth = {finding.concept: finding.status for finding in MADE.study.findings}
    turned = total = 0
    for number in range(200):
        study = flawed(MADE, Defects(label_noise=0.2), np.random.default_rng(number)).study
        assert set(truth) == {finding.concept for finding in study.findings}
        for finding in study.findings:
            if finding.concept != "no_finding":
                total += 1
                kept = dict(finding.attributes).get("truth")
                turned += kept is not None
                assert truth[finding.concept] == (kept or finding.status)
                assert kept is None or {kept, finding.status} == {"present", "absent"}
    # Concepts with several places are turned a little more often; 2400 draws, three standard errors are 0.025.
    assert 0.17 < turned / total < 0.26


def test_texts_or_images_are_missing_but_never_both() -> None:
    defects = Defects(missing_report=0.3, missing_image=0.3)
    texts = images = 0
    for number in range(300):
        made = flawed(MADE, defects, np.random.default_rng(number))
        assert made.study.texts or made.study.images
        assert bool(made.media) == bool(made.study.images)
        texts += not made.study.texts
        images += not made.study.images
    # Shares 0.3 and 0.7 * 0.3 of 300; three standard errors are 0.08 and 0.07.
    assert 66 <= images <= 114
    assert 42 <= texts <= 84


def test_a_shift_changes_the_test_patients_only() -> None:
    shifted = load_preset("chest", ["shift.sites.valley=1", "shift.demographics.female=0.95"])
    women = []
    for number in range(120):
        patient, plain = draw_patient(4, number, preset=shifted), draw_patient(4, number)
        if split_of(4, patient.id) == "test":
            assert patient.site.name == "valley"
            women.append(patient.body.sex == "F")
        else:
            assert (patient.body, patient.site, patient.diseases) == (plain.body, plain.site, plain.diseases)
    assert 10 < len(women) < 45
    assert sum(women) >= 0.8 * len(women)


def test_a_confounder_ties_a_finding_to_a_site() -> None:
    preset = load_preset("chest", [
        "confounder.finding=pneumothorax", "confounder.site=harbour", "confounder.agreement=0.9",
        "prevalence.pneumothorax=0.4",
    ])  # fmt: skip
    agreeing = [
        ("pneumothorax" in patient.concepts) == (patient.site.name == "harbour")
        for patient in (draw_patient(5, number, preset=preset) for number in range(500))
    ]
    # Agreement 0.9 of 500: three standard errors are 0.04.
    assert 0.86 < np.mean(agreeing) < 0.94
