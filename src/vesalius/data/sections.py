"""Sections of a radiology report by its headings, and the reference texts that papers make of them.

The rules are those of the official section splitter of MIMIC-CXR, in words of our own: a heading stands at the start
of a line, ends with a colon and is written in capitals (a known heading in any case); of several sections of one name
the last that is not empty counts, so that a final report replaces a wet read; where there are neither findings nor an
impression, the last paragraph stands in for both. Words before the first heading are the preamble; a report without
any heading is one body. "FINDINGS AND IMPRESSION" counts as findings.

Not done here: the official hand-made list of about a hundred MIMIC-CXR studies whose headings mislead. A release that
holds ``mimic_cxr_sectioned.csv`` brings its result, and the reader of MIMIC-CXR takes it from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from vesalius.data.records import Text, TextRole
from vesalius.errors import ConfigError, did_you_mean

__all__ = ["Parts", "Reference", "Section", "cut", "parts", "reference", "report_texts", "without_heading"]

Reference = Literal["findings", "impression", "findings+impression", "r2gen", "medevalkit", "maira"]

_KNOWN = (
    r"findings?|impressions?|conclusions?|opinion|indications?|(?:clinical )?history|clinical information"
    r"|reason for (?:the )?exam(?:ination)?|techniques?|comparisons?|exam(?:ination)?"
    r"|findings?(?: and |/| & )impressions?|wet read|addendum|notifications?|recommendations?"
)
_HEADING = re.compile(
    rf"^[ \t]*(?:(?P<known>(?i:{_KNOWN}))[ \t]*:|(?P<capitals>[A-Z][A-Z ()/,&-]*):(?=\s|$)"
    r"|(?P<final>FINAL REPORT)[ \t]*$)",
    re.MULTILINE,
)
_NAMES = (
    ("findings", ("finding",)), ("impression", ("impression", "conclusion", "opinion")),
    ("comparison", ("compar",)), ("technique", ("technique",)),
    ("indication", ("indication", "history", "clinical information", "reason for")),
    ("examination", ("exam",)), ("wet_read", ("wet read",)), ("addendum", ("addendum",)),
    ("notification", ("notification",)), ("recommendation", ("recommendation",)),
)  # fmt: skip
"""Name of a section and the words that its heading holds; the first that fits."""
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_LIST_NUMBER = re.compile(r"(?<![\w.])\d{1,2}\. ")
_MARKS = re.compile(r"""[.,?;*!%^&_+():\[\]{}<=>@"/\\'-]""")


class Section(NamedTuple):
    """A piece of a report."""

    name: str
    """findings, impression, indication, comparison, technique, examination, wet_read, addendum, notification,
    recommendation, preamble, body, or the heading in lower case."""
    heading: str
    """As written, empty for preamble and body."""
    text: str
    """With its line breaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What most work takes from a report, each on one line; empty where the report lacks it."""

    findings: str = ""
    impression: str = ""
    indication: str = ""
    comparison: str = ""
    technique: str = ""
    last_paragraph: str = ""
    """Stands in where there are neither findings nor an impression, and is empty else."""


def cut(report: str) -> tuple[Section, ...]:
    """Return the sections of a report in order; those without words are left out."""
    return tuple(_cut(report))


def _cut(report: str) -> Iterator[Section]:
    start, name, heading = 0, "preamble", ""
    found = list(_HEADING.finditer(report))
    if not found:
        name = "body"
    for match in found:
        if text := report[start : match.start()].strip():
            yield Section(name, heading, text)
        heading = "" if match["final"] else (match["known"] or match["capitals"]).strip()
        name = "body" if match["final"] else _name(heading)
        start = match.end()
    if text := report[start:].strip():
        yield Section(name, heading, text)


def _name(heading: str) -> str:
    words = " ".join(heading.casefold().split())
    return next((name for name, keys in _NAMES if any(key in words for key in keys)), words)


def parts(report: str) -> Parts:
    """Return the parts of a report, by the rules at the head of this file."""
    pieces = cut(report)
    last = {piece.name: _line(piece.text) for piece in pieces}
    stand_in = ""
    if pieces and not {"findings", "impression"} & last.keys():
        first, *others = _PARAGRAPH.split(pieces[-1].text)
        stand_in = _line(" ".join(others) or first)
        last[pieces[-1].name] = _line(first)
    return Parts(
        findings=last.get("findings", ""), impression=last.get("impression", ""),
        indication=last.get("indication", ""), comparison=last.get("comparison", ""),
        technique=last.get("technique", ""), last_paragraph=stand_in,
    )  # fmt: skip


def report_texts(report: str, *, found: Parts | None = None, language: str = "en") -> tuple[Text, ...]:
    """Return the whole report as role "report" and its parts by their roles; the last paragraph is a "note".

    Args:
        report: as it stands in its file.
        found: its parts where they are known from elsewhere.
        language: of the report.
    """
    whole = report.strip()
    if not whole:
        return ()
    found = found or parts(report)
    roles: tuple[tuple[TextRole, str], ...] = (
        ("report", whole), ("findings", found.findings), ("impression", found.impression),
        ("indication", found.indication), ("comparison", found.comparison), ("note", found.last_paragraph),
    )  # fmt: skip
    return tuple(Text(text=text, role=role, language=language) for role, text in roles if text)


def without_heading(text: str) -> str:
    """Return the words of one section on one line, without the heading that they begin with."""
    found = _HEADING.match(text.lstrip())
    return _line(text.lstrip()[found.end() :] if found else text)


def reference(convention: Reference, *, findings: str, impression: str, max_words: int | None = None) -> str:
    """Return the text that a generated report is compared with; empty where the report lacks what it asks for.

    Args:
        convention: "findings", "impression" and "findings+impression" as they stand; "maira" is the findings as they
            stand; "r2gen" the findings in lower case, without list numbers and punctuation but full stops;
            "medevalkit" both under their headings in lower case.
        findings: of the report.
        impression: of the report.
        max_words: cut after so many; R2Gen takes 100 for MIMIC-CXR and 60 for IU X-Ray.
    """
    if convention not in get_args(Reference):
        raise ConfigError(f"unknown reference text {convention!r}{did_you_mean(convention, get_args(Reference))}")
    if convention == "medevalkit":
        text = f"Findings: {findings} Impression: {impression}.".lower() if findings or impression else ""
    elif convention == "findings+impression":
        text = " ".join(part for part in (findings, impression) if part)
    else:
        text = impression if convention == "impression" else findings
    if convention == "r2gen":
        text = _r2gen(text)
    return text if max_words is None else " ".join(text.split()[:max_words])


def _r2gen(text: str) -> str:
    sentences = _LIST_NUMBER.sub("", f"{_line(text).lower()} ").split(". ")
    cleaned = [" ".join(_MARKS.sub("", sentence).split()) for sentence in sentences]
    kept = [sentence for sentence in cleaned if sentence]
    return " . ".join(kept) + " ." if kept else ""


def _line(text: str) -> str:
    return " ".join(text.split())
