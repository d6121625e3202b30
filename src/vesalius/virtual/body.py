"""The healthy body: a small frozen description drawn from a seed, before any disease.

Distances are mm in the trunk frame; factors multiply the reference adult (man, 40 years, 175 cm, 75 kg).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from vesalius.virtual.seeds import stream

__all__ = ["SIDES", "Body", "Side", "draw_body", "draw_clipped"]

Side = Literal["right", "left"]
SIDES: tuple[Side, Side] = ("right", "left")


@dataclass(frozen=True, kw_only=True)
class Body:
    """What varies between healthy adults, and the posture of the exposure."""

    sex: Literal["F", "M"]
    age_years: float
    height_cm: float
    bmi: float
    """kg/m²."""
    width: float
    """Transverse factor of the trunk."""
    depth: float
    """Antero-posterior factor of the trunk."""
    stature: float
    """Cranio-caudal factor of the trunk."""
    inspiration: float
    """0 expiration, 1 full inspiration."""
    dome_offset_mm: tuple[float, float]
    """Height of the right and left dome against the rule of breathing."""
    cardiothoracic_ratio: float
    """Of the healthy heart on the film."""
    heart_tilt: float
    """Change of the z direction of the heart's long axis; 0 is the reference, above lies more transverse."""
    aorta: float
    """Radius factor of the aorta."""
    unfolding_mm: float
    """How far the descending aorta bows to the left."""
    fat_mm: tuple[float, float, float]
    """Subcutaneous fat in front, at the side and behind."""
    breast_mm: float
    """Depth of the breast; 0 in men."""
    bone: float
    """Mineral factor."""
    rib_slope: float
    """Factor of how far ribs descend to the front."""
    scapula_mm: float
    """How far the scapulae are rolled outwards."""
    clavicle_mm: float
    """Lift of the shoulders."""
    scoliosis_mm: float
    """Sideways bow of the thoracic spine at T8; positive to the left."""
    rotation: float
    """Radians about the long axis."""
    stomach: tuple[float, float, float]
    """Half width and half height of the gas bubble in mm (0 where there is no gas) and the share of fluid."""
    lung_density: float
    """g/cm³."""

    @property
    def weight_kg(self) -> float:
        """Body weight."""
        return self.bmi * (self.height_cm / 100) ** 2


def draw_clipped(rng: np.random.Generator, mean: float, sd: float, deviations: float = 2.2) -> float:
    """Draw from a normal distribution cut at `deviations`, by clipping one draw, so that streams stay aligned."""
    return float(mean + sd * np.clip(rng.standard_normal(), -deviations, deviations))


def draw_body(
    seed: int, patient: str, *, female_share: float = 0.5, mean_age: float = 57.0, age_sd: float = 17.0
) -> Body:
    """Draw the healthy body of a patient of a population with this share of women and these ages in years."""
    rng = stream(seed, patient, "body")
    female, age, height, bmi = _draw_habitus(rng, female_share, (mean_age, age_sd))
    common = draw_clipped(rng, 0.0, 0.03)
    front = max(4.0, (1.1 if female else 0.8) * (bmi - 11))
    breast = draw_clipped(rng, 34, 10) + 0.9 * (bmi - 25)
    gas = rng.random() < 0.85
    bubble = (draw_clipped(rng, 24, 7), draw_clipped(rng, 14, 5))
    return Body(
        sex="F" if female else "M",
        age_years=age,
        height_cm=height,
        bmi=bmi,
        width=(0.93 if female else 1.0) * (1 + common + draw_clipped(rng, 0, 0.035)),
        depth=(0.94 if female else 1.0) * (1 + common + draw_clipped(rng, 0, 0.045) + 0.0012 * (age - 40)),
        stature=height / 175 * (1 + draw_clipped(rng, 0, 0.02)),
        inspiration=float(1 - 0.5 * rng.beta(1.3, 4.0)),
        dome_offset_mm=(draw_clipped(rng, 0, 5), draw_clipped(rng, 0, 5)),
        cardiothoracic_ratio=float(np.clip(draw_clipped(rng, 0.425, 0.032) + 0.0006 * (age - 55), 0.34, 0.485)),
        heart_tilt=draw_clipped(rng, 0.015 * (bmi - 24.5), 0.06),
        aorta=draw_clipped(rng, 1.0, 0.08) * (1 + 0.0035 * (age - 40)),
        unfolding_mm=max(0.0, draw_clipped(rng, 0.22 * (age - 45), 3.5)),
        fat_mm=(front, 0.8 * front, 0.95 * front * draw_clipped(rng, 1.0, 0.12)),
        breast_mm=float(np.clip(breast, 14, 62)) if female else 0.0,
        bone=draw_clipped(rng, 1.0, 0.08) * (1 - 0.0045 * max(0.0, age - 40)) * (0.92 if female else 1.0),
        rib_slope=draw_clipped(rng, 1.0, 0.12),
        scapula_mm=draw_clipped(rng, 6, 9),
        clavicle_mm=draw_clipped(rng, 0, 6),
        scoliosis_mm=draw_clipped(rng, 0, 3.5),
        rotation=draw_clipped(rng, 0, 0.022),
        stomach=(*(bubble if gas else (0.0, 0.0)), float(rng.uniform(0.1, 0.7))),
        lung_density=draw_clipped(rng, 0.14, 0.012),
    )


class _Habitus(NamedTuple):
    female: bool
    age_years: float
    height_cm: float
    bmi: float


def _draw_habitus(rng: np.random.Generator, female_share: float, ages: tuple[float, float]) -> _Habitus:
    female = bool(rng.random() < female_share)
    age = float(np.clip(rng.normal(*ages), 20, 93))
    height = draw_clipped(rng, 162 if female else 175, 6.5)
    return _Habitus(female, age, height, float(np.clip(25.5 * np.exp(0.17 * rng.standard_normal()), 17, 42)))
