"""The audit report: counts and choices as JSON and as a page; no value of any file."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vesalius.data.deidentify.codes import methods
from vesalius.data.deidentify.journal import Entry
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.profile import EDITION
from vesalius.data.deidentify.rescan import Leftover
from vesalius.data.deidentify.review import REVIEW_PAGE
from vesalius.page import Cell, Section, definitions, page, paragraph, table

__all__ = ["REPORT_FILE", "REPORT_PAGE", "Audit"]

REPORT_FILE = "deidentify-report.json"
REPORT_PAGE = "deidentify-report.html"
_SHOWN = 200
_LOOK = (
    f"A finder overlooks text. {REVIEW_PAGE} shows what was masked in these files, and what may be text; none is "
    "declared free of text."
)
_SHARING = "have an instance UID that another of other content has too; all are kept, under names of their own"
_REPEATED = "hold byte for byte what another of the same instance UID holds; one copy stands for them"


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What a run did, left out and found in the second scan."""

    options: Options
    written: Counter[str]
    """Files by class."""
    counts: dict[str, Counter[str]]
    """What was done, by class of file and kind."""
    left_out: list[tuple[str, str]]
    """Path below the source, and why."""
    held: list[tuple[str, str]]
    """The same for what the user's policy left out."""
    leftovers: list[Leftover]
    searched: int
    """Original values that the second scan looked for."""
    review: list[Entry] = field(default_factory=list)
    """Files whose pixels people should look at; see `review.write_review`."""
    sharing: list[str] = field(default_factory=list)
    """Copies of DICOM files whose instance UID a file of other content has too."""
    repeated: int = 0
    """Files that are a second time what another is, with the same instance UID; one copy stands for all."""
    resumed: int = 0
    version: str = field(default="")

    @property
    def clean(self) -> bool:
        """Say whether the second scan found nothing."""
        return not self.leftovers

    def as_dict(self) -> dict[str, Any]:
        """Return all as plain JSON values. Dictionaries of names and places are counted, not told."""
        chosen = {name: value for name, value in vars(self.options).items() if name not in ("names", "places")}
        return {
            "clean": self.clean,
            "edition": EDITION,
            "profile": [{"code": code, "meaning": meaning} for code, meaning in methods(self.options)],
            "options": {**chosen, "names": len(self.options.names), "places": len(self.options.places)},
            "written": dict(sorted(self.written.items())),
            "counts": {kind: dict(sorted(found.items())) for kind, found in sorted(self.counts.items())},
            "left_out": [{"path": path, "reason": reason} for path, reason in self.left_out],
            "held": [{"path": path, "reason": reason} for path, reason in self.held],
            "needs_a_look": {
                "files": len(self.review),
                "reasons": dict(Counter(entry.review for entry in self.review)),
                "paths": [entry.output for entry in self.review],
            },
            "same_instance": {"files": len(self.sharing), "paths": self.sharing, "repeated": self.repeated},
            "second_scan": {
                "values_searched": self.searched,
                "found": [{"path": item.path, "kind": item.kind} for item in self.leftovers],
            },
            "resumed": self.resumed,
            "made_by": f"vesalius {self.version}",
        }

    def write(self, root: Path) -> None:
        """Write the JSON and the page; paths of what was left out are names of the source and stay out of both."""
        document = self.as_dict()
        for group in ("left_out", "held"):
            document[group] = dict(Counter(reason for _, reason in getattr(self, group)))
        (root / REPORT_FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (root / REPORT_PAGE).write_text(self.page(), encoding="utf-8")

    def text(self) -> str:
        """Return the report for people at a terminal."""
        lines = [f"{sum(self.written.values())} files written ({_told(self.written)})"]
        lines += [f"{len(self.held)} held back by the policy for pixels"] if self.held else []
        lines += [f"{len(self.left_out)} not copied:"] if self.left_out else []
        lines += [f"  {path}: {reason}" for path, reason in [*self.left_out, *self.held][:_SHOWN]]
        lines += [f"{len(self.sharing)} copies {_SHARING}:"] if self.sharing else []
        lines += [f"  {path}" for path in self.sharing[:_SHOWN]]
        lines += [f"{self.repeated} files {_REPEATED}"] if self.repeated else []
        if self.review:
            lines.append(f"{len(self.review)} files need a look at their pixels: {REVIEW_PAGE}")
        if self.clean:
            lines.append(f"second scan: nothing found ({self.searched} original values searched in every file)")
        else:
            lines.append(f"second scan: {len(self.leftovers)} leftovers; do not hand this folder on:")
            lines += [f"  {item.path}: {item.kind}" for item in self.leftovers[:_SHOWN]]
        return "\n".join(lines)

    def page(self) -> str:
        """Return the page."""
        verdict = (
            "The second scan found nothing."
            if self.clean
            else f"The second scan found {len(self.leftovers)} leftovers."
        )
        rows = [
            [Cell(kind), Cell(what), Cell(str(count), kind="n")]
            for kind, found in sorted(self.counts.items())
            for what, count in sorted(found.items())
            if count
        ]
        reasons = Counter(reason for _, reason in [*self.left_out, *self.held])
        chosen = [(name.replace("_", " "), str(value)) for name, value in self.as_dict()["options"].items()]
        left = table(
            [Cell("file"), Cell("kind")], ([Cell(item.path), Cell(item.kind)] for item in self.leftovers[:_SHOWN])
        )
        out = [[Cell(reason, kind="words"), Cell(str(count), kind="n")] for reason, count in reasons.most_common()]
        done = table([Cell("files"), Cell("what"), Cell("count", kind="n")], rows)
        lead = f"{self.searched} values of the source were searched in the bytes, names and pixels of every file."
        found = paragraph(verdict) + (left if self.leftovers else "")
        sections = [
            Section(anchor="scan", title="Second scan", body=found, lead=lead),
            Section(anchor="done", title="What was done", body=done if rows else ""),
            Section(anchor="look", title="Needs a look", body=self._looks(), lead=_LOOK if self.review else ""),
            Section(anchor="same", title="One instance UID", body=self._same()),
            Section(
                anchor="out", title="Not copied", body=table([Cell("reason"), Cell("files")], out) if out else ""
            ),
            Section(anchor="options", title="Options", body=definitions(chosen), lead=EDITION),
        ]
        head = paragraph(f"{sum(self.written.values())} files: {_told(self.written)}.")
        return page(
            "De-identification", eyebrow="Audit", head=head, sections=sections, foot=f"vesalius {self.version}"
        )

    def _same(self) -> str:
        told = [paragraph(f"{self.repeated} files {_REPEATED}.")] if self.repeated else []
        if self.sharing:
            told.append(paragraph(f"{len(self.sharing)} copies {_SHARING}."))
            told.append(table([Cell("copy")], ([Cell(path)] for path in self.sharing[:_SHOWN])))
        return "".join(told)

    def _looks(self) -> str:
        if not self.review:
            return ""
        reasons = Counter(entry.review for entry in self.review)
        rows = [[Cell(reason, kind="words"), Cell(str(count), kind="n")] for reason, count in reasons.most_common()]
        return table([Cell("reason"), Cell("files")], rows)


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"
