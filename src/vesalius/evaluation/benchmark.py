"""Compare pretrained models by a benchmark's stages: one table with intervals, ranks, critical difference and cost.

Every cell is a `finetune` of one model; its fits are kept, so that a stopped benchmark goes on where it was. A stage
that the data do not allow is left out with its reason.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vesalius import __version__, registry
from vesalius.benchmarks.base import Stage
from vesalius.data.corpus import Corpus
from vesalius.errors import ConfigError, DataError
from vesalius.evaluation import results
from vesalius.evaluation.finetune import finetune
from vesalius.evaluation.report.benchmark import write_benchmark_page
from vesalius.evaluation.results import Evaluation
from vesalius.inference.predictor import Progress
from vesalius.metrics.friedman import MOST_SYSTEMS, critical_difference, friedman, task_ranks
from vesalius.tasks.base import make_task

__all__ = ["BENCHMARK_FILE", "Benchmark", "benchmark"]

BENCHMARK_FILE = "benchmark.json"


@dataclass(frozen=True)
class Benchmark:
    """A finished benchmark: its folder and the content of benchmark.json."""

    folder: Path
    document: Mapping[str, Any]


def benchmark(
    name: str,
    models: Sequence[str | Path],
    *,
    on: str | Path | Corpus,
    out: str | Path,
    split: str = "test",
    draws: int = 0,
    fit: Mapping[str, Any] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
    command: str = "",
) -> Benchmark:
    """Run every stage of a benchmark on every model, and write benchmark.json, benchmark.md and benchmark.html.

    Args:
        name: of a file in `vesalius.benchmarks` that has stages.
        models: run folders or model folders; each gets a column by its folder's name.
        on: a corpus with a stored split, or its folder.
        out: folder of the benchmark.
        split: what is tested.
        draws: draws of each share; 0 for those of the benchmark.
        fit: settings laid over those of every protocol, such as ``{"steps": 100}``; stated in the table.
        resamples: bootstrap resamples behind every interval.
        seed: of draws, orders and views.
        progress: ``progress(title, total)``.
        command: kept in the passports.

    Raises:
        ConfigError: no such benchmark, no stages, or two models of one name. DataError: no stage could be run.
    """
    module = registry.load("vesalius.benchmarks", name)
    stages: tuple[Stage, ...] = getattr(module, "STAGES", ())
    if not stages:
        raise ConfigError(f"benchmark {name!r} has no stages for models; known with stages: benchx")
    named = {_name(model): Path(model) for model in models}
    if len(named) < len(models):
        raise ConfigError("two models have folders of the same name; rename one, for the table goes by it")
    corpus = on if isinstance(on, Corpus) else Corpus.open(on)
    root = Path(out)
    cells: dict[str, dict[str, Any]] = {system: {} for system in named}
    skipped: list[dict[str, str]] = []
    for stage in stages:
        for system, model in named.items():
            shared = {"draws": draws or stage.draws, "rates": stage.rates, "fractions": stage.fractions}
            try:
                done = finetune(
                    model,
                    on=corpus,
                    split=split,
                    out=root / system / stage.protocol,
                    progress=progress,
                    protocol=stage.protocol,
                    fit={**stage.fit, **(fit or {})},
                    resamples=resamples,
                    seed=seed,
                    controls=True,
                    command=command,
                    **shared,
                )
            except DataError as error:
                skipped.append({"stage": stage.protocol, "system": system, "reason": str(error).splitlines()[0]})
                continue
            cells[system] |= _cells(done, stage)
    document = _document(name, stages, corpus, split, cells, skipped, {"fit": dict(fit or {}), "command": command})
    root.mkdir(parents=True, exist_ok=True)
    results.write_json(root / BENCHMARK_FILE, document)
    write_benchmark_page(root, document)
    return Benchmark(root, document)


def _name(model: str | Path) -> str:
    folder = Path(model).resolve()
    return folder.parent.name if folder.name in ("best", "last") else folder.name


def _cells(done: Evaluation, stage: Stage) -> dict[str, Any]:
    """Return the cells of one stage: score, interval, spread over draws, the control's score, and the cost."""
    found = {}
    for fraction in stage.fractions:
        task = next((row["task"] for row in done.scores if row["task"].endswith(f"_{fraction * 100:g}")), "")
        score = done.score(task, stage.metric, "macro")
        if score is None:
            continue
        each = _by_draw(done, task, stage.metric)
        control = done.score(task, stage.metric, "macro", control="untrained")
        fits = [one for one in done.document["fits"] if one["fraction"] == fraction and not one["control"]]
        found[f"{stage.protocol} {fraction * 100:g}"] = {
            "value": score["value"],
            "low": score["low"],
            "high": score["high"],
            "n": score["n"],
            "n_patients": score["n_patients"],
            "draws": each,
            "std": float(np.std(each, ddof=1)) if len(each) > 1 else None,
            "untrained": None if control is None else control["value"],
            "rate": fits[0]["rate"],
            "tried": fits[0]["tried"],
            "seconds": sum(one["seconds"] for one in fits),
            "peak_mib": max(one["peak_mib"] for one in fits),
            "parameters": done.document["model"]["parameters"],
        }
    return found


