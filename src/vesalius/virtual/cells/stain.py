"""From dye to colour: haematoxylin and eosin as optical densities, with a profile for each site.

I = 255 · 10^(−(H v_H + E v_E + rest)). The vector of haematoxylin is Ruifrok and Johnston's. Theirs of eosin gives
magenta; this one gives collagen and cytoplasm their colours of (235, 160, 190) and (225, 170, 200).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.cells.fields import blurred
from vesalius.virtual.cells.stamp import Array
from vesalius.virtual.seeds import stream
from vesalius.virtual.sites import Site

__all__ = ["EOSIN", "HAEMATOXYLIN", "Stain", "coloured", "draw_stain"]

HAEMATOXYLIN = (0.65, 0.70, 0.29)
EOSIN = (0.15, 0.91, 0.40)
_GLASS = (243, 240, 245)
"""Colour of the slide where there is no tissue."""
_OPTICS_UM = 0.32
_NOISE = 0.006


class Stain(NamedTuple):
    """How one slide was stained and scanned."""

    haematoxylin: float
    eosin: float
    hue: tuple[float, float, float]
    """Turn of the colour: factors of red, green and blue of the optical density."""
    light: float
    """Brightness of the lamp."""


def draw_stain(site: Site, rng: np.random.Generator) -> Stain:
    """Draw the stain of a slide: the site's profile, the same for all its patients, with a little of the day."""
    house = stream(0, "stain", site.name)
    strength = house.uniform(0.78, 1.25, 2) * rng.uniform(0.93, 1.07, 2)
    hue = 1 + house.uniform(-0.07, 0.07, 3) + rng.uniform(-0.015, 0.015, 3)
    red, green, blue = (float(part) for part in hue)
    return Stain(float(strength[0]), float(strength[1]), (red, green, blue), float(rng.uniform(0.97, 1.01)))


def coloured(
    haematoxylin: Array, eosin: Array, rest: Array, *, stain: Stain, um_per_pixel: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) of dyes (H, W) and other optical density (H, W, 3)."""
    density = (haematoxylin * stain.haematoxylin)[..., None] * np.array(HAEMATOXYLIN, np.float32)
    density = density + (eosin * stain.eosin)[..., None] * np.array(EOSIN, np.float32) + rest
    light = np.array(_GLASS, np.float32) / 255 * stain.light * 10 ** (-density * np.array(stain.hue, np.float32))
    light = blurred(np.asarray(light, np.float32), _OPTICS_UM / um_per_pixel)
    light = light + _NOISE * rng.standard_normal(light.shape, dtype=np.float32)
    return np.asarray(np.clip(np.rint(255 * light), 0, 255), np.uint8)
