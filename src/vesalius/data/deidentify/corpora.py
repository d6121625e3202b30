"""A corpus without what identifies: records, texts and media treated, written as a corpus of its own.

Studies are worked off by `data.parallel`: in one process or in several with one result, and a stopped run goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vesalius import __version__
from vesalius.data.corpus import Corpus
from vesalius.data.deidentify.audit import Audit
from vesalius.data.deidentify.bytesearch import WordSearch
from vesalius.data.deidentify.files import Source, classed, treat_file
from vesalius.data.deidentify.identity import devices_of, known_of
from vesalius.data.deidentify.journal import Entry, Journal
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.originals import originals_of_dicom, telling_number, without_makers
from vesalius.data.deidentify.rescan import Leftover, scan
from vesalius.data.deidentify.review import write_review
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.study_records import cleaner, record
from vesalius.data.deidentify.tables import TableColumns
from vesalius.data.deidentify.text import Known
from vesalius.data.media import inside
from vesalius.data.ordered import Backend, ordered_map
from vesalius.data.parallel import JOURNALS, Made, map_studies
from vesalius.data.readers.dicom import open_dataset
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Study
from vesalius.data.splits import read_split, split_key
from vesalius.errors import DataError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["deidentify_corpus"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
_PART = 16
"""Studies that are done again at most for each process of a stopped run."""
_SHORTEST_PLACE = 3
_STUDIES_PER_WORKER = 16
"""For fewer a worker process is not worth its start."""


class _HeldError(Exception):
    """The policy for pixels leaves a study out."""


def deidentify_corpus(
    source: Path, *, out: Path, secret: Secret, options: Options, mapping: Path | None = None,
    workers: int | None = None, progress: Progress | None = None,
) -> Audit:  # fmt: skip
    """Write a corpus whose studies tell nobody's name, with its splits, and scan it.

    A study of which one file cannot be treated is left out whole. Ids of studies, images and patients become
    pseudonyms, a patient the same one that DICOM files of that number get.

    Raises:
        DataError: the output folder holds something else, or no study is left.
    """
    if out.exists() and any(out.iterdir()) and not (out / JOURNALS).is_dir():
        raise DataError(f"{out} is not empty; a corpus is de-identified into a new folder")
    corpus, show = Corpus.open(source), progress or _silent
    count = workers or max(1, min(os.cpu_count() or 1, len(corpus) // _STUDIES_PER_WORKER))
    told, journal = _gathered(corpus, options, count, show), Journal(out, secret)
    resumed = sum(entry.kind == "study" for entry in journal.entries())
    with show("de-identify", len(corpus)) as advance:
        try:
            map_studies(
                corpus, _Step(options, secret, out, told.devices), out, backend=_backend(count), workers=count,
                parts=-(-len(corpus) // _PART), advance=advance,
            )  # fmt: skip
        except DataError:
            studies = [entry for entry in journal.entries() if entry.kind == "study"]
            if not studies or any(entry.output for entry in studies):
                raise
            reasons = dict(Counter(entry.reason for entry in studies).most_common(3))
            raise DataError(f"no study of {source} could be treated: {reasons}") from None
    run = _Run(corpus, out, options, told, {entry.source: entry for entry in journal.entries()}, journal)
    _keep_splits(run)
    with show("second scan", len(run.files)) as advance:
        audit = _audited(run, resumed=resumed, workers=count, advance=advance)
    audit.write(out)
    write_review(out, audit.review)
    if mapping is not None:
        _write_mapping(mapping, run.new_id)
    return audit


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def _backend(workers: int) -> Backend:
    return "processes" if workers > 1 else "local"


class _Told(NamedTuple):
    """What the source tells of people, for the second scan, and the serial numbers of its devices."""

    words: frozenset[tuple[str, str]]
    devices: tuple[str, ...]


def _gathered(corpus: Corpus, options: Options, workers: int, show: Progress) -> _Told:
    words: set[tuple[str, str]] = set()
    devices: dict[str, None] = {}
    with show("read headers", len(corpus)) as advance:
        rows = range(len(corpus))
        for told in ordered_map(partial(_told, corpus, options), rows, backend=_backend(workers), workers=workers):
            words |= told.words
            devices |= dict.fromkeys(told.devices)
            advance(1)
    return _Told(frozenset(without_makers(words)), tuple(devices))


def _told(corpus: Corpus, options: Options, row: int) -> _Told:
    """Read what the record and the tags of the media of one study tell."""
    study = corpus[row]
    words = _told_by_record(study, options)
    devices: dict[str, None] = {}
    for file in (file for path in {image.path for image in study.images} for file in _files_of(corpus, path)):
        if file.is_file() and classed(file) == "dicom":
            words |= originals_of_dicom(file, options)
            devices |= dict.fromkeys(() if options.device else devices_of(_header(file)))
    return _Told(frozenset(words), tuple(devices))


def _told_by_record(study: Study, options: Options) -> set[tuple[str, str]]:
    places = [study.site] if len(study.site) > _SHORTEST_PLACE and not options.institution else []
    numbers = [value for value in (study.patient, study.id) if telling_number(value)]
    return {("number", value) for value in numbers} | {("place", value) for value in places}


def _header(file: Path) -> Dataset:
    try:
        return open_dataset(file, pixels=False)
    except DataError:
        from pydicom import Dataset

        return Dataset()


def _files_of(corpus: Corpus, path: str) -> list[Path]:
    """Return the files of an image: one, or those of its folder in order."""
    whole = inside(corpus.root, path)
    return sorted(file for file in whole.rglob("*") if file.is_file()) if whole.is_dir() else [whole]


@dataclass(frozen=True)
class _Step:
    """What is done to one study; it notes in the journal what became of it and of its files."""

    options: Options
    secret: Secret
    out: Path
    devices: tuple[str, ...]

    def __repr__(self) -> str:
        """Return a digest, as this stands in the output folder."""
        settings = json.dumps([asdict(self.options), self.devices, __version__], sort_keys=True)
        return f"deidentify {self.secret.digest('settings', settings).hex()}"

    def __call__(self, study: Study, corpus: Corpus) -> Made | None:
        work = _Work(corpus, self.options, self.secret, Journal(self.out, self.secret))
        key = work.journal.key(f"study {study.id}")
        try:
            with quiet():
                made = work.made(study, self.devices)
        except _HeldError as held:
            work.journal.add(Entry(key, "study", reason=str(held), held=True))
            return None
        except DataError as error:
            work.journal.add(Entry(key, "study", reason=_anonymous(str(error), study, corpus)))
            return None
        for entry in work.entries:
            work.journal.add(entry)
        work.journal.add(Entry(key, "study", output=made.study.id, counts=dict(work.texts)))
        return made


def _anonymous(reason: str, study: Study, corpus: Corpus) -> str:
    """Take the names of folders, the study and the patient out of a message."""
    for value in (str(corpus.root), study.id, study.patient):
        reason = reason.replace(value, "…" if value != str(corpus.root) else "")
    return reason.lstrip(": ")


@dataclass
class _Work:
    """The work on one study."""

    corpus: Corpus
    options: Options
    secret: Secret
    journal: Journal
    media: dict[str, bytes] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    """Of its files."""
    texts: Counter[str] = field(default_factory=Counter)

    def made(self, study: Study, devices: tuple[str, ...]) -> Made:
        """Return the new study with its files.

        Raises:
            DataError: a file cannot be treated.
            _HeldError: the policy for pixels leaves it out.
        """
        known = self._known_of(study).with_more(Known(numbers=devices))
        paths = {image.path: self._image(image.path, known) for image in study.images}
        drawn = replace(self.options, pixels="keep", border=0.0)  # masks are regions that somebody drew
        for path in sorted({region.mask for region in study.regions} - {""}):
            paths[path] = self._file(inside(self.corpus.root, path), path, known, options=drawn)
        clean = cleaner(study, known, self.texts, options=self.options, secret=self.secret)
        return Made(record(study, paths, clean=clean, options=self.options, secret=self.secret), self.media)

    def _known_of(self, study: Study) -> Known:
        """Gather what the record and the tags of the media tell of a person."""
        known = Known(
            numbers=tuple(value for value in (study.patient, study.id) if telling_number(value)),
            places=(study.site,) if study.site and not self.options.institution else (),
        )
        for path in dict.fromkeys(image.path for image in study.images):
            first = next(iter(_files_of(self.corpus, path)), None)
            if first is not None and first.is_file() and classed(first) == "dicom":
                known = known.with_more(known_of(open_dataset(first, pixels=False)))
        return known

    def _image(self, path: str, known: Known) -> str:
        """Treat an image, a file or a folder of files, and return its path in the new corpus."""
        files = _files_of(self.corpus, path)
        if not inside(self.corpus.root, path).is_dir():
            return self._file(files[0], path, known, options=self.options)
        folder = f"media/{self.secret.digest('folder', path).hex()[:32]}"
        for number, file in enumerate(files):
            self._file(file, f"{path} {number}", known, options=self.options, stem=f"{folder}/{number:06d}")
        return folder

    def _file(self, file: Path, key: str, known: Known, *, options: Options, stem: str = "") -> str:
        """Treat a file; without a stem its copy is called by the hash of its content."""
        kind = classed(file)
        if kind in ("table", "text", "other"):
            raise DataError(f"{file.suffix or 'a file'}: not DICOM, PNG, JPEG, TIFF or NIfTI")
        made = treat_file(
            Source(file.parent, only=file.name), file.name, kind=kind, options=options, secret=self.secret,
            columns=TableColumns(), known=known,
        )  # fmt: skip
        if made.held:
            raise _HeldError(made.held)
        digest = hashlib.sha256(made.data).hexdigest()
        name = f"{stem or f'media/{digest[:2]}/{digest}'}{made.suffix or '.dcm'}"
        self.media[name] = made.data
        counts = {what: count for what, count in made.counts.items() if count}
        self.entries.append(Entry(self.journal.key(key), kind, output=name, counts=counts, **made.look.told()))
        return name


@dataclass
class _Run:
    """A finished run: what was done, and what the audit needs."""

    corpus: Corpus
    out: Path
    options: Options
    told: _Told
    done: dict[str, Entry]
    """By keyed hash of what they are about."""
    journal: Journal

    @cached_property
    def studies(self) -> dict[str, Entry]:
        """Return what became of every study, by its old id."""
        return {old: self.done[self.journal.key(f"study {old}")] for old in self.corpus.ids}

    @cached_property
    def new_id(self) -> dict[str, str]:
        """Return the new ids of all studies that were written, by the old ones."""
        return {old: entry.output for old, entry in self.studies.items() if entry.output}

    @cached_property
    def files(self) -> list[str]:
        """Return the paths of all media in the output."""
        return sorted(
            file.relative_to(self.out).as_posix() for file in (self.out / "media").rglob("*") if file.is_file()
        )


def _keep_splits(run: _Run) -> None:
    """Store every split of the source for the studies that were written."""
    patient_of = dict(zip(run.corpus.ids, run.corpus.patients, strict=True))
    for scheme, summary in run.corpus.manifest.splits.items():
        table = read_split(run.corpus.root, scheme)
        part_of = dict(zip(table[split_key(table)].to_pylist(), table["split"].to_pylist(), strict=True))
        by_study = split_key(table) == "study_id"
        chosen = {new: part_of.get(old if by_study else patient_of[old]) for old, new in run.new_id.items()}
        Corpus.open(run.out).set_split(
            {study: part for study, part in chosen.items() if part is not None}, scheme=scheme,
            shared=bool(summary.shared_patients),
        )  # fmt: skip


def _audited(run: _Run, *, resumed: int, workers: int, advance: Callable[[int], None]) -> Audit:
    words = set(run.told.words)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in run.done.values():
        counts["text" if entry.kind == "study" else entry.kind].update(entry.counts)
    left = [(old, entry) for old, entry in run.studies.items() if not entry.output]
    found = scan(run.out, words, run.options, paths=run.files, workers=workers, advance=advance)
    return Audit(
        options=run.options,
        written=Counter({"study": len(run.new_id), "file": len(run.files)}),
        counts=dict(counts),
        left_out=[(old, entry.reason) for old, entry in left if not entry.held],
        held=[(old, entry.reason) for old, entry in left if entry.held],
        leftovers=[*found, *_in_records(run.out, words)],
        review=[entry for entry in {entry.output: entry for entry in run.done.values()}.values() if entry.review],
        searched=len({value for _, value in words}),
        resumed=resumed,
        version=__version__,
    )


def _in_records(out: Path, words: set[tuple[str, str]]) -> Iterator[Leftover]:
    """Search the records as text, as the bytes of their files are compressed, and the names of the splits."""
    search = WordSearch(words)
    for study in Corpus.open(out):
        data = json.dumps(asdict(study), ensure_ascii=False, default=str).encode()
        yield from (Leftover(f"study {study.id}", kind) for kind, _ in search.kinds_in(data))
    manifest = (out / "corpus.json").read_bytes()
    yield from (Leftover("corpus.json", kind) for kind, _ in search.kinds_in(manifest))


def _write_mapping(path: Path, new_id: dict[str, str]) -> None:
    """Write old and new ids of studies for the keeper of the secret alone."""
    path.touch(mode=0o600)
    rows = [{"source": old, "output": new} for old, new in new_id.items()]
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
