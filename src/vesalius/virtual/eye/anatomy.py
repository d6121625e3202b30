"""The healthy eye of a patient, drawn before and without regard to disease.

Frame of the retina: origin at the fovea, x towards the nose, y upwards, mm; the same for right and left eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vesalius.virtual.body import SIDES, Body, Side, draw_clipped
from vesalius.virtual.eye.vessels import Vessels, grow
from vesalius.virtual.patient import Patient
from vesalius.virtual.seeds import stream

__all__ = ["Disc", "Eye", "draw_eye", "examined_eye"]


@dataclass(frozen=True, kw_only=True)
class Disc:
    """The head of the optic nerve."""

    x: float
    y: float
    width: float
    """Horizontal diameter, mm."""
    height: float
    """Vertical diameter, mm."""
    cup: float
    """Height of the cup against that of the disc."""
    notch: float = 0.0
    """How far the cup reaches into the rim at the notch, as a share of the rim."""
    notch_angle: float = -1.4
    """Radians from nasal towards upwards; -1.4 is below, a little temporal."""
    crescent_mm: float = 0.0
    """Width of the pale crescent on the temporal side."""

    @property
    def cup_height(self) -> float:
        """Vertical diameter of the cup, mm."""
        return self.cup * self.height

    @property
    def cup_width(self) -> float:
        """Horizontal diameter of the cup, mm."""
        return self.cup * self.width

    @property
    def cup_x(self) -> float:
        """The cup lies a little temporal of the disc's middle."""
        return self.x - 0.02 * (1 - self.cup) * self.width

    @property
    def cup_y(self) -> float:
        """And a little above it, so that the lower rim is the widest."""
        return self.y + 0.015 * (1 - self.cup) * self.height

    @property
    def diameter(self) -> float:
        """Mean diameter, mm."""
        return (self.width + self.height) / 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Eye:
    """One eye."""

    side: Side
    age_years: float
    pigment: float
    """0 light, 1 dark."""
    tigroid: float
    """How plainly the vessels of the choroid show, 0 to 1."""
    sheen: float
    """Reflex of the nerve fibres, strong in the young, 0 to 1."""
    macular_pigment: float
    """Depth of the dark spot at the fovea."""
    disc: Disc
    vessels: Vessels
    nerve_fibre: float = 1.0
    """Factor of the nerve fibre and ganglion cell layers."""
    fibre_defects: tuple[tuple[float, float, float], ...] = ()
    """Wedges without nerve fibres: middle angle at the disc (radians, as `notch_angle`), half width, depth 0 to 1."""
    swelling: tuple[tuple[float, float, float, float], ...] = ()
    """Thickened retina: x, y and radius in mm, and the added thickness in µm."""
    retina: float = 1.0
    """Factor of the thickness of the other layers."""
    choroid_um: float = 285.0
    """Thickness of the choroid under the fovea."""
    veil: float = 0.0
    """Share of light that a cloudy lens scatters, 0 to 1."""
    yellow: float = 0.0
    """Yellow of the lens, 0 to 1."""


def examined_eye(body: Body) -> Side:
    """Which eye the visit is about.

    It follows from the body, so that diseases and examinations agree on it and a patient keeps it when the diseases
    are taken out.
    """
    return SIDES[int(stream(round(body.height_cm * 1e6), "examined eye").integers(2))]


def draw_eye(patient: Patient) -> Eye:
    """Draw the healthy eye of a patient."""
    rng = stream(patient.seed, patient.id, "eye")
    age = patient.body.age_years
    disc = _draw_disc(rng)
    common = draw_clipped(rng, 0.0, 0.5)
    return Eye(
        side=examined_eye(patient.body), age_years=age, pigment=float(np.clip(rng.beta(1.4, 1.6), 0, 1)),
        tigroid=float(np.clip(rng.beta(1.5, 3.0) + 0.004 * (age - 55), 0, 1)),
        sheen=float(np.clip(0.9 - 0.011 * age + 0.15 * common, 0.05, 0.9)),
        macular_pigment=draw_clipped(rng, 1.0, 0.22),
        disc=disc, vessels=grow(rng, (disc.x, disc.y), float(np.exp(0.25 * rng.standard_normal()))),
        nerve_fibre=draw_clipped(rng, 1.0, 0.07) * (1 - 0.0015 * (age - 55)), retina=draw_clipped(rng, 1.0, 0.035),
        choroid_um=float(np.clip(draw_clipped(rng, 285, 65) - 1.5 * (age - 50), 110, 420)),
        yellow=float(np.clip(0.012 * (age - 45) + 0.06 * common, 0, 0.5)),
    )  # fmt: skip


def _draw_disc(rng: np.random.Generator) -> Disc:
    """Draw a disc; large ones have large cups."""
    size = draw_clipped(rng, 0.0, 1.0)
    return Disc(
        x=draw_clipped(rng, 4.5, 0.25), y=draw_clipped(rng, 0.5, 0.15), width=1.76 + 0.14 * size,
        height=1.92 + 0.15 * size + draw_clipped(rng, 0, 0.06),
        cup=float(np.clip(draw_clipped(rng, 0.38, 0.11) + 0.06 * size, 0.12, 0.64)),
    )  # fmt: skip
