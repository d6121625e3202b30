"""Masks against masks: overlap with a stated rule for empty ones, and distances between surfaces in mm.

Surface: voxels of the mask with a face on the outside; the border of the picture is outside. Every surface voxel
counts alike (MetricsReloaded, MONAI); DeepMind's `surface-distance` weighs them by area and gives other numbers.
Axes: any number, `spacing_mm` in the order of the array's axes.

Letters: N cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.optional import require

__all__ = ["EMPTY_RULES", "Empty", "Surfaces", "counts", "cumulative_iou", "dice", "iou", "pooled_dice", "surfaces"]

Floats = NDArray[np.float64]
Empty = Literal["nan", "one", "truth_only"]
EMPTY_RULES = {
    "nan": "both empty: left out; the truth empty and the answer not: 0",
    "one": "both empty: 1; the truth empty and the answer not: 0",
    "truth_only": "truth empty: left out",
}


class Surfaces(NamedTuple):
    """Distances in mm between the surfaces of an answer and a truth; `inf` where just one of them is empty."""

    to_truth: Floats
    """Of every surface voxel of the answer to the truth's surface."""
    to_said: Floats
    """Of every surface voxel of the truth to the answer's surface."""
    diagonal: float
    """Of the picture, mm: what stands for an infinite distance in a mean, to be counted beside it."""

    @property
    def defined(self) -> bool:
        """Say whether there is any surface."""
        return bool(len(self.to_truth) or len(self.to_said))

    def hausdorff(self, *, percentile: float = 100.0, pooled: bool = False) -> float:
        """Return HD, or HD95 at 95: the larger of both sides' percentiles (linear); NaN where both are empty.

        Args:
            percentile: 100 lets one voxel decide.
            pooled: one percentile over both sides' voxels together, as nnU-Net has it.
        """
        if not self.defined:
            return float("nan")
        if not len(self.to_truth) or not len(self.to_said):
            return float("inf")
        sides = [np.concatenate(self[:2])] if pooled else self[:2]
        return float(max(np.percentile(side, percentile) for side in sides))

    def mean_distance(self, *, by_side: bool = False) -> float:
        """Return the mean over all surface voxels (ASSD), or of the two sides' means (MASD)."""
        if not self.defined:
            return float("nan")
        if not by_side or not len(self.to_truth) or not len(self.to_said):
            return float(np.concatenate(self[:2]).mean())
        return float((self.to_truth.mean() + self.to_said.mean()) / 2)

    def normalised_dice(self, tolerance_mm: float) -> float:
        """Return the share of both surfaces that lies within the tolerance (NSD); NaN where both are empty."""
        if tolerance_mm < 0:
            raise ConfigError(f"tolerance {tolerance_mm} mm must not be below 0")
        together = np.concatenate(self[:2])
        # the bound counts; 1e-9 mm for a distance that is a root of squared spacings
        return float(np.mean(together <= tolerance_mm + 1e-9)) if len(together) else float("nan")

    def penalised(self, distance: float) -> float:
        """Return a distance, the picture's diagonal in place of an infinite one."""
        return self.diagonal if np.isinf(distance) else distance


def counts(said: ArrayLike, truth: ArrayLike) -> Floats:
    """Return voxels in both, in the answer alone and in the truth alone, (3,): they add up over cases."""
    ours, theirs = _checked(said, truth)
    both = int((ours & theirs).sum())
    return np.array([both, int(ours.sum()) - both, int(theirs.sum()) - both], dtype=np.float64)


def dice(voxels: ArrayLike, *, empty: Empty = "nan") -> Floats:
    """Return 2 TP/(2 TP + FP + FN) of each case.

    Args:
        voxels: `counts` of each case, (…, 3).
        empty: key of `EMPTY_RULES`. Cases left out are NaN: count them beside the mean.
    """
    both, only_said, only_truth = np.moveaxis(np.asarray(voxels, dtype=np.float64), -1, 0)
    return _ruled(2 * both, 2 * both + only_said + only_truth, both + only_truth, empty)


