"""What a degradation is: a model of acquisition with one strength, and the registry of all of them.

Planes are (H, W, C) in display units, 0 black and 1 white of the window, not clipped. A stack is (D, H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BANDS", "GROUPS", "KNOWN", "LEVELS", "PSNR_BANDS", "Degradation", "Kind", "Level", "Plane", "Scene",
    "degradation", "severity_of_strength",
]  # fmt: skip

Plane = NDArray[np.float32]
Level = Literal["none", "mild", "moderate", "severe"]
Kind = Literal["noise", "blur", "artefact", "photometric", "geometric", "local"]
LEVELS: tuple[Level, ...] = ("none", "mild", "moderate", "severe")
BANDS: Mapping[str, tuple[float, float]] = {
    "none": (0.0, 0.0), "mild": (0.15, 0.35), "moderate": (0.4, 0.65), "severe": (0.7, 1.0),
}  # fmt: skip
"""Strengths of each severity; what lies between two bands has no severity."""
PSNR_BANDS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "noise": {"mild": (30, 36), "moderate": (24, 29), "severe": (16, 23)},
    "blur": {"mild": (38, 46), "moderate": (31, 37), "severe": (24, 30)},
    "artefact": {"mild": (31, 44), "moderate": (27, 31), "severe": (20, 27)},
}
"""dB in which a severity must fall, by kind; other kinds keep to the bands of strength."""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "CT": ("ct",), "MR": ("mr",), "DX": ("radiograph",), "CR": ("radiograph",), "MG": ("radiograph",),
    "US": ("ultrasound",), "PT": ("pet",), "ES": ("video", "colour"), "XC": ("video", "colour"),
    "DMS": ("colour",), "SM": ("microscopy", "slide", "stain", "colour"), "GM": ("microscopy",),
    "OP": ("fundus", "colour"), "OPT": ("oct",),
}  # fmt: skip
"""Groups of degradations beside the common ones, by DICOM code of the modality."""
_KNOTS = (0.0, 0.25, 0.525, 0.85)
"""Strengths at which the parameters have their stated values: none and the middles of the bands."""


class Scene(NamedTuple):
    """What a model may know of the plane that it works on."""

    spacing_mm: tuple[float, float]
    """Of rows and columns; NaN where it is not known."""
    low: float
    """Value of the picture at display 0."""
    high: float
    """Value of the picture at display 1."""
    units: str
    plane: int
    """Which slice or frame this is."""
    length: int
    slice_mm: float
    """Distance of slices; NaN where there is one."""


Model = Callable[[Plane, Mapping[str, float], Scene, np.random.Generator], Plane]


@dataclass(frozen=True, kw_only=True)
class Degradation:
    """One model of acquisition or reconstruction."""

    name: str
    groups: tuple[str, ...]
    """Groups that it fits, see `GROUPS`; "common" fits all."""
    kind: Kind
    domain: str
    """Where the physics acts: object, detector, sinogram, k-space, reconstruction, optics, slide or display."""
    words: tuple[str, ...]
    """How a reader says it."""
    levels: Mapping[str, tuple[float, float, float, float]]
    """Of each parameter the value at none, mild, moderate and severe."""
    model: Model
    fresh: bool
    """True where every slice or frame has noise of its own."""
    whole: bool
    """True where it works on the stack and not on single planes."""

    def parameters(self, strength: float) -> dict[str, float]:
        """Return the parameters at a strength, between the stated values; geometrically where all are positive."""
        return {name: _between(values, strength) for name, values in self.levels.items()}


KNOWN: dict[str, Degradation] = {}
"""All degradations by name, in the order in which they were stated."""


def degradation(
    *groups: str, kind: Kind, domain: str, words: tuple[str, ...], fresh: bool = False, whole: bool = False,
    **levels: tuple[float, float, float, float],
) -> Callable[[Model], Model]:  # fmt: skip
    """Register the function under its own name; `levels` are its parameters at none, mild, moderate and severe."""

    def register(model: Model) -> Model:
        name = model.__name__
        KNOWN[name] = Degradation(
            name=name, groups=groups, kind=kind, domain=domain, words=words, levels=levels, model=model, fresh=fresh,
            whole=whole,
        )  # fmt: skip
        return model

    return register


def severity_of_strength(strength: float) -> str:
    """Return the severity whose band holds a strength; empty between the bands."""
    return next((level for level, (low, high) in BANDS.items() if low <= strength <= high), "")


def _between(values: tuple[float, float, float, float], strength: float) -> float:
    geometric = min(values) > 0
    points = np.log(values) if geometric else np.asarray(values, np.float64)
    if strength > _KNOTS[-1]:
        slope = (points[3] - points[2]) / (_KNOTS[3] - _KNOTS[2])
        place = float(points[3] + slope * (strength - _KNOTS[3]))
    else:
        place = float(np.interp(strength, _KNOTS, points))
    return float(np.exp(place)) if geometric else place
