"""Kinds of nuclei of a tissue section: size, shape, chromatin.

Areas are of the stained section; see the table of nuclear features in the literature on Nottingham grading: mean
area 35 µm² in normal epithelium, 45, 65 and 110 µm² in carcinoma of grade 1, 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vesalius.virtual.cells.stamp import Array, Outlines, make_outlines

__all__ = ["KINDS", "Nuclei", "NucleusKind", "draw_nuclei", "tumour_kind"]


@dataclass(frozen=True, kw_only=True)
class NucleusKind:
    """What nuclei of one kind have in common."""

    name: str
    area_um2: float
    cv: float
    ratio: float
    """Long over short axis."""
    density: float
    """Haematoxylin as optical density along its vector."""
    clump: float
    """Depth of the chromatin's texture."""
    rough: float = 0.02
    """Waves of the outline."""
    rim: float = 0.15
    """How much darker the membrane is."""
    nucleolus_um: float = 0.0
    """Diameter; 0 where none is seen."""


KINDS = {
    kind.name: kind
    for kind in (
        NucleusKind(name="epithelium", area_um2=35, cv=0.15, ratio=1.6, density=0.58, clump=0.14),
        NucleusKind(name="basal cell", area_um2=24, cv=0.2, ratio=2.4, density=0.72, clump=0.1),
        NucleusKind(name="secretory cell", area_um2=30, cv=0.14, ratio=1.12, density=0.5, clump=0.12),
        NucleusKind(name="lymphocyte", area_um2=30, cv=0.14, ratio=1.08, density=0.9, clump=0.22, rim=0.05),
        NucleusKind(name="plasma cell", area_um2=30, cv=0.12, ratio=1.1, density=0.8, clump=0.4),
        NucleusKind(name="neutrophil", area_um2=9, cv=0.2, ratio=1.2, density=0.95, clump=0.1),
        NucleusKind(name="fibroblast", area_um2=26, cv=0.3, ratio=4.6, density=0.62, clump=0.15),
        NucleusKind(name="smooth muscle", area_um2=34, cv=0.25, ratio=5.0, density=0.55, clump=0.12),
        NucleusKind(name="endothelium", area_um2=17, cv=0.25, ratio=4.5, density=0.7, clump=0.1),
        NucleusKind(name="hepatocyte", area_um2=44, cv=0.2, ratio=1.05, density=0.42, clump=0.2, nucleolus_um=1.5),
        NucleusKind(name="squamous cell", area_um2=40, cv=0.2, ratio=1.35, density=0.5, clump=0.15),
        NucleusKind(name="centroblast", area_um2=58, cv=0.25, ratio=1.15, density=0.4, clump=0.3, rough=0.04,
                    nucleolus_um=1.2),
        NucleusKind(name="mitosis", area_um2=20, cv=0.15, ratio=3.2, density=1.35, clump=0.1, rough=0.09, rim=0.0),
        NucleusKind(name="apoptotic body", area_um2=9, cv=0.4, ratio=1.1, density=1.3, clump=0.05, rim=0.0),
    )
}  # fmt: skip
_TUMOUR = ((45.0, 0.25, 1.45, 0.6, 0.2, 0.03, 0.0), (65.0, 0.4, 1.5, 0.58, 0.3, 0.05, 1.6),
           (110.0, 0.6, 1.5, 0.55, 0.42, 0.08, 2.6))  # fmt: skip


def tumour_kind(grade: int, *, area_um2: float | None = None, ratio: float | None = None) -> NucleusKind:
    """Return the nuclei of a carcinoma of nuclear grade 1 to 3."""
    area, cv, longer, density, clump, rough, nucleolus = _TUMOUR[grade - 1]
    return NucleusKind(name="tumour cell", area_um2=area_um2 or area, cv=cv, ratio=ratio or longer, density=density,
                       clump=clump, rough=rough, rim=0.2, nucleolus_um=nucleolus)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Nuclei:
    """Nuclei of one kind: N outlines in µm."""

    kind: NucleusKind
    outlines: Outlines
    tone: Array
    """Haematoxylin factor of each, (N,)."""
    spot: Array
    """Place of the nucleolus in shares of the half axes, (N, 2)."""


def draw_nuclei(rng: np.random.Generator, kind: NucleusKind, places: Array, *, angle: Array | None = None) -> Nuclei:
    """Draw nuclei of a kind at `places` (N, 2) in µm; lobes of a neutrophil lie about its place."""
    if kind.name == "neutrophil" and len(places):
        shift = rng.normal(0, 1.9, (len(places), 3, 2)).astype(np.float32)
        places = (places[:, None] + shift - shift.mean(axis=1, keepdims=True)).reshape(-1, 2)
    outlines = make_outlines(rng, places, area=kind.area_um2, cv=kind.cv, ratio=kind.ratio, rough=kind.rough,
                             angle=angle)  # fmt: skip
    tone = np.exp(0.14 * rng.standard_normal(len(places)).clip(-2, 2))
    spot = rng.normal(0, 0.28, (len(places), 2)).clip(-0.55, 0.55)
    return Nuclei(kind, outlines, np.asarray(tone, np.float32), np.asarray(spot, np.float32))
