"""Which files a run has done, so that an interrupted one goes on: by keyed hash, never by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vesalius.data.deidentify.secret import Secret

__all__ = ["Entry", "Journal", "file_key"]

_FILE = "deidentify-journal.jsonl"


@dataclass(frozen=True)
class Entry:
    """What became of one source file."""

    source: str
    """Keyed hash of its path below the source folder."""
    kind: str
    """Class of file, such as "dicom" or "table"."""
    output: str = ""
    """Path below the output folder, empty where nothing was written."""
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
        self.path = root / _FILE
        self._secret = secret

    def key(self, relative: str) -> str:
        """Return the keyed hash of a source path."""
        return file_key(relative, self._secret)

    def entries(self) -> Iterator[Entry]:
        """Yield what is stored; a line cut off by a kill is left out, its file is done again."""
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                yield Entry(**json.loads(line))
            except (ValueError, TypeError):
                continue

    def add(self, entry: Entry) -> None:
        """Append an entry and put it on the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), sort_keys=True) + "\n")
