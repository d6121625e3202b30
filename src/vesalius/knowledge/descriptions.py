"""Descriptions of findings: what each is, how it looks, and its look in parts; sentences of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vesalius.config import Config, read_yaml, validate
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["Description", "describe", "descriptions"]

_FILE = Path(__file__).with_name("descriptions.yaml")


@dataclass(frozen=True, kw_only=True)
class Description(Config):
    """What is written of one finding."""

    definition: str
    looks: list[str]
    """How it shows, in other words each time."""
    shape: str = ""
    density: str = ""
    """Density, signal or colour."""
    place: str = ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """Definition and looks."""
        return (self.definition, *self.looks)

    @property
    def attributes(self) -> Mapping[str, str]:
        """The look in parts; those that the finding has."""
        parts = {"shape": self.shape, "density": self.density, "place": self.place}
        return {name: text for name, text in parts.items() if text}


@cache
def descriptions() -> Mapping[str, Description]:
    """Return the descriptions of all findings."""
    return {
        concept: validate(Description, values, where=f"{_FILE.name}: {concept}")
        for concept, values in read_yaml(_FILE).items()
    }


def describe(concept: str) -> Description:
    """Return the description of a finding.

    Raises:
        ConfigError: there is none; the nearest names are given.
    """
    known = descriptions()
    if concept not in known:
        raise ConfigError(f"no description of {concept!r}{did_you_mean(concept, known)}")
    return known[concept]
