"""Scores that a mean over items does not hold: sets of options, FROC, agreement of numbers, ratios, and time.

Letters: F rates of false alarms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc

from vesalius.evaluation.report import charts
from vesalius.evaluation.report.board import bounded
from vesalius.evaluation.report.charts import Frame
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.summary import headline_names
from vesalius.page import Cell, Section, card, number, paragraph, table
from vesalius.tasks.base import column

__all__ = ["evidence_section", "times_section"]

Row = Mapping[str, Any]


def evidence_section(evaluation: Evaluation) -> Section:
    """Everything of this kind that the benchmark's first rule gives; empty where there is nothing."""
    shown = (_ratios(evaluation), _sets(evaluation), _froc(evaluation), _numbers(evaluation), _pooled(evaluation))
    return Section(
        anchor="evidence",
        title="Ratios, sets, boxes, numbers",
        lead="Made of all answers of a part at once; the other means of the page are over items.",
        body="".join(shown),
    )


def times_section(evaluation: Evaluation) -> Section:
    """How right each system is, and how long its replies took, part by part; empty where nobody timed them."""
    rows = []
    for control in ("", *evaluation.document["control_notes"]):
        for name, seconds in _seconds(evaluation, control):
            score = _headline(evaluation, name, control)
            middle, late = np.quantile(seconds, (0.5, 0.9))
            words = evaluation.score(name, "tokens_out", "all", control=control)
            cells = (
                bounded(score), f"{middle:.2f} s", f"{late:.2f} s", str(len(seconds)),
                "–" if words is None else number(words["value"], places=0),
            )  # fmt: skip
            told = score["metric"] if score else "–"
            system = control or str(evaluation.document["model"]["name"])
            rows.append([Cell(_part(name)), Cell(system), Cell(told), *(Cell(cell, kind="n") for cell in cells)])
    heads = [Cell("Part"), Cell("System"), Cell("Score")]
    heads += [Cell(name, kind="n") for name in ("Value", "Median", "9 of 10 within", "Timed", "Tokens out")]
    lead = (
        "Seconds to a reply, as the endpoint or machine gave them: network, queue and model together. "
        "Replies from a cache, and the first one of a part, are not timed."
    )
    body = table(heads, sorted(rows, key=lambda row: row[0].text)) if rows else ""
    return Section(anchor="times", title="Time", lead=lead, body=body)


def _seconds(evaluation: Evaluation, control: str) -> Iterator[tuple[str, Any]]:
    """Task and seconds of its replies, those of the first left out."""
    found = evaluation.predictions(control=control, label="seconds")
    found = found.filter(pc.is_finite(found["score"]))
    names = column(found, "task")
    for name in dict.fromkeys(names.tolist()):
        seconds = column(found, "score")[names == name][1:]
        if "@" not in name and len(seconds):
            yield name, seconds


def _headline(evaluation: Evaluation, name: str, control: str) -> Row | None:
    """The first headline score of a part."""
    scores = (
        evaluation.score(task, metric, label, control=control)
        for task, metric, label, _ in headline_names(evaluation.document)
        if task == name
    )
    return next((score for score in scores if score is not None), None)


def _ratios(evaluation: Evaluation) -> str:
    found = [one for one in _own(evaluation) if one["metric"].endswith("_ratio")]
    systems = ["", *evaluation.document["control_notes"]]
    names = (str(evaluation.document["model"]["name"]), *systems[1:])
    heads = [Cell("Ratio"), *(Cell(name, kind="n") for name in names)]
    rows = [
        [
            Cell(f"{_part(one['task'])}, {one['metric'].removesuffix('_ratio')}"),
            *(Cell(_over(evaluation, one, control=name), kind="n") for name in systems),
        ]
        for one in found
    ]  # fmt: skip
    lead = "The mean in one part over that in another, such as out of distribution over in it; clusters are paired."
    return _titled("Ratios of parts", lead, table(heads, rows)) if rows else ""


def _over(evaluation: Evaluation, one: Row, *, control: str) -> str:
    row = evaluation.score(one["task"], one["metric"], "all", control=control)
    if row is None:
        return "–"
    return f"{bounded(row)} ({number(row['extra']['over'])} over {number(row['extra']['under'])})"


