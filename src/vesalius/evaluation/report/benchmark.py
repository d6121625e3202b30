"""The page of a benchmark: systems by tasks and shares of the labels, ranks with their critical difference, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from vesalius import __version__
from vesalius.evaluation.report import VIRTUAL_NOTICE, write_page
from vesalius.page import Cell, Section, definitions, number, page, paragraph, table

__all__ = ["cliques", "write_benchmark_page"]

_WIDTH, _MARGIN = 720, 150


def write_benchmark_page(folder: Path, document: Mapping[str, Any]) -> Path:
    """Write benchmark.html, and the same table as benchmark.md, into a folder."""
    head = paragraph(f"{len(document['cells'])} systems on {document['corpus']}, split {document['split']}.")
    if document["virtual"]:
        head += paragraph(VIRTUAL_NOTICE, kind="note")
    sections = [_scores(document), _ranks(document), _cost(document), _tuning(document), _skipped(document)]
    text = page(
        str(document["benchmark"]),
        eyebrow="Benchmark",
        head=head,
        sections=sections,
        foot=f"Made by Vesalius {__version__}, {document['finished']}. Intervals: 95 %, over patients and draws.",
    )
    (folder / "benchmark.md").write_text(_markdown(document), encoding="utf-8")
    return write_page(folder / "benchmark.html", text)


def cliques(ranks: Mapping[str, float], width: float) -> list[tuple[str, str]]:
    """Return the first and last system of every longest run whose mean ranks lie within `width`; singles are none."""
    order = sorted(ranks, key=lambda name: ranks[name])
    found: list[tuple[int, int]] = []
    for first in range(len(order)):
        last = max(place for place in range(first, len(order)) if ranks[order[place]] - ranks[order[first]] <= width)
        if last > first and not any(start <= first and last <= stop for start, stop in found):
            found.append((first, last))
    return [(order[first], order[last]) for first, last in found]


def _heads(document: Mapping[str, Any]) -> list[Cell]:
    heads = (f"{escape(words)}<br>{name.split()[1]} %" for name, words in document["columns"].items())
    return [Cell("System"), *(Cell(html=head, kind="n") for head in heads)]


def _heading(column: str, words: str) -> str:
    return f"{words}, {column.split()[1]} %"


def _scores(document: Mapping[str, Any]) -> Section:
    rows = []
    for system, cells in document["cells"].items():
        row = [Cell(system)]
        for column in document["columns"]:
            cell = cells.get(column)
            if cell is None:
                row.append(Cell("–", kind="n"))
                continue
            best = cell["value"] == max(one[column]["value"] for one in document["cells"].values() if column in one)
            value = f"<b>{number(cell['value'])}</b>" if best else number(cell["value"])
            spread = "" if cell["std"] is None else f" ± {number(cell['std'])}"
            beside = "" if cell["untrained"] is None else f"<br><small>untrained {number(cell['untrained'])}</small>"
            known = cell["low"] is not None
            bounds = f"<br><small>[{number(cell['low'])}, {number(cell['high'])}]</small>" if known else ""
            row.append(Cell(html=f"{value}{spread}{bounds}{beside}", kind="n"))
        rows.append(row)
    lead = (
        "Score with the standard deviation over draws, its 95 % interval over patients and draws, and the same fit "
        "on the same architecture with random weights."
    )
    return Section(anchor="scores", title="Scores", lead=lead, body=table(_heads(document), rows))


def _ranks(document: Mapping[str, Any]) -> Section:
    ranking = document["ranking"]
    if ranking["note"]:
        return Section(
            anchor="ranks", title="Ranks", body=paragraph(f"Not computed: {ranking['note']}.", kind="note")
        )
    heads = [Cell("System"), Cell("Mean rank", kind="n"), *(Cell(name, kind="n") for name in ranking["by_column"])]
    order = sorted(ranking["ranks"], key=lambda name: ranking["ranks"][name])
    rows = [
        [
            Cell(name),
            Cell(f"{ranking['ranks'][name]:.2f}", kind="n"),
            *(Cell(f"{column[name]:g}", kind="n") for column in ranking["by_column"].values()),
        ]
        for name in order
    ]
    said = (
        f"Friedman's test (F by Iman and Davenport) over {len(ranking['columns'])} columns: p {ranking['p']:.3g}. "
        f"Critical difference (Nemenyi, 0.05): {ranking['critical_difference']:.2f}. Columns of one corpus share "
        "their patients, so they are fewer than they seem; a bar joins systems that are not told apart."
    )
    return Section(
        anchor="ranks", title="Ranks", lead=said, body=f'<div class="card">{_plot(ranking)}</div>{table(heads, rows)}'
    )


def _plot(ranking: Mapping[str, Any]) -> str:
    """Draw mean ranks on a line, 1 at the left, with bars under systems within the critical difference."""
    ranks: Mapping[str, float] = ranking["ranks"]
    order = sorted(ranks, key=lambda name: ranks[name])
    last = max(2, len(order))

    def x(rank: float) -> float:
        return _MARGIN + (rank - 1) / (last - 1) * (_WIDTH - 2 * _MARGIN)

    bars = cliques(ranks, ranking["critical_difference"])
    below = 60 + 9 * len(bars)
    half = (len(order) + 1) // 2
    parts = [_line(x(1), 40, x(last), 40)]
    for tick in range(1, last + 1):
        parts += [_line(x(tick), 36, x(tick), 44), _words(x(tick), 28, str(tick))]
    width = ranking["critical_difference"]
    end = min(x(1 + width), _WIDTH - 10)
    parts += [_line(x(1), 10, end, 10), _words(x(1) - 24, 14, f"CD {width:.2f}")]
    for number_, (first, final) in enumerate(bars):
        y = 52 + 9 * number_
        parts.append(_line(x(ranks[first]) - 4, y, x(ranks[final]) + 4, y, width=4))
    for place, name in enumerate(order):
        left = place < half
        y = below + 22 * (place if left else len(order) - 1 - place)
        edge = _MARGIN - 12 if left else _WIDTH - _MARGIN + 12
        parts += [_line(x(ranks[name]), 40, x(ranks[name]), y), _line(x(ranks[name]), y, edge, y)]
        label = f"{name} {ranks[name]:.2f}"
        parts.append(_words(edge + (-4 if left else 4), y + 4, label, anchor="end" if left else "start"))
    height = below + 22 * half
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="Mean ranks with their critical difference" '
        f'style="width:100%;max-width:{_WIDTH}px">{"".join(parts)}</svg>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, *, width: float = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="currentColor" stroke-width="{width}"/>'


def _words(x: float, y: float, words: str, *, anchor: str = "middle") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" fill="currentColor">{escape(words)}</text>'


def _cost(document: Mapping[str, Any]) -> Section:
    heads = [
        Cell("System"),
        Cell("Parameters", kind="n"),
        Cell("Seconds", kind="n"),
        Cell("Peak memory, MiB", kind="n"),
    ]
    rows = []
    for system, cells in document["cells"].items():
        if not cells:
            continue
        seconds = sum(cell["seconds"] for cell in cells.values())
        parameters = max(cell["parameters"] for cell in cells.values())
        peak = max(cell["peak_mib"] for cell in cells.values())
        rows.append(
            [
                Cell(system),
                Cell(f"{parameters:,}", kind="n"),
                Cell(f"{seconds:.0f}", kind="n"),
                Cell(f"{peak:.0f}", kind="n"),
            ]
        )
    lead = "Seconds of all fits of a system, without the control; parameters of the whole model."
    return Section(anchor="cost", title="Cost", lead=lead, body=table(heads, rows))


def _tuning(document: Mapping[str, Any]) -> Section:
    heads = [Cell("System"), Cell("Column"), Cell("Rates tried: validation"), Cell("Chosen", kind="n")]
    rows = [
        [
            Cell(system),
            Cell(column),
            Cell(", ".join(f"× {rate}: {number(score)}" for rate, score in cell["tried"].items())),
            Cell(f"× {cell['rate']:g}", kind="n"),
        ]
        for system, cells in document["cells"].items()
        for column, cell in cells.items()
    ]
    lead = "The grid of learning rates is the same for all; validation chooses with the first draw of each share."
    changed = document["fit"]
    if changed:
        lead += f" Changed for all: {', '.join(f'{name}={value}' for name, value in changed.items())}."
    return Section(anchor="tuning", title="Tuning", lead=lead, body=table(heads, rows))


def _skipped(document: Mapping[str, Any]) -> Section:
    rows = [(f"{one['system']}, {one['stage']}", one["reason"]) for one in document["skipped"]]
    return Section(anchor="skipped", title="Left out", body=definitions(rows) if rows else "")


def _markdown(document: Mapping[str, Any]) -> str:
    """The table of scores in Markdown, best of each column in bold."""
    columns: Sequence[str] = list(document["columns"])
    heads = ["system", *(_heading(name, words) for name, words in document["columns"].items())]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    best = {
        column: max(one[column]["value"] for one in document["cells"].values() if column in one) for column in columns
    }
    for system, cells in document["cells"].items():
        row = []
        for column in columns:
            cell = cells.get(column)
            if cell is None:
                row.append("–")
                continue
            shown = (
                f"{cell['value']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]"
                if cell["low"] is not None
                else f"{cell['value']:.3f}"
            )
            row.append(f"**{shown}**" if cell["value"] == best[column] else shown)
        lines.append(f"| {system} | {' | '.join(row)} |")
    return "\n".join(lines) + "\n"
