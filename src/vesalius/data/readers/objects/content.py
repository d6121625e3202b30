"""The content tree of a structured report, bounded in depth and number (PS3.3 C.17.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vesalius.data.readers.dicom_tags import items, numbers, text
from vesalius.data.readers.objects.codes import Code, code_in, words
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Item", "Reference", "content_tree"]

_MAX_DEPTH = 64
_MAX_ITEMS = 200_000


class Reference(NamedTuple):
    """An image, or frames or segments of it, that an item speaks of."""

    instance_uid: str
    class_uid: str = ""
    frames: tuple[int, ...] = ()
    """Counted from 1, as in the file; empty for all."""
    segments: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Item:
    """One content item; which of the values counts depends on its kind."""

    kind: str
    """CONTAINER, TEXT, CODE, NUM, IMAGE, COMPOSITE, UIDREF, SCOORD…"""
    relation: str = ""
    """HAS OBS CONTEXT, CONTAINS, HAS CONCEPT MOD…"""
    name: Code | None = None
    text: str = ""
    code: Code | None = None
    value: float | None = None
    unit: Code | None = None
    reference: Reference | None = None
    children: tuple[Item, ...] = ()

    def named(self, *pairs: tuple[str, str]) -> bool:
        """Say whether the concept name is one of the given pairs of value and scheme."""
        return self.name is not None and self.name.same(*pairs)

    def child(self, *pairs: tuple[str, str]) -> Item | None:
        """Return the first child whose concept name is one of the given."""
        return next((item for item in self.children if item.named(*pairs)), None)

    def walk(self) -> Iterator[Item]:
        """Yield this item and all below it."""
        yield self
        for item in self.children:
            yield from item.walk()


def content_tree(dataset: Dataset) -> Item:
    """Return the root of a report's tree.

    Names of persons, dates and times in the tree are not read.

    Raises:
        DataError: no content, or deeper or larger than any report.
    """
    if text(dataset, "ValueType") != "CONTAINER":
        raise DataError("its root is no CONTAINER (0040,A040): the report's content is missing or truncated")
    return _item(dataset, 0, [0])


def _item(entry: Dataset, depth: int, count: list[int]) -> Item:
    count[0] += 1
    if depth > _MAX_DEPTH or count[0] > _MAX_ITEMS:
        raise DataError(f"its content is nested deeper than {_MAX_DEPTH} or has more than {_MAX_ITEMS} items")
    kind = text(entry, "ValueType")
    value, unit = _measured(entry) if kind == "NUM" else (None, None)
    return Item(
        kind=kind,
        relation=text(entry, "RelationshipType"),
        name=code_in(entry, "ConceptNameCodeSequence"),
        text=words(entry, "TextValue") if kind == "TEXT" else text(entry, "UID") if kind == "UIDREF" else "",
        code=code_in(entry, "ConceptCodeSequence") if kind == "CODE" else None,
        value=value,
        unit=unit,
        reference=_reference(entry) if kind in ("IMAGE", "COMPOSITE") else None,
        children=tuple(_item(child, depth + 1, count) for child in items(entry, "ContentSequence")),
    )


def _measured(entry: Dataset) -> tuple[float | None, Code | None]:
    """Return the number and unit; a measurement may be empty, with a reason in its qualifier."""
    found = items(entry, "MeasuredValueSequence")
    if not found:
        return None, None
    exact = found[0].get("FloatingPointValue")
    plain = numbers(found[0], "NumericValue")
    value = float(exact) if exact is not None else plain[0] if plain else None
    return value, code_in(found[0], "MeasurementUnitsCodeSequence")


def _reference(entry: Dataset) -> Reference | None:
    found = items(entry, "ReferencedSOPSequence")
    if not found:
        return None
    frames = tuple(int(value) for value in numbers(found[0], "ReferencedFrameNumber"))
    segments = found[0].get("ReferencedSegmentNumber") or ()
    segments = (segments,) if isinstance(segments, int) else segments
    return Reference(
        instance_uid=text(found[0], "ReferencedSOPInstanceUID"),
        class_uid=text(found[0], "ReferencedSOPClassUID"),
        frames=frames,
        segments=tuple(int(value) for value in segments),
    )
