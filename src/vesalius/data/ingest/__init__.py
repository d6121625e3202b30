"""From a folder, a table or a DICOM tree to a corpus: parallel, resumable, honest about what stayed out.

Files are copied into the corpus under the hash of their content, byte for byte; with `link` they get a second
name there (a hard link) and take no further space. Nothing refers to a place outside the corpus.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from vesalius import __version__
from vesalius.data.corpus import Corpus
from vesalius.data.disk import Lock, not_full, replacing
from vesalius.data.ingest.columns import Columns
from vesalius.data.ingest.from_folder import Over, plan_folder
from vesalius.data.ingest.from_table import plan_table
from vesalius.data.ingest.plan import Plan
from vesalius.data.ingest.report import REPORT_FILE, IngestReport, Problem
from vesalius.data.ingest.table import TABLE_SUFFIXES, read_table
from vesalius.data.ingest.work import JOURNALS, Job, problems_of, run
from vesalius.data.ordered import Backend
from vesalius.data.records import Provenance
from vesalius.data.writer import CorpusWriter, finish
from vesalius.errors import DataError

__all__ = ["REPORT_FILE", "Columns", "IngestReport", "Problem", "ingest"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
_STUDIES_PER_WORKER = 64
"""A worker process takes half a second to start; for fewer studies it is not worth it."""
_ORPHAN_SECONDS = 30.0
"""After a kill the workers end with the study at hand; so long the next run waits for them."""


def ingest(
    source: str | Path,
    *,
    out: str | Path,
    columns: Columns | None = None,
    name: str = "",
    link: bool = False,
    workers: int | None = None,
    backend: Backend | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Write a corpus from a folder of images, a DICOM tree, or a table with one row an image.

    The same source gives the same `content_hash`, whatever the workers, the backend and the interruptions.

    Args:
        source: a folder, or a .csv, .tsv, .json or .jsonl file.
        out: folder of the corpus; a folder that an interrupted run of the same call left is gone on with.
        columns: what the columns of a table mean.
        name: of the corpus; empty for the name of the source.
        link: link the files into the corpus instead of copying them.
        workers: processes; None for as many as there are cores and as the number of studies is worth.
        backend: "local", "processes", or "ray" (Ray Data; joins the cluster that is running, else starts one of
            `workers` processes; source and corpus must be folders that all machines share); None for processes
            where there are several workers.
        progress: takes a title and a total, gives a context that yields a function that counts studies.

    Raises:
        DataError: nothing could be read at all, ids or splits contradict each other, or the disk is full.
        ConfigError: an option does not fit the source.
    """
    source, root, columns = Path(source), Path(out), columns or Columns()
    name = name or (source.stem if source.is_file() else source.resolve().name)
    over = _over(workers, backend)
    plan = _plan(source, root, columns, name=name, over=over)
    _claim(root, {"source": str(source.resolve()), "name": name, "link": link, **asdict(columns)})
    _await_orphans(root)
    licence = columns.licence.removeprefix("=") if columns.licence.startswith("=") else ""
    done = CorpusWriter(root, name=name).written()
    _refuse_others(root, done, plan)
    left = tuple(planned for planned in plan.studies if planned.study.id not in done)
    job = Job(root=root, name=name, licence=licence, link=link, plans=left)
    shown = progress("ingest", len(plan.studies)) if progress else nullcontext(lambda count: None)
    try:
        with shown as advance:
            advance(len(done))
            run(job, workers=_num_workers(over, len(left)), on_ray=backend == "ray", advance=advance)
    except KeyboardInterrupt:
        _report(root, plan, finished=False, resumed=len(done)).write(root)
        raise
    return _finished(root, plan, resumed=len(done))


def _plan(source: Path, root: Path, columns: Columns, *, name: str, over: Over) -> Plan:
    provenance = Provenance(source=name, made_by=f"vesalius ingest {__version__}")
    if source.is_dir():
        if root.resolve().is_relative_to(source.resolve()):
            raise DataError(f"corpus {root} would lie inside its source {source}; choose another --out")
        plan = plan_folder(source, columns, provenance=provenance, over=over)
    elif not source.exists():
        raise DataError(f"{source}: no such file or folder")
    elif source.suffix.lower() in TABLE_SUFFIXES:
        plan = plan_table(read_table(source, encoding=columns.encoding), columns, provenance=provenance)
    else:
        raise DataError(f"{source}: expected a folder or a table ({', '.join(TABLE_SUFFIXES)})")
    if not plan.studies:
        hint = "".join(f"; {count} {note}" for note, count in plan.notes.items())
        raise DataError(f"{source}: nothing to ingest{_first_reasons(plan.problems)}{hint}")
    return plan


