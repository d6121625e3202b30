"""Detection over pictures: mean average precision as COCO's code has it, FROC, and answers without scores.

A class's `Ranked` is what a resample needs (`boxes.average_precision_draws`, `froc_draws`); the counts of
`counted_pairs` add up over pictures.

Letters: D detections, T truths, P pictures, K classes, B resamples, F rates of false alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import DataError
from vesalius.metrics.bootstrap import PatientWeights
from vesalius.metrics.boxes import IOU_THRESHOLDS, Matched, Ranked, average_precision, matches, ranked_of, union_iou
from vesalius.optional import require

__all__ = [
    "AREAS",
    "FROC_RATES",
    "CocoScores",
    "Picture",
    "answer_iou",
    "assigned",
    "coco_scores",
    "counted_pairs",
    "first_hits",
    "froc",
    "froc_draws",
    "mean_hit_distance",
    "precision_recall_f1",
    "ranked_class",
    "threat_score",
    "within",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Between = Literal["step", "linear"]

AREAS = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Ranges of COCO in pixels of the picture as given: say which size that is."""
FROC_RATES = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0)
"""False alarms a picture of LUNA16; the mean sensitivity over them is the CPM."""
_THREAT_THRESHOLDS = tuple(round(0.4 + 0.05 * step, 2) for step in range(8))


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Detections and truths of one picture."""

    boxes: ArrayLike
    """x0, y0, x1, y1, (D, 4)."""
    scores: ArrayLike
    """(D,); all 1 for a model without scores, whose ties then follow the order of its output."""
    classes: ArrayLike
    """Class numbers, (D,)."""
    truths: ArrayLike
    """(T, 4)."""
    truth_classes: ArrayLike
    """(T,)."""
    crowd: ArrayLike | None = None
    """Which truths are crowds that need not be found, (T,)."""


class CocoScores(NamedTuple):
    """Means over classes with a truth and over the ten overlaps; NaN where there is none."""

    ap: float
    ap_50: float
    ap_75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    recall_1: float
    """Recall with one detection a picture and class."""
    recall_10: float
    recall_100: float
    by_class: Floats
    """AP of each class, NaN without truth, (K,)."""


def ranked_class(
    pictures: Sequence[Picture], number: int, *, threshold: float, area: str = "all", most: int = 100
) -> Ranked:
    """Match one class over all pictures.

    Args:
        pictures: P of them; one without truth still gives false alarms.
        number: the class.
        threshold: least overlap.
        area: key of `AREAS`; truths of other sizes are set aside.
        most: detections a picture that count.
    """
    low, high = AREAS[area]
    matched, scores, wanted = [], [], []
    for picture in pictures:
        own, true = np.asarray(picture.classes) == number, np.asarray(picture.truth_classes) == number
        boxes, truths = (np.asarray(one, dtype=np.float64).reshape(-1, 4) for one in (picture.boxes, picture.truths))
        crowd = np.zeros(len(truths), bool) if picture.crowd is None else np.asarray(picture.crowd, dtype=bool)
        sizes = [np.prod(table[:, 2:] - table[:, :2], axis=1) for table in (boxes[own], truths[true])]
        outside = [(size < low) | (size > high) for size in sizes]
        values = np.asarray(picture.scores, dtype=np.float64)[own]
        aside = crowd[true] | outside[1]
        matched.append(
            matches(
                boxes[own], values, truths[true], threshold=threshold, aside=aside, crowd=crowd[true],
                outside=outside[0], most=most,
            )
        )  # fmt: skip
        scores.append(values)
        wanted.append(int((~aside).sum()))
    return ranked_of(matched, scores, wanted)


def coco_scores(pictures: Sequence[Picture], *, num_classes: int) -> CocoScores:
    """Return the scores of COCO's code for classes 0..num_classes - 1."""

    def table(area: str) -> Floats:
        """AP of classes and overlaps, (K, 10)."""
        rows = [
            [average_precision(ranked_class(pictures, number, threshold=t, area=area)) for t in IOU_THRESHOLDS]
            for number in range(num_classes)
        ]
        return np.array(rows)

    def recall(most: int) -> float:
        every = [
            [_recall(ranked_class(pictures, number, threshold=t, most=most)) for t in IOU_THRESHOLDS]
            for number in range(num_classes)
        ]
        return _mean(np.array(every))

    tables = {area: table(area) for area in AREAS}
    whole = tables["all"]
    return CocoScores(
        _mean(whole), _mean(whole[:, 0]), _mean(whole[:, 5]),
        _mean(tables["small"]), _mean(tables["medium"]), _mean(tables["large"]),
        recall(1), recall(10), recall(100), whole.mean(axis=1),
    )  # fmt: skip


