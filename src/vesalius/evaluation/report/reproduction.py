"""reproduction.html: the claims of one system, each with its effect, its seeds, its control and its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from vesalius.evaluation.report import VIRTUAL_NOTICE, charts, write_page
from vesalius.evaluation.report.charts import Dot
from vesalius.evaluation.reproduction_text import effect_words
from vesalius.page import Cell, Section, card, definitions, number, page, paragraph, table

__all__ = ["REPRODUCTION_PAGE", "write_reproduction"]

REPRODUCTION_PAGE = "reproduction.html"
_KINDS = {"reproduced": "above", "contradicted": "below", "failed": "below"}
_LIMITS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


def write_reproduction(document: Mapping[str, Any], folder: Path) -> Path:
    """Write reproduction.html into a folder."""
    budget, machine = document["budget"], document["machine"]
    counts = _counts(document)
    head = paragraph(
        f"{document['seeds']} seeds an arm, {budget['steps']} steps of {budget['batch']} pairs, pictures of "
        f"{budget['image_size']} pixels{_volumes(document)}, {document['seconds'] / 60:.0f} min on "
        f"{machine['cores']} cores.",
        kind="lead",
    )
    virtual = document["data"]["kind"] == "virtual"
    head += paragraph(VIRTUAL_NOTICE, kind="notice") if virtual else ""
    head += f'<p class="verdict {_overall(document)}">{escape(counts)}</p>'
    sections = [_claims(document), _rates(document), _rules(document), _how(document)]
    text = page(
        document["slug"],
        eyebrow="Reproduction of a paper's claims",
        head=head,
        sections=sections,
        foot=f"Made by Vesalius {document['code']['vesalius']} with: {document['command']}",
    )
    return write_page(folder / REPRODUCTION_PAGE, text)


def _volumes(document: Mapping[str, Any]) -> str:
    if not any(claim["population"].get("volumes") for claim in document["claims"]):
        return ""
    return f", volumes of {' × '.join(map(str, document['budget']['volume_size']))}"


def _counts(document: Mapping[str, Any]) -> str:
    verdicts = [claim["verdict"] for claim in document["claims"]]
    told = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts))
    return f"{len(verdicts)} claims: {told}."


def _overall(document: Mapping[str, Any]) -> str:
    kinds = {_KINDS.get(claim["verdict"], "open") for claim in document["claims"]}
    return kinds.pop() if len(kinds) == 1 else "open"


def _claims(document: Mapping[str, Any]) -> Section:
    cards = "".join(_claim(claim) for claim in document["claims"])
    return Section(
        anchor="claims",
        title="Claims",
        lead="Score with the paper's idea minus score without it. The bar is the 95 % interval for new seeds and new "
        "patients, the small dots are the seeds. The control is an effect planted in the data.",
        body=f'<div class="grid wide">{cards}</div>',
    )


def _claim(claim: Mapping[str, Any]) -> str:
    control = claim["positive_control"]
    kind = _KINDS.get(claim["verdict"], "open")
    parts = [f'<div class="state {kind}">{escape(claim["verdict"])}</div>']
    if claim["effect"] is not None:
        bounds = f"{claim['low']:+.3f} to {claim['high']:+.3f}"
        parts.append(f'<div class="big">{claim["effect"]:+.3f}<small>{bounds}</small></div>')
    rows = [_dot("claim", claim, model=True), *([_dot("control", control, model=False)] if control else [])]
    parts.append(_plot(rows, title=f"Effect of {claim['factor']}"))
    parts.append(paragraph(effect_words(claim), kind="note"))
    if control:
        state = "Control found" if control["found"] else "Control not found"
        parts.append(paragraph(f"{state}. {control['sentence']} {effect_words(control)}", kind="note"))
    parts += [paragraph(row["failure"], kind="note") for row in (claim, control or claim) if row["failure"]]
    parts.append(paragraph(f"In the paper: {claim['published'] or 'no figure'}.", kind="note"))
    return card("".join(parts), title=claim["sentence"])


def _dot(name: str, row: Mapping[str, Any], *, model: bool) -> Dot:
    return Dot(
        name=name,
        value=row["effect"],
        low=row["low"],
        high=row["high"],
        model=model,
        parts=tuple(row["seed_effects"]),
    )


def _plot(rows: list[Dot], *, title: str) -> str:
    values = [value for row in rows for value in (row.value, row.low, row.high, *row.parts) if value is not None]
    most = max((abs(value) for value in values), default=_LIMITS[0])
    limit = next((end for end in _LIMITS if most <= end), most)
    return charts.dots(rows, title=title, reference=0.0, x_range=(-limit, limit))


def _rates(document: Mapping[str, Any]) -> Section:
    heads = [
        Cell("experiment"),
        Cell("arm"),
        Cell("score on validation by multiple of the rate"),
        Cell("chosen", kind="n"),
    ]
    rows = []
    for claim in document["claims"]:
        for name, row in ((claim["name"], claim), (f"{claim['name']}, control", claim["positive_control"])):
            for side, one in ((row or {}).get("rates") or {}).items():
                tried = ", ".join(f"x {rate}: {number(value)}" for rate, value in one["tried"].items())
                rows.append([Cell(name), Cell(side), Cell(tried), Cell(f"{one['chosen']:.3g}", kind="n")])
    lead = "Each arm tried the same rates with the first seed; the test split was opened after the choice."
    return Section(anchor="rates", title="Learning rates", lead=lead, body=table(heads, rows) if rows else "")


def _rules(document: Mapping[str, Any]) -> Section:
    lead = "They stand in code before any run."
    return Section(
        anchor="rules", title="Rules of the verdicts", lead=lead, body=definitions(document["rules"].items())
    )


def _how(document: Mapping[str, Any]) -> Section:
    rows = []
    for claim in document["claims"]:
        arms = "; ".join(f"{side}: {values}" for side, values in claim["arms"].items())
        rows.append((claim["name"], f"{claim['recipe']}, {arms}; {claim.get('interval', 'no interval')}"))
    rows += [(f"machine: {name}", str(value)) for name, value in document["machine"].items()]
    rows.append(("budget", f"{document['budget']['name']}: {document['budget']['reason']}"))
    return Section(anchor="how", title="How it was measured", body=definitions(rows))
