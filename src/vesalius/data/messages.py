"""A conversation in which a picture, a volume or a clip stands among the words, as models are asked and trained.

The pixels stay in their files: a `Media` says where they are and what is done to them before anybody looks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from vesalius.errors import DataError

__all__ = ["Media", "MediaKind", "Message", "media_of", "text_of"]

MediaKind = Literal["image", "volume", "video"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A file that is shown."""

    path: str
    """Of the file or, for a DICOM series, of the folder; absolute."""
    kind: MediaKind = "image"
    frame: int | None = None
    """Frame of a clip or slice of a volume that alone is shown, from 0."""
    edits: tuple[str, ...] = ()
    """What is done to the pixels, in this order: see `vesalius.models.media.EDITS`."""

    def edited(self, *edits: str) -> Media:
        """Return the same file with further edits."""
        return replace(self, edits=(*self.edits, *edits))


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn: texts and media in the order in which they stand."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[str | Media, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise DataError(f"a message of the {self.role} holds nothing; give it a text or media")

    @property
    def text(self) -> str:
        """Return the words of the message, media left out."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def media(self) -> tuple[Media, ...]:
        """Return what the message shows."""
        return tuple(part for part in self.parts if isinstance(part, Media))


def text_of(messages: tuple[Message, ...]) -> str:
    """Return the conversation as one text, a line for each role, with <image>, <volume> and <video> for the media."""
    lines = []
    for message in messages:
        words = "".join(part if isinstance(part, str) else f"<{part.kind}>" for part in message.parts)
        lines.append(f"[{message.role}] {words}")
    return "\n".join(lines)


def media_of(messages: tuple[Message, ...]) -> tuple[Media, ...]:
    """Return all media of a conversation in their order."""
    return tuple(media for message in messages for media in message.media)
