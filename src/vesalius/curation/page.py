"""The page of a curation: a funnel, the counts of every step, and why studies stayed out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from vesalius import __version__
from vesalius.page import Cell, Section, card, definitions, details, page, paragraph, table

if TYPE_CHECKING:
    from vesalius.curation.pipeline import CurationReport, StepReport

__all__ = ["VIRTUAL_NOTICE", "funnel", "funnel_page"]

VIRTUAL_NOTICE = "Virtual patients: every image and text was made by a program. This is not clinical evidence."
_WIDTH, _ROW, _LEFT, _RIGHT = 760, 34, 190, 90
_STYLE = ".funnel .kept{fill:var(--model)}.funnel .lost{fill:var(--model-soft)}.funnel{max-width:760px}\n"


def funnel_page(report: CurationReport) -> str:
    """Return the page as HTML."""
    first, last = report.steps[0].tally, report.steps[-1].tally
    kept = f"{last.studies_out:,} of {first.studies_in:,} studies were kept by {len(report.steps)} steps."
    head = paragraph(kept, kind="lead") + (paragraph(VIRTUAL_NOTICE, kind="notice") if report.virtual else "")
    sections = (
        Section(anchor="funnel", title="Funnel", body=card(funnel(report.steps)), lead="Studies after each step."),
        Section(anchor="steps", title="Steps", body=_steps(report.steps) + _settings(report.steps)),
        Section(anchor="records", title="Records", body=_records(report.steps), lead="What the studies hold."),
        Section(anchor="dropped", title="Why studies stayed out", body=_reasons(report.steps)),
    )
    foot = f"Made by Vesalius {__version__}. Recipe {report.recipe}, seed {report.seed}, from {report.source}."
    return page(report.corpus, eyebrow="Curation", head=head, sections=sections, foot=foot, style=_STYLE)


def funnel(steps: Sequence[StepReport]) -> str:
    """Return bars as SVG: the studies that came into the first step, and those that each step let on."""
    whole = max(1, steps[0].tally.studies_in)
    rows = [("source", steps[0].tally.studies_in, steps[0].tally.studies_in)]
    rows += [(step.name, step.tally.studies_in, step.tally.studies_out) for step in steps]
    scale = (_WIDTH - _LEFT - _RIGHT) / whole
    parts = []
    for number, (name, before, after) in enumerate(rows):
        top = number * _ROW + 4
        middle = top + _ROW / 2
        parts.append(f'<text class="name" x="0" y="{middle:.0f}">{escape(name)}</text>')
        parts.append(f'<rect class="lost" x="{_LEFT}" y="{top}" width="{before * scale:.1f}" height="{_ROW - 10}"/>')
        parts.append(f'<rect class="kept" x="{_LEFT}" y="{top}" width="{after * scale:.1f}" height="{_ROW - 10}"/>')
        parts.append(f'<text x="{_LEFT + before * scale + 6:.1f}" y="{middle:.0f}">{after:,}</text>')
    height = len(rows) * _ROW + 4
    inside = f"<title>Studies after each step</title>{''.join(parts)}"
    return f'<svg class="funnel" viewBox="0 0 {_WIDTH} {height}" role="img">{inside}</svg>'


def _steps(steps: Sequence[StepReport]) -> str:
    heads = [Cell("step"), *(Cell(name, kind="n") for name in ("in", "out", "dropped", "changed"))]
    rows = []
    for number, step in enumerate(steps, start=1):
        tally = step.tally
        counts = (tally.studies_in, tally.studies_out, tally.studies_in - tally.studies_out, tally.changed)
        rows.append([Cell(f"{number}. {step.name}"), *(Cell(f"{value:,}", kind="n") for value in counts)])
    return table(heads, rows)


def _settings(steps: Sequence[StepReport]) -> str:
    shown = [(step.name, json.dumps(dict(step.settings), ensure_ascii=False, default=str)) for step in steps]
    return details("Settings of all steps", definitions(shown))


def _records(steps: Sequence[StepReport]) -> str:
    names = list(steps[0].tally.before)
    heads = [Cell("after"), *(Cell(name, kind="n") for name in names)]
    before = [Cell("source"), *(Cell(f"{steps[0].tally.before[name]:,}", kind="n") for name in names)]
    after = [[Cell(step.name), *(Cell(f"{step.tally.after[name]:,}", kind="n") for name in names)] for step in steps]
    return table(heads, [before, *after])


def _reasons(steps: Sequence[StepReport]) -> str:
    rows = [
        [Cell(step.name), Cell(reason, kind="words"), Cell(f"{number:,}", kind="n")]
        for step in steps
        for reason, number in sorted(step.tally.dropped.items(), key=lambda item: (-item[1], item[0]))
    ]
    heads = [Cell("step"), Cell("reason"), Cell("studies", kind="n")]
    return table(heads, rows) if rows else paragraph("No study was dropped.")
