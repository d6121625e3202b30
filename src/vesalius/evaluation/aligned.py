"""What preference tuning did to models: they and their start write about a split, a judge and metrics read it.

The judge of the page is one that makes pairs; the metrics beside it never judged, so that a model that learnt to
please the judge alone is found out. Other families of questions show what was unlearnt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vesalius.curation.preferences.judging import Judge, cleaned, judge_named
from vesalius.data.conversations.corpus import CorpusSource
from vesalius.data.conversations.records import Conversation
from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.errors import CapabilityError, DataError
from vesalius.evaluation.answering.adapted_from import known_base
from vesalius.evaluation.corpus_questions import CorpusQuestions
from vesalius.evaluation.preferences import Checkpoint, PreferenceReport, alignment_tax, preference_report
from vesalius.evaluation.report.preferences import write_preference_page
from vesalius.inference.predictor import open_predictor
from vesalius.inference.requests import Decoding, Reply, Request
from vesalius.tasks.instructions.families import families

__all__ = ["Aligned", "Asked", "aligned", "start_of"]

Floats = NDArray[np.float64]
RESAMPLES = 1000
_LONGEST = 256
_NEAR = {"facts": {"facts", "facts_of_record"}, "facts_of_record": {"facts", "facts_of_record"}}
"""Judges that are too near to each other for one to be held out beside the other."""
_HELD_OUT = ("facts", "words")


@dataclass(frozen=True, kw_only=True)
class Aligned:
    """What `aligned` left."""

    report: PreferenceReport
    page: Path


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What models write, and who judges it."""

    judge: str = "facts"
    """A name of `JUDGES`; of the others, those that are not near it are held out."""
    family: str = "report"
    """Of the texts that are judged."""
    tax: tuple[str, ...] = ()
    """Other families of questions, each a row of what was unlearnt."""
    split: str = "test"
    limit: int = 0
    """Texts, and questions of each family, at most; 0 for all."""


@dataclass(frozen=True, kw_only=True)
class _Written:
    """What is asked, and what is true."""

    rows: tuple[Conversation, ...]
    studies: tuple[Study, ...]


def aligned(
    runs: Sequence[str], *, on: str | Path, out: str | Path, base: str = "", asked: Asked | None = None,
    resamples: int = RESAMPLES, seed: int = 0,
) -> Aligned:  # fmt: skip
    """Compare tuned models with the one that they began as, and write the page.

    Args:
        runs: of preference tuning, or any models that write.
        on: folder of a corpus with a split.
        out: folder of the page.
        base: the start; the one that the first run's card or stages tell where not given.
        asked: what they write, and who judges it.
        resamples: of the intervals.
        seed: of resamples and swaps.

    Raises:
        DataError: nothing to ask, or no start is known.
    """
    corpus, asked = Corpus.open(on), asked or Asked()
    start = _writer(base or start_of(runs[0]))
    tuned = {_name(run, runs): _writer(run) for run in runs}
    written = _opened(corpus.split(asked.split), asked)
    patients = [row.patient or row.id for row in written.rows]
    first = _checkpoint("start", 0, start, written, asked.judge)
    others = [_checkpoint(name, 1, model, written, asked.judge) for name, model in tuned.items()]
    before = _values(start, corpus, asked)
    after = {name: _values(model, corpus, asked) for name, model in tuned.items()}
    tax = alignment_tax(
        {task: values for task, (values, _) in before.items()},
        {name: {task: values for task, (values, _) in found.items()} for name, found in after.items()},
        {task: owners for task, (_, owners) in before.items()},
        resamples=resamples,
        seed=seed,
    )
    report = preference_report(first, others, patients, judge=asked.judge, tax=tax, resamples=resamples, seed=seed)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    return Aligned(report=report, page=write_preference_page(report, folder, virtual=bool(corpus.manifest.virtual)))


def start_of(run: str) -> str:
    """Return the model that a run of preference tuning began as: of its card, or of the stage before its last.

    Raises:
        DataError: neither tells.
    """
    known = known_base(run)
    if known:
        return known
    stages = sorted((Path(run) / "stages").glob("[0-9]*-*"), key=lambda path: int(path.name.split("-")[0]))
    if len(stages) > 1 and (stages[-2] / "last").is_dir():
        return str(stages[-2] / "last")
    raise DataError(f"{run} does not tell which model it began as; name it by --base")


def _writer(spec: str) -> Any:
    model = open_predictor(spec)
    if "generate" not in model.capabilities:
        raise CapabilityError(f"{spec} does not write; preference tuning is of models that do")
    return model


def _opened(view: Corpus, asked: Asked) -> _Written:
    source = CorpusSource(view, families([asked.family]))
    most = min(len(source), asked.limit or len(source))
    rows = np.unique(np.linspace(0, len(source) - 1, most).round().astype(int)).tolist()
    kept = [(source.conversation(row), source.study(row)) for row in rows]
    return _Written(rows=tuple(row for row, _ in kept), studies=tuple(study for _, study in kept))


def _name(run: str, runs: Sequence[str]) -> str:
    """Return the run's folder name, or the whole path where two have the same."""
    name = Path(run).name
    return name if [Path(one).name for one in runs].count(name) == 1 else run


def _checkpoint(name: str, step: int, model: Any, written: _Written, judge: str) -> Checkpoint:
    """Let a model write, and read what it wrote."""
    requests = [
        Request(id=row.id, messages=row.messages[:-1], decoding=Decoding(max_tokens=_LONGEST)) for row in written.rows
    ]
    replies = {reply.id: reply for reply in model.generate(requests)}
    texts = [_text(replies[row.id]) for row in written.rows]
    held_out = [other for other in _HELD_OUT if other not in _NEAR.get(judge, {judge})]
    scores = {other: _judged(judge_named(other), texts, written) for other in (judge, *held_out)}
    return Checkpoint(
        algorithm=name, step=step, judge=scores.pop(judge), held_out=scores,
        length=np.array([len(text.split()) for text in texts], dtype=np.float64),
    )  # fmt: skip


def _text(reply: Reply) -> str:
    if reply.finish == "error":
        raise DataError(f"the model did not answer {reply.id!r}: {reply.error}")
    return reply.text


def _judged(judge: Judge, texts: Sequence[str], written: _Written) -> Floats:
    triples = zip(texts, written.rows, written.studies, strict=True)
    return np.array([judge(cleaned(text), cleaned(row.answers[-1]), study) for text, row, study in triples])


def _values(model: Any, corpus: Corpus, asked: Asked) -> Mapping[str, tuple[Floats, list[str]]]:
    """Return whether each answer to the questions of other families is right, and its patient, by family."""
    found = {}
    for family in asked.tax:
        bench = CorpusQuestions(corpus, asked={family: (family, "en")})
        items = list(bench.items(corpus.root, parts=[family], split=asked.split))[: asked.limit or None]
        requests = [bench.ask(item, [], arm="", shots=()) for item in items]
        replies = {reply.id: reply for reply in model.generate([one for one in requests if one is not None])}
        marks = [bench.mark(item, [replies[item.id]], convention="plain") for item in items]
        values = np.array([mark.values["accuracy"] for mark in marks], dtype=np.float64)
        found[family] = (values, [item.cluster for item in items])
    return found
