"""Which items were seen in training, by the marks of an audit, so that their scores stand apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vesalius.benchmarks.base import Item
from vesalius.curation.leakage import Contamination

__all__ = ["NOT_CHECKED", "seen_marker"]

NOT_CHECKED = (
    "Nobody looked whether these items were in the model's training data; vesalius audit --mark does, where that "
    "data is at hand, and --contamination brings its marks here."
)


def seen_marker(path: str) -> Callable[[Item], Item]:
    """Return what adds the field ``seen`` (yes or no) to an item.

    An audit names studies of the corpus that a release makes; an item is of a study whose id is its cluster or the
    name of one of its pictures, with the part of the split after it or not.

    Raises:
        DataError: no such marks.
    """
    marked = Contamination.read(path).studies()
    names = marked | {name.rpartition("_")[0] for name in marked}

    def mark(item: Item) -> Item:
        own = {item.cluster, *(Path(media.path).stem for media in item.media)}
        return replace(item, fields={**item.fields, "seen": "yes" if own & names else "no"})

    return mark
