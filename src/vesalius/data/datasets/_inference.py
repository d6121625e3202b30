"""Natural language inference in JSON Lines: a premise, a hypothesis, and what the first says of the second.

A pair is a study without pictures: text one is the premise, text two the hypothesis, both of the role "note", and a
dialogue of the type "choice" asks for the label, so that whatever answers questions can be scored. Order matters: the
premise is first. Labels are words; numbers are given to them by whoever trains. Pairs of one premise must not be
parted: the premise stands for the patient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from vesalius.data.datasets._pictures import Case
from vesalius.data.datasets._tables import json_lines
from vesalius.data.records import Dialogue, Provenance, Study, Text, Turn
from vesalius.errors import DataError

__all__ = ["LABELS", "pair", "read_pairs", "virtual_pairs"]

LABELS = ("entailment", "neutral", "contradiction")
_QUESTION = (
    "Premise: {premise}\nHypothesis: {hypothesis}\nDoes the premise entail the hypothesis, contradict it, or neither?"
)


def read_pairs(path: Path, *, key: str, part: str, source: str, origin: Provenance) -> Iterator[Study]:
    """Yield the pairs of a file.

    Args:
        path: JSON Lines with gold_label, sentence1 (the premise), sentence2 and mostly a name.
        key: field of the name; a row without it is named by its line.
        part: of the data set; begins the studies' names, since names count within a file.
        source: who labelled.
        origin: of the studies.

    Raises:
        DataError: a field is missing, or a label is none of the three.
    """
    for number, row in json_lines(path, ("gold_label", "sentence1", "sentence2")):
        label = row["gold_label"]
        if label not in LABELS:
            raise DataError(f"{path}, line {number}: label {label!r}, expected one of {', '.join(LABELS)}")
        yield pair(
            f"{part}/{row.get(key, number)}", str(row["sentence1"]), str(row["sentence2"]), label, source, origin
        )


def pair(name: str, premise: str, hypothesis: str, label: str, source: str, origin: Provenance) -> Study:
    """Return the study of a pair; the words stand as in the file."""
    question = _QUESTION.format(premise=premise.strip(), hypothesis=hypothesis.strip())
    return Study(
        id=name, patient=f"premise-{hashlib.sha256(premise.strip().encode()).hexdigest()[:16]}",
        texts=(Text(text=premise, role="note"), Text(text=hypothesis, role="note")),
        dialogues=(Dialogue(id=name, turns=(Turn(role="user", text=question),), answer=label, options=LABELS,
                            answer_type="choice", source=source),),
        provenance=origin,
    )  # fmt: skip


def virtual_pairs(case: Case) -> list[tuple[str, str, str]]:
    """Return premise, hypothesis and label about a finding that a virtual patient has, or about one that is absent.

    A finding that is there by name follows from the finding with its side, but not the other way round: the pair
    stands both ways, with two labels.
    """
    present = [part for part in case.study.findings if part.status == "present" and part.concept != "no_finding"]
    absent = [
        part.concept for part in case.study.findings if part.status == "absent" and part.concept != "no_finding"
    ]
    other = absent[-1].replace("_", " ")
    who = f"{round(case.study.age_years or 0)}-year-old patient {case.patient}"
    if not present:
        denied = absent[0].replace("_", " ")
        premise = f"no {denied} is seen in {who}"
        return [
            (premise, f"there is no {denied}", "entailment"),
            (premise, f"there is {denied}", "contradiction"),
            (premise, f"there is {other}", "neutral"),
        ]
    name = present[0].concept.replace("_", " ")
    side = f" of the {present[0].laterality} side" if present[0].laterality in ("left", "right") else ""
    premise, weaker = f"new {name}{side} in {who}", f"{who} has {name}"
    return [
        (premise, weaker, "entailment"),
        (weaker, premise, "neutral"),
        (premise, f"there is no {name}", "contradiction"),
        (premise, f"there is {other}", "neutral"),
    ]
