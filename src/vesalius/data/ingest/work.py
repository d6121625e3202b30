"""Planned studies turned into shards by one or several processes, with a journal of what was found.

A worker writes its journal line before it adds the study, so that the problems of every study on the disk are
known after a kill. Workers leave the corpus unfinished; the caller finishes it when all are done.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from vesalius.data.disk import not_full
from vesalius.data.ingest.build import build, link_into
from vesalius.data.ingest.plan import StudyPlan
from vesalius.data.ingest.report import Problem
from vesalius.data.media import Content
from vesalius.data.ordered import cluster
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError, VesaliusError

__all__ = ["JOURNALS", "Job", "problems_of", "run"]

JOURNALS = ".ingest"
"""Folder of the corpus with the settings and the journals of its ingest."""
_POLL_SECONDS = 0.05
_PARTS_PER_WORKER = 4


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every worker needs to know."""

    root: Path
    name: str
    licence: str
    link: bool
    plans: tuple[StudyPlan, ...]


class _Stopped(Exception):  # noqa: N818 - leaves a writer without finishing the corpus
    """Raised inside a writer's block to keep what is written and leave the corpus unfinished."""


class _Control(Protocol):
    def take(self) -> int | None: ...
    def done(self) -> None: ...


def run(job: Job, *, workers: int, on_ray: bool, advance: Callable[[int], None]) -> None:
    """Do the job here, in processes or on Ray; on an interrupt what is done is kept and KeyboardInterrupt goes on.

    Raises:
        DataError: the disk is full, or a worker died; says at which file.
    """
    if not job.plans:
        return
    if on_ray:
        _run_on_ray(job, workers, advance)
    elif workers <= 1:
        _work(job, 0, _Alone(len(job.plans), advance))
    else:
        _Team(job, workers).run(advance)


def _run_on_ray(job: Job, workers: int, advance: Callable[[int], None]) -> None:
    """Do the job with Ray Data, in parts that each have a writer of their own."""
    parts = min(len(job.plans), _PARTS_PER_WORKER * workers)
    with cluster(workers) as ray:
        shared = ray.put(job)
        rows = ray.data.from_items([{"part": part} for part in range(parts)], override_num_blocks=parts)
        for row in rows.map(lambda row: _part(ray.get(shared), int(row["part"]), parts)).iter_rows():
            if row["fault"]:
                raise DataError(row["fault"])
            advance(int(row["studies"]))


def _part(job: Job, part: int, parts: int) -> dict[str, Any]:
    """Do every `parts`-th study of a job from `part` on; return how many, and the fault that ended it."""
    mine = replace(job, plans=job.plans[part::parts])
    try:
        _work(mine, part, _Alone(len(mine.plans), lambda count: None))
    except VesaliusError as error:
        return {"studies": 0, "fault": str(error)}
    return {"studies": len(mine.plans), "fault": ""}


