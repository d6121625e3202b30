"""Scores of dermatoscopy from a lesion's geometry: asymmetry, the total dermoscopy score, the seven-point list."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.skin.lesion import Outline, SkinDisease

__all__ = ["Abcd", "abcd", "asymmetry_of", "longest_diameter", "seven_points", "shape_asymmetry"]

_GRID = 161
_ASYMMETRIC = 0.10
"""Above this share of unmatched area an axis counts as asymmetric."""


class Abcd(NamedTuple):
    """Parts of the total dermoscopy score (Stolz et al., 1994)."""

    asymmetry: int
    """0 to 2 axes."""
    border: int
    """0 to 8 eighths with an abrupt edge."""
    colours: int
    """1 to 6."""
    structures: int
    """1 to 5: network, structureless areas, streaks, dots, globules."""

    @property
    def total(self) -> float:
        """1.3 A + 0.1 B + 0.5 C + 0.5 D: below 4.75 benign, above 5.45 suspicious."""
        return 1.3 * self.asymmetry + 0.1 * self.border + 0.5 * self.colours + 0.5 * self.structures


def abcd(lesion: SkinDisease) -> Abcd:
    """Score a lesion."""
    parts = lesion.structures
    first, second = shape_asymmetry(lesion.outline)
    uneven = lesion.uneven > 0.5 and len(lesion.colours) > 1
    axes = int(first > _ASYMMETRIC or uneven) + int(second > _ASYMMETRIC)
    kinds = (bool(parts.network), not parts.network or parts.blotches > 0, parts.streaks > 0, parts.peppering > 0,
             parts.globules > 0)  # fmt: skip
    return Abcd(axes, lesion.abrupt, min(6, len(lesion.colours)), max(1, sum(kinds)))


def seven_points(lesion: SkinDisease) -> int:
    """Score by the seven-point list (Argenziano et al., 1998): three signs count 2, four count 1.

    Suspicious from 3.
    """
    parts = lesion.structures
    major = (parts.network == "atypical", parts.veil > 0, parts.vessels == "linear irregular")
    minor = (parts.streaks > 0, parts.globules > 0 and not parts.globules_even, parts.blotches > 0,
             parts.regression > 0 or parts.peppering > 0)  # fmt: skip
    return 2 * sum(major) + sum(minor)


def shape_asymmetry(outline: Outline) -> tuple[float, float]:
    """Return 1 - IoU with the mirror image about both own axes through the centre of area."""
    half = 0.75 * outline.diameter_mm
    grid = np.linspace(-half, half, _GRID)
    x, y = np.meshgrid(grid, grid)
    cos, sin = np.cos(outline.turn), np.sin(outline.turn)
    mask = outline.radius(x * cos - y * sin, x * sin + y * cos)[0] <= 1
    return asymmetry_of(mask)


def asymmetry_of(mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Return 1 - IoU of a mask (H, W) with its mirror image in y and in x, about its centre of area."""
    found = []
    rows, columns = np.nonzero(mask)
    for places, axis in ((rows, 0), (columns, 1)):
        turned = np.flip(mask, axis=axis)
        shift = round(2 * float(places.mean()) - (mask.shape[axis] - 1))
        moved = np.roll(turned, shift, axis=axis)
        found.append(1 - float((mask & moved).sum() / (mask | moved).sum()))
    return found[0], found[1]


def longest_diameter(outline: Outline) -> float:
    """Return the longest distance between two points of the edge, mm."""
    edge = outline.edge(180)
    across = edge[:, None] - edge[None, :]
    return float(np.hypot(across[..., 0], across[..., 1]).max())