def _sets(evaluation: Evaluation) -> str:
    rows, alpha = [], 0.0
    for one in (row for row in _own(evaluation) if row["metric"] == "conformal_size"):
        covered, extra = evaluation.score(one["task"], "conformal_coverage", "all"), one["extra"]
        alpha = extra["alpha"]
        cells = (
            bounded(one), number(extra["options"], places=1), bounded(covered), number(extra["single"]),
            str(one["n"]),
        )  # fmt: skip
        rows.append([Cell(_part(one["task"])), *(Cell(cell, kind="n") for cell in cells)])
    names = ("Options in a set", "Options asked", "Sets with the right one", "Sets of one", "n")
    heads = [Cell("Part"), *(Cell(name, kind="n") for name in names)]
    lead = (
        f"Conformal sets that hold the right option with a probability of {1 - alpha:.1f}, calibrated on the other "
        "half of the clusters: a small set at that coverage is what confidence is worth. With few clusters a set "
        "holds all."
    )
    return _titled("Sets of options", lead, table(heads, rows)) if rows else ""


def _froc(evaluation: Evaluation) -> str:
    cards = []
    for one in (row for row in _own(evaluation) if row["metric"] == "froc" and row["label"] == "all"):
        rates = one["extra"]["rates"]
        points = [evaluation.score(one["task"], "froc", f"{rate:g} false alarms a picture") or {} for rate in rates]
        places = np.log2(rates)
        frame = Frame(x_range=(float(places[0]), float(places[-1])), y_range=(0, 1), width=310, height=190, left=40)
        values, low, high = (
            [np.nan if point.get(name) is None else point[name] for point in points]
            for name in ("value", "low", "high")
        )
        known = np.isfinite(low).all() and np.isfinite(high).all()
        layers = [charts.band(frame, places, low, high)] if known else []
        layers += [charts.polyline(frame, places, values)]
        plot = charts.chart(
            frame, layers, x_label="false alarms a picture, 2 to the power of", y_label="sensitivity",
            title=f"FROC, {_part(one['task'])}",
        )  # fmt: skip
        precise = evaluation.score(one["task"], "ap_50", "all")
        size = f"{one['extra']['lesions']} in {one['n']} pictures"
        words = f"Mean over the rates {bounded(one)}; average precision {bounded(precise)}."
        note = paragraph(words, kind="note")
        cards.append(card(f'<div class="study">{size}</div>{plot}{note}', title=_part(one["task"])))
    lead = (
        "Boxes that overlap a true one by a half, by falling confidence: how many are found at so many false alarms."
    )
    return _titled("Found boxes (FROC)", lead, f'<div class="grid">{"".join(cards)}</div>') if cards else ""


def _numbers(evaluation: Evaluation) -> str:
    rows = []
    for one in (row for row in _own(evaluation) if row["metric"] == "mae" and "bias" in row["extra"]):
        extra = one["extra"]
        near = evaluation.score(one["task"], "within_10", one["label"])
        relative = evaluation.score(one["task"], "mre", one["label"])
        limits = f"{number(extra['limit_low'])} to {number(extra['limit_high'])}"
        cells = (
            bounded(one), bounded(relative), bounded(near),
            f"{number(extra['bias'])} {_between(extra, 'bias')}", limits, number(extra["unparsed"]),
        )  # fmt: skip
        rows.append([Cell(_part(one["task"])), Cell(one["label"]), *(Cell(cell, kind="n") for cell in cells)])
    names = ("Mean error", "Relative error", "Within 10 %", "Bias", "Limits of agreement", "No number")
    heads = [Cell("Part"), Cell("Unit"), *(Cell(name, kind="n") for name in names)]
    lead = "Numbers against their truth; nineteen of twenty differences lie within the limits of agreement."
    return _titled("Measured numbers", lead, table(heads, rows)) if rows else ""


def _pooled(evaluation: Evaluation) -> str:
    found = [one for one in _own(evaluation) if {"precision", "recall", "found"} <= one["extra"].keys()]
    heads = [Cell("Score"), *(Cell(name, kind="n") for name in ("F1", "Precision", "Recall", "Found"))]
    rows = [
        [
            Cell(f"{_part(one['task'])}, {one['metric']}"),
            Cell(bounded(one), kind="n"),
            *(Cell(number(one["extra"][name]), kind="n") for name in ("precision", "recall")),
            Cell(number(one["extra"]["found"], places=0), kind="n"),
        ]
        for one in found
    ]
    return (
        _titled("F1 of pooled counts", "Found, said and wanted, added up over all items.", table(heads, rows))
        if rows
        else ""
    )


def _own(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Scores of the model under the benchmark's first rule."""
    return [one for one in evaluation.scores if "@" not in one["task"]]


def _between(extra: Mapping[str, Any], name: str) -> str:
    if extra.get(f"{name}_from") is None:
        return ""
    return f"[{number(extra[f'{name}_from'])}, {number(extra[f'{name}_to'])}]"


def _titled(title: str, lead: str, body: str) -> str:
    return f'<h3 style="margin-top:26px">{title}</h3>{paragraph(lead, kind="note")}{body}'


def _part(task: str) -> str:
    return task.partition(".")[2] or task
