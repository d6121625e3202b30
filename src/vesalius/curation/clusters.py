"""Groups of duplicates, and which of a group stays."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from vesalius.data.records import Study

__all__ = ["Keep", "clusters", "richness", "survivor"]

Keep = Literal["richest", "first"]
"""richest: most texts, findings, regions, measurements, dialogues and pixels, in this order of counting; the smaller
id where equal. first: the smaller id."""


def clusters(count: int, pairs: Iterable[Sequence[int]]) -> list[list[int]]:
    """Join what pairs join, by union-find: groups of two or more of the numbers 0 to `count` - 1, sorted."""
    parent = list(range(count))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for pair in pairs:
        one, other = root(int(pair[0])), root(int(pair[1]))
        if one != other:
            parent[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = defaultdict(list)
    for number in range(count):
        groups[root(number)].append(number)
    return sorted(group for group in groups.values() if len(group) > 1)


def richness(study: Study) -> tuple[int, int]:
    """Return how many records a study has, and the pixels of its images."""
    records = len(study.texts) + len(study.findings) + len(study.regions) + len(study.measurements)
    pixels = 0
    for image in study.images:
        size = 1
        for side in image.shape:
            size *= side
        pixels += size if image.shape else 0
    return records + len(study.dialogues), pixels


def survivor(names: Sequence[str], rich: Sequence[tuple[int, int]], *, keep: Keep) -> int:
    """Return the place of the one that stays; the choice does not depend on the order.

    Args:
        names: ids of the studies of a group.
        rich: `richness` of each.
        keep: the rule.
    """
    places = range(len(names))
    if keep == "first":
        return min(places, key=lambda place: names[place])
    return min(places, key=lambda place: (-rich[place][0], -rich[place][1], names[place]))
