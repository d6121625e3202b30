"""Populations on disk: a corpus of virtual patients, the same for any number of processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from vesalius.data.corpus import Corpus
from vesalius.data.writer import CorpusWriter
from vesalius.errors import ConfigError, DataError
from vesalius.virtual.defects import flawed
from vesalius.virtual.patient import draw_patient, split_of
from vesalius.virtual.preset import Preset, load_preset
from vesalius.virtual.seeds import identifier, stream
from vesalius.virtual.study import LICENCE, make_study
from vesalius.virtual.visits import days_of, study_name_of, visits_of

__all__ = ["FRACTIONS", "make"]

FRACTIONS = {"train": 0.7, "val": 0.1, "test": 0.2}
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True)
class _Order:
    """What a worker needs to know."""

    root: Path
    name: str
    seed: int
    preset: Preset
    size: int | None


def make(
    out: str | Path, *, patients: int, preset: str = "chest", seed: int = 0, image_size: int | None = None,
    workers: int | None = None, settings: Iterable[str] = (), progress: Progress | None = None,
) -> Corpus:  # fmt: skip
    """Write a corpus of virtual patients with a 70/10/20 split by patient and return it.

    The content depends on `patients`, `preset`, `settings`, `seed` and `image_size` only. Called again on a corpus
    that was interrupted it goes on with what is missing.

    Args:
        out: folder of the corpus.
        patients: one study each, or several where the population has follow-ups.
        preset: population, a file of `presets`.
        seed: another seed gives other patients.
        image_size: rows and columns of the pictures; each examination's own where not given.
        workers: processes; as many as there are cores where not given.
        settings: changes of the preset, such as ``["prevalence.edema=0.3", "follow_up.share=0.5"]``.
        progress: shows how far it is.
    """
    if patients < 1:
        raise ConfigError(f"patients is {patients}, expected at least 1")
    population = load_preset(preset, settings)
    order = _Order(Path(out), f"virtual-{preset}", seed, population, image_size)
    workers = max(1, min(workers or os.cpu_count() or 1, patients))
    with (progress or _silent)("virtual patients", patients) as advance:
        _run(order, patients, workers, advance)
    corpus = Corpus.open(order.root)
    if corpus.has_split:
        return corpus
    if population.shift:
        corpus.set_split({study: split_of(seed, patient) for study, patient in _patients(corpus)})
    else:
        corpus.make_split(fractions=FRACTIONS, seed=seed)
    return Corpus.open(order.root)


def _patients(corpus: Corpus) -> Iterator[tuple[str, str]]:
    table = corpus.table(["study_id", "patient"])
    return zip(table["study_id"].to_pylist(), table["patient"].to_pylist(), strict=True)


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    del title, total
    return nullcontext(lambda count: None)


def _run(order: _Order, patients: int, workers: int, advance: Callable[[int], None]) -> None:
    """Write what is missing; this process holds a writer of its own, so that the corpus is finished once, at last."""
    _claim(order)
    with CorpusWriter(order.root, name=order.name, worker=0, licence=LICENCE, virtual=True) as writer:
        missing = [index for index in range(patients) if any(name not in writer for name in _names(order, index))]
        advance(patients - len(missing))
        if workers == 1 or len(missing) < 2 * workers:
            _write(order, missing, writer, advance)
            return
        _run_workers(order, missing, workers, advance)


def _names(order: _Order, index: int) -> list[str]:
    """Names of all studies of a patient, without drawing it."""
    patient = identifier(order.seed, "patient", index)
    count = len(days_of(order.seed, patient, order.preset))
    return [study_name_of(order.seed, patient, visit) for visit in range(count)]


def _claim(order: _Order) -> None:
    """Remember how the corpus is made and refuse to mix two ways in one folder."""
    file = order.root / "virtual.json"
    wanted = {"name": order.name, "seed": order.seed, "image_size": order.size, **asdict(order.preset)}
    if file.exists():
        found = json.loads(file.read_text(encoding="utf-8"))
        differing = [key for key in wanted if found.get(key) != wanted[key]]
        if differing:
            raise DataError(
                f"{order.root} already holds virtual patients made with another {', '.join(differing)}: "
                f"choose another folder, or the settings of {file}"
            )
        return
    order.root.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(wanted, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write(order: _Order, indices: list[int], writer: CorpusWriter, advance: Callable[[int], None]) -> None:
    for index in indices:
        visits = visits_of(draw_patient(order.seed, index, preset=order.preset), order.preset)
        for number, patient in enumerate(visits):
            if study_name_of(order.seed, patient.id, patient.visit) in writer:
                continue
            made = make_study(patient, order.size, priors=visits[:number])
            made = flawed(made, order.preset.defects, stream(order.seed, patient.occasion, "defects"))
            writer.add(made.study, media=made.media)
        advance(1)


def _run_workers(order: _Order, missing: list[int], workers: int, advance: Callable[[int], None]) -> None:
    context = get_context("spawn")
    done = context.SimpleQueue()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(done,)) as pool:
        waiting: set[Future[None]] = {
            pool.submit(_work, order, missing[worker::workers], worker + 1) for worker in range(workers)
        }
        while waiting:
            finished, waiting = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
            while not done.empty():
                advance(done.get())
            for future in finished:
                future.result()


_DONE: SimpleQueue[int] | None = None
"""Where a worker process counts what it wrote."""


def _start(done: SimpleQueue[int]) -> None:
    global _DONE
    _DONE = done


def _work(order: _Order, indices: list[int], worker: int) -> None:
    """Write a share of the patients; runs in a process of its own, on one core."""
    with CorpusWriter(order.root, name=order.name, worker=worker, licence=LICENCE, virtual=True) as writer:
        _write(order, indices, writer, _DONE.put if _DONE else lambda count: None)
