"""Files of pairs in the form of MMedPO's releases, written and read back.

A row is ``{"id", "image", "conversations": [human, gpt], "rejected_conversations": [human, gpt], "weighted_score"}``,
and ``rejected_image`` where the worse side sees another picture; a turn is ``{"from", "value"}``, and ``<image>``
marks the picture. We write one row a line; the releases are one list. Paths are relative to a folder of pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from vesalius.curation.base import Dropped
from vesalius.curation.preferences.base import EQUAL, Outcome
from vesalius.data.conversations.records import Conversation
from vesalius.data.disk import replacing
from vesalius.data.media import inside
from vesalius.data.messages import Media, Message
from vesalius.data.releases.rows import Row, json_lines, json_list
from vesalius.errors import DataError

__all__ = ["pair_rows", "read_pairs", "write_pairs"]

_IMAGE = "<image>"
_SPEAKERS = {"human": "user", "gpt": "assistant"}


def write_pairs(path: Path, pairs: Iterable[Conversation], *, pictures: Path) -> int:
    """Write pairs, one a line, and return how many.

    Args:
        path: of the file.
        pairs: of one question and one answer, with at most one picture.
        pictures: folder that paths are written relative to.

    Raises:
        DataError: names the pair that the form cannot hold: several turns, several pictures, or a picture elsewhere.
    """
    number = 0
    with replacing(path, scratch=path.parent) as file:
        for pair in pairs:
            file.write(json.dumps(_row(pair, pictures), ensure_ascii=False).encode() + b"\n")
            number += 1
    return number


def read_pairs(path: Path, *, pictures: Path, language: str = "en") -> Iterator[Conversation]:
    """Yield the pairs of a file, a list or one row a line.

    Args:
        path: of the file.
        pictures: folder that paths are relative to.
        language: of all texts.

    Raises:
        DataError: names the row and what is wrong with it; a row of equal sides is an error, too. The releases have a
            few: go through `pair_rows` to count and leave them out.
    """
    for row, outcome in pair_rows(path, pictures=pictures, language=language):
        if isinstance(outcome, Dropped):
            raise row.fault(f"{outcome.reason}, and it has no other picture: it teaches nothing; leave it out")
        yield outcome


def pair_rows(path: Path, *, pictures: Path, language: str = "en") -> Iterator[tuple[Row, Outcome]]:
    """Yield every row of a file with its pair, or with why it is none.

    Args:
        path: of the file.
        pictures: folder that paths are relative to.
        language: of all texts.

    Raises:
        DataError: names the row and what is wrong with it; equal sides are no fault here.
    """
    rows = json_list(path) if _is_list(path) else json_lines(path)
    for row in rows:
        yield row, _pair(row, pictures, path.stem, language)


def _is_list(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


def _row(pair: Conversation, pictures: Path) -> dict[str, Any]:
    question, answer = _two_turns(pair)
    row: dict[str, Any] = {"id": pair.id}
    if pair.media:
        row["image"] = _relative(pair, pair.media[0], pictures)
    asked = {"from": "human", "value": (f"{_IMAGE}\n" if pair.media else "") + question.text.strip()}
    row["conversations"] = [asked, {"from": "gpt", "value": answer.text}]
    row["rejected_conversations"] = [asked, {"from": "gpt", "value": pair.rejected or answer.text}]
    row["weighted_score"] = pair.weight
    if pair.rejected_media:
        row["rejected_image"] = _relative(pair, pair.rejected_media[0], pictures)
    return row


def _two_turns(pair: Conversation) -> tuple[Message, Message]:
    roles = tuple(message.role for message in pair.messages)
    plain = all(media.kind == "image" and not media.edits and media.frame is None for media in pair.media)
    if not pair.is_pair or roles != ("user", "assistant") or len(pair.media) > 1 or not plain:
        raise DataError(
            f"pair {pair.id!r} has {len(roles)} turns and {len(pair.media)} media; this form holds pairs of one "
            "question and one answer with at most one plain picture: write it as messages"
        )
    return pair.messages[0], pair.messages[1]


def _relative(pair: Conversation, media: Media, pictures: Path) -> str:
    try:
        return Path(media.path).resolve().relative_to(pictures.resolve()).as_posix()
    except ValueError:
        raise DataError(f"pair {pair.id!r}: its picture lies outside the folder of pictures; copy it there") from None


def _pair(row: Row, pictures: Path, source: str, language: str) -> Outcome:
    asked, chosen = _turns(row, "conversations")
    other, rejected = _turns(row, "rejected_conversations")
    if _words(asked) != _words(other):
        raise row.fault("both sides are asked differently; a pair has one question")
    media = _media(row, "image", pictures)
    worse = _media(row, "rejected_image", pictures)
    if _IMAGE in asked and not media:
        raise row.fault(f"the question has {_IMAGE}, and there is no image")
    if worse and not media:
        raise row.fault("a rejected_image without an image")
    parts: tuple[str | Media, ...] = (*media, _words(asked)) if _words(asked) else media
    whole = Conversation(
        id=row.text("id"), source=source, language=language, weight=_weight(row),
        messages=(Message(role="user", parts=parts), Message(role="assistant", parts=(chosen,))),
    )  # fmt: skip
    if chosen == rejected and worse in ((), media):
        return Dropped(EQUAL, whole.id)
    return replace(whole, rejected="" if chosen == rejected else rejected, rejected_media=worse)


def _turns(row: Row, name: str) -> tuple[str, str]:
    """Return question and answer."""
    turns = row.parts(name)
    if [_SPEAKERS.get(turn.text("from")) for turn in turns] != ["user", "assistant"]:
        raise row.fault(f"{name} has {len(turns)} turns; expected one of human and one of gpt")
    question, answer = (turn.text("value") for turn in turns)
    if not answer.strip():
        raise row.fault(f"{name} has an empty answer")
    return question, answer


def _words(question: str) -> str:
    return question.replace(_IMAGE, "").strip()


def _media(row: Row, name: str, pictures: Path) -> tuple[Media, ...]:
    given = row.optional(name)
    if not given:
        return ()
    try:
        return (Media(path=str(inside(pictures, given))),)
    except DataError:
        raise row.fault(f"{name} {given!r} lies outside the folder of pictures; paths are relative to it") from None


def _weight(row: Row) -> float:
    value = row.cells.get("weighted_score", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise row.fault(f"weighted_score is {value!r}, expected a number that is not negative")
    return float(value)
