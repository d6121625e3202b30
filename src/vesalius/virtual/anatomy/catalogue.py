"""Names of structures: what each belongs to, its side and its code, from the files of `structures`, one a region."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vesalius.config import Config, read_yaml, validate
from vesalius.data.records import Laterality
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["Structure", "ancestors", "structure", "structures"]

_FOLDER = Path(__file__).with_name("structures")


@dataclass(frozen=True, kw_only=True)
class Structure(Config):
    """A named structure."""

    parent: str = ""
    """What it is a part of; empty at the top."""
    side: Laterality = ""
    code: str = ""
    """SNOMED CT as in the DICOM context groups, without the side; empty where they have none."""


@cache
def structures(region: str = "") -> dict[str, Structure]:
    """Return the structures of a region by name, or of all regions."""
    known = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
    if region and region not in known:
        raise ConfigError(f"unknown region {region!r}{did_you_mean(region, known)}")
    found = {}
    for name in [region] if region else known:
        for key, values in read_yaml(_FOLDER / f"{name}.yaml").items():
            found[key] = validate(Structure, values, where=f"{name}.yaml, {key}")
    return found


def structure(name: str) -> Structure:
    """Return a structure by name."""
    known = structures()
    if name not in known:
        raise ConfigError(f"unknown structure {name!r}{did_you_mean(name, known)}")
    return known[name]


def ancestors(name: str) -> tuple[str, ...]:
    """Return what a structure is a part of, from its parent to the top."""
    found = []
    while parent := structure(name).parent:
        found.append(parent)
        name = parent
    return tuple(found)