def iou(voxels: ArrayLike, *, empty: Empty = "nan") -> Floats:
    """Return TP/(TP + FP + FN) of each case, (…, 3); `empty` as in `dice`."""
    both, only_said, only_truth = np.moveaxis(np.asarray(voxels, dtype=np.float64), -1, 0)
    return _ruled(both, both + only_said + only_truth, both + only_truth, empty)


def pooled_dice(voxels: ArrayLike) -> float:
    """Return Dice of the voxels of all cases together, (N, 3): large structures decide; NaN where all are empty."""
    return float(dice(np.asarray(voxels, dtype=np.float64).sum(axis=0)))


def cumulative_iou(voxels: ArrayLike) -> float:
    """Return IoU of the voxels of all cases together, the "cIoU" of referring segmentation."""
    return float(iou(np.asarray(voxels, dtype=np.float64).sum(axis=0)))


def surfaces(said: ArrayLike, truth: ArrayLike, *, spacing_mm: Sequence[float] | None) -> Surfaces:
    """Measure the distances between the surfaces of two masks of one shape.

    Args:
        said: mask of the answer.
        truth: mask of the truth.
        spacing_mm: of each axis of the array; None is refused, since voxels are no mm.
    """
    ours, theirs = _checked(said, truth)
    if spacing_mm is None or len(spacing_mm) != ours.ndim or not all(0 < step < np.inf for step in spacing_mm):
        raise DataError(f"distances in mm need a spacing above 0 for each of {ours.ndim} axes, got {spacing_mm}")
    require("scipy", purpose="distances between surfaces")
    sides = [_surface(mask) for mask in (ours, theirs)]
    diagonal = float(np.sqrt(np.sum((np.array(ours.shape) * np.asarray(spacing_mm, dtype=np.float64)) ** 2)))
    if not sides[0].any() or not sides[1].any():
        far = [np.full(int(side.sum()), np.inf) for side in sides]
        return Surfaces(far[0], far[1], diagonal)
    # all surface voxels lie in this box, and so do the nearest ones
    box = tuple(slice(int(places.min()), int(places.max()) + 1) for places in np.nonzero(sides[0] | sides[1]))
    cut = [side[box] for side in sides]
    return Surfaces(_distances(cut[0], cut[1], spacing_mm), _distances(cut[1], cut[0], spacing_mm), diagonal)


def _distances(of: NDArray[np.bool_], to: NDArray[np.bool_], spacing_mm: Sequence[float]) -> Floats:
    from scipy.ndimage import distance_transform_edt

    far: NDArray[Any] = distance_transform_edt(~to, sampling=tuple(spacing_mm))
    return np.asarray(far[of], dtype=np.float64)


def _surface(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import binary_erosion

    # background beyond the border: a mask that fills the picture has the border as its surface
    return np.asarray(mask & ~binary_erosion(mask), dtype=bool)


def _ruled(above: Floats, below: Floats, truth: Floats, empty: str) -> Floats:
    if empty not in EMPTY_RULES:
        raise ConfigError(f"unknown rule {empty!r} for empty masks{did_you_mean(empty, EMPTY_RULES)}")
    unsaid = np.nan if empty != "one" else 1.0
    shares = np.divide(above, below, out=np.full(np.shape(above), unsaid), where=below > 0)
    return np.asarray(np.where((truth == 0) & (empty == "truth_only"), np.nan, shares), dtype=np.float64)


def _checked(said: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    ours, theirs = np.asarray(said), np.asarray(truth)
    if ours.shape != theirs.shape:
        raise DataError(f"a mask of {ours.shape} for a truth of {theirs.shape}; bring both to one grid")
    if ours.dtype.kind == "f" or theirs.dtype.kind == "f":
        raise DataError("masks of real numbers: say from where on a voxel belongs, such as values >= 0.5")
    return ours.astype(bool), theirs.astype(bool)
