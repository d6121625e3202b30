"""The page of a benchmark of questions: leaderboard, rules, subgroups, confidence, and a browser of every item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from html import escape
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.evaluation.answering.marking import Record
from vesalius.evaluation.report import VIRTUAL_NOTICE, board, numbers
from vesalius.evaluation.report.browser import (
    browser_script,
    browser_section,
    browser_style,
    every,
    write_browser_page,
)
from vesalius.evaluation.report.confidence import confidence_section
from vesalius.evaluation.report.evidence import evidence_section, times_section
from vesalius.evaluation.report.items import seen, write_items
from vesalius.evaluation.results import REPORT_FILE, Evaluation
from vesalius.evaluation.summary import headlines, verdict
from vesalius.page import Section, page, paragraph

__all__ = ["write_answers_page"]

Bar = AbstractContextManager[Callable[[int], None]]


def write_answers_page(evaluation: Evaluation, record: Record, *, rules: Sequence[str], bar: Bar) -> Path:
    """Write report.html, the items beside it, and the leaderboard as CSV and LaTeX.

    Args:
        evaluation: scores of the model and the controls.
        record: what the model was asked, and what came back.
        rules: conventions that every item is marked by, the benchmark's first one first.
        bar: counts items.
    """
    with bar as advance:
        columns = write_items(evaluation.folder / "items", seen(record, rules, advance))
    rows = board.leaderboard(evaluation)
    (evaluation.folder / "leaderboard.csv").write_text(board.as_csv(rows), encoding="utf-8")
    (evaluation.folder / "leaderboard.tex").write_text(board.as_latex(rows), encoding="utf-8")
    document = evaluation.document
    sections = [
        numbers.headline_section(evaluation),
        board.leaderboard_section(rows),
        board.rules_section(evaluation),
        board.subgroups_section(evaluation),
        confidence_section(evaluation),
        evidence_section(evaluation),
        times_section(evaluation),
        board.safety_section(evaluation),
        _browser(columns),
        numbers.controls(evaluation),
        numbers.every_score(evaluation),
        numbers.passports(evaluation),
    ]
    text = page(
        f"{document['model']['name']} on {document['corpus']['name']}",
        eyebrow="Benchmark of questions",
        head=_head(evaluation),
        sections=sections,
        foot=f"Made by Vesalius {__version__}, {document['finished']}. Intervals: 95 %, bootstrap over clusters.",
        style=browser_style(),
        script=browser_script("answers.js"),
    )
    return write_browser_page(evaluation.folder / REPORT_FILE, text)


def _head(evaluation: Evaluation) -> str:
    document = evaluation.document
    items = document["corpus"]["items"]
    task = next(iter(document["passports"].values()))["task"]
    words = f"{items['n']:,} questions of {items['n_patients']:,} clusters, split {document['corpus']['split']}, "
    words += f"arm {task['arm']}, {len(task['shots'])} demonstrations."
    parts = [paragraph(words, kind="lead")]
    if document["corpus"]["virtual"]:
        parts.append(paragraph(VIRTUAL_NOTICE, kind="notice"))
    parts += [paragraph(text, kind="notice") for text in document["warnings"]]
    shown_scores = headlines(evaluation)
    standings = {one.overall for one in shown_scores}
    kind = "above" if standings == {"above"} else "open" if "above" in standings else "below"
    return "".join([*parts, f'<p class="verdict {kind}">{escape(verdict(shown_scores))}</p>'])


def _browser(columns: Mapping[str, Any]) -> Section:
    filters = (
        ("Part", "part", every(columns["parts"])),
        ("Status", "status", every(columns["statuses"])),
        ("Marked", "right", every(["right", "wrong"])),
        ("Group", "group", every(columns["groups"])),
    )
    lead = f"{columns['count']:,} items with what was put, what was said, and what each rule made of it."
    return browser_section(filters, lead=lead, title="Items")