def _by_draw(done: Evaluation, task: str, metric: str) -> list[float]:
    """Return the mean over concepts of every draw by itself."""
    table = done.predictions()
    table = table.filter(pc.equal(table["task"], task))
    numbers = np.array([json.loads(text).get("draw", 0) for text in table["detail"].to_pylist()])
    family = make_task(table["family"][0].as_py())
    values = []
    for draw in np.unique(numbers):
        part = table.filter(pa.array(numbers == draw)).drop_columns(["control", "family"])
        scores = family.score(part, resamples=0, seed=0)
        values += [one.value for one in scores if (one.metric, one.label) == (metric, "macro")]
    return values


def _document(
    name: str,
    stages: Sequence[Stage],
    corpus: Corpus,
    split: str,
    cells: Mapping[str, Mapping[str, Any]],
    skipped: Sequence[Mapping[str, str]],
    how: Mapping[str, Any],
) -> dict[str, Any]:
    columns = [
        f"{stage.protocol} {fraction * 100:g}"
        for stage in stages
        for fraction in stage.fractions
        if any(f"{stage.protocol} {fraction * 100:g}" in row for row in cells.values())
    ]
    if not columns:
        reasons = "; ".join(f"{one['system']}, {one['stage']}: {one['reason']}" for one in skipped)
        raise DataError(f"benchmark {name}: no stage could be run: {reasons}")
    return {
        "benchmark": name,
        "corpus": corpus.name,
        "revision": corpus.content_hash,
        "virtual": bool(corpus.manifest.virtual),
        "split": split,
        "columns": {
            column: next(stage.words for stage in stages if stage.protocol == column.split()[0]) for column in columns
        },
        "cells": cells,
        "ranking": _ranking(columns, cells),
        "skipped": list(skipped),
        **how,
        "code": {"vesalius": __version__},
        "finished": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }


def _ranking(columns: Sequence[str], cells: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return mean ranks over the columns that every system has, with Friedman's test and the critical difference."""
    systems = list(cells)
    shared = [
        column for column in columns if all(cells[name].get(column, {}).get("value") is not None for name in systems)
    ]
    note = ""
    if len(systems) < 2 or len(shared) < 2:
        note = "ranks need two systems and two columns that all of them have"
    elif len(systems) > MOST_SYSTEMS:
        note = f"ranks are tabled for up to {MOST_SYSTEMS} systems"
    if note:
        return {"note": note, "columns": shared}
    values = [[cells[name][column]["value"] for name in systems] for column in shared]
    test = friedman(values)
    return {
        "note": "",
        "columns": shared,
        "ranks": dict(zip(systems, test.ranks.tolist(), strict=True)),
        "by_column": {
            column: dict(zip(systems, row, strict=True))
            for column, row in zip(shared, task_ranks(values).tolist(), strict=True)
        },
        "f": test.statistic if np.isfinite(test.statistic) else None,
        "p": test.p,
        "critical_difference": critical_difference(len(shared), len(systems)),
    }
