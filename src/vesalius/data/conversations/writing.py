"""A conversation as a row of a chat file, in the spelling that `rows` reads back to an equal one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vesalius.data.conversations.records import Conversation
from vesalius.data.messages import Media, Message
from vesalius.errors import DataError

__all__ = ["row_of"]


def row_of(conversation: Conversation) -> dict[str, Any]:
    """Return the row: messages, media with their paths as they are, and the worse side of a pair.

    Raises:
        DataError: it holds what a row cannot: objects, edits of media, or worse media that are no pictures.
    """
    media = (*conversation.media, *conversation.rejected_media)
    worse_kinds = {one.kind for one in conversation.rejected_media} - {"image"}
    if conversation.objects or any(one.edits for one in media) or worse_kinds:
        raise DataError(
            f"conversation {conversation.id!r} holds regions, edited media or worse media that are no pictures; a "
            "row of a chat file has no words for them"
        )
    row: dict[str, Any] = {
        "id": conversation.id,
        "messages": [{"role": one.role, "content": _content(one)} for one in conversation.messages],
    }
    for kind in dict.fromkeys(one.kind for one in conversation.media):
        row[f"{kind}s"] = _paths(one for one in conversation.media if one.kind == kind)
    if conversation.rejected:
        row["rejected_response"] = conversation.rejected
    if conversation.rejected_media:
        row["rejected_images"] = _paths(conversation.rejected_media)
    told = {"task": conversation.task, "patient": conversation.patient, "source": conversation.source}
    return {
        **row, "weight": conversation.weight, "language": conversation.language,
        **{name: value for name, value in told.items() if value},
    }  # fmt: skip


def _content(message: Message) -> str:
    return "".join(f"<{part.kind}>" if isinstance(part, Media) else part for part in message.parts)


def _paths(media: Iterable[Media]) -> list[Any]:
    return [one.path if one.frame is None else {"path": one.path, "frame": one.frame} for one in media]
