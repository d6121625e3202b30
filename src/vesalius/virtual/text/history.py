"""What a patient would tell: complaints, since when, what the doctor did and said. Facts first, words by language."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from vesalius.config import Config, read_yaml, validate
from vesalius.virtual.exams.base import exam
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream
from vesalius.virtual.text.spans import span

__all__ = ["History", "LayWords", "history_of", "lay_words"]

Unit = Literal["day", "week", "month", "year"]
_COURSES: dict[str, tuple[tuple[Unit, int, int], ...]] = {
    "acute": (("day", 1, 10),),
    "subacute": (("day", 5, 14), ("week", 2, 6)),
    "chronic": (("month", 2, 11), ("year", 1, 6)),
}
_TOLD = 3


@dataclass(frozen=True, kw_only=True)
class LayWords(Config):
    """Complaints in all languages and which finding makes which."""

    symptoms: dict[str, dict[str, list[str]]]
    """By complaint and language: noun phrases."""
    regions: dict[str, list[str]]
    """Complaints by region, where a finding has none of its own."""
    findings: dict[str, list[str]]
    courses: dict[str, list[str]]
    """acute, subacute, chronic: findings of each; others are subacute."""
    silent: list[str]
    """Findings that nobody complains of, such as tubes."""
    queries: dict[str, dict[str, list[str]]]
    """Sentences of a query by language and part: opening, relative, told, known, asked."""
    relatives: dict[str, dict[str, list[str]]]
    """By language and sex of the patient."""
    spellings: dict[str, list[str]] = field(default_factory=dict)
    """Ways to write the same Hindi word in Latin letters."""


@cache
def lay_words() -> LayWords:
    """Read the words of patients."""
    file = Path(__file__).parent / "phrases" / "lay.yaml"
    return validate(LayWords, read_yaml(file), where=file.name)


@dataclass(frozen=True)
class History:
    """A patient's story, the same in every language."""

    complaints: tuple[str, ...]
    """One to three keys of `LayWords.symptoms`."""
    unit: Unit
    count: int
    """Duration: so many days, weeks, months or years."""
    relative: bool
    """True where a relative asks for the patient."""
    cause: Disease | None
    """The disease that it is mostly about; None where there is none."""

    def symptoms(self, language: str) -> tuple[list[str], ...]:
        """Return the ways to name each complaint."""
        return tuple(lay_words().symptoms[name][language] for name in self.complaints)

    def duration(self, language: str) -> str:
        """Return the duration in words, such as "3 weeks"."""
        return span(self.count, self.unit, language)


def history_of(patient: Patient, *, variant: int = 0) -> History:
    """Draw the story of a patient from what it has; the most visible disease speaks loudest."""
    words = lay_words()
    rng = stream(patient.seed, patient.occasion, "history", variant)
    rolls = rng.random(8).tolist()
    told = [disease for disease in patient.diseases if disease.concept not in words.silent]
    diseases = sorted(told, key=lambda disease: -disease.visibility)
    cause = diseases[0] if diseases else None
    region = cause.region if cause else _region(patient)
    pool = [
        name
        for disease in diseases[:2]
        for name in words.findings.get(disease.concept, words.regions[disease.region])
    ]
    pool = list(dict.fromkeys(pool or words.regions[region]))
    count = 1 + int(rolls[0] * min(_TOLD, len(pool)))
    order = sorted(range(len(pool)), key=lambda number: rolls[1 + number % 4] + 0.001 * number)
    course = next((name for name, own in words.courses.items() if cause and cause.concept in own), "subacute")
    unit, low, high = _COURSES[course][int(rolls[5] * len(_COURSES[course]))]
    return History(
        tuple(pool[number] for number in order[:count]), unit, low + int(rolls[6] * (high - low + 1)),
        rolls[7] < 0.25, cause,
    )  # fmt: skip


def _region(patient: Patient) -> str:
    return exam(patient.exams[0]).REGION if patient.exams else "chest"
