"""Trachea, carina and main bronchi of a chest, in the trunk frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vesalius.virtual.body import SIDES, Side
from vesalius.virtual.radiograph.chest import Chest
from vesalius.virtual.radiograph.skeleton import spline

__all__ = ["MAIN_BRONCHI", "TRACHEA", "bronchus", "carina", "carina_angle", "trachea_lean", "trachea_point"]

TRACHEA = np.array([(200, -3, -2, 9.3, 9.3), (262, 0, -18, 8.8, 8.8), (312, 0, -30, 8.8, 8.8),
                    (360, 0, -32, 9, 9)], float)  # fmt: skip
"""Rows of z, x, y, half width, half depth of the reference adult, mm."""
MAIN_BRONCHI: dict[Side, tuple[NDArray[np.float64], tuple[float, float]]] = {
    "right": (np.array([(-3, -2, 202), (-16, 0, 180), (-36, 4, 160), (-44, 10, 138)], float), (7.5, 4.5)),
    "left": (np.array([(-3, -2, 202), (14, 2, 182), (30, 6, 164), (46, 14, 142)], float), (6.5, 4.5)),
}
"""Knots and radii at the ends of the reference adult, mm."""
_ORIGIN_X = -3.0
_AXIS_MM = 20.0
"""Length of a bronchus over which its axis is taken."""


def trachea_lean(chest: Chest, z: NDArray[np.floating] | float) -> NDArray[np.float64]:
    """Sideways shift of the trachea at heights `z` of the reference adult, mm."""
    height = np.asarray(z, float)
    return np.asarray(chest.shift_mm * np.clip((height - 150) / 60, 0, 1) * np.clip((330 - height) / 60, 0, 1))


def trachea_point(chest: Chest, z_mm: float) -> NDArray[np.float64]:
    """Return the trachea's axis at height `z_mm` of this chest, (3,)."""
    height = z_mm / chest.scale[2]
    x, y = (float(np.interp(height, TRACHEA[:, 0], TRACHEA[:, i])) for i in (1, 2))
    point = np.array([x, y, height]) * chest.scale
    point[0] += float(trachea_lean(chest, height))
    return point


def carina(chest: Chest) -> NDArray[np.float64]:
    """Return the place where the trachea forks, (3,), mm."""
    return trachea_point(chest, 200.0 * float(chest.scale[2]))


def bronchus(chest: Chest, side: Side, step_mm: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sample a main bronchus and its lower continuation from the carina: points (N, 3) and radii (N,), mm."""
    knots, ends = MAIN_BRONCHI[side]
    knots = knots.copy()
    knots[:, 0] = _ORIGIN_X + (knots[:, 0] - _ORIGIN_X) * chest.splay
    curve = spline(knots * chest.scale, step_mm)
    curve[:, 0] += chest.shift_mm * 0.7
    return curve, np.linspace(*ends, len(curve))


def carina_angle(chest: Chest) -> tuple[float, NDArray[np.float64]]:
    """Return the angle between the axes of the main bronchi in degrees, and fork, right and left end, (3, 3) mm.

    The angle is that of their projections on the frontal plane over the first 20 mm.
    """
    ends = []
    for side in SIDES:
        curve, _ = bronchus(chest, side)
        along = np.linalg.norm(np.diff(curve, axis=0), axis=1).cumsum()
        ends.append(curve[int(np.searchsorted(along, _AXIS_MM)) + 1])
    fork = bronchus(chest, "right")[0][0]
    axes = [(end - fork)[[0, 2]] for end in ends]
    cosine = axes[0] @ axes[1] / (np.linalg.norm(axes[0]) * np.linalg.norm(axes[1]))
    return float(np.degrees(np.arccos(cosine))), np.stack([fork, *ends])
