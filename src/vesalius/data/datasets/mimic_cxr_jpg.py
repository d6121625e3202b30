"""MIMIC-CXR-JPG: the radiographs of MIMIC-CXR as 8-bit JPEG, with labels of two labellers and the official split.

Labels are of a study; they come of two labellers that disagree, and of radiologists for the 687 labelled test studies
of version 2.1.0. All are kept and `Finding.source` names whose they are: take one with
`vesalius.data.chexpert_labels.said_by` before computing targets. What a table leaves empty is not mentioned and gives
no finding. "validate" is called "val" here. Reports are no part of this project; where those of MIMIC-CXR lie beside
the folders of the studies, they are read too.

`read_r2gen` reads ``annotation.json``, the form of report papers: one picture and the findings section, cleaned.

The JPEG files were equalised by histogram: their grey values are not those of a DICOM file shown by its window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from vesalius.data.chexpert_labels import LABELS, findings_of_row
from vesalius.data.corpus import Corpus
from vesalius.data.datasets import _mimic
from vesalius.data.datasets._mimic import Visit, folder_of, in_time
from vesalius.data.datasets._pictures import Case, Gaps, cases, pixels_of, write_picture
from vesalius.data.datasets._tables import (
    Aligned,
    Line,
    find,
    form,
    groups,
    number,
    read_json,
    read_rows,
    write_lines,
    write_rows,
)  # fmt: skip
from vesalius.data.datasets._twin_labels import labelled
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Finding, Image, Provenance, Study, Text
from vesalius.data.sections import report_texts
from vesalius.errors import DataError

__all__ = ["ABOUT", "LABELLERS", "READERS", "TWIN", "read", "read_r2gen", "write"]

ABOUT = About(
    title="MIMIC-CXR-JPG", slug="mimic_cxr_jpg", licence="PhysioNet Credentialed Health Data License 1.5.0",
    access="It is credentialed: finish the training, sign the data use agreement and download it from PhysioNet",
    home="https://physionet.org/content/mimic-cxr-jpg/",
)  # fmt: skip
TWIN = Twin(preset="chest-two-views", settings=("follow_up.share=0.25",), image_size=64)

LABELLERS = {"chexpert": "CheXpert labeller", "negbio": "NegBio labeller"}
"""Tables of labels and the source of their findings."""
READERS = "radiologists"
"""Source of the hand-made labels of test studies."""
_METADATA, _LABELLED = "mimic-cxr-2.*-metadata.csv.gz", "mimic-cxr-2.*-test-set-labeled.csv"
_METADATA_COLUMNS = (
    "dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns",
    "StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning", "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)  # fmt: skip
_NEEDED = ("dicom_id", "study_id", "ViewPosition", "Rows", "Columns", "StudyDate", "StudyTime")
_ALPHABETICAL = sorted(LABELS)
_R2GEN = "annotation.json"
_MAX_REPORT_BYTES = 2**20
_UNLABELLED = 3
"""Study of a twin that the tables of labels lack."""

_Labels = Mapping[str, tuple[Finding, ...]]


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies in the order of the metadata; splits "train", "val" and "test"."""
    labels = {name: f"mimic-cxr-2.*-{name}.csv.gz" for name in LABELLERS}
    wanted = [_METADATA, _mimic.SPLIT_FILE, *labels.values()]
    lacking = [name.replace("2.*", "2.0.0") for name in wanted if find(root, name) is None]
    require_files(root, lacking, ABOUT)
    metadata = _path(root, _METADATA)
    splits = Aligned(_path(root, _mimic.SPLIT_FILE), _mimic.SPLIT_COLUMNS, key="subject_id")
    tables = {
        LABELLERS[name]: Aligned(_path(root, file), ("study_id", *_ALPHABETICAL), key="subject_id")
        for name, file in labels.items()
    }
    by_hand = _by_hand(root)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for subject, lines in groups(
        read_rows(metadata, ("subject_id", *_NEEDED)), lambda line: line.cells["subject_id"]
    ):
        part_of = {line.cells["study_id"]: line.cells["split"] for line in splits.take(subject)}
        found = _labels({source: table.take(subject) for source, table in tables.items()}, root)
        visits = []
        for study, rows in groups(sorted(lines, key=lambda line: line.cells["study_id"]),
                                  lambda line: line.cells["study_id"]):  # fmt: skip
            findings = (*found.get(study, ()), *by_hand.get(study, ()))
            visits.append(_visit(root, rows, findings, part_of.get(study, ""), gaps=gaps, origin=origin))
        yield from in_time(visits)
    gaps.tell()


