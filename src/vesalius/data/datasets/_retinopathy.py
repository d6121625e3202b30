"""Grades of diabetic retinopathy by the international scale: 0 none to 4 proliferative."""

from __future__ import annotations

from vesalius.data.records import Finding, Measurement, Study
from vesalius.errors import DataError

__all__ = ["GRADE", "UNGRADABLE", "grade_of", "graded"]

GRADE = "diabetic retinopathy grade"
UNGRADABLE = 5
"""A picture that cannot be graded: it states nothing of the disease."""
_SEVERITIES = ("", "mild", "moderate", "severe", "proliferative")
_CONCEPT = "diabetic_retinopathy"


def graded(
    grade: int, *, image: str, where: str, source: str = "label file"
) -> tuple[tuple[Finding, ...], Measurement]:
    """Return what a grade states, and the grade itself.

    Args:
        grade: 0 to 4, or `UNGRADABLE`.
        image: id of the picture.
        where: file and line, for the message.
        source: who says so.

    Raises:
        DataError: no grade of the scale.
    """
    measured = Measurement(name=GRADE, value=float(grade), unit="1", image=image, source=source)
    if grade == UNGRADABLE:
        return (Finding(concept="ungradable", source=source),), measured
    if not 0 <= grade < len(_SEVERITIES):
        raise DataError(f"{where}: grade {grade}; expected 0 (none) to 4 (proliferative), or 5 (ungradable)")
    if grade == 0:
        return (Finding(concept=_CONCEPT, status="absent", source=source),), measured
    return (Finding(concept=_CONCEPT, severity=_SEVERITIES[grade], source=source),), measured


def grade_of(study: Study) -> int:
    """Return the grade that a virtual study states by its severity."""
    for finding in study.findings:
        if finding.concept == _CONCEPT and finding.status == "present":
            return next((n for n, word in enumerate(_SEVERITIES) if n and word in finding.severity), 1)
    return 0
