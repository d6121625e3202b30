"""A virtual patient: a small frozen description from which everything is rendered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from vesalius.virtual.body import Body, draw_body
from vesalius.virtual.findings.base import Case, Disease
from vesalius.virtual.preset import Preset, finding, load_preset
from vesalius.virtual.seeds import identifier, stream
from vesalius.virtual.sites import Site, draw_site

__all__ = ["Acquisition", "Patient", "draw_patient"]


class Acquisition(NamedTuple):
    """How one exposure is made: drawn before any disease."""

    shift_x_mm: float
    shift_z_mm: float
    zoom: float
    dose: float
    border: tuple[float, float, float, float]
    """Black collimation border as shares of the picture: left, right, top, bottom."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Who it is, where it was examined and what it has."""

    seed: int
    id: str
    body: Body
    site: Site
    acquisition: Acquisition
    diseases: tuple[Disease, ...]
    exams: tuple[str, ...] = ("chest_radiograph",)
    """Examinations of this visit, see `vesalius.virtual.exams`."""
    asked: tuple[str, ...] = ()
    """Findings of the population: what is stated as present or absent."""

    @property
    def concepts(self) -> frozenset[str]:
        """Names of the findings that are present."""
        return frozenset(disease.concept for disease in self.diseases)

    def without(self, *concepts: str) -> Patient:
        """Return the same patient without some findings: body, exposure and noise stay."""
        return replace(self, diseases=tuple(part for part in self.diseases if part.concept not in concepts))

    def having(self, diseases: Iterable[Disease]) -> Patient:
        """Return the same patient with other diseases."""
        return replace(self, diseases=tuple(diseases))


def draw_patient(seed: int, index: int = 0, *, preset: Preset | str = "chest") -> Patient:
    """Draw patient number `index` of the population of `seed`.

    Order: body, site, acquisition, diseases (causes first). Each has a stream of its own.
    """
    population = load_preset(preset) if isinstance(preset, str) else preset
    name = identifier(seed, "patient", index)
    body = draw_body(seed, name)
    return Patient(
        seed=seed, id=name, body=body, site=draw_site(seed, name), acquisition=_draw_acquisition(seed, name),
        diseases=_draw_diseases(seed, name, body, population), exams=tuple(population.exams),
        asked=tuple(population.prevalence),
    )  # fmt: skip


def _draw_acquisition(seed: int, name: str) -> Acquisition:
    rng = stream(seed, name, "acquisition")
    shift = rng.normal(0, (6.0, 7.0))
    border = tuple(float(share) for share in rng.random(4) ** 2)
    return Acquisition(
        float(shift[0]), float(shift[1]), float(rng.uniform(0.95, 1.06)), float(rng.uniform(0.7, 1.4)),
        (border[0], border[1], border[2], border[3]),
    )  # fmt: skip


def _draw_diseases(seed: int, name: str, body: Body, preset: Preset) -> tuple[Disease, ...]:
    if stream(seed, name, "normal").random() < preset.normal:
        return ()
    diseases: tuple[Disease, ...] = ()
    for concept in preset.prevalence:
        rng = stream(seed, name, "disease", concept)
        present = {disease.concept for disease in diseases}
        if rng.random() < preset.chance(concept, present, body.age_years):
            diseases += finding(concept).draw(rng, Case(body, diseases))
    return diseases
