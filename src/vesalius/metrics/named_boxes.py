"""Named boxes of an answer against those of the truth: one against one, and many matched by least total cost.

Source: the rules of MedRegA's evaluation (arXiv 2410.18387; xmed-lab/MedRegA, ``eval/regt2r``), stated with the usual
names: its code divides by the true boxes and calls that precision, and by the said ones and calls that recall. Boxes
are x0, y0, x1, y1 in any unit that both sides share.

Letters: D said boxes, T true boxes, N answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.metrics.boxes import iou
from vesalius.metrics.detection import assigned

__all__ = ["BoxPairs", "NamedScores", "contains", "expected_iou", "mean_scores", "paired_boxes"]

Floats = NDArray[np.float64]


def expected_iou(said: ArrayLike, truth: ArrayLike) -> float:
    """Return the overlap with the first true box: of the best said box where more are said than there are, else of
    the first one; 0 where nothing is said.

    Raises:
        DataError: there is no true box, so that nothing is expected.
    """
    ours, theirs = (np.asarray(one, dtype=np.float64).reshape(-1, 4) for one in (said, truth))
    if not len(theirs):
        raise DataError(
            "no true box to compare with; score an answer to a negative picture as right when it is empty"
        )
    if not len(ours):
        return 0.0
    shares = iou(ours, theirs[:1])[:, 0]
    return float(shares.max() if len(ours) > len(theirs) else shares[0])


def contains(said: str, true: str) -> bool:
    """Say whether either name contains the other, case set aside; an unnamed box says no name wrong."""
    ours, theirs = said.strip(" ,;、，").casefold(), true.strip(" ,;、，").casefold()
    return not ours or ours in theirs or theirs in ours


class NamedScores(NamedTuple):
    """Precision (of what is said), recall (of what is true) and F1; 0 where a side is empty."""

    precision: float
    recall: float
    f1: float

    @classmethod
    def of(cls, found: int, said: int, true: int) -> NamedScores:
        """Return the scores of so many finds."""
        both = said + true
        return cls(found / said if said else 0.0, found / true if true else 0.0, 2 * found / both if both else 0.0)

    @property
    def swapped(self) -> NamedScores:
        """Return the same with precision and recall exchanged, as MedRegA's code names them."""
        return NamedScores(self.recall, self.precision, self.f1)


class BoxPairs(NamedTuple):
    """What became of the boxes of one answer when they were matched."""

    said: int
    true: int
    matched: int
    """Pairs that overlap enough."""
    named: int
    """Pairs whose names agree, whatever their overlap."""
    both: int
    """Pairs that overlap enough and whose names agree."""
    overlaps: Floats
    """IoU of every pair, (min(D, T),)."""
    named_overlaps: Floats
    """IoU of the pairs whose names agree."""

    @property
    def boxes(self) -> NamedScores:
        """Scores of places alone."""
        return NamedScores.of(self.matched, self.said, self.true)

    @property
    def objects(self) -> NamedScores:
        """Scores of names alone."""
        return NamedScores.of(self.named, self.said, self.true)

    @property
    def object_boxes(self) -> NamedScores:
        """Scores of boxes that lie right under the right name."""
        return NamedScores.of(self.both, self.said, self.true)

    @property
    def alignment(self) -> float:
        """Share of the boxes that lie right whose names agree; 0 where none does."""
        return self.both / self.matched if self.matched else 0.0

    @property
    def iou(self) -> float:
        """Mean IoU of the pairs; 0 where there is none."""
        return float(self.overlaps.mean()) if len(self.overlaps) else 0.0

    @property
    def iou_of_truth(self) -> float:
        """IoU of the pairs over the number of true boxes, of which those that nobody said have none."""
        return float(self.overlaps.sum()) / self.true if self.true else 0.0


def paired_boxes(
    said: ArrayLike,
    truth: ArrayLike,
    *,
    said_names: Sequence[str],
    true_names: Sequence[str],
    threshold: float = 0.5,
    agree: Callable[[str, str], bool] = contains,
) -> BoxPairs:
    """Pair boxes by least total 1 − IoU, as many as the shorter side has, and count what agrees.

    Args:
        said: (D, 4).
        truth: (T, 4).
        said_names: of each box, D.
        true_names: of each box, T.
        threshold: least IoU of boxes that lie right.
        agree: says whether a said and a true name are the same.

    Raises:
        DataError: not a name for each box.
    """
    ours, theirs = (np.asarray(one, dtype=np.float64).reshape(-1, 4) for one in (said, truth))
    if (len(ours), len(theirs)) != (len(said_names), len(true_names)):
        raise DataError(
            f"{len(ours)} said and {len(theirs)} true boxes with {len(said_names)} and {len(true_names)} names; "
            "give a name for each box, empty where it has none"
        )
    shares = iou(ours, theirs)
    pairs = assigned(1 - shares, np.ones(shares.shape, dtype=bool)) if shares.size else np.zeros((0, 2), np.intp)
    overlaps = shares[pairs[:, 0], pairs[:, 1]]
    right = overlaps >= threshold
    named = np.array([agree(said_names[row], true_names[column]) for row, column in pairs], dtype=bool)
    return BoxPairs(
        len(ours), len(theirs), int(right.sum()), int(named.sum()), int((right & named).sum()), overlaps,
        overlaps[named],
    )  # fmt: skip


def mean_scores(found: Sequence[BoxPairs]) -> dict[str, float]:
    """Return means over answers, (N,) of them: precision, recall and F1 of boxes, objects and both, and alignment.

    ``box_iou`` divides all overlaps by the number of true boxes, ``object_iou`` those under agreeing names by the
    number of such pairs, over all answers.

    Raises:
        DataError: no answer.
    """
    if not found:
        raise DataError("no answer to score")
    values: dict[str, float] = {}
    for name in ("boxes", "objects", "object_boxes"):
        each = [getattr(one, name) for one in found]
        values |= {
            f"{name}_{part}": float(np.mean([getattr(one, part) for one in each])) for part in NamedScores._fields
        }
    true, named = sum(one.true for one in found), sum(one.named for one in found)
    return {
        **values,
        "alignment": float(np.mean([one.alignment for one in found])),
        "box_iou": sum(float(one.overlaps.sum()) for one in found) / true if true else 0.0,
        "object_iou": sum(float(one.named_overlaps.sum()) for one in found) / named if named else 0.0,
    }
