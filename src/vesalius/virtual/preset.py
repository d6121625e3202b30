"""Populations as data: which findings, how often, together with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from vesalius.config import Config, merge, read_yaml, validate
from vesalius.errors import ConfigError, did_you_mean
from vesalius.registry import load, names
from vesalius.virtual.findings.base import Disease

__all__ = ["Preset", "finding", "finding_names", "load_preset", "preset_names", "read_shares"]

_FINDINGS = "vesalius.virtual.findings"
_FOLDER = Path(__file__).with_name("presets")


@dataclass(frozen=True, kw_only=True)
class Preset(Config):
    """A population: which examinations, which findings, how often, together with what."""

    exams: list[str]
    """Examinations that every patient of the population has, see `vesalius.virtual.exams`."""
    normal: float
    """Share of patients drawn without any disease before all else."""
    prevalence: dict[str, float]
    """Wanted share of all patients with each finding, causes before consequences."""
    given: dict[str, dict[str, float]] = field(default_factory=dict)
    """Share of a consequence in patients who have its cause, kept inside the wanted prevalence."""
    excluded: dict[str, list[str]] = field(default_factory=dict)
    """Findings that do not go together with what is present."""
    age: dict[str, float] = field(default_factory=dict)
    """Growth of the odds per year."""

    def __post_init__(self) -> None:
        used = [*self.prevalence, *self.given, *self.excluded, *self.age]
        for name in used:
            if name not in finding_names():
                raise ConfigError(f"unknown finding {name!r}{did_you_mean(name, finding_names())}")
        for name, share in {"normal": self.normal, **self.prevalence}.items():
            if not 0 <= share < 1:
                raise ConfigError(f"share of {name!r} is {share}, expected 0 to below 1")

    def changed(self, prevalence: Mapping[str, float]) -> Preset:
        """Return the preset with other wanted prevalences; 0 takes a finding out."""
        return replace(self, prevalence={**self.prevalence, **prevalence})

    def chance(self, concept: str, present: set[str], age_years: float) -> float:
        """Probability of `concept` in a patient who is not drawn normal, given the findings before it.

        The free part is what the causes' shares leave of the wanted prevalence.
        """
        alive = 1 - self.normal
        wanted = min(self.prevalence[concept] / alive, 0.98)
        causes = self.given.get(concept, {}) if wanted > 0 else {}
        spared = 1.0
        for cause, share in causes.items():
            spared *= 1 - min(self.prevalence.get(cause, 0.0) / alive, 0.98) * share
        free = max(1 - (1 - wanted) / spared, 0.25 * wanted)
        odds = free / (1 - free) * 2.718281828 ** (self.age.get(concept, 0.0) * (age_years - 57))
        missed = 1 - odds / (1 + odds)
        for cause in present & causes.keys():
            missed *= 1 - causes[cause]
        return 0.0 if present & set(self.excluded.get(concept, ())) else 1 - missed


@cache
def finding_names() -> tuple[str, ...]:
    """Names of all findings that can be drawn."""
    return names(_FINDINGS)


@cache
def finding(name: str) -> type[Disease]:
    """Return the disease class of a finding by name."""
    kind: type[Disease] = load(_FINDINGS, name).FINDING
    return kind


def preset_names() -> tuple[str, ...]:
    """Names of all presets."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def load_preset(name: str) -> Preset:
    """Return a preset by name; it may name a `base` whose values it changes."""
    return validate(Preset, _values(name), where=f"preset {name}")


def _values(name: str) -> dict[str, Any]:
    if name not in preset_names():
        raise ConfigError(f"unknown preset {name!r}{did_you_mean(name, preset_names())}")
    values = read_yaml(_FOLDER / f"{name}.yaml")
    base = values.pop("base", None)
    return merge(_values(base), values) if base else values


def read_shares(assignments: list[str]) -> dict[str, float]:
    """Turn ``["pneumothorax=0.3"]`` into numbers by finding."""
    shares = {}
    for text in assignments:
        name, _, number = text.partition("=")
        try:
            shares[name.strip()] = float(number)
        except ValueError:
            raise ConfigError(f"cannot read the prevalence {text!r}; expected finding=share") from None
    return shares
