"""Put regions into the texts of a conversation, in the way that a model writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vesalius.data.conversations.records import MARK, Conversation
from vesalius.data.messages import Message
from vesalius.errors import DataError
from vesalius.tasks.grammar.base import Grammar, Plane

__all__ = ["write"]


def write(conversation: Conversation, grammar: Grammar, planes: Sequence[Plane]) -> Conversation:
    """Return a conversation whose marks of objects are written out.

    An answer that is nothing but a mark becomes an answer of the task's own form; a mark among words, or in a
    question, becomes regions among words.

    Args:
        conversation: with objects in pixels of the original files.
        grammar: way to write them.
        planes: sizes of every medium.

    Raises:
        DataError: names the conversation; a region lies outside, or there is a plane too few or too many.
    """
    if len(planes) != len(conversation.media):
        raise DataError(f"conversation {conversation.id!r}: {len(planes)} sizes for {len(conversation.media)} media")
    try:
        messages = tuple(_message(message, conversation, grammar, planes) for message in conversation.messages)
        rejected = _text(conversation.rejected, conversation, grammar, planes, answer=True)
    except DataError as error:
        raise DataError(
            f"conversation {conversation.id!r} of {conversation.source or 'no source'}: {error}"
        ) from None
    return replace(conversation, messages=messages, rejected=rejected, objects=())


def _message(message: Message, row: Conversation, grammar: Grammar, planes: Sequence[Plane]) -> Message:
    answer = message.role == "assistant" and len(message.parts) == 1
    parts = tuple(
        _text(part, row, grammar, planes, answer=answer) if isinstance(part, str) else part for part in message.parts
    )
    return message if parts == message.parts else replace(message, parts=parts)


def _text(text: str, row: Conversation, grammar: Grammar, planes: Sequence[Plane], *, answer: bool) -> str:
    alone = answer and MARK.fullmatch(text.strip())

    def written(found: re.Match[str]) -> str:
        objects = [row.objects[int(number)] for number in found[1].split(",") if number]
        media = {one.medium for one in objects}
        if len(media) > 1:
            raise DataError(
                f"mark {found[0]} is of objects on {len(media)} media; give each medium a mark of its own"
            )
        plane = planes[media.pop()] if media else Plane((1, 1))
        return grammar.format(objects, plane, task=row.task) if alone else grammar.inline(objects, plane)

    return MARK.sub(written, text)
