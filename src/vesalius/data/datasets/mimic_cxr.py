"""MIMIC-CXR: 377 110 radiographs of 227 835 studies as DICOM, with their reports.

A study is one examination; its report stands as a whole and cut into its sections by `vesalius.data.sections`, or as
``mimic_cxr_sectioned.csv`` cuts it where that file of the official splitter lies in the root. The role of a text says
which part it is: "findings" and "impression" are there only under their headings, and where a report has neither, a
"note" holds its last paragraph. Reports are read as files beside their study's folder, from the folder
``mimic-cxr-reports``, or out of ``mimic-cxr-reports.zip``.

The official split is a table of MIMIC-CXR-JPG; where it lies in the root ("mimic-cxr-2.0.0-split.csv.gz") it is used,
"validate" being called "val" here. Priors are by StudyDate and StudyTime of the headers, shifted for each patient.
"""

from __future__ import annotations

import re
import textwrap
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from vesalius.data.corpus import Corpus
from vesalius.data.datasets import _mimic
from vesalius.data.datasets._dicom import header, image_of, write_dicom
from vesalius.data.datasets._mimic import Visit, folder_of, in_time
from vesalius.data.datasets._pictures import Case, Gaps, cases, pixels_of
from vesalius.data.datasets._tables import Aligned, Line, Lookup, find, groups, read_rows, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Image, Provenance, Study, Text, TextRole
from vesalius.data.sections import Parts, report_texts
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "read", "write"]

ABOUT = About(
    title="MIMIC-CXR", slug="mimic_cxr", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/mimic-cxr/",
)  # fmt: skip
TWIN = Twin(preset="chest-two-views", settings=("follow_up.share=0.25",), image_size=64)

_RECORDS, _STUDIES = "cxr-record-list.csv.gz", "cxr-study-list.csv.gz"
_ZIP, _SECTIONED = "mimic-cxr-reports.zip", "mimic_cxr_sectioned.csv"
_ROLES: tuple[TextRole, ...] = ("findings", "impression")
_CAPITALS = re.compile(r"\b([A-Z][A-Z &/-]+):")
_MAX_REPORT_BYTES = 2**20
"""A report has some kilobytes."""


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies in the order of the study list; splits "train", "val" and "test", or "" without the table."""
    require_files(root, [name for name in (_RECORDS, _STUDIES) if find(root, name) is None], ABOUT)
    records, studies = find(root, _RECORDS), find(root, _STUDIES)
    assert records is not None
    assert studies is not None
    images = Aligned(records, ("study_id", "dicom_id", "path"), key="subject_id")
    table = find(root, _mimic.SPLIT_FILE)
    splits = Aligned(table, _mimic.SPLIT_COLUMNS, key="subject_id") if table else None
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    with _Reports(root, gaps) as reports:
        for subject, lines in groups(
            read_rows(studies, ("subject_id", "study_id", "path")), lambda line: line.cells["subject_id"]
        ):
            pictures = images.take(subject)
            part_of = {line.cells["study_id"]: line.cells["split"] for line in splits.take(subject)} if splits else {}
            visits = [
                _visit(root, line, pictures, texts=reports.of(line), split=part_of.get(line.cells["study_id"], ""),
                       gaps=gaps, origin=origin)
                for line in lines
            ]  # fmt: skip
            yield from in_time(visits)
    gaps.tell()


def _visit(
    root: Path, line: Line, pictures: Sequence[Line], *, texts: tuple[Text, ...], split: str, gaps: Gaps,
    origin: Provenance,
) -> Visit:  # fmt: skip
    images: list[Image] = []
    moments: list[datetime] = []
    for picture in pictures:
        if picture.cells["study_id"] == line.cells["study_id"]:
            opened = image_of(root / picture.cells["path"], picture.cells["dicom_id"], gaps)
            if opened:
                images.append(opened[0])
                moments += [opened[1].moment] if opened[1].moment else []
    study = _study(line.cells["subject_id"], line.cells["study_id"], images, texts, origin)
    if split not in {"", *_mimic.SPLITS}:
        raise DataError(f"{root}: split {split!r} of study {study.id}, expected one of {', '.join(_mimic.SPLITS)}")
    return Visit(study, min(moments, default=None), _mimic.SPLITS.get(split, ""))


def _study(subject: str, study: str, images: Sequence[Image], texts: tuple[Text, ...], origin: Provenance) -> Study:
    return Study(id=f"s{study}", patient=f"p{subject}", images=tuple(images), texts=texts, provenance=origin)


class _Reports:
    """Reports of a release, wherever they lie."""

    def __init__(self, root: Path, gaps: Gaps) -> None:
        self._root, self._gaps = root, gaps
        packed = root / _ZIP
        self._zip = _open_zip(packed) if packed.exists() else None
        sectioned = root / _SECTIONED
        self._sectioned = Lookup(_sections(sectioned)) if sectioned.exists() else None

    def __enter__(self) -> _Reports:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip:
            self._zip.close()

    def of(self, line: Line) -> tuple[Text, ...]:
        """Return the texts of the study in a line of the study list."""
        report = self._report(line.cells["path"])
        cut = self._sectioned.take(f"s{line.cells['study_id']}") if self._sectioned else None
        found = None
        if cut is not None:
            found = Parts(**{
                name: " ".join(cut.get(name, "").split())
                for name in ("findings", "impression", "comparison", "last_paragraph")
            })  # fmt: skip
        return report_texts(report, found=found)

    def _report(self, name: str) -> str:
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise DataError(f"{self._root / _STUDIES}: the path {name!r} leaves the release")
        for path in (self._root / name, self._root / "mimic-cxr-reports" / name):
            if path.is_file():
                _check_length(path, path.stat().st_size)
                return path.read_text(encoding="utf-8", errors="replace")
        if self._zip and name in self._zip.NameToInfo:
            _check_length(self._root / _ZIP / name, self._zip.getinfo(name).file_size)
            try:
                return self._zip.read(name).decode("utf-8", errors="replace")
            except (zipfile.BadZipFile, EOFError, OSError) as error:
                raise DataError(f"{self._root / _ZIP}: {name} is broken: {error}; download it again") from None
        self._gaps.note(self._root / name, "no report")
        return ""


def _sections(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    for line in read_rows(path, ("study", "impression", "findings")):
        yield line.cells["study"], line.cells


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} is no ZIP archive: {error}; download it again") from None


def _check_length(path: Path, length: int) -> None:
    if length > _MAX_REPORT_BYTES:
        raise DataError(f"{path} has {length} bytes, more than a report has ({_MAX_REPORT_BYTES})")


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write DICOM files, reports and lists.

    There are reports without a findings heading, empty, with a wet read before the final report and without any
    heading, a study of three pictures, one of a side view alone, and one MONOCHROME1 file.
    """
    records: list[tuple[str, ...]] = []
    studies: list[tuple[str, ...]] = []
    splits: list[tuple[str, ...]] = []
    visits: dict[str, list[Visit]] = {}
    origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
    for case in cases(corpus):
        subject, study = _mimic.virtual_subject(case.patient), _mimic.virtual_study(case.number)
        folder = folder_of(subject, study)
        images = _write_images(corpus, case, root, folder, study)
        report, found = _report_of(case)
        path = root / f"{folder}.txt"
        path.write_text(report, encoding="utf-8")
        records += [(subject, study, image.id, f"{folder}/{image.id}.dcm") for image in images]
        studies.append((subject, study, f"{folder}.txt"))
        word = next(word for word, ours in _mimic.SPLITS.items() if ours == case.split)
        splits += [(image.id, study, subject, word) for image in images]
        day, time = _mimic.virtual_moment(case.day, case.number)
        made = _study(subject, study, images, report_texts(report, found=found), origin)
        visits.setdefault(subject, []).append(Visit(made, _mimic.moment_of(day, time), case.split))
    write_rows(root / _RECORDS, ("subject_id", "study_id", "dicom_id", "path"), records)
    write_rows(root / _STUDIES, ("subject_id", "study_id", "path"), studies)
    write_rows(root / _mimic.SPLIT_FILE.replace("2.*", "2.0.0"), _mimic.SPLIT_COLUMNS, splits)
    return [sample for group in visits.values() for sample in in_time(group)]


