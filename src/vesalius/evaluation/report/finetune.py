"""report.html of a downstream protocol: scores by share of the labels, every fit, and what made the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.evaluation.report import VIRTUAL_NOTICE, numbers, write_page
from vesalius.evaluation.results import REPORT_FILE, Evaluation
from vesalius.evaluation.summary import headlines, verdict
from vesalius.page import Cell, Section, number, page, paragraph, table

__all__ = ["write_finetune_report"]


def write_finetune_report(evaluation: Evaluation) -> Path:
    """Write report.html into the folder of a finished `finetune`."""
    document = evaluation.document
    items = document["corpus"]["items"]
    head = paragraph(verdict(headlines(evaluation)))
    head += paragraph(
        f"{document['corpus']['name']}: {items['n']} {items['unit']} of {items['n_patients']} patients", kind="note"
    )
    head += "".join(paragraph(warning, kind="notice") for warning in document["warnings"])
    if document["corpus"]["virtual"]:
        head += paragraph(VIRTUAL_NOTICE, kind="note")
    sections = [
        numbers.headline_section(evaluation),
        _fits(document),
        numbers.controls(evaluation),
        numbers.every_score(evaluation),
        numbers.passports(evaluation),
    ]
    text = page(
        f"{document['model']['name']}, {document['passports'][_first(document)]['task']['protocol']}",
        eyebrow="Downstream protocol",
        head=head,
        sections=sections,
        foot=f"Made by Vesalius {__version__}, {document['finished']}. Intervals: 95 %, over patients and draws.",
    )
    return write_page(evaluation.folder / REPORT_FILE, text)


def _first(document: Mapping[str, Any]) -> str:
    return str(next(iter(document["passports"])))


def _fits(document: Mapping[str, Any]) -> Section:
    """One row a fit: its share of the labels, the rates that were tried, and its cost."""
    heads = [Cell("Encoder"), Cell("Labels", kind="n"), Cell("Draw", kind="n"), Cell("Learnt from", kind="n")]
    heads += [
        Cell("Rates tried: validation"),
        Cell("Best", kind="n"),
        Cell("At step", kind="n"),
        Cell("Seconds", kind="n"),
    ]
    rows = [
        [
            Cell(one["control"] or "model"),
            Cell(f"{one['fraction'] * 100:g} %", kind="n"),
            Cell(str(one["draw"]), kind="n"),
            Cell(str(one["studies"]), kind="n"),
            Cell(", ".join(f"× {rate}: {number(score)}" for rate, score in one["tried"].items())),
            Cell(number(one["best"]), kind="n"),
            Cell(f"{one['best_step']} of {one['step']}", kind="n"),
            Cell(f"{one['seconds']:.0f}", kind="n"),
        ]
        for one in document["fits"]
    ]
    lead = "Each share tries the same rates with its first draw; validation chooses before that share is tested."
    return Section(anchor="fits", title="Fits", lead=lead, body=table(heads, rows))
