"""What an examination is. Each is one file of this folder, found by its name, with:

`REGION`: whose findings it shows (see `Disease.region`); `SIZE`: rows of its pictures where none is asked for;
`render(patient, size)`: its pictures, the same for the same patient and size. Randomness comes from
``stream(patient.seed, patient.occasion, "exam", NAME, purpose)`` for what is new at each visit (noise, pose,
protocol) and from the patient's own stream for what stays; never from anything that a disease has drawn.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol, cast

from vesalius.errors import ConfigError
from vesalius.registry import load, names
from vesalius.virtual.patient import Patient
from vesalius.virtual.picture import Picture

__all__ = ["Exam", "exam", "exam_names", "sized"]

_EXAMS = "vesalius.virtual.exams"


class Exam(Protocol):
    """The module of an examination."""

    REGION: str
    SIZE: int

    def render(self, patient: Patient, size: int) -> tuple[Picture, ...]:
        """Return the pictures of a patient."""
        ...


@cache
def exam_names() -> tuple[str, ...]:
    """Names of all examinations."""
    return names(_EXAMS)


@cache
def exam(name: str) -> Exam:
    """Return an examination by name."""
    return cast(Exam, load(_EXAMS, name))


def sized(size: int, low: int, high: int) -> int:
    """Return `size`, or say that it is out of range."""
    if not low <= size <= high:
        raise ConfigError(f"image size {size}: expected {low} to {high} pixels")
    return size
