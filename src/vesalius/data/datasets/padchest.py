"""PadChest: 160 861 chest radiographs of about 67 600 patients with Spanish reports and labels with places.

A study (StudyID) holds its pictures; labels are of a picture's report and are stated once a study. Lists stand in
the table as Python writes them and are read by a parser of their own, never evaluated; labels come with stray spaces
and apostrophes, which are dropped. A list names what is present and nothing else: what it does not name is not
stated. "exclude", "suboptimal study" and "unchanged" are labels, too; a row without labels is not normal and states
nothing.

Reports are Spanish, in lower case and without accents. Pictures are 16-bit PNG with 10 to 14 used bits, some
inverted: their values are "stored" and no part of the full range, so that shown from 0 to 65 535 they are black.
Those that are missing or cut off (at least 21) are left out. There is no official split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from vesalius.data.corpus import Corpus
from vesalius.data.datasets._dicom import sex_of
from vesalius.data.datasets._pictures import Case, Gaps, cases, is_lateral, pixels_of, write_picture
from vesalius.data.datasets._tables import Line, find, read_rows, write_rows
from vesalius.data.datasets.base import About, Sample, Twin, provenance, require_files
from vesalius.data.records import Finding, Image, Laterality, Provenance, Study, Text
from vesalius.errors import DataError

__all__ = ["ABOUT", "TWIN", "python_list", "read", "write"]

ABOUT = About(
    title="PadChest", slug="padchest", licence="PadChest Dataset Research Use Agreement",
    access="It needs registration: accept the research use agreement of BIMCV and download it",
    home="https://bimcv.cipf.es/bimcv-projects/padchest/",
)  # fmt: skip
TWIN = Twin(preset="chest-two-views", settings=("follow_up.share=0.25",), image_size=64)

_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
_HEADER = (
    "", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM",
    "ViewPosition_DICOM", "Projection", "MethodProjection", "Pediatric", "Modality_DICOM", "Manufacturer_DICOM",
    "PhotometricInterpretation_DICOM", "PixelRepresentation_DICOM", "PixelAspectRatio_DICOM",
    "SpatialResolution_DICOM", "BitsStored_DICOM", "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM",
    "Columns_DICOM", "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime",
    "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels", "Localizations",
    "LabelsLocalizationsBySentence", "labelCUIS", "LocalizationsCUIS",
)  # fmt: skip
_NEEDED = ("ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth", "PatientSex_DICOM",
           "Projection", "Report", "MethodLabel", "LabelsLocalizationsBySentence", "Labels")  # fmt: skip
_VIEWS = {"L": "LATERAL", "AP_horizontal": "AP"}
"""Projections that have another name here; the others keep theirs."""
_TOKEN = re.compile(r"""\s*(?:(?P<open>\[)|(?P<close>\])|(?P<comma>,)|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[^\[\],'"\s]+))""")  # fmt: skip  # noqa: E501
_DEPTH = 4
"""Lists of the table are nested twice at most."""
_SIDES: Mapping[str, Laterality] = {"loc left": "left", "loc right": "right", "loc bilateral": "bilateral"}


def python_list(text: str) -> list[object]:
    """Read a list as Python prints it, nested too, or as NumPy prints an array, without commas.

    Nothing is evaluated: it holds texts and lists of them. Texts lose surrounding space and apostrophes.

    Raises:
        DataError: no list, or one that does not end.
    """
    stack: list[list[object]] = []
    place = 0
    text = text.strip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or (not stack and not token["open"]) or len(stack) > _DEPTH:
            break
        place = token.end()
        if token["open"]:
            stack.append([])
        elif token["close"]:
            done = stack.pop()
            if not stack:
                if place == len(text):
                    return done
                break
            stack[-1].append(done)
        elif token["text"] or token["word"]:
            stack[-1].append((token["text"] or token["word"]).strip("'\" "))
    raise DataError(f"{text[:60]!r} at character {place}: expected a list such as ['normal']")


def read(root: Path) -> Iterator[Sample]:
    """Yield the studies in the order of the table's first picture of each; none has a split."""
    require_files(root, [] if find(root, _TABLE) else [_TABLE], ABOUT)
    table = find(root, _TABLE)
    assert table is not None
    gaps, origin = Gaps(root, ABOUT.title), provenance(root, ABOUT)
    for rows in _studies(table):
        yield Sample(_study(root, table, rows, gaps, origin), "")
    gaps.tell()


def _studies(table: Path) -> Iterator[list[Line]]:
    """Yield the rows of each study: those that stand apart are found in a first pass over the ids."""
    last: dict[str, int] = {}
    for line in read_rows(table, _NEEDED):
        last[line.cells["StudyID"]] = line.number
    waiting: dict[str, list[Line]] = {}
    for line in read_rows(table, _NEEDED):
        name = line.cells["StudyID"]
        waiting.setdefault(name, []).append(line)
        if last[name] == line.number:
            yield waiting.pop(name)


def _study(root: Path, table: Path, rows: Sequence[Line], gaps: Gaps, origin: Provenance) -> Study:
    images: list[Image] = []
    for row in rows:
        cells = row.cells
        path = root / "images" / cells["ImageDir"] / cells["ImageID"]
        path = path if path.is_file() else root / cells["ImageDir"] / cells["ImageID"]
        if found := gaps.head(path):
            images.append(_image(path, found.shape, cells["Projection"]))
    cells = rows[0].cells
    findings = tuple(
        dict.fromkeys(part for row in rows for part in _findings(row.cells, f"{table}, line {row.number}"))
    )
    reports = dict.fromkeys(row.cells["Report"] for row in rows if row.cells["Report"])
    return Study(
        id=cells["StudyID"], patient=cells["PatientID"], images=tuple(images), findings=findings,
        texts=tuple(Text(text=report, role="report", language="es") for report in reports),
        age_years=_age(cells["StudyDate_DICOM"], cells["PatientBirth"]), sex=sex_of(cells["PatientSex_DICOM"]),
        provenance=origin,
    )  # fmt: skip


def _image(path: Path, shape: tuple[int, int], projection: str) -> Image:
    return Image(
        id=path.stem, path=str(path), modality="DX", shape=shape, units="stored",
        view=_VIEWS.get(projection, projection), body_part="CHEST",
    )  # fmt: skip


def _age(day: str, birth: str) -> float | None:
    """Years between two stated years: the table gives no more."""
    year, born = day[:4], birth.removesuffix(".0")
    if not (year.isdecimal() and born.isdecimal()):
        return None
    years = int(year) - int(born)
    return float(years) if 0 <= years <= 130 else None


def _findings(cells: Mapping[str, str], where: str) -> Iterator[Finding]:
    """Yield what the sentences of a report say: a label, and the places that follow it in its sentence."""
    source = "physician" if cells["MethodLabel"] == "Physician" else "recurrent network"
    try:
        sentences = python_list(cells["LabelsLocalizationsBySentence"] or "[]")
        labels = [label for label in python_list(cells["Labels"] or "[]") if isinstance(label, str) and label]
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    stated = set()
    for sentence in sentences:
        words = [word for word in sentence if isinstance(word, str) and word] if isinstance(sentence, list) else []
        places = tuple(word for word in words if word.startswith("loc "))
        for label in words:
            if not label.startswith("loc "):
                stated.add(label)
                yield _finding(label, places, source)
    for label in labels:
        if label not in stated and not label.startswith("loc "):
            yield _finding(label, (), source)


def _finding(label: str, places: tuple[str, ...], source: str) -> Finding:
    concept = "no_finding" if label == "normal" else re.sub(r"[\W_]+", "_", label.casefold()).strip("_")
    others = [place.removeprefix("loc ") for place in places if place not in _SIDES]
    return Finding(
        concept=concept, anatomy=", ".join(others), source=source,
        laterality=next((_SIDES[place] for place in places if place in _SIDES), ""),
    )  # fmt: skip


def write(corpus: Corpus, root: Path) -> list[Sample]:
    """Write 16-bit pictures of 12 used bits and the table: no labels, "exclude", a child, a file cut off or missing.

    Its reports are the names of the labels and no Spanish.
    """
    rows: list[tuple[object, ...]] = []
    made = []
    for case in cases(corpus):
        cells = _cells(case)
        images = []
        for place, image in enumerate(case.study.images):
            path = root / "images" / str(case.number % 3) / f"9{case.number:06d}_{place}_hash.png"
            write_picture(path, pixels_of(corpus, image.path).astype(np.uint16) * 16)
            projection = "L" if is_lateral(image) else image.view
            rows.append(_row(len(rows), path, projection, cells))
            if (case.number, place) == (1, 1):
                path.unlink()
            elif (case.number, place) == (2, 1):
                path.write_bytes(path.read_bytes()[:-40])
            else:
                images.append(_image(path, (image.shape[0], image.shape[1]), projection))
        origin = Provenance(source=ABOUT.title, licence=ABOUT.licence, virtual=True)
        made.append(Sample(_made(case, cells, images, origin), ""))
    write_rows(root / _TABLE, _HEADER, rows)
    return made


def _cells(case: Case) -> dict[str, str]:
    """Return the cells that a study's rows share; lists as Python prints them."""
    found = [part for part in case.study.findings if part.status == "present"]
    sentences: list[list[str]] = []
    for part in found:
        label = "normal" if part.concept == "no_finding" else part.concept.replace("_", " ")
        sentences.append([label, *([f"loc {part.laterality}"] if part.laterality in ("left", "right") else [])])
    if case.number == 3:
        sentences = []
    elif case.number == 4:
        sentences.append([" exclude"])
    labels = [label for sentence in sentences for label in sentence]
    year = 2180 + case.day // 365
    return {
        "StudyDate_DICOM": f"{year}0315", "StudyID": f"9{case.number:08d}", "PatientID": f"virtual{case.patient}",
        "PatientBirth": str(year - (9 if case.number == 5 else round(case.study.age_years or 0))),
        "PatientSex_DICOM": case.study.sex, "Pediatric": "PED" if case.number == 5 else "No",
        "Report": " . ".join(" ".join(sentence).strip() for sentence in sentences),
        "MethodLabel": "Physician" if case.patient % 3 else "RNN_model",
        "Labels": "" if case.number == 3 else str([label for label in labels if not label.startswith("loc ")]),
        "Localizations": str([label for label in labels if label.startswith("loc ")]),
        "LabelsLocalizationsBySentence": "" if case.number == 3 else str(sentences),
        "labelCUIS": "['C0000000' 'C0000001']", "LocalizationsCUIS": "[]",
    }  # fmt: skip


def _row(number: int, path: Path, projection: str, cells: Mapping[str, str]) -> tuple[object, ...]:
    known = {
        "": str(number), "ImageID": path.name, "ImageDir": path.parent.name, "Projection": projection,
        "MethodProjection": "Manual review of DICOM fields", "Modality_DICOM": "DX", "BitsStored_DICOM": "12",
        "PhotometricInterpretation_DICOM": "MONOCHROME2", "ReportID": cells["StudyID"], **cells,
    }  # fmt: skip
    return tuple(known.get(name, "") for name in _HEADER)


def _made(case: Case, cells: Mapping[str, str], images: Sequence[Image], origin: Provenance) -> Study:
    source = "physician" if cells["MethodLabel"] == "Physician" else "recurrent network"
    findings = []
    if case.number != 3:
        for part in case.study.findings:
            if part.status == "present":
                side: Laterality = part.laterality if part.laterality in ("left", "right") else ""
                findings.append(Finding(concept=part.concept, laterality=side, source=source))
    if case.number == 4:
        findings.append(Finding(concept="exclude", source=source))
    age = 9.0 if case.number == 5 else float(round(case.study.age_years or 0))
    return Study(
        id=cells["StudyID"], patient=cells["PatientID"], images=tuple(images),
        findings=tuple(dict.fromkeys(findings)),
        texts=(Text(text=cells["Report"], role="report", language="es"),) if cells["Report"] else (),
        age_years=age, sex=case.study.sex, provenance=origin,
    )  # fmt: skip
