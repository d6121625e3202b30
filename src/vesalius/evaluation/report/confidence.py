"""What a model's confidence is worth: how often it is right when it is so sure, and what abstaining would save.

Letters: n items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from vesalius.evaluation.report import charts, curves
from vesalius.evaluation.report.charts import Frame
from vesalius.evaluation.results import Evaluation
from vesalius.metrics.bootstrap import patient_weights
from vesalius.page import Section, card, paragraph
from vesalius.tasks.base import column

__all__ = ["BAND_RESAMPLES", "abstention_plot", "confidence_section", "reliability_plot"]

Floats = NDArray[np.float64]

BAND_RESAMPLES = 200
"""Enough for a drawn band; the intervals in the tables have the evaluation's own number."""
_MOST_PARTS = 24
"""Parts that are drawn, those of the most items."""
_MEANING = {
    "stated": "The confidence is what the model says in words.",
    "agreement": "The confidence is the share of answers drawn by chance that say the same.",
    "likelihood": "The confidence is the geometric mean of the probabilities that the model gives the tokens of its "
    "answer: of these words, not of their meaning.",
}
_FEWEST = 10
"""Items with a confidence below which nothing is drawn."""


def confidence_section(evaluation: Evaluation) -> Section:
    """Reliability and abstention of every part whose answers come with a confidence; empty where none do."""
    groups = sorted(_parts(evaluation), key=lambda group: -len(group["correct"]))
    rows = [_pair(group) for group in groups[:_MOST_PARTS]]
    more = f"{len(groups) - _MOST_PARTS} smaller parts are not drawn." if len(groups) > _MOST_PARTS else ""
    meaning = _MEANING.get(evaluation.document["settings"].get("confidence", ""), "")
    notes = paragraph(
        f"{meaning} "
        "Left: how often the answer is right among answers of like confidence; on the dashed line the confidence "
        "would be true, bars show how many answers fell there, hollow points rest on few. Right: share of errors "
        "among the answers that the model is surest of; the dashed line is what abstaining at random would leave. "
        f"Bands are 95 % over clusters. {more}",
        kind="note",
    )
    return Section(
        anchor="confidence",
        title="Confidence and abstention",
        lead="What would be gained by not answering where the model is unsure.",
        body=notes + f'<div class="grid">{"".join(rows)}</div>' if rows else "",
    )


def reliability_plot(
    target: Floats, probability: Floats, patients: Sequence[str], *, title: str, words: tuple[str, str]
) -> str:
    """Return the reliability diagram of n items as SVG; nothing where a probability is missing.

    Args:
        target: 1 where the event came, (n,).
        probability: that was stated, (n,).
        patients: of each item.
        title: read aloud by screen readers.
        words: under the horizontal axis and beside the vertical one.
    """
    if not np.isfinite(probability).all():
        return ""
    weights = patient_weights(patients, resamples=BAND_RESAMPLES, seed=0)
    found = curves.reliability(target, probability, weights)
    if found is None:
        return ""
    frame = Frame(x_range=(0, 1), y_range=(0, 1), width=190, height=176, left=40)
    counts = np.histogram(probability, bins=10, range=(0, 1))[0]
    layers = [
        charts.bars(frame, np.linspace(0, 1, 11).tolist(), (0.3 * counts / counts.max()).tolist()),
        charts.polyline(frame, [0, 1], [0, 1], kind="ref"),
        charts.whiskers(frame, found.stated, found.came, low=found.low, high=found.high, hollow=found.hollow),
    ]
    return charts.chart(frame, layers, x_label=words[0], y_label=words[1], title=title)


def abstention_plot(confidence: Floats, correct: Floats, patients: Sequence[str], *, title: str) -> str:
    """Return risk over coverage of n items as SVG, with its band and the risk of answering all.

    Args:
        confidence: of each answer, (n,).
        correct: 1 right, 0 wrong, or partial credit between, (n,).
        patients: of each item.
        title: read aloud by screen readers.
    """
    curve = curves.abstained(confidence, correct, patient_weights(patients, resamples=BAND_RESAMPLES, seed=0))
    most = max(float(curve.high.max()), float(curve.risk.max()))
    end = next((value for value in (0.1, 0.2, 0.5) if most <= value), 1.0)
    frame = Frame(x_range=(0, 1), y_range=(0, end), width=190, height=176, left=40)
    all_answered = float(curve.risk[-1])
    layers = [
        charts.band(frame, curve.coverage, curve.low, curve.high),
        charts.polyline(frame, [0, 1], [all_answered, all_answered], kind="ref"),
        charts.polyline(frame, curve.coverage, curve.risk),
    ]
    return charts.chart(frame, layers, x_label="share answered", y_label="share wrong", title=title)


def _parts(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Answers of the model under the benchmark's first rule that have a confidence, by part."""
    table = evaluation.predictions(label="accuracy")
    table = table.filter(pc.is_finite(table["probability"]))
    names = column(table, "task")
    for name in dict.fromkeys(names.tolist()):
        chosen = names == name
        correct, sure = column(table, "target")[chosen], column(table, "probability")[chosen]
        if "@" not in name and len(correct) >= _FEWEST and np.all((correct >= 0) & (correct <= 1)):
            yield {"name": name, "correct": correct, "sure": sure, "patient": column(table, "patient")[chosen]}


def _pair(group: Mapping[str, Any]) -> str:
    name = group["name"].partition(".")[2] or group["name"]
    correct, sure, patients = group["correct"], group["sure"], group["patient"].tolist()
    whole = np.isin(correct, (0, 1)).all()
    left = reliability_plot(
        correct, sure, patients, title=f"Reliability, {name}", words=("confidence", "share right")
    )  # fmt: skip
    right = abstention_plot(sure, correct, patients, title=f"Risk over coverage, {name}")
    size = f"{len(correct)} answers, {1 - float(np.mean(correct)):.3f} wrong"
    plots = f'<div class="pair">{left if whole else ""}{right}</div>'
    return card(f'<div class="study">{size}</div>{plots}', title=name)