def first_hits(inside: ArrayLike, scores: ArrayLike, *, repeats_count: bool = False) -> Matched:
    """Say which detections of a picture find a lesion, for FROC: by falling score, each the first free one it is in.

    Args:
        inside: whether a detection lies in a lesion, by any rule, (D, T): `boxes.iou` from a threshold, `within`.
        scores: (D,).
        repeats_count: a further hit on a found lesion is a false alarm; else it is not counted (LUNA16).
    """
    lies, values = np.asarray(inside, dtype=bool), np.asarray(scores, dtype=np.float64)
    lies = lies.reshape(len(values), -1) if len(values) else np.zeros((0, 0), dtype=bool)
    free = np.ones(lies.shape[1], bool)
    hit, counted = np.zeros(len(values), bool), np.ones(len(values), bool)
    for place in np.argsort(-values, kind="stable"):
        left = np.flatnonzero(lies[place] & free)
        if len(left):
            free[left[0]], hit[place] = False, True
        elif lies[place].any():
            counted[place] = repeats_count
    return Matched(hit, counted)


def within(points: ArrayLike, truths: ArrayLike, *, radius: float) -> Flags:
    """Say which points lie at most `radius` from which true ones, in their unit, (D, T)."""
    return np.asarray(_distances(points, truths) <= radius, dtype=bool)


def froc(ranked: Ranked, *, rates: Sequence[float] = FROC_RATES, between: Between = "step") -> Floats:
    """Return the sensitivity at numbers of false alarms a picture, (F,); their mean at `FROC_RATES` is the CPM.

    Args:
        ranked: detections over all pictures, healthy ones too.
        rates: false alarms a picture.
        between: operating points: "step" takes the best sensitivity at that rate or fewer, "linear" joins the points.
    """
    whole = np.ones((len(ranked.truths), 1))
    return np.asarray(_sensitivities(ranked, whole, rates, between)[0], dtype=np.float64)


def froc_draws(
    ranked: Ranked, weights: PatientWeights, *, rates: Sequence[float] = FROC_RATES, between: Between = "step"
) -> Floats:
    """Return `froc` in every resample, (B, F), NaN where it holds no lesion; weights are seen from the pictures."""
    draws = np.empty((weights.num_draws, len(rates)))
    for start, stop in weights.blocks(3 * len(ranked.score) + weights.num_items):
        draws[start:stop] = _sensitivities(ranked, weights.items(start, stop), rates, between)
    return draws


def assigned(cost: ArrayLike, allowed: ArrayLike) -> NDArray[np.intp]:
    """Return the pairs of least total cost, (M, 2): as many as are allowed at all, and among those the cheapest.

    Pairs are forbidden before it is solved: afterwards a far pair would have taken the place of a near one.

    Args:
        cost: of each pair, finite, (D, T).
        allowed: (D, T).
    """
    require("scipy", purpose="matching by least total cost")
    from scipy.optimize import linear_sum_assignment

    values, may = np.asarray(cost, dtype=np.float64), np.asarray(allowed, dtype=bool)
    if values.shape != may.shape or values.ndim != 2 or not np.isfinite(values).all():
        raise DataError(f"costs {values.shape} and allowed pairs {may.shape} must be one table of finite costs")
    if not may.any():
        return np.zeros((0, 2), dtype=np.intp)
    moved = values - values.min()
    far = (moved.max() + 1) * (min(values.shape) + 1)
    rows, columns = linear_sum_assignment(np.where(may, moved, far))
    kept = may[rows, columns]
    return np.stack([rows[kept], columns[kept]], axis=1)


