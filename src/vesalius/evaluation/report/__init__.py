"""report.html: an evaluation as one page that needs nothing from outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.data.corpus import Corpus
from vesalius.evaluation.report import cases, numbers
from vesalius.evaluation.results import REPORT_FILE, Evaluation
from vesalius.evaluation.summary import headlines, verdict
from vesalius.evaluation.systems import System
from vesalius.page import Section, page, paragraph

__all__ = ["write_page", "write_report"]

VIRTUAL_NOTICE = (
    "Virtual patients: every image, report and finding was made by a program. These numbers compare methods; "
    "they are not clinical evidence."
)


def write_report(evaluation: Evaluation, *, corpus: Corpus, system: System, run: Path | None = None) -> Path:
    """Write report.html into the folder of an evaluation.

    Args:
        evaluation: scores and predictions.
        corpus: where the pictures and texts are.
        system: the model, encoded.
        run: folder of the training run, for its curves.
    """
    gallery = cases.Gallery(evaluation=evaluation, corpus=corpus, system=system)
    sections: list[Section] = [
        numbers.headline_section(evaluation),
        numbers.findings(evaluation),
        cases.sample_cases(gallery, seed=system.seed),
        cases.retrieval_examples(gallery, seed=system.seed),
        cases.heat_maps(gallery),
        numbers.curve_section(evaluation),
        cases.worst_errors(gallery),
        numbers.training(run),
        numbers.controls(evaluation),
        numbers.every_score(evaluation),
        numbers.passports(evaluation),
    ]
    document = evaluation.document
    text = page(
        str(document["model"]["name"]),
        eyebrow="Evaluation report",
        head=_head(evaluation, document),
        sections=sections,
        foot=_foot(document),
    )
    return write_page(evaluation.folder / REPORT_FILE, text)


def write_page(path: Path, text: str) -> Path:
    """Write a page, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
    return path


def _size(items: Mapping[str, int]) -> str:
    return f"{items['n']:,} studies of {items['n_patients']:,} patients"


def _foot(document: Mapping[str, Any]) -> str:
    made = f"Made by Vesalius {__version__}, {document['finished']}."
    settings = document["settings"]
    how = f"{settings['resamples']} resamples, seed {settings['seed']}"
    return f"{made} Intervals: 95 %, bootstrap over patients, {how}."


def _head(evaluation: Evaluation, document: Mapping[str, Any]) -> str:
    corpus = document["corpus"]
    items = corpus["items"]
    where = f"On {corpus['name']}, split {corpus['split']}: {_size(items)}."
    parts = [paragraph(where, kind="lead")]
    if corpus["virtual"]:
        parts.append(paragraph(VIRTUAL_NOTICE, kind="notice"))
    parts += [paragraph(text, kind="notice") for text in document["warnings"]]
    shown = headlines(evaluation)
    standings = {one.overall for one in shown}
    kind = "above" if standings == {"above"} else "open" if "above" in standings else "below"
    parts.append(f'<p class="verdict {kind}">{escape(verdict(shown))}</p>')
    return "".join(parts)
