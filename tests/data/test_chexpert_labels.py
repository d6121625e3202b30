"""Codes of CheXpert-style tables, and policies of uncertain labels."""

from __future__ import annotations

import math

import pytest

from vesalius.data.chexpert_labels import LABELS, Policy, code_of, findings_of_row, labels_of, said_by, targets
from vesalius.data.records import Finding, Study
from vesalius.errors import ConfigError, DataError

ROW = {
    "study_id": "5", "Atelectasis": "-1.0", "Cardiomegaly": "-1", "Airspace Opacity": "1", "Edema": "0.0",
    "Pneumonia": "", "Fracture": None, "Pneumothorax": -1.0, "Pleural Effusion": 1,
}  # fmt: skip


def study(*findings: Finding) -> Study:
    return Study(id="s", patient="p", findings=findings)


def test_what_is_empty_is_not_said() -> None:
    found = findings_of_row(ROW, source="x", where="table, line 2")
    assert [(finding.concept, finding.status) for finding in found] == [
        ("atelectasis", "uncertain"), ("cardiomegaly", "uncertain"), ("lung_opacity", "present"),
        ("edema", "absent"), ("pneumothorax", "uncertain"), ("pleural_effusion", "present"),
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"table, line 2: Edema is '2', expected 1, 0, -1"):
        findings_of_row({"Edema": "2"}, source="x", where="table, line 2")


@pytest.mark.parametrize(
    ("policy", "expected"), [("zeros", (0, 0, 0)), ("ones", (1, 1, 0)), ("per_class", (1, 0, 0))]
)  # fmt: skip
def test_policies_of_uncertain_labels(policy: Policy, expected: tuple[int, ...]) -> None:
    found = study(*findings_of_row(ROW, source="x", where="t"))
    assert targets(found, ("atelectasis", "cardiomegaly", "edema"), policy=policy) == list(expected)
    assert math.isnan(targets(found, ["pneumonia"], policy=policy)[0])


def test_uncertain_labels_left_out() -> None:
    found = study(*findings_of_row(ROW, source="x", where="t"))
    assert math.isnan(targets(found, ["atelectasis"], policy="ignore")[0])
    with pytest.raises(ConfigError, match="did you mean 'zeros'"):
        targets(found, ["edema"], policy="zero")  # type: ignore[arg-type]


def test_one_source_of_two() -> None:
    both = study(Finding(concept="edema", source="a"), Finding(concept="edema", status="absent", source="b"))
    assert both.status("edema") == "present"
    assert said_by(both, "b").status("edema") == "absent"


def test_finer_concepts_imply_labels() -> None:
    found = labels_of(study(Finding(concept="rib_fracture"), Finding(concept="pacemaker")))
    assert len(found) == len(LABELS)
    assert {name for name, status in found.items() if status == "present"} == {"Fracture", "Support Devices"}
    # Devices alone leave no finding true, as the labellers have it.
    assert labels_of(study(Finding(concept="chest_drain")))["No Finding"] == "present"
    assert [code_of(status) for status in ("present", "absent", "uncertain", None)] == ["1.0", "0.0", "-1.0", ""]