def _first_reasons(problems: list[Problem]) -> str:
    if not problems:
        return ": no image files were found"
    return f"; {len(problems)} problems, such as {problems[0].item}: {problems[0].reason}"


def _claim(root: Path, settings: dict[str, Any]) -> None:
    """Note the settings in a new folder, or check that an earlier run had the same."""
    path = root / JOURNALS / "settings.json"
    if not path.exists():
        if root.exists() and any(root.iterdir()):
            raise DataError(f"{root} is not empty and was not made by ingest; choose a new folder for --out")
        with not_full(root, kept="nothing was written"), replacing(path, scratch=root) as file:
            file.write(json.dumps(settings, indent=1).encode("utf-8"))
        return
    earlier = json.loads(path.read_text(encoding="utf-8"))
    plain = json.loads(json.dumps(settings))
    differing = [key for key in sorted(plain | earlier) if plain.get(key) != earlier.get(key)]
    if differing:
        key = differing[0]
        raise DataError(
            f"{root} was begun with other settings: {key} was {earlier.get(key)!r}, now {plain.get(key)!r}; "
            "choose a new folder for --out"
        )


def _await_orphans(root: Path) -> None:
    """Wait until the workers of a killed run have ended; who still writes then is refused by the writer."""
    end = time.monotonic() + _ORPHAN_SECONDS
    for path in (root / ".locks").glob("worker-*"):
        lock = Lock(path)
        while not lock.acquire() and time.monotonic() < end:
            time.sleep(0.1)
        lock.release()


def _refuse_others(root: Path, done: set[str], plan: Plan) -> None:
    others = done - {planned.study.id for planned in plan.studies}
    if others:
        raise DataError(
            f"{root} holds {len(others)} studies that the source no longer has, such as {min(others)!r}; "
            "choose a new folder for --out"
        )


def _over(workers: int | None, backend: Backend | None) -> Over:
    if workers is not None and workers < 1:
        raise DataError(f"{workers} workers asked for, expected at least 1")
    if backend is not None and backend not in get_args(Backend):
        raise DataError(f"unknown backend {backend!r}; known: {', '.join(get_args(Backend))}")
    return Over(workers, backend)


def _num_workers(over: Over, studies: int) -> int:
    cores = os.cpu_count() or 1
    if over.backend == "local":
        return 1
    if over.backend == "ray":
        return over.workers or cores
    return over.workers or max(1, min(cores, studies // _STUDIES_PER_WORKER))


def _report(root: Path, plan: Plan, *, finished: bool, resumed: int, **found: Any) -> IngestReport:
    names = {planned.study.id for planned in plan.studies}
    notes = sorted(plan.notes.items(), key=lambda note: (-note[1], note[0]))
    return IngestReport(
        corpus=str(root),
        finished=finished,
        problems=(*plan.problems, *problems_of(root, names)),
        notes=dict(notes),
        ignored=dict(sorted(plan.ignored.items())),
        resumed=resumed,
        **found,
    )


def _finished(root: Path, plan: Plan, *, resumed: int) -> IngestReport:
    """Finish the corpus, store its split, and write the report."""
    if not CorpusWriter(root, name="").written():
        report = _report(root, plan, finished=False, resumed=0)
        report.write(root)
        reasons = _first_reasons(list(report.problems))
        raise DataError(f"{root}: none of {len(plan.studies)} studies went in{reasons}")
    manifest = finish(root)
    corpus = Corpus.open(root)
    kept = set(corpus.ids)
    stated = [planned for planned in plan.studies if planned.split and planned.study.id in kept]
    split = {planned.study.id: planned.split for planned in stated}
    if split:
        corpus.set_split(split)
    report = _report(
        root,
        plan,
        finished=True,
        resumed=resumed,
        content_hash=manifest.content_hash,
        counts=asdict(manifest.counts),
    )
    report.write(root)
    return report
