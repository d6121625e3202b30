"""A virtual patient: a small frozen description from which everything is rendered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from vesalius.errors import ConfigError
from vesalius.virtual.body import Body, draw_body
from vesalius.virtual.findings.base import Case, Disease, choose
from vesalius.virtual.preset import Preset, finding, load_preset
from vesalius.virtual.seeds import identifier, stream
from vesalius.virtual.sites import SITES, Site, draw_site, site_named

__all__ = ["Acquisition", "Patient", "draw_acquisition", "draw_patient", "split_of"]


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
    texts: tuple[str, ...] = ("report",)
    """Forms of text that are written, see `Preset.texts`."""
    visit: int = 0
    day: float = 0.0
    """Days since the first visit."""

    def __post_init__(self) -> None:
        for disease in self.diseases:
            if disease.sex and disease.sex != self.body.sex:
                who = "a woman" if self.body.sex == "F" else "a man"
                raise ConfigError(f"patient {self.id}: {who} cannot have {disease.concept}: the organ is not there")

    @property
    def occasion(self) -> str:
        """Name of this visit for streams of noise and of acquisition; the patient's own at the first visit."""
        return f"{self.id}/{self.visit}" if self.visit else self.id

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
    if population.shift and split_of(seed, name) == "test":
        population = population.at_test
    if population.mixture:
        return draw_patient(seed, index, preset=choose(stream(seed, name, "mixture"), population.mixture))
    who = population.demographics
    body = draw_body(seed, name, female_share=who.female, mean_age=who.age_years, age_sd=who.age_sd)
    diseases = _draw_diseases(seed, name, body, population)
    return Patient(
        seed=seed, id=name, body=body, site=_draw_site(seed, name, population, diseases),
        acquisition=draw_acquisition(seed, name), diseases=diseases, exams=tuple(population.exams),
        texts=tuple(population.texts),
        asked=tuple(concept for concept in population.prevalence if finding(concept).sex in ("", body.sex)),
    )  # fmt: skip


def split_of(seed: int, patient: str) -> str:
    """Return the split of a patient where splits differ in their population: 70 % train, 10 % val, 20 % test."""
    place = float(stream(seed, patient, "split").random())
    return "train" if place < 0.7 else "val" if place < 0.8 else "test"


def _draw_site(seed: int, name: str, preset: Preset, diseases: tuple[Disease, ...]) -> Site:
    habit = preset.confounder
    if not habit.finding:
        return draw_site(seed, name, preset.sites)
    present = any(disease.concept == habit.finding for disease in diseases)
    if present == bool(stream(seed, name, "confounder").random() < habit.agreement):
        return site_named(habit.site)
    others = {site.name: preset.sites.get(site.name, 1.0) for site in SITES if site.name != habit.site}
    return draw_site(seed, name, others)


def draw_acquisition(seed: int, occasion: str) -> Acquisition:
    """Draw how an exposure is made; `occasion` is the patient's, see `Patient.occasion`."""
    rng = stream(seed, occasion, "acquisition")
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
        if finding(concept).sex not in ("", body.sex):
            continue
        rng = stream(seed, name, "disease", concept)
        present = {disease.concept for disease in diseases}
        if rng.random() < preset.chance(concept, present, body.age_years):
            diseases += finding(concept).draw(rng, Case(body, diseases))
    return diseases