def problems_of(root: Path, studies: set[str]) -> list[Problem]:
    """Return what earlier runs journalled for studies; the last line about a study counts."""
    found: dict[str, tuple[float, list[Problem]]] = {}
    for path in sorted((root / JOURNALS).glob("journal-*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(json.JSONDecodeError):  # the last line of a killed worker may be torn
                entry = json.loads(line)
                if entry["study"] in studies and entry["time"] >= found.get(entry["study"], (0.0, []))[0]:
                    found[entry["study"]] = (entry["time"], [Problem(*item) for item in entry["problems"]])
    return [problem for name in sorted(found) for problem in found[name][1]]


def _work(job: Job, worker: int, control: _Control) -> None:
    """Take studies until none is left."""
    writer = CorpusWriter(job.root, name=job.name, worker=worker, licence=job.licence)
    with suppress(_Stopped), writer, _journal(job.root, worker) as note:
        while (index := control.take()) is not None:
            plan = job.plans[index]
            built = build(plan, link=job.link)
            note(plan.study.id, built.problems)
            if built.study is not None:
                if job.link:
                    for name, data in built.media.items():
                        source = data.source if isinstance(data, Content) else data
                        if isinstance(source, Path):
                            link_into(job.root, name, source)
                writer.add(built.study, media=built.media)
            control.done()
        raise _Stopped


@contextmanager
def _journal(root: Path, worker: int) -> Iterator[Callable[[str, Sequence[Problem]], None]]:
    path = root / JOURNALS / f"journal-{worker:04d}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:

        def note(study: str, problems: Sequence[Problem]) -> None:
            entry = {"study": study, "time": time.time(), "problems": problems}
            with not_full(root, kept="all studies in whole shards are kept"):
                # A new line first: a killed worker may have left half of one.
                file.write("\n" + json.dumps(entry))
                file.flush()

        yield note


class _Alone:
    """Control of a single worker in this process."""

    def __init__(self, total: int, advance: Callable[[int], None]) -> None:
        self._left = iter(range(total))
        self._advance = advance

    def take(self) -> int | None:
        return next(self._left, None)

    def done(self) -> None:
        self._advance(1)


class _Shared:
    """Control of one of several workers: numbers in shared memory, so that no queue can block or be lost."""

    def __init__(self, context: Any, *, total: int, workers: int) -> None:
        self.total = total
        self.next = context.Value("q", 0)
        self.finished = context.Value("q", 0)
        self.current = context.Array("q", [-1] * workers)
        self.stop = context.Event()
        self.worker = 0

    def take(self) -> int | None:
        parent = multiprocessing.parent_process()
        if self.stop.is_set() or parent is None or not parent.is_alive():
            return None
        with self.next.get_lock():
            index = self.next.value
            self.next.value += 1
        if index >= self.total:
            return None
        self.current[self.worker] = index
        return int(index)

    def done(self) -> None:
        with self.finished.get_lock():
            self.finished.value += 1


class _Team:
    """Several worker processes and the one that watches them."""

    def __init__(self, job: Job, workers: int) -> None:
        self._job = job
        context = multiprocessing.get_context("spawn")
        self._shared = _Shared(context, total=len(job.plans), workers=workers)
        self._members: list[tuple[BaseProcess, Connection]] = []
        for worker in range(workers):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_member, args=(job, worker, self._shared, theirs), daemon=True)
            self._members.append((process, ours))

    def run(self, advance: Callable[[int], None]) -> None:
        """Start the workers and wait; whatever happens, none is left behind."""
        try:
            for process, _ in self._members:
                process.start()
            self._watch(advance)
        finally:
            self._shared.stop.set()
            for process, _ in self._members:
                if process.pid is not None:
                    process.join()
        self._raise_faults()

    def _watch(self, advance: Callable[[int], None]) -> None:
        shown = 0
        while any(process.is_alive() for process, _ in self._members):
            time.sleep(_POLL_SECONDS)
            finished = self._shared.finished.value
            advance(finished - shown)
            shown = finished
            if any(process.exitcode for process, _ in self._members):
                return
        advance(self._shared.finished.value - shown)

    def _raise_faults(self) -> None:
        for worker, (process, connection) in enumerate(self._members):
            if connection.poll():
                with suppress(EOFError):
                    raise connection.recv()
            if process.exitcode:
                raise DataError(self._epitaph(worker, process.exitcode))

    def _epitaph(self, worker: int, code: int) -> str:
        index = self._shared.current[worker]
        plan = self._job.plans[index] if index >= 0 else None
        items = [one.item for one in (*plan.images, *plan.objects)] if plan else []
        where = f" while it read {', '.join(items)}" if items else ""
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        hint = "; mostly memory ran out, fewer workers need less" if code == -signal.SIGKILL else ""
        return (
            f"ingest worker {worker} {how}{where}{hint}; all studies in whole shards are kept: run the same "
            "again, without that file if it happens twice"
        )


def _member(job: Job, worker: int, shared: _Shared, connection: Connection) -> None:
    """Main function of a worker process; the watching process alone answers to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shared.worker = worker
    try:
        _work(job, worker, shared)
    except VesaliusError as error:
        shared.stop.set()
        connection.send(error)
