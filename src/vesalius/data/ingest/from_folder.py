"""The plan for a folder: pictures and volumes are a study each, DICOM files are grouped by their tags.

Patients of DICOM files get pseudonyms, made from PatientID and its issuer by a one-way hash, and studies and
series are named by a hash of their UIDs, so that records, reports and messages hold no name or number of a
patient. This is no de-identification: the copied files keep their headers.

Files of a series that form a volume are one record, of kind "volume", with the id ``<series>``. Others stay a row
of images, one record a file; their ids, ``<series>/<instance>``, sort by series and slice, and position and
orientation are in the records. Segmentations, structure sets and structured reports become regions, measurements,
findings and texts of the study whose images they refer to; other objects that are no images are listed as such.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from vesalius.data.ingest.columns import Columns, Sex, modality_code, read_age, read_laterality, read_sex
from vesalius.data.ingest.dicom_objects import object_in, with_objects
from vesalius.data.ingest.plan import ImagePlan, ObjectPlan, Plan, StudyPlan, short_names
from vesalius.data.ingest.report import REPORT_FILE, Problem
from vesalius.data.ingest.table import TABLE_SUFFIXES
from vesalius.data.ordered import Backend, ordered_map
from vesalius.data.readers import sniff
from vesalius.data.readers.dicom_slices import Slice, slices_of
from vesalius.data.readers.dicom_stacks import arrange
from vesalius.data.readers.dicom_tags import has, number, text
from vesalius.data.readers.quiet import quiet
from vesalius.data.records import Laterality, Provenance, Study, Text
from vesalius.errors import ConfigError, DataError

__all__ = ["Over", "plan_folder"]

_NO_IMAGES = {
    ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".html", ".htm", ".pdf", ".yaml",
    ".yml", ".py", ".ipynb", ".log", ".parquet", ".docx", ".xlsx", ".sha256", ".md5", ".bval", ".bvec",
}  # fmt: skip
_PLAIN_TAGS = (
    "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber", "SOPInstanceUID", "PatientAge", "PatientSex",
    "ImageLaterality", "Laterality",
)  # fmt: skip
_SPELT_TAGS = ("PatientID", "IssuerOfPatientID")
"""Tags in the character set of the file."""
_PLACES = ("ImagePositionPatient", "PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
"""Where a file states the place of its frames."""
_HEADERS_PER_WORKER = 1000
"""A worker process takes half a second to start; for fewer headers it is not worth it."""
_HEADERS_STAY = "DICOM files keep their headers, with all that they say of the patient"
_TABLES = "tables in the folder were not read; where one describes the pictures, name it"
_VOLUME = "volumes were made of DICOM series"
_NO_VOLUME = ("slices are missing", "uneven spacing", "incomplete frames", "several images at one position")
_MEANINGS = ("patient", "study", "split", "age", "sex", "view", "modality", "body_part", "site")


class _Header(NamedTuple):
    """What grouping needs of a DICOM file, without names."""

    path: Path
    item: str
    patient: str
    study: str
    series: str
    instance: int
    sop: str
    series_uid: str
    age: float | None
    sex: Sex
    laterality: Laterality
    slices: tuple[Slice, ...]
    """One for a file of one frame with a place in the patient; a file of several is an image or volume by itself."""


class Over(NamedTuple):
    """What work goes over: at most so many processes (None for one a core), of a kind or of the fitting one."""

    workers: int | None
    backend: Backend | None


def plan_folder(folder: Path, columns: Columns, *, provenance: Provenance, over: Over) -> Plan:
    """Walk a folder and group what is found; a text file beside a picture of the same stem is its report.

    Args:
        folder: of the files.
        columns: what is stated for all files.
        provenance: of the studies.
        over: what headers of DICOM files are read over.

    Raises:
        ConfigError: a column is named, which a folder has not.
        DataError: the folder holds no file that could be an image.
    """
    named = [f"--{meaning.replace('_', '-')} {name}" for meaning, name in columns.names()]
    if named:
        raise ConfigError(f"{folder}: a folder has no columns ({', '.join(named)}); give a table, or =VALUE")
    plan = Plan()
    pictures: dict[str, Path] = {}
    dicom: list[tuple[Path, str]] = []
    for item in _files(folder):
        path = folder / item
        if path.suffix.lower() in _NO_IMAGES or path.name == "LICENSE":
            plan.ignored[path.suffix.lower() or path.name] += 1
            continue
        try:
            if sniff(path) == "dicom":
                dicom.append((path, item))
            else:
                pictures[item] = path
        except DataError as error:
            plan.problems.append(Problem(item, _short(error, path)))
    found = list(_headers(dicom, over))
    plan.problems += [one for one in found if isinstance(one, Problem)]
    plan.problems.sort()
    _note_tables(folder, plan)
    plan.studies += _pictures(pictures, columns, provenance)
    headers = [one for one in found if isinstance(one, _Header)]
    objects = [one for one in found if isinstance(one, ObjectPlan)]
    plan.studies += with_objects(_dicom(headers, columns, plan, provenance), objects, plan)
    return plan


def _files(folder: Path) -> list[str]:
    """Return all files that are not hidden, relative to the folder, in an order that is not the file system's."""
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(place).relative_to(folder).as_posix()
        shown = [name for name in files if not name.startswith(".") and name != REPORT_FILE]
        found += [name if below == "." else f"{below}/{name}" for name in shown]
    return sorted(item for item in found if (folder / item).is_file())