def read_r2gen(root: Path) -> Iterator[Sample]:
    """Yield the entries of ``annotation.json``, one picture each; splits "train", "val" and "test"."""
    require_files(root, [_R2GEN], ABOUT)
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for split, entries in read_json(root / _R2GEN, dict).items():
        for place, entry in enumerate(entries):
            with form(f"{root / _R2GEN}, {split}[{place}]"):
                images = [image for name in entry["image_path"] for image in _r2gen_image(root, name, gaps)]
                texts = (Text(text=entry["report"], role="findings"),) if entry["report"].strip() else ()
                study = Study(
                    id=f"s{entry['study_id']}/{entry['id']}", patient=f"p{entry['subject_id']}",
                    images=tuple(images), texts=texts, provenance=origin,
                )  # fmt: skip
            yield Sample(study, split)
    gaps.tell()


def _r2gen_image(root: Path, name: str, gaps: Gaps) -> list[Image]:
    if ".." in PurePosixPath(name).parts or name.startswith("/"):
        raise DataError(f"the path {name!r} leaves the release")
    places = [root / folder / name for folder in ("files", "images", "")]
    path = next((path for path in places if path.is_file()), places[0])
    found = gaps.head(path)
    return [_image(path, found.shape, "")] if found else []


def _path(root: Path, name: str) -> Path:
    path = find(root, name)
    assert path is not None
    return path


def _labels(tables: Mapping[str, Sequence[Line]], root: Path) -> _Labels:
    found: dict[str, tuple[Finding, ...]] = {}
    for source, lines in tables.items():
        for line in lines:
            where = f"{root}, table of the {source}, line {line.number}"
            study = line.cells["study_id"]
            found[study] = (*found.get(study, ()), *findings_of_row(line.cells, source=source, where=where))
    return found


def _by_hand(root: Path) -> _Labels:
    """Return the hand-made labels by study; there are 687, so that they are held."""
    path = find(root, _LABELLED)
    if path is None:
        return {}
    return {
        line.cells["study_id"]: findings_of_row(line.cells, source=READERS, where=f"{path}, line {line.number}")
        for line in read_rows(path, ("study_id",))
    }


def _visit(
    root: Path, rows: Sequence[Line], findings: tuple[Finding, ...], split: str, *, gaps: Gaps, origin: Provenance
) -> Visit:
    cells = rows[0].cells
    subject, study = cells["subject_id"], cells["study_id"]
    folder = folder_of(subject, study)
    images = []
    for row in rows:
        path = root / folder / f"{row.cells['dicom_id']}.jpg"
        where = f"{root}, metadata, line {row.number}"
        shape = int(number(row.cells, "Rows", where)), int(number(row.cells, "Columns", where))
        if path.is_file():
            images.append(_image(path, shape, row.cells["ViewPosition"]))
        else:
            gaps.note(path, "missing")
    if split not in {"", *_mimic.SPLITS}:
        raise DataError(f"{root}: split {split!r} of study s{study}, expected one of {', '.join(_mimic.SPLITS)}")
    made = _study(subject, study, images, findings, _report(root / f"{folder}.txt"), origin)
    return Visit(made, _mimic.moment_of(cells["StudyDate"], cells["StudyTime"]), _mimic.SPLITS.get(split, ""))


def _report(path: Path) -> tuple[Text, ...]:
    if not path.is_file():
        return ()
    if path.stat().st_size > _MAX_REPORT_BYTES:
        raise DataError(f"{path} has {path.stat().st_size} bytes, more than a report has ({_MAX_REPORT_BYTES})")
    return report_texts(path.read_text(encoding="utf-8", errors="replace"))


def _image(path: Path, shape: tuple[int, int], view: str) -> Image:
    return Image(
        id=path.stem, path=str(path), modality="DX", shape=shape, units="display", view=view, body_part="CHEST"
    )


