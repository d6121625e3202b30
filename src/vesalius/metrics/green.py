"""GREEN: counts of matched findings and of errors, read from a language model's analysis of two reports.

Paper: Ostmeier et al. 2024 (arXiv 2405.03595). Score: matched / (matched + significant errors), 0 where nothing is
matched; insignificant errors do not count. The parser is the authors', slips included: errors after a blank line and
counts that are not followed by a full stop are lost. `GreenReply.faults` says so, and a reply with faults should be
counted as malformed beside the score.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["KINDS", "GreenReply", "green_reply"]

KINDS = (
    "false finding", "missing finding", "wrong place", "wrong severity", "comparison not in reference",
    "omitted comparison",
)  # fmt: skip
"""The six kinds of errors, (a) to (f)."""
_SIGNIFICANT, _INSIGNIFICANT, _MATCHED = (
    "Clinically Significant Errors", "Clinically Insignificant Errors", "Matched Findings",
)  # fmt: skip
_COUNT = re.compile(r"(?<=: )\b\d+\b(?=\.)")
_MATCHED_COUNT = re.compile(r"^\b\d+\b(?=\.)")
_LETTERS, _NUMBERS = re.compile(r"\([a-f]\) .*"), re.compile(r"\([1-6]\) .*")
_LINE = re.compile(r"^\s*\([a-f1-6]\) .*\d", re.MULTILINE)
_LONGEST = 20_000
"""Characters of a reply that are read."""


@dataclass(frozen=True, kw_only=True)
class GreenReply:
    """What a reply states."""

    matched: int
    significant: tuple[int, ...]
    """Errors of each of `KINDS`."""
    insignificant: tuple[int, ...]
    faults: tuple[str, ...]
    """Why the counts may not be what the model meant; empty where the layout is kept."""
    disagreements: int
    """Counts that differ from the number of findings listed behind them."""

    @property
    def score(self) -> float:
        """Matched findings over them and all significant errors, 0 to 1."""
        return self.matched / (self.matched + sum(self.significant)) if self.matched else 0.0


def green_reply(text: str) -> GreenReply:
    """Read a reply in GREEN's layout; what cannot be read is 0 and a fault."""
    reply = text[:_LONGEST]
    faults = [] if len(text) <= _LONGEST else ["longer than is read"]
    counts, listed = {}, 0
    for header in (_SIGNIFICANT, _INSIGNIFICANT):
        section = _section(reply, header)
        counts[header], apart, lost = _errors(section or "")
        listed += apart
        faults += [f"no section [{header}]"] if section is None else []
        faults += [f"[{header}]: {line!r} is not one kind and its count" for line in lost]
    section = _section(reply, _MATCHED)
    found = _MATCHED_COUNT.findall(section or "")
    matched = int(found[0]) if found and section is not None and not section.startswith("No") else 0
    if section is None:
        faults.append(f"no section [{_MATCHED}]")
    elif not found and not section.startswith("No"):
        faults.append(f"[{_MATCHED}] states no count")
    else:
        listed += bool(found) and _items(section.split(".", 1)[-1]) != matched
    faults += _after_blank_line(reply)
    return GreenReply(matched=matched, significant=counts[_SIGNIFICANT], insignificant=counts[_INSIGNIFICANT],
                      faults=tuple(faults), disagreements=listed)  # fmt: skip


def _section(reply: str, header: str) -> str | None:
    found = re.search(rf"\[{header}\]:\s*(.*?)(?:\n\s*\n|\Z)", reply, re.DOTALL)
    return found[1] if found else None


def _errors(section: str) -> tuple[tuple[int, ...], int, list[str]]:
    """Return counts of each kind, how many differ from their lists, and the lines that are not read whole."""
    if section.startswith("No"):
        return (0,) * len(KINDS), 0, []
    lines = sorted(_LETTERS.findall(section))
    marks = "abcdef"
    if not lines:
        lines, marks = sorted(_NUMBERS.findall(section)), "123456"
    counts, apart, lost = [0] * len(KINDS), 0, []
    for line in lines:
        stated = _COUNT.findall(line)
        if not stated:
            lost.append(line[:60])
            continue
        if _LETTERS.search(line, 1) or _NUMBERS.search(line, 1):
            lost.append(line[:60])
        counts[marks.index(line[1])] = int(stated[0])
        apart += _items(line.split(f": {stated[0]}.", 1)[-1]) != int(stated[0])
    return tuple(counts), apart, lost


def _items(listed: str) -> int:
    return sum(1 for item in listed.split(";") if item.strip(" .\n"))


def _after_blank_line(reply: str) -> list[str]:
    """Say whether lines of errors stand where no section reaches."""
    body = reply[max(reply.find(f"[{_SIGNIFICANT}]"), 0) :]
    kept = [_section(reply, header) or "" for header in (_SIGNIFICANT, _INSIGNIFICANT)]
    lost = len(_LINE.findall(body)) - sum(len(_LINE.findall(section)) for section in kept)
    return [f"{lost} lines of errors stand outside their section"] if lost > 0 else []
