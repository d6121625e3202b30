"""Populations as data: which findings, how often, together with what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from vesalius.config import Config, merge, overrides, read_yaml, validate
from vesalius.errors import ConfigError, did_you_mean
from vesalius.registry import load, names
from vesalius.virtual.findings.base import Disease
from vesalius.virtual.sites import SITES

__all__ = ["Preset", "finding", "finding_names", "load_preset", "preset_names"]

_FINDINGS = "vesalius.virtual.findings"
_FOLDER = Path(__file__).with_name("presets")


@dataclass(frozen=True, kw_only=True)
class Demographics(Config):
    """Who comes."""

    female: float = 0.5
    """Share of women."""
    age_years: float = 57.0
    """Mean."""
    age_sd: float = 17.0


@dataclass(frozen=True, kw_only=True)
class FollowUp(Config):
    """Who comes again, and what happens meanwhile."""

    share: float = 0.0
    """Of patients with more than one visit."""
    visits: int = 3
    """Most visits of one patient; two is the least of those who come again."""
    interval_days: float = 30.0
    """Median of the log-normal time between two visits."""
    arising: float = 0.15
    """Chance at each further visit that a new finding has come."""


@dataclass(frozen=True, kw_only=True)
class Defects(Config):
    """What is wrong or missing in the records of a population."""

    label_noise: float = 0.0
    """Share of findings whose label is turned round; the truth stays in the attribute "truth"."""
    missing_report: float = 0.0
    """Share of studies without texts."""
    missing_image: float = 0.0
    """Share of studies without images: texts alone."""


@dataclass(frozen=True, kw_only=True)
class Confounder(Config):
    """A finding that goes together with a site by habit and not by nature."""

    finding: str = ""
    site: str = ""
    agreement: float = 0.5
    """Probability that a patient is of the site just when the finding is present; 0.5 is no dependence."""


@dataclass(frozen=True, kw_only=True)
class Preset(Config):
    """A population: which examinations, which findings, how often, together with what; or a mixture of others."""

    exams: list[str] = field(default_factory=list)
    """Examinations that every patient of the population has, see `vesalius.virtual.exams`."""
    normal: float = 0.0
    """Share of patients drawn without any disease before all else."""
    prevalence: dict[str, float] = field(default_factory=dict)
    """Wanted share of all patients with each finding, causes before consequences."""
    given: dict[str, dict[str, float]] = field(default_factory=dict)
    """Share of a consequence in patients who have its cause, kept inside the wanted prevalence."""
    excluded: dict[str, list[str]] = field(default_factory=dict)
    """Findings that do not go together with what is present."""
    age: dict[str, float] = field(default_factory=dict)
    """Growth of the odds per year."""
    mixture: dict[str, float] = field(default_factory=dict)
    """Shares of other presets, in place of exams and prevalence."""
    texts: list[str] = field(default_factory=lambda: ["report"])
    """Forms of text, with a language where it is not English: report, caption, summary:zh, query:ar, …"""
    sites: dict[str, float] = field(default_factory=dict)
    """Shares of institutions; equal where none is given."""
    demographics: Demographics = field(default_factory=Demographics)
    follow_up: FollowUp = field(default_factory=FollowUp)
    defects: Defects = field(default_factory=Defects)
    confounder: Confounder = field(default_factory=Confounder)
    shift: dict[str, Any] = field(default_factory=dict)
    """What is different for the test patients: settings of this kind, such as ``{sites: {valley: 1}}``."""

    def __post_init__(self) -> None:
        _require_known("finding", [*self.prevalence, *self.given, *self.excluded, *self.age], finding_names())
        _require_known("site", self.sites, [site.name for site in SITES])
        _require_known("preset", self.mixture, preset_names())
        if self.confounder.finding:
            _require_known("finding", [self.confounder.finding], self.prevalence)
            _require_known("site", [self.confounder.site], [site.name for site in SITES])
        if bool(self.exams) == bool(self.mixture):
            raise ConfigError("a preset has either exams with their findings or a mixture of other presets")
        shares = {"normal": self.normal, **self.prevalence, **asdict(self.defects)}
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise ConfigError(f"share of {name!r} is {share}, expected 0 to below 1")

    @property
    def at_test(self) -> Preset:
        """The population that the test patients come from."""
        if not self.shift:
            return self
        return validate(Preset, merge({**asdict(self), "shift": {}}, self.shift), where="shift")

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


def load_preset(name: str, settings: Iterable[str] = ()) -> Preset:
    """Return a preset by name, with some settings changed, such as ``["prevalence.pneumothorax=0.3"]``.

    Raises:
        ConfigError: unknown names, here or in the settings; the nearest are named.
    """
    return _load(name, tuple(settings))


@cache
def _load(name: str, settings: tuple[str, ...]) -> Preset:
    return validate(Preset, merge(_values(name), overrides(settings)), where=f"preset {name}")


def _values(name: str) -> dict[str, Any]:
    if name not in preset_names():
        raise ConfigError(f"unknown preset {name!r}{did_you_mean(name, preset_names())}")
    return read_yaml(_FOLDER / f"{name}.yaml")


def _require_known(kind: str, used: Iterable[str], known: Iterable[str]) -> None:
    names_known = tuple(known)
    for name in used:
        if name not in names_known:
            raise ConfigError(f"unknown {kind} {name!r}{did_you_mean(name, names_known)}")
