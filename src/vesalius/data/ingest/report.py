"""What an ingest did: counts, bad files with reasons, and what else people must know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vesalius.data.disk import not_full, replacing

__all__ = ["REPORT_FILE", "IngestReport", "Problem"]

REPORT_FILE = "ingest-report.json"


class Problem(NamedTuple):
    """A file or row that did not go in, and why."""

    item: str
    """Path relative to the source, or ``table line 7``."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class IngestReport:
    """The content of `ingest-report.json`."""

    corpus: str
    """Folder of the corpus."""
    finished: bool
    """False after an interruption: the same call goes on from what is kept."""
    content_hash: str = ""
    counts: Mapping[str, Any] = field(default_factory=dict)
    """Studies, patients, images, modalities and findings of the corpus."""
    problems: tuple[Problem, ...] = ()
    notes: Mapping[str, int] = field(default_factory=dict)
    """What went in and still is worth knowing, such as empty texts, with the number of cases."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Files that are no images, by suffix; they were not opened."""
    resumed: int = 0
    """Studies that an earlier, interrupted run had written."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with the problems counted."""
        return {
            "corpus": self.corpus,
            "finished": self.finished,
            "content_hash": self.content_hash,
            "counts": dict(self.counts),
            "num_problems": len(self.problems),
            "problems": [problem._asdict() for problem in self.problems],
            "notes": dict(self.notes),
            "ignored": dict(self.ignored),
            "resumed": self.resumed,
        }

    def write(self, root: Path) -> Path:
        """Write the report into the folder of the corpus."""
        path = root / REPORT_FILE
        text = json.dumps(self.as_dict(), indent=2, ensure_ascii=False) + "\n"
        kept = "all studies in whole shards are kept"
        with not_full(root, kept=kept), replacing(path, scratch=root) as file:
            file.write(text.encode("utf-8"))
        return path

    def text(self) -> str:
        """Return the report for people, a few lines long."""
        counts = self.counts
        amounts = ", ".join(f"{counts.get(what, 0)} {what}" for what in ("studies", "patients", "images"))
        lines = [f"{self.corpus}: {amounts}"]
        lines += [f"{number} {what}" for what, number in self.notes.items()]
        if self.ignored:
            total = sum(self.ignored.values())
            lines.append(f"{total} files are no images: {', '.join(sorted(self.ignored))}")
        if self.problems:
            lines.append(f"{len(self.problems)} did not go in, see {REPORT_FILE}:")
            lines += [f"  {problem.item}: {problem.reason}" for problem in self.problems[:5]]
        return "\n".join(lines)
