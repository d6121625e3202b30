"""Conversations of a JSON lines file, by the byte offsets of its rows: a row is read and parsed when it is asked for.

Sixteen bytes a row are held, whatever the rows hold. A list in one JSON file, as LLaVA has it, is held as text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vesalius.data.conversations.base import Source
from vesalius.data.conversations.records import Conversation, RowError
from vesalius.data.conversations.rows import Reading, conversation_of
from vesalius.data.releases.rows import Row, json_list
from vesalius.errors import DataError

__all__ = ["Checked", "JsonLines"]

_CHUNK = 1 << 22
_LONGEST_ROW = 1 << 26
"""Bytes; a longer row is no conversation."""
_LISTED = 1000
"""Faults that are listed one by one; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What is wrong with the rows of a file."""

    rows: int
    counts: dict[str, int]
    """Faults by kind: missing, media, outside, objects, language, pair, answer, row."""
    faults: tuple[str, ...] = field(repr=False)
    """The first thousand, each with file, row and numbers."""
    sound: NDArray[np.int64] = field(repr=False, compare=False)
    """Numbers of the rows without a fault."""


class JsonLines(Source):
    """Rows of a JSON lines file, or of a JSON list, as conversations."""

    def __init__(
        self, path: str | Path, *, name: str = "", media_root: str | Path | None = None, most_media: int = 32,
        language: str = "en", rows: NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        """Find where every row begins; no row is parsed.

        Args:
            path: of a .jsonl file with a row a line, or a .json file with a list.
            name: what mixtures call it; the file's name where none is given.
            media_root: folder that paths of media are relative to; that of the file where none is given.
            most_media: media in one turn, at most.
            language: of rows that state none.
            rows: numbers of the rows that are used, such as `Checked.sound`; all where none are given.

        Raises:
            DataError: no such file, or it holds no row.
        """
        self.path = Path(path).absolute()
        self.name = name or self.path.stem
        folder = Path(media_root).absolute() if media_root else self.path.parent
        self._reading = Reading(folder=folder, most_media=most_media, language=language, source=self.name)
        if not self.path.is_file():
            raise DataError(f"{self.path}: no such file; expected .jsonl with one conversation a line")
        self._text = _listed(self.path) if _is_list(self.path) else None
        spans = _spans(self.path) if self._text is None else _lines(self._text)
        if not len(spans):
            raise DataError(f"{self.path}: no row; expected one conversation a line")
        self._total = len(spans)
        self._spans = spans
        self._rows = rows

    def __len__(self) -> int:
        return self._total if self._rows is None else len(self._rows)

    def conversation(self, row: int, *, epoch: int = 0) -> Conversation:
        """Read a row; it is the same in every epoch.

        Raises:
            DataError: names file, row and numbers.
        """
        place = row if self._rows is None else int(self._rows[row])
        where = f"{self.path}, row {place + 1} of {self._total}"
        return conversation_of(self._row(place, where), f"{self.name}-{place}", self._reading)

    def check(self, advance: Callable[[int], None] | None = None) -> Checked:
        """Read all rows and return what is wrong with them; media are looked for and not decoded."""
        counts: Counter[str] = Counter()
        faults: list[str] = []
        sound: list[int] = []
        for row in range(len(self)):
            try:
                self.conversation(row)
            except DataError as error:
                counts[error.kind if isinstance(error, RowError) else "row"] += 1
                if len(faults) < _LISTED:
                    faults.append(str(error))
            else:
                sound.append(row if self._rows is None else int(self._rows[row]))
            if advance:
                advance(1)
        return Checked(
            rows=len(self), counts=dict(counts.most_common()), faults=tuple(faults), sound=np.array(sound, np.int64)
        )

    def _row(self, place: int, where: str) -> Row:
        start, end = (int(value) for value in self._spans[place])
        if end - start > _LONGEST_ROW:
            raise RowError(
                f"{where}: {(end - start) >> 20} MiB in one row, at most {_LONGEST_ROW >> 20} are read", kind="row"
            )
        if self._text is None:
            with self.path.open("rb") as file:
                file.seek(start)
                line = file.read(end - start)
        else:
            line = self._text[start:end]
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise RowError(f"{where}: no JSON: {error.msg}; expected one object a line", kind="row") from None
        except (RecursionError, UnicodeDecodeError) as error:
            told = "nested too deeply" if isinstance(error, RecursionError) else "no UTF-8"
            raise RowError(f"{where}: {told}; expected one object a line", kind="row") from None
        if not isinstance(value, dict):
            raise RowError(f"{where}: {type(value).__name__}, expected an object", kind="row")
        return Row(value, where)


def _is_list(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def _listed(path: Path) -> bytes:
    """Return the items of a JSON list as lines."""
    return b"".join(json.dumps(dict(row.cells), ensure_ascii=False).encode() + b"\n" for row in json_list(path))


def _spans(path: Path) -> NDArray[np.int64]:
    """Return first byte and end of every line that holds something, (rows, 2)."""
    pieces = []
    place = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n"))
            pieces.append(found + place)
            place += len(chunk)
    ends = np.concatenate([*pieces, [place]])
    starts = np.concatenate([[0], ends[:-1] + 1])
    spans = np.stack([starts, ends], axis=1)
    # A line of one byte may be a carriage return; longer ones of blanks are found when they are parsed.
    kept = spans[:, 1] - spans[:, 0] > 1
    return np.ascontiguousarray(spans[kept])


def _lines(text: bytes) -> NDArray[np.int64]:
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    return np.stack([np.concatenate([[0], ends[:-1] + 1]), ends], axis=1)
