"""Which files a run has done, so that an interrupted one goes on: by keyed hash, never by name.

Every process appends what it has done by itself and at once, so that what is finished is not done again wherever a
run was stopped. The order of the lines is that of the processes and means nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vesalius.data.deidentify.secret import Secret

__all__ = ["BOOKS", "Entry", "Journal", "Looks", "file_key"]

_ENTRIES, _LOOKS = "deidentify-journal.jsonl", "deidentify-looks.jsonl"
BOOKS = (_ENTRIES, _LOOKS)
"""Names of the files in the output folder; they hold hashes, counts and boxes."""


@dataclass(frozen=True)
class Entry:
    """What became of one source file or study."""

    source: str
    """Keyed hash of its path below the source folder, or of its id."""
    kind: str
    """Class of file, such as "dicom" or "table"; "study" for one of a corpus."""
    output: str = ""
    """Path below the output folder or new id, empty where nothing was written."""
    reason: str = ""
    """Why nothing was written, without any value of the file."""
    held: bool = False
    """Left out by the user's policy and not for a fault."""
    counts: dict[str, int] = field(default_factory=dict)
    review: str = ""
    """Why people should look at the output; empty where nobody needs to."""
    masked: list[list[int]] = field(default_factory=list)
    """Boxes in its pixels: top, left, bottom, right; the first of many."""
    doubtful: list[list[int]] = field(default_factory=list)
    """Boxes that may hold text and were not masked."""


def file_key(relative: str, secret: Secret) -> str:
    """Return the keyed hash of a path below the source."""
    return secret.digest("file", relative).hex()[:32]


class Journal:
    """Entries in the output folder, one line a file."""

    def __init__(self, root: Path, secret: Secret) -> None:
        self.path = root / _ENTRIES
        self._secret = secret

    def key(self, relative: str) -> str:
        """Return the keyed hash of a source path."""
        return file_key(relative, self._secret)

    def entries(self) -> Iterator[Entry]:
        """Yield what is stored; a line cut off by a kill is left out, its file is done again."""
        for document in _lines(self.path):
            try:
                yield Entry(**document)
            except TypeError:
                continue

    def add(self, entry: Entry) -> None:
        """Append an entry."""
        _append(self.path, asdict(entry))


class Looks:
    """What the second scan saw in the pixels of files, by the hash of their content."""

    def __init__(self, root: Path) -> None:
        self.path = root / _LOOKS

    def known(self) -> dict[str, bool]:
        """Return by SHA-256 whether text was seen."""
        return {
            str(line["file"]): bool(line["text"]) for line in _lines(self.path) if {"file", "text"} <= line.keys()
        }

    def add(self, sha256: str, *, text: bool) -> None:
        """Append what was seen in a file."""
        _append(self.path, {"file": sha256, "text": text})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            document = json.loads(line)
        except ValueError:
            continue
        if isinstance(document, dict):
            yield document


def _append(path: Path, document: dict[str, Any]) -> None:
    """Write a line in one call, so that lines of several processes do not mix, after one that a kill cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(document, sort_keys=True).encode() + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        cut_off = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        os.write(handle, b"\n" + line if cut_off else line)
    finally:
        os.close(handle)
