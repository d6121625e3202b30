"""The numbers of a benchmark of questions as tables: leaderboard, rules side by side, subgroups, safety sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.summary import headline_names
from vesalius.page import Cell, Section, definitions, details, number, paragraph, table

__all__ = [
    "as_csv", "as_latex", "bounded", "leaderboard", "leaderboard_section", "rules_section", "safety_section",
    "subgroups_section",
]  # fmt: skip


def leaderboard(evaluation: Evaluation) -> list[list[str]]:
    """Return the table of systems by headline scores as text, the names of the columns first.

    A score that no system has, such as of a part without items, is no column.
    """
    systems = ["", *evaluation.document["control_notes"]]
    names = [
        (task, metric, label, words)
        for task, metric, label, words in headline_names(evaluation.document)
        if any(evaluation.score(task, metric, label, control=one) is not None for one in systems)
    ]
    rows = [["system", *(words for *_, words in names)]]
    for control in systems:
        cells = [evaluation.score(task, metric, label, control=control) for task, metric, label, _ in names]
        rows.append([control or str(evaluation.document["model"]["name"]), *(bounded(cell) for cell in cells)])
    # What is published of a metric is its plain mean where there is such a column, not its means over fields too.
    printed = {(task, metric): label for task, metric, label, _ in names}
    printed |= {(task, metric): label for task, metric, label, _ in names if label == "all"}
    for model, found in _published(evaluation.document).items():
        numbers_of = [
            found.get((task.partition(".")[2], metric)) if label == printed[task, metric] else None
            for task, metric, label, _ in names
        ]
        if any(value is not None for value in numbers_of):
            rows.append([f"{model} (published)", *("" if value is None else f"{value:.3f}" for value in numbers_of)])
    return rows


def leaderboard_section(rows: Sequence[Sequence[str]]) -> Section:
    """The table of `leaderboard`, with its files."""
    heads = [Cell(name, kind="" if place == 0 else "n") for place, name in enumerate(rows[0])]
    body = [[Cell(cell, kind="" if place == 0 else "n") for place, cell in enumerate(row)] for row in rows[1:]]
    links = '<p class="note">Also as <a href="leaderboard.csv">CSV</a>, <a href="leaderboard.tex">LaTeX</a> and '
    links += '<a href="scores.json">JSON</a>. Published numbers are of their authors, on the release itself.</p>'
    return Section(anchor="leaderboard", title="Leaderboard", body=table(heads, body) + links)


def rules_section(evaluation: Evaluation) -> Section:
    """The same replies under every rule."""
    conventions = evaluation.document["conventions"]
    if len(conventions) < 2:
        return Section(anchor="rules", title="Rules", body="")
    ours, *others = conventions
    rows: list[tuple[Mapping[str, Any], list[dict[str, Any] | None]]] = []
    for score in evaluation.scores:
        if "@" in score["task"] or score["label"] != "all":
            continue
        beside = [evaluation.score(f"{score['task']}@{rule}", score["metric"], "all") for rule in others]
        if any(one is not None for one in beside):
            rows.append((score, beside))
    heads = [Cell("Score"), *(Cell(name, kind="n") for name in (ours, *others))]
    apart = [row for row in rows if any(one is not None and one["value"] != row[0]["value"] for one in row[1])]
    alike = [row for row in rows if row not in apart]
    shown_rows = (
        table(heads, _rule_rows(apart)) if apart else paragraph("All rules give the same values.", kind="note")
    )
    rest = details(f"{len(alike)} scores on which the rules agree", table(heads, _rule_rows(alike))) if alike else ""
    return Section(
        anchor="rules",
        title="Rules",
        lead="The same replies, marked by each convention. What lies between the columns is the rule, not the model.",
        body=shown_rows + rest + definitions(conventions.items()),
    )


def _rule_rows(rows: Sequence[tuple[Mapping[str, Any], list[dict[str, Any] | None]]]) -> list[list[Cell]]:
    return [
        [Cell(f"{score['task']}, {score['metric']}"), *(Cell(bounded(one), kind="n") for one in (score, *beside))]
        for score, beside in rows
    ]


def subgroups_section(evaluation: Evaluation) -> Section:
    """Every headline metric by the values of each field."""
    wanted = {(task, metric) for task, metric, *_ in headline_names(evaluation.document)}
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for score in evaluation.scores:
        name, mark, _ = score["label"].partition("=")
        if mark and (score["task"], score["metric"]) in wanted:
            groups.setdefault(name, []).append(score)
    parts = []
    for name, scores in groups.items():
        heads = [Cell(name), Cell("Score"), Cell("Value", kind="n"), Cell("n", kind="n")]
        rows = [
            [Cell(one["label"].partition("=")[2]), Cell(f"{one['task']}, {one['metric']}"),
             Cell(bounded(one), kind="n"), Cell(str(one["n"]), kind="n")]
            for one in scores
        ]  # fmt: skip
        parts.append(details(f"By {name}, {len(rows)} rows", table(heads, rows)))
    lead = "Not adjusted for how many there are: look here for questions, not for answers."
    return Section(anchor="subgroups", title="Subgroups", lead=lead, body="".join(parts))


def safety_section(evaluation: Evaluation) -> Section:
    """What changes when something does that should not matter."""
    sheet = evaluation.document["safety"]
    if sheet is None:
        return Section(anchor="safety", title="Safety sheet", body="")
    heads = [Cell("Changed"), *(Cell(name, kind="n") for name in ("As is", "Changed", "Difference", "Flipped", "n"))]
    rows = []
    for one in sheet["rows"]:
        bounds = f" [{one['low']:+.3f}, {one['high']:+.3f}]" if one["low"] is not None else ""
        cells = (
            number(one["model"]), number(one["changed"]), f"{one['difference']:+.3f}{bounds}",
            number(one["flipped"]), str(one["n"]),
        )  # fmt: skip
        rows.append([Cell(one["words"], kind="words"), *(Cell(cell, kind="n") for cell in cells)])
    notes = [sheet["contamination"]] if sheet["contamination"] else []
    if sheet["wording"]:
        spread = sheet["wording"]
        notes.append(
            "Over the wordings: mean "
            f"{spread['mean']:.3f}, standard deviation {spread['sd']:.3f}, range {spread['range']:.3f}."
        )
    return Section(
        anchor="safety",
        title="Safety sheet",
        lead=f"{sheet['metric']} on {sheet['items']} drawn items, asked again with something changed that should not "
        "matter. Flipped: share of items whose mark changes.",
        body=table(heads, rows) + "".join(paragraph(text, kind="note") for text in notes),
    )


def bounded(row: Mapping[str, Any] | None) -> str:
    """Return a score with its interval as text, "–" where there is none."""
    if row is None or row["value"] is None:
        return "–"
    bounds = f" [{row['low']:.3f}, {row['high']:.3f}]" if row["low"] is not None else ""
    return number(row["value"]) + bounds


def _published(document: Mapping[str, Any]) -> dict[str, dict[tuple[str, str], float]]:
    found: dict[str, dict[tuple[str, str], float]] = {}
    for one in document["published"]:
        found.setdefault(one["model"], {})[one["part"], one["metric"]] = one["value"]
    return found


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Return a table as comma-separated values."""
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def as_latex(rows: Sequence[Sequence[str]]) -> str:
    """Return a table as a LaTeX tabular with the rules of booktabs."""
    lines = [" & ".join(_tex(cell) for cell in row) + r" \\" for row in rows]
    return "\n".join(
        [rf"\begin{{tabular}}{{l{'r' * (len(rows[0]) - 1)}}}", r"\toprule", lines[0], r"\midrule", *lines[1:],
         r"\bottomrule", r"\end{tabular}", ""]
    )  # fmt: skip


def _tex(text: str) -> str:
    for mark in "&%$#_{}":
        text = text.replace(mark, f"\\{mark}")
    return text
