"""A whole tree: every file classed, treated or left out, in parallel; then the second scan and the audit."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from vesalius import __version__
from vesalius.data.deidentify.audit import REPORT_FILE, REPORT_PAGE, Audit
from vesalius.data.deidentify.corpora import deidentify_corpus
from vesalius.data.deidentify.files import Source, treat_file
from vesalius.data.deidentify.gather import Gathered, gather
from vesalius.data.deidentify.journal import BOOKS, Entry, Journal, file_key
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.private import check_safe_private
from vesalius.data.deidentify.rescan import Leftover, scan
from vesalius.data.deidentify.review import REVIEW_PAGE, write_review
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.tables import TableColumns
from vesalius.data.deidentify.text import Known
from vesalius.data.disk import replacing
from vesalius.data.ordered import Backend, ordered_map
from vesalius.errors import ConfigError, DataError

__all__ = ["deidentify"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
_SETTINGS = "deidentify-settings.json"
_FILES_PER_WORKER = 32
"""For fewer files a worker process is not worth its start."""


@dataclass(frozen=True)
class _Order:
    """What a worker needs."""

    source: Source
    out: Path
    options: Options
    secret: Secret
    columns: TableColumns
    names: Mapping[str, str] = field(default_factory=dict)
    """Of copies whose instance UID others have too, by path of the source."""


@dataclass(frozen=True)
class _Run:
    """An order, the files that it is about, and how it is worked off."""

    order: _Order
    paths: list[str]
    workers: int
    progress: Progress

    @property
    def backend(self) -> Backend:
        return "processes" if self.workers > 1 else "local"


def deidentify(
    source: str | Path, *, out: str | Path, secret: Secret, options: Options | None = None,
    columns: TableColumns | None = None, mapping: Path | None = None, workers: int | None = None,
    progress: Progress | None = None,
) -> Audit:  # fmt: skip
    """Write de-identified copies of a file or of all files of a folder, and scan them.

    What cannot be treated is not copied. New names say nothing: DICOM files lie in a folder of the patient's
    pseudonym under their new instance UID, all others under a keyed hash. Run again on the same folder it goes on.

    Args:
        source: a file or a folder with DICOM, PNG, JPEG, TIFF, NIfTI, tables and texts in any mixture; or a corpus,
            which becomes a corpus.
        out: folder of the copies; new, or of an earlier run with the same settings.
        secret: decides all replacements.
        options: of the profile.
        columns: of the tables.
        mapping: file for pairs of old and new names; outside of `out`.
        workers: processes; chosen by the number of files where not given.
        progress: shows how far it is.

    Raises:
        DataError: no such source, or the output folder is in use or lies inside the source.
        ConfigError: an option contradicts another.
    """
    options, columns = options or Options(), columns or TableColumns()
    check_safe_private(options.safe_private)
    path, root = Path(source), Path(out)
    tree = _source(path, root, mapping)
    if (path / "corpus.json").is_file():
        if columns.named():
            raise ConfigError(f"{path} is a corpus, whose records have no columns; leave the names of columns out")
        return deidentify_corpus(
            path, out=root, secret=secret, options=options, mapping=mapping, workers=workers, progress=progress
        )
    _claim(root, options, columns, secret)
    paths = list(tree.files())
    order = _Order(tree, root, options, secret, columns)
    audit, entries = _run(_Run(order, paths, workers_for(len(paths), workers), progress or _silent))
    if mapping is not None:
        _write_mapping(mapping, entries)
    return audit


def _run(run: _Run) -> tuple[Audit, list[tuple[str, Entry]]]:
    """Read all headers, treat all files, scan the copies, write the reports; return path and entry of every file."""
    order = run.order
    with run.progress("read headers", len(run.paths)) as advance:
        told = gather(
            order.source, run.paths, options=order.options, columns=order.columns, secret=order.secret,
            workers=run.workers, advance=advance,
        )  # fmt: skip
    run = replace(run, order=replace(order, names=told.names))
    entries, resumed = _all_treated(run, told)
    audit = _audited(run, told, entries, resumed=resumed)
    audit.write(order.out)
    write_review(order.out, audit.review)
    return audit, entries


def workers_for(files: int, asked: int | None) -> int:
    """Return how many processes to use for so many files."""
    return asked or max(1, min(os.cpu_count() or 1, files // _FILES_PER_WORKER))


def _all_treated(run: _Run, told: Gathered) -> tuple[list[tuple[str, Entry]], int]:
    """Treat what the journal does not tell of; return path and entry of every file, and how many were done before."""
    journal = Journal(run.order.out, run.order.secret)
    done = {entry.source for entry in journal.entries()}
    left = [at for at, relative in enumerate(run.paths) if journal.key(relative) not in done]
    jobs = ((run.paths[at], told.kinds[at], told.known(told.patients[at])) for at in left)
    with run.progress("de-identify", len(run.paths)) as advance:
        advance(len(run.paths) - len(left))
        for _ in ordered_map(partial(_treat, run.order), jobs, backend=run.backend, workers=run.workers):
            advance(1)
    found = {entry.source: entry for entry in journal.entries()}
    entries = [(relative, found[journal.key(relative)]) for relative in run.paths]
    return entries, len(run.paths) - len(left)


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def _source(source: Path, root: Path, mapping: Path | None) -> Source:
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    base = source if source.is_dir() else source.parent
    if root.resolve().is_relative_to(base.resolve()) and source.is_dir():
        raise DataError(f"{root} would lie inside its source {source}; choose another --out")
    if mapping is not None and mapping.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"{mapping}: the mapping leads back to the people; keep it outside of {root}")
    return Source(base, only="" if source.is_dir() else source.name)


def _claim(root: Path, options: Options, columns: TableColumns, secret: Secret) -> None:
    """Note a digest of the settings in a new folder, or check an earlier run's and clear what it half wrote."""
    settings = json.dumps([asdict(options), asdict(columns), __version__], sort_keys=True)
    mark = secret.digest("settings", settings).hex()
    path = root / _SETTINGS
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")).get("settings") != mark:
            raise DataError(
                f"{root} was begun with other options, another version or another secret; choose a new folder"
            )
        for left in root.glob(".*.tmp"):
            left.unlink()
        return
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} is not empty and was not made by deidentify; choose a new folder for --out")
    with replacing(path, scratch=root) as file:
        file.write(json.dumps({"settings": mark}).encode())


