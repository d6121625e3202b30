"""The page on which a rater works: one case under another, kept in the browser, saved as a table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from vesalius.evaluation.rating.records import Case, RatingSettings
from vesalius.page import Section, page, paragraph

__all__ = ["rating_page"]

_STYLE = """
#cases h3 { margin-top: 2.2rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
.bar button { font: inherit; padding: .4rem .9rem; }
.answers { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }
.answers pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: 0 0 .6rem; }
.pictures img { max-width: 100%; margin: 0 .5rem .5rem 0; }
fieldset {
  border: 0; padding: 0; margin: .4rem 0 0; display: flex; flex-wrap: wrap; gap: .2rem .9rem; align-items: center;
}
fieldset legend { float: left; margin-right: .6rem; }
fieldset label { padding: .35rem .2rem; }
.bar { position: sticky; bottom: 0; display: flex; gap: 1rem; align-items: center; padding: .6rem 0;
  background: var(--paper); }
"""


def rating_page(rater: str, cases: Sequence[Case], settings: RatingSettings) -> str:
    """Return the page of a rater; it needs nothing from outside and sends nothing anywhere."""
    grades = f"{settings.scale[0]} is the worst, {settings.scale[-1]} the best"
    head = paragraph(
        f"Rate each answer by {' and '.join(settings.criteria)}: {grades}. Answers stand in an order drawn by "
        "chance. Nothing is sent; what you choose stays in this browser until you save it as a table.",
        kind="lead",
    )
    body = "".join(_case(case, settings) for case in cases)
    bar = (
        '<div class="bar"><button id="save" type="button">Save ratings as a table</button>'
        '<span id="left" aria-live="polite"></span></div>'
    )
    return page(
        "Rate answers", eyebrow=f"Sheet of {rater}", head=head,
        sections=[Section(anchor="cases", title=f"{len(cases)} cases", body=body + bar)],
        foot="Made by Vesalius; vesalius rate read takes the saved table.", style=_STYLE,
        script=(Path(__file__).parent / "rating.js").read_text(encoding="utf-8"),
    )  # fmt: skip


def _case(case: Case, settings: RatingSettings) -> str:
    pictures = "".join(f'<img src="{escape(one)}" alt="Picture of the case" loading="lazy">' for one in case.pictures)
    answers = "".join(_answer(code, text, settings) for code, text in case.answers)
    return (
        f'<h3>Case {case.number}</h3><div class="pictures">{pictures}</div>'
        f"<dl><dt>Question</dt><dd>{escape(case.question)}</dd><dt>Reference</dt><dd>{escape(case.reference)}</dd></dl>"
        f'<div class="answers">{answers}</div>'
    )


def _answer(code: str, text: str, settings: RatingSettings) -> str:
    choices = "".join(
        f"<fieldset><legend>{escape(criterion)}</legend>{_grades(code, criterion, settings.scale)}</fieldset>"
        for criterion in settings.criteria
    )
    return f'<div class="card"><pre>{escape(text) or "(no answer)"}</pre>{choices}</div>'


def _grades(code: str, criterion: str, scale: Sequence[int]) -> str:
    name = f"{code}/{criterion}"
    return "".join(f'<label><input type="radio" name="{name}" value="{grade}"> {grade}</label>' for grade in scale)
