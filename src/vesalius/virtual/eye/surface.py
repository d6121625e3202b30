"""Lesions in the nerve fibre layer that several diseases share: flame haemorrhages and cotton-wool spots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.anatomy import Eye
from vesalius.virtual.eye.fibres import fibre_direction
from vesalius.virtual.eye.lesions import Group, branch, group

__all__ = ["cotton_wool_spots", "flame_haemorrhages"]

Floats = NDArray[np.float64]


def flame_haemorrhages(
    concept: str, eye: Eye, places: Floats, half_mm: Floats, rng: np.random.Generator, *, wobble: float = 0.2
) -> Group:
    """Return haemorrhages at places (N, 2) that lie along the nerve fibres, `half_mm` (N,) half their length."""
    flames = group(concept, "flame haemorrhage", places, half_mm, rng, wobble=wobble, soft=0.35, level=0.05)
    turned = fibre_direction(eye.disc, places[:, 0], places[:, 1])
    wide = half_mm * branch(rng).uniform(0.2, 0.42, len(places))
    return replace(flames, spots=replace(flames.spots, wide=wide, angle=turned))


def cotton_wool_spots(concept: str, places: Floats, rng: np.random.Generator) -> Group:
    """Return soft white spots of 300 to 700 µm at places (N, 2)."""
    half = branch(rng).uniform(0.15, 0.34, len(places))
    return group(concept, "cotton-wool spot", places, half, rng, flat=0.55, wobble=0.15, soft=0.9, height_um=45.0,
                 level=0.06)  # fmt: skip