def _treat(order: _Order, job: tuple[str, str, Known]) -> None:
    """Treat one file and note in the journal what became of it."""
    relative, kind, known = job
    Journal(order.out, order.secret).add(_entry(order, relative, kind, known))


def _entry(order: _Order, relative: str, kind: str, known: Known) -> Entry:
    """Treat one file and write its copy; a fault becomes the reason why there is none."""
    key = file_key(relative, order.secret)
    path = order.source.root / relative
    try:
        made = treat_file(
            order.source, relative, kind=kind, options=order.options, secret=order.secret, columns=order.columns,
            known=known, names=order.names,
        )  # fmt: skip
    except DataError as error:
        reason = str(error).replace(str(path), "").lstrip(": ")
        return Entry(key, kind, reason=_without_names(reason, path))
    if made.held:
        return Entry(key, kind, reason=made.held, held=True)
    name = made.name or f"{kind}/{key}{made.suffix}"
    with replacing(order.out / name, scratch=order.out, durable=False) as file:
        file.write(made.data)
    return Entry(
        key, kind, output=name, counts={what: count for what, count in made.counts.items() if count},
        **made.look.told(),
    )  # fmt: skip


def _without_names(reason: str, path: Path) -> str:
    """Take the file's and its folders' names out of a message; they may be the patient's."""
    for part in sorted({*path.parts, path.stem}, key=len, reverse=True):
        reason = reason.replace(part, "…") if len(part) > 3 else reason
    return reason


def _audited(run: _Run, told: Gathered, entries: list[tuple[str, Entry]], *, resumed: int) -> Audit:
    order = run.order
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for _, entry in entries:
        counts[entry.kind].update(entry.counts)
    outputs = list(dict.fromkeys(entry.output for _, entry in entries if entry.output))
    with run.progress("second scan", len(outputs)) as advance:
        leftovers = scan(
            order.out, told.words, order.options, paths=outputs, workers=run.workers, advance=advance
        )  # fmt: skip
    return Audit(
        options=order.options,
        written=Counter({entry.output: entry.kind for _, entry in entries if entry.output}.values()),
        counts=dict(counts),
        left_out=[(relative, entry.reason) for relative, entry in entries if not entry.output and not entry.held],
        held=[(relative, entry.reason) for relative, entry in entries if entry.held],
        leftovers=[*leftovers, *_strangers(order.out, outputs)],
        searched=len({value for _, value in told.words}),
        sharing=sorted({entry.output for path, entry in entries if entry.output and path in told.names}),
        repeated=sum(bool(entry.output) for _, entry in entries) - len(outputs),
        review=[entry for _, entry in entries if entry.review],
        resumed=resumed,
        version=__version__,
    )


def _strangers(root: Path, outputs: list[str]) -> Iterator[Leftover]:
    """Yield files in the output that no entry of the journal accounts for."""
    known = {*outputs, _SETTINGS, *BOOKS, REPORT_FILE, REPORT_PAGE, REVIEW_PAGE}
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root).as_posix()
        if path.is_file() and relative not in known:
            yield Leftover(f"file {len(relative)} characters long", "a file that this run did not write")


def _write_mapping(path: Path, entries: list[tuple[str, Entry]]) -> None:
    """Write old and new names for the keeper of the secret alone."""
    rows = [{"source": relative, "output": entry.output} for relative, entry in entries if entry.output]
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(rows, file, indent=1, ensure_ascii=False)
