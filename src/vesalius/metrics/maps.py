"""How well a similarity map shows what a phrase speaks of.

Legend: H rows, W columns; S map, M mask of the truth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError

__all__ = ["THRESHOLDS", "contrast_to_noise", "energy_inside", "mean_iou", "pointing_hit"]

THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Of `mean_iou`, on cosines as they are (BioViL, Boecking et al. 2022)."""


def contrast_to_noise(similarity: ArrayLike, mask: ArrayLike) -> float:
    """Return (mean inside − mean outside) / √(variance inside + variance outside), signed; population variances.

    NaN where the mask is empty or whole, or nothing varies. The same for a·S + b, a > 0. Source: BioViL.
    """
    values, inside = _checked(similarity, mask)
    if inside.all() or not inside.any():
        return float("nan")
    within, without = values[inside], values[~inside]
    spread = float(within.var() + without.var())
    return float((within.mean() - without.mean()) / np.sqrt(spread)) if spread > 0 else float("nan")


def mean_iou(similarity: ArrayLike, mask: ArrayLike) -> float:
    """Return the mean over `THRESHOLDS` of the intersection over union of S > t and M; NaN for an empty mask."""
    values, inside = _checked(similarity, mask)
    if not inside.any():
        return float("nan")
    shares = [((values > t) & inside).sum() / ((values > t) | inside).sum() for t in THRESHOLDS]
    return float(np.mean(shares))


def pointing_hit(similarity: ArrayLike, mask: ArrayLike) -> float:
    """Return 1 where the largest value, the first of equals, lies in the mask, else 0; NaN for an empty mask."""
    values, inside = _checked(similarity, mask)
    return float(inside.flat[int(values.argmax())]) if inside.any() else float("nan")


def energy_inside(similarity: ArrayLike, mask: ArrayLike) -> float:
    """Return the share of the positive values that lies in the mask; NaN where there is none."""
    values, inside = _checked(similarity, mask)
    positive = np.maximum(values, 0)
    total = float(positive.sum())
    return float(positive[inside].sum() / total) if total > 0 and inside.any() else float("nan")


def _checked(similarity: ArrayLike, mask: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    values, inside = np.asarray(similarity, dtype=np.float64), np.asarray(mask, dtype=bool)
    if values.shape != inside.shape:
        raise DataError(f"a map of {values.shape} for a mask of {inside.shape}; bring both to the picture's grid")
    if not np.isfinite(values).all():
        raise DataError("a map with values that are not finite")
    return values, inside
