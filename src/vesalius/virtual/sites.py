"""Sites: how an institution exposes, processes and words its studies. Drawn before and without regard to disease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vesalius.errors import ConfigError, did_you_mean
from vesalius.virtual.seeds import stream

__all__ = ["SITES", "Site", "draw_site", "site_named"]


@dataclass(frozen=True, kw_only=True)
class Site:
    """One institution."""

    name: str
    distance_mm: float
    """Source to detector."""
    field_mm: float
    """Side of the detector's field in the picture."""
    grid: float
    """Share of scatter that passes the grid against none."""
    quanta: float
    """Detected quanta per mm² behind nothing, times 1e-3."""
    contrast: float
    """Steepness of the grey scale."""
    edge: float
    """Gain of the edge boost."""
    marker: str
    """"L", "R" or "" (no lead marker)."""
    border: float
    """Largest share of black collimation border."""
    headings: bool
    """Reports keep the organ systems' order with labels."""
    british: bool
    """Spelling of the reports."""
    terse: float
    """Share of telegraph style."""
    hedging: float
    """Probability of moving one step down in certainty."""
    negatives: float
    """Share of pertinent negatives that are written."""
    centimetres: bool
    """Sizes in cm instead of mm."""


SITES = (
    Site(name="north", distance_mm=1850, field_mm=362, grid=0.13, quanta=240, contrast=1.0, edge=0.30, marker="L",
         border=0.03, headings=False, british=True, terse=0.2, hedging=0.15, negatives=0.8, centimetres=False),
    Site(name="harbour", distance_mm=1800, field_mm=374, grid=0.16, quanta=150, contrast=0.93, edge=0.15, marker="R",
         border=0.0, headings=True, british=False, terse=0.6, hedging=0.05, negatives=1.0, centimetres=True),
    Site(name="valley", distance_mm=2000, field_mm=352, grid=0.12, quanta=300, contrast=1.07, edge=0.45, marker="",
         border=0.05, headings=False, british=False, terse=0.8, hedging=0.1, negatives=0.5, centimetres=False),
    Site(name="market", distance_mm=1820, field_mm=368, grid=0.15, quanta=190, contrast=0.97, edge=0.25, marker="L",
         border=0.02, headings=False, british=True, terse=0.4, hedging=0.3, negatives=0.65, centimetres=True),
)  # fmt: skip


def draw_site(seed: int, patient: str, shares: Mapping[str, float] | None = None) -> Site:
    """Draw the institution that a patient goes to, by shares or each as often."""
    rng = stream(seed, patient, "site")
    if not shares:
        return SITES[int(rng.integers(len(SITES)))]
    weight = np.cumsum([shares.get(site.name, 0.0) for site in SITES])
    return SITES[int(np.searchsorted(weight, rng.random() * weight[-1], side="right"))]


def site_named(name: str) -> Site:
    """Return a site by name."""
    for site in SITES:
        if site.name == name:
            return site
    raise ConfigError(f"unknown site {name!r}{did_you_mean(name, [site.name for site in SITES])}")
