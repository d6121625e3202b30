"""Do judges and raters agree, with one another and with themselves.

One number misleads where nearly all items are of one kind, so `two_raters` gives agreement, kappa, prevalence and
AC1 together. Two raters' tables are those of `multiclass.confusion_matrix`, whose `kappa` (weighted too) and
`gwet_ac1` are used here.

Letters: N items, R raters, K classes, S systems, B resamples.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vesalius.errors import ConfigError, DataError, did_you_mean
from vesalius.metrics.bootstrap import PatientWeights
from vesalius.metrics.multiclass import accuracy, confusion_matrix, gwet_ac1, kappa
from vesalius.metrics.variance import components

__all__ = [
    "Fleiss",
    "Icc",
    "TwoRaters",
    "fleiss",
    "icc",
    "kendall_tau",
    "krippendorff",
    "length_bias",
    "swapped",
    "tau_draws",
    "two_raters",
    "two_raters_draws",
]

Floats = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval"]
Weights = Literal["none", "linear", "quadratic"]


class TwoRaters(NamedTuple):
    """Agreement of two raters, to be printed whole."""

    agreement: float
    """Share of items that both put into one class."""
    kappa: float
    prevalence: float
    """Share of the commonest class among all ratings of both: near 1, kappa breaks down."""
    ac1: float
    """Gwet's AC1, which does not."""


class Fleiss(NamedTuple):
    """Agreement of several raters beyond chance."""

    kappa: float
    """Chance from the raters' own shares of the classes."""
    free_marginal: float
    """Chance of one in K (Randolph)."""


class Icc(NamedTuple):
    """Intraclass correlations of Shrout and Fleiss 1979: report `single_random` for one judge."""

    single_one_way: float
    """ICC(1,1): every item has raters of its own."""
    single_random: float
    """ICC(2,1): raters drawn at random, absolute agreement."""
    single_fixed: float
    """ICC(3,1): these very raters, up to a constant of each."""
    panel_random: float
    """ICC(2,k): the mean of a panel of R raters drawn at random."""
    panel_fixed: float
    """ICC(3,k)."""


def two_raters(first: ArrayLike, second: ArrayLike, *, labels: ArrayLike, weights: Weights = "none") -> TwoRaters:
    """Compare two raters, a judging model with a rule, or one judge asked twice.

    Args:
        first: class of each item, (N,).
        second: class of each item by the other, (N,).
        labels: all classes in order, fixed in advance, (K,).
        weights: of kappa, "quadratic" for ordered grades.
    """
    return _of_table(confusion_matrix(first, second, labels=labels), weights)


def two_raters_draws(
    first: ArrayLike, second: ArrayLike, resamples: PatientWeights, *, labels: ArrayLike, weights: Weights = "none"
) -> Floats:
    """Return the four numbers of `two_raters` in every resample, (B, 4); the sums of each cell are enough."""
    size = len(np.asarray(labels))
    one, other = np.asarray(first), np.asarray(second)
    each = [confusion_matrix(one[[row]], other[[row]], labels=labels).reshape(-1) for row in range(len(one))]
    cells = resamples.sums(np.stack(each)).reshape(-1, size, size)
    return np.array([_of_table(table, weights) if table.sum() else (np.nan,) * 4 for table in cells])


def fleiss(counts: ArrayLike) -> Fleiss:
    """Fleiss' kappa of how many raters put each item into each class, (N, K); the same number for every item.

    NaN where all ratings are of one class.

    Raises:
        DataError: items have unlike numbers of ratings (use `krippendorff`), or fewer than two.
    """
    table = np.asarray(counts, dtype=np.float64)
    raters = table.sum(axis=1)
    if not len(table) or np.ptp(raters) or raters[0] < 2:
        raise DataError(
            "Fleiss' kappa wants the same number of ratings, two or more, for every item; see krippendorff"
        )
    agreed = float(np.mean((np.sum(table**2, axis=1) - raters) / (raters * (raters - 1))))
    chance = float(np.sum((table.sum(axis=0) / table.sum()) ** 2))
    even = 1 / table.shape[1]
    return Fleiss((agreed - chance) / (1 - chance) if chance < 1 else float("nan"), (agreed - even) / (1 - even))


