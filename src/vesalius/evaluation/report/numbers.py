"""The parts of a report that are made of numbers: key scores, findings, curves, controls, passports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from vesalius.evaluation.report import charts, confidence, curves
from vesalius.evaluation.report.charts import Dot, Frame
from vesalius.evaluation.results import Evaluation
from vesalius.evaluation.summary import Headline, Standing, headlines
from vesalius.metrics.bootstrap import patient_weights
from vesalius.page import (
    Cell,
    Section,
    card,
    definitions,
    details,
    number,
    paragraph,
    table,
)
from vesalius.tasks.base import column
from vesalius.tasks.prompts import concept_name

__all__ = [
    "controls",
    "curve_section",
    "every_score",
    "findings",
    "headline_section",
    "passports",
    "training",
]

_STATE: Mapping[Standing, tuple[str, str]] = {
    "above": ("above", "above every control"),
    "not above": ("below", "no better than a control"),
    "undecided": ("open", "intervals overlap with a control"),
    "no interval": ("open", "above the controls, but without an interval"),
    "undefined": ("open", "no control to compare with"),
}
_SHOWN_CURVES = ("recall_5", "median_rank")
"""Validation scores that are drawn beside the loss."""


def headline_section(evaluation: Evaluation) -> Section:
    """Key scores, each beside the same score of the controls."""
    unit = evaluation.document["corpus"]["items"].get("unit", "studies")
    cards = "".join(_headline(one, unit=unit) for one in headlines(evaluation))
    legend = (
        '<p class="legend"><span><i class="m"></i>model</span><span><i></i>control</span>'
        "<span>bar: 95 % interval over patients</span><span>dotted: chance</span></p>"
    )
    return Section(
        anchor="scores",
        title="Key scores",
        lead="Each beside the same score of the controls, which are told below.",
        body=f'{legend}<div class="grid">{cards}</div>' if cards else "",
    )


def findings(evaluation: Evaluation) -> Section:
    """One row a finding of zero-shot classification."""
    rows = [row for row in evaluation.scores if row["task"] == "zero_shot" and row["metric"] == "auroc"]
    labels = sorted((row for row in rows if row["label"] != "macro"), key=_by_value)
    if not labels:
        return Section(anchor="findings", title="Findings", body="")
    defined = [row for row in labels if row["value"] is not None]
    low = min([0.4, *(row["value"] if row["low"] is None else row["low"] for row in defined)])
    x_range = (float(np.floor(low * 10) / 10), 1.0)
    heads = [
        Cell("Finding"),
        Cell("Present", kind="n"),
        Cell("AUROC", kind="n"),
        Cell(f"95 % interval, {x_range[0]:.1f} to 1"),
        Cell("AP (prevalence)", kind="n"),
        Cell("F1 (always yes)", kind="n"),
        Cell("Brier", kind="n"),
        Cell("Untrained", kind="n"),
    ]
    body = table(heads, [_finding(evaluation, row, x_range) for row in defined]) if defined else ""
    undefined = [_undefined(row) for row in labels if row["value"] is None]
    if undefined:
        body += paragraph(f"Not defined, since the split holds one class only: {', '.join(undefined)}.", kind="note")
    return Section(
        anchor="findings",
        title="Findings",
        lead="Zero-shot: each finding is told by sentences alone. The threshold of F1 is from validation.",
        body=body,
    )


def curve_section(evaluation: Evaluation) -> Section:
    """ROC and reliability of zero-shot classification, one small chart a finding."""
    groups = _label_groups(evaluation)
    ordered = sorted(groups.items(), key=lambda item: -float(np.sum(item[1]["target"])))[:12]
    roc_cards = "".join(_roc(label, group) for label, group in ordered)
    reliable = "".join(_reliability(label, group) for label, group in ordered)
    if not roc_cards:
        return Section(anchor="curves", title="Curves", body="")
    body = f'<div class="grid small">{roc_cards}</div>'
    if reliable:
        body += (
            '<h3 style="margin-top:26px">Calibration</h3>'
            + paragraph(
                "How often the finding was there among images of like stated probability. On the dashed line "
                "the words would be true; bars show how many images fell there, hollow points rest on few.",
                kind="note",
            )
            + f'<div class="grid small">{reliable}</div>'
        )
    return Section(
        anchor="curves",
        title="Curves",
        lead="Sensitivity over false positives, with bands over patients. The dashed line is chance.",
        body=body,
    )


def training(run: Path | None) -> Section:
    """Training curves, where the model is of a run that is at hand."""
    found = curves.training_curves(run) if run is not None else []
    losses = [curve for curve in found if curve.name in ("loss", "eval_loss")]
    others = [curve for name in _SHOWN_CURVES for curve in found if curve.name == f"eval_{name}"]
    cards = _curve_card("Loss", losses) if losses else ""
    cards += "".join(_curve_card(curve.name.removeprefix("eval_").replace("_", " "), [curve]) for curve in others)
    legend = '<p class="legend"><span><i></i>training</span><span><i class="m"></i>validation</span></p>'
    return Section(
        anchor="training",
        title="Training",
        lead="How the run got here, over optimiser steps.",
        body=f'{legend}<div class="grid">{cards}</div>' if cards else "",
    )


def controls(evaluation: Evaluation) -> Section:
    """What each control is, and every score of the whole beside it."""
    notes = evaluation.document.get("control_notes", {})
    skipped = [row for row in evaluation.document["skipped"] if "control" in row]
    lines = [(name, words) for name, words in notes.items()]
    lines += [(row["control"], f"not computed: {row['reason']}") for row in skipped]
    rows = [row for row in evaluation.scores if row["label"] in ("macro", "all", "image_to_text", "text_to_image")]
    rows = [row for row in rows if not row["metric"].endswith("_identity")]
    heads = [Cell("Score"), Cell("Model", kind="n"), *(Cell(name, kind="n") for name in notes)]
    body = [
        [
            Cell(_score_words(row)),
            Cell(_interval(row), kind="n"),
            *(Cell(_interval(_same(evaluation, row, name)), kind="n") for name in notes),
        ]
        for row in rows
    ]
    return Section(
        anchor="controls",
        title="Controls",
        lead="A number is worth what it has over these.",
        body=definitions(lines) + (details(f"All {len(body)} mean scores", table(heads, body)) if notes else ""),
    )


def every_score(evaluation: Evaluation) -> Section:
    """All scores with their passports, closed at first, and what was left out."""
    heads = [Cell("Score"), Cell("Value", kind="n"), Cell("95 % interval", kind="n"), Cell("n", kind="n")]
    heads += [Cell("Patients", kind="n"), Cell("Passport"), Cell("Note")]
    rows = [
        [
            Cell(_score_words(row)),
            Cell(number(row["value"]), kind="n"),
            Cell(_bounds(row), kind="n"),
            Cell(str(row["n"]), kind="n"),
            Cell(str(row["n_patients"]), kind="n"),
            Cell(html=f"<code>{escape(row['passport'])}</code>"),
            Cell(row["note"], kind="words"),
        ]
        for row in evaluation.scores
    ]
    left_out = [row for row in evaluation.document["skipped"] if "control" not in row]
    told = definitions((row["task"], f"skipped: {row['reason']}") for row in left_out) if left_out else ""
    body = told + details(f"All {len(rows)} scores of the model", table(heads, rows))
    return Section(anchor="all", title="All scores", body=body)


def passports(evaluation: Evaluation) -> Section:
    """What made each number."""
    parts = []
    for name, document in evaluation.document["passports"].items():
        if document["control"]:
            continue
        prompts = document["task"].get("prompts", {}).get("texts", [])
        shown = definitions(_flat_rows({key: value for key, value in document.items() if key != "task"}))
        task = {key: value for key, value in document["task"].items() if key != "prompts"}
        shown = definitions(_flat_rows({"task": task})) + shown
        if prompts:
            shown += details(f"{len(prompts)} prompts, word for word", _listed(prompts))
        parts.append(details(f"{document['task']['name']}: {name}", shown))
    lead = "Everything that made the numbers. Two scores with the same passport must be the same number."
    return Section(anchor="passport", title="Passport", lead=lead, body="".join(parts))


def _headline(one: Headline, *, unit: str) -> str:
    kind, words = _STATE[one.overall]
    score = one.score
    bounds = escape(_bounds(score, places=2))
    value = f'<div class="big">{number(score["value"], places=2)}<small>{bounds}</small></div>'
    rows = [_dot("model", score, model=True), *(_dot(name, row) for name, row in one.controls.items())]
    chance = score.get("extra", {}).get("chance")
    chance = 0.5 if chance is None and score["metric"] == "auroc" else chance
    plot = charts.dots(rows, title=one.words, reference=chance, x_range=(0.0, _reach(rows, chance)))
    size = f'<div class="study">{score["n"]} {unit} of {score["n_patients"]} patients</div>'
    note = paragraph(score["note"], kind="note") if score["note"] else ""
    return card(f'<div class="state {kind}">{words}</div>{value}{plot}{size}{note}', title=one.words)


def _reach(rows: Sequence[Dot], chance: float | None) -> float:
    """Right end of an axis from 0 that holds all rows: 1 unless all are small."""
    most = max((value for row in rows for value in (row.value, row.high, chance) if value is not None), default=1.0)
    return next(end for end in (0.1, 0.2, 0.5, 1.0) if most <= end or end == 1.0)


def _finding(evaluation: Evaluation, row: Mapping[str, Any], x_range: tuple[float, float]) -> list[Cell]:
    label, extra = row["label"], row.get("extra", {})
    ap, f1, brier = (evaluation.score("zero_shot", metric, label) or {} for metric in ("auprc", "f1", "brier"))
    untrained = evaluation.score("zero_shot", "auroc", label, control="untrained") or {}
    strip = charts.interval_bar(_dot(concept_name(label), row, model=True), x_range=x_range, reference=0.5)
    return [
        Cell(concept_name(label)),
        Cell(f"{extra.get('positives', '–')} of {row['n']}", kind="n"),
        Cell(number(row["value"], places=2), kind="n"),
        Cell(html=strip),
        Cell(_beside(ap, extra.get("prevalence")), kind="n"),
        Cell(_beside(f1, f1.get("extra", {}).get("chance")), kind="n"),
        Cell(number(brier.get("value"), places=2), kind="n"),
        Cell(number(untrained.get("value"), places=2), kind="n"),
    ]


def _undefined(row: Mapping[str, Any]) -> str:
    return f"{concept_name(row['label'])} ({row.get('extra', {}).get('positives', 0)} of {row['n']})"


def _label_groups(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """Zero-shot answers of the ensemble by finding, those with both classes."""
    import pyarrow.compute as pc

    answers = evaluation.predictions()
    answers = answers.filter(pc.equal(answers["task"], "zero_shot"))
    if not len(answers):
        return {}
    answers = answers.filter(pc.match_substring(answers["detail"], '"template": "ensemble"'))
    names = column(answers, "label")
    groups = {}
    for label in dict.fromkeys(names.tolist()):
        known = (names == label) & np.isfinite(column(answers, "target"))
        group = {name: column(answers, name)[known] for name in ("target", "score", "probability", "patient")}
        if len(np.unique(group["target"])) == 2:
            groups[label] = group
    return groups


def _roc(label: str, group: Mapping[str, Any]) -> str:
    weights = patient_weights(group["patient"], resamples=confidence.BAND_RESAMPLES, seed=0)
    curve = curves.roc(group["target"], group["score"], weights)
    if curve is None:
        return ""
    frame = Frame(x_range=(0, 1), y_range=(0, 1), width=190, height=176, left=40)
    layers = [
        charts.polyline(frame, [0, 1], [0, 1], kind="ref"),
        charts.band(frame, curve.false_positive, curve.low, curve.high) if np.isfinite(curve.low).all() else "",
        charts.polyline(frame, curve.false_positive, curve.sensitivity),
    ]
    words = f"{int(group['target'].sum())} present of {len(group['target'])}"
    plot = charts.chart(
        frame, layers, x_label="false positives", y_label="sensitivity", title=f"ROC of {concept_name(label)}"
    )
    return card(f'<div class="study">{words}</div>{plot}', title=concept_name(label), kind="tight")


def _reliability(label: str, group: Mapping[str, Any]) -> str:
    name = concept_name(label)
    plot = confidence.reliability_plot(
        group["target"], group["probability"], group["patient"], title=f"Calibration of {name}",
        words=("stated probability", "share present"),
    )  # fmt: skip
    return card(plot, title=name, kind="tight") if plot else ""


def _curve_card(title: str, found: Sequence[curves.TrainingCurve]) -> str:
    values = np.concatenate([np.asarray(curve.values, dtype=float) for curve in found])
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 0.5
    last = max(curve.steps[-1] for curve in found)
    frame = Frame(x_range=(0, last), y_range=(low - margin, high + margin), width=310, height=190, left=50, right=16)
    layers = [
        charts.polyline(frame, curve.steps, curve.values, kind="m" if curve.name.startswith("eval") else "c")
        for curve in found
    ]
    plot = charts.chart(frame, layers, x_label="step", y_label="", title=title)
    return card(plot, title=title)


def _dot(name: str, row: Mapping[str, Any], *, model: bool = False) -> Dot:
    return Dot(name=name, value=row["value"], low=row["low"], high=row["high"], model=model)


def _same(evaluation: Evaluation, row: Mapping[str, Any], control: str) -> Mapping[str, Any] | None:
    return evaluation.score(row["task"], row["metric"], row["label"], control=control)


def _interval(row: Mapping[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "–"
    return f"{number(row['value'], places=2)} {_bounds(row, places=2)}".strip()


def _bounds(row: Mapping[str, Any], *, places: int = 3) -> str:
    if row["low"] is None:
        return ""
    return f"{number(row['low'], places=places)}–{number(row['high'], places=places)}"


def _beside(row: Mapping[str, Any], reference: float | None) -> str:
    value = number(row.get("value"), places=2)
    return value if reference is None or value == "–" else f"{value} ({number(reference, places=2)})"


def _by_value(row: Mapping[str, Any]) -> tuple[bool, float, str]:
    return row["value"] is None, -(row["value"] or 0.0), row["label"]


def _score_words(row: Mapping[str, Any]) -> str:
    return f"{row['task']} / {row['metric']} / {row['label']}"


def _flat_rows(values: Mapping[str, Any], start: str = "") -> Iterable[tuple[str, str]]:
    for key, value in values.items():
        name = f"{start}{key}"
        if isinstance(value, Mapping):
            yield from _flat_rows(value, f"{name}.")
        elif value not in ("", [], None):
            yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _listed(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"