def counted_pairs(inside: ArrayLike, cost: ArrayLike) -> Floats:
    """Return pairs found, detections and truths of one picture, (3,), by `assigned`; they add up over pictures."""
    table = np.asarray(cost, dtype=np.float64)
    return np.array([len(assigned(table, inside)), *table.shape], dtype=np.float64)


def precision_recall_f1(counts: ArrayLike) -> Floats:
    """Return precision, recall and F1, (…, 3), of summed `counted_pairs`, (…, 3); NaN where not defined."""
    found, said, wanted = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = np.stack([found / said, found / wanted, 2 * found / (said + wanted)], axis=-1)
    return shares


def mean_hit_distance(points: ArrayLike, truths: ArrayLike) -> Floats:
    """Return the distance of each said point to its nearest true one, (D,) (PointDetectCount).

    One-directional: truths that nobody points at cost nothing. Beside it give `counted_pairs` within a gate.
    """
    apart = _distances(points, truths)
    return apart.min(axis=1) if apart.shape[1] else np.full(len(apart), np.nan)


def answer_iou(said: Sequence[ArrayLike | None], truths: Sequence[ArrayLike]) -> Floats:
    """Return the overlap of what answers and truths cover, 0 for an answer that could not be read, (N,).

    Its mean is the mean IoU, the share from t on is Acc@t; an item may have several boxes.
    """
    return np.array([0.0 if one is None else union_iou(one, true) for one, true in zip(said, truths, strict=True)])


def threat_score(boxes: ArrayLike, scores: ArrayLike, truths: ArrayLike) -> float:
    """Return the mean over overlaps .4, .45 .. .75 of TP/(TP + FP + FN) of one picture (RSNA pneumonia challenge).

    0 where boxes are said and there is no truth; NaN, to be left out, where there is neither.
    """
    said, wanted = np.asarray(scores, dtype=np.float64), np.asarray(truths, dtype=np.float64).reshape(-1, 4)
    if not len(said) and not len(wanted):
        return float("nan")
    hits = [int(matches(boxes, said, wanted, threshold=t).hit.sum()) for t in _THREAT_THRESHOLDS]
    return float(np.mean([hit / (len(said) + len(wanted) - hit) for hit in hits]))


def _sensitivities(ranked: Ranked, weight: Floats, rates: Sequence[float], between: Between) -> Floats:
    """Sensitivities for weights of the pictures, (P, b) to (b, F)."""
    order = np.argsort(-ranked.score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(ranked.score[order])), len(order) - 1) if len(order) else order
    of_each = weight[ranked.picture[order]]
    hits = np.cumsum(of_each * ranked.hit[order, None], axis=0)[last]
    alarms = np.cumsum(of_each * ~ranked.hit[order, None], axis=0)[last]
    wanted, pictures = ranked.truths @ weight, weight.sum(axis=0)
    found = np.full((weight.shape[1], len(rates)), np.nan)
    for column in np.flatnonzero(wanted > 0):
        rate = np.append(0.0, alarms[:, column] / pictures[column])
        share = np.append(0.0, hits[:, column] / wanted[column])
        if between == "step":
            found[column] = share[np.searchsorted(rate, np.asarray(rates) + 1e-12, side="right") - 1]
        else:
            ends = np.append(np.flatnonzero(np.diff(rate)), len(rate) - 1)
            found[column] = np.interp(rates, rate[ends], share[ends])
    return found


def _recall(ranked: Ranked) -> float:
    wanted = float(ranked.truths.sum())
    return float(ranked.hit.sum()) / wanted if wanted else float("nan")


def _mean(values: Floats) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _distances(points: ArrayLike, truths: ArrayLike) -> Floats:
    ours, theirs = (np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in (points, truths))
    if not ours.size or not theirs.size:
        return np.zeros((len(ours) if ours.size else 0, len(theirs) if theirs.size else 0))
    return np.asarray(np.sqrt(np.sum((ours[:, None] - theirs[None]) ** 2, axis=2)), dtype=np.float64)
