"""One conversation to train on: its turns, what they show, and what of it lies where.

Boxes and points stay in pixels of the original file until a model's own way of writing them is known: until then the
texts hold marks, ``<objects:0,2>``, which name places in `Conversation.objects`; see `vesalius.tasks.grammar`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Literal

from vesalius.data.messages import Media, Message, media_of
from vesalius.data.records import Box
from vesalius.errors import DataError

__all__ = ["MARK", "Conversation", "Located", "RowError", "mark", "marked"]

MARK = re.compile(r"<objects:((?:\d+(?:,\d+)*)?)>")
"""What stands in a text for objects, by their numbers; ``<objects:>`` is for none."""


class RowError(DataError):
    """A row of a source is wrong."""

    def __init__(self, told: str, *, kind: str = "row") -> None:
        """Take the message, and the kind of fault by which faults are counted."""
        super().__init__(told)
        self.kind = kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """Something named and where it lies on one medium, in pixels of the original file, origin at the upper left."""

    name: str
    """In words, as it stands in texts; empty where nobody named it."""
    medium: int = 0
    """Place in `Conversation.media`."""
    boxes: tuple[Box, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    """Column and row of each."""
    number: int | None = None
    """How many there are, where that is said and not the number of its boxes or points."""

    @property
    def count(self) -> int:
        """How many there are."""
        return self.number if self.number is not None else len(self.points) or len(self.boxes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """Turns about media, with the answers that are to be learnt."""

    id: str
    messages: tuple[Message, ...]
    """Media by absolute paths."""
    patient: str = ""
    """Unit of splits and of resampling; the id where nobody knows."""
    task: str = ""
    """Task family: vqa, report, text2region, pointing, …; empty where the rows do not say."""
    language: str = "en"
    source: str = ""
    """Data set that it is from."""
    objects: tuple[Located, ...] = ()
    weight: float = 1.0
    """What its loss counts."""
    rejected: str = ""
    """The worse one of two last answers; empty where there is no pair."""
    rejected_media: tuple[Media, ...] = ()
    """What the worse answer of a pair is given with, in place of `media`; empty where it is the same."""

    def __post_init__(self) -> None:
        fault = _fault(self)
        if fault:
            raise DataError(f"conversation {self.id!r}: {fault}")

    @property
    def media(self) -> tuple[Media, ...]:
        """Return all media in their order."""
        return media_of(self.messages)

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the texts of the assistant's turns."""
        return tuple(message.text for message in self.messages if message.role == "assistant")

    @property
    def is_pair(self) -> bool:
        """Whether there is a worse answer, or the same one about worse media."""
        return bool(self.rejected or self.rejected_media)

    def side(self, name: Literal["chosen", "rejected"]) -> Conversation:
        """Return one side of a pair as a conversation of its own."""
        alone = replace(self, rejected="", rejected_media=())
        if name == "chosen" or not self.is_pair:
            return alone
        media = iter(self.rejected_media or self.media)
        messages = [
            replace(message, parts=tuple(next(media) if isinstance(part, Media) else part for part in message.parts))
            for message in self.messages
        ]
        if self.rejected:
            messages[-1] = replace(messages[-1], parts=(self.rejected,))
        return replace(alone, messages=tuple(messages))


def mark(*numbers: int) -> str:
    """Return what stands in a text for objects of these numbers."""
    return f"<objects:{','.join(map(str, numbers))}>"


def marked(text: str) -> tuple[int, ...]:
    """Return the numbers of all objects that marks in a text name, in their order."""
    return tuple(int(number) for found in MARK.finditer(text) for number in found[1].split(",") if number)


def _fault(row: Conversation) -> str:
    """Say what is wrong with a conversation, or nothing."""
    media = len(row.media)
    if not row.id or not row.messages:
        return "it needs an id and at least one message"
    if not (math.isfinite(row.weight) and row.weight >= 0):
        return f"weight {row.weight}; expected a number that is not negative"
    beyond = [place.medium for place in row.objects if not 0 <= place.medium < media]
    if beyond:
        return f"an object lies on medium {beyond[0]} of {media}"
    unknown = [number for message in row.messages for number in marked(message.text) if number >= len(row.objects)]
    if unknown:
        return f"a text marks object {unknown[0]} of {len(row.objects)}"
    if not row.is_pair:
        return ""
    if row.messages[-1].role != "assistant":
        return "a pair needs the better answer as its last message"
    if row.rejected_media and len(row.rejected_media) != media:
        return f"{len(row.rejected_media)} rejected media for {media}; expected one for each"
    if (row.rejected or row.messages[-1].text) == row.messages[-1].text and (
        row.rejected_media or row.media
    ) == row.media:
        return "both answers of the pair are equal, and so is what they are given with: it teaches nothing"
    return ""
