"""Rows of chat files, in all their spellings, as conversations.

Read are `messages` (role, content; content a text or parts as OpenAI has them) or `conversations` (from, value, as
LLaVA has them) or `query` and `response` or `prompt` and `completion`; media in `images`, `videos` and `volumes`
(or the singular) with ``<image>``, ``<video>`` and ``<volume>`` where they stand; objects as ms-swift has them or as
a list; and a worse answer in `rejected_response`, `rejected`, `rejected_conversations`, with `rejected_images`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from vesalius.data.conversations.languages import is_language
from vesalius.data.conversations.objects import objects_of, with_marks
from vesalius.data.conversations.records import Conversation, RowError
from vesalius.data.messages import Media, MediaKind, Message
from vesalius.data.releases.rows import Row
from vesalius.errors import DataError

__all__ = ["Reading", "conversation_of"]

_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "bot": "assistant",
    "system": "system",
}  # fmt: skip
_KINDS = get_args(MediaKind)
_TOKEN = re.compile(rf"<({'|'.join(_KINDS)})>")
_PART_KINDS = {"image": "image", "image_url": "image", "video": "video", "video_url": "video", "volume": "volume"}
_REMOTE = ("http://", "https://", "s3://", "gs://", "data:")

Said = tuple[str, str]
"""Role and text."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How rows of a file are taken."""

    folder: Path
    """That paths of media are relative to."""
    most_media: int = 32
    """Media in one turn."""
    language: str = "en"
    """Of rows that state none."""
    source: str = ""
    """Of rows that state none."""


def conversation_of(row: Row, name: str, reading: Reading) -> Conversation:
    """Return what a row says.

    Raises:
        RowError: names the row and what is wrong with it, with the numbers.
    """
    media: list[Media] = [
        _media(row, value, cast(MediaKind, kind), reading)
        for kind in _KINDS
        for value in (*row.items(f"{kind}s"), *_single(row, kind))
    ]
    said, worse = _said(row, media, reading)
    _check_answers(row, said)
    said, objects = with_marks(row, said, objects_of(row, media))
    places = _places(said, media)
    objects = tuple(replace(one, medium=places[one.medium]) for one in objects)
    rejected_media = tuple(
        _media(row, value, "image", reading)
        for value in (*row.items("rejected_images"), *_single(row, "rejected_image"))
    )
    if rejected_media and worse == said[-1][1]:
        worse = ""
    language = row.optional("language") or reading.language
    if not is_language(language):
        raise RowError(
            f"{row.where}: unknown language {language!r}; expected a code such as en, zh, ar, hi", kind="language"
        )
    try:
        return Conversation(
            id=row.optional("id") or name, messages=_messages(row, said, media, reading), objects=objects,
            patient=row.optional("patient", "patient_id"), task=_task(row), language=language,
            source=row.optional("source") or reading.source, weight=_weight(row), rejected=worse,
            rejected_media=rejected_media,
        )  # fmt: skip
    except RowError:
        raise
    except DataError as error:
        raise RowError(f"{row.where}: {error}", kind="pair" if worse or rejected_media else "row") from None


