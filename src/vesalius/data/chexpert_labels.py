"""The fourteen labels of CheXpert-style tables: their codes, what is done with uncertain ones, and what implies them.

Code of every such table: 1 positive, 0 negative, -1 uncertain, empty not mentioned, which is not negative: a label
that is not mentioned gives no finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal, get_args

from vesalius.data.records import Finding, Status, Study
from vesalius.errors import ConfigError, DataError, did_you_mean

__all__ = [
    "ALIASES", "COMPETITION", "LABELS", "NO_FINDING", "Policy", "code_of", "findings_of_row", "labels_of", "said_by",
    "targets",
]  # fmt: skip

Policy = Literal["zeros", "ones", "per_class", "ignore"]

LABELS = {
    "No Finding": "no_finding", "Enlarged Cardiomediastinum": "enlarged_cardiomediastinum",
    "Cardiomegaly": "cardiomegaly", "Lung Opacity": "lung_opacity", "Lung Lesion": "lung_lesion", "Edema": "edema",
    "Consolidation": "consolidation", "Pneumonia": "pneumonia", "Atelectasis": "atelectasis",
    "Pneumothorax": "pneumothorax", "Pleural Effusion": "pleural_effusion", "Pleural Other": "pleural_other",
    "Fracture": "fracture", "Support Devices": "support_devices",
}  # fmt: skip
"""The releases' names, in the order of CheXpert's files, and ours."""
NO_FINDING = "No Finding"
ALIASES = {"Airspace Opacity": "Lung Opacity"}
"""Names that some files of the releases give to a label."""
COMPETITION = ("atelectasis", "cardiomegaly", "consolidation", "edema", "pleural_effusion")
"""The five concepts that the CheXpert competition scored."""

_ONES = ("atelectasis", "edema", "pleural_effusion")
"""Concepts whose uncertain labels the policy "per_class" takes as positive."""
_STATUSES: dict[str, Status] = {"1": "present", "0": "absent", "-1": "uncertain"}
_CODES = {status: f"{code}.0" for code, status in _STATUSES.items()}
_IMPLIED_BY = {
    "enlarged_cardiomediastinum": ("cardiomegaly", "aortic_aneurysm", "lymphadenopathy", "pericardial_effusion"),
    "lung_opacity": ("edema", "consolidation", "atelectasis", "ground_glass", "lung_mass", "lung_nodule", "fibrosis",
                     "lung_metastases", "lung_cavity"),
    "lung_lesion": ("lung_mass", "lung_nodule", "lung_metastases", "lung_cavity", "granuloma"),
    "fracture": ("rib_fracture", "clavicle_fracture", "vertebral_fracture"),
    "support_devices": ("endotracheal_tube", "central_venous_catheter", "pacemaker", "chest_drain", "feeding_tube"),
}  # fmt: skip


def findings_of_row(row: Mapping[str, str | float | None], *, source: str, where: str) -> tuple[Finding, ...]:
    """Return what the label cells of a row state, in the row's order; other cells are left alone.

    Args:
        row: cells by column; a label is 1, 0, -1 (also with ".0"), or empty or None where it is not mentioned.
        source: who says so.
        where: file and line for the message.

    Raises:
        DataError: a label has another code.
    """
    found = []
    for name, value in row.items():
        concept = LABELS.get(ALIASES.get(name, name))
        text = "" if value is None else str(value).strip()
        if concept is None or not text:
            continue
        status = _STATUSES.get(text.removesuffix(".0"))
        if status is None:
            raise DataError(f"{where}: {name} is {text!r}, expected 1, 0, -1 or nothing")
        found.append(Finding(concept=concept, status=status, source=source))
    return tuple(found)


def code_of(status: Status | None) -> str:
    """Return the code of a status as the tables write it: "1.0", "0.0", "-1.0", or "" where nothing is said."""
    return "" if status is None else _CODES[status]


def said_by(study: Study, source: str) -> Study:
    """Return the study with the findings of one source only, such as one of two labellers."""
    return replace(study, findings=tuple(finding for finding in study.findings if finding.source == source))


def targets(study: Study, concepts: Iterable[str], *, policy: Policy) -> list[float]:
    """Return 1 or 0 for each concept, NaN where it is not mentioned (or uncertain, by the policy).

    Args:
        study: with findings.
        concepts: names of ours.
        policy: of uncertain labels: "zeros" and "ones" take them so; "per_class" takes atelectasis, edema and pleural
            effusion as 1 and the others as 0; "ignore" leaves them out.
    """
    if policy not in get_args(Policy):
        raise ConfigError(f"unknown policy of uncertain labels {policy!r}{did_you_mean(policy, get_args(Policy))}")
    values = {"present": 1.0, "absent": 0.0, None: float("nan")}
    uncertain = {"zeros": 0.0, "ones": 1.0, "ignore": float("nan")}
    found = []
    for concept in concepts:
        status = study.status(concept)
        if status == "uncertain":
            found.append(uncertain.get(policy, float(concept in _ONES)))
        else:
            found.append(values[status])
    return found


def labels_of(study: Study) -> dict[str, Status]:
    """Return present or absent for each of the fourteen, of a study that states finer concepts of ours.

    A label is present where the study states it or a concept that implies it (a rib fracture is a fracture); no
    finding is present where no other label but support devices is.
    """
    stated = {finding.concept for finding in study.findings if finding.status == "present"}
    found: dict[str, Status] = {}
    for name, concept in LABELS.items():
        implied = concept in stated or any(other in stated for other in _IMPLIED_BY.get(concept, ()))
        found[name] = "present" if implied else "absent"
    others = [name for name, status in found.items() if status == "present" and name != NO_FINDING]
    found[NO_FINDING] = "absent" if set(others) - {"Support Devices"} else "present"
    return found
