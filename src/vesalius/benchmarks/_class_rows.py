"""F1 of classes as means: each answer stands once in the class that is right and once in the one that was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vesalius.benchmarks.base import Item, Mark

__all__ = ["class_rows"]


def class_rows(item: Item, mark: Mark, *, truth: str, said: str) -> Iterator[tuple[Item, Mark]]:
    """Yield the memberships of an answer, each 1 where the answer is right.

    The mean over the members of a class is 2 TP / (2 TP + FP + FN), its F1, and the mean over the field ``class`` the
    macro F1 over the classes that occur, in every resample too. An answer that was not read is in the right class
    alone.
    """
    for place, name in (("truth", truth), ("said", said)):
        if name:
            values = {"f1": float(truth == said)}
            yield replace(item, id=f"{item.id}-{place}", fields={"class": name}), Mark(values=values, ids=mark.ids)
