"""From stored replies to marks: one table a system, with every rule's value of every item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from vesalius.benchmarks.base import Benchmark, Item, Mark
from vesalius.errors import DataError
from vesalius.evaluation.answering.likelihood import choices_of, confidence_of
from vesalius.evaluation.answering.replies import Exam, Replies, request_of, said_so_far
from vesalius.inference.requests import Reply, Request
from vesalius.metrics.wordnet import WORDNET_METEOR, WordNet, wordnet_meteor
from vesalius.models.media import shown
from vesalius.tasks.answers.evidence import Boxes, Evidence, evidence_detail, evidence_label
from vesalius.tasks.base import PREDICTIONS, detail, predictions
from vesalius.tasks.questions import BY_RULE, RATIO_SIDES, TEXT, text_detail

__all__ = ["RATES", "Record", "judge_requests", "marked", "marks_of", "turned_item"]

RATES = {
    "unparsed": ("unparsed", "ambiguous"),
    "refused": ("refused",),
    "empty": ("empty",),
    "failed": ("failed",),
    "unreadable": ("unreadable",),
}
"""Shares that every rule's table has beside its own metrics, and the statuses that they count."""
JUDGE_ORDER = "judge_order_agreement"
"""Share of items of which a judge says the same with the two answers in each other's place."""
_PARSED = "accuracy_parsed"
_ROWS_AT_ONCE = 20_000
"""Rows that are held as Python objects."""
_COLUMNS = ("task", "item", "patient", "label", "score", "detail", "probability", "target")


Sample = tuple[Exam, Replies]
"""The same questions with answers drawn by chance, and the replies to them."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one system was asked, and all that came back."""

    exam: Exam
    replies: Replies
    verdicts: Replies | None = None
    """What a judge said of the replies; None for no judge."""
    turned: Replies | None = None
    """What it said with the two answers in each other's place; None where it was not asked so."""
    samples: Sequence[Sample] = ()
    """Drawn answers; the share that agrees with the marked one is its confidence."""
    wordnet: WordNet | None = None
    """Synonyms, with which written English is compared also; None for no such score."""

    def mark(self, item: Item, said: Sequence[Reply], *, convention: str) -> Mark:
        """Mark one item by a rule; a request that failed is wrong under all of them."""
        bench, changed = self.exam.benchmark, self.exam.change(item)
        mark = bench.mark(changed, said, convention=convention)
        if said[-1].finish == "error":
            mark = _failed(mark, said[-1].error, unreadable=not _readable(changed))
        elif self.verdicts is not None:
            mark = self._judged(item, mark, said)
        mark = self._with_synonyms(changed, mark, convention)
        sure = mark.confidence
        if sure is None:
            sure = self._agreement(item, mark, convention) if self.samples else confidence_of(self.exam, said[-1])
        mark = replace(mark, confidence=sure)
        return replace(mark, evidence=_evidence(changed, mark, said[-1]))

    def _judged(self, item: Item, mark: Mark, said: Sequence[Reply]) -> Mark:
        """Add the verdicts to a mark where the judge gave all that were asked for; none may be needed.

        What the rule said is kept beside the judge's accuracy, so that their agreement can be told. Where the judge
        was asked in both orders the mean of both counts, and whether they agree is a value of its own.
        """
        bench, verdicts = self.exam.benchmark, self.verdicts
        assert verdicts is not None
        given = _verdicts(_judge_requests(bench, item, said), verdicts)
        if given is None:
            return mark
        judged = bench.judged_by(item, mark, given)
        other = turned_item(bench, item, said) if self.turned is not None and given else None
        if other is not None and self.turned is not None:
            again = _verdicts(_judge_requests(bench, *other), self.turned)
            judged = judged if again is None else _both_orders(judged, bench.judged_by(other[0], mark, again))
        if not given or not {"accuracy"} <= mark.values.keys() & judged.values.keys():
            return judged
        return replace(judged, values={**judged.values, BY_RULE: mark.values["accuracy"]})

    def _with_synonyms(self, item: Item, mark: Mark, convention: str) -> Mark:
        """Add METEOR with synonyms where an English text is compared with others; under the first rule only."""
        bench = self.exam.benchmark
        compared = mark.written is not None and mark.references and bench.text_metrics and item.language == "en"
        if (
            self.wordnet is None
            or mark.written is None
            or not compared
            or convention != next(iter(bench.conventions))
        ):
            return mark
        value = wordnet_meteor(mark.written, mark.references, self.wordnet)
        return replace(mark, values={**mark.values, WORDNET_METEOR: value})

    def _agreement(self, item: Item, mark: Mark, convention: str) -> float | None:
        """Return the share of the drawn answers that say what the marked one says."""
        agree = []
        for exam, replies in self.samples:
            said = said_so_far(exam, replies, item)
            if said and said[-1].finish != "error":
                agree.append(exam.benchmark.mark(item, said, convention=convention).said == mark.said)
        return float(np.mean(agree)) if agree else None