def _said(row: Row, media: list[Media], reading: Reading) -> tuple[list[Said], str]:
    """Return who says what, the better answer last, and the worse answer."""
    if row.has("conversations"):
        said = [(part.text("from"), part.text("value")) for part in row.parts("conversations")]
        worse = row.parts("rejected_conversations") or row.parts("rejected_conv")
        return _roles(row, said), worse[-1].text("value") if worse else _worse(row, media, reading)
    if row.has("messages"):
        return _roles(row, [_turn(part, media, reading) for part in row.parts("messages")]), _worse(
            row, media, reading
        )
    said = [("system", row.text("system"))] if row.has("system") else []
    for pair in row.items("history"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise RowError(
                f"{row.where}: history holds {type(pair).__name__}, expected pairs of question and answer", kind="row"
            )
        said += [("user", str(pair[0])), ("assistant", str(pair[1]))]
    for names, role in ((("query", "prompt"), "user"), (("response", "completion", "chosen"), "assistant")):
        said += _side(row, names, role, media, reading)
    if not said:
        raise RowError(f"{row.where}: neither messages, conversations, query, prompt nor chosen", kind="row")
    return _roles(row, said), _worse(row, media, reading)


def _side(row: Row, names: Sequence[str], role: str, media: list[Media], reading: Reading) -> list[Said]:
    """Return a question or answer that is a text or a list of messages, under the first of some names."""
    name = next((name for name in names if row.has(name)), None)
    if name is None:
        return []
    if isinstance(row.cells[name], str):
        return [(role, row.text(name))]
    return [_turn(part, media, reading) for part in row.parts(name)]


def _worse(row: Row, media: list[Media], reading: Reading) -> str:
    said = _side(row, ("rejected_response", "rejected"), "assistant", media, reading)
    return said[-1][1] if said else ""


def _turn(part: Row, media: list[Media], reading: Reading) -> Said:
    """Return role and text of a message; media among its parts join `media` and leave a token."""
    if not isinstance(part.cells.get("content"), list):
        return part.text("role"), part.text("content")
    pieces: list[str] = []
    for piece in part.parts("content"):
        kind = piece.text("type")
        if kind == "text":
            pieces.append(piece.text("text"))
            continue
        if kind not in _PART_KINDS:
            expected = ", ".join(["text", *_PART_KINDS])
            raise RowError(f"{piece.where}: a part of type {kind!r}; expected {expected}", kind="row")
        value = next((piece.cells[key] for key in (kind, "path", "url") if piece.has(key)), None)
        if value is not None:
            media.append(_media(piece, value, cast(MediaKind, _PART_KINDS[kind]), reading))
        pieces.append(f"<{_PART_KINDS[kind]}>")
    return part.text("role"), "".join(pieces)


def _roles(row: Row, said: Sequence[Said]) -> list[Said]:
    unknown = [role for role, _ in said if role not in _ROLES]
    if unknown:
        raise RowError(f"{row.where}: speaker {unknown[0]!r:.40}, expected one of {', '.join(_ROLES)}", kind="row")
    return [(_ROLES[role], text) for role, text in said]


def _check_answers(row: Row, said: Sequence[Said]) -> None:
    for number, (role, text) in enumerate(said, start=1):
        if role == "assistant" and not text.strip():
            raise RowError(f"{row.where}: turn {number} of {len(said)} is an empty answer", kind="answer")


def _messages(row: Row, said: Sequence[Said], media: Sequence[Media], reading: Reading) -> tuple[Message, ...]:
    """Put media where their tokens stand; all before the first question where there is no token."""
    counts = {kind: sum(text.count(f"<{kind}>") for _, text in said) for kind in _KINDS}
    if not any(counts.values()) and media:
        said = _led(said, "".join(f"<{one.kind}>" for one in media))
    else:
        for kind in _KINDS:
            given = sum(one.kind == kind for one in media)
            if given != counts[kind]:
                told = f"{counts[kind]} <{kind}> in the texts and {given} {kind}s; expected one for each"
                raise RowError(f"{row.where}: {told}", kind="media")
    left = {kind: iter([one for one in media if one.kind == kind]) for kind in _KINDS}
    messages = []
    for number, (role, text) in enumerate(said, start=1):
        parts = tuple(
            next(left[piece]) if place % 2 else piece for place, piece in enumerate(_TOKEN.split(text)) if piece
        )
        shown = sum(isinstance(part, Media) for part in parts)
        if shown > reading.most_media:
            told = f"turn {number} shows {shown} media, at most {reading.most_media} are allowed; raise most_media"
            raise RowError(f"{row.where}: {told} or show fewer", kind="media")
        messages.append(Message(role=_ROLES[role], parts=parts or ("",)))
    return tuple(messages)


def _places(said: Sequence[Said], media: Sequence[Media]) -> dict[int, int]:
    """Return where in the conversation each of the row's media is shown, both counted from 0."""
    tokens = [kind for _, text in said for kind in _TOKEN.findall(text)] or [one.kind for one in media]
    left = {kind: iter([place for place, token in enumerate(tokens) if token == kind]) for kind in _KINDS}
    return {number: next(left[one.kind], number) for number, one in enumerate(media)}


def _led(said: Sequence[Said], tokens: str) -> list[Said]:
    """Put tokens before the first question."""
    first = next((place for place, (role, _) in enumerate(said) if role == "user"), 0)
    return [(role, f"{tokens}\n{text}" if place == first else text) for place, (role, text) in enumerate(said)]


def _single(row: Row, name: str) -> Iterator[Any]:
    value = row.cells.get(name)
    yield from value if isinstance(value, list) else [value] if value else []


def _media(row: Row, value: Any, kind: MediaKind, reading: Reading) -> Media:
    frame = None
    if isinstance(value, dict):
        frame = value.get("frame")
        value = next((value[key] for key in ("path", "url") if value.get(key)), None)
    if not isinstance(value, str) or not value or not (frame is None or isinstance(frame, int)):
        raise RowError(f"{row.where}: a medium is given as {type(value).__name__}, expected a path", kind="media")
    if value.startswith(_REMOTE):
        told = f"medium {value[:40]!r} is no file; nothing is downloaded or unpacked here, give a local path"
        raise RowError(f"{row.where}: {told}", kind="media")
    folder = str(reading.folder)
    # By its words alone: media folders are often links, and asking the disk at every step of a path takes long.
    path = os.path.normpath(os.path.join(folder, value.removeprefix("file://")))
    if not os.path.isabs(value.removeprefix("file://")) and not path.startswith(folder + os.sep):
        raise RowError(f"{row.where}: path {value!r} leaves the folder {folder}; refused", kind="media")
    if not os.path.exists(path):
        raise RowError(f"{row.where}: no file {path}; copy it there, or give the folder of the media", kind="missing")
    return Media(path=path, kind=kind, frame=frame)


def _task(row: Row) -> str:
    if row.has("task"):
        return row.text("task")
    first = next(iter(row.parts("messages")), None)
    return first.optional("task") if first else ""


def _weight(row: Row) -> float:
    for name in ("weight", "weighted_score"):
        if row.has(name):
            value = row.cells[name]
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise RowError(f"{row.where}: {name} is {value!r:.40}, expected a number", kind="row")
            return float(value)
    return 1.0
