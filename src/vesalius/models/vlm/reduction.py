"""Fewer tokens of a volume or clip: what repeats the slice before is left out, or neighbouring slices share tokens.

NumPy only, slice by slice: the reader decides by the pixels, so that the number of tokens is known before any model
runs. The smaller maps of 3D and video (2 × 2 places become one) are the connector's `merge`.
Legend: V views, C channels, H rows, W columns, T tokens of a view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vesalius.config import Config
from vesalius.errors import DataError
from vesalius.models.vlm.views import Layout

__all__ = ["ReductionConfig", "changes", "reduced"]


@dataclass(frozen=True, kw_only=True)
class ReductionConfig(Config):
    """Which tokens of volumes and clips stay; pictures keep theirs.

    Source: Hulu-Med 2025 (arXiv 2510.08668), medical-aware token reduction; the budget is ours.
    """

    threshold: float | None = 0.1
    """A token stays where the pixels of its cell differ by more than this, on average, from the slice before, in the
    units of the normalised views; null keeps all. Noise of a CT can exceed it: choose a window first."""
    least: int = 1
    """So many tokens of each slice stay at least, its first ones."""
    unprotected: bool = False
    """Compatibility: slice 0 is marked with a difference of (threshold + 1) / 255, as in Hulu-Med's release, and so
    is reduced to `least` tokens for thresholds above 1/254."""
    budget: int | None = None
    """Most tokens of a volume or clip; null for none."""
    over: Literal["error", "strongest", "merge"] = "error"
    """What happens beyond the budget: an error with the numbers; the tokens of the strongest change stay, beside
    slice 0 and `least` of each slice; or so many neighbouring slices share one set of tokens, their mean, as are
    needed."""

    def __post_init__(self) -> None:
        if self.least < 0 or (self.budget is not None and self.budget < 1):
            raise ValueError(f"least {self.least} must be at least 0 and budget {self.budget} at least 1 or null")
        if self.budget is None and self.over != "error":
            raise ValueError(f"over {self.over!r} has no effect without a budget")
        if self.over == "merge" and self.threshold is not None:
            raise ValueError("over 'merge' takes whole slices; set threshold to null, or over to 'strongest'")
        if self.unprotected and self.threshold is None:
            raise ValueError("unprotected has no effect without a threshold")


def changes(arrays: NDArray[np.float32], *, grid: tuple[int, int]) -> NDArray[np.float32]:
    """Return how much each cell differs from the same cell of the view before: mean |difference| over its pixels.

    Args:
        arrays: normalised views, (V, C, H, W).
        grid: cells along rows and columns.

    Returns:
        (V, T), cells row-major; infinite for view 0, which has none before it.

    Raises:
        DataError: the views do not divide into cells.
    """
    views, channels, height, width = arrays.shape
    rows, columns = grid
    if height % rows or width % columns:
        raise DataError(
            f"views of {height} × {width} pixels do not divide into {rows} × {columns} cells, one a token; choose "
            "views whose rows and columns are multiples of patch × merge, or no reduction"
        )
    out = np.full((views, rows * columns), np.inf, dtype=np.float32)
    for place in range(1, views):
        apart = np.abs(arrays[place] - arrays[place - 1])
        cells = apart.reshape(channels, rows, height // rows, columns, width // columns)
        out[place] = cells.mean(axis=(0, 2, 4), dtype=np.float64).ravel()
    return out


def reduced(
    arrays: NDArray[np.float32], layout: Layout, *, grid: tuple[int, int], settings: ReductionConfig
) -> Layout:
    """Return the layout with what stays of the tokens of a volume or clip; a picture's passes unchanged.

    Args:
        arrays: the normalised views, (V, C, H, W).
        layout: as it was cut, nothing reduced yet.
        grid: tokens of one view along rows and columns, as the connector makes them (`Connector.places`).
        settings: the rule.

    Raises:
        DataError: more tokens than the budget, with the numbers; or views that do not divide into cells.
    """
    if layout.kind == "image":
        return layout
    if layout.views == 1 or (settings.threshold is None and settings.over != "strongest"):
        return _merged(layout, grid[0] * grid[1], settings)
    apart = changes(arrays, grid=grid)
    kept = _changed(apart, settings)
    if settings.budget is not None and kept.sum() > settings.budget:
        if settings.over == "error":
            raise DataError(
                f"a {layout.kind} of {layout.views} views keeps {int(kept.sum())} of {kept.size} tokens, the budget "
                f"is {settings.budget}; raise the threshold or the budget, or set over to 'strongest'"
            )
        kept = _strongest(apart, kept, settings)
    return replace(layout, kept=kept)


def _changed(apart: NDArray[np.float32], settings: ReductionConfig) -> NDArray[np.bool_]:
    """Which tokens (V, T) the threshold keeps."""
    if settings.threshold is None:
        return np.ones(apart.shape, dtype=bool)
    kept = apart > settings.threshold
    if settings.unprotected:
        kept[0] = (settings.threshold + 1) / 255 > settings.threshold
    short = kept.sum(axis=1) < settings.least
    kept[short, : settings.least] = True
    return kept


def _strongest(apart: NDArray[np.float32], kept: NDArray[np.bool_], settings: ReductionConfig) -> NDArray[np.bool_]:
    """Of the tokens kept (V, T), as many as the budget allows; of equal changes the earlier."""
    strength = np.where(kept, apart, -np.inf)
    sure = np.zeros_like(kept)
    np.put_along_axis(sure, np.argsort(-strength, axis=1, kind="stable")[:, : settings.least], True, axis=1)
    sure[0] = kept[0]
    budget = settings.budget or kept.size
    left = budget - int(sure.sum())
    if left < 0:
        raise DataError(
            f"slice 0 and {settings.least} tokens of each of {len(kept)} slices are {int(sure.sum())} tokens, the "
            f"budget is {budget}; take fewer slices, merge more, or set over to 'merge'"
        )
    ranked = np.argsort(-np.where(sure, -np.inf, strength).ravel(), kind="stable")
    chosen = sure.ravel()
    chosen[ranked[:left]] = True
    return chosen.reshape(kept.shape)


def _merged(layout: Layout, each: int, settings: ReductionConfig) -> Layout:
    """As many neighbouring views share tokens as the budget needs."""
    budget = settings.budget
    if budget is None or layout.views * each <= budget:
        return layout
    if settings.over == "error" or each > budget:
        raise DataError(
            f"a {layout.kind} of {layout.views} views with {each} tokens each is {layout.views * each} tokens, the "
            f"budget is {budget}; take fewer or smaller views, or set a threshold or over"
        )
    return replace(layout, merged=-(-layout.views // (budget // each)))
