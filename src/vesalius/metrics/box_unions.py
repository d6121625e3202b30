"""Overlap of what several boxes cover together, whatever order and number they come in.

Letters: D and T boxes of the two sides, as (x0, y0, x1, y1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["union_iou"]

Floats = NDArray[np.float64]


def union_iou(first: ArrayLike, second: ArrayLike) -> float:
    """Return the shared area over the whole area of two unions of boxes, (D, 4) and (T, 4); 0 for none at all."""
    ours, theirs = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) for boxes in (first, second))
    every = np.concatenate([ours, theirs])
    across, down = np.unique(every[:, ::2]), np.unique(every[:, 1::2])
    area = np.diff(down)[:, None] * np.diff(across)[None]
    covered = [_covered(boxes, across, down) for boxes in (ours, theirs)]
    whole = float(area[covered[0] | covered[1]].sum())
    return float(area[covered[0] & covered[1]].sum()) / whole if whole else 0.0


def _covered(boxes: Floats, across: Floats, down: Floats) -> NDArray[np.bool_]:
    """Say which cells between all edges a set of boxes covers."""
    cells = np.zeros((max(len(down) - 1, 0), max(len(across) - 1, 0)), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        rows, columns = np.searchsorted(down, (y0, y1)), np.searchsorted(across, (x0, x1))
        cells[rows[0] : rows[1], columns[0] : columns[1]] = True
    return cells
