"""How an institution writes: one draw of every habit, fixed for all its reports and independent of disease."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import Site

__all__ = ["Style", "draw_style", "style_of"]


@dataclass(frozen=True, kw_only=True)
class Style:
    """The habits of one institution."""

    order: Literal["systems", "urgency", "headings"]
    """By organ system, most urgent first, or by system with a heading each."""
    terse: float
    """Share of telegraph style."""
    person: Literal["passive", "first"]
    """"There is …" or now and then "I see …"."""
    british: bool
    centimetres: bool
    measured: Literal["always", "above 10 mm", "never"]
    abbreviations: Literal["none", "mild", "heavy"]
    hedging: float
    """Probability of moving one step down in certainty."""
    negatives: float
    """Share of pertinent negatives that are written."""
    upper: bool
    """Headings in capitals."""
    sections: int
    """Which names the two sections have, see `Common.sections`."""
    numbered: bool
    """Items of the impression carry numbers."""
    priors: bool
    """Compares with the study before; else says nothing of it."""
    boilerplate: float
    """Share of reports with a sentence on technique, comparison or correlation."""
    advises: float
    """Share of impressions that end with advice, where there is any for the finding."""
    repeats: float
    """Share of impressions that repeat a negative."""


@cache
def style_of(site: Site) -> Style:
    """Return how a site writes: what `Site` states, and the rest drawn by its name."""
    rng = stream(0, "style", site.name)
    drawn = _draw(rng.random(8).tolist())
    return Style(
        order="headings" if site.headings else "urgency" if site.terse > 0.5 else "systems", terse=site.terse,
        person=drawn.person, british=site.british, centimetres=site.centimetres, measured="always",
        abbreviations="mild" if site.terse > 0.7 else "none", hedging=site.hedging, negatives=site.negatives,
        upper=drawn.upper, sections=drawn.sections, numbered=site.terse > 0.7, priors=True, boilerplate=0.35,
        advises=0.3, repeats=0.25,
    )  # fmt: skip


def draw_style(seed: int) -> Style:
    """Draw the style of institution number `seed`; every habit of `Style` may differ."""
    return _draw(stream(seed, "style").random(16).tolist())


def _draw(rolls: list[float]) -> Style:
    """Turn numbers of 0 to 1 into habits; those beyond the eighth have a middle value where they are not given."""
    rolls = [*rolls, *[0.5] * (16 - len(rolls))]
    return Style(
        person="first" if rolls[0] < 0.2 else "passive", upper=rolls[1] < 0.4, sections=int(rolls[2] * 4),
        order=("systems", "urgency", "headings")[int(rolls[3] * 3)], terse=round(rolls[4], 2),
        british=rolls[5] < 0.5, centimetres=rolls[6] < 0.4, numbered=rolls[7] < 0.5,
        measured="always" if rolls[8] < 0.6 else "above 10 mm" if rolls[8] < 0.85 else "never",
        abbreviations="none" if rolls[9] < 0.45 else "mild" if rolls[9] < 0.8 else "heavy",
        hedging=round(0.4 * rolls[10], 2), negatives=(1.0, 0.6, 0.0)[min(2, int(rolls[11] * 2.4))],
        priors=rolls[12] < 0.8, boilerplate=round(0.7 * rolls[13], 2), repeats=round(0.5 * rolls[14], 2),
        advises=round(0.8 * rolls[15], 2),
    )  # fmt: skip