def marks_of(record: Record, *, convention: str) -> Iterator[tuple[Item, Mark]]:
    """Mark every item that has a reply, by one rule."""
    return record.exam.benchmark.gather(_each(record, convention), convention=convention)


def marked(record: Record, *, conventions: Sequence[str]) -> pa.Table:
    """Return the table of a system: a row an item, rule and metric, of the columns `PREDICTIONS`; see `marks_of`.

    Texts are dictionary-encoded, so that the memory of a row is that of its numbers.
    """
    tables: list[pa.Table] = []
    columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    bench = record.exam.benchmark
    for place, convention in enumerate(conventions):
        for item, mark in marks_of(record, convention=convention):
            task = f"{bench.name}.{item.part}" + (f"@{convention}" if place else "")
            _add(columns, task, item, mark, bench, first=not place)
            if len(columns["task"]) >= _ROWS_AT_ONCE:
                tables.append(_table(columns))
                columns = {name: [] for name in _COLUMNS}
    return pa.concat_tables([*tables, _table(columns)]).unify_dictionaries()


def turned_item(bench: Benchmark, item: Item, said: Sequence[Reply]) -> tuple[Item, Sequence[Reply]] | None:
    """Return `Benchmark.turned`; None also where the judge would be asked the very same."""
    other = bench.turned(item, said)
    if other is None:
        return None
    keys = [[asked.key for asked in bench.judges(*one)] for one in ((item, said), other)]
    return other if keys[0] != keys[1] else None


def judge_requests(exam: Exam, replies: Replies, *, turned: bool = False) -> Iterator[Request]:
    """Yield what a judge is asked about the replies to each item, or with the answers in each other's place."""
    for item in exam.items():
        said = said_so_far(exam, replies, item)
        if not said or said[-1].finish == "error" or not exam.benchmark.judges(item, said):
            continue
        other = turned_item(exam.benchmark, item, said) if turned else (item, said)
        if other is not None:
            yield from _judge_requests(exam.benchmark, *other)


def _each(record: Record, convention: str) -> Iterator[tuple[Item, Mark]]:
    for item in record.exam.items():
        said = said_so_far(record.exam, record.replies, item)
        if said:
            yield item, _with_rates(record.mark(item, said, convention=convention))


def _judge_requests(benchmark: Benchmark, item: Item, said: Sequence[Reply]) -> list[Request]:
    return [request_of(asked, item, place, None) for place, asked in enumerate(benchmark.judges(item, said))]


def _verdicts(asked: Sequence[Request], verdicts: Replies) -> list[Reply] | None:
    """Return the verdicts on all requests, or None where one is missing."""
    found = [verdicts.get(request) for request in asked]
    given = [verdict for verdict in found if verdict is not None]
    return given if len(given) == len(found) else None


