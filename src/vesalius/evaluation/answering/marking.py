"""From stored replies to marks: one table a system, with every rule's value of every item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from vesalius.benchmarks.base import Benchmark, Item, Mark
from vesalius.evaluation.answering.replies import Exam, Replies, request_of, said_so_far
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.base import detail, predictions
from vesalius.tasks.questions import TEXT, text_detail

__all__ = ["RATES", "judge_requests", "marked", "marks_of"]

RATES = {"unparsed": ("unparsed", "ambiguous"), "refused": ("refused",), "empty": ("empty",), "failed": ("failed",)}
"""Shares that every rule's table has beside its own metrics, and the statuses that they count."""
_PARSED = "accuracy_parsed"
_COLUMNS = ("task", "item", "patient", "label", "score", "detail", "probability", "target")


def marks_of(
    exam: Exam, replies: Replies, *, convention: str, verdicts: Replies | None = None
) -> Iterator[tuple[Item, Mark]]:
    """Mark every item that has a reply, by one rule; a request that failed is wrong under all of them.

    Args:
        exam: what was asked.
        replies: what was answered.
        convention: name of the rule.
        verdicts: what a judge said of the replies; None for no judge.
    """
    return exam.benchmark.gather(_each(exam, replies, convention, verdicts), convention=convention)


def marked(exam: Exam, replies: Replies, *, conventions: Sequence[str], verdicts: Replies | None = None) -> pa.Table:
    """Return the table of a system: a row an item, rule and metric, of the schema `PREDICTIONS`."""
    columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for place, convention in enumerate(conventions):
        for item, mark in marks_of(exam, replies, convention=convention, verdicts=verdicts):
            task = f"{exam.benchmark.name}/{item.part}" + (f"@{convention}" if place else "")
            _add(columns, task, item, mark, exam.benchmark.text_metrics if not place else ())
    tasks = columns.pop("task")
    table = predictions("", columns)
    return table.set_column(0, table.schema.field("task"), pa.array(tasks, pa.string()))


def judge_requests(exam: Exam, replies: Replies) -> Iterator[Request]:
    """Yield what a judge is asked about the replies to each item."""
    for item in exam.items():
        said = said_so_far(exam, replies, item)
        if said and said[-1].finish != "error":
            yield from _judge_requests(exam.benchmark, item, said)


def _each(exam: Exam, replies: Replies, convention: str, verdicts: Replies | None) -> Iterator[tuple[Item, Mark]]:
    for item in exam.items():
        said = said_so_far(exam, replies, item)
        if not said:
            continue
        mark = exam.benchmark.mark(exam.change(item), said, convention=convention)
        if said[-1].finish == "error":
            mark = replace(mark, status="failed", said="", rule=said[-1].error)
        elif verdicts is not None:
            mark = _judged(exam.benchmark, item, mark, said, verdicts)
        yield item, _with_confidence(_with_rates(mark), said[-1])


def _judge_requests(benchmark: Benchmark, item: Item, said: Sequence[Reply]) -> list[Request]:
    return [request_of(asked, item, place, None) for place, asked in enumerate(benchmark.judges(item, said))]


def _judged(benchmark: Benchmark, item: Item, mark: Mark, said: Sequence[Reply], verdicts: Replies) -> Mark:
    """Add the verdicts to a mark where the judge was asked and gave all of them."""
    found = [verdicts.get(request) for request in _judge_requests(benchmark, item, said)]
    given = [verdict for verdict in found if verdict is not None]
    return benchmark.judged_by(item, mark, given) if given and len(given) == len(found) else mark


def _with_rates(mark: Mark) -> Mark:
    values = dict(mark.values)
    values |= {name: float(mark.status in statuses) for name, statuses in RATES.items()}
    if "accuracy" in values:
        values[_PARSED] = values["accuracy"] if mark.status == "answered" else float("nan")
    return replace(mark, values=values)


def _with_confidence(mark: Mark, reply: Reply) -> Mark:
    """Add the share that the likeliest of the weighed choices has, where choices were weighed."""
    if mark.confidence is not None or not reply.log_probabilities:
        return mark
    weights = np.exp(np.array(list(reply.log_probabilities.values())) - max(reply.log_probabilities.values()))
    return replace(mark, confidence=float(weights.max() / weights.sum()))


def _add(columns: dict[str, list[object]], task: str, item: Item, mark: Mark, text_metrics: Iterable[str]) -> None:
    words = detail(fields=dict(item.fields), status=mark.status, said=mark.said, rule=mark.rule)
    rows = [(name, value, words, _stated(mark, name)) for name, value in mark.values.items()]
    if mark.written is not None and text_metrics:
        texts = text_detail(mark.written, mark.references, metrics=tuple(text_metrics), language=item.language)
        rows.append((TEXT, np.nan, texts, np.nan))
    for name, value, said, sure in rows:
        entries = (task, item.id, item.cluster, name, value, said, sure, value if np.isfinite(sure) else np.nan)
        for column, entry in zip(columns.values(), entries, strict=True):
            column.append(entry)


def _stated(mark: Mark, metric: str) -> float:
    return mark.confidence if metric == "accuracy" and mark.confidence is not None else float("nan")