def _study(
    subject: str, study: str, images: Sequence[Image], findings: tuple[Finding, ...], texts: tuple[Text, ...],
    origin: Provenance,
) -> Study:  # fmt: skip
    return Study(
        id=f"s{study}", patient=f"p{subject}", images=tuple(images), findings=findings, texts=texts,
        provenance=origin,
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write pictures and tables; one study has no labels, one picture no view, and every code occurs."""
    tables: dict[str, list[tuple[str, ...]]] = {name: [] for name in ("metadata", "split", "labeled", *LABELLERS)}
    visits: dict[str, list[Visit]] = {}
    names: list[str] = []
    for case in cases(corpus):
        subject, study = _mimic.virtual_subject(case.patient), _mimic.virtual_study(case.number)
        day, time = _mimic.virtual_moment(case.day, case.number)
        images = _write_images(corpus, case, root, study)
        names += [Path(image.path).relative_to(root).as_posix() for image in images]
        for image in images:
            tables["metadata"].append(_metadata_row(image, subject, study, day, time))
            word = next(word for word, ours in _mimic.SPLITS.items() if ours == case.split)
            tables["split"].append((image.id, study, subject, word))
        findings = _write_labels(case, subject, study, tables)
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        made = _study(subject, study, images, findings, (), origin)
        visits.setdefault(subject, []).append(Visit(made, _mimic.moment_of(day, time), case.split))
    write_rows(root / _METADATA.replace("2.*", "2.0.0"), _METADATA_COLUMNS, tables["metadata"])
    write_rows(root / _mimic.SPLIT_FILE.replace("2.*", "2.0.0"), _mimic.SPLIT_COLUMNS, tables["split"])
    for name in LABELLERS:
        file = root / f"mimic-cxr-2.0.0-{name}.csv.gz"
        write_rows(file, ("subject_id", "study_id", *_ALPHABETICAL), tables[name])
    write_rows(root / _LABELLED.replace("2.*", "2.1.0"), ("study_id", *_by_hand_columns()), tables["labeled"])
    write_lines(root / "IMAGE_FILENAMES", names)
    return [sample for group in visits.values() for sample in in_time(group)]


def _by_hand_columns() -> list[str]:
    return ["Airspace Opacity" if name == "Lung Opacity" else name for name in _ALPHABETICAL]


def _write_images(corpus: Corpus, case: Case, root: Path, study: str) -> list[Image]:
    made = []
    for place, image in enumerate(case.study.images):
        name = _mimic.virtual_dicom(study, place)
        path = root / folder_of(_mimic.virtual_subject(case.patient), study) / f"{name}.jpg"
        write_picture(path, pixels_of(corpus, image.path))
        view = "" if case.number == 1 and place == 0 else image.view
        made.append(_image(path, (image.shape[0], image.shape[1]), view))
    return made


def _metadata_row(image: Image, subject: str, study: str, day: str, time: str) -> tuple[str, ...]:
    rows, columns = map(str, image.shape)
    meaning = {"PA": "postero-anterior", "AP": "antero-posterior", "LL": "left lateral"}.get(image.view, "")
    return (
        image.id, subject, study, "CHEST (PA AND LAT)", image.view, rows, columns, day, time, "CHEST (PA AND LAT)",
        meaning, "Erect",
    )  # fmt: skip


def _write_labels(
    case: Case, subject: str, study: str, tables: Mapping[str, list[tuple[str, ...]]]
) -> tuple[Finding, ...]:
    """Add a row to the tables of labels and return the findings that they state."""
    findings: list[Finding] = []
    for shift, (name, source) in enumerate(LABELLERS.items()):
        if case.number != _UNLABELLED:
            codes = labelled(case, _ALPHABETICAL, shift=shift)
            tables[name].append((subject, study, *codes.values()))
            findings += findings_of_row(codes, source=source, where=name)
    if case.split == "test":
        codes = labelled(case, _ALPHABETICAL, silent=False)
        tables["labeled"].append((study, *(code.removesuffix(".0") for code in codes.values())))
        findings += findings_of_row(codes, source=READERS, where="labeled")
    return tuple(findings)
