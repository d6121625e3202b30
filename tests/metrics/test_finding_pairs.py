"""Errors of a report by paired findings: each kind by hand, and more errors score lower."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from vesalius.metrics.entities import entity_scores, rules_graph
from vesalius.metrics.finding_pairs import green_rules, pair_findings
from vesalius.metrics.label_f1 import label_f1, label_statistics
from vesalius.metrics.observations import observation_classes
from vesalius.virtual.patient import draw_patient
from vesalius.virtual.text.grammar import Fact
from vesalius.virtual.text.narrative import write_report

SENTENCES = (
    "Small left pleural effusion is unchanged.", "Right pneumothorax.", "Moderate cardiomegaly.",
    "Mild edema.", "Fracture of a left rib.", "No consolidation.",
)  # fmt: skip
REFERENCE = " ".join(SENTENCES)


@pytest.mark.parametrize(
    ("old", "new", "kind", "matched"),
    [
        ("", "", "", 6),
        ("Right pneumothorax.", "", "missing", 5),
        ("Right pneumothorax.", "Right pneumothorax. Left lung nodule.", "false", 6),
        ("Right pneumothorax.", "Left pneumothorax.", "place", 5),
        ("Moderate cardiomegaly.", "Severe cardiomegaly.", "severity", 5),
        (" is unchanged", "", "comparison_omitted", 5),
        ("Right pneumothorax.", "New right pneumothorax.", "comparison_added", 5),
        ("No consolidation.", "", "", 5),  # a denial that is left out is no error
    ],
)
def test_each_kind_of_error(old, new, kind, matched):
    found = green_rules(REFERENCE.replace(old, new) if old else REFERENCE, REFERENCE)
    assert found.matched == matched
    assert found.errors == bool(kind)
    assert not kind or getattr(found, kind) == 1
    assert found.score == pytest.approx(matched / (matched + bool(kind)))


def test_a_flipped_denial_is_false_or_missing():
    assert green_rules(REFERENCE.replace("No consolidation", "Consolidation"), REFERENCE).false == 1
    assert green_rules(REFERENCE.replace("Mild edema", "No edema"), REFERENCE).missing == 1


def test_nothing_to_match_scores_nothing():
    assert green_rules("", "").score == 0
    assert green_rules("No edema.", "No edema.").score == 1


def test_pairs_are_the_best_agreeing_ones():
    left = Fact("pleural_effusion", "present", "left", severity="small")
    right = Fact("pleural_effusion", "present", "right", severity="large")
    found = pair_findings([right, left], [left, right])
    assert (found.matched, found.errors) == (2, 0)
    assert pair_findings([left, replace(right, severity="small")], [left, right]).severity == 1


CHANGES = {
    "omit": [("Right pneumothorax.", ""), ("Mild edema.", ""), ("Fracture of a left rib.", "")],
    "invent": [("Mild edema.", "Mild edema. Lung mass."), ("Right pneu", "Ground-glass opacities. Right pneu"),
               ("Fracture", "Atelectasis. Fracture")],
    "flip": [("Right pneumothorax", "No pneumothorax"), ("Mild edema", "No edema"), ("No cons", "Small cons")],
    "side": [("Small left", "Small right"), ("Right pneu", "Left pneu"), ("a left rib", "a right rib")],
    "severity": [("Moderate card", "Severe card"), ("Mild ed", "Severe ed"), ("Small left", "Large left")],
    "comparison": [(" is unchanged", ""), ("Right pneu", "New right pneu"), ("Fracture", "New fracture")],
}  # fmt: skip
SEEN_BY = {
    "green_rules": set(CHANGES), "entities": set(CHANGES) - {"comparison"}, "labels": {"omit", "invent", "flip"},
}  # fmt: skip
"""Kinds of errors that each stand-in is made to see; labels know neither side nor severity."""


def _scores(written: str) -> dict[str, float]:
    classes = observation_classes([REFERENCE, written])
    f1 = label_f1(label_statistics(classes[:1], classes[1:], uncertain="negative").sum(axis=0))
    entities = entity_scores([rules_graph(written)], [rules_graph(REFERENCE)])
    return {"green_rules": green_rules(written, REFERENCE).score, "entities": float(entities[0, 2]),
            "labels": float(f1.micro)}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_more_errors_score_lower(kind):
    written, found = REFERENCE, [_scores(REFERENCE)]
    for old, new in CHANGES[kind]:
        assert old in written
        written = written.replace(old, new)
        found.append(_scores(written))
    for name, kinds in SEEN_BY.items():
        scores = [one[name] for one in found]
        assert scores[0] == 1.0
        if kind in kinds:
            assert all(later < earlier for earlier, later in pairwise(scores)), (name, scores)
        else:
            assert all(later <= earlier for earlier, later in pairwise(scores)), (name, scores)


def test_a_new_wording_of_the_same_facts_beats_another_patients_report():
    same, other = [], []
    for number in range(60):
        patient = draw_patient(41, number)
        reference = write_report(patient).text
        same.append(green_rules(write_report(patient, variant=1).text, reference).score)
        other.append(green_rules(write_report(draw_patient(42, number)).text, reference).score)
    assert np.mean(same) > 0.95
    assert np.mean(other) < 0.6