def _write_images(corpus: Corpus, case: Case, root: Path, folder: str, study: str) -> list[Image]:
    views = list(case.study.images)
    if case.number % 5 == 1:
        views.append(views[0])
    if case.number % 7 == 4:
        views = views[1:]
    made = []
    day, time = _mimic.virtual_moment(case.day, case.number)
    for number, image in enumerate(views):
        name = _mimic.virtual_dicom(study, number)
        path = root / folder / f"{name}.dcm"
        write_dicom(
            path, pixels_of(corpus, image.path), inverted=case.number == 2 and number == 0,
            tags={"ViewPosition": image.view, "StudyDate": day, "StudyTime": time.zfill(len("000000.000")),
                  "ImagerPixelSpacing": [f"{step:.4f}" for step in image.spacing_mm]},
        )  # fmt: skip
        spacing = header(path).spacing_mm
        made.append(
            Image(id=name, path=str(path), modality="DX", shape=image.shape, spacing_mm=spacing, units="stored",
                  view=image.view, body_part="CHEST")
        )  # fmt: skip
    return made


def _report_of(case: Case) -> tuple[str, Parts]:
    """Return a report in one of the forms of the release, and its parts."""
    findings, impression = (_plain(case.study.text(role)) for role in _ROLES)
    indication, comparison = "___ year old patient with cough // question pneumonia", "___."
    head = " " * 33 + "FINAL REPORT\n EXAMINATION:  CHEST (PA AND LAT)\n \n"
    asked = f" INDICATION:  {indication}\n \n COMPARISON:  {comparison}\n \n"
    seen, concluded = f" FINDINGS: \n \n{_wrapped(findings)}\n \n", f" IMPRESSION: \n \n{_wrapped(impression)}\n"
    common = {"indication": indication, "comparison": comparison}
    form = case.number % 6
    if form == 1:
        wet = f" WET READ: ___ ___ 9:20 PM\n  No change since ___.\n{' ' * 33}______\n"
        return wet + head + asked + seen + concluded, Parts(findings=findings, impression=impression, **common)
    if form == 2:
        free = f" CHEST RADIOGRAPH:  \n \n{_wrapped(findings)}\n \n"
        return head + asked + free + concluded, Parts(impression=impression, **common)
    if form == 3:
        return " " * 33 + "FINAL REPORT\n", Parts()
    if form == 4:
        body = f" HISTORY:  {indication}\n \n{_wrapped(findings)}\n"
        return head + body, Parts(indication=indication, last_paragraph=findings)
    return head + asked + seen + concluded, Parts(findings=findings, impression=impression, **common)


def _plain(text: str) -> str:
    """Return a text on one line; headings inside it in capitals would be sections of their own."""
    return _CAPITALS.sub(lambda found: f"{found[1].capitalize()}:", " ".join(text.split()))


def _wrapped(text: str) -> str:
    lines = textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f" {line}" for line in lines)