def _both_orders(judged: Mark, turned: Mark) -> Mark:
    """Return the mean of what a judge said in both orders, of one alone where the other could not be read."""
    values = dict(judged.values)
    for name, other in turned.values.items():
        known = [value for value in (values.get(name, np.nan), other) if np.isfinite(value)]
        values[name] = float(np.mean(known)) if known else np.nan
    told = "accuracy" if "accuracy" in judged.values else next(iter(judged.values))
    pair = (judged.values[told], turned.values[told])
    same = float(pair[0] == pair[1]) if np.isfinite(pair).all() else np.nan
    return replace(judged, values={**values, JUDGE_ORDER: same})


def _with_rates(mark: Mark) -> Mark:
    values = dict(mark.values)
    values |= {name: float(mark.status in statuses) for name, statuses in RATES.items()}
    if "accuracy" in values:
        values[_PARSED] = values["accuracy"] if mark.status == "answered" else float("nan")
    return replace(mark, values=values)


def _failed(mark: Mark, error: str, *, unreadable: bool) -> Mark:
    """Count a request without a reply as wrong, also under rules that give an empty reply a point."""
    values = {name: 0.0 if name == "accuracy" else value for name, value in mark.values.items()}
    return replace(mark, values=values, status="unreadable" if unreadable else "failed", said="", rule=error)


def _readable(item: Item) -> bool:
    """Say whether every picture of an item can be read."""
    try:
        for media in item.media:
            shown(media, planes=1)
    except DataError:
        return False
    return True


def _evidence(item: Item, mark: Mark, reply: Reply) -> tuple[Evidence, ...]:
    """Return the mark's evidence with how probable each option is; boxes without any score give no curve."""
    found: list[Evidence] = []
    for one in mark.evidence:
        if isinstance(one, Boxes) and not one.score and one.said and mark.confidence is not None:
            one = replace(one, score=(mark.confidence,) * len(one.said))
        if not isinstance(one, Boxes) or one.score or (not one.said and mark.confidence is not None):
            found.append(one)
    weighed = choices_of(item, mark, reply)
    return tuple(found) if weighed is None else (*found, weighed)


def _table(columns: Mapping[str, list[object]]) -> pa.Table:
    """Return a block of rows, each text of a column held once: most rows repeat those of the row before."""
    table = predictions("", {name: values for name, values in columns.items() if name != "task"})
    for place, field in enumerate(PREDICTIONS):
        if field.type == pa.string():
            values = pa.array(columns[field.name], pa.string())
            table = table.set_column(place, field.name, values.dictionary_encode())
    return table


def _add(
    columns: dict[str, list[object]], task: str, item: Item, mark: Mark, bench: Benchmark, *, first: bool
) -> None:
    """Append the rows of a mark; texts are compared under the benchmark's first rule only."""
    told = {"fields": dict(item.fields), "status": mark.status, "said": mark.said, "rule": mark.rule}
    words = detail(**told)
    sides = _ratios(bench, item.part)
    rows = [
        (name, value, detail(**told, ratios=sides[name]) if name in sides else words, _stated(mark, name))
        for name, value in mark.values.items()
    ]
    if mark.written is not None and bench.text_metrics and first:
        texts = text_detail(mark.written, mark.references, metrics=bench.text_metrics, language=item.language)
        rows.append((TEXT, np.nan, texts, np.nan))
    rows += [(evidence_label(one), np.nan, evidence_detail(one), np.nan) for one in mark.evidence]
    for name, value, said, sure in rows:
        entries = (task, item.id, item.cluster, name, value, said, sure, value if np.isfinite(sure) else np.nan)
        for column, entry in zip(columns.values(), entries, strict=True):
            column.append(entry)


def _ratios(bench: Benchmark, part: str) -> dict[str, dict[str, str]]:
    """Return for each metric the ratios that the part stands in, and on which side."""
    found: dict[str, dict[str, str]] = {}
    for ratio in bench.ratios:
        for side in RATIO_SIDES:
            if getattr(ratio, side) == part:
                found.setdefault(ratio.metric, {})[ratio.name] = side
    return found


def _stated(mark: Mark, metric: str) -> float:
    return mark.confidence if metric == "accuracy" and mark.confidence is not None else float("nan")
