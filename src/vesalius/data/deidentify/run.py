"""A whole tree: every file classed, treated or left out, in parallel; then the second scan and the audit."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

from vesalius import __version__
from vesalius.data.deidentify.audit import REPORT_FILE, REPORT_PAGE, Audit
from vesalius.data.deidentify.corpora import deidentify_corpus
from vesalius.data.deidentify.files import Source, classed, treat_file
from vesalius.data.deidentify.journal import Entry, Journal
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.originals import originals_of_dicom, originals_of_table, without_makers
from vesalius.data.deidentify.private import check_safe_private
from vesalius.data.deidentify.rescan import Leftover, scan
from vesalius.data.deidentify.review import REVIEW_PAGE, write_review
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.tables import TableColumns
from vesalius.data.disk import replacing
from vesalius.errors import ConfigError, DataError

__all__ = ["deidentify"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
_SETTINGS = "deidentify-settings.json"
_BOXES = 64
"""Of one image are told to the page of what needs a look."""
_FILES_PER_WORKER = 32
"""For fewer files a worker process is not worth its start."""


@dataclass(frozen=True)
class _Order:
    """What a worker needs."""

    source: Source
    out: Path
    options: Options
    secret: Secret
    columns: TableColumns = field(default_factory=TableColumns)


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
    root = Path(out)
    if (Path(source) / "corpus.json").is_file():
        if columns.named():
            raise ConfigError(f"{source} is a corpus, whose records have no columns; leave the names of columns out")
        _source(Path(source), root, mapping)
        return deidentify_corpus(
            Path(source), out=root, secret=secret, options=options, mapping=mapping, progress=progress
        )
    tree = _source(Path(source), root, mapping)
    _claim(root, options, columns, secret)
    order = _Order(tree, root, options, secret, columns)
    entries, resumed = _all_treated(order, workers=workers, progress=progress)
    audit = _audited(order, entries, resumed=resumed, progress=progress)
    audit.write(root)
    write_review(root, audit.review)
    if mapping is not None:
        _write_mapping(mapping, entries)
    return audit


def _all_treated(
    order: _Order, *, workers: int | None, progress: Progress | None
) -> tuple[list[tuple[str, Entry]], int]:  # fmt: skip
    """Treat what the journal does not tell of; return path and entry of every file, and how many were done before."""
    journal = Journal(order.out, order.secret)
    paths = list(order.source.files())
    done = {entry.source for entry in journal.entries()}
    left = [relative for relative in paths if journal.key(relative) not in done]
    with (progress or _silent)("de-identify", len(paths)) as advance:
        advance(len(paths) - len(left))
        for entry in _results(order, left, workers):
            journal.add(entry)
            advance(1)
    found = {entry.source: entry for entry in journal.entries()}
    entries = [(relative, found[journal.key(relative)]) for relative in paths if journal.key(relative) in found]
    return entries, len(paths) - len(left)


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
    """Note a digest of the settings in a new folder, or check that an earlier run had the same."""
    settings = json.dumps([asdict(options), asdict(columns), __version__], sort_keys=True)
    mark = secret.digest("settings", settings).hex()
    path = root / _SETTINGS
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")).get("settings") != mark:
            raise DataError(
                f"{root} was begun with other options, another version or another secret; choose a new folder"
            )
        return
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root} is not empty and was not made by deidentify; choose a new folder for --out")
    with replacing(path, scratch=root) as file:
        file.write(json.dumps({"settings": mark}).encode())


def _results(order: _Order, left: list[str], workers: int | None) -> Iterator[Entry]:
    count = workers or max(1, min(os.cpu_count() or 1, len(left) // _FILES_PER_WORKER))
    if count == 1:
        yield from (_entry(order, relative) for relative in left)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_start, initargs=(order,)) as pool:
        yield from pool.map(_work, left, chunksize=4)


_ORDER: list[_Order] = []


def _start(order: _Order) -> None:
    _ORDER[:] = [order]


def _work(relative: str) -> Entry:
    return _entry(_ORDER[0], relative)


def _entry(order: _Order, relative: str) -> Entry:
    """Treat one file and write its copy; a fault becomes the reason why there is none."""
    key = Journal(order.out, order.secret).key(relative)
    path = order.source.root / relative
    kind = classed(path)
    try:
        made = treat_file(
            order.source, relative, kind=kind, options=order.options, secret=order.secret, columns=order.columns
        )
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
        review=made.look.review, masked=[list(box) for box in made.look.masked[:_BOXES]],
        doubtful=[list(box) for box in made.look.doubtful[:_BOXES]],
    )  # fmt: skip


def _without_names(reason: str, path: Path) -> str:
    """Take the file's and its folders' names out of a message; they may be the patient's."""
    for part in sorted({*path.parts, path.stem}, key=len, reverse=True):
        reason = reason.replace(part, "…") if len(part) > 3 else reason
    return reason


def _audited(order: _Order, entries: list[tuple[str, Entry]], *, resumed: int, progress: Progress | None) -> Audit:
    words: set[tuple[str, str]] = set()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    outputs: list[str] = []
    with (progress or _silent)("second scan", len(entries)) as advance:
        for relative, entry in entries:
            path = order.source.root / relative
            if entry.kind == "dicom":
                words |= originals_of_dicom(path, order.options)
            elif entry.kind == "table":
                words |= originals_of_table(path, order.columns, order.options)
            counts[entry.kind].update(entry.counts)
            outputs += [entry.output] if entry.output else []
            advance(1)
    words = without_makers(words)
    return Audit(
        options=order.options,
        written=Counter(entry.kind for _, entry in entries if entry.output),
        counts=dict(counts),
        left_out=[(relative, entry.reason) for relative, entry in entries if not entry.output and not entry.held],
        held=[(relative, entry.reason) for relative, entry in entries if entry.held],
        leftovers=[*scan(order.out, words, order.options, paths=outputs), *_strangers(order.out, outputs)],
        searched=len({value for _, value in words}),
        review=[entry for _, entry in entries if entry.review],
        resumed=resumed,
        version=__version__,
    )


def _strangers(root: Path, outputs: list[str]) -> Iterator[Leftover]:
    """Yield files in the output that no entry of the journal accounts for."""
    known = {*outputs, _SETTINGS, "deidentify-journal.jsonl", REPORT_FILE, REPORT_PAGE, REVIEW_PAGE}
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