def _headers(files: Sequence[tuple[Path, str]], over: Over) -> Iterator[_Header | ObjectPlan | Problem]:
    """Read the headers of DICOM files, in their order, in several processes where there are many."""
    workers = max(1, min(over.workers or os.cpu_count() or 1, len(files) // _HEADERS_PER_WORKER))
    fitting: Backend = "processes" if workers > 1 else "local"
    backend: Backend = fitting if over.backend is None or over.backend == "processes" else over.backend
    return ordered_map(_header_or_problem, files, backend=backend, workers=workers)


def _header_or_problem(file: tuple[Path, str]) -> _Header | ObjectPlan | Problem:
    path, item = file
    try:
        return _header(path, item)
    except DataError as error:
        return Problem(item, _short(error, path))


def _note_tables(folder: Path, plan: Plan) -> None:
    """Say that a table at the top of the folder, which is not read, may be what describes the pictures."""
    tables = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in TABLE_SUFFIXES)
    tables = [name for name in tables if name != REPORT_FILE]
    if tables:
        plan.notes[f"{_TABLES}: vesalius ingest {folder.name}/{tables[0]} --image COLUMN"] += len(tables)


def _pictures(pictures: Mapping[str, Path], columns: Columns, provenance: Provenance) -> list[StudyPlan]:
    names = short_names(pictures)
    stated = {meaning: columns.value({}, meaning) for meaning in _MEANINGS}
    studies = []
    for item, path in pictures.items():
        beside = path.with_suffix(".txt")
        text = beside.read_text(encoding="utf-8", errors="replace").strip() if beside.is_file() else ""
        studies.append(
            StudyPlan(
                study=Study(
                    id=names[item],
                    patient=stated["patient"] or f"unknown-{names[item]}",
                    texts=(Text(text=text, language=columns.language),) if text else (),
                    age_years=read_age(stated["age"]),
                    sex=read_sex(stated["sex"]),
                    site=stated["site"],
                    provenance=provenance,
                ),
                images=(
                    ImagePlan(
                        path=path,
                        item=item,
                        id="image",
                        modality=modality_code(stated["modality"]),
                        view=stated["view"],
                        body_part=stated["body_part"],
                    ),
                ),
                split=stated["split"],
            )
        )
    return studies


def _header(path: Path, item: str) -> _Header | ObjectPlan:
    """Read the tags that group a file; no patient's name is read."""
    from vesalius.data.readers.dicom import guarded, open_dataset

    dataset = open_dataset(path, pixels=False)
    with quiet(), guarded(str(path)):
        uid = text(dataset, "SOPClassUID") or text(dataset.file_meta, "MediaStorageSOPClassUID")
        values = {keyword: text(dataset, keyword) for keyword in _PLAIN_TAGS}
        values |= {keyword: str(dataset.get(keyword, "") or "").strip() for keyword in _SPELT_TAGS}
        patient, study = _names(values, item)
        if found := object_in(path, item, dataset, uid, study):
            return found
        # What has no place in the patient, such as a radiograph, is never a slice: nothing is held for it.
        single = (number(dataset, "NumberOfFrames") or 1) == 1 and any(has(dataset, tag) for tag in _PLACES)
        described = slices_of(path, dataset) if single else []
        slices = tuple(one for one in described if one.geometry is not None)
    tag = values.__getitem__
    return _Header(
        path=path,
        item=item,
        patient=patient,
        study=study,
        series=_digest(tag("SeriesInstanceUID"))[:6],
        instance=int(tag("InstanceNumber")) if tag("InstanceNumber").isdigit() else 0,
        sop=tag("SOPInstanceUID"),
        series_uid=tag("SeriesInstanceUID"),
        age=read_age(tag("PatientAge")),
        sex=read_sex(tag("PatientSex")),
        laterality=read_laterality(tag("ImageLaterality") or tag("Laterality")),
        slices=slices,
    )


def _names(values: Mapping[str, str], item: str) -> tuple[str, str]:
    """Return the pseudonym of the patient and the id of the study."""
    study, number, issuer = values["StudyInstanceUID"], values["PatientID"], values["IssuerOfPatientID"]
    # Without a number the study is all that is known to be of one patient, and without that the file.
    patient = f"{issuer}\0{number}" if number else f"\0\0{study or item}"
    return f"patient-{_digest(patient)}", f"study-{_digest(patient, study or item)}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()[:12]


def _dicom(headers: Sequence[_Header], columns: Columns, plan: Plan, provenance: Provenance) -> list[StudyPlan]:
    groups: dict[str, list[_Header]] = {}
    for header in sorted(headers, key=lambda header: (header.series, header.instance, header.item)):
        groups.setdefault(header.study, []).append(header)
    if headers:
        plan.notes[_HEADERS_STAY] += len(headers)
    return [_dicom_study(name, groups[name], columns, plan, provenance) for name in sorted(groups)]


def _dicom_study(
    name: str, group: Sequence[_Header], columns: Columns, plan: Plan, provenance: Provenance
) -> StudyPlan:
    study = Study(
        id=name,
        patient=columns.value({}, "patient") or group[0].patient,
        age_years=next((header.age for header in group if header.age is not None), None),
        sex=next((header.sex for header in group if header.sex), ""),
        site=columns.value({}, "site"),
        provenance=provenance,
    )
    instances: dict[str, list[_Header]] = {}
    for header in group:
        instances.setdefault(header.sop or header.item, []).append(header)
    images = [
        ImagePlan(
            copies=tuple((copy.path, copy.item) for copy in copies),
            path=header.path,
            item=header.item,
            id=f"{header.series}/{header.instance:04d}",
            modality=modality_code(columns.value({}, "modality")),
            view=columns.value({}, "view"),
            body_part=columns.value({}, "body_part"),
            laterality=header.laterality,
            sop=header.sop,
            series_uid=header.series_uid,
        )
        for header, *copies in instances.values()
    ]
    images = _with_volumes(group, _distinct(images), plan)
    return StudyPlan(study=study, images=tuple(images), split=columns.value({}, "split"))


def _with_volumes(group: Sequence[_Header], images: Sequence[ImagePlan], plan: Plan) -> list[ImagePlan]:
    """Put the slices of each volume into one image, in the place of its first, and count what forms none."""
    of_path = {image.path: image for image in images}
    found = arrange([one for header in group if header.path in of_path for one in header.slices])
    volume_of: dict[Path, ImagePlan] = {}
    for stack in found.stacks:
        slices = tuple(of_path[path] for path in stack.paths)
        first = slices[0]
        item = f"{first.item} and {len(slices) - 1} more"
        volume = replace(first, id=stack.name, item=item, slices=slices, copies=())
        volume_of.update(dict.fromkeys(stack.paths, volume))
        plan.notes[_VOLUME] += 1
    for rest in found.rest:
        if rest.kind in _NO_VOLUME:
            plan.notes[f"DICOM series with images that stay single: {rest.kind}"] += 1
    chosen = {id(found): found for image in images for found in [volume_of.get(image.path, image)]}
    return list(chosen.values())


def _distinct(images: Sequence[ImagePlan]) -> list[ImagePlan]:
    """Number images whose series repeats an instance number."""
    seen: dict[str, int] = {}
    result = []
    for image in images:
        seen[image.id] = seen.get(image.id, 0) + 1
        result.append(image if seen[image.id] == 1 else replace(image, id=f"{image.id}-{seen[image.id]}"))
    return result


def _short(error: DataError, path: Path) -> str:
    """Drop the path from the front of a message whose item names it already."""
    return str(error).removeprefix(f"{path}: ")
