"""From stored replies to marks: one table a system, with every rule's value of every item."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from vesalius.benchmarks.base import Benchmark, Item, Mark
from vesalius.evaluation.answering.replies import Exam, Replies, request_of, said_so_far
from vesalius.inference.requests import Reply, Request
from vesalius.tasks.answers import parse_confidence
from vesalius.tasks.base import detail, predictions
from vesalius.tasks.questions import BY_RULE, TEXT, text_detail

__all__ = ["RATES", "judge_requests", "marked", "marks_of"]

RATES = {"unparsed": ("unparsed", "ambiguous"), "refused": ("refused",), "empty": ("empty",), "failed": ("failed",)}
"""Shares that every rule's table has beside its own metrics, and the statuses that they count."""
_PARSED = "accuracy_parsed"
_ROWS_AT_ONCE = 20_000
"""Rows that are held as Python objects."""
_COLUMNS = ("task", "item", "patient", "label", "score", "detail", "probability", "target")


Sample = tuple[Exam, Replies]
"""The same questions with answers drawn by chance, and the replies to them."""


def marks_of(
    exam: Exam,
    replies: Replies,
    *,
    convention: str,
    verdicts: Replies | None = None,
    samples: Sequence[Sample] = (),
) -> Iterator[tuple[Item, Mark]]:
    """Mark every item that has a reply, by one rule; a request that failed is wrong under all of them.

    Args:
        exam: what was asked.
        replies: what was answered.
        convention: name of the rule.
        verdicts: what a judge said of the replies; None for no judge.
        samples: drawn answers; the share that agrees with the marked one is its confidence.
    """
    each = _each(exam, replies, convention, verdicts, samples)
    return exam.benchmark.gather(each, convention=convention)


def marked(
    exam: Exam,
    replies: Replies,
    *,
    conventions: Sequence[str],
    verdicts: Replies | None = None,
    samples: Sequence[Sample] = (),
) -> pa.Table:
    """Return the table of a system: a row an item, rule and metric, of the schema `PREDICTIONS`; see `marks_of`."""
    tables = [predictions("", {name: [] for name in _COLUMNS[1:]})]
    columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for place, convention in enumerate(conventions):
        for item, mark in marks_of(exam, replies, convention=convention, verdicts=verdicts, samples=samples):
            task = f"{exam.benchmark.name}.{item.part}" + (f"@{convention}" if place else "")
            _add(columns, task, item, mark, exam.benchmark.text_metrics if not place else ())
            if len(columns["task"]) >= _ROWS_AT_ONCE:
                tables.append(_table(columns))
                columns = {name: [] for name in _COLUMNS}
    return pa.concat_tables([*tables, _table(columns)])


def judge_requests(exam: Exam, replies: Replies) -> Iterator[Request]:
    """Yield what a judge is asked about the replies to each item."""
    for item in exam.items():
        said = said_so_far(exam, replies, item)
        if said and said[-1].finish != "error":
            yield from _judge_requests(exam.benchmark, item, said)


def _each(
    exam: Exam, replies: Replies, convention: str, verdicts: Replies | None, samples: Sequence[Sample]
) -> Iterator[tuple[Item, Mark]]:
    for item in exam.items():
        said = said_so_far(exam, replies, item)
        if not said:
            continue
        mark = exam.benchmark.mark(exam.change(item), said, convention=convention)
        if said[-1].finish == "error":
            mark = _failed(mark, said[-1].error)
        elif verdicts is not None:
            mark = _judged(exam.benchmark, item, mark, said, verdicts)
        sure = _agreement(item, mark, samples, convention) if samples else _stated_by(exam, said[-1])
        yield item, _with_rates(mark if mark.confidence is not None else replace(mark, confidence=sure))


def _judge_requests(benchmark: Benchmark, item: Item, said: Sequence[Reply]) -> list[Request]:
    return [request_of(asked, item, place, None) for place, asked in enumerate(benchmark.judges(item, said))]


def _judged(benchmark: Benchmark, item: Item, mark: Mark, said: Sequence[Reply], verdicts: Replies) -> Mark:
    """Add the verdicts to a mark where the judge gave all that were asked for; none may be needed.

    What the rule said is kept beside the judge's accuracy, so that their agreement can be told.
    """
    found = [verdicts.get(request) for request in _judge_requests(benchmark, item, said)]
    given = [verdict for verdict in found if verdict is not None]
    if len(given) != len(found):
        return mark
    judged = benchmark.judged_by(item, mark, given)
    if not given or not {"accuracy"} <= mark.values.keys() & judged.values.keys():
        return judged
    return replace(judged, values={**judged.values, BY_RULE: mark.values["accuracy"]})


def _with_rates(mark: Mark) -> Mark:
    values = dict(mark.values)
    values |= {name: float(mark.status in statuses) for name, statuses in RATES.items()}
    if "accuracy" in values:
        values[_PARSED] = values["accuracy"] if mark.status == "answered" else float("nan")
    return replace(mark, values=values)


def _failed(mark: Mark, error: str) -> Mark:
    """Count a request without a reply as wrong, also under rules that give an empty reply a point."""
    values = {name: 0.0 if name == "accuracy" else value for name, value in mark.values.items()}
    return replace(mark, values=values, status="failed", said="", rule=error)


def _stated_by(exam: Exam, reply: Reply) -> float | None:
    """Return the share of the likeliest weighed choice, else what the reply states where it was asked to."""
    if reply.log_probabilities:
        logits = np.array(list(reply.log_probabilities.values()))
        weights = np.exp(logits - logits.max())
        return float(weights.max() / weights.sum())
    if not exam.closing:
        return None
    stated = parse_confidence(reply.text)
    return float(stated.value) if stated.status == "answered" else None


def _agreement(item: Item, mark: Mark, samples: Sequence[Sample], convention: str) -> float | None:
    """Return the share of the drawn answers that say what the marked one says."""
    agree = []
    for exam, replies in samples:
        said = said_so_far(exam, replies, item)
        if said and said[-1].finish != "error":
            agree.append(exam.benchmark.mark(item, said, convention=convention).said == mark.said)
    return float(np.mean(agree)) if agree else None


def _table(columns: Mapping[str, list[object]]) -> pa.Table:
    table = predictions("", {name: values for name, values in columns.items() if name != "task"})
    return table.set_column(0, table.schema.field("task"), pa.array(columns["task"], pa.string()))


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
