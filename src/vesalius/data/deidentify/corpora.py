"""A corpus without what identifies: records, texts and media treated, written as a corpus of its own."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from vesalius import __version__
from vesalius.data.corpus import Corpus
from vesalius.data.deidentify.audit import Audit
from vesalius.data.deidentify.bytesearch import WordSearch
from vesalius.data.deidentify.dataset import scrubber_of
from vesalius.data.deidentify.dicom_file import treat_dicom
from vesalius.data.deidentify.files import Made, Source, classed, treat_file
from vesalius.data.deidentify.identity import known_of
from vesalius.data.deidentify.journal import Entry
from vesalius.data.deidentify.options import Options
from vesalius.data.deidentify.originals import originals_of_dicom, telling_number, without_makers
from vesalius.data.deidentify.rescan import Leftover, scan
from vesalius.data.deidentify.review import write_review
from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.tables import TableColumns
from vesalius.data.deidentify.text import Known
from vesalius.data.media import inside
from vesalius.data.readers.dicom import open_dataset
from vesalius.data.records import Dialogue, Prior, Provenance, Study, Turn
from vesalius.data.splits import read_split, split_key
from vesalius.data.writer import CorpusWriter
from vesalius.errors import DataError

__all__ = ["deidentify_corpus"]

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
_OLDEST = 90.0
"""Years; told of everybody above 89 (45 CFR 164.514)."""


@dataclass
class _Work:
    """One run: where from, where to, and what has been done."""

    corpus: Corpus
    writer: CorpusWriter
    options: Options
    secret: Secret
    new_id: dict[str, str] = field(default_factory=dict)
    """Of every study that was written, by its old id."""
    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    words: set[tuple[str, str]] = field(default_factory=set)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    held: list[tuple[str, str]] = field(default_factory=list)
    review: dict[str, Entry] = field(default_factory=dict)

    def study_id(self, old: str) -> str:
        return self.secret.pseudonym("study", old, prefix="S")


class _HeldError(Exception):
    """The policy for pixels leaves a study out."""


def deidentify_corpus(
    source: Path, *, out: Path, secret: Secret, options: Options, mapping: Path | None = None,
    progress: Progress | None = None,
) -> Audit:  # fmt: skip
    """Write a corpus whose studies tell nobody's name, with its splits, and scan it.

    A study of which one file cannot be treated is left out whole. Ids of studies, images and patients become
    pseudonyms, a patient the same one that DICOM files of that number get.

    Raises:
        DataError: the output folder is not empty, or no study is left.
    """
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty; a corpus is de-identified into a new folder")
    corpus = Corpus.open(source)
    facts = corpus.manifest
    with (
        CorpusWriter(out, name=corpus.name, licence=facts.licence, virtual=facts.virtual) as writer,
        (progress or _silent)("de-identify", len(corpus)) as advance,
    ):
        work = _Work(corpus, writer, options, secret)
        for study in corpus:
            _treat(work, study)
            advance(1)
        if not work.new_id:
            reasons = Counter(reason for _, reason in [*work.left_out, *work.held])
            raise DataError(f"no study of {source} could be treated: {dict(reasons.most_common(3))}")
    _keep_splits(work, out)
    audit = _audited(work, out)
    audit.write(out)
    write_review(out, audit.review)
    if mapping is not None:
        _write_mapping(mapping, work.new_id)
    return audit


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda count: None)


def _treat(work: _Work, study: Study) -> None:
    """Write one study, or note why it is left out; nothing of it is written then but files that no record names."""
    try:
        known = _known_of(work, study)
        paths = {image.path: _medium(work, image.path, known) for image in study.images}
        masks = {region.mask: _mask(work, region.mask, known) for region in study.regions if region.mask}
        new = _record(work, study, known, {**paths, **masks})
        work.writer.add(new)
    except _HeldError as held:
        work.held.append((study.id, str(held)))
    except DataError as error:
        reason = str(error).replace(str(work.corpus.root), "").replace(study.id, "…").replace(study.patient, "…")
        work.left_out.append((study.id, reason.lstrip(": ")))
    else:
        work.new_id[study.id] = new.id


def _files_of(work: _Work, path: str) -> list[Path]:
    """Return the files of an image: one, or those of its folder in order."""
    whole = inside(work.corpus.root, path)
    return sorted(file for file in whole.rglob("*") if file.is_file()) if whole.is_dir() else [whole]


def _known_of(work: _Work, study: Study) -> Known:
    """Gather what the records and the tags of the media tell of a person, and remember it for the second scan."""
    persons: dict[str, None] = {}
    numbers = dict.fromkeys(value for value in (study.patient, study.id) if telling_number(value))
    places = dict.fromkeys([study.site] if study.site and not work.options.institution else [])
    work.words |= {("number", value) for value in numbers} | {("place", value) for value in places if len(value) > 3}
    for path in {image.path for image in study.images}:
        files = _files_of(work, path)
        if files and files[0].is_file() and classed(files[0]) == "dicom":
            found = known_of(open_dataset(files[0], pixels=False))
            persons |= dict.fromkeys(found.persons)
            numbers |= dict.fromkeys(found.numbers)
            places |= dict.fromkeys(found.places)
            for file in files:
                work.words |= originals_of_dicom(file, work.options)
    return Known(persons=tuple(persons), numbers=tuple(numbers), places=tuple(places))


def _medium(work: _Work, path: str, known: Known) -> str:
    """Write the copy of an image, a file or a folder of files, and return its path in the new corpus."""
    files = _files_of(work, path)
    if not inside(work.corpus.root, path).is_dir():
        return _store(work, files[0], known)
    folder = f"media/{work.secret.digest('folder', path).hex()[:32]}"
    for number, file in enumerate(files):
        made = _made(work, file, known, work.options)
        name = f"{folder}/{number:06d}{file.suffix.lower() if made.suffix else '.dcm'}"
        work.writer.place(made.data, name=name)
        _note(work, name, file, made)
    return folder


def _store(work: _Work, file: Path, known: Known) -> str:
    made = _made(work, file, known, work.options)
    path = work.writer.store(made.data, suffix=made.suffix or ".dcm")
    _note(work, path, file, made)
    return path


def _mask(work: _Work, path: str, known: Known) -> str:
    """Write the copy of a mask, whose pixels are not looked at: they are regions that somebody drew."""
    file = inside(work.corpus.root, path)
    made = _made(work, file, known, replace(work.options, pixels="keep", border=0.0))
    return work.writer.store(made.data, suffix=made.suffix or ".dcm")


def _made(work: _Work, file: Path, known: Known, options: Options) -> Made:
    kind = classed(file)
    if kind in ("table", "text", "other"):
        raise DataError(f"{file.suffix or 'a file'}: not DICOM, PNG, JPEG, TIFF or NIfTI")
    if kind == "dicom":
        treated, data = treat_dicom(file, options=options, secret=work.secret, known=known)
        made = Made(data, treated.counts, treated.held, look=treated.look)
    else:
        made = treat_file(
            Source(file.parent, only=file.name), file.name, kind=kind, options=options, secret=work.secret,
            columns=TableColumns(),
        )  # fmt: skip
    if made.held:
        raise _HeldError(made.held)
    work.counts[kind].update(made.counts)
    return made


def _note(work: _Work, path: str, file: Path, made: Made) -> None:
    if made.look.review:
        boxes = ([list(box) for box in group[:64]] for group in (made.look.masked, made.look.doubtful))
        masked, doubtful = boxes
        work.review[path] = Entry(
            "", classed(file), output=path, review=made.look.review, masked=masked, doubtful=doubtful
        )


def _record(work: _Work, study: Study, known: Known, paths: dict[str, str]) -> Study:
    """Return the record of a study under its pseudonyms, every text of it scrubbed."""
    key = f"id {study.patient.strip().casefold()}"
    clean = _cleaner(work, key, known)
    name = {image.id: f"image-{number}" for number, image in enumerate(study.images)} | {"": ""}

    def named(images: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name[image] for image in images)

    site = study.site
    return replace(
        study,
        id=work.study_id(study.id),
        patient=work.secret.pseudonym("patient", key, prefix="P"),
        site=site if not site or work.options.institution else work.secret.pseudonym("site", site, prefix="H"),
        age_years=None if study.age_years is None else min(study.age_years, _OLDEST),
        images=tuple(replace(image, id=name[image.id], path=paths[image.path], sha256="") for image in study.images),
        texts=tuple(replace(text, text=clean(text.text), images=named(text.images)) for text in study.texts),
        findings=tuple(replace(finding, source=clean(finding.source)) for finding in study.findings),
        regions=tuple(
            replace(region, image=name[region.image], mask=paths.get(region.mask, "")) for region in study.regions
        ),
        measurements=tuple(
            replace(item, image=name.get(item.image, ""), source=clean(item.source)) for item in study.measurements
        ),
        events=tuple(
            replace(event, image=name[event.image], label=clean(event.label), source=clean(event.source))
            for event in study.events
        ),
        dialogues=tuple(_dialogue(dialogue, work, clean, named) for dialogue in study.dialogues),
        priors=tuple(
            Prior(study=work.study_id(prior.study), days_before=prior.days_before) for prior in study.priors
        ),
        provenance=Provenance(
            source=clean(study.provenance.source),
            licence=study.provenance.licence,
            made_by=f"vesalius {__version__} deidentify",
            virtual=study.provenance.virtual,
        ),
    )


def _cleaner(work: _Work, patient: str, known: Known) -> Callable[[str], str]:
    """Return what scrubs the texts of one study and counts what it takes."""
    days = work.secret.shift_days(patient, whole_weeks=work.options.keep_weekdays)
    scrubber = scrubber_of(work.options, work.secret, days)

    def clean(text: str) -> str:
        scrubbed = scrubber.scrub(text, known)
        work.counts["text"].update({f"text {kind}": count for kind, count in scrubbed.counts.items()})
        return scrubbed.text

    return clean


def _dialogue(
    dialogue: Dialogue, work: _Work, clean: Callable[[str], str], named: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> Dialogue:
    turns = tuple(Turn(role=turn.role, text=clean(turn.text), images=named(turn.images)) for turn in dialogue.turns)
    return replace(
        dialogue, id=work.secret.pseudonym("dialogue", dialogue.id, prefix="Q"), turns=turns,
        answer=clean(dialogue.answer), options=tuple(map(clean, dialogue.options)),
        rationale=clean(dialogue.rationale),
        source=clean(dialogue.source),
    )  # fmt: skip


def _keep_splits(work: _Work, out: Path) -> None:
    """Store every split of the source for the studies that were written."""
    patient_of = dict(zip(work.corpus.ids, work.corpus.patients, strict=True))
    for scheme, summary in work.corpus.manifest.splits.items():
        table = read_split(work.corpus.root, scheme)
        part_of = dict(zip(table[split_key(table)].to_pylist(), table["split"].to_pylist(), strict=True))
        by_study = split_key(table) == "study_id"
        chosen = {new: part_of.get(old if by_study else patient_of[old]) for old, new in work.new_id.items()}
        Corpus.open(out).set_split(
            {study: part for study, part in chosen.items() if part is not None}, scheme=scheme,
            shared=bool(summary.shared_patients),
        )  # fmt: skip


def _audited(work: _Work, out: Path) -> Audit:
    words = without_makers(work.words)
    files = sorted(file.relative_to(out).as_posix() for file in (out / "media").rglob("*") if file.is_file())
    return Audit(
        options=work.options,
        written=Counter({"study": len(work.new_id), "file": len(files)}),
        counts=dict(work.counts),
        left_out=work.left_out,
        held=work.held,
        leftovers=[*scan(out, words, work.options, paths=files), *_in_records(out, words)],
        review=list(work.review.values()),
        searched=len({value for _, value in words}),
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
