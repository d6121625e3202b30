"""How parts of a corpus differ: each figure of each group, and the largest standardised difference of two groups.

The standardised mean difference is the difference of two means over the root of the mean of both variances (Cohen;
Austin 2009, Statistics in Medicine 28:3083); 0.1 and more is taken for an imbalance there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from vesalius.data.inspect.survey import Group

__all__ = ["IMBALANCE", "Shift", "shifts"]

IMBALANCE = 0.1
"""A standardised difference of this much is worth a look."""
_LEAST_STUDIES = 20
_MOST_GROUPS = 12


@dataclass(frozen=True, kw_only=True)
class Shift:
    """One figure in several groups."""

    name: str
    values: Mapping[str, float]
    """Mean or share by group; groups without the figure are left out."""
    difference: float
    """Largest standardised difference of two groups."""
    chance: float
    """What chance exceeds in one corpus of twenty, over all figures and pairs of groups together (Bonferroni)."""

    @property
    def matters(self) -> bool:
        """Whether the difference is large and more than chance makes."""
        return self.difference >= IMBALANCE and self.difference > self.chance


def shifts(groups: Mapping[str, Group]) -> list[Shift]:
    """Compare the largest groups that have at least twenty studies; the largest difference comes first."""
    large = [name for name, group in groups.items() if group.studies >= _LEAST_STUDIES]
    large = sorted(large, key=lambda name: -groups[name].studies)[:_MOST_GROUPS]
    if len(large) < 2:
        return []
    moments: dict[str, dict[str, tuple[float, float, int]]] = {}
    for name in large:
        for figure, mean, variance, count in _figures(groups[name]):
            moments.setdefault(figure, {})[name] = (mean, variance, count)
    tests = sum(len(by_group) * (len(by_group) - 1) // 2 for by_group in moments.values())
    found = [_shift(figure, by_group, tests) for figure, by_group in moments.items() if len(by_group) > 1]
    return sorted(found, key=lambda shift: -shift.difference)


def _figures(group: Group) -> Iterator[tuple[str, float, float, int]]:
    """Yield name, mean, variance and number of observations of every figure of a group."""
    for name, spread in (("age, years", group.age), ("words of texts", group.words)):
        if spread.count:
            yield name, spread.mean, spread.variance, spread.count
    sexes = group.sex["F"] + group.sex["M"]
    if sexes:
        yield _share("female", group.sex["F"], sexes)
    for concept, stated in group.stated.items():
        if stated:
            yield _share(concept, group.present[concept], stated)
    images = group.modality.total()
    for modality, count in group.modality.items():
        yield _share(f"images that are {modality}", count, images)


def _share(name: str, count: int, total: int) -> tuple[str, float, float, int]:
    share = count / total
    return name, share, share * (1 - share), total


def _shift(name: str, by_group: Mapping[str, tuple[float, float, int]], tests: int) -> Shift:
    difference, noise = 0.0, 0.0
    errors = NormalDist().inv_cdf(1 - 0.05 / (2 * tests))
    for one, other in combinations(by_group.values(), 2):
        spread = np.sqrt((one[1] + other[1]) / 2)
        gap = abs(one[0] - other[0])
        size = gap / spread if spread > 0 else (np.inf if gap else 0.0)
        if size > difference:
            difference, noise = float(size), float(np.sqrt(1 / one[2] + 1 / other[2]))
    values = {group: mean for group, (mean, _, _) in by_group.items()}
    return Shift(name=name, values=values, difference=difference, chance=errors * noise)
