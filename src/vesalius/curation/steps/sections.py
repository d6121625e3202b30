"""Cut whole reports into their sections: findings, impression, indication, comparison."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import get_args

from vesalius.curation.base import Outcome, Stage, StudyStep
from vesalius.data.records import Study, Text, TextRole

__all__ = ["HEADINGS", "STEP", "Sections", "cut"]

HEADINGS: dict[str, TextRole | None] = {
    "findings": "findings", "finding": "findings", "observations": "findings", "findings and impression": "findings",
    "impression": "impression", "impressions": "impression", "conclusion": "impression", "conclusions": "impression",
    "opinion": "impression", "summary": "impression", "assessment": "impression", "interpretation": "impression",
    "indication": "indication", "indications": "indication", "history": "indication", "reason": "indication",
    "clinical history": "indication", "clinical information": "indication", "clinical indication": "indication",
    "reason for exam": "indication", "reason for examination": "indication",
    "reason for this examination": "indication",
    "comparison": "comparison", "comparisons": "comparison", "comparison study": "comparison",
    "technique": None, "examination": None, "exam": None, "procedure": None, "final report": None,
    "wet read": None, "notification": None, "recommendation": "note", "recommendations": "note", "addendum": "note",
}  # fmt: skip
"""Headings and the role of what follows; None for parts that say nothing of the picture."""
_HEADING = re.compile(
    r"(?:^|\n)\s*("
    + "|".join(sorted((re.escape(name) for name in HEADINGS), key=len, reverse=True))
    + r")\s*(?::|(?=\n\s*\n))\s*",
    re.IGNORECASE,
)
_INLINE = re.compile(
    r"(?<=[.\n ])\s*\b("
    + "|".join(sorted((re.escape(name.upper()) for name in HEADINGS), key=len, reverse=True))
    + r")\s*:\s*"
)


def cut(report: str) -> list[tuple[TextRole, str]]:
    """Return the sections of a report in order; of one without headings, the whole as "report".

    A heading stands at the start of a line with a colon or a blank line after it, or in capitals with a colon.
    What stands before the first heading is left out where a findings or an impression section follows.
    """
    marks = {match.start(1): match for match in (*_INLINE.finditer(report), *_HEADING.finditer(report))}
    places = [marks[start] for start in sorted(marks)]
    found: list[tuple[TextRole, str]] = []
    for number, match in enumerate(places):
        end = places[number + 1].start() if number + 1 < len(places) else len(report)
        role, body = HEADINGS[match[1].lower()], " ".join(report[match.end() : end].split())
        if role is not None and body:
            found.append((role, body))
    if not any(role in ("findings", "impression") for role, _ in found):
        whole = " ".join(report.split())
        return [("report", whole)] if whole else []
    return found


@dataclass(frozen=True, kw_only=True)
class Sections(StudyStep):
    """Every text of role "report" becomes one text for each of its sections."""

    keep: tuple[TextRole, ...] = tuple(role for role in get_args(TextRole))
    """Sections that go on."""

    def apply(self, study: Study, stage: Stage) -> Outcome:
        """Cut the reports; texts of other roles stay."""
        texts: list[Text] = []
        for text in study.texts:
            if text.role != "report":
                texts.append(text)
                continue
            parts = [(role, body) for role, body in cut(text.text) if role in self.keep]
            if parts == [("report", text.text)]:
                texts.append(text)
            else:
                texts += [replace(text, role=role, text=body) for role, body in parts]
        return replace(study, texts=tuple(texts))


STEP = Sections
