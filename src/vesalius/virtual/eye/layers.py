"""The retina in depth: thickness of every layer at any place, with the fluid and deposits between them.

n places, L layers from the inside outwards. Places in mm in the retina's frame, thickness in µm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.eye.anatomy import Eye
from vesalius.virtual.eye.disease import Retina
from vesalius.virtual.eye.fibres import fibre_loss, fibre_thickness
from vesalius.virtual.eye.lesions import Group

__all__ = ["CHOROID", "LAYERS", "extent", "hole", "rise", "stack", "thickness"]

Floats = NDArray[np.floating]
LAYERS = (
    "nerve fibre layer", "ganglion cell and inner plexiform layer", "inner nuclear layer", "outer plexiform layer",
    "outer nuclear layer", "external limiting membrane", "inner segments", "ellipsoid zone", "outer segments",
    "subretinal space", "retinal pigment epithelium", "space under the pigment epithelium", "Bruch's membrane",
    "choroid",
)  # fmt: skip
CHOROID = len(LAYERS) - 1
_LOST = ("geographic atrophy", "laser scar")
"""Lesions without pigment epithelium and photoreceptors."""
_DRUSEN = ("soft druse", "hard druse")
_UNDER = (*_DRUSEN, "pigment epithelial detachment")
_ABOVE = ("subretinal fluid", "subretinal haemorrhage", "neovascular membrane", "reticular pseudodruse")


def stack(retina: Retina, x: Floats, y: Floats) -> Floats:
    """Return the thickness of every layer at places (n,), (L, n) µm."""
    eye = retina.eye
    made = _healthy(eye, x, y)
    swelling = np.zeros_like(x)
    for middle_x, middle_y, radius, added in eye.swelling:
        swelling = swelling + added * np.exp(-((np.hypot(x - middle_x, y - middle_y) / radius) ** 2))
    made[2] = made[2] + 0.4 * swelling
    made[4] = made[4] + 0.6 * swelling
    made[0] = made[0] + rise(retina, x, y, "cotton-wool spot")
    _lose(made, retina, x, y)
    made[9] = rise(retina, x, y, *_ABOVE)
    made[11] = rise(retina, x, y, *_UNDER) * (1 - extent(retina, x, y, *_LOST))
    # The outer nuclear layer gives way to narrow bumps, so that the inner surface stays smooth; wide ones lift all.
    pressed = 0.9 * np.minimum(rise(retina, x, y, *_DRUSEN), made[11]) + 0.25 * made[11]
    made[4] = np.maximum(made[4] - pressed, 0.2 * made[4])
    made[:9] = made[:9] * (1 - hole(retina, x, y))
    return made


def _lose(made: Floats, retina: Retina, x: Floats, y: Floats) -> None:
    """Take pigment epithelium and photoreceptors away where they are lost: sharply, while what lies above sags."""
    lost, sagging = extent(retina, x, y, *_LOST), extent(retina, x, y, *_LOST, edge=0.7)
    outer = (5, 6, 7, 8, 10)
    total = made[list(outer)].sum(axis=0)
    for layer in outer:
        made[layer] = made[layer] * (1 - lost)
    whole = made[4]
    made[4] = np.maximum(whole * (1 - 0.45 * sagging) + total * (lost - sagging), 0.3 * whole)


def thickness(layers: Floats) -> Floats:
    """Return the thickness of the retina from its inner surface to Bruch's membrane, (n,) µm, of a stack (L, n)."""
    total: Floats = layers[:CHOROID].sum(axis=0)
    return total


def _healthy(eye: Eye, x: Floats, y: Floats) -> Floats:
    radius = np.hypot(x, y)
    fall = np.exp(-((np.maximum(radius - 1.0, 0) / 1.2) ** 2))
    slope = 1 - np.exp(-((radius / 0.66) ** 2))
    wide = 1 - np.exp(-((radius / 0.9) ** 2))
    nerve = eye.nerve_fibre * (1 - 0.5 * fibre_loss(eye, x, y))
    outer = eye.retina
    flat = np.ones_like(radius)
    made = np.stack([
        np.maximum(fibre_thickness(eye, x, y), 4.0),
        15 + 72 * slope * (0.25 + 0.75 * fall) * nerve,
        (5 + 35 * slope * (0.65 + 0.35 * fall)) * outer,
        (15 + 14 * slope) * outer,
        (104 - 38 * wide - 18 * (1 - fall)) * outer,
        3.0 * flat,
        (23 - 3 * wide) * outer,
        12.0 * flat,
        (40 - 8 * wide) * outer,
        0.0 * flat,
        16.0 * flat,
        0.0 * flat,
        3.0 * flat,
        eye.choroid_um * np.exp(-((np.maximum(x, 0) / 4.6) ** 2)) * (1 - 0.02 * radius),
    ])  # fmt: skip
    return np.asarray(made, np.float64)


def _shape(part: Group, x: Floats, y: Floats) -> Floats:
    """Radius of places (n,) against the outline of each lesion, (N, n)."""
    index = np.arange(len(part.spots))
    return part.spots.radius(
        index, np.broadcast_to(x, (len(index), len(x))), np.broadcast_to(y, (len(index), len(y)))
    )


def extent(retina: Retina, x: Floats, y: Floats, *kinds: str, edge: float = 0.06) -> Floats:
    """Return how much of each place lesions of the kinds cover, (n,) 0 to 1; `edge` is a share of their radius."""
    share = np.zeros_like(x)
    for part in retina.groups(*kinds):
        if len(part.spots):
            share = np.maximum(share, np.clip((1 - _shape(part, x, y)) / edge + 0.5, 0, 1).max(axis=0))
    return share


def rise(retina: Retina, x: Floats, y: Floats, *kinds: str) -> Floats:
    """Return the height of bumps of the kinds, (n,) µm: full in the middle, nothing at the edge."""
    height = np.zeros_like(x)
    for part in retina.groups(*kinds):
        if len(part.spots):
            dome = part.height_um[:, None] * np.clip(1 - _shape(part, x, y) ** 2, 0, 1)
            height = np.maximum(height, dome.max(axis=0))
    return height


def hole(retina: Retina, x: Floats, y: Floats) -> Floats:
    """Return the missing share of the retina, (n,): 1 in the gap, whose edge is rounded."""
    gap = np.zeros_like(x)
    for part in retina.groups("macular hole"):
        gap = np.maximum(gap, 1 - np.sqrt(np.clip((_shape(part, x, y)[0] - 1) / 0.45, 0, 1)))
    return gap