def krippendorff(ratings: ArrayLike, *, level: Level = "nominal") -> float:
    """Krippendorff's alpha of (R, N) ratings, NaN where one is missing; NaN where nothing varies.

    Args:
        ratings: numbers of classes, grades or measured values, (R, N).
        level: how far two values are apart: not at all or wholly, by ranks, or by their difference.

    Raises:
        DataError: no item was rated twice.
    """
    if level not in ("nominal", "ordinal", "interval"):
        raise ConfigError(f"unknown level {level!r}{did_you_mean(level, ['nominal', 'ordinal', 'interval'])}")
    table = np.asarray(ratings, dtype=np.float64)
    table = table[:, np.isfinite(table).sum(axis=0) >= 2]
    if not table.size:
        raise DataError("no item has two ratings, so no agreement can be told")
    values = np.unique(table[np.isfinite(table)])
    counts = np.stack([(table == value).sum(axis=0) for value in values], axis=1).astype(np.float64)
    paired = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(values))
    seen = np.sum(paired / (counts.sum(axis=1) - 1)[:, None, None], axis=0)
    total = seen.sum(axis=1)
    expected = (np.outer(total, total) - np.diag(total)) / (total.sum() - 1)
    cost = _apart(values, total, level)
    chance = float(np.sum(cost * expected))
    return 1 - float(np.sum(cost * seen)) / chance if chance else float("nan")


def icc(ratings: ArrayLike) -> Icc:
    """Intraclass correlations of a full table of ratings, (N, R); NaN where neither items nor raters vary."""
    table = np.asarray(ratings, dtype=np.float64)
    found = components(table.T)
    (items, raters), rows, columns, rest = table.shape, found.ms_case, found.ms_seed, found.ms_error
    within = (columns + (items - 1) * rest) / items
    spread = raters * (columns - rest) / items
    return Icc(
        single_one_way=_share(rows - within, rows + (raters - 1) * within),
        single_random=_share(rows - rest, rows + (raters - 1) * rest + spread),
        single_fixed=_share(rows - rest, rows + (raters - 1) * rest),
        panel_random=_share(rows - rest, rows + spread / raters),
        panel_fixed=_share(rows - rest, rows),
    )


def kendall_tau(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's tau-b of two scorings of the same systems, (S,) each; NaN where one is level throughout."""
    one, other = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if one.shape != other.shape or one.ndim != 1:
        raise DataError(f"rankings of {one.shape} and {other.shape} systems; both must list the same ones")
    signs = [np.sign(values[:, None] - values[None, :]) for values in (one, other)]
    scale = float(np.sqrt(np.sum(signs[0] ** 2) * np.sum(signs[1] ** 2)))
    return float(np.sum(signs[0] * signs[1])) / scale if scale else float("nan")


def tau_draws(first: ArrayLike, second: ArrayLike, resamples: PatientWeights) -> Floats:
    """Return tau of the systems' means by two metrics in every resample of items, (B,).

    Args:
        first: value of each item and system by one metric or judge, (N, S).
        second: the same by another, (N, S).
        resamples: of the items.
    """
    # the number of items cancels in a ranking, so sums serve as means
    sums = [resamples.sums(values) for values in (first, second)]
    return np.array([kendall_tau(one, other) for one, other in zip(*sums, strict=True)])


def swapped(as_given: ArrayLike, turned: ArrayLike) -> Floats:
    """Say for each item whether a judge of pairs changes its mind when the two answers change places, (N,).

    Args:
        as_given: 1 where the first answer is preferred, -1 the second, 0 neither, (N,).
        turned: what it says of the two in the other order, in the same code: first and second as they stand there.
    """
    one, other = np.asarray(as_given, dtype=np.float64), np.asarray(turned, dtype=np.float64)
    if one.shape != other.shape or not np.isin([*one, *other], (-1, 0, 1)).all():
        raise DataError("preferences must be two lists of one length with 1, 0 or -1 for each item")
    return np.asarray(one != -other, dtype=np.float64)


def length_bias(scores: ArrayLike, lengths: ArrayLike) -> float:
    """Spearman's correlation of a judge's scores with the lengths of what it judged; NaN where one is level."""
    from scipy.stats import rankdata

    ranks = [rankdata(np.asarray(values, dtype=np.float64)) for values in (scores, lengths)]
    apart = [values - values.mean() for values in ranks]
    return _share(float(apart[0] @ apart[1]), float(np.sqrt((apart[0] @ apart[0]) * (apart[1] @ apart[1]))))


def _of_table(table: Floats, weights: Weights) -> TwoRaters:
    shares = (table.sum(axis=1) + table.sum(axis=0)) / (2 * table.sum())
    return TwoRaters(accuracy(table), kappa(table, weights=weights), float(shares.max()), gwet_ac1(table))


def _apart(values: Floats, total: Floats, level: Level) -> Floats:
    """Squared distance of each two values, (K, K); `total` ratings of each value."""
    if level == "nominal":
        return np.asarray(1 - np.eye(len(values)))
    if level == "interval":
        return np.asarray((values[:, None] - values[None, :]) ** 2)
    # ratings between two values, their own half: Krippendorff 2011, ordinal metric
    middle = np.cumsum(total) - total / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)


def _share(above: float, below: float) -> float:
    return float(above / below) if below else float("nan")
