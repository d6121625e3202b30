"""What is where: findings of a report with the anatomical landmarks that they lie at, and a matrix of both.

Landmarks and the rules by which words come to them: the vocabulary of AGXNet (Yu et al. 2022, arXiv 2205.00977) for
reports in the records of RadGraph. A landmark follows from organ, side and level, in rules of our own.

Letters: A landmarks, P findings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.data.datasets.radgraph import LABELS
from vesalius.data.records import Finding, Status
from vesalius.data.sentences import sentences
from vesalius.knowledge.entities import normal
from vesalius.knowledge.graph import report_graph
from vesalius.knowledge.vocabulary import finding_linker, names_of

__all__ = [
    "LANDMARKS",
    "UNSPECIFIED",
    "Triplet",
    "landmark",
    "report_statuses",
    "report_triplets",
    "stated_triplets",
    "triplet_matrix",
]

UNSPECIFIED, _OTHER = "unspecified", "other"
LANDMARKS = (
    "trachea", "left_hilar", "right_hilar", "hilar_unspec", "left_pleural", "right_pleural", "pleural_unspec",
    "heart_size", "heart_border", "left_diaphragm", "right_diaphragm", "diaphragm_unspec", "retrocardiac",
    "lower_left_lobe", "upper_left_lobe", "lower_right_lobe", "middle_right_lobe", "upper_right_lobe",
    "left_lower_lung", "left_mid_lung", "left_upper_lung", "left_apical_lung", "left_lung_unspec",
    "right_lower_lung", "right_mid_lung", "right_upper_lung", "right_apical_lung", "right_lung_unspec",
    "lung_apices", "lung_bases", "left_costophrenic", "right_costophrenic", "costophrenic_unspec",
    "cardiophrenic_sulcus", "mediastinal", "spine", "clavicle", "rib", "stomach", "right_atrium",
    "right_ventricle", "aorta", "svc", "interstitium", "parenchymal", "cavoatrial_junction", "cardiopulmonary",
    "pulmonary", "lung_volumes", UNSPECIFIED, _OTHER,
)  # fmt: skip
"""Names of the landmarks in the order of the published label matrices."""

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_SIDES = {"left": "left", "left-sided": "left", "right": "right", "right-sided": "right"}
_LEVELS = {
    "lower": "lower", "base": "lower", "basilar": "lower", "basal": "lower", "basis": "lower", "bibasilar": "lower",
    "bibasal": "lower", "middle": "mid", "mid": "mid", "midlung": "mid", "upper": "upper", "apex": "apical",
    "apical": "apical", "apice": "apical", "apicolateral": "apical", "biapical": "apical",
}  # fmt: skip
_SIDED = {
    "hilar": "hilar", "hilum": "hilar", "hila": "hilar", "perihilar": "hilar", "infrahilar": "hilar",
    "pleural": "pleural", "pleura": "pleural", "diaphragm": "diaphragm", "hemidiaphragm": "diaphragm",
    "costophrenic": "costophrenic",
}  # fmt: skip
"""Organs that have a landmark for each side, and one for none or both."""
_LUNG = frozenset(("lung", "hemithorax", "chest", "zone"))
_WHOLE = {
    "retrocardiac": "retrocardiac", "cardiophrenic": "cardiophrenic_sulcus", "mediastinal": "mediastinal",
    "cardiomediastinal": "mediastinal", "mediastinum": "mediastinal", "cardiomediastinum": "mediastinal",
    "spine": "spine", "spinal": "spine", "vertebral": "spine", "clavicle": "clavicle", "clavicular": "clavicle",
    "rib": "rib", "stomach": "stomach", "abdomen": "stomach", "abdominal": "stomach", "aorta": "aorta",
    "aortic": "aorta", "svc": "svc", "interstitium": "interstitium", "interstitial": "interstitium",
    "parenchymal": "parenchymal", "parenchyma": "parenchymal", "cavoatrial": "cavoatrial_junction",
    "cardiopulmonary": "cardiopulmonary",
}  # fmt: skip
_TEXTS_KEPT = 1 << 15
_MOST_WORDS = 120
"""The time to read a sentence grows with the square of its words and more."""


class Triplet(NamedTuple):
    """A finding, where it lies, and whether it is there."""

    concept: str
    landmark: str
    status: Status


def landmark(words: str | Collection[str]) -> str:
    """Return the landmark that words mean, such as "left_lower_lung" for "base of the left lung".

    "unspecified" where there is no word, "other" where the words mean none of `LANDMARKS`.
    """
    if not isinstance(words, str):
        words = " ".join(words)
    said = {normal(word) for word in _WORD.findall(words)}
    if not said:
        return UNSPECIFIED
    sides = {_SIDES[word] for word in said if word in _SIDES}
    side = sides.pop() if len(sides) == 1 else ""
    levels = {_LEVELS[word] for word in said if word in _LEVELS}
    level = levels.pop() if len(levels) == 1 else ""
    return _of_organ(said, side) or _of_lung(said, side, level) or _OTHER


def _of_organ(said: Collection[str], side: str) -> str:
    """Return the landmark of an organ that is not the lung, or nothing."""
    if "trachea" in said or "tracheal" in said:
        return "trachea"
    for word, organ in _SIDED.items():
        if word in said:
            return f"{side}_{organ}" if side else f"{organ}_unspec"
    if "heart" in said or "cardiac" in said:
        return "heart_border" if "border" in said else "heart_size"
    for chamber, names in (("atrium", ("atrium", "atrial")), ("ventricle", ("ventricle", "ventricular"))):
        if side == "right" and any(name in said for name in names):
            return f"right_{chamber}"
    return next((place for word, place in _WHOLE.items() if word in said), "")


def _of_lung(said: Collection[str], side: str, level: str) -> str:
    """Return the landmark of a lobe, of a part of a lung, or of both lungs, or nothing."""
    if "lingula" in said or "lingular" in said:
        return "upper_left_lobe"
    lobe = {"lower": "lower", "mid": "middle", "upper": "upper"}.get(level, "")
    if "lobe" in said and side and lobe and f"{lobe}_{side}_lobe" in LANDMARKS:
        return f"{lobe}_{side}_lobe"
    if level and side:
        return f"{side}_{level}_lung"
    if level in ("lower", "apical"):
        return "lung_bases" if level == "lower" else "lung_apices"
    if level:
        return ""
    if side and (set(said) <= {*_SIDES, "side", *_LUNG} or _LUNG & set(said)):
        return f"{side}_lung_unspec"
    if "lung" in said or "volume" in said:
        return "lung_volumes"
    return "pulmonary" if "pulmonary" in said else ""


def report_triplets(text: str) -> tuple[Triplet, ...]:
    """Read the findings of a report that have a name in the vocabulary, each with the landmarks of its clause.

    The words of a finding's own name count as where it lies, so that a left pleural effusion is at the left pleura.
    A sentence of more than `_MOST_WORDS` words is read in pieces.
    """
    found: dict[Triplet, None] = {}
    for sentence in sentences(text):
        words = sentence.split()
        for first in range(0, len(words), _MOST_WORDS):
            found |= dict.fromkeys(_sentence_triplets(" ".join(words[first : first + _MOST_WORDS])))
    return tuple(found)


@lru_cache(maxsize=_TEXTS_KEPT)
def _sentence_triplets(text: str) -> tuple[Triplet, ...]:
    if not finding_linker().places(text):
        return ()
    entities = {entity.key: entity for entity in report_graph("", text).entities}
    found: dict[Triplet, None] = {}
    for entity in entities.values():
        concept = _concepts().get(_written(entity.tokens))
        status = LABELS.get(entity.label)
        if concept is None or status is None:
            continue
        places = [entities[key].tokens for kind, key in entity.relations if kind == "located_at"]
        for place in places or [""]:
            own = [word for word in _WORD.findall(entity.tokens) if landmark(word) != _OTHER]
            found[Triplet(concept, landmark([*own, place]), status)] = None
    return tuple(found)


def report_statuses(text: str) -> dict[str, Status]:
    """Say of each finding that a report names whether it is there: present over uncertain, uncertain over absent."""
    order: tuple[Status, ...] = ("absent", "uncertain", "present")
    found: dict[str, Status] = {}
    for concept, _, status in report_triplets(text):
        found[concept] = max(found.get(concept, status), status, key=order.index)
    return found


def stated_triplets(findings: Iterable[Finding]) -> tuple[Triplet, ...]:
    """Return what findings of a study state; one without anatomy and side is at "unspecified"."""
    return tuple(
        Triplet(
            finding.concept, landmark([finding.anatomy, finding.laterality.replace("midline", "")]), finding.status
        )
        for finding in findings
    )


def triplet_matrix(triplets: Iterable[Triplet], concepts: Sequence[str]) -> NDArray[np.int8]:
    """Lay triplets out as a matrix (A, P): 1 present, 0 absent, −1 not mentioned or uncertain; presence wins.

    Args:
        triplets: those of other findings are left out.
        concepts: names of the columns.
    """
    columns = {concept: number for number, concept in enumerate(concepts)}
    matrix = np.full((len(LANDMARKS), len(concepts)), -1, dtype=np.int8)
    for concept, place, status in triplets:
        if concept in columns and status != "uncertain":
            cell = (_ROWS[place], columns[concept])
            matrix[cell] = max(int(matrix[cell]), int(status == "present"))
    return matrix


_ROWS: Mapping[str, int] = {name: number for number, name in enumerate(LANDMARKS)}


@cache
def _concepts() -> Mapping[str, str]:
    """Finding of each written name; where two share a name, the one that the linker means."""
    found: dict[str, str] = {}
    for concept in finding_linker().names:
        for name in names_of(concept):
            found.setdefault(_written(name), concept)
    return found


def _written(name: str) -> str:
    return " ".join(normal(word) for word in _WORD.findall(name))
