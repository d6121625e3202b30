"""comparison.html: which of two models or more is better, in words, then in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vesalius import __version__
from vesalius.evaluation.report import VIRTUAL_NOTICE, charts
from vesalius.evaluation.report.browser import browser_script, browser_style, write_browser_page
from vesalius.evaluation.report.charts import Dot
from vesalius.evaluation.report.versus import versus_section, write_versus
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.summary import comparison_words, detectable_words, headline_words
from vesalius.page import (
    Cell,
    Section,
    card,
    definitions,
    details,
    number,
    page,
    paragraph,
    table,
)

if TYPE_CHECKING:
    from vesalius.evaluation.compare import Comparison

__all__ = ["write_comparison"]

COMPARISON_PAGE = "comparison.html"
_KIND = {"win": "above", "loss": "below", "tie": "open", "undecided": "open"}


def write_comparison(comparison: Comparison, folder: Path, *, systems: Sequence[tuple[str, Evaluation]]) -> Path:
    """Write comparison.html into a folder, with the items of questions side by side.

    Args:
        comparison: of all pairs.
        folder: where it goes.
        systems: names and evaluations that were compared.
    """
    document = comparison.document
    items = write_versus(systems, folder / "items")
    sections = [
        _primary(comparison), versus_section(items), _every(comparison), _differences(comparison), _how(comparison),
    ]  # fmt: skip
    names = [system["name"] for system in document["systems"]]
    corpus = document["corpus"]
    head = paragraph(f"On {corpus['name']}, split {corpus['split']}.", kind="lead")
    if corpus["virtual"]:
        head += paragraph(VIRTUAL_NOTICE, kind="notice")
    kinds = {row["verdict"] for row in comparison.primary()}
    kind = "above" if kinds == {"win"} else "below" if kinds == {"loss"} else "open"
    head += "".join(f'<p class="verdict {kind}">{escape(words)}</p>' for words in comparison_words(document))
    text = page(
        " or ".join(names),
        eyebrow="Comparison",
        head=head,
        sections=sections,
        foot=f"Made by Vesalius {__version__}. Paired bootstrap over patients and swaps of patients.",
        style=browser_style() if items else "",
        script=browser_script("versus.js") if items else "",
    )
    return write_browser_page(folder / COMPARISON_PAGE, text)


def _primary(comparison: Comparison) -> Section:
    cards = []
    for row in comparison.primary():
        kind = _KIND[row["verdict"]]
        told = row["verdict"] if row["verdict"] != "win" else f"win for {row['first']}"
        told = told if row["verdict"] != "loss" else f"win for {row['second']}"
        most = max(abs(row[key] or 0) for key in ("difference", "low", "high"))
        limit = next((end for end in (0.05, 0.1, 0.2, 0.5, 1.0) if most <= end), most)
        dots = [Dot(name="difference", value=row["difference"], low=row["low"], high=row["high"], model=True)]
        plot = charts.dots(dots, title=f"Difference in {row['metric']}", reference=0.0, x_range=(-limit, limit))
        values = f"{row['first']} {number(row['first_value'])}, {row['second']} {number(row['second_value'])}"
        cards.append(
            card(
                f'<div class="state {kind}">{escape(told)}</div>'
                f'<div class="big">{_signed(row["difference"])}<small>{escape(_bounds(row))}</small></div>'
                f"{plot}{paragraph(values, kind='note')}{paragraph(_p_words(row), kind='note')}",
                title=headline_words(row["task"], row["metric"], row["label"]),
            )
        )
    return Section(
        anchor="primary",
        title="Headline scores",
        lead="Difference of the two models on the same patients, with its 95 % interval; plus: the first "
        "has the larger number.",
        body=f'<div class="grid">{"".join(cards)}</div>' if cards else "",
    )


def _every(comparison: Comparison) -> Section:
    names = ("Score", "First", "Second", "Difference", "95 % interval", "p", "p, Holm", "Effect", "Verdict")
    heads = [Cell(name, kind="" if name in ("Score", "First", "Second", "Verdict") else "n") for name in names]
    rows = [
        [
            Cell(f"{row['task']} / {row['metric']} / {row['label']}"),
            Cell(f"{row['first']} {number(row['first_value'])}"),
            Cell(f"{row['second']} {number(row['second_value'])}"),
            Cell(_signed(row["difference"]), kind="n"),
            Cell(_bounds(row), kind="n"),
            Cell(_p(row["p"]), kind="n"),
            Cell(_p(row["p_holm"]), kind="n"),
            Cell(number(row["effect"], places=2), kind="n"),
            Cell(row["verdict"]),
        ]
        for row in comparison.pairs
    ]
    lead = "Exploratory beyond the headline scores: p is adjusted over pairs, not scores."
    return Section(
        anchor="all",
        title="All scores",
        lead=lead,
        body=details(f"All {len(rows)} comparisons", table(heads, rows)),
    )


def _differences(comparison: Comparison) -> Section:
    rows = [(f"{row['between']}: {row['field']}", row["effect"]) for row in comparison.document["differences"]]
    body = definitions(dict.fromkeys(rows)) if rows else ""
    lead = "These evaluations are not of the same questions on the same items; what they share was compared."
    return Section(anchor="differences", title="What differs beside the models", lead=lead, body=body)


def _how(comparison: Comparison) -> Section:
    settings = comparison.document["settings"]
    rows = [
        (
            "Interval",
            f"paired bootstrap over patients, {settings['resamples']} resamples shared by all models",
        ),
        ("p", "swaps of the two models patient by patient where it was made, else of the bootstrap"),
        ("p, Holm", "adjusted over all pairs of models on one score"),
        ("Win, loss", "the 95 % interval lies on one side of zero, and p after Holm is below .05"),
        ("Tie", f"the 90 % interval lies within ±{settings['margin']}, the margin stated before the run"),
        (
            "Undecided",
            "neither; beside it the difference that would show and the patients that two points take, power .8",
        ),
        ("Effect", "difference in standard deviations of what one patient adds to it"),
    ]
    systems = comparison.document["systems"]
    models = [(system["name"], str(system["model"].get("weights_sha256", ""))) for system in systems]
    return Section(anchor="how", title="How this was made", body=definitions(rows) + definitions(models))


def _p_words(row: Mapping[str, Any]) -> str:
    words = f"p {_p(row['p'])}, Holm {_p(row['p_holm'])}; {row['n']} items of {row['n_patients']} patients."
    shown = detectable_words(row)
    return f"{words} {shown[0].upper()}{shown[1:]}." if shown else words


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}".replace("-", "−")


def _bounds(row: Mapping[str, Any]) -> str:
    return "" if row["low"] is None else f"{_signed(row['low'])} to {_signed(row['high'])}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}"
