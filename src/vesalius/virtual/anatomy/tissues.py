"""Values of tissues in every modality that is made from solids, from `tissues.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from vesalius.config import Config, read_yaml, validate

__all__ = ["PHASES", "Tissue", "tissues"]

PHASES = ("native", "arterial", "portal", "late")
"""Contrast phases of CT, in the order of `Tissue.hu`."""


class Magnetic(NamedTuple):
    """What a tissue is to magnetic resonance at 1.5 T."""

    t1_ms: float
    t2_ms: float
    t2_star_ms: float
    density: float
    """Of protons, against CSF."""
    diffusion: float
    """ADC in 1e-3 mm²/s."""


class Acoustic(NamedTuple):
    """What a tissue is to ultrasound."""

    echo_db: float
    """Of scatter, against liver; -60 for none."""
    attenuation: float
    """dB/cm/MHz."""
    impedance: float
    """MRayl."""


@dataclass(frozen=True, kw_only=True)
class _Row(Config):
    hu: list[float]
    hu_sd: float
    mr: list[float]
    us: list[float]
    suv: list[float]


@dataclass(frozen=True)
class Tissue:
    """One tissue."""

    name: str
    hu: tuple[float, ...]
    """CT number in each phase of `PHASES`."""
    hu_sd: float
    """Between people."""
    magnetic: Magnetic
    acoustic: Acoustic
    suv: tuple[float, float]
    """Mean and deviation of FDG uptake."""


@cache
def tissues() -> dict[str, Tissue]:
    """Return all tissues by name."""
    file = Path(__file__).with_name("tissues.yaml")
    found = {}
    for name, values in read_yaml(file).items():
        row = validate(_Row, values, where=f"{file.name}, {name}")
        found[name] = Tissue(
            name, tuple(row.hu), row.hu_sd, Magnetic(*row.mr), Acoustic(*row.us), (row.suv[0], row.suv[1])
        )
    return found
