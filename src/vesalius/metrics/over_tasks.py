"""One pair of systems over many data sets: how often it wins, by how much on average, and whether one set decides.

The data sets must share no patient: scores of several tasks on the same patients are no independent evidence.
Wins, ties and losses are those of `significance.verdict`: a tie is shown, not what is left when nothing is shown.

Letters: D data sets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike

from vesalius.errors import DataError
from vesalius.metrics.significance import Verdict, sign_test
from vesalius.metrics.variance import Spread, over_datasets

__all__ = ["VERDICTS", "OverTasks", "counted", "over_tasks"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class OverTasks(NamedTuple):
    """One pair of systems over D data sets, seen from the first."""

    counts: dict[str, int]
    p: float
    """Sign test of wins against losses; ties and undecided ones are left out."""
    mean: Spread
    """Mean difference with random effects of the data sets."""
    least: float
    """Smallest mean difference when one data set is left out."""
    most: float
    """Largest of them."""
    decisive: str
    """Data set without which the sign of the mean turns; "" where there is none."""


def counted(verdicts: Iterable[str]) -> dict[str, int]:
    """Count wins, ties, losses and undecided ones, all four always named."""
    found = Counter(verdicts)
    unknown = sorted(found.keys() - set(VERDICTS))
    if unknown:
        raise DataError(f"verdict {unknown[0]!r}; expected one of {', '.join(VERDICTS)}")
    return {name: found[name] for name in VERDICTS}


def over_tasks(
    names: Sequence[str], differences: ArrayLike, errors: ArrayLike, verdicts: Sequence[str], *, level: float = 0.95
) -> OverTasks:
    """Put the comparisons of one pair of systems on D data sets together.

    Args:
        names: of the data sets, D.
        differences: first - second on each, larger being better, (D,).
        errors: standard error of each, above 0, (D,).
        verdicts: win, tie, loss or undecided on each, D.
        level: coverage of the mean's interval.

    Raises:
        DataError: fewer than three data sets, lists of unlike length, or an error that is not above 0.
    """
    each, spread = np.asarray(differences, dtype=np.float64), np.asarray(errors, dtype=np.float64)
    if not len(names) == len(each) == len(spread) == len(verdicts) or len(names) < 3:
        raise DataError(
            f"{len(names)} names, {len(each)} differences, {len(spread)} errors and {len(verdicts)} verdicts; give "
            "one of each for three data sets or more"
        )
    counts = counted(verdicts)
    mean = over_datasets(each, spread, level=level)
    left = np.array([over_datasets(np.delete(each, row), np.delete(spread, row)).value for row in range(len(each))])
    turned = np.flatnonzero(np.sign(left) != np.sign(mean.value))
    return OverTasks(
        counts=counts,
        p=sign_test(counts["win"], counts["loss"]),
        mean=mean,
        least=float(left.min()),
        most=float(left.max()),
        decisive=names[int(turned[0])] if len(turned) else "",
    )
