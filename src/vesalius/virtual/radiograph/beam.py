"""X-ray attenuation of the three basis tissues and the spectrum of a chest exposure.

Mass attenuation coefficients in cm²/g follow tabulated photon cross-sections for standard compositions, read
between the tabulated energies on logarithmic axes.
"""

from __future__ import annotations

import numpy as np

__all__ = ["BEDSIDE_WEIGHT", "BIN_KEV", "BIN_WEIGHT", "BONE_DENSITY", "COEFFICIENTS", "FAT_DENSITY", "SOFT_DENSITY"]

FAT_DENSITY, SOFT_DENSITY, BONE_DENSITY = 0.93, 1.05, 1.92
"""g/cm³ of fat, of muscle (and blood, fluid, solid organs) and of compact bone."""

BIN_KEV = (35.0, 45.0, 55.0, 70.0, 95.0)
BIN_WEIGHT = (0.10, 0.20, 0.28, 0.28, 0.14)
"""Photon shares of 120 kVp after filtration."""

BEDSIDE_WEIGHT = (0.17, 0.27, 0.31, 0.22, 0.03)
"""Photon shares of 90 kVp."""

_KEV = np.log([30.0, 40.0, 50.0, 60.0, 80.0, 100.0])
_TABLE = {
    "fat": (0.3063, 0.2396, 0.2123, 0.1974, 0.1800, 0.1688),
    "soft": (0.3783, 0.2685, 0.2262, 0.2048, 0.1823, 0.1693),
    "bone": (1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855),
}
COEFFICIENTS: dict[str, tuple[float, ...]] = {
    name: tuple(float(np.exp(np.interp(np.log(kev), _KEV, np.log(values)))) for kev in BIN_KEV)
    for name, values in _TABLE.items()
}
"""For fat, soft and bone the coefficient at every energy of `BIN_KEV`, cm²/g."""


def coefficient(tissue: str, kev: float) -> float:
    """Mass attenuation coefficient of a basis tissue at one energy, cm²/g."""
    return float(np.exp(np.interp(np.log(kev), _KEV, np.log(_TABLE[tissue]))))
