"""One step over every study of a corpus, in one process, in several, or on a Ray cluster, with one result.

The rows are cut into `parts` stretches. A part is worked off by one writer in one process and leaves a journal, so
that a stopped run goes on with what is missing, wherever it goes on. The three backends share everything but
who calls `_work`, and the content hash does not depend on the order of the writers.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_args

from vesalius.data.corpus import Corpus
from vesalius.data.disk import replacing
from vesalius.data.fingerprint import ContentHash, digests_of
from vesalius.data.ordered import Backend, cluster
from vesalius.data.records import Study
from vesalius.data.writer import CorpusWriter, finish
from vesalius.errors import DataError, VesaliusError

__all__ = ["Backend", "Made", "MapReport", "Step", "map_studies"]

JOURNALS = ".map"
"""Folder of the new corpus with the settings and the journal of every part."""


class Made(NamedTuple):
    """A study with files that the step made for it, by the paths under which its records name them."""

    study: Study
    media: Mapping[str, bytes | Path] = {}


Step = Callable[[Study, Corpus], Study | Made | None]
"""What is done to a study: a new study, one with files, or None to leave it out. It must depend on nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapReport:
    """What became of the studies of a corpus."""

    made: int
    left_out: int
    """Studies for which the step gave None."""
    failed: tuple[tuple[str, str], ...]
    """Id and reason of every study on which the step raised an error of Vesalius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    corpus: Corpus
    step: Step
    out: Path
    name: str
    parts: int


@dataclass(slots=True)
class _Journal:
    made: int = 0
    left_out: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


class _Unfinished(Exception):  # noqa: N818 - leaves a writer without finishing the corpus
    """Raised inside a writer's block to keep what is written and leave the corpus unfinished."""


def map_studies(
    corpus: Corpus,
    step: Step,
    out: str | Path,
    *,
    backend: Backend = "local",
    name: str = "",
    workers: int = 2,
    parts: int = 16,
    advance: Callable[[int], None] | None = None,
) -> MapReport:
    """Write what a step makes of every study of a corpus (or view) as a new corpus at `out`.

    Files that the new record still names are copied from the old corpus. The same call again goes on where a stopped
    one was; finished parts are not done again.

    Args:
        corpus: studies to work on; on several machines its folder must be on all of them.
        step: a function at the top of a module, so that other processes can import it.
        out: folder of the new corpus; with Ray on several machines, one that all of them share.
        backend: "local", "processes", or "ray" (Ray Data; joins the cluster that is running, else starts a local one,
            with Ray's reports of use to its makers switched off).
        name: of the new corpus; that of the old one where not given.
        workers: processes of "processes" and of a cluster that "ray" starts.
        parts: stretches that are worked off independently.
        advance: is told how many studies are done.

    Raises:
        DataError: `out` holds the result of another corpus or step, a worker died, or nothing was made.
    """
    if backend not in get_args(Backend):
        raise DataError(f"unknown backend {backend!r}; known: {', '.join(get_args(Backend))}")
    job = _Job(
        corpus=corpus, step=step, out=Path(out), name=name or corpus.name, parts=max(1, min(parts, len(corpus)))
    )
    _settle(job)
    tell = advance or (lambda count: None)
    waiting = [part for part in range(job.parts) if _read_journal(job.out, part) is None]
    tell(len(corpus) - sum(len(_rows(job, part)) for part in waiting))
    run = {"local": _locally, "processes": _in_processes, "ray": _on_ray}[backend]
    for part in run(job, waiting, workers):
        tell(len(_rows(job, part)))
    if waiting or not (job.out / "corpus.json").exists():
        finish(job.out)
    journals = [journal for part in range(job.parts) if (journal := _read_journal(job.out, part))]
    return MapReport(
        made=sum(journal.made for journal in journals),
        left_out=sum(journal.left_out for journal in journals),
        failed=tuple(failure for journal in journals for failure in journal.failed),
    )


def _locally(job: _Job, parts: list[int], workers: int) -> Iterator[int]:
    for part in parts:
        _work(job, part)
        yield part


def _in_processes(job: _Job, parts: list[int], workers: int) -> Iterator[int]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_work, job, part) for part in parts]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise DataError(
                f"a worker died while {job.out} was written, mostly because memory ran out: what is in whole parts "
                "is kept, so run the same again, with fewer workers"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _on_ray(job: _Job, parts: list[int], workers: int) -> Iterator[int]:
    with cluster(workers) as ray:
        shared = ray.put(job)
        rows = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=max(len(parts), 1))
        done = rows.map(lambda row: {"part": _work(ray.get(shared), row["part"])})
        for row in done.iter_rows():
            yield int(row["part"])


def _work(job: _Job, part: int) -> int:
    """Work off one part; what a stopped run has made of it is passed over."""
    journal = _Journal()
    writer = CorpusWriter(job.out, name=job.name, worker=part, **_facts(job))
    with suppress(_Unfinished), writer:
        for row in _rows(job, part):
            _one(job, job.corpus[row], writer, journal)
        writer.flush()
        with replacing(_journal_file(job.out, part), scratch=job.out / JOURNALS) as file:
            file.write(json.dumps({name: getattr(journal, name) for name in journal.__slots__}).encode())
        raise _Unfinished
    return part


def _one(job: _Job, study: Study, writer: CorpusWriter, journal: _Journal) -> None:
    try:
        result = job.step(study, job.corpus)
        if result is None:
            journal.left_out += 1
            return
        made = result if isinstance(result, Made) else Made(result)
        if made.study.id not in writer:
            writer.add(made.study, media=_media(job.corpus, made))
        journal.made += 1
    except VesaliusError as error:
        journal.failed.append((study.id, str(error)))


def _media(corpus: Corpus, made: Made) -> dict[str, bytes | Path]:
    """Return the files of a study: those that the step made, and the old corpus' own that it still names."""
    named = {image.path for image in made.study.images} | {region.mask for region in made.study.regions}
    media = dict(made.media)
    for path in sorted(named - set(media) - {""}):
        source = corpus.path(path)
        if source.exists():
            media[path] = source
    return media


def _rows(job: _Job, part: int) -> range:
    total = len(job.corpus)
    return range(part * total // job.parts, (part + 1) * total // job.parts)


def _facts(job: _Job) -> dict[str, Any]:
    return {"licence": job.corpus.manifest.licence, "virtual": job.corpus.manifest.virtual}


def _settle(job: _Job) -> None:
    """Write down what is done here, or refuse a folder where something else was."""
    view = ContentHash()
    for table in job.corpus.tables(["digest"]):
        view.add(digests_of(table["digest"]))
    step = f"{getattr(job.step, '__module__', '')}.{getattr(job.step, '__qualname__', repr(job.step))}"
    settings = {"studies": view.hexdigest(), "step": step, "parts": job.parts, "name": job.name}
    path = job.out / JOURNALS / "settings.json"
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != settings:
            raise DataError(
                f"{job.out} holds the result of another corpus, step or number of parts "
                f"(see {JOURNALS}/settings.json): give another folder, or remove it to begin anew"
            )
        return
    if (job.out / "corpus.json").exists():
        raise DataError(f"{job.out} holds a corpus already; give another folder")
    with replacing(path, scratch=path.parent) as file:
        file.write(json.dumps(settings, indent=1).encode())


def _journal_file(out: Path, part: int) -> Path:
    return out / JOURNALS / f"part-{part:05d}.json"


def _read_journal(out: Path, part: int) -> _Journal | None:
    try:
        document = json.loads(_journal_file(out, part).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return _Journal(document["made"], document["left_out"], [tuple(entry) for entry in document["failed"]])
